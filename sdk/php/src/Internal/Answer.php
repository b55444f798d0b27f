<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\AccountSuspendedException;
use NotPanel\Exception\InsufficientBalanceException;
use NotPanel\Exception\InvalidKeyException;
use NotPanel\Exception\InvalidRequestException;
use NotPanel\Exception\NotFoundException;
use NotPanel\Exception\NotPanelException;
use NotPanel\Exception\RateLimitedException;
use NotPanel\Exception\ServerException;
use NotPanel\Exception\UnexpectedAnswerException;
use NotPanel\Http\Response;

/**
 * Tells answers from refusals, and refusals from what is neither.
 *
 * @internal
 */
final class Answer
{
    private const MAX_TEXT = 300;
    private const MAX_DEPTH = 32;

    /** @throws NotPanelException unless the status is 200, or 304 */
    public static function check(Response $response, Key $key): void
    {
        if ($response->status !== 200 && $response->status !== 304) {
            throw self::refusal($response, $key);
        }
    }

    /**
     * What the JSON of a good answer says.
     *
     * @return array<mixed>
     *
     * @throws NotPanelException
     */
    public static function json(Response $response, Key $key): array
    {
        $json = self::decode($response->body);
        if ($json === null) {
            throw new UnexpectedAnswerException($key->cutFrom(self::strange($response)), $response->status);
        }
        // The classic dialect refuses like this; a key of it can't be used here.
        if (count($json) === 1 && is_string($json['error'] ?? null)) {
            throw self::refusal($response, $key);
        }
        return $json;
    }

    /** @return array<mixed>|null null: it is not JSON, or neither a list nor an object */
    private static function decode(string $body): ?array
    {
        $json = json_decode($body, true, self::MAX_DEPTH, JSON_BIGINT_AS_STRING);
        return is_array($json) ? $json : null;
    }

    private static function refusal(Response $response, Key $key): NotPanelException
    {
        $text = self::text($response);
        $shown = $key->cutFrom($text ?? self::strange($response));
        [$status, $id] = [$response->status, $response->headers['x-request-id'] ?? null];
        return match (true) {
            $status === 429 => self::limited($text === null ? 'Rate limit exceeded' : $shown, $response),
            $status >= 500 => new ServerException($shown, $status, $id, self::retryAfter($response)),
            $text === null => new UnexpectedAnswerException($shown, $status),
            $status === 401, $text === 'Invalid API key' => new InvalidKeyException($shown, $status, $id),
            $text === 'Insufficient balance' => new InsufficientBalanceException($shown, $status, $id),
            $text === 'Account suspended' => new AccountSuspendedException($shown, $status, $id),
            str_ends_with($text, ' not found') => new NotFoundException($shown, $status, $id),
            default => new InvalidRequestException($shown, $status, $id),
        };
    }

    /** What the panel says in JSON, or in plain text; null: it is not the panel that says it. */
    private static function text(Response $response): ?string
    {
        $said = self::decode($response->body)['error'] ?? null;
        if ($said === null && str_starts_with(strtolower($response->headers['content-type'] ?? ''), 'text/plain')) {
            $said = trim($response->body);
        }
        return is_string($said) && $said !== '' ? self::cut($said) : null;
    }

    /** The text, or its beginning: never half of a letter. */
    private static function cut(string $text): string
    {
        return preg_match('/^.{0,' . self::MAX_TEXT . '}/su', $text, $found) === 1 ? $found[0] : '(not UTF-8)';
    }

    private static function strange(Response $response): string
    {
        if ($response->status >= 300 && $response->status < 400) {
            return "The answer is a redirect ($response->status), which is not followed: is the panel's address right?";
        }
        $type = self::cut($response->headers['content-type'] ?? 'no type');
        return "The answer ($response->status, $type) is not the API's JSON";
    }

    private static function limited(string $text, Response $response): RateLimitedException
    {
        $headers = $response->headers;
        $number = static fn (string $name): ?int => preg_match('/^\d{1,15}$/D', $headers[$name] ?? '') === 1 ? (int) $headers[$name] : null;
        return new RateLimitedException(
            $text,
            $response->status,
            $headers['x-request-id'] ?? null,
            limit: $number('x-ratelimit-limit'),
            remaining: $number('x-ratelimit-remaining'),
            reset: $number('x-ratelimit-reset'),
            tierRemaining: $number('x-ratelimit-tier-remaining'),
            deniedBy: $headers['x-ratelimit-deniedby'] ?? null,
            retryAfter: self::retryAfter($response),
        );
    }

    /** Retry-After in seconds: it is a number of them, or a date. */
    private static function retryAfter(Response $response): ?float
    {
        $header = $response->headers['retry-after'] ?? '';
        if (preg_match('/^\d{1,15}$/D', $header) === 1) {
            return (float) $header;
        }
        $at = \DateTimeImmutable::createFromFormat(\DateTimeInterface::RFC7231, $header);
        return $at === false ? null : (float) max(0, $at->getTimestamp() - time());
    }
}
