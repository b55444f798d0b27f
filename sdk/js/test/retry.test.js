import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { Client, ConnectionError, TimeoutError } from 'notpanel';
import { isNeverSent, waitBefore } from '../src/retry.js';
import { key, startPanel } from '../testkit/panel.js';

async function setup(t, options) {
  const panel = await startPanel(t);
  const clientFor = (answer) => new Client(key, panel.url, { retryDelay: 1, ...(answer?.hang && { timeout: patience }), ...options });
  return { panel, client: clientFor(), clientFor };
}

// Long enough for a busy machine to answer, and short enough to wait for what never comes.
const patience = 1000;

const failure = (promise) => promise.then((value) => assert.fail(`answered ${JSON.stringify(value)}`), (error) => error);

const order = { service: 1, quantity: 1000, link: 'https://example.com/landing' };
const passing = [
  { status: 429, json: { error: 'Rate limit exceeded' } }, { status: 500, json: { error: 'Internal error' } }, { status: 502, body: '<html>' },
  { status: 503, json: { error: 'Temporarily unavailable' } }, { status: 504, body: '' }, { drop: true }, { cut: true, body: '{"order":"ord_' }, { hang: true },
];

/** freePort is a port where nobody listens. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

test('add is repeated with the same request_id, whatever may pass, and places one order', async (t) => {
  const { panel, clientFor } = await setup(t);
  for (const answer of passing) {
    panel.requests.length = 0;
    panel.script(answer, answer);
    const placed = await clientFor(answer).add(order);
    assert.match(placed.request_id, /^[0-9a-f-]{36}$/);
    assert.equal(panel.requests.length, 3, JSON.stringify(answer));
    assert.deepEqual(new Set(panel.requests.map(({ fields }) => JSON.stringify(fields))).size, 1);
    assert.equal(panel.requests[0].fields.request_id, placed.request_id);
  }
});

test('every add has a request_id of its own', async (t) => {
  const { client } = await setup(t);
  const made = await Promise.all(Array.from({ length: 5 }, () => client.add(order)));
  assert.equal(new Set(made.map(({ request_id }) => request_id)).size, 5);
});

test('reads are repeated likewise', async (t) => {
  const { panel, clientFor } = await setup(t);
  for (const answer of passing) {
    panel.requests.length = 0;
    panel.script(answer);
    assert.equal((await clientFor(answer).balance()).balance, '97.144');
    assert.equal(panel.requests.length, 2, JSON.stringify(answer));
  }
});

test('every read is one', async (t) => {
  const { panel, client } = await setup(t);
  const endpoints = client.webhooks;
  for (const [call, json] of [
    [() => client.services(), []], [() => client.service(1), { service: 1 }], [() => client.changes(), { changes: [] }], [() => client.status(1), { status: 'pending' }],
    [() => client.statuses([1]), {}], [() => client.refillStatus(1), { status: 'pending' }], [() => client.refillStatuses([1]), []], [() => client.order(1), { order: 'ord_1' }],
    [() => client.orders(), { orders: [] }], [() => client.transactions(), { transactions: [] }], [() => endpoints.list(), []], [() => endpoints.deliveries('whk_1'), { deliveries: [] }],
  ]) {
    panel.requests.length = 0;
    panel.script({ drop: true }, { json });
    await call();
    assert.equal(panel.requests.length, 2, String(call));

    panel.script(...Array(5).fill({ status: 500, json: { error: 'Internal error' } }));
    assert.equal((await failure(call())).outcomeUnknown, false, String(call));
  }
});

test('what is repeated has an end', async (t) => {
  const { panel, client } = await setup(t);
  panel.script(...Array(9).fill({ status: 500, json: { error: 'Internal error' } }));
  assert.equal((await failure(client.balance())).text, 'Internal error');
  assert.equal(panel.requests.length, 5);
  await failure(new Client(key, panel.url, { maxRetries: 0 }).balance());
  assert.equal(panel.requests.length, 6);
});

test('no other refusal is repeated', async (t) => {
  const { panel, client } = await setup(t);
  for (const status of [400, 401, 403, 404, 405, 408, 413, 425, 501, 505]) {
    panel.requests.length = 0;
    panel.script({ status, json: { error: 'No' } });
    assert.equal((await failure(client.add(order))).status, status);
    assert.equal(panel.requests.length, 1, String(status));
  }
});

const cautious = {
  refill: (c) => c.refill(1), refills: (c) => c.refills([1]), cancel: (c) => c.cancel(1), cancels: (c) => c.cancels([1]),
  'webhooks.add': (c) => c.webhooks.add({ url: 'https://shop.example/' }), 'webhooks.rotate': (c) => c.webhooks.rotate('whk_1'),
  'webhooks.test': (c) => c.webhooks.test('whk_1'), 'webhooks.replay': (c) => c.webhooks.replay('dlv_1'), 'webhooks.remove': (c) => c.webhooks.remove('whk_1'),
};

describe('what may have been done', { concurrency: true }, () => {
  for (const [name, call] of Object.entries(cautious)) {
    test(`${name} is repeated after 429 and never where it may have been done`, async (t) => {
      const { panel, client, clientFor } = await setup(t);
      const [limited, ...lost] = passing;
      for (const answer of lost) {
        panel.requests.length = 0;
        panel.script(answer);
        const error = await failure(call(clientFor(answer)));
        assert.equal(error.outcomeUnknown, true, JSON.stringify(answer));
        assert.equal(panel.requests.length, 1, JSON.stringify(answer));
      }
      panel.requests.length = 0;
      panel.script(limited, limited, { status: 400, json: { error: 'No' } });
      const error = await failure(call(client));
      assert.deepEqual([error.text, error.outcomeUnknown, panel.requests.length], ['No', false, 3]);
    });
  }
});

test('where no connection can be made all is repeated, and it is known that nothing was done', async () => {
  const port = await freePort();
  for (const call of [(c) => c.balance(), (c) => c.add(order), ...Object.values(cautious)]) {
    let attempts = 0;
    const client = new Client(key, `http://127.0.0.1:${port}`, { retryDelay: 1, maxRetries: 2, fetch: (...all) => { attempts++; return fetch(...all); } });
    const error = await failure(call(client));
    assert.ok(error instanceof ConnectionError && error.neverSent && !error.outcomeUnknown);
    assert.match(error.message, /ECONNREFUSED/);
    assert.equal(attempts, 3);
  }
});

test('add tells its request_id when nobody knows whether it was placed', async (t) => {
  const { panel, clientFor } = await setup(t, { maxRetries: 1 });
  for (const [answers, unknown] of [
    [[{ hang: true }, { hang: true }], true],
    [[{ drop: true }, { status: 429, json: { error: 'Rate limit exceeded' } }], true],
    [[{ status: 200, body: '<html>Sign in' }], true],
    [[{ status: 429, json: { error: 'Rate limit exceeded' } }, { status: 429, json: { error: 'Rate limit exceeded' } }], false],
    [[{ status: 400, json: { error: 'Insufficient balance' } }], false],
    [[{ status: 404, body: '<html>' }], false],
  ]) {
    panel.script(...answers);
    const error = await failure(clientFor(answers[0]).add(order));
    assert.equal(error.outcomeUnknown, unknown, JSON.stringify(answers));
    assert.equal(error.requestId, panel.requests.at(-1).fields.request_id);
  }
});

test('a time-out is told by its class', async (t) => {
  const { panel, client } = await setup(t, { timeout: 50, maxRetries: 0 });
  panel.script({ hang: true });
  const error = await failure(client.balance());
  assert.ok(error instanceof TimeoutError && error instanceof ConnectionError);
  assert.match(error.message, /within 0\.05 s/);
});

test('a signal ends a request that waits for its answer', async (t) => {
  const { panel, client } = await setup(t);
  const stop = new AbortController();
  panel.script(() => { setImmediate(() => stop.abort('closing')); return { hang: true }; });
  const error = await failure(client.add({ ...order, request_id: 'shop-9' }, { signal: stop.signal }));
  assert.deepEqual([error.name, error.cause, error.requestId, error.outcomeUnknown], ['AbortedError', 'closing', 'shop-9', true]);
  assert.equal(panel.requests.length, 1);
});

test('a signal ends a wait between retries', async () => {
  const stop = new AbortController();
  const limited = async () => {
    setTimeout(() => stop.abort(), 50); // by then it waits
    return new Response('{"error":"Rate limit exceeded"}', { status: 429 });
  };
  const client = new Client(key, 'https://panel.example', { retryDelay: 60_000, fetch: limited });
  const error = await failure(client.cancel(1, { signal: stop.signal }));
  assert.deepEqual([error.name, error.outcomeUnknown], ['AbortedError', false]);
});

test('nothing of a call stays with its signal', async (t) => {
  const { panel, client } = await setup(t);
  const { signal } = new AbortController();
  panel.script({ status: 503, json: { error: 'Temporarily unavailable' } });
  await client.balance({ signal });
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a signal that has ended sends nothing', async (t) => {
  const { panel, client } = await setup(t);
  const error = await failure(client.add(order, { signal: AbortSignal.abort() }));
  assert.deepEqual([error.name, error.outcomeUnknown, panel.requests.length], ['AbortedError', false, 0]);
});

test('Retry-After is waited for, up to a minute', async (t) => {
  const { panel, client } = await setup(t);
  panel.script({ status: 503, json: { error: 'Temporarily unavailable' }, headers: { 'Retry-After': '1' } });
  const begun = performance.now();
  await client.balance();
  assert.ok(performance.now() - begun >= 1000);

  panel.script({ status: 429, json: { error: 'Rate limit exceeded' }, headers: { 'Retry-After': '61' } });
  assert.equal((await failure(client.balance())).retryAfter, 61);
  assert.equal(panel.requests.length, 3);
});

test('waits double up to eight seconds, by half at random, and never fall below what was asked', () => {
  const waits = (random, error = {}) => [0, 1, 2, 3, 4, 5, 9].map((retry) => waitBefore(retry, error, 500, () => random));
  assert.deepEqual(waits(0), [250, 500, 1000, 2000, 4000, 4000, 4000]);
  assert.deepEqual(waits(1), [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.deepEqual(waits(0, { retryAfter: 60 }), Array(7).fill(60_000));
  assert.deepEqual(waits(1, { retryAfter: 2 }), Array(7).fill(2500));
  assert.deepEqual(waits(1, { retryAfter: 61 }), Array(7).fill(null));
});

test('only a connection that could not be made counts as not sent', () => {
  const fetchFailed = (cause) => Object.assign(new TypeError('fetch failed'), { cause });
  assert.ok(isNeverSent(fetchFailed({ code: 'ENOTFOUND' })));
  assert.ok(isNeverSent(fetchFailed({ code: 'ECONNREFUSED', errors: [{ code: 'ECONNREFUSED' }, { code: 'ENETUNREACH' }] })));
  assert.ok(!isNeverSent(fetchFailed({ code: 'ECONNREFUSED', errors: [{ code: 'ECONNREFUSED' }, { code: 'ECONNRESET' }] })));
  assert.ok(!isNeverSent(fetchFailed({ code: 'ECONNRESET' })));
  assert.ok(!isNeverSent(fetchFailed({ code: 'UND_ERR_SOCKET' })));
  assert.ok(!isNeverSent(new TypeError('Failed to fetch')));
  assert.ok(!isNeverSent('trouble'));
});
