<?php

declare(strict_types=1);

namespace NotPanel\Webhook;

use NotPanel\Internal\Fields;

/** An order as it was when something happened to it. */
final class OrderData
{
    /**
     * @param string   $id         `ord_` and 26 letters and digits
     * @param int      $number     does as well as the id wherever an order is named
     * @param string   $requestId  what it was placed with
     * @param string   $status     one of Model\State, or a word that is new
     * @param string   $charge     what was paid less what was refunded, a decimal
     * @param string   $refunded   a decimal
     * @param int|null $startCount null: not known
     * @param int|null $remains    what is not delivered yet; null: not known
     * @param string   $link       empty of a subscription
     */
    public function __construct(
        public readonly string $id,
        public readonly int $number,
        public readonly string $requestId,
        public readonly string $status,
        public readonly string $charge,
        public readonly string $refunded,
        public readonly ?int $startCount,
        public readonly ?int $remains,
        public readonly string $currency,
        public readonly string $link,
        public readonly int $service,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('order'),
            number: $fields->int('number'),
            requestId: $fields->string('request_id'),
            status: $fields->string('status'),
            charge: $fields->string('charge'),
            refunded: $fields->string('refunded'),
            startCount: $fields->countOrNull('start_count'),
            remains: $fields->countOrNull('remains'),
            currency: $fields->string('currency'),
            link: $fields->string('link'),
            service: $fields->int('service'),
        );
    }
}
