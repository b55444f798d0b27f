<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Exception\BadSecretException;
use NotPanel\Exception\BadSignatureException;
use NotPanel\Exception\MissingSignatureException;
use NotPanel\Exception\StaleSignatureException;
use NotPanel\Exception\UnreadableEventException;
use NotPanel\Exception\UsageException;
use NotPanel\Webhook\EventType;
use NotPanel\Webhook\Verifier;

/** Which deliveries are believed, in both forms of a signature, and what they say. */
final class VerifierTest extends TestCase
{
    private const NOW = 1767225600;

    /** @return array<string, mixed> */
    private static function event(): array
    {
        return [
            'id' => 'evt_01', 'type' => 'order.completed', 'created_at' => '2026-01-01T00:00:00Z', 'sequence' => 4,
            'data' => [
                'order' => 'ord_01', 'number' => 23501, 'request_id' => 'shop-1', 'status' => 'completed', 'charge' => '0.50', 'refunded' => '0.00',
                'start_count' => '1234', 'remains' => null, 'currency' => 'USD', 'link' => 'https://example.com/é', 'service' => 1,
            ],
        ];
    }

    private static function secret(string $letter): string
    {
        return 'whsec_' . base64_encode(str_repeat($letter, 32));
    }

    /**
     * The headers of a delivery, signed with the secrets of some letters.
     *
     * @return array<string, string>
     */
    private static function headers(string $form, string $body, string $letters = 'a', int $time = self::NOW): array
    {
        $sign = static fn (string $text, bool $raw) => array_map(
            static fn (string $letter) => hash_hmac('sha256', $text, str_repeat($letter, 32), $raw),
            str_split($letters),
        );
        return match ($form) {
            'standard' => [
                'webhook-id' => 'evt_01',
                'webhook-timestamp' => (string) $time,
                'webhook-signature' => implode(' ', array_map(static fn ($mac) => 'v1,' . base64_encode($mac), $sign("evt_01.$time.$body", true))),
            ],
            'own' => ['X-NotPanel-Signature' => "t=$time," . implode(',', array_map(static fn ($mac) => "v1=$mac", $sign("$time.$body", false)))],
        };
    }

    private static function verifier(string|array|null $secrets = null, int $tolerance = 300): Verifier
    {
        return new Verifier($secrets ?? self::secret('a'), $tolerance, static fn (): int => self::NOW);
    }

    private static function body(): string
    {
        return json_encode(self::event(), JSON_THROW_ON_ERROR);
    }

    /** @return iterable<string, array{string}> */
    public static function forms(): iterable
    {
        yield 'Standard Webhooks' => ['standard'];
        yield 'X-NotPanel-Signature' => ['own'];
    }

    /** Made by openssl, not by this library or its tests' code. */
    public function testVectors(): void
    {
        $secret = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
        $body = '{"id":"evt_01","type":"ping","created_at":"2026-01-01T00:00:00Z","sequence":0,"data":{"webhook":"whk_01"}}';
        $verifier = self::verifier($secret);
        self::assertSame('whk_01', $verifier->verify($body, [
            'X-NotPanel-Signature' => 't=1767225600,v1=8344c65344de1c89391ad9c4593bdae4cfb3d5428279ff0f758103c97fc98778',
        ])->webhook);
        self::assertSame(EventType::PING, $verifier->verify($body, [
            'webhook-id' => 'evt_01', 'webhook-timestamp' => '1767225600', 'webhook-signature' => 'v1,TbCmOqSP3gwdGBdg44FWz0LaxbzRVrl6kQGkaPxqKbs=',
        ])->type);
    }

    /** @dataProvider forms */
    public function testADeliveryIsBelieved(string $form): void
    {
        $event = self::verifier()->verify(self::body(), self::headers($form, self::body()));
        self::assertSame(['evt_01', EventType::ORDER_COMPLETED, self::NOW, 4], [$event->id, $event->type, $event->createdAt->getTimestamp(), $event->sequence]);
        self::assertSame(['ord_01', 23501, 'shop-1', 'completed', '0.50', '0.00', 1234, null, 'USD', 'https://example.com/é', 1], [
            $event->order->id, $event->order->number, $event->order->requestId, $event->order->status, $event->order->charge, $event->order->refunded,
            $event->order->startCount, $event->order->remains, $event->order->currency, $event->order->link, $event->order->service,
        ]);
        self::assertSame([null, null, null, null], [$event->refill, $event->balance, $event->change, $event->webhook]);
    }

