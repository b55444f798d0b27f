<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\ConnectionException;
use NotPanel\Exception\NotPanelException;
use NotPanel\Exception\RateLimitedException;
use NotPanel\Exception\ServerException;

/**
 * Says whether a call is tried again, and when. All times are seconds.
 *
 * @internal
 */
final class Backoff
{
    private const FIRST = 0.5;
    private const LONGEST = 8.0;
    private const STATUSES = [500, 502, 503, 504];

    /**
     * @param int   $retries most repeats of a call
     * @param float $maxWait who is told to wait longer than this gives up
     */
    public function __construct(private readonly int $retries, private readonly float $maxWait)
    {
    }

    /**
     * The wait before the next try.
     *
     * @param int $tried how often it was tried
     *
     * @return float|null null: give up
     */
    public function wait(int $tried, NotPanelException $error, Repeat $repeat): ?float
    {
        if ($tried > $this->retries || !self::helps($error, $repeat)) {
            return null;
        }
        $told = $error instanceof RateLimitedException || $error instanceof ServerException ? $error->retryAfter ?? 0.0 : 0.0;
        if ($told > $this->maxWait) {
            return null;
        }
        // Between half and all of it, so that clients which failed together don't come back together.
        $own = min(self::LONGEST, self::FIRST * 2 ** ($tried - 1)) * random_int(500, 1000) / 1000;
        return min($this->maxWait, $told + $own);
    }

    private static function helps(NotPanelException $error, Repeat $repeat): bool
    {
        if ($repeat === Repeat::WhenNothingWasDone && $error->isOutcomeUnknown()) {
            return false;
        }
        return $error instanceof RateLimitedException
            || ($error instanceof ServerException && in_array($error->status, self::STATUSES, true))
            || ($error instanceof ConnectionException && $error->temporary);
    }
}
