<?php

declare(strict_types=1);

namespace NotPanel;

use NotPanel\Exception\NotPanelException;
use NotPanel\Internal\Caller;
use NotPanel\Internal\Fields;
use NotPanel\Internal\Pages;
use NotPanel\Internal\Repeat;
use NotPanel\Model\Delivery;
use NotPanel\Model\DeliveryPage;
use NotPanel\Model\NewWebhook;
use NotPanel\Model\RotatedSecret;
use NotPanel\Model\Webhook;

/**
 * The addresses of a key that are told of what happens to its orders. What changes
 * them is not repeated when an answer is lost. Deliveries are checked by
 * Webhook\Verifier.
 */
final class Webhooks
{
    /** @internal clients have one: `$client->webhooks` */
    public function __construct(private readonly Caller $caller)
    {
    }

    /**
     * Registers an address: https, port 443 or 8443, with a public name. A key can have 5.
     *
     * @param list<string>|null $events types of events, see Webhook\EventType; null: all but
     *                                  `service.changed`
     *
     * @throws NotPanelException
     */
    public function add(string $url, ?array $events = null): NewWebhook
    {
        $fields = ['url' => $url, 'events' => $events === null ? null : implode(',', $events)];
        return $this->change('webhook.add', $fields, NewWebhook::from(...));
    }

    /**
     * All of the key's webhooks, the oldest first, without their secrets.
     *
     * @return list<Webhook>
     *
     * @throws NotPanelException
     */
    public function list(): array
    {
        return $this->caller->objects('webhook.list', [], Webhook::from(...));
    }

    /**
     * Removes a webhook: nothing is delivered to it any more.
     *
     * @throws NotPanelException
     */
    public function remove(string $id): void
    {
        $this->change('webhook.remove', ['id' => $id], static fn (Fields $fields) => $fields->string('removed'));
    }

    /**
     * Sends a `ping` now, once. An account can do so 10 times a minute.
     *
     * @return string the delivery's id
     *
     * @throws NotPanelException
     */
    public function test(string $id): string
    {
        return $this->change('webhook.test', ['id' => $id], static fn (Fields $fields) => $fields->string('delivery'));
    }

    /**
     * Gives a webhook a new secret.
     *
     * @param int|null $overlap hours that deliveries are signed with the old secret too: 0 to 168,
     *                          usually 24
     *
     * @throws NotPanelException
     */
    public function rotate(string $id, ?int $overlap = null): RotatedSecret
    {
        return $this->change('webhook.rotate', ['id' => $id, 'overlap' => $overlap], RotatedSecret::from(...));
    }

    /**
     * What was sent to a webhook, the newest first.
     *
     * @param string|null $cursor what the page before gave
     * @param int|null    $limit  1 to 100, usually 25
     *
     * @throws NotPanelException
     */
    public function deliveries(string $id, ?string $cursor = null, ?int $limit = null): DeliveryPage
    {
        $fields = ['id' => $id, 'cursor' => $cursor, 'limit' => $limit];
        return $this->caller->object('webhook.deliveries', $fields, DeliveryPage::from(...));
    }

    /**
     * All that was sent to a webhook, the newest first.
     *
     * @return \Generator<int, Delivery>
     *
     * @throws NotPanelException
     */
    public function eachDelivery(string $id): \Generator
    {
        yield from Pages::untilNull(function (?string $cursor) use ($id): array {
            $page = $this->deliveries($id, $cursor, Pages::SIZE);
            return [$page->deliveries, $page->cursor];
        });
    }

    /**
     * Sends a delivery again. Its event keeps its id.
     *
     * @return int how many will be sent
     *
     * @throws NotPanelException
     */
    public function replay(string $delivery): int
    {
        return $this->change('webhook.replay', ['delivery' => $delivery], static fn (Fields $fields) => $fields->int('replayed'));
    }

    /**
     * Sends again all that failed to reach a webhook since then.
     *
     * @return int how many will be sent
     *
     * @throws NotPanelException
     */
    public function replayFailed(string $id, \DateTimeInterface $since): int
    {
        $fields = ['id' => $id, 'since' => $since->format(\DateTimeInterface::RFC3339)];
        return $this->change('webhook.replay', $fields, static fn (Fields $fields) => $fields->int('replayed'));
    }

    /**
     * @template T
     *
     * @param array<string, string|int|null> $fields
     * @param callable(Fields): T            $make
     *
     * @return T
     */
    private function change(string $action, array $fields, callable $make): mixed
    {
        return $this->caller->object($action, $fields, $make, Repeat::WhenNothingWasDone);
    }
}
