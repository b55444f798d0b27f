<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;
use NotPanel\Exception\ConnectionException;
use NotPanel\Exception\TimeoutException;
use NotPanel\Exception\UnexpectedAnswerException;
use NotPanel\Exception\UsageException;
use NotPanel\Http\CurlTransport;
use NotPanel\Http\Request;
use NotPanel\Http\Response;
use NotPanel\Http\Transport;

/** What a client is made of, and how it talks to the panel. */
final class ClientTest extends TestCase
{
    private const BALANCE = ['balance' => '47.32', 'currency' => 'USD'];

    public function testAKeyIsLiveOrTest(): void
    {
        $test = 'np_test_' . substr(self::KEY, 8, 43);
        self::assertInstanceOf(Client::class, new Client(self::KEY, 'https://panel.example'));
        self::assertInstanceOf(Client::class, new Client($test . self::checksum($test), 'https://panel.example'));
    }

    /** Written another way than the library does. */
    private static function checksum(string $of): string
    {
        $digits = [...range('0', '9'), ...range('A', 'Z'), ...range('a', 'z')];
        $sum = hexdec(hash('crc32b', $of));
        return implode('', array_map(static fn (int $place) => $digits[intdiv($sum, 62 ** $place) % 62], range(5, 0)));
    }

    /** @return iterable<string, array{string}> */
    public static function badKeys(): iterable
    {
        yield 'none' => [''];
        yield 'a line end behind it' => [self::KEY . "\n"];
        yield 'cut off' => [substr(self::KEY, 0, -1)];
        yield 'a letter is another' => ['np_live_103aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH'];
        yield 'the checksum is another' => [substr(self::KEY, 0, -1) . 'I'];
        yield 'the mode is another' => [str_replace('live', 'test', self::KEY)];
        yield 'something else' => ['sk_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH'];
    }

    /** @dataProvider badKeys */
    public function testAMistypedKeyIsRefusedAtOnce(string $key): void
    {
        $error = $this->thrown(UsageException::class, static fn () => new Client($key, 'https://panel.example'));
        self::assertStringContainsString('key', $error->getMessage());
        if ($key !== '') {
            self::assertStringNotContainsString($key, (string) $error);
        }
    }

    /** @return iterable<array{string, string}> */
    public static function addresses(): iterable
    {
        yield ['https://panel.example', 'https://panel.example/api/v2'];
        yield ['https://panel.example/', 'https://panel.example/api/v2'];
        yield ['HTTPS://Panel.Example:8443', 'https://panel.example:8443/api/v2'];
        yield ['https://panel.example/smm/', 'https://panel.example/smm/api/v2'];
        yield ['https://panel.example/api/v2', 'https://panel.example/api/v2'];
        yield ['https://panel.example/api/v2/', 'https://panel.example/api/v2'];
        yield ['https://203.0.113.7', 'https://203.0.113.7/api/v2'];
        yield ['http://localhost:8080', 'http://localhost:8080/api/v2'];
        yield ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/api/v2'];
        yield ['http://127.8.8.8', 'http://127.8.8.8/api/v2'];
        yield ['http://[::1]:8080', 'http://[::1]:8080/api/v2'];
    }

    /** @dataProvider addresses */
    public function testTheApisAddressFollowsFromThePanels(string $url, string $expected): void
    {
        $transport = new class () implements Transport {
            public ?Request $request = null;

            public function send(Request $request): Response
            {
                $this->request = $request;
                return new Response(200, [], '{"balance":"1.00","currency":"USD"}');
            }
        };
        self::assertSame('1.00', (new Client(self::KEY, $url, transport: $transport))->balance()->balance);
        self::assertSame($expected, $transport->request->url);
        self::assertSame('key=' . self::KEY . '&action=balance', $transport->request->body());
        self::assertStringNotContainsString(self::KEY, print_r($transport->request, true));
    }

