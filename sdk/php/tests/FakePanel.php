<?php

declare(strict_types=1);

namespace NotPanel\Tests;

/** A panel that answers from a script, in a process of its own; see server.php. */
final class FakePanel
{
    public readonly string $url;
    public readonly int $port;

    /** @var resource */
    private $process;

    /** @var array<int, resource> */
    private array $pipes = [];

    /** @param list<array<string, mixed>> $steps one for each request that will come */
    public function __construct(array $steps, int $port = 0, string $certificate = '')
    {
        $command = [PHP_BINARY, __DIR__ . '/server.php', (string) $port, $certificate];
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], STDERR], $this->pipes);
        fwrite($this->pipes[0], json_encode($steps, JSON_THROW_ON_ERROR) . "\n");
        $line = fgets($this->pipes[1]);
        if ($line === false) {
            throw new \RuntimeException('The fake panel does not start');
        }
        $this->port = (int) $line;
        $this->url = ($certificate === '' ? 'http' : 'https') . "://127.0.0.1:$this->port";
    }

    public function __destruct()
    {
        $this->requests();
    }

    /**
     * Stops it and returns the requests that came.
     *
     * @return list<array{connection: int, line: string, headers: array<string, string>, fields: array<string, string>}>
     */
    public function requests(): array
    {
        if ($this->pipes === []) {
            return [];
        }
        fclose($this->pipes[0]);
        $lines = explode("\n", trim((string) stream_get_contents($this->pipes[1])));
        proc_close($this->process);
        $this->pipes = [];
        return $lines === [''] ? [] : array_map(static fn (string $line) => json_decode($line, true, 32, JSON_THROW_ON_ERROR), $lines);
    }

    /** A port on which nobody listens. */
    public static function freePort(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        return (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
    }
}
