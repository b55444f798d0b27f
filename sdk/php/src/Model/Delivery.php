<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** What was sent to a webhook, or will be. */
final class Delivery
{
    /**
     * @param string        $id       `dlv_` and 26 letters and digits
     * @param string        $event    the event's id
     * @param int           $sequence which event of its order it is, from 1; 0: of no order
     * @param string|null   $order    the order's id
     * @param string        $state    `pending`, `delivered` or `failed`
     * @param string        $request  the body as it was signed
     * @param list<Attempt> $attempts
     */
    public function __construct(
        public readonly string $id,
        public readonly string $event,
        public readonly string $type,
        public readonly int $sequence,
        public readonly ?string $order,
        public readonly string $state,
        public readonly \DateTimeImmutable $createdAt,
        public readonly ?\DateTimeImmutable $nextAttemptAt,
        public readonly string $request,
        public readonly array $attempts,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('delivery'),
            event: $fields->string('event'),
            type: $fields->string('type'),
            sequence: $fields->int('sequence'),
            order: $fields->stringOrNull('order'),
            state: $fields->string('state'),
            createdAt: $fields->time('created_at'),
            nextAttemptAt: $fields->timeOrNull('next_attempt_at'),
            request: $fields->string('request'),
            attempts: $fields->objects('attempts', Attempt::from(...)),
        );
    }
}
