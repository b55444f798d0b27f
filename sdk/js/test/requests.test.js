import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Client, version } from 'notpanel';
import { key, startPanel } from '../testkit/panel.js';

async function setup(t, options) {
  const panel = await startPanel(t);
  return { panel, client: new Client(key, panel.url, { retryDelay: 1, ...options }) };
}

/** sent is what was sent beside the key. */
const sent = (panel, i = -1) => {
  const { key: _, ...fields } = panel.requests.at(i).fields;
  return fields;
};

test('a request is a POST of a form to /api/v2 with the key in its body alone', async (t) => {
  const { panel, client } = await setup(t);
  assert.deepEqual(await client.balance(), { balance: '97.144', currency: 'USD' });
  const [{ fields, headers, method, path }] = panel.requests;
  assert.deepEqual(fields, { key, action: 'balance' });
  assert.equal(method, 'POST');
  assert.equal(path, '/api/v2');
  assert.equal(headers['content-type'], 'application/x-www-form-urlencoded');
  assert.equal(headers['user-agent'], `notpanel-js/${version}`);
  assert.ok(!JSON.stringify(headers).includes(key));
});

test('the version is that of the package', async () => {
  assert.equal(version, JSON.parse(await readFile(new URL('../package.json', import.meta.url))).version);
});

test('a panel in a folder, and another user agent', async (t) => {
  const { panel } = await setup(t);
  await new Client(key, `${panel.url}/shop/`, { userAgent: 'my-shop/2' }).balance();
  assert.equal(panel.requests[0].path, '/shop/api/v2');
  assert.equal(panel.requests[0].headers['user-agent'], 'my-shop/2');
});

test('add sends every field of every type', async (t) => {
  const { panel, client } = await setup(t);
  const order = {
    service: 1, request_id: 'shop-1', link: 'https://example.com/ä?a=b&c=%20#x+y', quantity: 10n, runs: '2', interval: 60, max_charge: '0.50', coupon: 'SPRING',
    comments: ['Good, short', 'Clear'], usernames: ['a', 'b'], hashtags: 'x,y', hashtag: 'z', username: 'weekly', media: 'https://example.com/m',
    answer_number: 2, groups: ['g'], keywords: ['k1', 'k2'], country: 'DE', device: 5, type_of_traffic: 1, google_keyword: 'adverts',
    referring_url: 'https://example.com/r', min: 1, max: 2, delay: 0, posts: 3, old_posts: 0, expiry: new Date('2026-12-31T10:00:00Z'),
  };
  const placed = await client.add(order);
  assert.deepEqual(placed, { order: 'ord_1', status: 'pending', charge: '0.42', currency: 'USD', request_id: 'shop-1' });
  assert.deepEqual(sent(panel), {
    action: 'add', service: '1', request_id: 'shop-1', link: 'https://example.com/ä?a=b&c=%20#x+y', quantity: '10', runs: '2', interval: '60',
    max_charge: '0.50', coupon: 'SPRING', comments: 'Good, short\nClear', usernames: 'a\nb', hashtags: 'x,y', hashtag: 'z', username: 'weekly',
    media: 'https://example.com/m', answer_number: '2', groups: 'g', keywords: 'k1\nk2', country: 'DE', device: '5', type_of_traffic: '1',
    google_keyword: 'adverts', referring_url: 'https://example.com/r', min: '1', max: '2', delay: '0', posts: '3', old_posts: '0', expiry: '2026-12-31',
  });
});

