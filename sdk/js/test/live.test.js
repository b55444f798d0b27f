// The library against a real panel with demo data: `go test ./e2e/sdk -run JavaScript`
// starts one and names it in NOTPANEL_URL, with a live and a test key.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { Client, InsufficientBalanceError, InvalidKeyError, InvalidRequestError, NotFoundError, verifyWebhook } from 'notpanel';
import { key as unknownKey } from '../testkit/panel.js';

const { NOTPANEL_URL, NOTPANEL_KEY, NOTPANEL_TEST_KEY } = process.env;
const real = { timeout: 120_000, skip: !NOTPANEL_URL && 'NOTPANEL_URL names no panel: go test ./e2e/sdk starts one' };
const link = 'https://example.com/ä?a=b&c=%20#sim=slow:60s';

/** panel is a client whose answers' statuses are noted. */
function panel(key = NOTPANEL_TEST_KEY) {
  const statuses = [];
  const noting = async (...all) => {
    const answer = await fetch(...all);
    statuses.push(answer.status);
    return answer;
  };
  return { client: new Client(key, NOTPANEL_URL, { fetch: noting }), statuses };
}

/** state waits until an order has a state that is wanted. */
async function state(client, order, wanted) {
  for (;;) {
    const { status } = await client.status(order);
    if (wanted.includes(status)) {
      return status;
    }
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

const rowsOf = async (rows) => {
  const all = [];
  for await (const row of rows) {
    all.push(row);
  }
  return all;
};

test('the list of services is sent once', real, async () => {
  const { client, statuses } = panel(NOTPANEL_KEY);
  const first = await client.services();
  assert.deepEqual(await client.services(), first);
  assert.deepEqual(statuses, [200, 304]);
  assert.ok(first.length > 20);
  const { facts, ...one } = await client.service(first[0].service);
  assert.deepEqual(one, first[0]);
  assert.ok(facts === null || facts.orders > 0);
});

// What each type of service needs beside its number, link and quantity.
const special = {
  'Custom Comments': { comments: ['Clear', 'Good, short'], quantity: undefined },
  'Custom Comments Package': { comments: ['Clear'], quantity: undefined },
  'Mentions with Hashtags': { usernames: ['a', 'b'], hashtags: ['x', 'y'] },
  'Mentions Custom List': { usernames: ['a', 'b'], quantity: undefined },
  'Mentions Hashtag': { hashtag: 'adverts' },
  'Mentions User Followers': { username: 'weekly' },
  'Mentions Media Likers': { media: 'https://example.com/paper' },
  'Comment Likes': { username: 'weekly' },
  'Comment Replies': { username: 'weekly', comments: ['Thanks'], quantity: undefined },
  Poll: { answer_number: 2 },
  'Invites from Groups': { groups: ['g1', 'g2'] },
  SEO: { keywords: ['k1', 'k2'] },
  'Web Traffic': { country: 'DE', device: 5, type_of_traffic: 2, referring_url: 'https://example.com/from' },
  Subscriptions: { link: undefined, quantity: undefined, username: 'weekly', min: 50, max: 60, posts: 2, old_posts: 1, delay: 0, expiry: new Date(Date.now() + 40 * 86_400_000) },
};

test('every type of service can be ordered', real, async () => {
  const { client } = panel();
  const types = new Map((await client.services()).map((service) => [service.type, service]));
  assert.equal(types.size, 16);
  for (const [type, service] of types) {
    const order = { service: service.service, quantity: service.type === 'Package' ? undefined : service.min, link, max_charge: '1000000.00', ...special[type] };
    const placed = await client.add(order);
    assert.match(placed.order, /^ord_/, type);
    const found = await client.order({ request_id: placed.request_id });
    assert.deepEqual([found.order, found.service, found.link], [placed.order, service.service, order.link ?? ''], type);
  }
});

test('a drip-feed has its runs', real, async () => {
  const { client } = panel();
  const service = (await client.services()).find(({ dripfeed, type }) => dripfeed && type === 'Default');
  const { order } = await client.add({ service: service.service, quantity: service.min, link, runs: 2, interval: 1 });
  const { runs, orders } = await client.status(order);
  assert.ok(/^\d+$/.test(runs) && Array.isArray(orders));
});

test('the same request_id is one order, other fields with it are refused', real, async () => {
  const { client } = panel();
  const request_id = randomUUID();
  const [service] = await client.services();
  const order = { service: service.service, quantity: service.min, link, request_id };
  const placed = await Promise.all([client.add(order), client.add(order), client.add(order)]);
  assert.equal(new Set(placed.map((one) => JSON.stringify(one))).size, 1);
  await assert.rejects(client.add({ ...order, max_charge: '999.00' }), (error) => {
    assert.ok(error instanceof InvalidRequestError);
    assert.deepEqual([error.status, error.text, error.requestId, error.outcomeUnknown],
      [400, 'request_id was already used with different parameters', request_id, false]);
    assert.match(error.xRequestId, /./);
    return true;
  });
});

test('an order is canceled and its money comes back', real, async () => {
  const { client } = panel();
  const [service] = await client.services();
  const { order, charge } = await client.add({ service: service.service, quantity: service.min, link });
  assert.equal(await client.cancel(order), order);
  assert.equal(await state(client, order, ['canceled']), 'canceled');
  const { refunded, timeline } = await client.order(order);
  assert.equal(refunded, charge);
  assert.ok(timeline.length > 1);
  assert.deepEqual(await client.cancels([order, 'no-such']), [{ order, error: 'Order cannot be canceled' }, { order: 'no-such', error: 'Order not found' }]);
});

test('a completed order is refilled', real, async () => {
  const { client } = panel();
  const service = (await client.services()).find(({ refill, type }) => refill && type === 'Default');
  const { order } = await client.add({ service: service.service, quantity: service.min, link: 'https://example.com/refill' });
  await state(client, order, ['completed']);
  const refill = await client.refill(order);
  assert.match(refill, /^ref_/);
  assert.ok(['pending', 'in_progress', 'completed'].includes(await client.refillStatus(refill)));
  const [row, none] = await client.refillStatuses([refill, 'ref_none']);
  assert.deepEqual([row.refill, none], [refill, { refill: 'ref_none', error: 'Refill not found' }]);
  const [again] = await client.refills([order]);
  assert.match(again.error ?? again.refill, /Refill not available|^ref_/);
});

test('many statuses at once, in two requests', real, async () => {
  const { client, statuses } = panel(NOTPANEL_KEY);
  const ids = Array.from({ length: 130 }, (_, i) => i + 1);
  const found = await client.statuses(ids);
  assert.deepEqual([...found.keys()], ids.map(String));
  assert.equal(found.get('1').currency, 'USD');
  assert.deepEqual(found.get('130'), { error: 'Order not found' });
  assert.deepEqual(statuses, [200, 200]);
});

test('lists are gone through to their end', real, async () => {
  const { client } = panel(NOTPANEL_KEY);
  const orders = await rowsOf(client.eachOrder());
  assert.deepEqual(orders.map(({ number }) => number), Array.from(orders, (_, i) => orders.length - i));
  const page = await client.orders({ limit: 1 });
  assert.deepEqual([page.orders.length, page.cursor !== null], [1, true]);
  const completed = await rowsOf(client.eachOrder({ status: 'completed' }));
  assert.ok(completed.length > 0 && completed.every(({ status }) => status === 'completed'));

  const lines = client.eachTransaction();
  const statement = await rowsOf(lines);
  assert.deepEqual(statement.map(({ transaction }) => transaction), Array.from(statement, (_, i) => i + 1));
  assert.equal(statement.at(-1).balance, (await client.balance()).balance);
  assert.deepEqual(await rowsOf(client.eachTransaction({ cursor: lines.cursor })), []);

  const changes = client.eachChange();
  assert.ok((await rowsOf(changes)).length > 0);
  assert.equal(changes.cursor, (await client.changes({ cursor: 'latest' })).cursor);
});

test('refusals have their classes', real, async () => {
  const { client } = panel();
  const [service] = await client.services();
  await assert.rejects(client.status('ord_none'), NotFoundError);
  await assert.rejects(client.service(999_999), NotFoundError);
  await assert.rejects(client.add({ service: service.service, quantity: 1, link }), InvalidRequestError);
  const live = panel(NOTPANEL_KEY).client;
  const price = ({ rate, max }) => Number(rate) * Number(max) / 1000;
  const dear = (await live.services()).filter(({ type }) => type === 'Default').reduce((a, b) => (price(a) > price(b) ? a : b));
  await assert.rejects(live.add({ service: dear.service, quantity: dear.max, link: 'https://example.com/dear' }), InsufficientBalanceError);
  const stranger = new Client(unknownKey, NOTPANEL_URL);
  await assert.rejects(stranger.balance(), InvalidKeyError);
  await assert.rejects(stranger.status(7), (error) => error instanceof InvalidKeyError && error.status === 401);
});

test('an order\'s events come to an endpoint, signed, and are looked after', real, async (t) => {
  const { client } = panel();
  let secrets = [];
  const events = [];
  const waiting = [];
  const server = createServer(async (request, response) => {
    const event = await verifyWebhook(await buffer(request), request.headers, secrets);
    response.writeHead(200).end();
    events.push(event);
    waiting.splice(0).forEach((look) => look());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const came = async (fits) => {
    for (;;) {
      const event = events.find(fits);
      if (event) {
        return event;
      }
      await new Promise((resolve) => { waiting.push(resolve); });
    }
  };

  const url = `http://127.0.0.1:${server.address().port}/webhook`;
  const made = await client.webhooks.add({ url, events: ['order.created', 'order.completed'] });
  secrets = [made.secret];
  assert.deepEqual([made.url, made.events], [url, ['order.created', 'order.completed']]);
  const delivery = await client.webhooks.test(made.id);
  assert.match(delivery, /^dlv_/);
  assert.deepEqual((await came(({ type }) => type === 'ping')).data, { webhook: made.id });

  const rotated = await client.webhooks.rotate(made.id, { overlap: 1 });
  assert.ok(Date.parse(rotated.previous_expires_at) > Date.now());
  const [service] = await client.services();
  const placed = await client.add({ service: service.service, quantity: service.min, link: 'https://example.com/landing' });
  const created = await came(({ type, data }) => type === 'order.created' && data.order === placed.order);
  assert.deepEqual([created.sequence, created.data.request_id], [1, placed.request_id]);
  secrets = [rotated.secret];
  const completed = await came(({ type, data }) => type === 'order.completed' && data.order === placed.order);
  assert.deepEqual([completed.data.status, completed.data.charge], ['completed', placed.charge]);

  const log = await rowsOf(client.webhooks.eachDelivery(made.id));
  assert.ok(log.length >= 3);
  const ping = log.find((row) => row.delivery === delivery);
  assert.deepEqual([ping.type, ping.state, ping.attempts[0].status], ['ping', 'delivered', 200]);
  assert.equal(JSON.parse(log.find(({ event }) => event === completed.id).request).id, completed.id);
  const page = await client.webhooks.deliveries(made.id, { limit: 1 });
  assert.deepEqual([page.deliveries.length, typeof page.cursor], [1, 'string']);

  events.length = 0;
  assert.equal(await client.webhooks.replay(log.find(({ event }) => event === completed.id).delivery), 1);
  assert.equal((await came(({ type }) => type === 'order.completed')).id, completed.id);
  assert.equal(await client.webhooks.replay({ id: made.id, since: new Date(Date.now() - 3_600_000) }), 0);

  const mine = (await client.webhooks.list()).find(({ id }) => id === made.id);
  assert.deepEqual([mine.state, mine.reason, mine.secret], ['active', null, undefined]);
  assert.equal(await client.webhooks.remove(made.id), made.id);
  await assert.rejects(client.webhooks.remove(made.id), NotFoundError);
});
