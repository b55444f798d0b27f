<?php

declare(strict_types=1);

namespace NotPanel\Http;

use NotPanel\Exception\ConnectionException;

/**
 * Sends a request and returns whatever comes back. Write one to use an HTTP client
 * of your own; it must not follow redirects, repeat requests, or log bodies, which
 * hold the key.
 */
interface Transport
{
    /** @throws ConnectionException where no whole answer came */
    public function send(Request $request): Response;
}
