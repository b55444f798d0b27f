import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotPanelError, verifyWebhook, WebhookError } from 'notpanel';
import { newSecret, signatures } from '../testkit/panel.js';

const secret = newSecret();
const other = newSecret();
const event = {
  id: 'evt_01', type: 'order.completed', created_at: '2026-03-01T12:00:00Z', sequence: 4,
  data: { order: 'ord_01', status: 'completed', link: 'https://example.com/ä#ö', remains: '0', start_count: null }, later: { more: true },
};
const body = new TextEncoder().encode(JSON.stringify(event));

// Each way in which deliveries are signed, alone.
const forms = {
  'Standard Webhooks': ({ 'X-NotPanel-Signature': _, ...rest }) => rest,
  'X-NotPanel-Signature': (all) => ({ 'X-NotPanel-Signature': all['X-NotPanel-Signature'] }),
  'both': (all) => all,
};

const failure = (promise) => promise.then((value) => assert.fail(`verified ${JSON.stringify(value)}`), (error) => error);

async function refused(promise, name, says = /./) {
  const error = await failure(promise);
  assert.equal(error.name, name);
  assert.match(error.message, says);
  assert.ok(error instanceof WebhookError && error instanceof NotPanelError);
  assert.ok(!error.message.includes(secret.slice(6)) && !error.message.includes(other.slice(6)));
}

for (const [form, only] of Object.entries(forms)) {
  const headers = (secrets = [secret], options) => only(signatures(body, secrets, options));
  const now = Math.floor(Date.now() / 1000);

  test(`${form}: an event is returned as it came`, async () => {
    assert.deepEqual(await verifyWebhook(body, headers(), secret), event);
  });

  test(`${form}: a changed byte is refused, wherever it is`, async () => {
    for (let i = 0; i < body.length; i++) {
      const changed = body.slice();
      changed[i] ^= 1;
      await refused(verifyWebhook(changed, headers(), secret), 'WebhookSignatureError');
    }
    for (const changed of [body.slice(1), body.slice(0, -1), new Uint8Array([...body, 0x20]), new Uint8Array()]) {
      await refused(verifyWebhook(changed, headers(), secret), 'WebhookSignatureError');
    }
  });

  test(`${form}: a time that is too old or too far ahead is refused`, async () => {
    const clock = { now: now * 1000 };
    for (const off of [-300, -299, 0, 299, 300]) {
      assert.deepEqual(await verifyWebhook(body, headers([secret], { at: now + off }), secret, clock), event);
    }
    for (const off of [-86_400, -301, 301, 86_400]) {
      await refused(verifyWebhook(body, headers([secret], { at: now + off }), secret, clock), 'WebhookTimeError', /off/);
    }
    await refused(verifyWebhook(body, headers([secret], { at: now - 11 }), secret, { ...clock, tolerance: 10 }), 'WebhookTimeError');
    await refused(verifyWebhook(body, headers(), secret, { tolerance: NaN }), 'WebhookTimeError');
    await refused(verifyWebhook(body, headers(), secret, { now: new Date(NaN) }), 'WebhookTimeError');
    assert.deepEqual(await verifyWebhook(body, headers([secret], { at: 1 }), secret, { now: new Date(2000), tolerance: 1 }), event);
  });

  test(`${form}: a time that was changed is no better`, async () => {
    const old = headers([secret], { at: now - 3600 });
    const fresh = Object.fromEntries(Object.entries(old).map(([name, value]) => [name, value.replace(String(now - 3600), String(now))]));
    await refused(verifyWebhook(body, fresh, secret), 'WebhookSignatureError');
  });

  test(`${form}: a wrong secret is refused`, async () => {
    await refused(verifyWebhook(body, headers(), other), 'WebhookSignatureError');
    await refused(verifyWebhook(body, headers(), [other, newSecret()]), 'WebhookSignatureError');
  });

  test(`${form}: while a rotation lasts one of two signatures is enough`, async () => {
    for (const secrets of [[secret, other], [other, secret]]) {
      assert.deepEqual(await verifyWebhook(body, headers(secrets), secret), event);
      assert.deepEqual(await verifyWebhook(body, headers(secrets), other), event);
      await refused(verifyWebhook(body, headers(secrets), newSecret()), 'WebhookSignatureError');
    }
  });

  test(`${form}: one of two secrets is enough`, async () => {
    assert.deepEqual(await verifyWebhook(body, headers(), [other, secret]), event);
    assert.deepEqual(await verifyWebhook(body, headers(), [secret, other]), event);
  });

  test(`${form}: headers come in every shape that frameworks have`, async () => {
    const lower = Object.fromEntries(Object.entries(headers()).map(([name, value]) => [name.toLowerCase(), value]));
    const upper = Object.entries(headers()).map(([name, value]) => [name.toUpperCase(), value]);
    const get = (name) => lower[name.toLowerCase()] ?? null;
    const inLists = Object.fromEntries(Object.entries(headers()).map(([name, value]) => [name, [value]]));
    for (const shape of [lower, new Headers(lower), upper, new Map(upper), inLists, { get }, Object.assign(Object.create(null), lower)]) {
      assert.deepEqual(await verifyWebhook(body, shape, secret), event);
    }
  });

  test(`${form}: a body is bytes or their text`, async () => {
    const padded = new Uint8Array(body.length + 7);
    padded.set(body, 7);
    for (const same of [new TextDecoder().decode(body), Buffer.from(body), body.buffer.slice(0), padded.subarray(7), new DataView(padded.buffer, 7)]) {
      assert.deepEqual(await verifyWebhook(same, headers(), secret), event);
    }
    for (const parsed of [event, null, undefined, 7, [1]]) {
      await refused(verifyWebhook(parsed, headers(), secret), 'WebhookBodyError', /bytes/);
    }
  });

  test(`${form}: what is signed and no event is refused`, async () => {
    for (const text of ['', 'order', '[]', 'null', '{}', '{"id":1,"type":"ping"}', '{"id":"evt_1"}']) {
      await refused(verifyWebhook(text, only(signatures(text, [secret])), secret), 'WebhookBodyError');
    }
  });

  test(`${form}: events of types that are not known yet are taken`, async () => {
    const text = '{"id":"evt_9","type":"moon.rose","data":{}}';
    assert.equal((await verifyWebhook(text, only(signatures(text, [secret])), secret)).type, 'moon.rose');
  });

  test(`${form}: a secret that is malformed is refused, also beside a good one`, async () => {
    for (const wrong of ['', undefined, null, secret.slice(6), secret.slice(0, -4), `${secret}AAAA`, `${secret.slice(0, 20)} ${secret.slice(21)}`, 'whsec_', `WHSEC_${secret.slice(6)}`]) {
      await refused(verifyWebhook(body, headers(), wrong), 'WebhookSecretError');
      await refused(verifyWebhook(body, headers(), [secret, wrong]), 'WebhookSecretError');
    }
    await refused(verifyWebhook(body, headers(), []), 'WebhookSecretError', /No secret/);
  });
}

