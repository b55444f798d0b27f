<?php

declare(strict_types=1);

namespace NotPanel\Webhook;

use NotPanel\Internal\Fields;

/** What a wallet held when it was credited, or fell below its threshold. */
final class BalanceData
{
    /**
     * @param string      $balance   a decimal
     * @param string|null $threshold of `balance.low`: what it fell below, a decimal
     * @param string|null $amount    of `balance.credited`: what came in, a decimal
     */
    public function __construct(
        public readonly string $balance,
        public readonly string $currency,
        public readonly ?string $threshold = null,
        public readonly ?string $amount = null,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            balance: $fields->string('balance'),
            currency: $fields->string('currency'),
            threshold: $fields->stringOrNull('threshold'),
            amount: $fields->stringOrNull('amount'),
        );
    }
}
