/*
 * Types of the library. What the API answers keeps the API's own names. Amounts are
 * text with a dot and two to six decimals ('0.50'), exact, in the panel's currency;
 * counts that may be large are text of digits; times are RFC 3339 in UTC. More
 * fields and words than are listed here may come.
 */

/** A text of which some values are known. */
type Word<Known extends string> = Known | (string & {});

/** An id as the panel gives it (`ord_…`, `ref_…`), or the number that stands for the same. */
export type Id = string | number;

/** A whole number; `bigint` and text where it is larger than a number can be. */
export type WholeNumber = number | bigint | string;

/** The part of an AbortSignal that is used. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason?: any;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What every call takes besides its own fields. */
export interface CallOptions {
  /** Ends the call with an AbortedError, waits between retries included. */
  signal?: Signal | undefined;
}

/** What a fetch of your own is given. */
export interface FetchInit {
  method: 'POST';
  headers: Record<string, string>;
  body: string;
  redirect: 'manual';
  signal: any;
}

/** What is used of a fetch's answer. */
export interface FetchAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly type: string;
  readonly headers: { get(name: string): string | null };
  readonly body: {
    getReader(): {
      read(): Promise<{ done: boolean; value?: Uint8Array }>;
      cancel(reason?: any): Promise<void>;
    };
  } | null;
}

export interface ClientOptions {
  /** Milliseconds for each attempt, its answer included; usually 30,000. */
  timeout?: number;
  /** How often a request is repeated at most; usually 4. 0 turns retries off. */
  maxRetries?: number;
  /** Milliseconds before the first retry, doubled for each further one up to 8 s, less a random part; usually 500. */
  retryDelay?: number;
  /** In place of the runtime's fetch: for a proxy, certificates or tests. */
  fetch?: (url: string, init: FetchInit) => Promise<FetchAnswer>;
  /** The User-Agent header, where the runtime lets it be set. */
  userAgent?: string;
}

export type ServiceType = Word<
  | 'Default' | 'Package' | 'Custom Comments' | 'Custom Comments Package' | 'Mentions with Hashtags' | 'Mentions Custom List'
  | 'Mentions Hashtag' | 'Mentions User Followers' | 'Mentions Media Likers' | 'Comment Likes' | 'Comment Replies' | 'Poll'
  | 'Invites from Groups' | 'SEO' | 'Web Traffic' | 'Subscriptions'
>;

/** Something that can be ordered, at your own price. */
export interface Service {
  service: number;
  name: string;
  type: ServiceType;
  category: string;
  /** The price of 1,000. */
  rate: string;
  min: string;
  max: string;
  /** An order may be delivered in runs. */
  dripfeed: boolean;
  /** What is lost is delivered again, for `refill_days`. */
  refill: boolean;
  /** A running order can be canceled. */
  cancel: boolean;
  description: string;
  /** Seconds from placing to completion, the measured median; null where too few orders tell. */
  average_time: number | null;
  /** 0 with `refill` is for as long as the order exists. */
  refill_days: number;
  /** A quantity must be a multiple of it. */
  increment: string;
  currency: string;
}

/** What was measured of a service's newest orders that have ended. Times are seconds, shares are of 1. */
export interface ServiceFacts {
  orders: number;
  start_median: number | null;
  start_p90: number | null;
  completion_median: number | null;
  completion_p90: number | null;
  completed: string;
  partial: string;
  canceled: string;
}

export interface ServiceWithFacts extends Service {
  /** null where too few orders have ended. */
  facts: ServiceFacts | null;
}

/** A change in the catalogue. Rates in it are list prices. */
export interface Change {
  change: number;
  service: number;
  field: Word<
    | 'state' | 'rate' | 'min' | 'max' | 'increment' | 'name' | 'category' | 'type' | 'dripfeed' | 'refill' | 'refill_days'
    | 'cancel' | 'posts' | 'announced_rate'
  >;
  before: string | null;
  after: string | null;
  at: string;
  /** In the future for an announced rate. */
  effective_at: string;
}

export interface ChangesPage {
  changes: Change[];
  /** Where to go on, now or later. */
  cursor: string;
  currency: string;
}