test('what would be another value on its way is not sent', async (t) => {
  const { panel, client } = await setup(t);
  for (const [order, says] of [
    [{ max_charge: 0.5 }, /max_charge must be text/], [{ max_charge: 1 }, /max_charge must be text/], [{ quantity: 1.5 }, /quantity must be a whole number/],
    [{ quantity: 2 ** 53 }, /whole number/], [{ quantity: NaN }, /whole number/], [{ quantity: {} }, /quantity must be text or/], [{ comments: ['a\nb'] }, /comments must not/],
    [{ link: 'https://example.com/\ud83d' }, /half a character/], [{ key: 'x' }, /key is not a field/], [{ action: 'x' }, /action is not a field/],
  ]) {
    await assert.rejects(client.add({ service: 1, ...order }), { name: 'ArgumentError', message: says });
  }
  for (const id of ['', 'a,b', ' ', null, undefined, 1.5, {}]) {
    for (const call of [
      client.status(id), client.statuses([id]), client.service(id), client.refill(id), client.refills([id]), client.refillStatus(id), client.cancel(id),
      client.order(id), client.order({ request_id: id }), client.webhooks.remove(id), client.webhooks.rotate(id), client.webhooks.deliveries(id), client.webhooks.replay(id),
    ]) {
      await assert.rejects(call, { name: 'ArgumentError' }, inspect(id));
    }
  }
  assert.equal(panel.requests.length, 0);
});

test('each action sends its fields and returns its answer', async (t) => {
  const { panel, client } = await setup(t);
  const when = new Date('2026-03-01T12:00:00Z');
  const deliveries = { deliveries: [], cursor: null };
  const rotated = { id: 'whk_1', secret: 'whsec_x', previous_expires_at: null };
  for (const [call, fields, answer, returned = answer] of [
    [() => client.services({ lang: 'de' }), { action: 'services', lang: 'de' }, []],
    [() => client.service(3, { lang: 'tr' }), { action: 'service', service: '3', lang: 'tr' }, { service: 3, facts: null }],
    [() => client.changes({ cursor: 'latest', limit: 5 }), { action: 'changes', cursor: 'latest', limit: '5' }, { changes: [], cursor: '9', currency: 'USD' }],
    [() => client.status('ord_1'), { action: 'status', order: 'ord_1' }, { status: 'gone-fishing', charge: '1.00', new_field: [1] }],
    [() => client.status(7), { action: 'status', order: '7' }, { status: 'pending', start_count: null }],
    [() => client.refill('ord_1'), { action: 'refill', order: 'ord_1' }, { refill: 'ref_1' }, 'ref_1'],
    [() => client.refills([9, '7']), { action: 'refill', orders: '9,7' }, [{ order: '9', refill: 'ref_1' }, { order: '7', error: 'Order not found' }]],
    [() => client.refillStatus('ref_1'), { action: 'refill_status', refill: 'ref_1' }, { status: 'pending' }, 'pending'],
    [() => client.refillStatuses(new Set([1])), { action: 'refill_status', refills: '1' }, [{ refill: '1', status: 'pending' }]],
    [() => client.cancel(4), { action: 'cancel', order: '4' }, { cancel: 'ord_4' }, 'ord_4'],
    [() => client.cancels(['1']), { action: 'cancel', orders: '1' }, [{ order: '1', cancel: true }]],
    [() => client.order('ord_1'), { action: 'order', order: 'ord_1' }, { order: 'ord_1', timeline: [] }],
    [() => client.order({ request_id: 'shop-1' }), { action: 'order', request_id: 'shop-1' }, { order: 'ord_1', timeline: [] }],
    [() => client.orders({ cursor: '7', limit: 2, status: 'partial', service: 3 }), { action: 'orders', cursor: '7', limit: '2', status: 'partial', service: '3' }, { orders: [], cursor: null }],
    [() => client.orders({ cursor: null }), { action: 'orders' }, { orders: [], cursor: null }],
    [() => client.transactions({ limit: 1 }), { action: 'transactions', limit: '1' }, { transactions: [], cursor: '0', currency: 'USD' }],
    [() => client.webhooks.add({ url: 'https://shop.example/hook', events: ['order.completed', 'ping'] }), { action: 'webhook.add', url: 'https://shop.example/hook', events: 'order.completed,ping' }, { id: 'whk_1', secret: 'whsec_x' }],
    [() => client.webhooks.add({ url: 'https://shop.example/hook' }), { action: 'webhook.add', url: 'https://shop.example/hook' }, { id: 'whk_1', secret: 'whsec_x' }],
    [() => client.webhooks.list(), { action: 'webhook.list' }, []],
    [() => client.webhooks.remove('whk_1'), { action: 'webhook.remove', id: 'whk_1' }, { removed: 'whk_1' }, 'whk_1'],
    [() => client.webhooks.test('whk_1'), { action: 'webhook.test', id: 'whk_1' }, { delivery: 'dlv_1' }, 'dlv_1'],
    [() => client.webhooks.rotate('whk_1', { overlap: 0 }), { action: 'webhook.rotate', id: 'whk_1', overlap: '0' }, rotated],
    [() => client.webhooks.deliveries('whk_1', { cursor: 'c', limit: 3 }), { action: 'webhook.deliveries', id: 'whk_1', cursor: 'c', limit: '3' }, deliveries],
    [() => client.webhooks.replay('dlv_1'), { action: 'webhook.replay', delivery: 'dlv_1' }, { replayed: 1 }, 1],
    [() => client.webhooks.replay({ id: 'whk_1', since: when }), { action: 'webhook.replay', id: 'whk_1', since: '2026-03-01T12:00:00.000Z' }, { replayed: 3 }, 3],
  ]) {
    panel.script({ json: answer });
    assert.deepEqual(await call(), returned);
    assert.deepEqual(sent(panel), fields);
  }
});

