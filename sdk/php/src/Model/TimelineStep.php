<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Something that happened to an order. */
final class TimelineStep
{
    /**
     * @param string      $status   one of State, or a word that is new
     * @param string      $refunded what this step gave back, a decimal
     * @param string|null $note     as in `cancel requested`
     */
    public function __construct(
        public readonly \DateTimeImmutable $at,
        public readonly string $status,
        public readonly ?int $startCount,
        public readonly ?int $remains,
        public readonly string $refunded,
        public readonly ?string $note = null,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            at: $fields->time('at'),
            status: $fields->string('status'),
            startCount: $fields->countOrNull('start_count'),
            remains: $fields->countOrNull('remains'),
            refunded: $fields->string('refunded'),
            note: $fields->stringOrNull('note'),
        );
    }
}
