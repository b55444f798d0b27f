import { NotPanelError } from './errors.js';

const usualTolerance = 300;
const secretPrefix = 'whsec_';
const secretBytes = 32;

/** What every error of verifyWebhook is: don't trust the request, and answer it with 400. */
export class WebhookError extends NotPanelError {
  static {
    this.prototype.name = 'WebhookError';
  }
}

/** A header of the signature is missing or malformed. */
export class WebhookHeadersError extends WebhookError {
  static {
    this.prototype.name = 'WebhookHeadersError';
  }
}

/** No signature fits the body: it was changed, or signed with another secret. */
export class WebhookSignatureError extends WebhookError {
  static {
    this.prototype.name = 'WebhookSignatureError';
  }
}

/** The signature is right, but its time is too far from now: somebody may be sending it again. */
export class WebhookTimeError extends WebhookError {
  static {
    this.prototype.name = 'WebhookTimeError';
  }
}

/** A secret is not of the form in which the panel gives them. */
export class WebhookSecretError extends WebhookError {
  static {
    this.prototype.name = 'WebhookSecretError';
  }
}

/** The body is not raw, or, though its signature is right, not an event. */
export class WebhookBodyError extends WebhookError {
  static {
    this.prototype.name = 'WebhookBodyError';
  }
}

/**
 * verifyWebhook checks that a request comes from the panel and returns its event.
 * Standard Webhooks' headers are looked at first, then X-NotPanel-Signature.
 */
export async function verifyWebhook(body, headers, secrets, { tolerance = usualTolerance, now = Date.now() } = {}) {
  const raw = bytesOf(body);
  const keys = [secrets].flat().map(secretKey);
  if (keys.length === 0) {
    throw new WebhookSecretError('No secret was given');
  }
  const { time, prefix, signatures } = signed(reader(headers));
  await checkSignature(keys, joined(prefix, raw), signatures);
  const off = Math.abs(Number(now) / 1000 - time);
  if (!(off <= tolerance)) {
    throw new WebhookTimeError(`The webhook's time is ${Math.round(off)} s off, more than ${tolerance} s`);
  }
  return eventIn(raw);
}

function bytesOf(body) {
  if (typeof body === 'string') {
    return new TextEncoder().encode(body);
  }
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  }
  if (Object.prototype.toString.call(body) === '[object ArrayBuffer]') {
    return new Uint8Array(body);
  }
  throw new WebhookBodyError('The body must be the bytes as they came (or their text), not what was parsed from them');
}

/** secretKey decodes a secret: whsec_ and 32 bytes in base64. */
function secretKey(secret) {
  if (typeof secret === 'string' && secret.startsWith(secretPrefix)) {
    const bytes = fromBase64(secret.slice(secretPrefix.length));
    if (bytes?.length === secretBytes) {
      return bytes;
    }
  }
  throw new WebhookSecretError('The secret is malformed: it is whsec_ and 32 bytes in base64');
}

function fromBase64(text) {
  if (!/^[0-9A-Za-z+/]+={0,2}$/.test(text) || text.length % 4 !== 0) {
    return null;
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function fromHex(text) {
  if (!/^(?:[0-9a-f]{2})+$/i.test(text)) {
    return null;
  }
  return Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
}

/** reader returns what reads a header by its name in lower case, in whichever form headers came. */
function reader(headers) {
  const iterable = typeof headers?.[Symbol.iterator] === 'function';
  if (!iterable && typeof headers?.get === 'function') {
    return (name) => headers.get(name);
  }
  const entries = iterable ? [...headers] : Object.entries(headers ?? {});
  const byName = new Map(entries.map(([name, value]) => [String(name).toLowerCase(), value]));
  return (name) => {
    const value = byName.get(name);
    return Array.isArray(value) ? value[0] : value;
  };
}

/** signed reads what the headers say was signed: the time, what stands before the body, and the signatures. */
function signed(header) {
  const standard = header('webhook-signature');
  if (standard) {
    return standardWebhooks(header, standard);
  }
  const own = header('x-notpanel-signature');
  if (own) {
    return ownSignature(own);
  }
  throw new WebhookHeadersError('The request has neither webhook-signature nor X-NotPanel-Signature');
}

/** standardWebhooks reads `v1,<base64> v1,<base64>`, and the headers beside it. */
function standardWebhooks(header, value) {
  const [id, timestamp] = [header('webhook-id'), header('webhook-timestamp')];
  if (!id || !timestamp) {
    throw new WebhookHeadersError('The request has webhook-signature without webhook-id and webhook-timestamp');
  }
  const signatures = value.split(' ').filter((part) => part.startsWith('v1,')).map((part) => fromBase64(part.slice(3)));
  return { time: seconds(timestamp, 'webhook-timestamp'), prefix: `${id}.${timestamp}.`, signatures };
}

/** ownSignature reads `t=<seconds>,v1=<hex>,v1=<hex>`. */
function ownSignature(value) {
  const parts = value.split(',').map((part) => part.trim());
  const timestamp = parts.find((part) => part.startsWith('t='))?.slice(2) ?? '';
  const signatures = parts.filter((part) => part.startsWith('v1=')).map((part) => fromHex(part.slice(3)));
  return { time: seconds(timestamp, 'X-NotPanel-Signature'), prefix: `${timestamp}.`, signatures };
}

function seconds(text, name) {
  if (!/^\d{1,12}$/.test(text)) {
    throw new WebhookHeadersError(`${name} is malformed: it has no time in Unix seconds`);
  }
  return Number(text);
}

function joined(prefix, raw) {
  const before = new TextEncoder().encode(prefix);
  const all = new Uint8Array(before.length + raw.length);
  all.set(before);
  all.set(raw, before.length);
  return all;
}

async function checkSignature(keys, content, signatures) {
  for (const key of keys) {
    const hmac = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const expected = new Uint8Array(await crypto.subtle.sign('HMAC', hmac, content));
    if (signatures.some((signature) => signature !== null && equal(signature, expected))) {
      return;
    }
  }
  throw new WebhookSignatureError('The signature does not fit: the body was changed, or signed with another secret');
}

/** equal takes the same time wherever two signatures differ. */
function equal(a, b) {
  if (a.length !== b.length) {
    return false;
  }
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    difference |= a[i] ^ b[i];
  }
  return difference === 0;
}

function eventIn(raw) {
  let event;
  try {
    event = JSON.parse(new TextDecoder().decode(raw));
  } catch (cause) {
    throw new WebhookBodyError('The body is not JSON', { cause });
  }
  if (typeof event?.id !== 'string' || typeof event.type !== 'string') {
    throw new WebhookBodyError('The body is not an event');
  }
  return event;
}
