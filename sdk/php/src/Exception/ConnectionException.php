<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** No answer came, or not a whole one. */
class ConnectionException extends NotPanelException
{
    /**
     * @param bool $sent      whether the request may have reached the panel
     * @param bool $temporary whether it may be better in a moment; not so of a certificate
     */
    final public function __construct(
        string $message,
        public readonly bool $sent,
        public readonly bool $temporary = true,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message, 0, $previous);
    }

    public function isOutcomeUnknown(): bool
    {
        return $this->sent || parent::isOutcomeUnknown();
    }
}
