<?php

declare(strict_types=1);

namespace NotPanel;

use NotPanel\Exception\NotPanelException;
use NotPanel\Exception\UsageException;
use NotPanel\Http\CurlTransport;
use NotPanel\Http\Response;
use NotPanel\Http\Transport;
use NotPanel\Internal\Address;
use NotPanel\Internal\Backoff;
use NotPanel\Internal\Caller;
use NotPanel\Internal\Fields;
use NotPanel\Internal\Given;
use NotPanel\Internal\Key;
use NotPanel\Internal\Pages;
use NotPanel\Internal\Repeat;
use NotPanel\Model\Balance;
use NotPanel\Model\CancelResult;
use NotPanel\Model\Change;
use NotPanel\Model\ChangePage;
use NotPanel\Model\Order;
use NotPanel\Model\OrderPage;
use NotPanel\Model\OrderStatus;
use NotPanel\Model\PlacedOrder;
use NotPanel\Model\RefillResult;
use NotPanel\Model\RefillStatusResult;
use NotPanel\Model\Service;
use NotPanel\Model\StatusResult;
use NotPanel\Model\Transaction;
use NotPanel\Model\TransactionPage;

/**
 * A panel, as one key sees it.
 *
 * All amounts are decimal texts such as "0.27819", exact: compute with them by a
 * decimal library, never as floats. Orders are named by their id or their number.
 *
 * Each method throws a NotPanelException: see the folder Exception for which. Reads
 * and add() are tried again on 429, 500, 502, 503, 504, time-outs and network
 * trouble; refill, cancel and what changes webhooks only on 429 and where no
 * connection could be made, as they may have been done when an answer is lost.
 */
final class Client
{
    public const VERSION = '0.1.0';

    /** Webhooks: who is told of what happens to orders. */
    public readonly Webhooks $webhooks;

    private readonly Caller $caller;

    /** @var array<string, array{etag: string, services: list<Service>}> by language */
    private array $catalogues = [];

    /**
     * @param string         $key            `np_live_…`, or `np_test_…` for play money and simulated
     *                                       delivery
     * @param string         $url            the panel's address, as in https://panel.example; http is
     *                                       for this machine alone
     * @param float          $timeout        seconds that a try may take
     * @param float          $connectTimeout seconds of them for connecting
     * @param int            $retries        most repeats of a call
     * @param float          $maxWait        most seconds between two tries; who is told to wait longer
     *                                       gets the error at once
     * @param string|null    $userAgent      what to put before this library's own
     * @param Transport|null $transport      how requests are sent, where not by curl
     * @param \Closure|null  $sleep          function (float $seconds): void, where waiting must not
     *                                       block
     *
     * @throws UsageException where the key is mistyped, the address can't be used, or a number is
     *                        out of its range
     */
    public function __construct(
        #[\SensitiveParameter]
        string $key,
        string $url,
        float $timeout = 30.0,
        float $connectTimeout = 10.0,
        int $retries = 4,
        float $maxWait = 60.0,
        ?string $userAgent = null,
        ?Transport $transport = null,
        ?\Closure $sleep = null,
    ) {
        if ($timeout <= 0 || $connectTimeout <= 0 || $retries < 0 || $maxWait < 0) {
            throw new UsageException('Time-outs must be above 0, retries and maxWait not below');
        }
        $agent = ltrim("$userAgent notpanel-php/" . self::VERSION . ' PHP/' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION);
        if (preg_match('/^[\x20-\x7e]+$/D', $agent) !== 1) {
            throw new UsageException('userAgent must be printable ASCII');
        }
        $this->caller = new Caller(
            key: new Key($key),
            url: Address::ofPanel($url),
            transport: $transport ?? new CurlTransport(),
            backoff: new Backoff($retries, $maxWait),
            sleep: $sleep ?? static function (float $seconds): void {
                usleep((int) ($seconds * 1e6));
            },
            timeout: $timeout,
            connectTimeout: $connectTimeout,
            userAgent: $agent,
        );
        $this->webhooks = new Webhooks($this->caller);
    }

