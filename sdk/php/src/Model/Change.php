<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A change of the catalogue. Rates here are list prices, for everybody the same. */
final class Change
{
    /**
     * @param int                $id          its number: later changes have greater ones
     * @param string             $field       `state`, `rate`, `min`, `announced_rate` and others
     * @param \DateTimeImmutable $effectiveAt later than `at` where a change is announced ahead
     */
    public function __construct(
        public readonly int $id,
        public readonly int $service,
        public readonly string $field,
        public readonly ?string $before,
        public readonly ?string $after,
        public readonly \DateTimeImmutable $at,
        public readonly \DateTimeImmutable $effectiveAt,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->int('change'),
            service: $fields->int('service'),
            field: $fields->string('field'),
            before: $fields->stringOrNull('before'),
            after: $fields->stringOrNull('after'),
            at: $fields->time('at'),
            effectiveAt: $fields->time('effective_at'),
        );
    }
}
