<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** The newest delivery to a webhook. */
final class LastDelivery
{
    /**
     * @param string $event the event's id
     * @param string $state `pending`, `delivered` or `failed`
     */
    public function __construct(
        public readonly string $id,
        public readonly string $event,
        public readonly string $type,
        public readonly string $state,
        public readonly \DateTimeImmutable $at,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('delivery'),
            event: $fields->string('event'),
            type: $fields->string('type'),
            state: $fields->string('state'),
            at: $fields->time('at'),
        );
    }
}