/** An order to place: which fields it needs follows from the service's type, as docs/api-v2.md lists them. */
export interface NewOrder {
  service: WholeNumber;
  /** Your name for this order, 1 to 128 printable characters. Made for you, once a call, if you give none. */
  request_id?: string;
  /** An http or https URL; needed but for Subscriptions. */
  link?: string;
  quantity?: WholeNumber;
  /** A drip-feed's number of runs, with `quantity` for each. */
  runs?: WholeNumber;
  /** Minutes between the runs. */
  interval?: WholeNumber;
  /** Refuse rather than charge more than this amount. */
  max_charge?: string;
  coupon?: string;
  comments?: string | readonly string[];
  usernames?: string | readonly string[];
  hashtags?: string | readonly string[];
  hashtag?: string;
  username?: string;
  /** A URL. */
  media?: string;
  answer_number?: WholeNumber;
  groups?: string | readonly string[];
  keywords?: string | readonly string[];
  country?: string;
  /** Desktop, Android, iOS, mixed mobile, mixed. */
  device?: 1 | 2 | 3 | 4 | 5;
  /** Google keyword, custom referrer, blank. */
  type_of_traffic?: 1 | 2 | 3;
  google_keyword?: string;
  referring_url?: string;
  /** Of Subscriptions: the least for each post. */
  min?: WholeNumber;
  /** Of Subscriptions: the most for each post. */
  max?: WholeNumber;
  /** Of Subscriptions: minutes to wait after each post. */
  delay?: WholeNumber;
  posts?: WholeNumber;
  old_posts?: WholeNumber;
  /** Of Subscriptions: the last day, `2026-12-31` (of a Date its day in UTC). */
  expiry?: string | Date;
}

/** The answer to `add`: the same for every repeat. */
export interface PlacedOrder {
  order: string;
  status: OrderState;
  charge: string;
  currency: string;
  /** The one that you gave or that was made. */
  request_id: string;
}

/** The last five are final in that no more is delivered. */
export type OrderState = Word<
  'pending' | 'processing' | 'in_progress' | 'completed' | 'partial' | 'canceled' | 'failed' | 'refunded'
>;

export interface OrderStatus {
  status: OrderState;
  /** What was paid less what was refunded. */
  charge: string;
  /** null is not known yet. */
  start_count: string | null;
  remains: string | null;
  currency: string;
  /** Of a drip-feed: how many runs have begun. */
  runs?: string;
  /** Of a subscription: how many posts have begun. */
  posts?: string;
  /** Of a drip-feed or subscription: the ids of its runs or posts. */
  orders?: string[];
  /** Of a subscription that has one: `2026-12-31`. */
  expiry?: string;
}

/** What stands in place of an answer for one id of many. */
export interface Refused {
  error: string;
}

export type RefillState = Word<'pending' | 'in_progress' | 'completed' | 'rejected'>;

/** A row of `refills`: look for `error` first. */
export type RefillRow = { order: string; refill: string; error?: undefined } | { order: string; error: string };
/** A row of `refillStatuses`: look for `error` first. */
export type RefillStatusRow = { refill: string; status: RefillState; error?: undefined } | { refill: string; error: string };
/** A row of `cancels`: look for `error` first. */
export type CancelRow = { order: string; cancel: true; error?: undefined } | { order: string; error: string };

export interface Balance {
  balance: string;
  currency: string;
}

/** A line of `orders`. */
export interface Order {
  order: string;
  number: number;
  request_id: string;
  service: number;
  link: string;
  quantity: string;
  status: OrderState;
  /** What was paid less `refunded`. */
  charge: string;
  refunded: string;
  start_count: string | null;
  remains: string | null;
  currency: string;
  created_at: string;
  updated_at: string;
}

/** One order with all that happened to it. */
export interface OrderWithTimeline extends Order {
  /** Ids of a drip-feed's runs or a subscription's posts. */
  orders: string[];
  refills: { refill: string; status: RefillState; reason?: string }[];
  timeline: TimelineStep[];
}

export interface TimelineStep {
  at: string;
  status: OrderState;
  start_count: string | null;
  remains: string | null;
  /** What this step gave back. */
  refunded: string;
  note?: string;
}

export interface OrdersFilter {
  status?: OrderState;
  service?: WholeNumber;
}

export interface OrdersPage {
  orders: Order[];
  /** null after the last page. A page may hold few orders, or none, and not be the last. */
  cursor: string | null;
}

/** A line of the statement. What left the wallet has a minus. */
export interface Transaction {
  transaction: number;
  type: Word<'charge' | 'refund' | 'deposit' | 'prize' | 'credit' | 'debit' | 'opening'>;
  amount: string;
  /** The balance after it. */
  balance: string;
  order: string | null;
  memo: string;
  at: string;
}

export interface TransactionsPage {
  transactions: Transaction[];
  /** Where to go on, now or later. */
  cursor: string;
  currency: string;
}

