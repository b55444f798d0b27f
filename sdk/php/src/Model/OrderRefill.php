<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A refill of an order. */
final class OrderRefill
{
    /**
     * @param string      $status `pending`, `in_progress`, `completed` or `rejected`
     * @param string|null $reason why it was rejected
     */
    public function __construct(
        public readonly string $id,
        public readonly string $status,
        public readonly ?string $reason = null,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('refill'),
            status: $fields->string('status'),
            reason: $fields->stringOrNull('reason'),
        );
    }
}
