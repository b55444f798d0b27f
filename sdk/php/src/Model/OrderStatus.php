<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Where an order stands. */
final class OrderStatus
{
    /**
     * @param string            $status     one of State, or a word that is new
     * @param string            $charge     what was paid less what was refunded, a decimal
     * @param int|null          $startCount null: not known yet
     * @param int|null          $remains    what is not delivered yet; null: not known yet
     * @param int|null          $runs       of a drip-feed: how many have begun
     * @param int|null          $posts      of a subscription: how many have begun
     * @param list<string>|null $orders     ids of its runs or posts
     * @param string|null       $expiry     of a subscription: its last day, as in 2026-12-31
     */
    public function __construct(
        public readonly string $status,
        public readonly string $charge,
        public readonly ?int $startCount,
        public readonly ?int $remains,
        public readonly string $currency,
        public readonly ?int $runs = null,
        public readonly ?int $posts = null,
        public readonly ?array $orders = null,
        public readonly ?string $expiry = null,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            status: $fields->string('status'),
            charge: $fields->string('charge'),
            startCount: $fields->countOrNull('start_count'),
            remains: $fields->countOrNull('remains'),
            currency: $fields->string('currency'),
            runs: $fields->countOrNull('runs'),
            posts: $fields->countOrNull('posts'),
            orders: $fields->has('orders') ? $fields->strings('orders') : null,
            expiry: $fields->stringOrNull('expiry'),
        );
    }
}