test('headers that are missing or malformed are told from wrong signatures', async () => {
  const standard = forms['Standard Webhooks'](signatures(body, [secret]));
  const without = (name) => ({ ...standard, [name]: undefined });
  for (const headers of [
    {}, undefined, null, new Headers(), { 'content-type': 'application/json' }, { 'webhook-id': 'evt_1', 'webhook-timestamp': '1' },
    without('webhook-id'), without('webhook-timestamp'), { ...standard, 'webhook-timestamp': 'soon' }, { ...standard, 'webhook-timestamp': '1e9' },
    { 'x-notpanel-signature': 'v1=aa' }, { 'x-notpanel-signature': 't=,v1=aa' }, { 'x-notpanel-signature': 't=-5,v1=aa' },
  ]) {
    await refused(verifyWebhook(body, headers, secret), 'WebhookHeadersError');
  }
});

test('signatures of other versions or shapes don\'t count', async () => {
  const all = signatures(body, [secret]);
  const time = all['webhook-timestamp'];
  const mac = all['X-NotPanel-Signature'].split('v1=')[1];
  for (const value of [`t=${time}`, `t=${time},v0=${mac}`, `t=${time},v1=`, `t=${time},v1=${mac}00`, `t=${time},v1=${mac.slice(2)}`, `t=${time},v1=zz${mac.slice(2)}`]) {
    await refused(verifyWebhook(body, { 'x-notpanel-signature': value }, secret), 'WebhookSignatureError');
  }
  const base64 = all['webhook-signature'].slice(3);
  for (const value of ['v1', 'v1,', `v1a,${base64}`, base64, `v1,${base64.slice(0, -4)}`, `v1,*${base64.slice(1)}`]) {
    await refused(verifyWebhook(body, { ...all, 'webhook-signature': value }, secret), 'WebhookSignatureError');
  }
  const amid = `v2,AAAA v1a,AAAA v1,%% ${all['webhook-signature']}`;
  assert.deepEqual(await verifyWebhook(body, { ...all, 'webhook-signature': amid }, secret), event);
});

test('a Standard Webhooks signature that is wrong is not made good by the other one', async () => {
  const headers = { ...signatures(body, [secret]), 'webhook-id': 'evt_other' };
  await refused(verifyWebhook(body, headers, secret), 'WebhookSignatureError');
});

test('a fixed delivery', async () => {
  const vector = '{"id":"evt_1","type":"ping","data":{}}';
  const zero = `whsec_${'A'.repeat(43)}=`;
  const at = { now: 1767225600000 };
  const own = { 'X-NotPanel-Signature': 't=1767225600,v1=89e56732f488bed12cb579310790d9a1bef4a4dc6df1832ab7837f60569002be' };
  const standard = { 'webhook-id': 'evt_1', 'webhook-timestamp': '1767225600', 'webhook-signature': 'v1,4U502XvQOOIe1rhlXUQ7qNTeSt6VpNLoFt/P16VfVcQ=' };
  assert.equal((await verifyWebhook(vector, own, zero, at)).id, 'evt_1');
  assert.equal((await verifyWebhook(vector, standard, zero, at)).id, 'evt_1');
});
