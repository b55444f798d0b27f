<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\UsageException;

/**
 * Makes the API's address from the panel's.
 *
 * @internal
 */
final class Address
{
    private const PATH = '/api/v2';

    /**
     * What it returns is put together from what was checked, so that nobody reads
     * another host in it.
     *
     * @throws UsageException
     */
    public static function ofPanel(string $url): string
    {
        $parts = preg_match('/[^\x21-\x7e]|\\\\/', $url) === 1 ? false : parse_url($url);
        if ($parts === false || !isset($parts['host'], $parts['scheme'])) {
            throw new UsageException("The panel's address must be like https://panel.example");
        }
        if (array_intersect_key($parts, ['user' => 0, 'pass' => 0, 'query' => 0, 'fragment' => 0]) !== []) {
            throw new UsageException("The panel's address must have no user, query or fragment");
        }
        [$scheme, $host] = [strtolower($parts['scheme']), strtolower($parts['host'])];
        if (preg_match('/^([a-z0-9._-]+|\[[0-9a-f:.]+\])$/D', $host) !== 1) {
            throw new UsageException("The panel's address has a host that can't be used");
        }
        if ($scheme !== 'https' && !($scheme === 'http' && self::isLoopback($host))) {
            throw new UsageException("The panel's address must begin with https://; http is for this machine alone");
        }
        $port = isset($parts['port']) ? ":{$parts['port']}" : '';
        $path = rtrim($parts['path'] ?? '', '/');
        return "$scheme://$host$port" . (str_ends_with($path, self::PATH) ? $path : $path . self::PATH);
    }

    private static function isLoopback(string $host): bool
    {
        return in_array($host, ['localhost', '[::1]'], true)
            || (str_starts_with($host, '127.') && ip2long($host) !== false);
    }
}
