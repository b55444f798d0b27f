<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;
use NotPanel\Exception\ConnectionException;
use NotPanel\Exception\InsufficientBalanceException;
use NotPanel\Exception\InvalidKeyException;
use NotPanel\Exception\InvalidRequestException;
use NotPanel\Exception\RateLimitedException;
use NotPanel\Exception\ServerException;
use NotPanel\Exception\TimeoutException;
use NotPanel\Exception\UnexpectedAnswerException;

/** What is sent again, when, and what is never. */
final class RetryTest extends TestCase
{
    private const BALANCE = ['balance' => '47.32', 'currency' => 'USD'];

    /** @return iterable<string, array{array<string, mixed>}> */
    public static function passingTrouble(): iterable
    {
        foreach ([500, 502, 503, 504] as $status) {
            yield "$status" => [self::refused($status, 'Internal error')];
        }
        yield '429' => [self::refused(429, 'Rate limit exceeded', ['Retry-After' => '1'])];
        yield "a proxy's page" => [self::step(502, '<html>Bad Gateway</html>', ['Content-Type' => 'text/html'])];
        yield 'the connection ends' => [['do' => 'drop']];
        yield 'it ends in the middle' => [['do' => 'cut'] + self::ok(self::BALANCE)];
        yield 'no answer in time' => [['do' => 'hang']];
    }

    /**
     * @dataProvider passingTrouble
     *
     * @param array<string, mixed> $trouble
     */
    public function testAReadIsRepeated(array $trouble): void
    {
        $panel = new FakePanel([$trouble, self::ok(self::BALANCE)]);
        self::assertSame('47.32', $this->client($panel, timeout: 0.5)->balance()->balance);
        self::assertCount(2, $panel->requests());
        self::assertCount(1, $this->waits);
    }

    /**
     * @dataProvider passingTrouble
     *
     * @param array<string, mixed> $trouble
     */
    public function testAddIsRepeatedWithTheSameRequestId(array $trouble): void
    {
        $panel = new FakePanel([$trouble, $trouble, self::ok(self::PLACED)]);
        $placed = $this->client($panel, timeout: 0.5)->add(service: 1, link: 'https://example.com/#sim=slow:2s', quantity: 1000);
        [$first, $second, $third] = $panel->requests();
        self::assertMatchesRegularExpression('/^[0-9a-f]{32}$/', $placed->requestId);
        self::assertSame($placed->requestId, $first['fields']['request_id']);
        self::assertSame($first['fields'], $second['fields']);
        self::assertSame($first['fields'], $third['fields']);
    }

    public function testEachAddHasARequestIdOfItsOwn(): void
    {
        $panel = new FakePanel([self::ok(self::PLACED), self::ok(self::PLACED)]);
        $client = $this->client($panel);
        self::assertNotSame($client->add(service: 1)->requestId, $client->add(service: 1)->requestId);
    }

    public function testItGivesUpAfterTheMostRetries(): void
    {
        $panel = new FakePanel(array_fill(0, 9, self::refused(503, 'Temporarily unavailable')));
        $this->thrown(ServerException::class, fn () => $this->client($panel)->balance());
        self::assertCount(5, $panel->requests());
        self::assertCount(4, $this->waits);
    }

    public function testWaitsGrowAndVary(): void
    {
        $panel = new FakePanel(array_fill(0, 9, self::refused(500, 'Internal error')));
        $this->thrown(ServerException::class, fn () => $this->client($panel, retries: 7)->balance());
        foreach ([0.5, 1, 2, 4, 8, 8, 8] as $i => $most) {
            self::assertGreaterThanOrEqual($most / 2, $this->waits[$i]);
            self::assertLessThanOrEqual($most, $this->waits[$i]);
        }
        self::assertGreaterThan(1, count(array_unique(array_slice($this->waits, 4))), 'the last three are not the same');
    }

