<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Some deliveries to a webhook, the newest first. */
final class DeliveryPage
{
    /**
     * @param list<Delivery> $deliveries
     * @param string|null    $cursor     what to ask with for the next page; null after the last
     */
    public function __construct(
        public readonly array $deliveries,
        public readonly ?string $cursor,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            deliveries: $fields->objects('deliveries', Delivery::from(...)),
            cursor: $fields->stringOrNull('cursor'),
        );
    }
}