    /**
     * What can be ordered now, in the panel's order, at this key's price. A client
     * keeps the list and asks the panel whether it has changed.
     *
     * @param string|null $lang such as `de` or `pt-BR`: the language of names and descriptions
     *
     * @return list<Service>
     *
     * @throws NotPanelException
     */
    public function services(?string $lang = null): array
    {
        $had = $this->catalogues[$lang ?? ''] ?? null;
        $headers = $had === null ? [] : ['If-None-Match' => $had['etag']];
        $now = $this->caller->send('services', ['lang' => $lang], function (Response $response) use ($had): array {
            return $response->status === 304 && $had !== null ? $had : [
                'etag' => $response->headers['etag'] ?? null,
                'services' => Fields::each($this->caller->json($response), Service::from(...)),
            ];
        }, headers: $headers);
        if ($now['etag'] !== null) {
            $this->catalogues[$lang ?? ''] = $now;
        }
        return $now['services'];
    }

    /**
     * One service, with what was measured of it.
     *
     * @throws NotPanelException
     */
    public function service(int $service, ?string $lang = null): Service
    {
        return $this->caller->object('service', ['service' => $service, 'lang' => $lang], Service::from(...));
    }

    /**
     * Changes of the catalogue, the oldest first.
     *
     * @param string|null $cursor what the page before gave; null: from the first change on;
     *                            `latest`: no changes, the cursor of now
     * @param int|null    $limit  1 to 500, usually 100
     *
     * @throws NotPanelException
     */
    public function changes(?string $cursor = null, ?int $limit = null): ChangePage
    {
        return $this->caller->object('changes', ['cursor' => $cursor, 'limit' => $limit], ChangePage::from(...));
    }

    /**
     * All changes after a cursor, up to now.
     *
     * @return \Generator<int, Change, void, string|null> its return value is the cursor to begin with
     *                                                    the next time
     *
     * @throws NotPanelException
     */
    public function eachChange(?string $cursor = null): \Generator
    {
        return yield from Pages::untilShort($cursor, function (?string $cursor): array {
            $page = $this->changes($cursor, Pages::SIZE);
            return [$page->changes, $page->cursor];
        });
    }

    /**
     * Places an order and charges it. Which fields it takes depends on the service's
     * type: docs/api-v2.md of the panel has the table. Lists may be arrays, or texts
     * with an entry a line.
     *
     * @param string|null                    $link          an http or https URL; of all but subscriptions
     * @param int|null                       $quantity      within the service's min, max and increment
     * @param string|null                    $requestId     your name for this order, 1 to 128 printable
     *                                                      characters: who repeats a call with it pays once.
     *                                                      Null makes one, the same for all tries of this call.
     * @param string|null                    $maxCharge     refuse rather than charge more than this decimal
     * @param int|null                       $runs          drip-feed in 2 to 1,000 runs; quantity is for each
     * @param int|null                       $interval      minutes between them, 1 to 10,080
     * @param list<string>|string|null       $comments
     * @param list<string>|string|null       $usernames
     * @param list<string>|string|null       $hashtags
     * @param list<string>|string|null       $keywords
     * @param list<string>|string|null       $groups
     * @param string|null                    $media         a URL
     * @param int|null                       $device        1 to 5: desktop, Android, iOS, mixed mobile, mixed
     * @param int|null                       $typeOfTraffic 1 to 3: by $googleKeyword, by $referringUrl, blank
     * @param int|null                       $min           of a subscription: least for each post
     * @param int|null                       $max           most for each post, which is charged at first
     * @param int|null                       $delay         minutes before a new post is served
     * @param int|null                       $posts         new posts, 1 to 1,000
     * @param int|null                       $oldPosts      posts that are there already
     * @param \DateTimeInterface|string|null $expiry        its last day, as in 2026-12-31
     *
     * @throws NotPanelException with its requestId where the order may have been placed all the same
     */
    public function add(
        int $service,
        ?string $link = null,
        ?int $quantity = null,
        ?string $requestId = null,
        ?string $maxCharge = null,
        ?string $coupon = null,
        ?int $runs = null,
        ?int $interval = null,
        array|string|null $comments = null,
        array|string|null $usernames = null,
        array|string|null $hashtags = null,
        array|string|null $keywords = null,
        array|string|null $groups = null,
        ?string $hashtag = null,
        ?string $username = null,
        ?string $media = null,
        int|string|null $answerNumber = null,
        ?string $country = null,
        ?int $device = null,
        ?int $typeOfTraffic = null,
        ?string $googleKeyword = null,
        ?string $referringUrl = null,
        ?int $min = null,
        ?int $max = null,
        ?int $delay = null,
        ?int $posts = null,
        ?int $oldPosts = null,
        \DateTimeInterface|string|null $expiry = null,
    ): PlacedOrder {
        $requestId ??= bin2hex(random_bytes(16));
        $fields = Given::fields(get_defined_vars());
        return $this->caller->object('add', $fields, static fn (Fields $placed) => PlacedOrder::from($placed, $requestId));
    }

