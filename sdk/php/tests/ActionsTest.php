<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;
use NotPanel\Exception\UnexpectedAnswerException;
use NotPanel\Exception\UsageException;
use NotPanel\Model\State;

/** What each action sends, and what it makes of the answer. */
final class ActionsTest extends TestCase
{
    private const SERVICE = [
        'service' => 3, 'name' => 'Newsletter mentions', 'type' => 'Default', 'category' => 'Adverts', 'rate' => '0.27819', 'min' => '100',
        'max' => '1000000', 'dripfeed' => true, 'refill' => false, 'cancel' => true, 'description' => '', 'average_time' => null,
        'refill_days' => 0, 'increment' => '100', 'currency' => 'USD', 'a field to come' => ['x' => 1],
    ];

    /**
     * Asks a panel that answers once.
     *
     * @return array{mixed, array<string, string>} what came of it, and the fields that were sent
     */
    private function ask(mixed $answer, callable $call): array
    {
        $panel = new FakePanel([self::ok($answer)]);
        $made = $call($this->client($panel));
        [$request] = $panel->requests();
        self::assertSame('POST /api/v2 HTTP/1.1', $request['line']);
        self::assertSame('application/x-www-form-urlencoded', $request['headers']['content-type']);
        self::assertSame(self::KEY, $request['fields']['key']);
        unset($request['fields']['key']);
        return [$made, $request['fields']];
    }

    public function testServices(): void
    {
        [$services, $sent] = $this->ask([self::SERVICE], fn (Client $c) => $c->services('pt-BR'));
        self::assertSame(['action' => 'services', 'lang' => 'pt-BR'], $sent);
        self::assertCount(1, $services);
        self::assertSame(3, $services[0]->id);
        self::assertSame('0.27819', $services[0]->rate);
        self::assertSame([100, 1000000, 100], [$services[0]->min, $services[0]->max, $services[0]->increment]);
        self::assertSame([true, false, true], [$services[0]->dripfeed, $services[0]->refill, $services[0]->cancel]);
        self::assertNull($services[0]->averageTime);
        self::assertNull($services[0]->facts);
    }

    public function testServicesAreKeptWhileTheyHaveNotChanged(): void
    {
        $panel = new FakePanel([
            self::ok([self::SERVICE], ['ETag' => '"one"']),
            self::step(304, ''),
            self::ok([['rate' => '9.00'] + self::SERVICE], ['ETag' => '"two"']),
            self::ok([], ['ETag' => '"german"']),
            self::step(304, ''),
        ]);
        $client = $this->client($panel);
        $first = $client->services();
        self::assertSame($first, $client->services());
        self::assertSame('9.00', $client->services()[0]->rate);
        self::assertSame([], $client->services('de'));
        self::assertSame('9.00', $client->services()[0]->rate);
        $asked = array_map(static fn (array $request) => $request['headers']['if-none-match'] ?? null, $panel->requests());
        self::assertSame([null, '"one"', '"one"', null, '"two"'], $asked);
    }

    public function testService(): void
    {
        $facts = [
            'orders' => 214, 'start_median' => 45, 'start_p90' => 320, 'completion_median' => null, 'completion_p90' => null,
            'completed' => '0.953', 'partial' => '0.033', 'canceled' => '0.009',
        ];
        [$service, $sent] = $this->ask(self::SERVICE + ['facts' => $facts], fn (Client $c) => $c->service(3));
        self::assertSame(['action' => 'service', 'service' => '3'], $sent);
        self::assertSame(214, $service->facts->orders);
        self::assertSame(45, $service->facts->startMedian);
        self::assertNull($service->facts->completionP90);
        self::assertSame('0.953', $service->facts->completed);
    }

    /** @return array<string, mixed> */
    private static function change(int $number): array
    {
        return [
            'change' => $number, 'service' => 1, 'field' => 'announced_rate', 'before' => null, 'after' => '2.50',
            'at' => '2026-03-01T12:00:00Z', 'effective_at' => '2026-04-01T00:00:00Z',
        ];
    }

