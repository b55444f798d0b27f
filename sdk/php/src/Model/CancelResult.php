<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** What came of the wish to cancel one order of many. */
final class CancelResult
{
    /**
     * @param string      $order the order as it was asked for
     * @param string|null $error why it can't be canceled; null: the wish was taken
     */
    public function __construct(
        public readonly string $order,
        public readonly ?string $error,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            order: $fields->string('order'),
            error: $fields->stringOrNull('error'),
        );
    }
}
