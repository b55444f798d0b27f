import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { key, newSecret, signatures, startPanel } from '../testkit/panel.js';
import { root, run } from '../testkit/run.js';

test('the library runs where there is no process, Buffer or module of Node', async (t) => {
  const panel = await startPanel(t);
  panel.script({ status: 503, json: { error: 'Temporarily unavailable' } });
  const secret = newSecret();
  const body = '{"id":"evt_1","type":"ping","data":{}}';
  const delivery = JSON.stringify({ body, secret, headers: signatures(body, [secret]) });
  const { code, said } = await run(['--experimental-vm-modules', '--no-warnings', join(root, 'testkit', 'bare.mjs'), panel.url, key, delivery]);
  assert.equal(code, 0, said);
  assert.deepEqual(JSON.parse(said), {
    absent: [], services: 1, placed: 'ord_1', refused: 'InvalidRequestError', event: 'evt_1', bytes: 'evt_1', forged: 'WebhookSignatureError',
  });
});
