<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;
use NotPanel\Exception\InsufficientBalanceException;
use NotPanel\Exception\InvalidKeyException;
use NotPanel\Exception\InvalidRequestException;
use NotPanel\Exception\NotFoundException;
use NotPanel\Model\State;
use NotPanel\Webhook\Verifier;

/** Every action against a running demo, with its live and its test key. */
final class PanelTest extends TestCase
{
    private string $url;

    protected function setUp(): void
    {
        if (getenv('NOTPANEL_URL') === false) {
            self::markTestSkipped('NOTPANEL_URL is not set: there is no panel');
        }
        $this->url = getenv('NOTPANEL_URL');
    }

    private function live(): Client
    {
        return new Client(getenv('NOTPANEL_KEY'), $this->url);
    }

    private function sandbox(): Client
    {
        return new Client(getenv('NOTPANEL_TEST_KEY'), $this->url);
    }

    public function testTheCatalogue(): void
    {
        $panel = $this->live();
        $services = $panel->services();
        self::assertSame($services, $panel->services(), 'the panel says that it has not changed');
        self::assertNotEmpty($services);
        $one = $panel->service($services[0]->id);
        self::assertSame([$services[0]->name, $services[0]->rate, $services[0]->min], [$one->name, $one->rate, $one->min]);
        $this->thrown(NotFoundException::class, static fn () => $panel->service(999999999));

        $page = $panel->changes(limit: 2);
        self::assertCount(2, $page->changes);
        $changes = $panel->eachChange($page->cursor);
        $rest = iterator_to_array($changes);
        self::assertGreaterThanOrEqual(count($services) - 2, count($rest));
        self::assertSame([], $panel->changes($changes->getReturn())->changes);
        self::assertSame($panel->changes('latest')->cursor, $changes->getReturn());
    }

    public function testAnOrderFromPlacingToItsEnd(): void
    {
        $panel = $this->sandbox();
        $service = $panel->services()[0];
        $before = $panel->transactions(limit: 500)->cursor;
        $placed = $panel->add(service: $service->id, link: 'https://example.com/landing?a=b&c=d#sim=partial:40', quantity: $service->min, maxCharge: '10');
        $again = $panel->add(
            service: $service->id,
            link: 'https://example.com/landing?a=b&c=d#sim=partial:40',
            quantity: $service->min,
            requestId: $placed->requestId,
            maxCharge: '10',
        );
        self::assertSame($placed->id, $again->id, 'the same request_id is the same order');

        $this->waitFor(static fn () => State::isFinal($panel->status($placed->id)->status));
        $order = $panel->orderByRequestId($placed->requestId);
        self::assertSame([$placed->id, State::PARTIAL, $service->min], [$order->id, $order->status, $order->quantity]);
        self::assertSame('https://example.com/landing?a=b&c=d#sim=partial:40', $order->link);
        self::assertNotSame('0.00', $order->refunded);
        self::assertSame(State::PENDING, $order->timeline[0]->status);
        self::assertEquals($order, $panel->order($order->number));

        $statuses = $panel->statuses([$placed->id, $order->number, 'no-such-order']);
        self::assertSame(State::PARTIAL, $statuses[$placed->id]->status->status);
        self::assertSame($order->charge, $statuses[$order->number]->status->charge);
        self::assertSame('Order not found', $statuses['no-such-order']->error);

        $lines = array_filter(iterator_to_array($panel->eachTransaction($before)), static fn ($line) => $line->order === $placed->id);
        self::assertSame(['charge', 'refund'], array_column($lines, 'type'));
        self::assertSame("-$placed->charge", reset($lines)->amount);
    }

    public function testRefusals(): void
    {
        $panel = $this->sandbox();
        $service = $panel->services()[0];
        $error = $this->thrown(
            InvalidRequestException::class,
            static fn () => $panel->add(service: $service->id, link: 'https://example.com/', quantity: $service->min - 1),
        );
        self::assertStringStartsWith('quantity must be between', $error->getMessage());
        self::assertNotNull($error->xRequestId);
        self::assertNull($error->requestId);
        $this->thrown(
            InvalidRequestException::class,
            static fn () => $panel->add(service: $service->id, link: 'https://example.com/', quantity: $service->min, maxCharge: '0'),
        );
        $this->thrown(NotFoundException::class, static fn () => $panel->add(service: 999999999, link: 'https://example.com/', quantity: 10));
        $this->thrown(NotFoundException::class, static fn () => $panel->status('no-such-order'));
        $this->thrown(NotFoundException::class, static fn () => $panel->refillStatus('ref_none'));
        $this->thrown(InvalidKeyException::class, fn () => (new Client(self::KEY, $this->url))->balance());
    }

    public function testTheWalletIsNotOverdrawn(): void
    {
        $panel = $this->live();
        $dear = array_filter($panel->services(), static fn ($service) => $service->type === 'Default' && $service->min < $service->max);
        usort($dear, static fn ($a, $b) => $b->max * (int) (1000 * (float) $b->rate) <=> $a->max * (int) (1000 * (float) $a->rate));
        $this->thrown(
            InsufficientBalanceException::class,
            static fn () => $panel->add(service: $dear[0]->id, link: 'https://example.com/', quantity: $dear[0]->max),
        );
        self::assertSame('USD', $panel->balance()->currency);
    }