test('a list of services that has not changed is not sent again, and copies are the caller\'s own', async (t) => {
  const { panel, client } = await setup(t);
  panel.script(
    { json: [{ service: 1 }], headers: { ETag: '"one"' } }, { status: 304 },
    { json: [{ service: 1, name: 'Anzeigen' }], headers: { ETag: '"de"' } },
    { json: [{ service: 2 }], headers: { ETag: '"two"' } }, { json: [{ service: 3 }] }, { json: [] },
  );
  const first = await client.services();
  first[0].service = 99;
  first.pop();
  assert.deepEqual(await client.services(), [{ service: 1 }]);
  assert.deepEqual(await client.services({ lang: 'de' }), [{ service: 1, name: 'Anzeigen' }]);
  assert.deepEqual(await client.services(), [{ service: 2 }]);
  assert.deepEqual(await client.services(), [{ service: 3 }]);
  assert.deepEqual(await client.services(), []);
  const asked = panel.requests.map(({ headers }) => headers['if-none-match']);
  assert.deepEqual(asked, [undefined, '"one"', undefined, '"one"', '"two"', undefined]);
});

test('many ids go a hundred at a time', async (t) => {
  const { panel, client } = await setup(t);
  const ids = Array.from({ length: 201 }, (_, i) => i + 1);
  const status = ({ orders }) => ({ json: Object.fromEntries(orders.split(',').map((id) => [id, id === '3' ? { error: 'Order not found' } : { status: 'pending' }])) });
  panel.script(status, status, status);
  const found = await client.statuses(ids);
  assert.deepEqual(panel.requests.map(({ fields }) => fields.orders.split(',').length), [100, 100, 1]);
  assert.deepEqual([...found.keys()], ids.map(String));
  assert.deepEqual(found.get('3'), { error: 'Order not found' });
  assert.deepEqual(found.get('201'), { status: 'pending' });

  const rows = ({ orders }) => ({ json: orders.split(',').map((order) => ({ order, cancel: true })) });
  panel.script(rows, rows, rows);
  assert.deepEqual((await client.cancels(ids)).map(({ order }) => Number(order)), ids);

  assert.deepEqual([(await client.statuses([])).size, await client.refills([]), panel.requests.length], [0, [], 6]);
});

test('of many ids it is told what was done before one call failed', async (t) => {
  const { panel, client } = await setup(t);
  const rows = ({ orders }) => ({ json: orders.split(',').map((order) => ({ order, cancel: true })) });
  panel.script(rows, { status: 500, json: { error: 'Internal error' } });
  await assert.rejects(client.cancels(Array.from({ length: 150 }, (_, i) => i)), (error) => {
    assert.equal(error.name, 'ServerError');
    assert.equal(error.answered.length, 100);
    assert.equal(error.outcomeUnknown, true);
    return true;
  });
});

