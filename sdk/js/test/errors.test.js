import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as notpanel from 'notpanel';
import { secondsToWait } from '../src/errors.js';
import { key, startPanel } from '../testkit/panel.js';

async function setup(t, options) {
  const panel = await startPanel(t);
  return { panel, client: new notpanel.Client(key, panel.url, { maxRetries: 0, ...options }) };
}

/** failure returns what a promise is rejected with. */
const failure = (promise) => promise.then((value) => assert.fail(`answered ${JSON.stringify(value)}`), (error) => error);

test('every refusal has the class of what happened', async (t) => {
  const { panel, client } = await setup(t);
  for (const [status, text, name] of [
    [400, 'Invalid API key', 'InvalidKeyError'],
    [400, 'Insufficient balance', 'InsufficientBalanceError'],
    [400, 'Service not found', 'NotFoundError'],
    [400, 'Order not found', 'NotFoundError'],
    [400, 'Refill not found', 'NotFoundError'],
    [400, 'Webhook not found', 'NotFoundError'],
    [403, 'Account suspended', 'AccountSuspendedError'],
    [400, 'Missing required parameter: service', 'InvalidRequestError'],
    [400, 'request_id was already used with different parameters', 'InvalidRequestError'],
    [405, 'Method not allowed: use POST', 'InvalidRequestError'],
    [413, 'Request body too large', 'InvalidRequestError'],
    [418, 'A text of next year', 'InvalidRequestError'],
    [429, 'Rate limit exceeded', 'RateLimitError'],
    [500, 'Internal error', 'ServerError'],
    [503, 'Temporarily unavailable', 'ServerError'],
  ]) {
    panel.script({ status, json: { error: text, more: 1 } });
    const error = await failure(client.balance());
    assert.equal(error.name, name, text);
    assert.ok(error instanceof notpanel[name] && error instanceof notpanel.ApiError && error instanceof notpanel.NotPanelError && error instanceof Error);
    assert.deepEqual([error.status, error.text, error.xRequestId, error.requestId], [status, text, `req_${panel.requests.length}`, null]);
    assert.ok(error.message.startsWith(text));
    assert.equal(error.outcomeUnknown, false);
  }
});

test('a refusal in plain text is one too', async (t) => {
  const { panel, client } = await setup(t);
  for (const [status, text, name] of [[401, 'Invalid API key', 'InvalidKeyError'], [403, 'Use https', 'InvalidRequestError'], [503, 'Temporarily unavailable', 'ServerError']]) {
    panel.script({ status, body: `${text}\n`, headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
    const error = await failure(client.status(7));
    assert.deepEqual([error.name, error.text, error.status], [name, text, status]);
  }
});

test('a used-up limit comes with its figures', async (t) => {
  const { panel, client } = await setup(t);
  panel.script({
    status: 429, json: { error: 'Rate limit exceeded' }, headers: {
      'Retry-After': '17', 'X-RateLimit-Limit': '100', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '1767225660',
      'X-RateLimit-Tier-Remaining': '212', 'X-RateLimit-DeniedBy': 'key',
    },
  });
  const { message, limit, remaining, reset, tierRemaining, deniedBy, retryAfter } = await failure(client.balance());
  assert.deepEqual({ message, limit, remaining, reset, tierRemaining, deniedBy, retryAfter }, {
    message: 'Rate limit exceeded (by key; again in 17 s)', limit: 100, remaining: 0, reset: new Date('2026-01-01T00:01:00Z'),
    tierRemaining: 212, deniedBy: 'key', retryAfter: 17,
  });
});

test('figures that were not sent, or are none, are null', async (t) => {
  const { panel, client } = await setup(t);
  panel.script({ status: 429, body: '<html>slow down</html>', headers: { 'Content-Type': 'text/html', 'X-RateLimit-Limit': 'many' } });
  const error = await failure(client.balance());
  assert.ok(error instanceof notpanel.RateLimitError);
  const { limit, remaining, reset, tierRemaining, deniedBy, retryAfter } = error;
  assert.deepEqual([limit, remaining, reset, tierRemaining, deniedBy, retryAfter], Array(6).fill(null));
});

test('Retry-After may be a date', () => {
  const after = (value) => secondsToWait(new Headers(value ? { 'retry-after': value } : {}), Date.parse('2026-03-01T12:00:00Z'));
  assert.deepEqual(['5', 'Sun, 01 Mar 2026 12:00:30 GMT', 'Sun, 01 Mar 2026 11:00:00 GMT', 'soon', undefined].map(after), [5, 30, 0, null, null]);
});

test('what is not the API\'s is told from a refusal', async (t) => {
  const { panel, client } = await setup(t);
  const html = { 'Content-Type': 'text/html' };
  for (const [answer, name, says] of [
    [{ status: 404, body: '<html>\n<title>Not here</title>', headers: html }, 'UnexpectedAnswerError', /HTTP 404, text\/html\): <html> <title>Not here/],
    [{ status: 200, body: '<html>Sign in</html>', headers: html }, 'UnexpectedAnswerError', /HTTP 200/],
    [{ status: 200, body: '' }, 'UnexpectedAnswerError', /empty/],
    [{ status: 200, json: [] }, 'UnexpectedAnswerError', /lacks/],
    [{ status: 200, json: null }, 'UnexpectedAnswerError', /lacks/],
    [{ status: 200, body: '{"balance":"1.' }, 'UnexpectedAnswerError', /HTTP 200/],
    [{ status: 304 }, 'UnexpectedAnswerError', /HTTP 304/],
    [{ status: 400, json: { error: { code: 7 } } }, 'UnexpectedAnswerError', /HTTP 400/],
    [{ status: 502, body: `<html>${'x'.repeat(5000)}`, headers: html }, 'ServerError', /HTTP 502.*x…$/],
    [{ status: 200, json: { error: 'Insufficient balance' } }, 'InsufficientBalanceError', /Insufficient/],
  ]) {
    panel.script(answer);
    const error = await failure(client.balance());
    assert.equal(error.name, name);
    assert.match(error.message, says);
    assert.ok(error.message.length < 400);
    assert.equal(error.xRequestId, `req_${panel.requests.length}`);
  }
});

test('a redirect is not followed', async (t) => {
  const { panel, client } = await setup(t, { maxRetries: 4 });
  for (const status of [301, 302, 303, 307, 308]) {
    panel.script({ status, headers: { Location: `${panel.url}/api/v2` } });
    const error = await failure(client.add({ service: 1 }));
    assert.equal(error.name, 'UnexpectedAnswerError');
    assert.match(error.message, /redirect/);
  }
  assert.equal(panel.requests.length, 5);
});

test('an answer above 32 MiB is not read to its end', async () => {
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  let pieces = 0;
  let canceled;
  const body = new ReadableStream({
    pull: (stream) => { pieces++; stream.enqueue(piece); },
    cancel: () => { canceled = true; },
  });
  const client = new notpanel.Client(key, 'https://panel.example', { fetch: async () => new Response(body) });
  const error = await failure(client.services());
  assert.match(error.message, /longer than 33554432 bytes/);
  assert.ok(canceled && pieces <= 35, `${pieces} MiB were read`);
});

test('characters that the network cut in two come together again', async () => {
  const bytes = new TextEncoder().encode('[{"name":"Göteborg 🚀"}]');
  const body = new ReadableStream({ start: (stream) => { bytes.forEach((byte) => stream.enqueue(Uint8Array.of(byte))); stream.close(); } });
  const client = new notpanel.Client(key, 'https://panel.example', { fetch: async () => new Response(body) });
  assert.deepEqual(await client.services(), [{ name: 'Göteborg 🚀' }]);
});
