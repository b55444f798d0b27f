<?php

declare(strict_types=1);

namespace NotPanel\Http;

use NotPanel\Exception\ConnectionException;
use NotPanel\Exception\TimeoutException;
use NotPanel\Exception\UnexpectedAnswerException;
use NotPanel\Exception\UsageException;
use NotPanel\Internal\Reception;

/**
 * The transport that clients use unless told otherwise. Connections stay open
 * between calls. Redirects are not followed, certificates are checked, and plain
 * http goes through no proxy.
 */
final class CurlTransport implements Transport
{
    /** Most bytes of an answer's body, unpacked: 32 MiB. */
    public const MAX_ANSWER = 32 * 1024 * 1024;

    /** Errors of curl that come before anything of the request is sent. */
    private const BEFORE_SENDING = [
        CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
        ...self::CERTIFICATE,
    ];

    /** Errors of certificates: of the panel's, and of the file with those to trust. */
    private const CERTIFICATE = [CURLE_SSL_CACERT, CURLE_SSL_PEER_CERTIFICATE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE];

    private ?\CurlHandle $handle = null;

    /**
     * @param string|null $caFile    certificates to trust in place of the system's (PEM),
     *                               for a panel with one of its own
     * @param int         $maxAnswer most bytes of an answer's body, unpacked
     *
     * @throws UsageException where the file can't be read
     */
    public function __construct(
        private readonly ?string $caFile = null,
        private readonly int $maxAnswer = self::MAX_ANSWER,
    ) {
        if ($caFile !== null && !is_readable($caFile)) {
            throw new UsageException("The file of certificates can't be read: $caFile");
        }
    }

    public function send(Request $request): Response
    {
        $handle = $this->handle ??= curl_init();
        $reception = new Reception($this->maxAnswer);
        curl_setopt_array($handle, $this->options($request) + [
            CURLOPT_HEADERFUNCTION => static fn ($_, string $line): int => $reception->header($line),
            CURLOPT_WRITEFUNCTION => static fn ($_, string $part): int => $reception->body($part),
        ]);
        try {
            curl_exec($handle);
            if ($reception->isTooLarge()) {
                throw new UnexpectedAnswerException("The answer is larger than $this->maxAnswer bytes", $reception->status());
            }
            if (curl_errno($handle) !== CURLE_OK) {
                throw $this->trouble($handle, $request);
            }
            return $reception->response();
        } finally {
            curl_reset($handle); // forgets the request, keeps the connection
        }
    }

    /** @return array<int, mixed> */
    private function options(Request $request): array
    {
        $options = [
            CURLOPT_URL => $request->url,
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $request->body(),
            CURLOPT_HTTPHEADER => self::headerLines($request->headers),
            CURLOPT_TIMEOUT_MS => self::milliseconds($request->timeout),
            CURLOPT_CONNECTTIMEOUT_MS => self::milliseconds($request->connectTimeout),
            CURLOPT_NOSIGNAL => true,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_SSL_VERIFYPEER => true,
            CURLOPT_SSL_VERIFYHOST => 2,
            CURLOPT_ACCEPT_ENCODING => 'gzip',
            // Where a kept connection has died curl sends again on a new one by itself.
            CURLOPT_FRESH_CONNECT => $request->once,
        ];
        if (str_starts_with($request->url, 'http:')) {
            $options[CURLOPT_PROXY] = ''; // whatever the environment says
        }
        if ($this->caFile !== null) {
            $options[CURLOPT_CAINFO] = $this->caFile;
        }
        return $options;
    }

    /**
     * @param array<string, string> $headers
     *
     * @return list<string>
     */
    private static function headerLines(array $headers): array
    {
        $lines = ['Expect:']; // else curl waits for a 100 Continue before a large body
        foreach ($headers as $name => $value) {
            $lines[] = "$name: $value";
        }
        return $lines;
    }

    /** At least one: to curl, 0 is no limit. */
    private static function milliseconds(float $seconds): int
    {
        return max(1, (int) ceil($seconds * 1000));
    }

    private function trouble(\CurlHandle $handle, Request $request): ConnectionException
    {
        $error = curl_errno($handle);
        $text = sprintf('%s: %s', parse_url($request->url, PHP_URL_HOST), curl_error($handle) ?: curl_strerror($error));
        if ($error === CURLE_OPERATION_TIMEDOUT) {
            return new TimeoutException("No answer in time from $text", self::hasBegun($handle));
        }
        return new ConnectionException(
            "No answer from $text",
            sent: !in_array($error, self::BEFORE_SENDING, true),
            temporary: !in_array($error, self::CERTIFICATE, true),
        );
    }

    /** Whether the connection stood, so that something may have been sent. */
    private static function hasBegun(\CurlHandle $handle): bool
    {
        return curl_getinfo($handle, CURLINFO_PRETRANSFER_TIME_T) > 0 || curl_getinfo($handle, CURLINFO_REQUEST_SIZE) > 0;
    }
}
