<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** An order. */
final class Order
{
    /**
     * @param string                  $id         `ord_` and 26 letters and digits
     * @param int                     $number     does as well as the id wherever an order is named
     * @param string                  $requestId  what it was placed with
     * @param string                  $link       empty of a subscription
     * @param string                  $status     one of State, or a word that is new
     * @param string                  $charge     what was paid less what was refunded, a decimal
     * @param string                  $refunded   a decimal
     * @param int|null                $startCount null: not known yet
     * @param int|null                $remains    what is not delivered yet; null: not known yet
     * @param list<string>|null       $orders     ids of its runs or posts; null in lists
     * @param list<OrderRefill>|null  $refills    null in lists
     * @param list<TimelineStep>|null $timeline   what happened to it, the oldest first; null in lists
     */
    public function __construct(
        public readonly string $id,
        public readonly int $number,
        public readonly string $requestId,
        public readonly int $service,
        public readonly string $link,
        public readonly int $quantity,
        public readonly string $status,
        public readonly string $charge,
        public readonly string $refunded,
        public readonly ?int $startCount,
        public readonly ?int $remains,
        public readonly string $currency,
        public readonly \DateTimeImmutable $createdAt,
        public readonly \DateTimeImmutable $updatedAt,
        public readonly ?array $orders = null,
        public readonly ?array $refills = null,
        public readonly ?array $timeline = null,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('order'),
            number: $fields->int('number'),
            requestId: $fields->string('request_id'),
            service: $fields->int('service'),
            link: $fields->string('link'),
            quantity: $fields->count('quantity'),
            status: $fields->string('status'),
            charge: $fields->string('charge'),
            refunded: $fields->string('refunded'),
            startCount: $fields->countOrNull('start_count'),
            remains: $fields->countOrNull('remains'),
            currency: $fields->string('currency'),
            createdAt: $fields->time('created_at'),
            updatedAt: $fields->time('updated_at'),
            orders: $fields->has('orders') ? $fields->strings('orders') : null,
            refills: $fields->has('refills') ? $fields->objects('refills', OrderRefill::from(...)) : null,
            timeline: $fields->has('timeline') ? $fields->objects('timeline', TimelineStep::from(...)) : null,
        );
    }
}