    public function testChanges(): void
    {
        $answer = ['changes' => [self::change(8)], 'cursor' => '8', 'currency' => 'USD'];
        [$page, $sent] = $this->ask($answer, fn (Client $c) => $c->changes('7', 1));
        self::assertSame(['action' => 'changes', 'cursor' => '7', 'limit' => '1'], $sent);
        self::assertSame('8', $page->cursor);
        self::assertNull($page->changes[0]->before);
        self::assertSame('2.50', $page->changes[0]->after);
        self::assertSame('2026-04-01', $page->changes[0]->effectiveAt->format('Y-m-d'));
    }

    public function testEachChangeGoesOnWhilePagesAreFullAndReturnsTheCursor(): void
    {
        $panel = new FakePanel([
            self::ok(['changes' => array_map(self::change(...), range(8, 107)), 'cursor' => '107', 'currency' => 'USD']),
            self::ok(['changes' => [self::change(108)], 'cursor' => '108', 'currency' => 'USD']),
        ]);
        $changes = $this->client($panel)->eachChange('7');
        self::assertSame(range(8, 108), array_map(static fn ($change) => $change->id, iterator_to_array($changes)));
        self::assertSame('108', $changes->getReturn());
        self::assertSame(['7', '107'], array_map(static fn (array $request) => $request['fields']['cursor'], $panel->requests()));
    }

    public function testAddSendsEveryField(): void
    {
        [$placed, $sent] = $this->ask(self::PLACED, fn (Client $c) => $c->add(
            service: 1,
            link: 'https://example.com/a?b=c&d=é#sim=partial:40',
            quantity: 1000,
            requestId: 'shop-1',
            maxCharge: '2.50',
            coupon: 'SPRING',
            runs: 2,
            interval: 60,
            comments: ['well made', 'a & b'],
            usernames: "one\ntwo",
            hashtags: ['x'],
            keywords: ['seo audit', 'design'],
            groups: ['g'],
            hashtag: 'spring',
            username: 'trade-weekly',
            media: 'https://example.com/m',
            answerNumber: 2,
            country: 'DE',
            device: 5,
            typeOfTraffic: 1,
            googleKeyword: 'adverts',
            referringUrl: 'https://example.com/r',
            min: 10,
            max: 20,
            delay: 5,
            posts: 3,
            oldPosts: 0,
            expiry: new \DateTimeImmutable('2027-01-31 23:00'),
        ));
        self::assertEquals([
            'action' => 'add', 'service' => '1', 'link' => 'https://example.com/a?b=c&d=é#sim=partial:40', 'quantity' => '1000',
            'request_id' => 'shop-1', 'max_charge' => '2.50', 'coupon' => 'SPRING', 'runs' => '2', 'interval' => '60',
            'comments' => "well made\na & b", 'usernames' => "one\ntwo", 'hashtags' => 'x', 'keywords' => "seo audit\ndesign", 'groups' => 'g',
            'hashtag' => 'spring', 'username' => 'trade-weekly', 'media' => 'https://example.com/m', 'answer_number' => '2', 'country' => 'DE',
            'device' => '5', 'type_of_traffic' => '1', 'google_keyword' => 'adverts', 'referring_url' => 'https://example.com/r', 'min' => '10',
            'max' => '20', 'delay' => '5', 'posts' => '3', 'old_posts' => '0', 'expiry' => '2027-01-31',
        ], $sent);
        self::assertSame('ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9', $placed->id);
        self::assertSame(['pending', '2.00', 'USD', 'shop-1'], [$placed->status, $placed->charge, $placed->currency, $placed->requestId]);
    }

    public function testAddSendsNoFieldThatWasNotGiven(): void
    {
        [, $sent] = $this->ask(self::PLACED, fn (Client $c) => $c->add(service: 1, requestId: 'shop-1'));
        self::assertSame(['action' => 'add', 'service' => '1', 'request_id' => 'shop-1'], $sent);
    }

    public function testAnEntryOfTwoLinesIsRefused(): void
    {
        $this->thrown(UsageException::class, fn () => $this->client('http://127.0.0.1:9')->add(service: 1, comments: ["one\ntwo"]));
    }

