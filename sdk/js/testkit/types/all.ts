// Uses everything that the library has. It is compiled, not run: without any library
// of a browser's or Node's, and as strict as can be.
import {
  Client, verifyWebhook, version,
  AbortedError, AccountSuspendedError, ApiError, ArgumentError, ConnectionError, InsufficientBalanceError, InvalidKeyError,
  InvalidRequestError, NotFoundError, NotPanelError, RateLimitError, ServerError, TimeoutError, UnexpectedAnswerError,
  WebhookBodyError, WebhookError, WebhookHeadersError, WebhookSecretError, WebhookSignatureError, WebhookTimeError,
} from 'notpanel';
import type {
  Balance, CancelRow, Change, ChangesPage, ClientOptions, DeliveriesPage, Delivery, NewOrder, NewWebhook, Order, OrdersPage, OrderStatus,
  OrderWithTimeline, PlacedOrder, Refused, RefillRow, RefillStatusRow, RotatedSecret, Rows, Service, ServiceWithFacts, Signal, Transaction,
  TransactionsPage, Webhook, WebhookEvent,
} from 'notpanel';

declare const signal: Signal;
declare const bytes: Uint8Array;

const options: ClientOptions = { timeout: 1, maxRetries: 0, retryDelay: 1, userAgent: 'x', fetch: async (url, init) => ({
  ok: true, status: 200, type: 'basic', headers: { get: (name: string) => `${url}${init.body}${name}` }, body: null,
}) };
const client = new Client('np_test_', 'https://panel.example', options);

export async function calls() {
  const services: Service[] = await client.services();
  await client.services({ lang: 'de', signal });
  const service: ServiceWithFacts = await client.service(1, { lang: 'de', signal });
  const median: number | null | undefined = service.facts?.start_median;
  const changes: ChangesPage = await client.changes({ cursor: 'latest', limit: 500, signal });
  const order: NewOrder = { service: 1n, comments: ['a'], expiry: new Date(), device: 5 };
  const placed: PlacedOrder = await client.add(order, { signal });
  const status: OrderStatus = await client.status(placed.order, { signal });
  if (status.status === 'completed') {
    const remains: string | null = status.remains;
    const runs: string | undefined = status.runs;
    void [remains, runs];
  }
  const many: Map<string, OrderStatus | Refused> = await client.statuses(new Set(['ord_1', 2]), { signal });
  for (const [, row] of many) {
    const text: string = 'error' in row ? row.error : row.charge;
    void text;
  }
  const refill: string = await client.refill(1, { signal });
  const refills: RefillRow[] = await client.refills([1], { signal });
  const state: string = await client.refillStatus(refill, { signal });
  const states: RefillStatusRow[] = await client.refillStatuses([refill], { signal });
  const canceled: string = await client.cancel('ord_1', { signal });
  const cancels: CancelRow[] = await client.cancels(['ord_1'], { signal });
  for (const row of refills) {
    const id: string = row.error === undefined ? row.refill : row.error;
    void id;
  }
  const balance: Balance = await client.balance({ signal });
  const whole: OrderWithTimeline = await client.order({ request_id: 'x' }, { signal });
  await client.order('ord_1');
  const orders: OrdersPage = await client.orders({ cursor: null, limit: 1, status: 'partial', service: 1, signal });
  const lines: TransactionsPage = await client.transactions({ cursor: '1', limit: 1, signal });
  void [services, median, changes, state, states, canceled, cancels, balance, whole.timeline[0]?.note, orders, lines];
}

export async function lists() {
  const all: Rows<Order> = client.eachOrder({ status: 'a word of next year', service: '1', cursor: '7', signal });
  for await (const { number, start_count } of all) {
    void (number satisfies number), void (start_count satisfies string | null);
  }
  const cursor: string | null | undefined = all.cursor;
  for await (const change of client.eachChange({ cursor, signal })) {
    void (change satisfies Change);
  }
  for await (const line of client.eachTransaction()) {
    void (line satisfies Transaction);
  }
  for await (const delivery of client.webhooks.eachDelivery('whk_1', { signal })) {
    void (delivery satisfies Delivery);
  }
}

