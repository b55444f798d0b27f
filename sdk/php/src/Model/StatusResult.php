<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Where one order of many stands: either `status` or `error` is null. */
final class StatusResult
{
    /** @param string|null $error why it is not known, as in `Order not found` */
    public function __construct(
        public readonly ?OrderStatus $status,
        public readonly ?string $error,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        $error = $fields->stringOrNull('error');
        return new self($error === null ? OrderStatus::from($fields) : null, $error);
    }
}
