<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;
use NotPanel\Exception\NotPanelException;

abstract class TestCase extends \PHPUnit\Framework\TestCase
{
    /** The key of the documentation's vector: the bytes 00, 01 … 1f. */
    protected const KEY = 'np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH';

    /** @var list<float> seconds that the client waited */
    protected array $waits = [];

    /** A client that notes its waits in place of waiting. */
    protected function client(FakePanel|string $panel, mixed ...$options): Client
    {
        $options += ['sleep' => function (float $seconds): void {
            $this->waits[] = $seconds;
        }];
        return new Client(self::KEY, is_string($panel) ? $panel : $panel->url, ...$options);
    }

    /**
     * A step that answers 200.
     *
     * @return array<string, mixed>
     */
    protected static function ok(mixed $json, array $headers = []): array
    {
        return self::step(200, json_encode($json, JSON_THROW_ON_ERROR), $headers + ['Content-Type' => 'application/json']);
    }

    /** @return array<string, mixed> */
    protected static function refused(int $status, string $error, array $headers = []): array
    {
        return self::step($status, json_encode(['error' => $error], JSON_THROW_ON_ERROR), $headers + ['Content-Type' => 'application/json']);
    }

    /** @return array<string, mixed> */
    protected static function step(int $status, string $body, array $headers = []): array
    {
        return ['status' => $status, 'headers' => (object) $headers, 'body' => $body];
    }

    /**
     * What a call throws.
     *
     * @template T of \Throwable
     *
     * @param class-string<T> $class exactly this one
     *
     * @return T
     */
    protected function thrown(string $class, callable $call): \Throwable
    {
        try {
            $call();
        } catch (NotPanelException $error) {
            self::assertSame($class, $error::class, $error->getMessage());
            return $error;
        }
        self::fail("$class was not thrown");
    }

    /** @return array<string, mixed> an order, as lists have it */
    protected static function orderRow(int $number = 1): array
    {
        return [
            'order' => sprintf('ord_%026d', $number), 'number' => $number, 'request_id' => "shop-$number", 'service' => 1,
            'link' => 'https://example.com/', 'quantity' => '1000', 'status' => 'pending', 'charge' => '2.00', 'refunded' => '0.00',
            'start_count' => null, 'remains' => null, 'currency' => 'USD',
            'created_at' => '2026-03-01T12:00:00Z', 'updated_at' => '2026-03-01T12:00:07Z',
        ];
    }

    protected const PLACED = ['order' => 'ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9', 'status' => 'pending', 'charge' => '2.00', 'currency' => 'USD'];
}
