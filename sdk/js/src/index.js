// Client for the API v2 of a notpanel. docs/api-v2.md says what each action does.

export { Client } from './client.js';
export {
  AbortedError, AccountSuspendedError, ApiError, ArgumentError, ConnectionError, InsufficientBalanceError, InvalidKeyError,
  InvalidRequestError, NotFoundError, NotPanelError, RateLimitError, ServerError, TimeoutError, UnexpectedAnswerError,
} from './errors.js';
export { version } from './transport.js';
export {
  verifyWebhook, WebhookBodyError, WebhookError, WebhookHeadersError, WebhookSecretError, WebhookSignatureError, WebhookTimeError,
} from './verify.js';
