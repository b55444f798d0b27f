import { ConnectionError, RateLimitError, ServerError } from './errors.js';

// A Retry-After above this is not waited for: the caller gets the error at once.
const longestAsked = 60_000;
const longestWait = 8_000;

const passing = new Set([500, 502, 503, 504]);

// What a runtime says when no connection could be made, so that nothing was sent.
const notConnected = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'ConnectionRefused',
]);

/**
 * mayRepeat reports whether a request that failed is sent again. What is safe to
 * repeat is, after anything that may pass; the rest only where nothing was done.
 */
export function mayRepeat(error, safe) {
  if (error instanceof RateLimitError) {
    return true;
  }
  if (error instanceof ConnectionError) {
    return safe || error.neverSent;
  }
  return safe && error instanceof ServerError && passing.has(error.status);
}

/**
 * waitBefore returns the milliseconds to wait before a retry, counted from 0; null
 * if the panel asks for a longer wait than is sensible here.
 */
export function waitBefore(retry, error, first, random = Math.random) {
  const backOff = Math.min(first * 2 ** retry, longestWait) * (0.5 + random() / 2);
  const asked = (error.retryAfter ?? 0) * 1000;
  if (asked > longestAsked) {
    return null;
  }
  // A little more than what was asked, so that not all come back in the same moment.
  return asked > 0 ? asked + Math.min(first, 1000) * random() : backOff;
}

/** isNeverSent reports whether what fetch threw says that no connection could be made. */
export function isNeverSent(error) {
  for (let e = error; e instanceof Object; e = e.cause) {
    if (Array.isArray(e.errors) && e.errors.length > 0) {
      return e.errors.every(isNeverSent); // an attempt for each address of the host
    }
    if (notConnected.has(e.code)) {
      return true;
    }
  }
  return false;
}
