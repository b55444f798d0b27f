import { ArgumentError } from './errors.js';

/**
 * encode writes the form that is sent: the key, the action and the fields that have
 * a value. Those are text, whole numbers, or lists of lines.
 */
export function encode(key, action, fields) {
  const form = new URLSearchParams({ key, action });
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'key' || name === 'action') {
      throw new ArgumentError(`${name} is not a field`);
    }
    if (value !== undefined && value !== null) {
      form.set(name, wellFormed(name, Array.isArray(value) ? lines(name, value) : textOf(name, value)));
    }
  }
  return form.toString();
}

function textOf(name, value) {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
      return String(value);
    case 'number':
      if (Number.isSafeInteger(value)) {
        return String(value);
      }
      throw new ArgumentError(`${name} must be a whole number; write amounts as text, such as '0.50'`);
    default:
      throw new ArgumentError(`${name} must be text or a whole number`);
  }
}

/** lines joins the entries of a list, each on a line of its own. */
function lines(name, entries) {
  const texts = entries.map((entry) => textOf(name, entry));
  if (texts.some((text) => /[\r\n]/.test(text))) {
    throw new ArgumentError(`${name} must not have an entry of several lines`);
  }
  return texts.join('\n');
}

/** Half a character would be replaced on its way, and another text ordered. */
function wellFormed(name, text) {
  if (/\p{Surrogate}/u.test(text)) {
    throw new ArgumentError(`${name} holds half a character`);
  }
  return text;
}

/** amount checks a value that is an amount: text, for a number would be rounded. */
export function amount(name, value) {
  if (value !== undefined && value !== null && typeof value !== 'string') {
    throw new ArgumentError(`${name} must be text, such as '0.50'`);
  }
  return value;
}

/** id checks an order's, refill's or other id: text, or its number. */
export function id(name, value) {
  const text = textOf(name, value).trim();
  if (text === '' || text.includes(',')) {
    throw new ArgumentError(`${name} must be one id`);
  }
  return text;
}

/** chunks cuts a list of ids into calls of as many as the panel takes at once. */
export function chunks(name, values, size = 100) {
  const ids = Array.from(values, (value) => id(name, value));
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, i) => ids.slice(i * size, (i + 1) * size));
}

/** time writes a moment as the API does: a Date, or text as it is. */
export function time(value) {
  return value instanceof Date ? value.toISOString() : value;
}

/** newRequestId makes 128 random bits. */
export function newRequestId() {
  return crypto.randomUUID();
}
