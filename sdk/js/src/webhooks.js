import { has, hasRows, isObject } from './answer.js';
import { id, time } from './fields.js';
import { Rows } from './rows.js';

const read = { safe: true, reads: true };
const pageOfDeliveries = 100;

/** Webhooks are the endpoints that were made with the client's key. */
export class Webhooks {
  #transport;

  constructor(transport) {
    this.#transport = transport;
  }

  async add({ url, events }, { signal } = {}) {
    return this.#ask('webhook.add', { url, events: commaSeparated(events) }, has('secret'), { signal });
  }

  list({ signal } = {}) {
    return this.#ask('webhook.list', {}, Array.isArray, { signal, ...read });
  }

  async remove(webhook, { signal } = {}) {
    // The second time it is not found, which would tell the caller something wrong.
    const { removed } = await this.#ask('webhook.remove', { id: id('id', webhook) }, has('removed'), { signal });
    return removed;
  }

  async test(webhook, { signal } = {}) {
    const { delivery } = await this.#ask('webhook.test', { id: id('id', webhook) }, has('delivery'), { signal });
    return delivery;
  }

  async rotate(webhook, { overlap, signal } = {}) {
    return this.#ask('webhook.rotate', { id: id('id', webhook), overlap }, has('secret'), { signal });
  }

  async deliveries(webhook, { cursor, limit, signal } = {}) {
    return this.#ask('webhook.deliveries', { id: id('id', webhook), cursor, limit }, hasRows('deliveries'), { signal, ...read });
  }

  eachDelivery(webhook, { cursor, signal } = {}) {
    const page = async (at) => {
      const answer = await this.deliveries(webhook, { cursor: at, limit: pageOfDeliveries, signal });
      return { rows: answer.deliveries, cursor: answer.cursor };
    };
    return new Rows(cursor, page, (last) => last.cursor === null);
  }

  async replay(what, { signal } = {}) {
    const fields = isObject(what) ? { id: id('id', what.id), since: time(what.since) } : { delivery: id('delivery', what) };
    const { replayed } = await this.#ask('webhook.replay', fields, has('replayed'), { signal });
    return replayed;
  }

  async #ask(action, fields, fits, how) {
    const { value } = await this.#transport.call({ action, fields, fits, ...how });
    return value;
  }
}

const commaSeparated = (events) => (Array.isArray(events) ? events.join(',') : events);
