<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/**
 * What the newest orders of a service came to. Times are seconds from placing, null where
 * too few orders tell; shares are decimals from 0 to 1.
 */
final class ServiceFacts
{
    /**
     * @param int      $orders           how many orders this is of
     * @param int|null $startMedian      half had started by then
     * @param int|null $startP90         nine of ten had
     * @param int|null $completionMedian half were completed by then
     * @param int|null $completionP90    nine of ten were
     * @param string   $completed        share that was completed
     * @param string   $partial          share that was delivered in part
     * @param string   $canceled         share that was canceled
     */
    public function __construct(
        public readonly int $orders,
        public readonly ?int $startMedian,
        public readonly ?int $startP90,
        public readonly ?int $completionMedian,
        public readonly ?int $completionP90,
        public readonly string $completed,
        public readonly string $partial,
        public readonly string $canceled,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            orders: $fields->int('orders'),
            startMedian: $fields->intOrNull('start_median'),
            startP90: $fields->intOrNull('start_p90'),
            completionMedian: $fields->intOrNull('completion_median'),
            completionP90: $fields->intOrNull('completion_p90'),
            completed: $fields->string('completed'),
            partial: $fields->string('partial'),
            canceled: $fields->string('canceled'),
        );
    }
}
