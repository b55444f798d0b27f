<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Http\Response;

/**
 * An answer as it comes in. Its functions return how many bytes they took; any other
 * number than was given ends the transfer.
 *
 * @internal
 */
final class Reception
{
    private const MAX_HEADERS = 64 * 1024;

    private int $status = 0;

    /** @var array<string, string> */
    private array $headers = [];

    private string $body = '';
    private int $headerBytes = 0;
    private bool $tooLarge = false;

    public function __construct(private readonly int $maxBody)
    {
    }

    public function header(string $line): int
    {
        $this->headerBytes += strlen($line);
        if ($this->headerBytes > self::MAX_HEADERS) {
            $this->tooLarge = true;
            return 0;
        }
        if (preg_match('~^HTTP/\S+ (\d{3})~', $line, $found) === 1) {
            // What came before was an interim answer, or a proxy's.
            [$this->status, $this->headers] = [(int) $found[1], []];
        } elseif (str_contains($line, ':')) {
            [$name, $value] = explode(':', $line, 2);
            $this->headers[strtolower(trim($name))] ??= trim($value);
        }
        return strlen($line);
    }

    public function body(string $part): int
    {
        if (strlen($this->body) + strlen($part) > $this->maxBody) {
            $this->tooLarge = true;
            return 0;
        }
        $this->body .= $part;
        return strlen($part);
    }

    public function isTooLarge(): bool
    {
        return $this->tooLarge;
    }

    public function status(): int
    {
        return $this->status;
    }

    public function response(): Response
    {
        return new Response($this->status, $this->headers, $this->body);
    }
}
