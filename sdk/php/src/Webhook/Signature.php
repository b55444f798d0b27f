<?php

declare(strict_types=1);

namespace NotPanel\Webhook;

use NotPanel\Exception\MissingSignatureException;
use NotPanel\Internal\Hidden;

/**
 * The signatures that a delivery has, in one of their two forms. Any of them may fit:
 * while a rotation lasts there are two.
 *
 * @internal
 */
final class Signature
{
    /**
     * @param int          $time   Unix seconds
     * @param string       $prefix what is signed before the body
     * @param list<string> $given
     * @param bool         $hex    whether they are written in hex; else in base64
     */
    private function __construct(
        public readonly int $time,
        private readonly string $prefix,
        private readonly array $given,
        private readonly bool $hex,
    ) {
    }

    /**
     * @param array<string|int, mixed> $headers
     *
     * @throws MissingSignatureException
     */
    public static function ofHeaders(array $headers): self
    {
        $byName = self::named($headers);
        return isset($byName['webhook-signature']) ? self::standard($byName) : self::own($byName);
    }

    /** What the signature with a key would be. */
    public function expected(string $body, Hidden $key): string
    {
        $mac = hash_hmac('sha256', $this->prefix . $body, $key->reveal(), true);
        return $this->hex ? bin2hex($mac) : base64_encode($mac);
    }

    /**
     * Whether one of the signatures is one of these. The time that it takes tells
     * nothing of them.
     *
     * @param list<string> $expected
     */
    public function fits(array $expected): bool
    {
        $fits = false;
        foreach ($expected as $one) {
            foreach ($this->given as $given) {
                $fits = hash_equals($one, $given) || $fits;
            }
        }
        return $fits;
    }

    /**
     * `webhook-signature: v1,… v1,…` over the event's id, the time and the body.
     *
     * @param array<string, string> $headers
     */
    private static function standard(array $headers): self
    {
        $id = $headers['webhook-id'] ?? '';
        $time = $headers['webhook-timestamp'] ?? '';
        if ($id === '' || $time === '') {
            throw new MissingSignatureException('The header webhook-id or webhook-timestamp is missing');
        }
        $given = self::ofVersion(explode(' ', $headers['webhook-signature']), 'v1,');
        return new self(self::seconds($time), "$id.$time.", $given, hex: false);
    }

    /**
     * `X-NotPanel-Signature: t=…,v1=…,v1=…` over the time and the body.
     *
     * @param array<string, string> $headers
     */
    private static function own(array $headers): self
    {
        $parts = explode(',', $headers['x-notpanel-signature'] ?? '');
        $time = self::ofVersion($parts, 't=')[0] ?? '';
        if ($time === '') {
            throw new MissingSignatureException('The headers webhook-signature and X-NotPanel-Signature are missing');
        }
        return new self(self::seconds($time), "$time.", self::ofVersion($parts, 'v1='), hex: true);
    }

    /**
     * The parts that begin with a prefix, without it. Others are of versions to come.
     *
     * @param list<string> $parts
     *
     * @return list<string>
     */
    private static function ofVersion(array $parts, string $prefix): array
    {
        $with = array_filter(array_map(trim(...), $parts), static fn (string $part): bool => str_starts_with($part, $prefix));
        return array_values(array_map(static fn (string $part): string => substr($part, strlen($prefix)), $with));
    }

    private static function seconds(string $time): int
    {
        return preg_match('/^\d{1,15}$/D', $time) === 1
            ? (int) $time
            : throw new MissingSignatureException("The signature's time is no number of seconds");
    }

    /**
     * The headers by their names in lower case, however a framework hands them over.
     *
     * @param array<string|int, mixed> $headers
     *
     * @return array<string, string>
     */
    private static function named(array $headers): array
    {
        $byName = [];
        foreach ($headers as $name => $value) {
            $value = is_array($value) ? reset($value) : $value;
            if (is_string($name) && is_string($value)) {
                // $_SERVER calls them HTTP_WEBHOOK_ID.
                $name = str_starts_with($name, 'HTTP_') ? substr($name, 5) : $name;
                $byName[strtolower(strtr($name, '_', '-'))] = trim($value);
            }
        }
        return $byName;
    }
}
