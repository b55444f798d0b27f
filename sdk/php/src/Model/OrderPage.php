<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Some orders, the newest first. A page may hold fewer than asked for, even none, and still have one after it. */
final class OrderPage
{
    /**
     * @param list<Order> $orders
     * @param string|null $cursor what to ask with for the next page; null after the last
     */
    public function __construct(
        public readonly array $orders,
        public readonly ?string $cursor,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            orders: $fields->objects('orders', Order::from(...)),
            cursor: $fields->stringOrNull('cursor'),
        );
    }
}