    public function testStatus(): void
    {
        $answer = ['status' => 'partial', 'charge' => '0.50', 'start_count' => '1234', 'remains' => '650', 'currency' => 'USD'];
        [$status, $sent] = $this->ask($answer, fn (Client $c) => $c->status(7));
        self::assertSame(['action' => 'status', 'order' => '7'], $sent);
        self::assertSame([1234, 650], [$status->startCount, $status->remains]);
        self::assertTrue(State::isFinal($status->status));
        self::assertSame([null, null, null, null], [$status->runs, $status->posts, $status->orders, $status->expiry]);

        $more = ['remains' => null, 'status' => 'waiting for rain', 'runs' => '2', 'orders' => ['ord_1'], 'posts' => '0', 'expiry' => '2026-12-31'];
        [$status] = $this->ask($more + $answer, fn (Client $c) => $c->status('ord_1'));
        self::assertNull($status->remains);
        self::assertFalse(State::isFinal($status->status), 'a word that nobody knows');
        self::assertSame([2, 0, ['ord_1'], '2026-12-31'], [$status->runs, $status->posts, $status->orders, $status->expiry]);
    }

    public function testStatusesAreAskedForByTheHundred(): void
    {
        $row = ['status' => 'pending', 'charge' => '0.50', 'start_count' => null, 'remains' => null, 'currency' => 'USD'];
        $answers = array_map(static fn (array $ids) => self::ok(array_fill_keys($ids, $row) + ['gone' => ['error' => 'Order not found']]), [
            range(1, 100), range(101, 200), range(201, 249),
        ]);
        $panel = new FakePanel($answers);
        $statuses = $this->client($panel)->statuses([...range(1, 249), 'gone', 1, '2']);
        self::assertCount(250, $statuses);
        self::assertSame('pending', $statuses[249]->status->status);
        self::assertNull($statuses[249]->error);
        self::assertSame('Order not found', $statuses['gone']->error);
        self::assertNull($statuses['gone']->status);
        $asked = array_map(static fn (array $request) => $request['fields']['orders'], $panel->requests());
        self::assertSame([implode(',', range(1, 100)), implode(',', range(101, 200)), implode(',', range(201, 249)) . ',gone'], $asked);
    }

    public function testNothingIsAskedForNoOrders(): void
    {
        $client = $this->client('http://127.0.0.1:9', retries: 0);
        self::assertSame([[], [], [], []], [$client->statuses([]), $client->refills([]), $client->cancels([]), $client->refillStatuses([])]);
    }

    public function testIdsAreIds(): void
    {
        $client = $this->client('http://127.0.0.1:9', retries: 0);
        foreach (['', 'a,b', ' 1', "1\n"] as $id) {
            $this->thrown(UsageException::class, fn () => $client->statuses([$id]));
        }
        $this->thrown(UsageException::class, fn () => $client->cancels(range(1, 101)));
        $this->thrown(UsageException::class, fn () => $client->refills(range(1, 101)));
    }

    public function testRefills(): void
    {
        [$refill, $sent] = $this->ask(['refill' => 'ref_1'], fn (Client $c) => $c->refill('ord_1'));
        self::assertSame(['ref_1', ['action' => 'refill', 'order' => 'ord_1']], [$refill, $sent]);

        $rows = [['order' => '9', 'refill' => 'ref_2'], ['order' => '7', 'error' => 'Refill not available: the order is in_progress']];
        [$refills, $sent] = $this->ask($rows, fn (Client $c) => $c->refills([9, 7]));
        self::assertSame(['action' => 'refill', 'orders' => '9,7'], $sent);
        self::assertSame(['9', 'ref_2', null], [$refills[0]->order, $refills[0]->refill, $refills[0]->error]);
        self::assertSame(['7', null, $rows[1]['error']], [$refills[1]->order, $refills[1]->refill, $refills[1]->error]);

        [$status, $sent] = $this->ask(['status' => 'in_progress'], fn (Client $c) => $c->refillStatus('ref_1'));
        self::assertSame(['in_progress', ['action' => 'refill_status', 'refill' => 'ref_1']], [$status, $sent]);

        $rows = [['refill' => '1', 'status' => 'pending'], ['refill' => '3', 'error' => 'Refill not found']];
        [$statuses, $sent] = $this->ask($rows, fn (Client $c) => $c->refillStatuses([1, 3]));
        self::assertSame(['action' => 'refill_status', 'refills' => '1,3'], $sent);
        self::assertSame(['1', 'pending', null], [$statuses[0]->refill, $statuses[0]->status, $statuses[0]->error]);
        self::assertSame(['3', null, 'Refill not found'], [$statuses[1]->refill, $statuses[1]->status, $statuses[1]->error]);
    }

