<?php

// A reseller's shop, all of it. Start it with
//
//     NOTPANEL_URL=… NOTPANEL_KEY=… php -S 127.0.0.1:8000 shop.php
//
// PHP forgets all after each request, so what the shop knows is in a file; keep it where
// no web server shows it. The first visitor registers the shop's webhook. Where the panel
// is not on this machine, SHOP_URL says how it reaches this one (https).

declare(strict_types=1);

require __DIR__ . '/../autoload.php';

use NotPanel\Client;
use NotPanel\Exception\NotPanelException;
use NotPanel\Exception\WebhookException;
use NotPanel\Webhook\Verifier;

const MARKUP = 130; // percent of what we pay

/** Opens the shop's book alone, and keeps what $change leaves in it. */
function book(callable $change): mixed
{
    umask(0077);
    $file = fopen(getenv('SHOP_FILE') ?: __DIR__ . '/shop.json', 'c+');
    flock($file, LOCK_EX);
    $book = json_decode(stream_get_contents($file), true) ?? ['secret' => null, 'orders' => [], 'seen' => []];
    $result = $change($book);
    ftruncate($file, 0);
    rewind($file);
    fwrite($file, json_encode($book, JSON_THROW_ON_ERROR));
    fclose($file);
    return $result;
}

/** Our price of 1,000, rounded up to a cent: whole millionths, as floats would not be exact. */
function price(string $rate): string
{
    [$units, $parts] = explode('.', $rate);
    $cents = intdiv((int) ($units . str_pad($parts, 6, '0')) * MARKUP + 999_999, 1_000_000);
    return intdiv($cents, 100) . '.' . sprintf('%02d', $cents % 100);
}

function html(string|int $text): string
{
    return htmlspecialchars((string) $text, ENT_QUOTES);
}

$panel = new Client(getenv('NOTPANEL_KEY') ?: '', getenv('NOTPANEL_URL') ?: '');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

if ($path === '/webhook') {
    try {
        $event = (new Verifier(book(fn (array $book) => $book['secret'] ?? [])))->verifyRequest();
    } catch (WebhookException) {
        http_response_code(400);
        exit;
    }
    book(function (array &$book) use ($event): void {
        // The same event may come twice, and events of an order in any order.
        $seen = in_array($event->id, $book['seen'], true);
        $book['seen'] = array_slice([...$book['seen'], $event->id], -1000);
        if (!$seen && $event->order !== null && $event->sequence > ($book['orders'][$event->order->id]['sequence'] ?? 0)) {
            $book['orders'][$event->order->id] = ['status' => $event->order->status, 'sequence' => $event->sequence];
        }
    });
    exit;
}

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    try {
        [$service, $quantity] = [(int) $_POST['service'], (int) $_POST['quantity']];
        // The form names its order: who sends it twice gets one.
        $order = $panel->add($service, $_POST['link'], $quantity, requestId: 'shop-' . $_POST['form']);
        book(fn (array &$book) => $book['orders'] += [$order->id => ['status' => $order->status, 'sequence' => 0]]);
        header('Location: /', true, 303);
    } catch (NotPanelException $error) {
        http_response_code($error->isOutcomeUnknown() ? 503 : 400);
        echo 'Not ordered: ', html($error->getMessage()), '. Send the form again.';
    }
    exit;
}

$url = (getenv('SHOP_URL') ?: "http://127.0.0.1:$_SERVER[SERVER_PORT]") . '/webhook';
book(fn (array &$book) => $book['secret'] ??= $panel->webhooks->add($url)->secret);
echo '<!doctype html><title>Shop</title><h1>Services</h1><form method="post"><select name="service">';
foreach ($panel->services() as $service) {
    if ($service->type === 'Default') {
        $offer = "$service->name: " . price($service->rate) . " $service->currency for 1,000, from $service->min";
        echo "<option value=\"$service->id\">", html($offer), '</option>';
    }
}
echo '</select> <input name="quantity" value="1000"> <input name="link" placeholder="https://…" required>',
    '<input type="hidden" name="form" value="', bin2hex(random_bytes(16)), '"><button>Order</button></form><h1>Orders</h1><ul>';
foreach (array_reverse(book(fn (array $book) => $book['orders'])) as $id => $order) {
    echo '<li>', html($id), ': <b>', html($order['status']), '</b></li>';
}
echo '</ul>';
