// The README's samples and the example are run as printed. Against a panel of the
// tests' own it is those that need webhooks; the rest, and the same once more, against
// a real one (e2e/sdk).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { key, newSecret, signatures, startPanel } from '../testkit/panel.js';
import { blocks, installed, root, run, start } from '../testkit/run.js';

const samples = await blocks();
const { NOTPANEL_URL, NOTPANEL_KEY } = process.env;
const real = { skip: !NOTPANEL_URL && 'NOTPANEL_URL names no panel: go test ./e2e/sdk starts one' };

/** sampleWith returns the sample that holds a text, the only one. */
function sampleWith(part) {
  const found = samples.filter((code) => code.includes(part));
  assert.equal(found.length, 1, part);
  return found[0];
}

/** runSample runs a sample as a program of somebody who installed the library. */
async function runSample(t, code, env) {
  const folder = await installed(t, { 'sample.mjs': code });
  return run(['sample.mjs'], { cwd: folder, env });
}

/** imported runs a sample that exports something, and returns that. */
async function imported(t, code, files) {
  const folder = await installed(t, { ...files, 'sample.mjs': code });
  return import(pathToFileURL(join(folder, 'sample.mjs')));
}

const environment = (panel) => ({ NOTPANEL_URL: panel.url, NOTPANEL_KEY: key, NOTPANEL_WEBHOOK_URL: undefined, PORT: undefined });

test('the whole sample orders and sees the order completed by webhook', async (t) => {
  const panel = await startPanel(t);
  const code = sampleWith('createServer');
  assert.ok(code.split('\n').length <= 66, 'it is short');
  const { code: exit, said } = await runSample(t, code, environment(panel));
  assert.match(said, /^ordered Banner impressions <run of site> for 0\.42 USD$/m);
  assert.match(said, /^order\.completed$/m);
  assert.match(said, /^ord_1 completed$/m);
  assert.equal(exit, 0);
  assert.equal(panel.webhooks.size, 0);
});

for (const [what, part] of [['calls', 'refillStatus'], ['lists', 'eachTransaction'], ['errors', 'AccountSuspendedError'], ['retries', 'my-shop/1.0']]) {
  test(`the sample of ${what} runs as printed`, real, async (t) => {
    const { code, said } = await runSample(t, sampleWith(part), { NOTPANEL_URL, NOTPANEL_KEY });
    assert.equal(code, 0, said);
    assert.match(said, { calls: /pending[^]*canceled/, lists: /demo|example\.com[^]*(charge|credit)/, errors: /correct it: quantity/, retries: /balance: '/ }[what]);
  });
}

test('the sample for web requests answers as it should', async (t) => {
  const { receive } = await imported(t, sampleWith('receive'));
  const secret = newSecret();
  const body = '{"id":"evt_1","type":"ping","data":{}}';
  const request = (text) => new Request('https://shop.example/webhook', { method: 'POST', body: text, headers: signatures(body, [secret]) });
  const env = { NOTPANEL_WEBHOOK_SECRET: secret };
  assert.equal((await receive(request(body), env)).status, 204);
  const refused = await receive(request(body.replace('1', '2')), env);
  assert.deepEqual([refused.status, (await refused.text()).includes('signature')], [400, true]);
});

test('the sample for Express answers as it should', async (t) => {
  const stub = `const express = () => ({ post(...route) { this.route = route; } });
    express.raw = (options) => ({ raw: options });
    export default express;`;
  const { app } = await imported(t, sampleWith('express.raw'), { 'node_modules/express/package.json': '{"type":"module","main":"index.js"}', 'node_modules/express/index.js': stub });
  const [path, parser, handle] = app.route;
  assert.deepEqual([path, parser], ['/webhook', { raw: { type: 'application/json' } }]);
  process.env.NOTPANEL_WEBHOOK_SECRET = newSecret();
  const body = Buffer.from('{"id":"evt_1","type":"ping","data":{}}');
  const answer = async (content) => {
    const statuses = [];
    await handle({ body: content, headers: signatures(body, [process.env.NOTPANEL_WEBHOOK_SECRET]) }, { sendStatus: (status) => statuses.push(status) });
    return statuses;
  };
  assert.deepEqual([await answer(body), await answer({ parsed: true })], [[204], [400]]);
});

test('the sample of endpoints runs as printed', async (t) => {
  const panel = await startPanel(t);
  Object.assign(process.env, environment(panel));
  const { verify } = await imported(t, sampleWith('webhooks.rotate'));
  assert.deepEqual(panel.requests.map(({ fields }) => fields.action), ['webhook.add', 'webhook.rotate', 'webhook.deliveries', 'webhook.replay', 'webhook.remove']);
  await assert.rejects(verify(new Request('https://shop.example/', { method: 'POST', body: '{}' })), { name: 'WebhookHeadersError' });
});

test('every sample is run', () => {
  assert.equal(samples.length, 8);
});

test('the shop shows its prices, orders, and shows the order completed', async (t) => {
  const panel = await startPanel(t);
  const shop = await openShop(t, environment(panel));
  const first = await shop.page();
  assert.match(first, /Banner impressions &#60;run of site&#62;: 0\.55 USD for 1,000/);
  assert.ok(first.includes('name="request_id"'));

  const form = new URLSearchParams({ service: '1', quantity: '1000', link: 'https://example.com/<landing>', request_id: 'form-1' });
  const ordered = await fetch(`${shop.url}/orders`, { method: 'POST', body: form, redirect: 'manual' });
  assert.deepEqual([ordered.status, ordered.headers.get('location')], [303, '/']);
  await panel.delivered();
  assert.match(await shop.page(), /<td>https:\/\/example\.com\/&#60;landing&#62;<\/td><td>completed<\/td>/);

  // Again, late and out of order: it stays completed.
  panel.tell('order.in_progress', 2, { ...panel.orders[0], status: 'in_progress' });
  await panel.delivered();
  assert.match(await shop.page(), /<td>completed<\/td>/);

  const forged = await fetch(`${shop.url}/webhook`, { method: 'POST', body: '{"id":"evt_x","type":"order.failed","data":{"request_id":"form-1"}}' });
  assert.equal(forged.status, 400);

  panel.script({ status: 400, json: { error: 'Insufficient balance' } });
  const refused = await fetch(`${shop.url}/orders`, { method: 'POST', body: new URLSearchParams({ service: '1', request_id: 'form-2' }) });
  assert.equal(refused.status, 502);

  shop.child.kill('SIGTERM');
  const { code, said } = await shop.ended;
  assert.equal(code, 0, said);
  assert.equal(panel.webhooks.size, 0);
});

/** openShop starts the example and waits until it says where it is. */
async function openShop(t, env) {
  const { child, ended } = start([join(root, 'examples', 'shop.mjs')], { env });
  t.after(() => child.kill());
  for await (const line of createInterface(child.stdout)) {
    const url = line.match(/^The shop is at (.*)$/)?.[1];
    if (url) {
      return { child, ended, url, page: async () => (await fetch(url)).text() };
    }
  }
  return assert.fail((await ended).said);
}
