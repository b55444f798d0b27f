<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/**
 * The answer is none of the API's: a proxy's page, a redirect, a field that is
 * missing, or more than the client takes. Is the address right?
 */
final class UnexpectedAnswerException extends NotPanelException
{
    /** @param int $status the HTTP status, 0 where the answer is not known by it */
    public function __construct(string $message, public readonly int $status = 0)
    {
        parent::__construct($message);
    }

    public function isOutcomeUnknown(): bool
    {
        return true;
    }
}
