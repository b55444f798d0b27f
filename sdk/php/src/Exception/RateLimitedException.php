<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/**
 * A limit of requests a minute is used up (429). Nothing was done. A figure is null
 * where the answer did not have it.
 */
final class RateLimitedException extends ApiException
{
    /**
     * @param int|null    $limit         requests a minute
     * @param int|null    $remaining     what is left of them
     * @param int|null    $reset         when the next minute begins, in Unix seconds
     * @param int|null    $tierRemaining what the account's tier leaves; never of test keys
     * @param string|null $deniedBy      whose limit it is: `ip`, `key` or `tier`
     * @param float|null  $retryAfter    seconds to wait
     */
    public function __construct(
        string $message,
        int $status,
        ?string $xRequestId = null,
        public readonly ?int $limit = null,
        public readonly ?int $remaining = null,
        public readonly ?int $reset = null,
        public readonly ?int $tierRemaining = null,
        public readonly ?string $deniedBy = null,
        public readonly ?float $retryAfter = null,
    ) {
        parent::__construct($message, $status, $xRequestId);
    }
}
