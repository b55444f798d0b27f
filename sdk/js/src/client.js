import { has, hasRows, isObject } from './answer.js';
import { ArgumentError, NotPanelError } from './errors.js';
import { amount, chunks, id, newRequestId } from './fields.js';
import { Rows } from './rows.js';
import { Transport } from './transport.js';
import { Webhooks } from './webhooks.js';

// What repeating an action does: nothing for reads; `add` is made safe by its request_id.
const read = { safe: true, reads: true };

// Copies of the list of services are kept for so many languages.
const mostLanguages = 16;
const pageOfOrders = 100;
const pageOfLines = 500;

/** Client calls the API of one panel with one key. */
export class Client {
  #transport;
  #lists = new Map();

  constructor(key, baseURL, options) {
    this.#transport = new Transport(key, baseURL, options);
    this.webhooks = new Webhooks(this.#transport);
  }

  async services({ lang, signal } = {}) {
    const kept = this.#lists.get(lang) ?? null;
    const { value, etag, text } = await this.#transport.call({
      action: 'services', fields: { lang }, fits: Array.isArray, kept, signal, ...read,
    });
    this.#keep(lang, { etag, text });
    return value;
  }

  #keep(lang, list) {
    this.#lists.delete(lang);
    if (this.#lists.size >= mostLanguages) {
      this.#lists.delete(this.#lists.keys().next().value);
    }
    this.#lists.set(lang, list);
  }

  async service(service, { lang, signal } = {}) {
    return this.#ask('service', { service: id('service', service), lang }, has('service'), { signal, ...read });
  }

  changes({ cursor, limit, signal } = {}) {
    return this.#ask('changes', { cursor, limit }, hasRows('changes'), { signal, ...read });
  }

  eachChange({ cursor, signal } = {}) {
    const page = async (at) => pageOf(await this.changes({ cursor: at, limit: pageOfLines, signal }), 'changes');
    return new Rows(cursor, page, ({ rows }) => rows.length < pageOfLines);
  }

  async add(order, { signal } = {}) {
    const requestId = order.request_id ?? newRequestId();
    const expiry = order.expiry instanceof Date ? order.expiry.toISOString().slice(0, 10) : order.expiry;
    const fields = { ...order, request_id: requestId, max_charge: amount('max_charge', order.max_charge), expiry };
    try {
      const placed = await this.#ask('add', fields, has('order'), { safe: true, signal });
      return { ...placed, request_id: requestId };
    } catch (error) {
      throw withRequestId(error, requestId);
    }
  }

  async status(order, { signal } = {}) {
    return this.#ask('status', { order: id('order', order) }, has('status'), { signal, ...read });
  }

  async statuses(orders, { signal } = {}) {
    const found = new Map();
    for (const some of chunks('orders', orders)) {
      const rows = await answeredSoFar(found, this.#ask('status', { orders: some.join(',') }, isObject, { signal, ...read }));
      for (const name of some) {
        if (Object.hasOwn(rows, name)) {
          found.set(name, rows[name]);
        }
      }
    }
    return found;
  }

  async refill(order, { signal } = {}) {
    const { refill } = await this.#ask('refill', { order: id('order', order) }, has('refill'), { signal });
    return refill;
  }

  async refills(orders, { signal } = {}) {
    return this.#askMany('refill', 'orders', orders, { signal });
  }

  async refillStatus(refill, { signal } = {}) {
    const { status } = await this.#ask('refill_status', { refill: id('refill', refill) }, has('status'), { signal, ...read });
    return status;
  }

  async refillStatuses(refills, { signal } = {}) {
    return this.#askMany('refill_status', 'refills', refills, { signal, ...read });
  }

  async cancel(order, { signal } = {}) {
    const { cancel } = await this.#ask('cancel', { order: id('order', order) }, has('cancel'), { signal });
    return cancel;
  }

  async cancels(orders, { signal } = {}) {
    return this.#askMany('cancel', 'orders', orders, { signal });
  }

  balance({ signal } = {}) {
    return this.#ask('balance', {}, has('balance'), { signal, ...read });
  }

  async order(order, { signal } = {}) {
    const fields = isObject(order) ? { request_id: id('request_id', order.request_id) } : { order: id('order', order) };
    return this.#ask('order', fields, has('order'), { signal, ...read });
  }

  orders({ cursor, limit, status, service, signal } = {}) {
    return this.#ask('orders', { cursor, limit, status, service }, hasRows('orders'), { signal, ...read });
  }

  eachOrder({ cursor, status, service, signal } = {}) {
    const page = async (at) => pageOf(await this.orders({ cursor: at, limit: pageOfOrders, status, service, signal }), 'orders');
    return new Rows(cursor, page, (last) => last.cursor === null);
  }

  transactions({ cursor, limit, signal } = {}) {
    return this.#ask('transactions', { cursor, limit }, hasRows('transactions'), { signal, ...read });
  }

  eachTransaction({ cursor, signal } = {}) {
    const page = async (at) => pageOf(await this.transactions({ cursor: at, limit: pageOfLines, signal }), 'transactions');
    return new Rows(cursor, page, ({ rows }) => rows.length < pageOfLines);
  }

  async #ask(action, fields, fits, how) {
    const { value } = await this.#transport.call({ action, fields, fits, ...how });
    return value;
  }

  /** #askMany asks for any number of ids and returns a row for each, in their order. */
  async #askMany(action, name, values, how) {
    const answered = [];
    for (const some of chunks(name, values)) {
      answered.push(...(await answeredSoFar(answered, this.#ask(action, { [name]: some.join(',') }, Array.isArray, how))));
    }
    return answered;
  }
}

/** answeredSoFar tells, in the error of a later call of several, what the earlier ones answered. */
async function answeredSoFar(answered, call) {
  try {
    return await call;
  } catch (error) {
    if (error instanceof NotPanelError) {
      error.answered = answered;
    }
    throw error;
  }
}

/** withRequestId tells in an error which order it is about. */
function withRequestId(error, requestId) {
  if (error instanceof NotPanelError && !(error instanceof ArgumentError)) {
    error.requestId = requestId;
  }
  return error;
}

function pageOf(answer, name) {
  return { rows: answer[name], cursor: answer.cursor };
}
