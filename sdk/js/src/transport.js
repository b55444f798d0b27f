import { interpret, readText } from './answer.js';
import {
  AbortedError, ArgumentError, ConnectionError, NotPanelError, ServerError, TimeoutError, UnexpectedAnswerError,
} from './errors.js';
import { encode } from './fields.js';
import { checkKey } from './key.js';
import { isNeverSent, mayRepeat, waitBefore } from './retry.js';

/** version is the library's, as in package.json. */
export const version = '0.1.0';

/**
 * Transport sends requests and repeats those that may be. It alone knows the key,
 * which nothing that prints or dumps objects gets to see.
 */
export class Transport {
  #key;
  #url;
  #fetch;
  #timeout;
  #maxRetries;
  #retryDelay;
  #userAgent;

  constructor(key, baseURL, options = {}) {
    checkKey(key);
    this.#key = key;
    this.#url = endpoint(baseURL);
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#timeout = positive('timeout', options.timeout ?? 30_000, 1);
    this.#maxRetries = positive('maxRetries', options.maxRetries ?? 4, 0);
    this.#retryDelay = positive('retryDelay', options.retryDelay ?? 500, 1);
    this.#userAgent = options.userAgent ?? `notpanel-js/${version}`;
  }

  /**
   * call sends one action and returns its value.
   *
   * `fits` says whether a value is what the action answers. `safe` says that
   * repeating it does no harm, `reads` that it changes nothing. `kept`, where there
   * is one, is a copy of an earlier answer: {etag, text}.
   */
  async call({ action, fields = {}, fits, safe = false, reads = false, kept = null, signal }) {
    const body = encode(this.#key, action, fields);
    if (signal?.aborted) {
      throw aborted(signal);
    }
    let unknown = false;
    for (let retry = 0; ; retry++) {
      let failure;
      try {
        return await this.#once({ body, fits, kept, signal });
      } catch (error) {
        failure = error;
      }
      unknown ||= !reads && leavesUnknown(failure);
      const wait = retry < this.#maxRetries && mayRepeat(failure, safe) ? waitBefore(retry, failure, this.#retryDelay) : null;
      if (wait === null) {
        throw told(failure, unknown);
      }
      if (!(await pause(wait, signal))) {
        throw told(aborted(signal), unknown);
      }
    }
  }

  async #once({ body, fits, kept, signal }) {
    const deadline = new Deadline(this.#timeout, signal);
    try {
      const answer = await this.#fetch(this.#url, {
        method: 'POST', body, headers: this.#headers(kept), redirect: 'manual', signal: deadline.signal,
      });
      if (answer.status === 304 && kept?.etag) {
        return { value: JSON.parse(kept.text), etag: kept.etag, text: kept.text };
      }
      const text = await readText(answer);
      return { value: interpret(answer, text, fits, this.#key), etag: answer.headers.get('etag'), text };
    } catch (error) {
      throw error instanceof NotPanelError ? error : this.#trouble(error, deadline);
    } finally {
      deadline.end();
    }
  }

  #headers(kept) {
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json', 'User-Agent': this.#userAgent,
    };
    if (kept?.etag) {
      headers['If-None-Match'] = kept.etag;
    }
    return headers;
  }

  /** #trouble says what it means that fetch threw. */
  #trouble(cause, deadline) {
    if (deadline.passed) {
      return new TimeoutError(`No answer from the panel within ${this.#timeout / 1000} s`, { cause });
    }
    if (deadline.stopped) {
      return aborted(deadline.caller);
    }
    const why = cause?.cause?.code ?? cause?.cause?.message ?? cause?.message ?? 'unknown trouble';
    const error = new ConnectionError(`No answer from the panel: ${why}`, { cause });
    error.neverSent = isNeverSent(cause);
    return error;
  }
}

/** endpoint is the API's address on a panel. */
function endpoint(baseURL) {
  let url;
  try {
    url = new URL(baseURL);
  } catch {
    throw new ArgumentError("The panel's address must be a URL such as https://panel.example");
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new ArgumentError("The panel's address must begin with https://; http is for this machine alone, because it shows the key to the network");
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new ArgumentError("The panel's address must have no user, query or fragment");
  }
  const path = url.pathname.replace(/\/+$/, '');
  if (path.endsWith('/api/v2')) {
    throw new ArgumentError("The panel's address goes without /api/v2, which is added");
  }
  return `${url.origin}${path}/api/v2`;
}

function isLoopback(host) {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function positive(name, value, least) {
  if (!Number.isSafeInteger(value) || value < least || value > 0x7fffffff) {
    throw new ArgumentError(`${name} must be a whole number of at least ${least}`);
  }
  return value;
}

/** leavesUnknown reports whether the panel may have done what was asked in spite of this error. */
function leavesUnknown(error) {
  if (error instanceof ConnectionError) {
    return !error.neverSent;
  }
  if (error instanceof UnexpectedAnswerError) {
    return error.status < 400;
  }
  return error instanceof AbortedError || error instanceof ServerError;
}

/** told puts into an error whether the panel may have done what was asked. */
function told(error, unknown) {
  error.outcomeUnknown = unknown;
  return error;
}

function aborted(signal) {
  return new AbortedError('The call was aborted', { cause: signal.reason });
}

/** Deadline ends a request after a time, or when the caller wants it to end. */
class Deadline {
  #controller = new AbortController();
  #timer;
  #stop = () => {
    this.stopped = true;
    this.#controller.abort();
  };

  passed = false;
  stopped = false;

  constructor(milliseconds, caller) {
    this.caller = caller;
    caller?.addEventListener('abort', this.#stop);
    this.#timer = setTimeout(() => {
      this.passed = true;
      this.#controller.abort();
    }, milliseconds);
  }

  get signal() {
    return this.#controller.signal;
  }

  end() {
    clearTimeout(this.#timer);
    this.caller?.removeEventListener('abort', this.#stop);
  }
}

/** pause waits; false if the caller ended it before. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(false);
      return;
    }
    const stop = () => end(false);
    const timer = setTimeout(() => end(true), milliseconds);
    const end = (whole) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve(whole);
    };
    signal?.addEventListener('abort', stop);
  });
}
