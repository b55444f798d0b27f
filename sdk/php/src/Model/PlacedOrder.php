<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** An order that was placed and charged. */
final class PlacedOrder
{
    /**
     * @param string $id        `ord_` and 26 letters and digits
     * @param string $status    State::PENDING; a repeat gets the first answer again
     * @param string $charge    what was paid, a decimal
     * @param string $requestId what it was placed with
     */
    public function __construct(
        public readonly string $id,
        public readonly string $status,
        public readonly string $charge,
        public readonly string $currency,
        public readonly string $requestId,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields, string $requestId): self
    {
        return new self(
            id: $fields->string('order'),
            status: $fields->string('status'),
            charge: $fields->string('charge'),
            currency: $fields->string('currency'),
            requestId: $requestId,
        );
    }
}
