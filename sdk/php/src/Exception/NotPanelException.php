<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** What everything that this library throws is. */
abstract class NotPanelException extends \RuntimeException
{
    /**
     * Of Client::add() alone: the request_id of an order that may have been placed
     * although this was thrown. Call add() again with it and the same fields, or look
     * the order up with orderByRequestId(). Null: no order was placed.
     */
    public ?string $requestId = null;

    /**
     * Whether the panel may have done what it was asked: the answer was lost, or was
     * none. False means that nothing was done.
     */
    public function isOutcomeUnknown(): bool
    {
        return $this->requestId !== null;
    }
}