/** Where to begin, and how much to read at once. */
export interface PageOptions extends CallOptions {
  /** What the page before gave; absent begins at the beginning. */
  cursor?: string | null | undefined;
  limit?: number | undefined;
}

/** Where to begin. Pages are as large as the panel gives them. */
export interface EachOptions extends CallOptions {
  cursor?: string | null | undefined;
}

/** All rows of a list, read a page at a time: `for await (const row of rows)`. */
export interface Rows<Row> extends AsyncIterable<Row> {
  /** Where to go on later: what was gone through page by page doesn't come again, and nothing is missed. */
  readonly cursor: string | null | undefined;
  [Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined>;
}

/**
 * Calls the API of one panel with one key.
 *
 * Reads and `add` are repeated after 429, 500, 502, 503, 504, time-outs and lost
 * connections. `refill`, `refills`, `cancel`, `cancels` and what changes webhooks may have been
 * done when their answer was lost: they are repeated after 429, and where no
 * connection could be made. Nothing else is repeated.
 *
 * Every method may reject with an ApiError (the panel refused), a ConnectionError or
 * an UnexpectedAnswerError; all errors are a NotPanelError.
 */
export class Client {
  /**
   * @param key     `np_live_…` or `np_test_…`; one that was mistyped is refused here, by its checksum
   * @param baseURL the panel's address, such as `https://panel.example`; http is for this machine alone
   * @throws ArgumentError
   */
  constructor(key: string, baseURL: string | { toString(): string }, options?: ClientOptions);

  readonly webhooks: Webhooks;

  /** All that can be ordered. What has not changed since the last call is not sent again. */
  services(options?: CallOptions & { /** such as `de` or `pt-BR` */ lang?: string }): Promise<Service[]>;
  /** One service, with what was measured of it. Rejects with NotFoundError. */
  service(service: WholeNumber, options?: CallOptions & { lang?: string }): Promise<ServiceWithFacts>;
  /** Changes of the catalogue, the oldest first, 1 to 500 (usually 100). The cursor `latest` answers the cursor of now. */
  changes(options?: PageOptions): Promise<ChangesPage>;
  /** All changes from a cursor until now. */
  eachChange(options?: EachOptions): Rows<Change>;

  /**
   * Places an order and charges it, once, however often it is repeated with the same request_id.
   * Its errors carry `requestId`; where `outcomeUnknown` is true, call again with it, or look
   * it up: `order({ request_id })`.
   */
  add(order: NewOrder, options?: CallOptions): Promise<PlacedOrder>;

  status(order: Id, options?: CallOptions): Promise<OrderStatus>;
  /** Any number of orders, 100 a request; keyed by the ids as text. Look for `error` in each. */
  statuses(orders: Iterable<Id>, options?: CallOptions): Promise<Map<string, OrderStatus | Refused>>;

  /** Asks to deliver again what an order has lost; returns the refill's id. */
  refill(order: Id, options?: CallOptions): Promise<string>;
  /** Any number of orders, 100 a request; a row for each, in their order. */
  refills(orders: Iterable<Id>, options?: CallOptions): Promise<RefillRow[]>;
  refillStatus(refill: Id, options?: CallOptions): Promise<RefillState>;
  refillStatuses(refills: Iterable<Id>, options?: CallOptions): Promise<RefillStatusRow[]>;
  /** Cancels an order, or tells the provider of your wish; returns the order's id. `status` shows what comes of it. */
  cancel(order: Id, options?: CallOptions): Promise<string>;
  /** Any number of orders, 100 a request; a row for each, in their order. */
  cancels(orders: Iterable<Id>, options?: CallOptions): Promise<CancelRow[]>;

  balance(options?: CallOptions): Promise<Balance>;

