<?php
// Calls the API with PHP's curl. The argument says what the body is: string, made
// by http_build_query; array, which curl sends as multipart/form-data.
//
// Reads steps from standard input and prints an answer for each, both as a line of
// JSON. What a step and an answer hold is in ../transport_test.go.

declare(strict_types=1);

const AGENT = 'Mozilla/4.0 (compatible; MSIE 5.01; Windows NT 5.0)';

function fieldsOf(array $step): array
{
    $fields = $step['fields'] ?? [];
    foreach ($step['ids'] ?? [] as $name => $ids) {
        $fields[$name] = @implode(',', $ids); // an array among them becomes the word Array
    }
    foreach ($step['lines'] ?? [] as $name => $lines) {
        $fields[$name] = implode("\r\n", $lines);
    }
    foreach ($step['absent'] ?? [] as $name) {
        $fields[$name] = null;
    }
    return $fields;
}

function call(string $body, string $url, string $way, array $fields): array
{
    $headers = [];
    $handle = curl_init($way === 'post' ? $url : $url . '?' . http_build_query($fields));
    curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($handle, CURLOPT_USERAGENT, AGENT);
    if ($way !== 'get') {
        curl_setopt($handle, CURLOPT_POST, true);
        curl_setopt($handle, CURLOPT_POSTFIELDS, match (true) {
            $way === 'query' => '',
            $body === 'array' => $fields,
            default => http_build_query($fields),
        });
    }
    curl_setopt($handle, CURLOPT_HEADERFUNCTION, function ($handle, string $line) use (&$headers): int {
        $parts = explode(':', $line, 2);
        if (count($parts) === 2) {
            $headers[strtolower(trim($parts[0]))] = trim($parts[1]);
        }
        return strlen($line);
    });
    $text = curl_exec($handle);
    if ($text === false) {
        throw new RuntimeException(curl_error($handle));
    }
    $answer = [
        'status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE),
        'headers' => $headers,
        'body' => $text,
        'refused' => '',
    ];
    $array = json_decode($text, true);
    if (json_last_error() !== JSON_ERROR_NONE) {
        return $answer + ['unread' => json_last_error_msg()];
    }
    $object = json_decode($text);
    return $answer + ['parsed' => $array, 'again' => $object];
}

while (($line = fgets(STDIN)) !== false) {
    $step = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
    $answer = call($argv[1], $step['url'], $step['way'], fieldsOf($step));
    echo json_encode($answer, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION), "\n";
}
