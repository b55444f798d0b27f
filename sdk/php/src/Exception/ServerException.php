<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The panel, or a proxy before it, could not answer: a status from 500 on. */
final class ServerException extends ApiException
{
    /** @param float|null $retryAfter seconds after which it asks to be called again */
    public function __construct(
        string $message,
        int $status,
        ?string $xRequestId = null,
        public readonly ?float $retryAfter = null,
    ) {
        parent::__construct($message, $status, $xRequestId);
    }

    public function isOutcomeUnknown(): bool
    {
        return true;
    }
}
