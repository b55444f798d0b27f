<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** What came of asking for the refill of one order of many: either `refill` or `error` is null. */
final class RefillResult
{
    /**
     * @param string      $order  the order as it was asked for
     * @param string|null $refill the id of the refill
     * @param string|null $error  why there is none
     */
    public function __construct(
        public readonly string $order,
        public readonly ?string $refill,
        public readonly ?string $error,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            order: $fields->string('order'),
            refill: $fields->stringOrNull('refill'),
            error: $fields->stringOrNull('error'),
        );
    }
}
