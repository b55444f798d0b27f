// A reseller's shop: a price list, an order form, and orders that webhooks keep up to date. It needs NOTPANEL_URL
// and NOTPANEL_KEY; with a panel elsewhere NOTPANEL_WEBHOOK_URL too, the public address of this shop's /webhook.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { ApiError, Client, verifyWebhook, WebhookError } from 'notpanel';

const { NOTPANEL_URL = '', NOTPANEL_KEY = '', NOTPANEL_WEBHOOK_URL, PORT = '0' } = process.env;
const client = new Client(NOTPANEL_KEY, NOTPANEL_URL);
const markUp = 30n; // percent

/** @type {Map<string, {name: string, link: string, state: string, sequence: number}>} by request_id */
const orders = new Map();
const seen = new Set(); // ids of events, which may come more than once
let secret = '';

/** Adds the mark-up to an amount, rounded up to a cent. @param {string} rate */
function price(rate) {
  const [whole, part = ''] = rate.split('.');
  const cents = (BigInt(whole + part.padEnd(6, '0')) * (100n + markUp) + 999_999n) / 1_000_000n;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;
}
/** @param {string} value */
const escape = (value) => value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

async function page(notice = '') {
  const services = (await client.services()).filter(({ type }) => type === 'Default');
  const options = services.map((s) =>
    `<option value="${s.service}">${escape(s.name)}: ${price(s.rate)} ${s.currency} for 1,000 (${s.min} to ${s.max})</option>`);
  const rows = [...orders.values()].reverse().map((o) =>
    `<tr><td>${escape(o.name)}</td><td>${escape(o.link)}</td><td>${escape(o.state)}</td></tr>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title><h1>Shop</h1><p>${escape(notice)}</p>
    <form method="post" action="/orders">
      <input type="hidden" name="request_id" value="${randomUUID()}">
      <label>Service <select name="service">${options.join('')}</select></label>
      <label>Link <input name="link" type="url" required></label>
      <label>Quantity <input name="quantity" inputmode="numeric" required></label>
      <button>Order</button>
    </form>
    <table><tr><th>Service</th><th>Link</th><th>State</th></tr>${rows.join('')}</table></html>`;
}

/** The form's request_id makes a double click one order. @param {URLSearchParams} form */
async function order(form) {
  const [request_id, link, service, quantity] = ['request_id', 'link', 'service', 'quantity'].map((name) => form.get(name) ?? '');
  const name = (await client.services()).find((s) => String(s.service) === service)?.name ?? service;
  const row = orders.get(request_id) ?? { name, link, state: 'being placed', sequence: 0 };
  orders.set(request_id, row); // first, for webhooks may be quicker than the answer
  try {
    await client.add({ service, link, quantity, request_id });
  } catch (error) {
    if (error instanceof ApiError && !error.outcomeUnknown && row.sequence === 0) {
      orders.delete(request_id);
    }
    throw error;
  }
}

/** @param {import('node:http').IncomingMessage} request */
async function webhook(request) {
  const { id, sequence, data } = await verifyWebhook(await buffer(request), request.headers, secret);
  if (seen.has(id) || !('request_id' in data)) {
    return;
  }
  seen.add(id);
  const row = orders.get(String(data.request_id));
  if (row && sequence > row.sequence) { // a replay may bring an older one
    Object.assign(row, { state: String(data.status), sequence });
  }
}

/** @typedef {[status: number, body: string, headers?: Record<string, string>]} Answer */
/** @param {unknown} error @returns {Promise<Answer>} */
async function failed(error) {
  console.error(String(error));
  return error instanceof WebhookError ? [400, ''] : [502, await page(error instanceof ApiError ? error.text : 'Please try again')];
}

/** @type {Record<string, (request: import('node:http').IncomingMessage) => Promise<Answer>>} */
const routes = {
  'GET /': async () => [200, await page()],
  'POST /orders': async (request) => order(new URLSearchParams(await text(request))).then(() => [303, '', { Location: '/' }]),
  'POST /webhook': async (request) => webhook(request).then(() => [204, '']),
};

const server = createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url}`] ?? (async () => [404, 'Not found']);
  const [status, body, headers] = await route(request).catch(failed).catch(() => /** @type {Answer} */ ([503, 'Please try again later']));
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers }).end(body);
});
server.listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
const here = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
const made = await client.webhooks.add({ url: NOTPANEL_WEBHOOK_URL ?? `${here}/webhook` });
secret = made.secret;
console.log(`The shop is at ${here}`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await client.webhooks.remove(made.id);
server.close().closeAllConnections();