    public function testRetryAfterIsHonoured(): void
    {
        $date = gmdate(\DateTimeInterface::RFC7231, time() + 20);
        $panel = new FakePanel([
            self::refused(429, 'Rate limit exceeded', ['Retry-After' => '7']),
            self::refused(503, 'Temporarily unavailable', ['Retry-After' => $date]),
            self::ok(self::BALANCE),
        ]);
        $this->client($panel)->balance();
        self::assertGreaterThanOrEqual(7, $this->waits[0]);
        self::assertLessThan(9, $this->waits[0]);
        self::assertGreaterThan(10, $this->waits[1]);
        self::assertLessThan(22, $this->waits[1]);
    }

    public function testALongRetryAfterEndsTheTries(): void
    {
        $panel = new FakePanel([self::refused(429, 'Rate limit exceeded', ['Retry-After' => '3600']), self::ok(self::BALANCE)]);
        $error = $this->thrown(RateLimitedException::class, fn () => $this->client($panel)->balance());
        self::assertSame(3600.0, $error->retryAfter);
        self::assertSame([], $this->waits);
        self::assertCount(1, $panel->requests());
    }

    public function testNoOtherRefusalIsRepeated(): void
    {
        foreach ([400, 403, 404, 405, 409, 413, 418, 421, 501] as $status) {
            $panel = new FakePanel([self::refused($status, 'No'), self::ok(self::BALANCE)]);
            try {
                $this->client($panel)->balance();
                self::fail("$status is no success");
            } catch (\NotPanel\Exception\ApiException $error) {
                self::assertSame($status, $error->status);
            }
            self::assertCount(1, $panel->requests(), "$status");
        }
    }

    public function testARedirectIsNotFollowed(): void
    {
        $elsewhere = new FakePanel([self::ok(self::BALANCE)]);
        foreach ([301, 302, 303, 307, 308] as $status) {
            $panel = new FakePanel([self::step($status, '', ['Location' => "$elsewhere->url/api/v2"])]);
            $error = $this->thrown(UnexpectedAnswerException::class, fn () => $this->client($panel)->balance());
            self::assertStringContainsString('redirect', $error->getMessage());
            self::assertCount(1, $panel->requests());
        }
        self::assertSame([], $elsewhere->requests());
    }

    /** @return iterable<string, array{callable(Client): mixed, array<string, mixed>}> */
    public static function whatIsDoneTwiceWhenSentTwice(): iterable
    {
        $new = ['id' => 'whk_1', 'url' => 'https://shop.example/', 'events' => [], 'secret' => 'whsec_x'];
        yield 'refill' => [static fn (Client $c) => $c->refill('1'), ['refill' => 'ref_1']];
        yield 'refills' => [static fn (Client $c) => $c->refills(['1']), [['order' => '1', 'refill' => 'ref_1']]];
        yield 'cancel' => [static fn (Client $c) => $c->cancel('1'), ['cancel' => 'ord_1']];
        yield 'cancels' => [static fn (Client $c) => $c->cancels(['1']), [['order' => '1', 'cancel' => true]]];
        yield 'webhook.add' => [static fn (Client $c) => $c->webhooks->add('https://shop.example/'), $new];
        yield 'webhook.remove' => [static fn (Client $c) => $c->webhooks->remove('whk_1'), ['removed' => 'whk_1']];
        yield 'webhook.test' => [static fn (Client $c) => $c->webhooks->test('whk_1'), ['delivery' => 'dlv_1']];
        yield 'webhook.rotate' => [static fn (Client $c) => $c->webhooks->rotate('whk_1'), $new + ['previous_expires_at' => null]];
        yield 'webhook.replay' => [static fn (Client $c) => $c->webhooks->replay('dlv_1'), ['replayed' => 1]];
        yield 'webhook.replay since' => [
            static fn (Client $c) => $c->webhooks->replayFailed('whk_1', new \DateTimeImmutable('2026-03-01T12:00:00Z')),
            ['replayed' => 1],
        ];
    }

    /** @dataProvider whatIsDoneTwiceWhenSentTwice */
    public function testItIsNotRepeatedWhereTheAnswerWasLost(callable $call, array $answer): void
    {
        $lost = [
            [ServerException::class, self::refused(500, 'Internal error')],
            [ServerException::class, self::refused(503, 'Temporarily unavailable')],
            [ConnectionException::class, ['do' => 'drop']],
            [TimeoutException::class, ['do' => 'hang']],
        ];
        foreach ($lost as [$class, $step]) {
            $panel = new FakePanel([$step, self::ok($answer)]);
            $error = $this->thrown($class, fn () => $call($this->client($panel, timeout: 0.3)));
            self::assertTrue($error->isOutcomeUnknown());
            self::assertCount(1, $panel->requests());
        }
    }