    /** @return iterable<array{string}> */
    public static function badAddresses(): iterable
    {
        yield [''];
        yield ['panel.example'];
        yield ['http://panel.example'];
        yield ['http://localhost.panel.example'];
        yield ['http://127.0.0.1.panel.example'];
        yield ['http://127.panel.example'];
        yield ['http://0.0.0.0'];
        yield ['http://10.0.0.1'];
        yield ['http://[::2]'];
        yield ['http://127.0.0.1\@panel.example'];
        yield ['http://127.0.0.1@panel.example'];
        yield ['https://me:secret@panel.example'];
        yield ['https://panel.example?x=1'];
        yield ['https://panel.example#x'];
        yield ["https://panel.example\r\nX: 1"];
        yield ['https://pa nel.example'];
        yield ['https://'];
        yield ['ftp://panel.example'];
        yield ['file:///etc/passwd'];
    }

    /** @dataProvider badAddresses */
    public function testAnAddressThatWouldShowTheKeyIsRefused(string $url): void
    {
        $error = $this->thrown(UsageException::class, static fn () => new Client(self::KEY, $url));
        self::assertStringContainsString('address', $error->getMessage());
        self::assertStringNotContainsString('secret', $error->getMessage());
    }

    public function testNumbersAreInTheirRange(): void
    {
        foreach ([['timeout' => 0.0], ['connectTimeout' => -1.0], ['retries' => -1], ['maxWait' => -1.0], ['userAgent' => "a\r\nX: 1"]] as $option) {
            $this->thrown(UsageException::class, static fn () => new Client(self::KEY, 'https://panel.example', ...$option));
        }
    }

    public function testItSaysWhoItIs(): void
    {
        $panel = new FakePanel([self::ok(self::BALANCE), self::ok(self::BALANCE)]);
        $this->client($panel)->balance();
        $this->client($panel, userAgent: 'my-shop/2.0')->balance();
        [$one, $other] = $panel->requests();
        self::assertMatchesRegularExpression('~^notpanel-php/\d+\.\d+\.\d+ PHP/8\.\d+$~', $one['headers']['user-agent']);
        self::assertStringStartsWith('my-shop/2.0 notpanel-php/', $other['headers']['user-agent']);
    }

    public function testTheKeyIsInTheBodyAlone(): void
    {
        $panel = new FakePanel([self::ok(self::BALANCE)]);
        $this->client($panel)->balance();
        [$request] = $panel->requests();
        self::assertSame(self::KEY, $request['fields']['key']);
        self::assertStringNotContainsString('np_', $request['line'] . implode($request['headers']));
    }

    /** Plain http goes to this machine alone, whatever the environment says of proxies. */
    public function testPlainHttpGoesThroughNoProxy(): void
    {
        $proxy = new FakePanel([self::ok(self::BALANCE)]);
        $panel = new FakePanel([self::ok(self::BALANCE)]);
        foreach (['http_proxy', 'all_proxy'] as $name) {
            putenv("$name=$proxy->url");
        }
        try {
            $this->client($panel)->balance();
        } finally {
            putenv('http_proxy');
            putenv('all_proxy');
        }
        self::assertCount(1, $panel->requests());
        self::assertSame([], $proxy->requests());
    }

    public function testAnAnswerHasItsBound(): void
    {
        $panel = new FakePanel([
            ['status' => 200, 'fill' => CurlTransport::MAX_ANSWER + 1],
            ['status' => 200, 'fill' => CurlTransport::MAX_ANSWER],
            ['status' => 200, 'headers' => ['X-Long' => str_repeat('x', 70000)], 'body' => '{}'],
        ]);
        $client = $this->client($panel);
        $messages = array_map(fn () => $this->thrown(UnexpectedAnswerException::class, fn () => $client->balance())->getMessage(), range(1, 3));
        self::assertStringContainsString('larger than 33554432 bytes', $messages[0]);
        self::assertStringContainsString("is not the API's JSON", $messages[1]);
        self::assertStringContainsString('larger', $messages[2]);
        self::assertCount(3, $panel->requests());
    }