    public function testOrdersCancelsAndRefills(): void
    {
        $panel = $this->sandbox();
        $services = array_values(array_filter($panel->services(), static fn ($service) => $service->type === 'Default' && $service->refill && $service->cancel));
        self::assertNotEmpty($services, 'the demo sells something with refill and cancel');
        $add = static fn (string $words) => $panel->add(service: $services[0]->id, link: "https://example.com/r#sim=$words", quantity: $services[0]->min)->id;
        $done = $add('complete');
        $this->waitFor(static fn () => $panel->status($done)->status === State::COMPLETED);
        $refill = $panel->refill($done);
        self::assertContains($panel->refillStatus($refill), ['pending', 'in_progress', 'completed']);
        $statuses = $panel->refillStatuses([$refill, 'ref_none']);
        self::assertNull($statuses[0]->error);
        self::assertSame('Refill not found', $statuses[1]->error);
        $slow = $add('slow:60s');
        [$refused] = $panel->refills([$slow]);
        self::assertSame([$slow, null], [$refused->order, $refused->refill]);
        self::assertStringStartsWith('Refill not available', $refused->error);
        self::assertSame($refill, $panel->order($done)->refills[0]->id);

        [$yes, $no] = $panel->cancels([$slow, $done]);
        self::assertSame([$slow, $done, 'Order cannot be canceled'], [$yes->order, $no->order, $no->error]);
        $this->thrown(InvalidRequestException::class, static fn () => $panel->cancel($done));

        $all = iterator_to_array($panel->eachOrder(service: $services[0]->id));
        self::assertSame([$slow, $done], array_slice(array_column($all, 'id'), 0, 2), 'the newest first');
        self::assertCount(1, $panel->orders(limit: 1)->orders);
    }

    public function testEachOrderIsAllOrders(): void
    {
        $panel = $this->live();
        $all = iterator_to_array($panel->eachOrder());
        $byPage = [];
        $cursor = null;
        do {
            $page = $panel->orders($cursor, 3);
            array_push($byPage, ...$page->orders);
            $cursor = $page->cursor;
        } while ($cursor !== null);
        self::assertGreaterThan(3, count($all));
        self::assertSame(array_column($byPage, 'id'), array_column($all, 'id'));
    }

    public function testWebhooks(): void
    {
        $panel = $this->sandbox();
        $inbox = stream_socket_server('tcp://127.0.0.1:0');
        $webhook = $panel->webhooks->add('http://' . stream_socket_get_name($inbox, false) . '/hook', ['order.completed', 'order.partial']);
        self::assertSame(['order.completed', 'order.partial'], $webhook->events);

        $panel->webhooks->test($webhook->id);
        $first = $this->delivered($inbox, 500);
        $verifier = new Verifier($webhook->secret);
        $event = $verifier->verify(...$first);
        self::assertSame(['ping', $webhook->id], [$event->type, $event->webhook]);
        // Each form of the signature alone.
        foreach (['webhook-signature', 'x-notpanel-signature'] as $without) {
            self::assertSame($event->id, $verifier->verify($first[0], array_diff_key($first[1], [$without => 0]))->id);
        }

        // While a rotation lasts both secrets fit; the panel may take a second to sign with the new one.
        $rotated = $panel->webhooks->rotate($webhook->id, overlap: 1);
        self::assertNotNull($rotated->previousExpiresAt);
        $both = new Verifier([$rotated->secret, $webhook->secret]);
        $this->waitFor(function () use ($panel, $webhook, $inbox, $both, &$delivery, &$second): bool {
            $delivery = $panel->webhooks->test($webhook->id);
            $second = $this->delivered($inbox, 204);
            self::assertSame('ping', $both->verify(...$second)->type);
            return substr_count($second[1]['webhook-signature'], 'v1,') === 2;
        }, every: 0.4);
        foreach ([$webhook->secret, $rotated->secret] as $secret) {
            self::assertSame('ping', (new Verifier($secret))->verify(...$second)->type);
        }

        $this->waitFor(static fn () => $panel->webhooks->deliveries($webhook->id, limit: 1)->deliveries[0]->state === 'delivered');
        $log = iterator_to_array($panel->webhooks->eachDelivery($webhook->id));
        self::assertSame($delivery, $log[0]->id);
        self::assertSame($second[0], $log[0]->request);
        self::assertSame(204, $log[0]->attempts[0]->status);
        self::assertSame(500, end($log)->attempts[0]->status);
        self::assertSame(1, $panel->webhooks->replay($delivery));
        self::assertSame($both->verify(...$second)->id, $both->verify(...$this->delivered($inbox, 204))->id, 'the event keeps its id');
        self::assertSame(1, $panel->webhooks->replayFailed($webhook->id, new \DateTimeImmutable('-1 hour')));
        self::assertSame($event->id, $both->verify(...$this->delivered($inbox, 204))->id, 'the one that was answered with 500');

        self::assertContains($webhook->id, array_column($panel->webhooks->list(), 'id'));
        $panel->webhooks->remove($webhook->id);
        $this->thrown(NotFoundException::class, static fn () => $panel->webhooks->remove($webhook->id));
    }

    /**
     * Takes a delivery and answers it.
     *
     * @param resource $inbox
     *
     * @return array{string, array<string, string>} body and headers
     */
    private function delivered($inbox, int $status): array
    {
        $connection = stream_socket_accept($inbox, 30);
        self::assertNotFalse($connection, 'a delivery comes');
        $headers = [];
        fgets($connection);
        while (($line = trim((string) fgets($connection))) !== '') {
            [$name, $value] = explode(':', $line, 2);
            $headers[strtolower($name)] = trim($value);
        }
        $body = (string) stream_get_contents($connection, (int) $headers['content-length']);
        fwrite($connection, "HTTP/1.1 $status Something\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        fclose($connection);
        return [$body, $headers];
    }

    /** Asks again and again; the API has no other way but webhooks. */
    private function waitFor(callable $is, float $every = 0.2): void
    {
        for ($until = microtime(true) + 60; !$is();) {
            self::assertLessThan($until, microtime(true), 'it does not come');
            usleep((int) ($every * 1e6));
        }
    }
}