  /** One order, by its id or by the request_id that placed it. */
  order(order: Id | { request_id: string }, options?: CallOptions): Promise<OrderWithTimeline>;
  /** Own orders, the newest first, 1 to 100 (usually 50). */
  orders(options?: PageOptions & OrdersFilter): Promise<OrdersPage>;
  /** All own orders, the newest first. */
  eachOrder(options?: EachOptions & OrdersFilter): Rows<Order>;
  /** The statement, the oldest line first, 1 to 500 (usually 100). */
  transactions(options?: PageOptions): Promise<TransactionsPage>;
  /** All lines of the statement from a cursor until now. */
  eachTransaction(options?: EachOptions): Rows<Transaction>;
}

export type EventType = Word<KnownEvent['type']>;

/** What an endpoint can ask for; `ping` comes to each. */
export type AskedEventType = Word<Exclude<KnownEvent['type'], 'ping'>>;

/** The endpoints that were made with the client's key. */
export interface Webhooks {
  /** Makes an endpoint, for all events but `service.changed` unless you name some. Keep the secret: it is shown here only. */
  add(webhook: { url: string; events?: readonly AskedEventType[] }, options?: CallOptions): Promise<NewWebhook>;
  /** The oldest first. */
  list(options?: CallOptions): Promise<Webhook[]>;
  /** Returns the id of what was removed. */
  remove(webhook: string, options?: CallOptions): Promise<string>;
  /** Sends `ping` now; returns the delivery's id. */
  test(webhook: string, options?: CallOptions): Promise<string>;
  /** Makes a new secret. For `overlap` hours (0 to 168, usually 24) deliveries are signed with the old one too. */
  rotate(webhook: string, options?: CallOptions & { overlap?: number }): Promise<RotatedSecret>;
  /** What was sent, the newest first, 1 to 100 (usually 25). */
  deliveries(webhook: string, options?: PageOptions): Promise<DeliveriesPage>;
  /** All that was sent, the newest first. */
  eachDelivery(webhook: string, options?: EachOptions): Rows<Delivery>;
  /** Sends a delivery again, or all of an endpoint that failed since a time; returns how many. */
  replay(what: string | { id: string; since: string | Date }, options?: CallOptions): Promise<number>;
}

export interface NewWebhook {
  id: string;
  url: string;
  events: AskedEventType[];
  secret: string;
}

export interface Webhook {
  id: string;
  url: string;
  events: AskedEventType[];
  state: Word<'active' | 'disabled'>;
  /** Why it is disabled. */
  reason: Word<'failing' | 'by its owner'> | null;
  created_at: string;
  last_delivery: { delivery: string; event: string; type: EventType; state: DeliveryState; at: string } | null;
}

export interface RotatedSecret {
  id: string;
  secret: string;
  /** Until when deliveries are signed with the old one too; null if they aren't. */
  previous_expires_at: string | null;
}

export type DeliveryState = Word<'pending' | 'delivered' | 'failed'>;

export interface Delivery {
  delivery: string;
  event: string;
  type: EventType;
  sequence: number;
  order: string | null;
  state: DeliveryState;
  created_at: string;
  next_attempt_at: string | null;
  /** The body as it was signed. */
  request: string;
  attempts: DeliveryAttempt[];
}

export interface DeliveryAttempt {
  attempt: number;
  at: string;
  /** null where no answer came; `error` says why. */
  status: number | null;
  error: string | null;
  duration_ms: number;
  /** How the answer began. */
  response: string;
}

export interface DeliveriesPage {
  deliveries: Delivery[];
  /** null after the last page. */
  cursor: string | null;
}

/** What the panel tells an endpoint. The same event may come more than once: its `id` stays the same. */
interface EventOf<Type extends string, Data> {
  id: string;
  type: Type;
  created_at: string;
  /** Counts the events of one order from 1, in which order they are sent; 0 where the event is not an order's. */
  sequence: number;
  data: Data;
}

/** An order as its events tell it. */
export interface OrderData {
  order: string;
  number: number;
  request_id: string;
  status: OrderState;
  /** What was paid less `refunded`. */
  charge: string;
  refunded: string;
  start_count: string | null;
  remains: string | null;
  currency: string;
  link: string;
  service: number;
}

export type OrderEvent = EventOf<
  | 'order.created' | 'order.in_progress' | 'order.completed' | 'order.partial' | 'order.canceled' | 'order.failed'
  | 'order.refunded' | 'cancel.rejected',
  OrderData
>;
export type RefillEvent = EventOf<'refill.completed' | 'refill.rejected', OrderData & { refill: string }>;
export type BalanceLowEvent = EventOf<'balance.low', Balance & { threshold: string }>;
export type BalanceCreditedEvent = EventOf<'balance.credited', Balance & { amount: string }>;
export type ServiceChangedEvent = EventOf<'service.changed', Change & { currency: string }>;
export type PingEvent = EventOf<'ping', { webhook: string }>;

/** The events that this version knows. */
export type KnownEvent = OrderEvent | RefillEvent | BalanceLowEvent | BalanceCreditedEvent | ServiceChangedEvent | PingEvent;

/**
 * An event that came into being later. Its `type` may be any word that is not among the
 * known ones: read it as a string. The form here only lets a comparison with a known word
 * leave this kind of event out.
 */
export type OtherEvent = EventOf<`(other) ${string}`, Record<string, unknown>>;

export type WebhookEvent = KnownEvent | OtherEvent;

/** Headers as a runtime or framework has them: names in any case. */
export type HeadersLike =
  | { get(name: string): string | null | undefined }
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyOptions {
  /** Seconds that the webhook's time may differ from now, either way; usually 300. */
  tolerance?: number;
  /** Now, for tests: a Date or milliseconds. */
  now?: Date | number;
}

/**
 * Checks that a request comes from the panel and returns its event. Answer 2xx if it
 * resolves and 400 if it rejects with a WebhookError.
 *
 * @param body    the body as it came, before anything parsed it
 * @param headers the request's headers; Standard Webhooks' are looked at first, then X-NotPanel-Signature
 * @param secrets `whsec_…`, or several while one replaces another
 * @throws WebhookHeadersError, WebhookSignatureError, WebhookTimeError, WebhookSecretError or WebhookBodyError
 */
export function verifyWebhook(
  body: string | ArrayBuffer | ArrayBufferView,
  headers: HeadersLike,
  secrets: string | readonly string[],
  options?: VerifyOptions,
): Promise<WebhookEvent>;

/** What every error of this library is. */
export class NotPanelError extends Error {
  /** The request_id of the `add` that failed; null for other actions. */
  readonly requestId: string | null;
  /** Whether the panel may have carried out what was asked, though no answer says so. Never true of reads. */
  readonly outcomeUnknown: boolean;
  /** Of a call for more than 100: what was answered before it failed, as the call would have returned it. */
  readonly answered: unknown;
  readonly cause?: unknown;
}

/** What was given to the library can't be right. Nothing was sent. */
export class ArgumentError extends NotPanelError {}

/** No answer came: no connection, or one that was lost. `cause` says more. */
export class ConnectionError extends NotPanelError {
  /** Whether it is certain that the request was not sent. */
  readonly neverSent: boolean;
}

/** No answer came in time. */
export class TimeoutError extends ConnectionError {}

/** The caller's signal ended the call; `cause` is its reason. */
export class AbortedError extends NotPanelError {}

/** The answer is not the API's: a redirect, HTML, longer than 32 MiB, or without what it has to hold. */
export class UnexpectedAnswerError extends NotPanelError {
  private constructor();
  /** The status over HTTP; 0 where the runtime does not tell. */
  readonly status: number;
  readonly xRequestId: string | null;
}

/** The panel refused or failed. */
export class ApiError extends NotPanelError {
  protected constructor();
  /** The status over HTTP. */
  readonly status: number;
  /** The panel's own text. */
  readonly text: string;
  /** The X-Request-Id of the answer: tell it to the panel's operator when you ask about a request. */
  readonly xRequestId: string | null;
}

/** The key is not known, revoked, expired, or not allowed from this address. */
export class InvalidKeyError extends ApiError {}

/** The wallet holds less than the charge. */
export class InsufficientBalanceError extends ApiError {}

/** The service, order, refill, webhook or delivery is not known to this key. */
export class NotFoundError extends ApiError {}

/** A field is missing or malformed, or what was asked is not possible; `text` says which and why. */
export class InvalidRequestError extends ApiError {}

/** The account is suspended. */
export class AccountSuspendedError extends ApiError {}

/** A limit is used up, and the retries with it. Figures that were not sent are null. */
export class RateLimitError extends ApiError {
  /** Requests a minute. */
  readonly limit: number | null;
  readonly remaining: number | null;
  /** When the next minute begins. */
  readonly reset: Date | null;
  readonly tierRemaining: number | null;
  readonly deniedBy: Word<'ip' | 'key' | 'tier'> | null;
  /** Seconds to wait. */
  readonly retryAfter: number | null;
}

/** The panel, or a proxy before it, failed: a status of 500 or above. */
export class ServerError extends ApiError {
  /** Seconds to wait; null if none were named. */
  readonly retryAfter: number | null;
}

/** What every error of verifyWebhook is: don't trust the request. */
export class WebhookError extends NotPanelError {}

/** A header of the signature is missing or malformed. */
export class WebhookHeadersError extends WebhookError {}

/** No signature fits the body: it was changed, or signed with another secret. */
export class WebhookSignatureError extends WebhookError {}

/** The signature is right, but its time is too far from now. */
export class WebhookTimeError extends WebhookError {}

/** A secret is not of the form in which the panel gives them. */
export class WebhookSecretError extends WebhookError {}

/** The body is not raw, or not an event. */
export class WebhookBodyError extends WebhookError {}

/** The library's version. */
export const version: string;