test('orders are gone through to the page whose cursor is null, empty pages too', async (t) => {
  const { panel, client } = await setup(t);
  panel.script(
    { json: { orders: [{ number: 9 }, { number: 8 }], cursor: '8' } }, { json: { orders: [], cursor: '5' } }, { json: { orders: [{ number: 2 }], cursor: null } },
  );
  const numbers = [];
  for await (const { number } of client.eachOrder({ status: 'partial', service: 1 })) {
    numbers.push(number);
  }
  assert.deepEqual(numbers, [9, 8, 2]);
  assert.deepEqual(panel.requests.map(({ fields }) => fields.cursor), [undefined, '8', '5']);
  assert.ok(panel.requests.every(({ fields }) => fields.status === 'partial' && fields.service === '1'));
});

test('deliveries are gone through likewise', async (t) => {
  const { panel, client } = await setup(t);
  panel.script({ json: { deliveries: [{ delivery: 'dlv_2' }], cursor: 'c' } }, { json: { deliveries: [{ delivery: 'dlv_1' }], cursor: null } });
  const found = [];
  for await (const { delivery } of client.webhooks.eachDelivery('whk_1')) {
    found.push(delivery);
  }
  assert.deepEqual(found, ['dlv_2', 'dlv_1']);
  assert.equal(sent(panel).cursor, 'c');
});

for (const [name, list, each] of [['changes', 'changes', 'eachChange'], ['lines of the statement', 'transactions', 'eachTransaction']]) {
  test(`${name} are gone through to a page that is not full, and later from there`, async (t) => {
    const { panel, client } = await setup(t);
    const full = Array.from({ length: 500 }, (_, i) => i + 1);
    panel.script({ json: { [list]: full, cursor: '500' } }, { json: { [list]: [501], cursor: '501' } });
    const rows = client[each]();
    const found = [];
    for await (const row of rows) {
      found.push(row);
    }
    assert.deepEqual(found, [...full, 501]);
    assert.equal(rows.cursor, '501');
    panel.script({ json: { [list]: [], cursor: '501' } });
    for await (const row of client[each]({ cursor: rows.cursor })) {
      assert.fail(`row ${row}`);
    }
    assert.equal(sent(panel).cursor, '501');
  });
}

test('who stops in the middle of a page gets it again', async (t) => {
  const { panel, client } = await setup(t);
  panel.script({ json: { orders: [{ number: 9 }], cursor: '9' } }, { json: { orders: [{ number: 8 }, { number: 7 }], cursor: '7' } });
  const rows = client.eachOrder();
  for await (const { number } of rows) {
    if (number === 8) {
      break;
    }
  }
  assert.equal(rows.cursor, '9');
});

test('a list whose cursor stands still ends with an error', async (t) => {
  const { panel, client } = await setup(t);
  panel.script({ json: { orders: [], cursor: '9' } }, { json: { orders: [], cursor: '9' } });
  await assert.rejects(async () => {
    for await (const order of client.eachOrder()) {
      assert.fail(`order ${order}`);
    }
  }, { name: 'UnexpectedAnswerError', message: /cursor 9/ });
  assert.equal(panel.requests.length, 2);
});

test('nothing that prints a client or an error shows the key', async (t) => {
  const { panel, client } = await setup(t, { maxRetries: 0 });
  const all = { depth: Infinity, showHidden: true, getters: true };
  const shown = [inspect(client, all), JSON.stringify(client), String(client)];
  panel.script(
    { status: 400, json: { error: `Unknown: ${key}` } }, { status: 404, body: `<b>${key}</b>` }, { status: 502, body: `bad ${key}` }, { json: { echo: key } }, { drop: true },
  );
  for (let i = 0; i < 5; i++) {
    await client.balance().then(assert.fail, (error) => shown.push(inspect(error, all), error.stack, JSON.stringify(error)));
  }
  assert.equal(panel.requests.length, 5);
  assert.deepEqual(shown.filter((text) => text.includes(key.slice(8, 30))), []);
});
