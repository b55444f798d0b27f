-- +goose Up

-- Accounts and keys ---------------------------------------------------------

-- Numbers of orders and refills begin behind these: who comes from another panel
-- keeps the old numbers free.
ALTER TABLE panel ADD COLUMN first_number BIGINT NOT NULL DEFAULT 0 CHECK (first_number BETWEEN 0 AND 2147483647);
ALTER TABLE wallets ADD COLUMN first_number BIGINT NOT NULL DEFAULT 0 CHECK (first_number BETWEEN 0 AND 2147483647);
ALTER TABLE wallets ADD COLUMN last_refill BIGINT NOT NULL DEFAULT 0 CHECK (last_refill BETWEEN 0 AND 2147483647);

-- Settings of a key; zero and '' are the panel's defaults.
ALTER TABLE api_keys ADD COLUMN per_minute BIGINT NOT NULL DEFAULT 0 CHECK (per_minute >= 0);
ALTER TABLE api_keys ADD COLUMN networks TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN daily_cap BIGINT CHECK (daily_cap >= 0);
ALTER TABLE api_keys ADD COLUMN classic_ids TEXT NOT NULL DEFAULT 'number' CHECK (classic_ids IN ('number', 'string'));
ALTER TABLE api_keys ADD COLUMN allow_get BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE api_keys ADD COLUMN replay_window BIGINT NOT NULL DEFAULT 0 CHECK (replay_window BETWEEN 0 AND 86400);
ALTER TABLE api_keys ADD COLUMN descriptions BOOLEAN NOT NULL DEFAULT FALSE;

-- What a key has spent on a day of UTC, gross.
CREATE TABLE key_spending (
  key_id TEXT NOT NULL REFERENCES api_keys (id),
  day    BIGINT NOT NULL,
  spent  BIGINT NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (key_id, day)
);

-- Catalogue -----------------------------------------------------------------

ALTER TABLE services ADD COLUMN dripfeed BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE services ADD COLUMN refill BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE services ADD COLUMN refill_days BIGINT NOT NULL DEFAULT 0 CHECK (refill_days >= 0);
ALTER TABLE services ADD COLUMN refill_most BIGINT NOT NULL DEFAULT 3 CHECK (refill_most >= 0);
ALTER TABLE services ADD COLUMN posts BIGINT NOT NULL DEFAULT 0 CHECK (posts BETWEEN 0 AND 1000);
ALTER TABLE services ADD COLUMN link_hosts TEXT NOT NULL DEFAULT '';
ALTER TABLE services ADD COLUMN link_form TEXT NOT NULL DEFAULT 'query' CHECK (link_form IN ('query', 'path', 'host'));
ALTER TABLE services ADD COLUMN overlap TEXT NOT NULL DEFAULT 'allow' CHECK (overlap IN ('allow', 'queue', 'refuse'));
ALTER TABLE services ADD COLUMN pinned TEXT NOT NULL DEFAULT '';
ALTER TABLE services ADD COLUMN markup BIGINT;

ALTER TABLE sources ADD COLUMN foreign_cost BIGINT;
ALTER TABLE sources ADD COLUMN gone_at BIGINT;
-- The rate by which cost was reckoned from foreign_cost, in billionths.
ALTER TABLE sources ADD COLUMN exchange BIGINT NOT NULL DEFAULT 1000000000 CHECK (exchange > 0);

CREATE TABLE service_texts (
  service_id  BIGINT NOT NULL REFERENCES services (id),
  lang        TEXT NOT NULL,
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  PRIMARY KEY (service_id, lang)
);

CREATE TABLE category_texts (
  category_id TEXT NOT NULL REFERENCES categories (id),
  lang        TEXT NOT NULL,
  name        TEXT NOT NULL,
  PRIMARY KEY (category_id, lang)
);

-- What a tier and an account pay: a discount in millionths of a percent, a rate
-- of its own.
CREATE TABLE tier_discounts (
  tier    TEXT PRIMARY KEY,
  percent BIGINT NOT NULL CHECK (percent BETWEEN 0 AND 100000000)
);

CREATE TABLE account_rates (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  service_id BIGINT NOT NULL REFERENCES services (id),
  rate       BIGINT NOT NULL CHECK (rate >= 0),
  PRIMARY KEY (account_id, service_id)
);

