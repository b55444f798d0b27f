<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A service that can be ordered, at the key's own price. */
final class Service
{
    /**
     * @param int               $id          its number
     * @param string            $type        `Default` and others: which fields an order of it takes
     * @param string            $rate        price of 1,000, a decimal
     * @param int               $min         least quantity
     * @param int               $max         greatest quantity
     * @param int               $increment   a quantity is a multiple of it
     * @param bool              $dripfeed    whether it may be delivered in runs
     * @param bool              $refill      whether what was lost can be refilled
     * @param bool              $cancel      whether a running order can be canceled
     * @param int|null          $averageTime median seconds from placing to completion; null: too few orders tell
     * @param int               $refillDays  days after its end that an order can be refilled; 0 with `refill`: always
     * @param ServiceFacts|null $facts       what was measured; only Client::service() tells, and not of services with few orders
     */
    public function __construct(
        public readonly int $id,
        public readonly string $name,
        public readonly string $type,
        public readonly string $category,
        public readonly string $rate,
        public readonly int $min,
        public readonly int $max,
        public readonly int $increment,
        public readonly bool $dripfeed,
        public readonly bool $refill,
        public readonly bool $cancel,
        public readonly string $description,
        public readonly ?int $averageTime,
        public readonly int $refillDays,
        public readonly string $currency,
        public readonly ?ServiceFacts $facts = null,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->int('service'),
            name: $fields->string('name'),
            type: $fields->string('type'),
            category: $fields->string('category'),
            rate: $fields->string('rate'),
            min: $fields->count('min'),
            max: $fields->count('max'),
            increment: $fields->count('increment'),
            dripfeed: $fields->bool('dripfeed'),
            refill: $fields->bool('refill'),
            cancel: $fields->bool('cancel'),
            description: $fields->string('description'),
            averageTime: $fields->intOrNull('average_time'),
            refillDays: $fields->int('refill_days'),
            currency: $fields->string('currency'),
            facts: $fields->objectOrNull('facts', ServiceFacts::from(...)),
        );
    }
}
