-- +goose Up

-- How many events an order has caused: the last one's number.
ALTER TABLE orders ADD COLUMN events BIGINT NOT NULL DEFAULT 0 CHECK (events >= 0);

-- Below this balance the account is told; NULL is the panel's default, 0 never.
ALTER TABLE accounts ADD COLUMN low_balance BIGINT CHECK (low_balance >= 0);

-- Where a key's user is told of events. Rows of removed endpoints go with their
-- last delivery.
CREATE TABLE webhook_endpoints (
  id              TEXT PRIMARY KEY,
  key_id          TEXT NOT NULL REFERENCES api_keys (id),
  account_id      TEXT NOT NULL REFERENCES accounts (id),
  mode            TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  url             TEXT NOT NULL,
  events          TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'removed')),
  reason          TEXT NOT NULL DEFAULT '' CHECK (reason IN ('', 'owner', 'failing', 'gone', 'revoked')),
  secret          TEXT NOT NULL,
  previous_secret TEXT NOT NULL DEFAULT '',
  previous_until  BIGINT,
  failing_since   BIGINT,
  replayed_at     BIGINT,
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL
);
CREATE INDEX webhook_endpoints_key ON webhook_endpoints (key_id, created_at);
CREATE INDEX webhook_endpoints_account ON webhook_endpoints (account_id, mode) WHERE state <> 'removed';

-- What happened, for those who listened when it did. An event of the catalogue
-- belongs to no account.
CREATE TABLE webhook_events (
  id         TEXT PRIMARY KEY,
  account_id TEXT NOT NULL DEFAULT '',
  mode       TEXT NOT NULL DEFAULT '',
  type       TEXT NOT NULL,
  order_id   TEXT,
  sequence   BIGINT NOT NULL DEFAULT 0,
  data       TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  fanned_at  BIGINT
);
CREATE INDEX webhook_events_new ON webhook_events (id) WHERE fanned_at IS NULL;
CREATE INDEX webhook_events_order ON webhook_events (order_id, sequence) WHERE fanned_at IS NULL;
CREATE INDEX webhook_events_old ON webhook_events (created_at);
CREATE INDEX webhook_events_pings ON webhook_events (account_id, created_at) WHERE type = 'ping';

-- An event on its way to an endpoint. One that waits for an earlier event of its
-- order has no due_at.
CREATE TABLE webhook_deliveries (
  id          TEXT PRIMARY KEY,
  endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
  event_id    TEXT NOT NULL REFERENCES webhook_events (id),
  type        TEXT NOT NULL,
  order_id    TEXT,
  sequence    BIGINT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  due_at      BIGINT,
  give_up_at  BIGINT,
  failures    BIGINT NOT NULL DEFAULT 0,
  attempts    BIGINT NOT NULL DEFAULT 0,
  created_at  BIGINT NOT NULL,
  finished_at BIGINT,
  UNIQUE (endpoint_id, event_id)
);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (endpoint_id, order_id, sequence) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, finished_at) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);

CREATE TABLE webhook_attempts (
  delivery_id TEXT NOT NULL REFERENCES webhook_deliveries (id),
  number      BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  status      BIGINT NOT NULL,
  error       TEXT NOT NULL,
  duration    BIGINT NOT NULL,
  answer      TEXT NOT NULL,
  PRIMARY KEY (delivery_id, number)
);

-- How far the catalogue's changes have been told.
CREATE TABLE webhook_changes (
  id  BIGINT PRIMARY KEY CHECK (id = 1),
  seq BIGINT NOT NULL
);
INSERT INTO webhook_changes (id, seq) SELECT 1, COALESCE(MAX(seq), 0) FROM catalog_changes;

-- What native providers tell by webhook brings the next look at an order forward.
-- hinted_at is the last time that was set so.
ALTER TABLE providers ADD COLUMN hook_id TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN hook_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN hinted_at BIGINT;
ALTER TABLE refills ADD COLUMN hinted_at BIGINT;

-- Events of providers that came within the time in which they could come again.
CREATE TABLE provider_hints (
  provider_id TEXT NOT NULL REFERENCES providers (id),
  event_id    TEXT NOT NULL,
  at          BIGINT NOT NULL,
  PRIMARY KEY (provider_id, event_id)
);
CREATE INDEX provider_hints_old ON provider_hints (at);
