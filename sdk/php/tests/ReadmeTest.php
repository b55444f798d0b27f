<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;

/** Every sample of the README runs as it is printed. */
final class ReadmeTest extends TestCase
{
    /** @return list<string> the blocks of PHP, in their order */
    private static function samples(): array
    {
        preg_match_all('/^```php\n(.*?)^```$/ms', file_get_contents(__DIR__ . '/../README.md'), $found);
        return $found[1];
    }

    /** The sample that has a text in it. */
    private static function sample(string $with): string
    {
        $those = array_values(array_filter(self::samples(), static fn (string $sample) => str_contains($sample, $with)));
        self::assertCount(1, $those, $with);
        return $those[0];
    }

    /** A folder as a reader has it: the library is in vendor. */
    private static function folder(string $name, string $sample): string
    {
        $folder = sys_get_temp_dir() . '/notpanel-readme-' . bin2hex(random_bytes(6));
        mkdir("$folder/vendor", 0700, true);
        file_put_contents("$folder/vendor/autoload.php", '<?php require ' . var_export(dirname(__DIR__) . '/autoload.php', true) . ';');
        file_put_contents("$folder/$name", $sample);
        register_shutdown_function(static function () use ($folder, $name): void {
            array_map(unlink(...), ["$folder/$name", "$folder/vendor/autoload.php"]);
            array_map(rmdir(...), ["$folder/vendor", $folder]);
        });
        return $folder;
    }

    /** Every sample is run by one of the tests below. */
    public function testNoSampleIsForgotten(): void
    {
        self::assertCount(8, self::samples());
    }

    public function testTheFirstSampleIsShort(): void
    {
        self::assertLessThanOrEqual(60, substr_count(self::samples()[0], "\n"));
    }

