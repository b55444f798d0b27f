<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The panel refused. The message is its text, as in `Service not found`. */
abstract class ApiException extends NotPanelException
{
    /**
     * @param int         $status     the HTTP status
     * @param string|null $xRequestId the answer's X-Request-Id: tell it to the panel's
     *                                operator when you ask about this call
     */
    public function __construct(
        string $message,
        public readonly int $status,
        public readonly ?string $xRequestId = null,
    ) {
        parent::__construct($message);
    }
}
