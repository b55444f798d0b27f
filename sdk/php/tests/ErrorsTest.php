<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;
use NotPanel\Exception\AccountSuspendedException;
use NotPanel\Exception\ApiException;
use NotPanel\Exception\InsufficientBalanceException;
use NotPanel\Exception\InvalidKeyException;
use NotPanel\Exception\InvalidRequestException;
use NotPanel\Exception\NotFoundException;
use NotPanel\Exception\RateLimitedException;
use NotPanel\Exception\ServerException;
use NotPanel\Exception\UnexpectedAnswerException;

/** Which error a caller gets for which answer. */
final class ErrorsTest extends TestCase
{
    /** @return iterable<array{class-string<ApiException>, int, string}> */
    public static function refusals(): iterable
    {
        yield [InvalidKeyException::class, 400, 'Invalid API key'];
        yield [InsufficientBalanceException::class, 400, 'Insufficient balance'];
        yield [NotFoundException::class, 400, 'Service not found'];
        yield [NotFoundException::class, 400, 'Order not found'];
        yield [NotFoundException::class, 400, 'Refill not found'];
        yield [NotFoundException::class, 400, 'Webhook not found'];
        yield [InvalidRequestException::class, 400, 'quantity must be between 10 and 100000'];
        yield [InvalidRequestException::class, 400, 'request_id was already used with different parameters'];
        yield [InvalidRequestException::class, 400, 'Order cannot be canceled'];
        yield [AccountSuspendedException::class, 403, 'Account suspended'];
        yield [InvalidRequestException::class, 413, 'Request body too large'];
        yield [RateLimitedException::class, 429, 'Rate limit exceeded'];
        yield [ServerException::class, 500, 'Internal error'];
        yield [ServerException::class, 503, 'Temporarily unavailable'];
    }

    /**
     * @dataProvider refusals
     *
     * @param class-string<ApiException> $class
     */
    public function testARefusalHasItsClass(string $class, int $status, string $text): void
    {
        $panel = new FakePanel([self::refused($status, $text, ['X-Request-Id' => 'req-17'])]);
        $error = $this->thrown($class, fn () => $this->client($panel, retries: 0)->balance());
        self::assertInstanceOf(ApiException::class, $error);
        self::assertSame([$text, $status, 'req-17'], [$error->getMessage(), $error->status, $error->xRequestId]);
    }

    public function testALimitHasItsFigures(): void
    {
        $panel = new FakePanel([self::refused(429, 'Rate limit exceeded', [
            'X-RateLimit-Limit' => '100', 'X-RateLimit-Remaining' => '0', 'X-RateLimit-Reset' => '1767225660', 'X-RateLimit-Tier-Remaining' => '212',
            'X-RateLimit-DeniedBy' => 'key', 'Retry-After' => '17',
        ]), self::step(429, 'Rate limit exceeded', ['Content-Type' => 'text/plain'])]);
        $client = $this->client($panel, retries: 0);
        $error = $this->thrown(RateLimitedException::class, fn () => $client->balance());
        self::assertSame([100, 0, 1767225660, 212, 'key', 17.0], [
            $error->limit, $error->remaining, $error->reset, $error->tierRemaining, $error->deniedBy, $error->retryAfter,
        ]);
        $error = $this->thrown(RateLimitedException::class, fn () => $client->balance());
        self::assertSame([null, null, null, null, null, null], [
            $error->limit, $error->remaining, $error->reset, $error->tierRemaining, $error->deniedBy, $error->retryAfter,
        ]);
    }

    /** While the caller is not known the panel answers some requests in plain text. */
    public function testPlainTextIsUnderstood(): void
    {
        foreach ([401 => InvalidKeyException::class, 413 => InvalidRequestException::class, 503 => ServerException::class] as $status => $class) {
            $panel = new FakePanel([self::step($status, "Some reason\n", ['Content-Type' => 'text/plain; charset=utf-8'])]);
            $error = $this->thrown($class, fn () => $this->client($panel, retries: 0)->status(7));
            self::assertSame('Some reason', $error->getMessage());
        }
    }