    public function testCancels(): void
    {
        [, $sent] = $this->ask(['cancel' => 'ord_1'], fn (Client $c) => $c->cancel('ord_1'));
        self::assertSame(['action' => 'cancel', 'order' => 'ord_1'], $sent);

        $rows = [['order' => '1', 'cancel' => true], ['order' => '2', 'error' => 'Order cannot be canceled']];
        [$cancels, $sent] = $this->ask($rows, fn (Client $c) => $c->cancels([1, 2]));
        self::assertSame(['action' => 'cancel', 'orders' => '1,2'], $sent);
        self::assertSame(['1', null], [$cancels[0]->order, $cancels[0]->error]);
        self::assertSame(['2', 'Order cannot be canceled'], [$cancels[1]->order, $cancels[1]->error]);
    }

    public function testBalance(): void
    {
        [$balance, $sent] = $this->ask(['balance' => '98.266', 'currency' => 'USD'], fn (Client $c) => $c->balance());
        self::assertSame(['98.266', 'USD', ['action' => 'balance']], [$balance->balance, $balance->currency, $sent]);
    }

    public function testOrder(): void
    {
        $answer = self::orderRow(13) + [
            'orders' => [],
            'refills' => [['refill' => 'ref_1', 'status' => 'rejected', 'reason' => 'the provider rejected it']],
            'timeline' => [['at' => '2026-03-01T12:00:00Z', 'status' => 'pending', 'start_count' => null, 'remains' => '5', 'refunded' => '0.00', 'note' => 'paused']],
        ];
        [$order, $sent] = $this->ask($answer, fn (Client $c) => $c->order(13));
        self::assertSame(['action' => 'order', 'order' => '13'], $sent);
        self::assertSame([13, 'shop-13', 1, 1000], [$order->number, $order->requestId, $order->service, $order->quantity]);
        self::assertSame(7, $order->updatedAt->getTimestamp() - $order->createdAt->getTimestamp());
        self::assertSame([], $order->orders);
        self::assertSame('the provider rejected it', $order->refills[0]->reason);
        self::assertSame([5, 'paused', null], [$order->timeline[0]->remains, $order->timeline[0]->note, $order->timeline[0]->startCount]);

        [, $sent] = $this->ask($answer, fn (Client $c) => $c->orderByRequestId('shop-13'));
        self::assertSame(['action' => 'order', 'request_id' => 'shop-13'], $sent);
    }

    public function testOrders(): void
    {
        $answer = ['orders' => [self::orderRow(7)], 'cursor' => '7'];
        [$page, $sent] = $this->ask($answer, fn (Client $c) => $c->orders('9', 1, State::PENDING, 1));
        self::assertSame(['action' => 'orders', 'cursor' => '9', 'limit' => '1', 'status' => 'pending', 'service' => '1'], $sent);
        self::assertSame(['7', 7, null], [$page->cursor, $page->orders[0]->number, $page->orders[0]->timeline]);
    }

    public function testEachOrderGoesOnOverAnEmptyPageUntilTheCursorIsNull(): void
    {
        $panel = new FakePanel([
            self::ok(['orders' => [self::orderRow(9), self::orderRow(8)], 'cursor' => '8']),
            self::ok(['orders' => [], 'cursor' => '4']),
            self::ok(['orders' => [self::orderRow(2)], 'cursor' => null]),
        ]);
        $orders = iterator_to_array($this->client($panel)->eachOrder(status: State::PENDING));
        self::assertSame([9, 8, 2], array_map(static fn ($order) => $order->number, $orders));
        $requests = $panel->requests();
        self::assertSame([null, '8', '4'], array_map(static fn (array $request) => $request['fields']['cursor'] ?? null, $requests));
        self::assertSame('pending', $requests[2]['fields']['status']);
    }