    /**
     * Where an order stands.
     *
     * @param string|int $order its id or number
     *
     * @throws NotPanelException
     */
    public function status(string|int $order): OrderStatus
    {
        return $this->caller->object('status', ['order' => $order], OrderStatus::from(...));
    }

    /**
     * Where many orders stand: any number, asked for by the hundred.
     *
     * @param array<string|int> $orders ids or numbers
     *
     * @return array<string|int, StatusResult> by what was asked for
     *
     * @throws NotPanelException
     */
    public function statuses(array $orders): array
    {
        $results = [];
        foreach (Given::hundreds($orders) as $ids) {
            // Keys such as 23501 are ints to PHP: + keeps them, array_merge would not.
            $results += $this->caller->send('status', ['orders' => $ids], function (Response $response): array {
                return array_map(static fn (mixed $row) => StatusResult::from(Fields::of($row)), $this->caller->json($response));
            });
        }
        return $results;
    }

    /**
     * Asks to deliver again what an order has lost. Not repeated when the answer is lost.
     *
     * @param string|int $order its id or number
     *
     * @return string the refill's id
     *
     * @throws NotPanelException
     */
    public function refill(string|int $order): string
    {
        return $this->caller->object('refill', ['order' => $order], self::text('refill'), Repeat::WhenNothingWasDone);
    }

    /**
     * The same for up to 100 orders.
     *
     * @param array<string|int> $orders ids or numbers
     *
     * @return list<RefillResult>
     *
     * @throws NotPanelException
     */
    public function refills(array $orders): array
    {
        return $this->many('refill', 'orders', Given::atMostHundred($orders), Repeat::WhenNothingWasDone, RefillResult::from(...));
    }

    /**
     * Where a refill stands: `pending`, `in_progress`, `completed` or `rejected`.
     *
     * @param string|int $refill its id or number
     *
     * @throws NotPanelException
     */
    public function refillStatus(string|int $refill): string
    {
        return $this->caller->object('refill_status', ['refill' => $refill], self::text('status'));
    }

    /**
     * Where many refills stand: any number, asked for by the hundred.
     *
     * @param array<string|int> $refills ids or numbers
     *
     * @return list<RefillStatusResult>
     *
     * @throws NotPanelException
     */
    public function refillStatuses(array $refills): array
    {
        return $this->many('refill_status', 'refills', Given::hundreds($refills), Repeat::Always, RefillStatusResult::from(...));
    }

    /**
     * Cancels a pending order, or asks to cancel one that runs: status() shows what
     * comes of it. Not repeated when the answer is lost.
     *
     * @param string|int $order its id or number
     *
     * @throws NotPanelException where it can't be canceled, too
     */
    public function cancel(string|int $order): void
    {
        $this->caller->object('cancel', ['order' => $order], self::text('cancel'), Repeat::WhenNothingWasDone);
    }