    /** @dataProvider whatIsDoneTwiceWhenSentTwice */
    public function testItIsRepeatedWhereNothingWasDone(callable $call, array $answer): void
    {
        $port = FakePanel::freePort();
        $panel = null;
        // The panel comes up while the client waits: the first try meets nobody.
        $client = $this->client("http://127.0.0.1:$port", sleep: function () use (&$panel, $port, $answer): void {
            $panel ??= new FakePanel([self::refused(429, 'Rate limit exceeded'), self::ok($answer)], $port);
        });
        $call($client);
        self::assertCount(2, $panel->requests());
    }

    /** curl by itself sends a request again when a kept connection turns out to be dead. */
    public function testItIsNotRepeatedOnAConnectionThatDied(): void
    {
        $panel = new FakePanel([self::ok(self::BALANCE), self::ok(self::BALANCE), ['do' => 'drop'], self::ok(['refill' => 'ref_1'])]);
        $client = $this->client($panel);
        $client->balance();
        $client->balance();
        $this->thrown(ConnectionException::class, fn () => $client->refill('1'));
        $requests = $panel->requests();
        self::assertCount(3, $requests);
        self::assertSame($requests[0]['connection'], $requests[1]['connection'], 'connections are kept');
        self::assertNotSame($requests[1]['connection'], $requests[2]['connection']);
    }

    public function testAnAddWithoutAnswerTellsItsRequestId(): void
    {
        foreach ([['do' => 'drop'], ['do' => 'hang'], self::refused(500, 'Internal error'), self::step(200, '<html>'), self::ok(['order' => 'ord_1'])] as $step) {
            $panel = new FakePanel([$step]);
            try {
                $this->client($panel, timeout: 0.3, retries: 0)->add(service: 1);
                self::fail('There is no order');
            } catch (\NotPanel\Exception\NotPanelException $error) {
                self::assertNotNull($error->requestId, $error::class);
                self::assertSame($panel->requests()[0]['fields']['request_id'], $error->requestId);
                self::assertTrue($error->isOutcomeUnknown());
            }
        }
    }

    public function testAnAddThatWasRefusedHasNoRequestId(): void
    {
        $panel = new FakePanel([self::refused(400, 'Insufficient balance')]);
        $error = $this->thrown(InsufficientBalanceException::class, fn () => $this->client($panel)->add(service: 1, requestId: 'shop-1'));
        self::assertNull($error->requestId);
        self::assertFalse($error->isOutcomeUnknown());
    }

    public function testAnAddThatWasNeverSentHasNoRequestId(): void
    {
        $client = $this->client('http://127.0.0.1:' . FakePanel::freePort());
        $error = $this->thrown(ConnectionException::class, fn () => $client->add(service: 1, requestId: 'shop-1'));
        self::assertFalse($error->sent);
        self::assertNull($error->requestId);
        self::assertCount(4, $this->waits);
    }

    /** The first try may have placed it; only the order's own refusal says that it has not. */
    public function testWhatAnEarlierTryMayHavePlacedIsTold(): void
    {
        $lost = self::refused(500, 'Internal error');
        foreach ([
            [InvalidKeyException::class, self::refused(400, 'Invalid API key'), 'shop-1'],
            [RateLimitedException::class, self::refused(429, 'Rate limit exceeded', ['Retry-After' => '99']), 'shop-1'],
            [InvalidRequestException::class, self::refused(421, 'Wrong host'), 'shop-1'],
            [InsufficientBalanceException::class, self::refused(400, 'Insufficient balance'), null],
            [InvalidRequestException::class, self::refused(400, 'coupon is not valid'), null],
        ] as [$class, $last, $expected]) {
            $panel = new FakePanel([$lost, $last]);
            $error = $this->thrown($class, fn () => $this->client($panel)->add(service: 1, requestId: 'shop-1'));
            self::assertSame($expected, $error->requestId, $error->getMessage());
        }
    }
}