    public function testAListThatDoesNotGoOnIsLeft(): void
    {
        $page = self::ok(['orders' => [], 'cursor' => '9']);
        $full = self::ok(['changes' => array_map(self::change(...), range(1, 100)), 'cursor' => '9', 'currency' => 'USD']);
        foreach ([[$page, 'eachOrder'], [$full, 'eachChange']] as [$step, $method]) {
            $panel = new FakePanel([$step, $step, $step]);
            $this->thrown(UnexpectedAnswerException::class, fn () => iterator_to_array($this->client($panel)->$method()));
            self::assertCount(2, $panel->requests());
        }
    }

    public function testTransactions(): void
    {
        $line = static fn (int $number) => [
            'transaction' => $number, 'type' => 'refund', 'amount' => '-0.066', 'balance' => '98.266', 'order' => null, 'memo' => 'Refund of order 9',
            'at' => '2026-03-01T12:00:07Z',
        ];
        $answer = ['transactions' => [$line(11)], 'cursor' => '11', 'currency' => 'USD'];
        [$page, $sent] = $this->ask($answer, fn (Client $c) => $c->transactions('10', 1));
        self::assertSame(['action' => 'transactions', 'cursor' => '10', 'limit' => '1'], $sent);
        self::assertSame(['11', 'USD', 11, '-0.066', '98.266', null], [
            $page->cursor, $page->currency, $page->transactions[0]->id, $page->transactions[0]->amount, $page->transactions[0]->balance,
            $page->transactions[0]->order,
        ]);

        $panel = new FakePanel([
            self::ok(['transactions' => array_map($line, range(1, 100)), 'cursor' => '100', 'currency' => 'USD']),
            self::ok(['transactions' => [], 'cursor' => '100', 'currency' => 'USD']),
        ]);
        $lines = $this->client($panel)->eachTransaction();
        self::assertCount(100, iterator_to_array($lines));
        self::assertSame('100', $lines->getReturn());
    }

    public function testWebhooks(): void
    {
        $new = ['id' => 'whk_1', 'url' => 'https://shop.example/hook', 'events' => ['order.completed', 'order.partial'], 'secret' => 'whsec_secret'];
        [$webhook, $sent] = $this->ask($new, fn (Client $c) => $c->webhooks->add('https://shop.example/hook', ['order.completed', 'order.partial']));
        self::assertSame(['action' => 'webhook.add', 'url' => 'https://shop.example/hook', 'events' => 'order.completed,order.partial'], $sent);
        self::assertSame(['whk_1', 'whsec_secret', ['order.completed', 'order.partial']], [$webhook->id, $webhook->secret, $webhook->events]);
        self::assertStringNotContainsString('whsec_', print_r($webhook, true));

        [, $sent] = $this->ask($new, fn (Client $c) => $c->webhooks->add('https://shop.example/hook'));
        self::assertSame(['action' => 'webhook.add', 'url' => 'https://shop.example/hook'], $sent);

        $last = ['delivery' => 'dlv_1', 'event' => 'evt_1', 'type' => 'order.completed', 'state' => 'delivered', 'at' => '2026-03-01T12:00:00Z'];
        $rows = [
            ['id' => 'whk_1', 'url' => 'https://a.example', 'events' => ['order.failed'], 'state' => 'active', 'reason' => null, 'created_at' => '2026-03-01T12:00:00Z', 'last_delivery' => $last],
            ['id' => 'whk_2', 'url' => 'https://b.example', 'events' => [], 'state' => 'disabled', 'reason' => 'failing', 'created_at' => '2026-03-01T12:00:00.5+02:00', 'last_delivery' => null],
        ];
        [$webhooks, $sent] = $this->ask($rows, fn (Client $c) => $c->webhooks->list());
        self::assertSame(['action' => 'webhook.list'], $sent);
        self::assertSame(['whk_1', 'evt_1', 'delivered'], [$webhooks[0]->id, $webhooks[0]->lastDelivery->event, $webhooks[0]->lastDelivery->state]);
        self::assertSame(['disabled', 'failing', null], [$webhooks[1]->state, $webhooks[1]->reason, $webhooks[1]->lastDelivery]);

        [, $sent] = $this->ask(['removed' => 'whk_1'], fn (Client $c) => $c->webhooks->remove('whk_1'));
        self::assertSame(['action' => 'webhook.remove', 'id' => 'whk_1'], $sent);

        [$delivery, $sent] = $this->ask(['delivery' => 'dlv_1'], fn (Client $c) => $c->webhooks->test('whk_1'));
        self::assertSame(['dlv_1', ['action' => 'webhook.test', 'id' => 'whk_1']], [$delivery, $sent]);

        $rotated = ['id' => 'whk_1', 'secret' => 'whsec_new', 'previous_expires_at' => '2026-03-02T12:00:00Z'];
        [$rotation, $sent] = $this->ask($rotated, fn (Client $c) => $c->webhooks->rotate('whk_1', overlap: 0));
        self::assertSame(['action' => 'webhook.rotate', 'id' => 'whk_1', 'overlap' => '0'], $sent);
        self::assertSame(['whsec_new', '2026-03-02'], [$rotation->secret, $rotation->previousExpiresAt->format('Y-m-d')]);
        self::assertStringNotContainsString('whsec_', print_r($rotation, true));
        [$rotation] = $this->ask(['previous_expires_at' => null] + $rotated, fn (Client $c) => $c->webhooks->rotate('whk_1'));
        self::assertNull($rotation->previousExpiresAt);
    }