    /** @dataProvider forms */
    public function testEveryChangedByteIsNoticed(string $form): void
    {
        $body = self::body();
        $headers = self::headers($form, $body);
        for ($i = 0; $i < strlen($body); $i++) {
            $changed = $body;
            $changed[$i] = chr(ord($changed[$i]) ^ 1);
            $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify($changed, $headers));
        }
        $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify("$body ", $headers));
        $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify(substr($body, 0, -1), $headers));
    }

    /** @dataProvider forms */
    public function testEveryChangedSignatureIsNoticed(string $form): void
    {
        $headers = self::headers($form, self::body());
        $name = array_key_last($headers);
        $start = strpos($headers[$name], 'v1') + 3;
        for ($i = $start; $i < strlen($headers[$name]); $i++) {
            $changed = $headers;
            $changed[$name][$i] = $changed[$name][$i] === '0' ? '1' : '0';
            $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify(self::body(), $changed));
        }
        $this->thrown(
            BadSignatureException::class,
            fn () => self::verifier()->verify(self::body(), [$name => substr($headers[$name], 0, $start)] + $headers),
        );
    }

    /** The time and the id are signed too. */
    public function testAnotherTimeOrIdIsNoticed(): void
    {
        $body = self::body();
        foreach ([['webhook-timestamp' => (string) (self::NOW + 1)], ['webhook-id' => 'evt_02']] as $changed) {
            $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify($body, $changed + self::headers('standard', $body)));
        }
        $own = str_replace('t=' . self::NOW, 't=' . (self::NOW + 1), self::headers('own', $body)['X-NotPanel-Signature']);
        $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify($body, ['X-NotPanel-Signature' => $own]));
    }

    /** @dataProvider forms */
    public function testATimeTooFarOffIsRefused(string $form): void
    {
        $body = self::body();
        foreach ([-301, 301, -86400, 86400] as $off) {
            $this->thrown(
                StaleSignatureException::class,
                fn () => self::verifier()->verify($body, self::headers($form, $body, time: self::NOW + $off)),
            );
        }
        foreach ([-300, 300, 0] as $off) {
            self::assertSame('evt_01', self::verifier()->verify($body, self::headers($form, $body, time: self::NOW + $off))->id);
        }
        $this->thrown(
            StaleSignatureException::class,
            fn () => self::verifier(tolerance: 5)->verify($body, self::headers($form, $body, time: self::NOW - 6)),
        );
    }

    public function testTheClockIsTheSystemsUnlessToldOtherwise(): void
    {
        $body = self::body();
        $verifier = new Verifier(self::secret('a'));
        self::assertSame('evt_01', $verifier->verify($body, self::headers('own', $body, time: time()))->id);
        $this->thrown(StaleSignatureException::class, fn () => $verifier->verify($body, self::headers('own', $body)));
    }

    /** @dataProvider forms */
    public function testAnotherSecretIsRefused(string $form): void
    {
        $this->thrown(
            BadSignatureException::class,
            fn () => self::verifier(self::secret('b'))->verify(self::body(), self::headers($form, self::body())),
        );
    }

    /**
     * While a rotation lasts: the panel signs with two, and the receiver has one or both.
     *
     * @dataProvider forms
     */
    public function testTwoSignaturesAndTwoSecrets(string $form): void
    {
        $body = self::body();
        foreach ([self::secret('a'), self::secret('b'), [self::secret('c'), self::secret('b')], ['new' => self::secret('b'), 'old' => self::secret('a')]] as $secrets) {
            self::assertSame('evt_01', self::verifier($secrets)->verify($body, self::headers($form, $body, 'ab'))->id);
        }
        self::assertSame('evt_01', self::verifier([self::secret('b'), self::secret('a')])->verify($body, self::headers($form, $body, 'a'))->id);
        $this->thrown(
            BadSignatureException::class,
            fn () => self::verifier([self::secret('c'), self::secret('d')])->verify($body, self::headers($form, $body, 'ab')),
        );
    }

    /** @dataProvider forms */
    public function testSignaturesOfVersionsToComeAreNotHeeded(string $form): void
    {
        $body = self::body();
        $headers = self::headers($form, $body);
        $name = array_key_last($headers);
        $with = $form === 'standard' ? "v2,abc v1a,def {$headers[$name]}" : "{$headers[$name]},v2=abc";
        self::assertSame('evt_01', self::verifier()->verify($body, [$name => $with] + $headers)->id);
        $this->thrown(
            BadSignatureException::class,
            fn () => self::verifier()->verify($body, [$name => str_replace('v1', 'v2', $headers[$name])] + $headers),
        );
    }

    public function testHeadersComeAsFrameworksHandThemOver(): void
    {
        $body = self::body();
        foreach (['standard', 'own'] as $form) {
            $headers = self::headers($form, $body);
            $server = ['REQUEST_METHOD' => 'POST', 'argv' => ['x'], 'REQUEST_TIME' => 1];
            $shapes = [
                array_change_key_case($headers, CASE_UPPER),
                array_change_key_case($headers, CASE_LOWER),
                array_map(static fn (string $value) => [$value], $headers),
                $server + array_combine(array_map(static fn ($name) => 'HTTP_' . strtoupper(strtr($name, '-', '_')), array_keys($headers)), $headers),
            ];
            foreach ($shapes as $shape) {
                self::assertSame('evt_01', self::verifier()->verify($body, $shape)->id);
            }
        }
    }

    public function testStandardWebhooksComeFirst(): void
    {
        $body = self::body();
        $both = self::headers('standard', $body) + self::headers('own', $body);
        self::assertSame('evt_01', self::verifier()->verify($body, $both)->id);
        $this->thrown(BadSignatureException::class, fn () => self::verifier()->verify($body, self::headers('standard', $body, 'b') + $both));
    }

    public function testMissingHeadersAreSaid(): void
    {
        $body = self::body();
        $standard = self::headers('standard', $body);
        foreach ([
            [], ['Content-Type' => 'application/json'], ['X-NotPanel-Signature' => ''], ['X-NotPanel-Signature' => 'v1=00'],
            ['X-NotPanel-Signature' => 't=,v1=00'], ['X-NotPanel-Signature' => 't=soon,v1=00'], ['X-NotPanel-Signature' => 't=-1,v1=00'],
            array_diff_key($standard, ['webhook-id' => 0]), array_diff_key($standard, ['webhook-timestamp' => 0]),
            array_diff_key($standard, ['webhook-signature' => 0]), ['webhook-timestamp' => '1e9'] + $standard,
            ['webhook-timestamp' => str_repeat('9', 30)] + $standard,
        ] as $headers) {
            $this->thrown(MissingSignatureException::class, fn () => self::verifier()->verify($body, $headers));
        }
    }

    public function testASecretHasItsForm(): void
    {
        $good = self::secret('a');
        foreach ([
            '', 'whsec_', substr($good, 6), "$good\n", 'whsec_' . base64_encode(str_repeat('a', 31)), 'whsec_' . base64_encode(str_repeat('a', 33)),
            'whsec_' . str_repeat('*', 44), self::KEY, [], [$good, ''], [7],
        ] as $secret) {
            $error = $this->thrown(BadSecretException::class, static fn () => new Verifier($secret));
            self::assertStringNotContainsString(base64_encode('aaaaaa'), (string) $error);
        }
        $this->thrown(UsageException::class, static fn () => new Verifier($good, -1));
    }

    public function testNoDumpShowsTheSecret(): void
    {
        $verifier = self::verifier();
        ob_start();
        var_dump($verifier);
        $shown = ob_get_clean() . print_r((array) $verifier, true) . var_export($verifier, true);
        self::assertStringNotContainsString('aaaa', $shown);
        self::assertStringNotContainsString(base64_encode('aaa'), $shown);
    }

    public function testASignedBodyThatIsNoEventIsSaid(): void
    {
        $event = self::event();
        foreach (['', 'null', '[]', '"x"', '{', json_encode(['id' => 7] + $event), json_encode(['data' => 'x'] + $event), json_encode(['sequence' => '4'] + $event)] as $body) {
            $this->thrown(UnreadableEventException::class, fn () => self::verifier()->verify($body, self::headers('own', $body)));
        }
    }

    /** @return iterable<string, array{string, array<string, mixed>, callable}> */
    public static function events(): iterable
    {
        $order = self::event()['data'];
        $change = [
            'change' => 9, 'service' => 2, 'field' => 'rate', 'before' => '1.00', 'after' => '1.10', 'at' => '2026-03-01T12:00:00Z',
            'effective_at' => '2026-03-01T12:00:00Z',
        ];
        yield 'refill' => ['refill.rejected', $order + ['refill' => 'ref_1'], static fn ($event) => [$event->refill, $event->order->id] === ['ref_1', 'ord_01']];
        yield 'low' => ['balance.low', ['balance' => '1.20', 'currency' => 'USD', 'threshold' => '5.00'],
            static fn ($event) => [$event->balance->balance, $event->balance->threshold, $event->balance->amount, $event->order] === ['1.20', '5.00', null, null]];
        yield 'credited' => ['balance.credited', ['balance' => '11.20', 'currency' => 'USD', 'amount' => '10.00'], static fn ($event) => $event->balance->amount === '10.00'];
        yield 'service' => ['service.changed', $change, static fn ($event) => [$event->change->id, $event->change->after] === [9, '1.10']];
        yield 'ping' => ['ping', ['webhook' => 'whk_1'], static fn ($event) => $event->webhook === 'whk_1'];
        yield 'a type to come' => ['order.praised', ['stars' => 5, 'order' => ['id' => 1]], static fn ($event) => [$event->type, $event->data['stars'], $event->order] === ['order.praised', 5, null]];
        yield 'a field to come' => ['order.created', $order + ['stars' => 5], static fn ($event) => [$event->data['stars'], $event->order->number] === [5, 23501]];
    }

    /** @dataProvider events */
    public function testAnEventIsTyped(string $type, array $data, callable $right): void
    {
        $body = json_encode(['type' => $type, 'data' => $data, 'more' => true] + self::event(), JSON_THROW_ON_ERROR);
        self::assertTrue($right(self::verifier()->verify($body, self::headers('own', $body))));
    }
}
