<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** The new secret of a webhook. */
final class RotatedSecret
{
    /**
     * @param string                  $id                the webhook's
     * @param string                  $secret            Keep it: it is told this once. Dumps don't show it.
     * @param \DateTimeImmutable|null $previousExpiresAt until when deliveries are signed with
     *                                                   the old secret too; null: no longer
     */
    public function __construct(
        public readonly string $id,
        #[\SensitiveParameter]
        public readonly string $secret,
        public readonly ?\DateTimeImmutable $previousExpiresAt,
    ) {
    }

    /** @return array<string, mixed> what var_dump shows */
    public function __debugInfo(): array
    {
        return ['id' => $this->id, 'previousExpiresAt' => $this->previousExpiresAt];
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('id'),
            secret: $fields->string('secret'),
            previousExpiresAt: $fields->timeOrNull('previous_expires_at'),
        );
    }
}