    /** It places an order and sees it completed by webhooks, against a running demo. */
    public function testTheFirstSampleSeesItsOrderCompleted(): void
    {
        if (getenv('NOTPANEL_URL') === false) {
            self::markTestSkipped('NOTPANEL_URL is not set: there is no panel');
        }
        $folder = self::folder('order.php', self::sample('<?php // order.php'));
        $process = proc_open([PHP_BINARY, 'order.php'], [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $pipes, $folder);
        $printed = stream_get_contents($pipes[1]);
        self::assertSame(0, proc_close($process), $printed);
        self::assertMatchesRegularExpression('/^ord_[0-9A-Z]{26} completed\n$/D', $printed);

        $panel = new Client(getenv('NOTPANEL_KEY'), getenv('NOTPANEL_URL'));
        self::assertSame('completed', $panel->order(explode(' ', $printed)[0])->status);
        self::assertSame([], $panel->webhooks->list(), 'it has removed its webhook');
    }

    public function testTheReceiverBelievesSignedDeliveriesAlone(): void
    {
        $folder = self::folder('webhook.php', self::sample('<?php // webhook.php'));
        $process = proc_open([PHP_BINARY, '-S', '127.0.0.1:0', 'webhook.php'], [2 => ['pipe', 'w']], $pipes, $folder, [
            'NOTPANEL_WEBHOOK_SECRET' => 'whsec_' . base64_encode(str_repeat('a', 32)), 'PATH' => getenv('PATH'),
        ]);
        try {
            self::assertSame(1, preg_match('/:(\d+)\) started/', fgets($pipes[2]), $found), 'it says when it is ready');
            $port = (int) $found[1];
            $body = '{"id":"evt_1","type":"balance.low","created_at":"2026-03-01T12:00:00Z","sequence":0,"data":{"balance":"1.20","currency":"USD"}}';
            self::assertSame(204, self::deliver($port, $body, 'a'));
            self::assertSame(400, self::deliver($port, $body, 'b'));
        } finally {
            proc_terminate($process);
            $said = stream_get_contents($pipes[2]);
            proc_close($process);
        }
        self::assertSame(1, substr_count($said, 'Only 1.20 left'), $said);
    }

    private static function deliver(int $port, string $body, string $letter): int
    {
        $time = time();
        $context = stream_context_create(['http' => [
            'method' => 'POST',
            'ignore_errors' => true,
            'content' => $body,
            'header' => ['Content-Type: application/json', "X-NotPanel-Signature: t=$time,v1=" . hash_hmac('sha256', "$time.$body", str_repeat($letter, 32))],
        ]]);
        file_get_contents("http://127.0.0.1:$port/", false, $context);
        return (int) explode(' ', $http_response_header[0])[1];
    }

    /**
     * Runs a sample and returns what it printed.
     *
     * @param array<string, mixed> $given what the text around the sample presumes
     */
    private static function printed(string $sample, StubPanel $stub, array $given = []): string
    {
        $given['panel'] = new Client(self::KEY, 'https://panel.example', transport: $stub);
        return (static function () use ($sample, $given): string {
            extract($given);
            ob_start();
            try {
                eval($sample);
            } finally {
                $printed = ob_get_clean();
            }
            return $printed;
        })();
    }

    public function testOrdering(): void
    {
        $status = ['status' => 'partial', 'charge' => '0.50', 'start_count' => null, 'remains' => '5', 'currency' => 'USD'];
        $stub = new StubPanel([
            'add' => self::PLACED, 'cancel' => ['cancel' => 'ord_1'],
            'status' => static fn (array $sent) => isset($sent['order']) ? $status : ['7' => $status],
        ]);
        $printed = self::printed(self::sample('$panel->statuses('), $stub, ['number' => 4711]);
        self::assertSame("ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9 costs 2.00 USD\npartial\n", $printed);
        self::assertSame(['add', 'status', 'status', 'cancel'], $stub->called);
    }

    public function testLists(): void
    {
        $order = ['remains' => '650', 'status' => 'in_progress'] + self::orderRow(9);
        $line = [
            'transaction' => 1, 'type' => 'charge', 'amount' => '-2.00', 'balance' => '98.00', 'order' => null, 'memo' => 'Order 9', 'at' => '2026-03-01T12:00:00Z',
        ];
        $stub = new StubPanel([
            'orders' => ['orders' => [$order], 'cursor' => null],
            'transactions' => ['transactions' => [$line], 'cursor' => '1', 'currency' => 'USD'],
        ]);
        self::assertSame("9 650\n2026-03-01T12:00:00+00:00 -2.00 98.00\n", self::printed(self::sample('eachOrder'), $stub, ['cursor' => null]));
    }

    public function testErrors(): void
    {
        $sample = self::sample('catch (InsufficientBalanceException)');
        self::assertSame("quantity must be between 10 and 100000\n", self::printed($sample, new StubPanel(['add' => [400, 'quantity must be between 10 and 100000']])));
        self::assertSame("Top up first\n", self::printed($sample, new StubPanel(['add' => [400, 'Insufficient balance']])));
        self::assertMatchesRegularExpression('/^Odd [0-9a-f]{32}\n$/D', self::printed($sample, new StubPanel(['add' => [599, 'Odd']])));
    }

    public function testOptionsAndWebhooks(): void
    {
        foreach (['NOTPANEL_KEY' => self::KEY, 'NOTPANEL_URL' => 'https://panel.example'] as $name => $value) {
            $before[$name] = getenv($name);
            putenv("$name=$value");
        }
        try {
            self::assertSame('', self::printed(self::sample('CurlTransport'), new StubPanel([])));
        } finally {
            foreach ($before as $name => $value) {
                putenv($value === false ? $name : "$name=$value");
            }
        }

        $stub = new StubPanel(['webhook.add' => ['id' => 'whk_1', 'url' => 'https://shop.example/', 'events' => [], 'secret' => 'whsec_1']]);
        self::assertSame('whk_1 whsec_1', self::printed("function save(string \$id, string \$secret): void { echo \"\$id \$secret\"; }\n" . self::sample('save('), $stub));
    }

    public function testAFrameworksRequest(): void
    {
        $time = time();
        $body = '{"id":"evt_1","type":"ping","created_at":"2026-03-01T12:00:00Z","sequence":0,"data":{"webhook":"whk_1"}}';
        $headers = ['x-notpanel-signature' => ["t=$time,v1=" . hash_hmac('sha256', "$time.$body", str_repeat('o', 32))]];
        $request = new class ($body, $headers) {
            public object $headers;

            public function __construct(private readonly string $body, private readonly array $all)
            {
                $this->headers = $this;
            }

            public function all(): array
            {
                return $this->all;
            }

            public function getContent(): string
            {
                return $this->body;
            }

            public function getBody(): string
            {
                return $this->body;
            }

            public function getHeaders(): array
            {
                return $this->all;
            }
        };
        $secret = static fn (string $letter) => 'whsec_' . base64_encode(str_repeat($letter, 32));
        $given = ['newSecret' => $secret('n'), 'oldSecret' => $secret('o'), 'request' => $request, 'psrRequest' => $request];
        $printed = self::printed(self::sample('$psrRequest') . 'echo $event->webhook;', new StubPanel([]), $given);
        self::assertSame('whk_1', $printed);
    }
}
