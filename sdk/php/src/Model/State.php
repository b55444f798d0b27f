<?php

declare(strict_types=1);

namespace NotPanel\Model;

/** Words for the state of an order. There may be more one day: expect a default. */
final class State
{
    /** Charged; no provider has it yet. */
    public const PENDING = 'pending';

    /** It is being handed to a provider, or a provider has it. */
    public const PROCESSING = 'processing';

    /** It is being delivered. */
    public const IN_PROGRESS = 'in_progress';

    public const COMPLETED = 'completed';

    /** A part was delivered; the share of what remains was refunded. */
    public const PARTIAL = 'partial';

    /** What was not delivered was refunded. */
    public const CANCELED = 'canceled';

    /** No provider takes it; refunded in full. */
    public const FAILED = 'failed';

    /** The operator gave the money back. */
    public const REFUNDED = 'refunded';

    /**
     * Whether no more is delivered in this state. A completed order may still become
     * partial or canceled, with its refund, when a provider takes it back.
     */
    public static function isFinal(string $state): bool
    {
        return in_array($state, [self::COMPLETED, self::PARTIAL, self::CANCELED, self::FAILED, self::REFUNDED], true);
    }
}
