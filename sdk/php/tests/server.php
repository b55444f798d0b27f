<?php

// A panel that answers from a script. Its arguments are a port, 0 for any, and perhaps
// a file with a certificate and its key. It reads the steps, a line of JSON, prints its
// port and then each request as a line of JSON, and ends when its standard input does.
//
// A step has `status`, `headers` and `body`, or `base64` of it, or `fill`, a number of
// bytes, and perhaps `before`, what is sent before it; or `do`:
// `hang` never answers, `drop` closes the connection, `cut` closes it in the middle of
// the answer.

declare(strict_types=1);

[, $port, $certificate] = $argv;
$steps = json_decode(fgets(STDIN), true, 32, JSON_THROW_ON_ERROR);
$context = stream_context_create($certificate === '' ? [] : ['ssl' => ['local_cert' => $certificate]]);
$scheme = $certificate === '' ? 'tcp' : 'tls';
$server = stream_socket_server("$scheme://127.0.0.1:$port", $errno, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
if ($server === false) {
    fwrite(STDERR, $error);
    exit(1);
}
echo substr(strrchr(stream_socket_get_name($server, false), ':'), 1), "\n";

/** Reads a request; null where the other side is done. */
function read($connection, int $number): ?array
{
    $line = fgets($connection);
    if ($line === false) {
        return null;
    }
    $request = ['connection' => $number, 'line' => rtrim($line), 'headers' => [], 'fields' => []];
    while (($line = rtrim((string) fgets($connection))) !== '') {
        [$name, $value] = explode(':', $line, 2);
        $request['headers'][strtolower($name)] = trim($value);
    }
    $body = (string) stream_get_contents($connection, (int) ($request['headers']['content-length'] ?? 0));
    parse_str($body, $request['fields']);
    return $request;
}

/** Answers, and says whether the connection stays. */
function answer($connection, array $step): bool
{
    $body = match (true) {
        isset($step['fill']) => str_repeat('x', $step['fill']),
        isset($step['base64']) => base64_decode($step['base64'], true),
        default => $step['body'] ?? '',
    };
    $head = "HTTP/1.1 {$step['status']} Something\r\nContent-Length: " . strlen($body) . "\r\n";
    foreach ($step['headers'] ?? [] as $name => $value) {
        $head .= "$name: $value\r\n";
    }
    $cut = ($step['do'] ?? '') === 'cut';
    @fwrite($connection, ($step['before'] ?? '') . "$head\r\n" . ($cut ? substr($body, 0, -1) : $body));
    return !$cut;
}

$connections = [];
for ($accepted = 0;;) {
    $ready = [STDIN, $server, ...$connections];
    [$write, $except] = [[], []];
    stream_select($ready, $write, $except, null);
    foreach ($ready as $stream) {
        if ($stream === STDIN) {
            exit(0);
        }
        if ($stream === $server) {
            $connection = @stream_socket_accept($server, 5);
            if ($connection !== false) {
                $connections[++$accepted] = $connection;
            }
            continue;
        }
        $number = array_search($stream, $connections, true);
        $request = read($stream, $number);
        $step = $request === null ? ['do' => 'drop'] : array_shift($steps) ?? ['status' => 418, 'body' => '{"error":"The script is over"}'];
        if ($request !== null) {
            echo json_encode($request, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
        }
        $stays = match ($step['do'] ?? '') {
            'hang' => true,
            'drop' => false,
            default => answer($stream, $step),
        };
        if (!$stays) {
            fclose($stream);
            unset($connections[$number]);
        }
    }
}
