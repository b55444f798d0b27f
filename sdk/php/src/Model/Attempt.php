<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A try to deliver. */
final class Attempt
{
    /**
     * @param int         $number     from 1
     * @param int|null    $status     HTTP status of the receiver's answer; null: none came
     * @param string|null $error      why none came
     * @param int         $durationMs milliseconds
     * @param string|null $response   the beginning of the receiver's answer
     */
    public function __construct(
        public readonly int $number,
        public readonly \DateTimeImmutable $at,
        public readonly ?int $status,
        public readonly ?string $error,
        public readonly int $durationMs,
        public readonly ?string $response,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            number: $fields->int('attempt'),
            at: $fields->time('at'),
            status: $fields->intOrNull('status'),
            error: $fields->stringOrNull('error'),
            durationMs: $fields->int('duration_ms'),
            response: $fields->stringOrNull('response'),
        );
    }
}
