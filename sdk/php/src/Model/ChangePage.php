<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** Some changes of the catalogue, the oldest first. */
final class ChangePage
{
    /**
     * @param list<Change> $changes
     * @param string       $cursor  what to ask with for the changes after these
     */
    public function __construct(
        public readonly array $changes,
        public readonly string $cursor,
        public readonly string $currency,
    ) {
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            changes: $fields->objects('changes', Change::from(...)),
            cursor: $fields->string('cursor'),
            currency: $fields->string('currency'),
        );
    }
}