-- Every change of what is sold, numbered under the lock of the catalogue's epoch.
CREATE TABLE catalog_changes (
  seq          BIGINT PRIMARY KEY,
  at           BIGINT NOT NULL,
  service_id   BIGINT NOT NULL REFERENCES services (id),
  field        TEXT NOT NULL,
  before       TEXT NOT NULL,
  after        TEXT NOT NULL,
  effective_at BIGINT NOT NULL,
  actor        TEXT NOT NULL
);
CREATE INDEX catalog_changes_service ON catalog_changes (service_id, seq);

-- Rates that were announced and do not hold yet.
CREATE TABLE announced_rates (
  service_id   BIGINT PRIMARY KEY REFERENCES services (id),
  rate         BIGINT NOT NULL CHECK (rate >= 0),
  effective_at BIGINT NOT NULL
);

-- Targets that nobody may order for: a host with all below it, or a host and the
-- beginning of a path.
CREATE TABLE blocked_targets (
  pattern    TEXT PRIMARY KEY,
  reason     TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Measured from orders that have ended; shares in thousandths, times in seconds.
CREATE TABLE service_facts (
  service_id     BIGINT PRIMARY KEY REFERENCES services (id),
  orders         BIGINT NOT NULL,
  start_half     BIGINT,
  start_most     BIGINT,
  complete_half  BIGINT,
  complete_most  BIGINT,
  completed      BIGINT NOT NULL,
  partial        BIGINT NOT NULL,
  canceled       BIGINT NOT NULL,
  measured_at    BIGINT NOT NULL
);

-- What one unit of a currency is worth in the panel's, in billionths.
CREATE TABLE exchange_rates (
  currency   TEXT PRIMARY KEY,
  rate       BIGINT NOT NULL CHECK (rate > 0),
  updated_at BIGINT NOT NULL
);

-- Providers -----------------------------------------------------------------

ALTER TABLE providers ADD COLUMN paused_at BIGINT;
ALTER TABLE providers ADD COLUMN kind TEXT NOT NULL DEFAULT 'classic' CHECK (kind IN ('classic', 'native', 'manual'));
ALTER TABLE providers ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
ALTER TABLE providers ADD COLUMN headers_sealed TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN slots BIGINT NOT NULL DEFAULT 8 CHECK (slots BETWEEN 1 AND 256);
ALTER TABLE providers ADD COLUMN markup BIGINT;
ALTER TABLE providers ADD COLUMN sync_every BIGINT NOT NULL DEFAULT 0 CHECK (sync_every >= 0);
ALTER TABLE providers ADD COLUMN sync_due_at BIGINT;
ALTER TABLE providers ADD COLUMN synced_at BIGINT;
ALTER TABLE providers ADD COLUMN alarm TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN balance BIGINT;
ALTER TABLE providers ADD COLUMN balance_at BIGINT;
ALTER TABLE providers ADD COLUMN balance_low BIGINT;
ALTER TABLE providers ADD COLUMN unknown_row BIGINT NOT NULL DEFAULT 0 CHECK (unknown_row >= 0);
ALTER TABLE providers ADD COLUMN probe BOOLEAN NOT NULL DEFAULT FALSE;

-- Refusals in a provider's words. A class of '' waits for a person.
CREATE TABLE provider_texts (
  provider_id TEXT NOT NULL REFERENCES providers (id),
  text        TEXT NOT NULL,
  class       TEXT NOT NULL CHECK (class IN ('', 'try_later', 'next_source', 'refuse')),
  seen        BIGINT NOT NULL,
  first_at    BIGINT NOT NULL,
  last_at     BIGINT NOT NULL,
  decided_at  BIGINT,
  PRIMARY KEY (provider_id, text)
);

CREATE TABLE provider_balances (
  provider_id TEXT NOT NULL REFERENCES providers (id),
  at          BIGINT NOT NULL,
  balance     BIGINT NOT NULL,
  PRIMARY KEY (provider_id, at)
);

-- Orders --------------------------------------------------------------------

-- A drip-feed parent and its runs, a subscription and its posts are orders too:
-- one table keeps request ids and numbers unique over all of them.
ALTER TABLE orders ADD COLUMN kind TEXT NOT NULL DEFAULT 'single' CHECK (kind IN ('single', 'drip', 'run', 'subscription', 'post'));
ALTER TABLE orders ADD COLUMN parent_id TEXT REFERENCES orders (id);
ALTER TABLE orders ADD COLUMN run BIGINT;
ALTER TABLE orders ADD COLUMN runs BIGINT NOT NULL DEFAULT 0 CHECK (runs BETWEEN 0 AND 1000);
ALTER TABLE orders ADD COLUMN every_minutes BIGINT NOT NULL DEFAULT 0 CHECK (every_minutes BETWEEN 0 AND 10080);
ALTER TABLE orders ADD COLUMN next_run_at BIGINT;
ALTER TABLE orders ADD COLUMN paused_at BIGINT;
ALTER TABLE orders ADD COLUMN fields TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN link_key TEXT;
ALTER TABLE orders ADD COLUMN exchange BIGINT NOT NULL DEFAULT 1000000000 CHECK (exchange > 0);
ALTER TABLE orders ADD COLUMN preference BIGINT NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN released BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE orders ADD COLUMN started_at BIGINT;
ALTER TABLE orders ADD COLUMN expiry TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN cancel_state TEXT NOT NULL DEFAULT '' CHECK (cancel_state IN ('', 'wished', 'forwarded', 'refused'));
ALTER TABLE orders ADD COLUMN cancel_due_at BIGINT;
ALTER TABLE orders ADD COLUMN cancel_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN refusal TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX orders_runs ON orders (parent_id, run) WHERE parent_id IS NOT NULL;
CREATE INDEX orders_next_run ON orders (next_run_at) WHERE next_run_at IS NOT NULL;
CREATE INDEX orders_link ON orders (link_key, id) WHERE link_key IS NOT NULL;
CREATE INDEX orders_queued ON orders (id) WHERE state = 'queued';
CREATE INDEX orders_refusal ON orders (provider_id, refusal) WHERE state = 'held';
CREATE INDEX orders_cancel ON orders (provider_id, cancel_due_at) WHERE cancel_due_at IS NOT NULL;
CREATE INDEX orders_finished ON orders (service_id, finished_at) WHERE finished_at IS NOT NULL;

ALTER TABLE submissions ADD COLUMN last_sent_at BIGINT;

-- Whether the answer to an add without a request id arrived.
CREATE TABLE replays (
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  mode         TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  fingerprint  TEXT NOT NULL,
  order_id     TEXT NOT NULL REFERENCES orders (id),
  node         TEXT NOT NULL,
  at           BIGINT NOT NULL,
  delivered_at BIGINT,
  PRIMARY KEY (account_id, mode, fingerprint)
);
CREATE INDEX replays_order ON replays (order_id);
CREATE INDEX replays_old ON replays (at);

CREATE TABLE refills (
  id            TEXT PRIMARY KEY,
  order_id      TEXT NOT NULL REFERENCES orders (id),
  account_id    TEXT NOT NULL REFERENCES accounts (id),
  mode          TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  number        BIGINT NOT NULL CHECK (number BETWEEN 1 AND 2147483647),
  key_id        TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('pending', 'in_progress', 'completed', 'rejected')),
  reason        TEXT NOT NULL DEFAULT '',
  provider_id   TEXT NOT NULL,
  upstream_id   TEXT,
  tries         BIGINT NOT NULL DEFAULT 0,
  ever_unknown  BOOLEAN NOT NULL DEFAULT FALSE,
  due_at        BIGINT,
  next_check_at BIGINT,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  finished_at   BIGINT,
  UNIQUE (account_id, mode, number)
);
CREATE UNIQUE INDEX refills_one_open ON refills (order_id) WHERE state IN ('pending', 'in_progress');
CREATE UNIQUE INDEX refills_upstream ON refills (provider_id, upstream_id) WHERE upstream_id IS NOT NULL;
CREATE INDEX refills_order ON refills (order_id);
CREATE INDEX refills_due ON refills (provider_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX refills_check ON refills (provider_id, next_check_at) WHERE next_check_at IS NOT NULL;
