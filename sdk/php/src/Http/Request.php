<?php

declare(strict_types=1);

namespace NotPanel\Http;

use NotPanel\Internal\Key;

/** A POST to the panel. */
final class Request
{
    /**
     * @internal
     *
     * @param array<string, string> $headers
     * @param array<string, string> $fields         without the key
     * @param float                 $timeout        seconds for all of it
     * @param float                 $connectTimeout seconds for connecting
     * @param bool                  $once           whether it must never be sent twice,
     *                                              not even on a connection that has died
     */
    public function __construct(
        public readonly string $url,
        public readonly array $headers,
        public readonly array $fields,
        private readonly Key $key,
        public readonly float $timeout,
        public readonly float $connectTimeout,
        public readonly bool $once,
    ) {
    }

    /** The form to send. It holds the key: don't log it. */
    public function body(): string
    {
        return http_build_query(['key' => $this->key->reveal()] + $this->fields, '', '&');
    }
}
