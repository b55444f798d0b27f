<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Where one refill of many stands: either `status` or `error` is null. */
final class RefillStatusResult
{
    /**
     * @param string      $refill the refill as it was asked for
     * @param string|null $status `pending`, `in_progress`, `completed` or `rejected`
     * @param string|null $error  why it is not known
     */
    public function __construct(
        public readonly string $refill,
        public readonly ?string $status,
        public readonly ?string $error,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            refill: $fields->string('refill'),
            status: $fields->stringOrNull('status'),
            error: $fields->stringOrNull('error'),
        );
    }
}