    /**
     * The same for up to 100 orders.
     *
     * @param array<string|int> $orders ids or numbers
     *
     * @return list<CancelResult>
     *
     * @throws NotPanelException
     */
    public function cancels(array $orders): array
    {
        return $this->many('cancel', 'orders', Given::atMostHundred($orders), Repeat::WhenNothingWasDone, CancelResult::from(...));
    }

    /**
     * What the key's wallet holds.
     *
     * @throws NotPanelException
     */
    public function balance(): Balance
    {
        return $this->caller->object('balance', [], Balance::from(...));
    }

    /**
     * One order and what happened to it.
     *
     * @param string|int $order its id or number
     *
     * @throws NotPanelException
     */
    public function order(string|int $order): Order
    {
        return $this->caller->object('order', ['order' => $order], Order::from(...));
    }

    /**
     * The same of the order that was placed with a request_id.
     *
     * @throws NotPanelException a NotFoundException where none was
     */
    public function orderByRequestId(string $requestId): Order
    {
        return $this->caller->object('order', ['request_id' => $requestId], Order::from(...));
    }

    /**
     * Orders, the newest first.
     *
     * @param string|null $cursor  what the page before gave
     * @param int|null    $limit   1 to 100, usually 50
     * @param string|null $status  only those in this State
     * @param int|null    $service only those of this service
     *
     * @throws NotPanelException
     */
    public function orders(?string $cursor = null, ?int $limit = null, ?string $status = null, ?int $service = null): OrderPage
    {
        $fields = ['cursor' => $cursor, 'limit' => $limit, 'status' => $status, 'service' => $service];
        return $this->caller->object('orders', $fields, OrderPage::from(...));
    }

    /**
     * All orders, the newest first.
     *
     * @return \Generator<int, Order>
     *
     * @throws NotPanelException
     */
    public function eachOrder(?string $status = null, ?int $service = null): \Generator
    {
        yield from Pages::untilNull(function (?string $cursor) use ($status, $service): array {
            $page = $this->orders($cursor, Pages::SIZE, $status, $service);
            return [$page->orders, $page->cursor];
        });
    }

    /**
     * The statement, the oldest line first.
     *
     * @param string|null $cursor what the page before gave; null: from the first line on
     * @param int|null    $limit  1 to 500, usually 100
     *
     * @throws NotPanelException
     */
    public function transactions(?string $cursor = null, ?int $limit = null): TransactionPage
    {
        return $this->caller->object('transactions', ['cursor' => $cursor, 'limit' => $limit], TransactionPage::from(...));
    }

    /**
     * All lines of the statement after a cursor, up to now.
     *
     * @return \Generator<int, Transaction, void, string|null> its return value is the cursor to begin
     *                                                         with the next time
     *
     * @throws NotPanelException
     */
    public function eachTransaction(?string $cursor = null): \Generator
    {
        return yield from Pages::untilShort($cursor, function (?string $cursor): array {
            $page = $this->transactions($cursor, Pages::SIZE);
            return [$page->transactions, $page->cursor];
        });
    }

    /** @return array<string, mixed> what var_dump shows */
    public function __debugInfo(): array
    {
        return ['url' => $this->caller->url];
    }

    /** @return \Closure(Fields): string */
    private static function text(string $name): \Closure
    {
        return static fn (Fields $fields): string => $fields->string($name);
    }

    /**
     * Calls an action that answers with a row for each id.
     *
     * @template T
     *
     * @param iterable<string>    $hundreds ids with commas between them
     * @param callable(Fields): T $make
     *
     * @return list<T>
     */
    private function many(string $action, string $field, iterable $hundreds, Repeat $repeat, callable $make): array
    {
        $results = [];
        foreach ($hundreds as $ids) {
            array_push($results, ...$this->caller->objects($action, [$field => $ids], $make, $repeat));
        }
        return $results;
    }
}
