<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A registered address that deliveries go to. */
final class Webhook
{
    /**
     * @param string       $id     `whk_` and 26 letters and digits
     * @param list<string> $events types of events that it gets
     * @param string       $state  `active` or `disabled`
     * @param string|null  $reason why it is disabled: `failing`, `by its owner`, or a word that is new
     */
    public function __construct(
        public readonly string $id,
        public readonly string $url,
        public readonly array $events,
        public readonly string $state,
        public readonly ?string $reason,
        public readonly \DateTimeImmutable $createdAt,
        public readonly ?LastDelivery $lastDelivery,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('id'),
            url: $fields->string('url'),
            events: $fields->strings('events'),
            state: $fields->string('state'),
            reason: $fields->stringOrNull('reason'),
            createdAt: $fields->time('created_at'),
            lastDelivery: $fields->objectOrNull('last_delivery', LastDelivery::from(...)),
        );
    }
}
