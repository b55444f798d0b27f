<?php

declare(strict_types=1);

namespace NotPanel\Webhook;

/** Types of events. There may be more one day: expect a default. */
final class EventType
{
    public const ORDER_CREATED = 'order.created';
    public const ORDER_IN_PROGRESS = 'order.in_progress';
    public const ORDER_COMPLETED = 'order.completed';
    public const ORDER_PARTIAL = 'order.partial';
    public const ORDER_CANCELED = 'order.canceled';
    public const ORDER_FAILED = 'order.failed';
    public const ORDER_REFUNDED = 'order.refunded';
    public const REFILL_COMPLETED = 'refill.completed';
    public const REFILL_REJECTED = 'refill.rejected';
    public const CANCEL_REJECTED = 'cancel.rejected';
    public const BALANCE_LOW = 'balance.low';
    public const BALANCE_CREDITED = 'balance.credited';

    /** A change of the catalogue; delivered only when asked for. */
    public const SERVICE_CHANGED = 'service.changed';

    /** Somebody tests the webhook. Every webhook gets it, whatever it asks for. */
    public const PING = 'ping';
}
