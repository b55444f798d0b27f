<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A line of the statement. */
final class Transaction
{
    /**
     * @param int         $id      its number; there is no gap between them
     * @param string      $type    `charge`, `refund`, `deposit`, `prize`, `credit`, `debit`, `opening`, or a word that is new
     * @param string      $amount  a decimal; what left the wallet has a minus
     * @param string      $balance after this line, a decimal
     * @param string|null $order   the id of the order that it is of
     */
    public function __construct(
        public readonly int $id,
        public readonly string $type,
        public readonly string $amount,
        public readonly string $balance,
        public readonly ?string $order,
        public readonly string $memo,
        public readonly \DateTimeImmutable $at,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->int('transaction'),
            type: $fields->string('type'),
            amount: $fields->string('amount'),
            balance: $fields->string('balance'),
            order: $fields->stringOrNull('order'),
            memo: $fields->string('memo'),
            at: $fields->time('at'),
        );
    }
}
