// A small panel for the tests: it answers what a test scripts, and otherwise orders
// and webhooks well enough for a shop. Its signatures are made by node:crypto, not by
// what is tested.
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** Well-formed keys that belong to nobody. */
export const key = 'np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH';

/** newSecret makes a secret as the panel does. */
export const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** signatures signs a body in both forms, with each of the secrets. */
export function signatures(body, secrets, { id = 'evt_1', at = Math.floor(Date.now() / 1000) } = {}) {
  const macs = (content, form) => secrets.map((secret) =>
    createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64')).update(content).update(body).digest(form));
  return {
    'X-NotPanel-Signature': [`t=${at}`, ...macs(`${at}.`, 'hex').map((mac) => `v1=${mac}`)].join(','),
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': macs(`${id}.${at}.`, 'base64').map((mac) => `v1,${mac}`).join(' '),
  };
}

/** startPanel starts a panel on a free port of this machine; the test's end ends it. */
export async function startPanel(t) {
  const panel = new Panel();
  panel.server.listen(0, '127.0.0.1');
  await once(panel.server, 'listening');
  panel.url = `http://127.0.0.1:${panel.server.address().port}`;
  t.after(() => panel.close());
  return panel;
}

class Panel {
  /** What came: {fields, headers, path, method} a request. */
  requests = [];
  webhooks = new Map();
  orders = [];
  #script = [];
  #events = 0;
  #deliveries = new Set(); // promises of what each was answered
  #last = Promise.resolve();

  server = createServer(async (request, response) => {
    const { headers, method, url: path } = request;
    const fields = Object.fromEntries(new URLSearchParams(await text(request)));
    this.requests.push({ fields, headers, method, path });
    const next = this.#script.shift() ?? ((came) => this.#answer(came));
    const answer = typeof next === 'function' ? next(fields, headers) : next;
    this.#send(request, response, answer);
  });

  /** script says what the next requests are answered, one each; what comes later is answered well. */
  script(...answers) {
    this.#script.push(...answers);
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await Promise.all(this.#deliveries);
  }

  /** delivered waits until everything that was told has been answered with 2xx. */
  async delivered() {
    const statuses = await Promise.all(this.#deliveries);
    this.#deliveries.clear();
    if (!statuses.every((status) => status >= 200 && status < 300)) {
      throw new Error(`deliveries were answered ${statuses}`);
    }
  }

  /** An answer is {status, headers, json | body}, or {hang}, {drop}, {cut} for one that does not come. */
  #send(request, response, { status = 200, headers = {}, json, body = JSON.stringify(json), hang, drop, cut }) {
    if (hang) {
      return;
    }
    if (drop) {
      request.socket.destroy();
      return;
    }
    const type = json === undefined ? {} : { 'Content-Type': 'application/json' };
    response.writeHead(status, { 'X-Request-Id': `req_${this.requests.length}`, ...type, ...headers, ...(cut && { 'Content-Length': body.length + 1 }) });
    if (cut) {
      response.write(body, () => request.socket.destroy());
      return;
    }
    response.end(body);
  }

  #answer(fields) {
    const answer = actions[fields.action]?.(this, fields);
    return answer === undefined ? { status: 400, json: { error: `Unknown action: ${fields.action}` } } : { json: answer };
  }

  /** tell delivers an event to all webhooks, after those before it. */
  tell(type, sequence, data) {
    const event = { id: `evt_${++this.#events}`, type, created_at: new Date().toISOString(), sequence, data };
    const body = JSON.stringify(event);
    for (const { url, secret } of this.webhooks.values()) {
      const headers = { 'Content-Type': 'application/json', 'X-NotPanel-Event': type, ...signatures(body, [secret], event) };
      const post = () => fetch(url, { method: 'POST', body, headers }).then(({ status }) => status, (error) => String(error.cause ?? error));
      this.#last = this.#last.then(post);
      this.#deliveries.add(this.#last);
    }
  }
}

const service = {
  service: 1, name: 'Banner impressions <run of site>', type: 'Default', category: 'Adverts', rate: '0.42', min: '1000', max: '1000000',
  dripfeed: false, refill: false, cancel: true, description: '', average_time: null, refill_days: 0, increment: '1', currency: 'USD',
};

const actions = {
  services: () => [service],
  balance: () => ({ balance: '97.144', currency: 'USD' }),
  add(panel, { request_id, link, service }) {
    const order = {
      order: `ord_${panel.orders.length + 1}`, number: panel.orders.length + 1, request_id, status: 'pending', charge: '0.42', refunded: '0.00',
      start_count: null, remains: null, currency: 'USD', link, service: Number(service),
    };
    panel.orders.push(order);
    ['created', 'in_progress', 'completed'].forEach((word, i) => panel.tell(`order.${word}`, i + 1, { ...order, status: word === 'created' ? 'pending' : word }));
    return { order: order.order, status: 'pending', charge: order.charge, currency: 'USD' };
  },
  'webhook.add'(panel, { url, events = 'order.completed' }) {
    const webhook = { id: `whk_${panel.webhooks.size + 1}`, url, events: events.split(','), secret: newSecret() };
    panel.webhooks.set(webhook.id, webhook);
    return webhook;
  },
  'webhook.list': (panel) => [...panel.webhooks.values()].map(({ id, url, events }) =>
    ({ id, url, events, state: 'active', reason: null, created_at: '2026-03-01T12:00:00Z', last_delivery: null })),
  'webhook.rotate': (_, { id }) => ({ id, secret: newSecret(), previous_expires_at: '2026-03-02T12:00:00Z' }),
  'webhook.deliveries': () => ({ deliveries: [{ delivery: 'dlv_1', type: 'ping', state: 'failed', attempts: [{ attempt: 1, status: 500 }] }], cursor: null }),
  'webhook.replay': () => ({ replayed: 1 }),
  'webhook.remove': (panel, { id }) => (panel.webhooks.delete(id) ? { removed: id } : undefined),
};