    public function testDeliveries(): void
    {
        $delivery = [
            'delivery' => 'dlv_1', 'event' => 'evt_1', 'type' => 'order.completed', 'sequence' => 4, 'order' => null, 'state' => 'failed',
            'created_at' => '2026-03-01T12:00:00Z', 'next_attempt_at' => null, 'request' => '{"id":"evt_1"}',
            'attempts' => [['attempt' => 1, 'at' => '2026-03-01T12:00:00Z', 'status' => null, 'error' => 'timeout', 'duration_ms' => 10000, 'response' => '']],
        ];
        [$page, $sent] = $this->ask(['deliveries' => [$delivery], 'cursor' => null], fn (Client $c) => $c->webhooks->deliveries('whk_1', 'x', 25));
        self::assertSame(['action' => 'webhook.deliveries', 'id' => 'whk_1', 'cursor' => 'x', 'limit' => '25'], $sent);
        self::assertSame([4, '{"id":"evt_1"}', null], [$page->deliveries[0]->sequence, $page->deliveries[0]->request, $page->deliveries[0]->nextAttemptAt]);
        self::assertSame(['timeout', null, 10000], [
            $page->deliveries[0]->attempts[0]->error, $page->deliveries[0]->attempts[0]->status, $page->deliveries[0]->attempts[0]->durationMs,
        ]);

        $panel = new FakePanel([
            self::ok(['deliveries' => [$delivery], 'cursor' => 'y']), self::ok(['deliveries' => [['delivery' => 'dlv_0'] + $delivery], 'cursor' => null]),
        ]);
        $ids = array_map(static fn ($one) => $one->id, iterator_to_array($this->client($panel)->webhooks->eachDelivery('whk_1')));
        self::assertSame(['dlv_1', 'dlv_0'], $ids);

        [$count, $sent] = $this->ask(['replayed' => 1], fn (Client $c) => $c->webhooks->replay('dlv_1'));
        self::assertSame([1, ['action' => 'webhook.replay', 'delivery' => 'dlv_1']], [$count, $sent]);
        $since = new \DateTimeImmutable('2026-03-01 14:00', new \DateTimeZone('+02:00'));
        [$count, $sent] = $this->ask(['replayed' => 3], fn (Client $c) => $c->webhooks->replayFailed('whk_1', $since));
        self::assertSame([3, ['action' => 'webhook.replay', 'id' => 'whk_1', 'since' => '2026-03-01T14:00:00+02:00']], [$count, $sent]);
    }
}
