<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Some lines of the statement, the oldest first. */
final class TransactionPage
{
    /**
     * @param list<Transaction> $transactions
     * @param string            $cursor       what to ask with for the lines after these
     */
    public function __construct(
        public readonly array $transactions,
        public readonly string $cursor,
        public readonly string $currency,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            transactions: $fields->objects('transactions', Transaction::from(...)),
            cursor: $fields->string('cursor'),
            currency: $fields->string('currency'),
        );
    }
}
