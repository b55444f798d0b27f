<?php

declare(strict_types=1);

namespace NotPanel\Webhook;

use NotPanel\Exception\UnexpectedAnswerException;
use NotPanel\Exception\UnreadableEventException;
use NotPanel\Internal\Fields;
use NotPanel\Model\Change;

/**
 * Something that happened. It may be delivered more than once: remember ids that you
 * have seen. Events of an order may come in another order than they happened in:
 * `sequence` tells which is the later.
 */
final class Event
{
    /**
     * @param string               $id       `evt_` and 26 letters and digits, in every delivery the same
     * @param string               $type     one of EventType, or a type that is new
     * @param int                  $sequence which event of its order it is, from 1; 0: of no order
     * @param array<string, mixed> $data     all that was told, also of a new type
     * @param OrderData|null       $order    of `order.*`, `refill.*` and `cancel.rejected`
     * @param string|null          $refill   of `refill.*`: the refill's id
     * @param BalanceData|null     $balance  of `balance.*`
     * @param Change|null          $change   of `service.changed`
     * @param string|null          $webhook  of `ping`: the webhook's id
     */
    public function __construct(
        public readonly string $id,
        public readonly string $type,
        public readonly \DateTimeImmutable $createdAt,
        public readonly int $sequence,
        public readonly array $data,
        public readonly ?OrderData $order = null,
        public readonly ?string $refill = null,
        public readonly ?BalanceData $balance = null,
        public readonly ?Change $change = null,
        public readonly ?string $webhook = null,
    ) {
    }

    /**
     * Reads a delivery's body, whoever sent it: Verifier::verify() is what you want.
     *
     * @internal
     *
     * @throws UnreadableEventException
     */
    public static function read(string $body): self
    {
        try {
            return self::from(Fields::of(json_decode($body, true, 32, JSON_BIGINT_AS_STRING)));
        } catch (UnexpectedAnswerException $error) {
            throw new UnreadableEventException('The body is no event', 0, $error);
        }
    }

    private static function from(Fields $fields): self
    {
        $data = $fields->array('data');
        return new self(
            id: $fields->string('id'),
            type: $fields->string('type'),
            createdAt: $fields->time('created_at'),
            sequence: $fields->int('sequence'),
            data: $data,
            order: self::part($data, OrderData::from(...)),
            refill: self::part($data, static fn (Fields $fields): ?string => $fields->stringOrNull('refill')),
            balance: self::part($data, BalanceData::from(...)),
            change: self::part($data, Change::from(...)),
            webhook: self::part($data, static fn (Fields $fields): ?string => $fields->stringOrNull('webhook')),
        );
    }

    /**
     * What the data is, where it is that. Types to come may have a part of it.
     *
     * @template T
     *
     * @param array<string, mixed> $data
     * @param callable(Fields): T  $make
     *
     * @return T|null
     */
    private static function part(array $data, callable $make): mixed
    {
        try {
            return $make(new Fields($data));
        } catch (UnexpectedAnswerException) {
            return null;
        }
    }
}