    public function testAnInterimAnswerIsNone(): void
    {
        $early = "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\n\r\n";
        $panel = new FakePanel([['before' => $early] + self::ok([]), self::ok([])]);
        $client = $this->client($panel);
        self::assertSame([[], []], [$client->services(), $client->services()]);
        self::assertArrayNotHasKey('if-none-match', $panel->requests()[1]['headers']);
    }

    /** What is small on the wire may be large when it is unpacked. */
    public function testTheBoundIsOfWhatIsUnpacked(): void
    {
        $packed = gzencode('{"balance":"47.32","currency":"USD"}');
        $panel = self::sends($packed);
        $small = $this->client($panel)->balance();
        self::assertSame('47.32', $small->balance);

        $bomb = gzencode(str_repeat(' ', 5000), 9);
        self::assertLessThan(100, strlen($bomb));
        $panel = self::sends($bomb);
        $client = $this->client($panel, transport: new CurlTransport(maxAnswer: 4999));
        $error = $this->thrown(UnexpectedAnswerException::class, fn () => $client->balance());
        self::assertStringContainsString('larger than 4999 bytes', $error->getMessage());
    }

    private static function sends(string $packed): FakePanel
    {
        return new FakePanel([['status' => 200, 'headers' => ['Content-Encoding' => 'gzip'], 'base64' => base64_encode($packed)]]);
    }

    public function testTimeIsBounded(): void
    {
        $panel = new FakePanel([['do' => 'hang']]);
        $error = $this->thrown(TimeoutException::class, fn () => $this->client($panel, timeout: 0.2, retries: 0)->balance());
        self::assertTrue($error->sent);
        self::assertStringContainsString('127.0.0.1', $error->getMessage());
    }

    public function testConnectingHasATimeOfItsOwn(): void
    {
        $server = stream_socket_server('tcp://127.0.0.1:0', $errno, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN);
        $port = substr(strrchr(stream_socket_get_name($server, false), ':'), 1);
        // It listens and never says hello: TLS does not come about.
        $client = $this->client("https://127.0.0.1:$port", connectTimeout: 0.2, timeout: 60.0, retries: 0);
        $error = $this->thrown(TimeoutException::class, fn () => $client->refill(1));
        self::assertFalse($error->sent);
        self::assertFalse($error->isOutcomeUnknown());
    }

    public function testACertificateIsChecked(): void
    {
        $file = $this->certificate('localhost');
        $panel = new FakePanel([self::ok(self::BALANCE)], certificate: $file);
        $error = $this->thrown(ConnectionException::class, fn () => $this->client($panel)->balance());
        self::assertFalse($error->sent);
        self::assertSame([], $this->waits, 'waiting makes it no better');

        $named = str_replace('127.0.0.1', 'localhost', $panel->url);
        $this->thrown(ConnectionException::class, fn () => $this->client($named)->balance()); // the name fits, nobody vouches for it
        self::assertSame('47.32', $this->client($named, transport: new CurlTransport(caFile: $file))->balance()->balance);
        // Trusted, but another's.
        $this->thrown(ConnectionException::class, fn () => $this->client($panel, transport: new CurlTransport(caFile: $file))->balance());
        $this->thrown(UsageException::class, static fn () => new CurlTransport(caFile: "$file.none"));
        self::assertCount(1, $panel->requests());
    }

    /** A file with a certificate for a name, signed by itself, and its key. */
    private function certificate(string $name): string
    {
        $key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
        $request = openssl_csr_new(['commonName' => $name], $key, ['digest_alg' => 'sha256']);
        openssl_x509_export(openssl_csr_sign($request, null, $key, 2, ['digest_alg' => 'sha256']), $certificate);
        openssl_pkey_export($key, $private);
        $file = tempnam(sys_get_temp_dir(), 'notpanel');
        file_put_contents($file, $certificate . $private);
        register_shutdown_function(static fn () => unlink($file));
        return $file;
    }
}