export async function webhooks() {
  const made: NewWebhook = await client.webhooks.add({ url: 'https://shop.example', events: ['order.completed', 'of.next_year'] }, { signal });
  const known: Webhook[] = await client.webhooks.list({ signal });
  const rotated: RotatedSecret = await client.webhooks.rotate(made.id, { overlap: 0, signal });
  const delivery: string = await client.webhooks.test(made.id, { signal });
  const page: DeliveriesPage = await client.webhooks.deliveries(made.id, { cursor: null, limit: 100, signal });
  const replayed: number = await client.webhooks.replay(delivery, { signal });
  await client.webhooks.replay({ id: made.id, since: new Date() });
  await client.webhooks.replay({ id: made.id, since: '2026-03-01T12:00:00Z' });
  const removed: string = await client.webhooks.remove(made.id, { signal });
  void [known[0]?.last_delivery?.state, rotated.previous_expires_at, page.deliveries[0]?.attempts[0]?.duration_ms, replayed, removed];
}

export async function verification() {
  const event: WebhookEvent = await verifyWebhook(bytes, { 'webhook-id': 'x', many: ['x'], none: undefined }, ['whsec_'], { tolerance: 1, now: new Date() });
  await verifyWebhook('text', new Map([['a', 'b']]), 'whsec_', { now: 1 });
  await verifyWebhook(bytes.buffer as ArrayBuffer, { get: (name: string) => name }, 'whsec_');
  switch (event.type) {
    case 'order.completed':
    case 'cancel.rejected':
      return event.data.charge satisfies string;
    case 'refill.rejected':
      return event.data.refill satisfies string;
    case 'balance.low':
      return event.data.threshold satisfies string;
    case 'balance.credited':
      return event.data.amount satisfies string;
    case 'service.changed':
      return [event.data.effective_at, event.data.currency] satisfies string[];
    case 'ping':
      return event.data.webhook satisfies string;
    default:
      return [event.type satisfies string, event.id satisfies string, event.sequence satisfies number];
  }
}

export function errors(error: unknown) {
  if (error instanceof RateLimitError) {
    void [error.limit, error.remaining, error.reset?.getTime(), error.tierRemaining, error.deniedBy, error.retryAfter, error.status, error.text];
  }
  if (error instanceof ServerError) {
    void (error.retryAfter satisfies number | null);
  }
  if (error instanceof UnexpectedAnswerError) {
    void [error.status, error.xRequestId];
  }
  if (error instanceof ConnectionError) {
    void (error.neverSent satisfies boolean);
  }
  if (error instanceof NotPanelError) {
    void [error.requestId, error.outcomeUnknown, error.answered, error.cause, error.message];
  }
  const kinds: (abstract new (...args: never) => NotPanelError)[] = [AbortedError, ArgumentError, TimeoutError, WebhookError, WebhookBodyError, WebhookHeadersError, WebhookSecretError, WebhookSignatureError, WebhookTimeError];
  void [kinds, version, error instanceof ApiError && error.xRequestId, error instanceof InvalidKeyError, error instanceof AccountSuspendedError,
    error instanceof InsufficientBalanceError, error instanceof NotFoundError, error instanceof InvalidRequestError];
}

export async function mistakes() {
  // @ts-expect-error: amounts are text
  await client.add({ service: 1, max_charge: 0.5 });
  // @ts-expect-error: the service is needed
  await client.add({ quantity: 1 });
  // @ts-expect-error: no such field
  await client.add({ service: 1, quantitty: 1 });
  // @ts-expect-error: by an id or a request_id
  await client.order({ order: 'ord_1' });
  // @ts-expect-error: the body as it came
  await verifyWebhook({ id: 'evt_1' }, {}, 'whsec_');
  // @ts-expect-error: a key is needed
  void new Client();
  const placed = await client.add({ service: 1 });
  // @ts-expect-error: amounts are text
  void (placed.charge * 2);
  const event = await verifyWebhook('', {}, 'whsec_');
  // @ts-expect-error: only some events have it
  void event.data.charge.length;
}
