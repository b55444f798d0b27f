import { apiError, quote, UnexpectedAnswerError } from './errors.js';

/** mostBytes is the longest answer that is read. */
export const mostBytes = 32 * 1024 * 1024;

/** readText reads an answer's body, which must not be longer than so many bytes. */
export async function readText(answer, most = mostBytes) {
  if (!answer.body) {
    return '';
  }
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return text + decoder.decode();
    }
    bytes += value.byteLength;
    if (bytes > most) {
      reader.cancel().catch(() => {}); // what is left is of no interest, and neither is how it ends
      throw new UnexpectedAnswerError(`The answer is longer than ${most} bytes`, answer);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/**
 * interpret returns the value of an answer that `fits`, and throws what any other
 * answer means. The key is kept out of what it quotes.
 */
export function interpret(answer, text, fits, key) {
  const value = parse(text);
  const shown = text.replaceAll(key, '(the key)');
  const refusal = refusalIn(answer, shown === text ? value : parse(shown), shown);
  if (refusal !== null) {
    throw apiError(refusal, answer);
  }
  if (answer.ok && fits(value)) {
    return value;
  }
  const said = describe(answer, shown);
  if (answer.status >= 500 || answer.status === 429) {
    throw apiError(said, answer);
  }
  throw new UnexpectedAnswerError(said, answer);
}

/** parse reads JSON; undefined is what is none. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** refusalIn finds the panel's own text of an error; null if there is none. */
function refusalIn(answer, value, text) {
  if (isObject(value) && typeof value.error === 'string') {
    return value.error;
  }
  // Some refusals are plain text, for programs that take any JSON for a result.
  const plain = /^text\/plain\b/i.test(answer.headers.get('content-type') ?? '');
  const line = quote(text);
  return plain && answer.status >= 400 && line !== '' && line === text.trim() ? line : null;
}

function describe(answer, text) {
  const { status } = answer;
  if (answer.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    return `The answer is a redirect (HTTP ${status}), which is not followed: check the panel's address`;
  }
  const type = answer.headers.get('content-type') ?? 'no content type';
  const what = answer.ok ? 'The answer lacks what the API answers' : "The answer is not the API's";
  return `${what} (HTTP ${status}, ${type}): ${quote(text) || '(empty)'}`;
}

/** isObject reports whether a value of JSON is an object. */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** has makes a check that a value is an object with a member. */
export const has = (name) => (value) => isObject(value) && value[name] !== undefined;

/** hasRows makes a check that a value is an object with a list. */
export const hasRows = (name) => (value) => isObject(value) && Array.isArray(value[name]);