    /** @return iterable<string, array{int, string, string}> */
    public static function strange(): iterable
    {
        yield 'a page' => [200, '<html><title>Sign in</title></html>', 'text/html'];
        yield 'nothing' => [200, '', 'application/json'];
        yield 'half of it' => [200, '{"balance":"1', 'application/json'];
        yield 'a number' => [200, '7', 'application/json'];
        yield 'null' => [200, 'null', 'application/json'];
        yield 'too deep' => [200, str_repeat('[', 1000) . str_repeat(']', 1000), 'application/json'];
        yield 'no such status' => [204, '', 'application/json'];
        yield 'an unchanged list that nobody has' => [304, '', 'application/json'];
        yield 'a page that refuses' => [403, '<html>Forbidden</html>', 'text/html'];
        yield 'another API' => [404, '{"message":"no"}', 'application/json'];
        yield 'a field is missing' => [200, '{"balance":"1.00"}', 'application/json'];
        yield 'a field is null' => [200, '{"balance":null,"currency":"USD"}', 'application/json'];
        yield 'an amount is a float' => [200, '{"balance":1.10,"currency":"USD"}', 'application/json'];
    }

    /** @dataProvider strange */
    public function testWhatIsNotTheApisIsSaidClearly(int $status, string $body, string $type): void
    {
        $panel = new FakePanel([self::step($status, $body, ['Content-Type' => $type])]);
        $error = $this->thrown(UnexpectedAnswerException::class, fn () => $this->client($panel)->balance());
        self::assertStringNotContainsString('<html>', $error->getMessage());
        self::assertStringStartsWith('The answer ', $error->getMessage());
        self::assertCount(1, $panel->requests());
    }

    public function testAListIsOfObjects(): void
    {
        foreach ([[1], ['x'], [null], [[[]]], [['service' => 1]]] as $list) {
            $panel = new FakePanel([self::ok($list)]);
            $this->thrown(UnexpectedAnswerException::class, fn () => $this->client($panel)->services());
        }
    }

    public function testACountIsAWholeNumber(): void
    {
        foreach (['1.5', '', 'many', '1e3', 7] as $count) {
            $panel = new FakePanel([self::ok(['quantity' => $count] + self::orderRow())]);
            $this->thrown(UnexpectedAnswerException::class, fn () => $this->client($panel)->order(1));
        }
    }

    /** A key of the classic dialect is refused with status 200. */
    public function testAnErrorWithStatus200IsARefusal(): void
    {
        $panel = new FakePanel([self::refused(200, 'Incorrect request')]);
        $error = $this->thrown(InvalidRequestException::class, fn () => $this->client($panel)->balance());
        self::assertSame('Incorrect request', $error->getMessage());
    }

    public function testALongTextIsCut(): void
    {
        $panel = new FakePanel([self::refused(400, str_repeat('é', 100000))]);
        $error = $this->thrown(InvalidRequestException::class, fn () => $this->client($panel)->balance());
        self::assertSame(str_repeat('é', 300), $error->getMessage());
    }

    /** The key is nowhere to be seen, whatever is printed of an error, also where it is sent back. */
    public function testNoErrorShowsTheKey(): void
    {
        $key = self::KEY;
        $steps = [
            self::refused(400, "Bad: key=$key"), self::step(500, "key=$key", ['Content-Type' => 'text/plain']),
            self::step(200, "<html>$key", ['Content-Type' => "text/html; $key"]), self::step(302, '', ['Location' => "/?key=$key"]),
            ['do' => 'drop'], ['do' => 'hang'], self::ok(['balance' => $key]),
        ];
        foreach ($steps as $step) {
            $panel = new FakePanel([$step]);
            try {
                (new Client($key, $panel->url, timeout: 0.3, retries: 0))->balance();
                self::fail('There is no balance');
            } catch (\NotPanel\Exception\NotPanelException $error) {
                self::assertShowsNoKey($error);
            }
        }
    }

    public function testNoDumpOfAClientShowsTheKey(): void
    {
        $panel = new FakePanel([self::ok([])]);
        $client = new Client(self::KEY, $panel->url);
        $client->services();
        self::assertShowsNoKey($client);
        self::assertShowsNoKey($client->webhooks);
        $this->expectException(\Exception::class); // a closure, or a secret, is not serialized
        serialize($client);
    }

    private static function assertShowsNoKey(object $value): void
    {
        ob_start();
        var_dump($value, (array) $value);
        @var_export($value instanceof \Throwable ? $value->getMessage() : $value);
        $shown = ob_get_clean() . print_r($value, true) . json_encode($value) . ($value instanceof \Throwable ? $value : '');
        self::assertStringNotContainsString(substr(self::KEY, 8, 12), $shown);
    }
}
