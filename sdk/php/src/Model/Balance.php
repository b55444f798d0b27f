<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** What the key's wallet holds. */
final class Balance
{
    /**
     * @param string $balance a decimal
     */
    public function __construct(
        public readonly string $balance,
        public readonly string $currency,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            balance: $fields->string('balance'),
            currency: $fields->string('currency'),
        );
    }
}
