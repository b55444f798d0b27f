// The errors that this library throws. All of them are a NotPanelError.

// In an error's text an answer is quoted up to so many characters.
const mostQuoted = 200;

/** What every error of this library is. */
export class NotPanelError extends Error {
  static {
    this.prototype.name = 'NotPanelError';
  }

  /** The request_id of the `add` that failed; null for other actions. */
  requestId = null;
  /** Whether the panel may have carried out what was asked, though no answer says so. */
  outcomeUnknown = false;
  /** What a call for many had already been answered when it failed; null if it wasn't for many. */
  answered = null;
}

/** What was given to the library can't be right. Nothing was sent. */
export class ArgumentError extends NotPanelError {
  static {
    this.prototype.name = 'ArgumentError';
  }
}

/** No answer came: no connection, or one that was lost. `cause` says more. */
export class ConnectionError extends NotPanelError {
  static {
    this.prototype.name = 'ConnectionError';
  }

  /** Whether it is certain that the request was not sent. */
  neverSent = false;
}

/** No answer came in time. */
export class TimeoutError extends ConnectionError {
  static {
    this.prototype.name = 'TimeoutError';
  }
}

/** The caller's signal ended the call. `cause` is the signal's reason. */
export class AbortedError extends NotPanelError {
  static {
    this.prototype.name = 'AbortedError';
  }
}

/** The answer is not one of the panel's: a redirect, HTML, too long, or without what it has to hold. */
export class UnexpectedAnswerError extends NotPanelError {
  static {
    this.prototype.name = 'UnexpectedAnswerError';
  }

  constructor(message, answer) {
    super(message);
    this.status = answer.status;
    this.xRequestId = answer.headers.get('x-request-id');
  }
}

/** The panel refused, or failed: `status` and `text` are its own. */
export class ApiError extends NotPanelError {
  static {
    this.prototype.name = 'ApiError';
  }

  constructor(text, answer, message = text) {
    super(message);
    this.status = answer.status;
    this.text = text;
    this.xRequestId = answer.headers.get('x-request-id');
  }
}

/** The key is not known, revoked, expired, or not allowed from this address. */
export class InvalidKeyError extends ApiError {
  static {
    this.prototype.name = 'InvalidKeyError';
  }
}

/** The wallet holds less than the charge. */
export class InsufficientBalanceError extends ApiError {
  static {
    this.prototype.name = 'InsufficientBalanceError';
  }
}

/** The service, order, refill, webhook or delivery is not known to this key. */
export class NotFoundError extends ApiError {
  static {
    this.prototype.name = 'NotFoundError';
  }
}

/** A field is missing or malformed, or what was asked is not possible; `text` says which and why. */
export class InvalidRequestError extends ApiError {
  static {
    this.prototype.name = 'InvalidRequestError';
  }
}

/** The account is suspended. */
export class AccountSuspendedError extends ApiError {
  static {
    this.prototype.name = 'AccountSuspendedError';
  }
}

/** A limit is used up, and the retries with it. Nothing was done. */
export class RateLimitError extends ApiError {
  static {
    this.prototype.name = 'RateLimitError';
  }

  constructor(text, answer) {
    const { headers } = answer;
    const deniedBy = headers.get('x-ratelimit-deniedby');
    const retryAfter = secondsToWait(headers);
    const details = [deniedBy && `by ${deniedBy}`, retryAfter !== null && `again in ${retryAfter} s`].filter(Boolean);
    super(text, answer, details.length ? `${text} (${details.join('; ')})` : text);
    this.limit = wholeNumber(headers, 'x-ratelimit-limit');
    this.remaining = wholeNumber(headers, 'x-ratelimit-remaining');
    const reset = wholeNumber(headers, 'x-ratelimit-reset');
    this.reset = reset === null ? null : new Date(reset * 1000);
    this.tierRemaining = wholeNumber(headers, 'x-ratelimit-tier-remaining');
    this.deniedBy = deniedBy;
    this.retryAfter = retryAfter;
  }
}

/** The panel, or a proxy before it, failed: a status of 500 or above. */
export class ServerError extends ApiError {
  static {
    this.prototype.name = 'ServerError';
  }

  constructor(text, answer) {
    super(text, answer);
    this.retryAfter = secondsToWait(answer.headers);
  }
}

/** wholeNumber reads a header; null if it isn't there or no number. */
function wholeNumber(headers, name) {
  const value = headers.get(name);
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** secondsToWait reads Retry-After, which is in seconds or a date; null if it isn't there. */
export function secondsToWait(headers, now = Date.now()) {
  const seconds = wholeNumber(headers, 'retry-after');
  if (seconds !== null) {
    return seconds;
  }
  const date = Date.parse(headers.get('retry-after') ?? '');
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

/** apiError makes the error for a refusal with the panel's text. */
export function apiError(text, answer) {
  const { status } = answer;
  if (status === 429) {
    return new RateLimitError(text, answer);
  }
  if (status >= 500) {
    return new ServerError(text, answer);
  }
  const Kind = kindOf(text);
  return new Kind(text, answer);
}

function kindOf(text) {
  switch (text) {
    case 'Invalid API key':
      return InvalidKeyError;
    case 'Insufficient balance':
      return InsufficientBalanceError;
    case 'Account suspended':
      return AccountSuspendedError;
    default:
      return /^[A-Z][a-z]+ not found$/.test(text) ? NotFoundError : InvalidRequestError;
  }
}

/** quote shortens a text of unknown origin to one line for an error's message. */
export function quote(text) {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > mostQuoted ? `${line.slice(0, mostQuoted)}…` : line;
}
