-- +goose Up

-- One row: what belongs to the installation as a whole.
CREATE TABLE panel (
  id           BIGINT PRIMARY KEY CHECK (id = 1),
  currency     TEXT NOT NULL,
  secret_check TEXT NOT NULL DEFAULT ''
);

-- One row: counters that every change of what is cached moves.
CREATE TABLE epochs (
  id      BIGINT PRIMARY KEY CHECK (id = 1),
  auth    BIGINT NOT NULL,
  catalog BIGINT NOT NULL
);

CREATE TABLE accounts (
  id            TEXT PRIMARY KEY,
  email         TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
  tier          TEXT NOT NULL CHECK (tier IN ('standard', 'reseller', 'agency')),
  role          TEXT NOT NULL CHECK (role IN ('customer', 'owner')),
  created_at    BIGINT NOT NULL
);

CREATE TABLE wallets (
  id          TEXT PRIMARY KEY,
  account_id  TEXT NOT NULL REFERENCES accounts (id),
  mode        TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  balance     BIGINT NOT NULL,
  overdraft   BOOLEAN NOT NULL DEFAULT FALSE,
  seq         BIGINT NOT NULL,
  last_number BIGINT NOT NULL CHECK (last_number BETWEEN 0 AND 2147483647),
  UNIQUE (account_id, mode),
  CHECK (balance >= 0 OR overdraft)
);

CREATE TABLE transfers (
  id             TEXT PRIMARY KEY,
  kind           TEXT NOT NULL,
  ref            TEXT NOT NULL,
  debit          TEXT NOT NULL,
  debit_seq      BIGINT,
  debit_balance  BIGINT,
  credit         TEXT NOT NULL,
  credit_seq     BIGINT,
  credit_balance BIGINT,
  amount         BIGINT NOT NULL CHECK (amount > 0),
  memo           TEXT NOT NULL,
  actor          TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  CHECK (debit <> credit),
  UNIQUE (kind, ref)
);
CREATE UNIQUE INDEX transfers_debit ON transfers (debit, debit_seq) WHERE debit_seq IS NOT NULL;
CREATE UNIQUE INDEX transfers_credit ON transfers (credit, credit_seq) WHERE credit_seq IS NOT NULL;

CREATE TABLE api_keys (
  id             TEXT PRIMARY KEY,
  account_id     TEXT NOT NULL REFERENCES accounts (id),
  name           TEXT NOT NULL,
  dialect        TEXT NOT NULL CHECK (dialect IN ('native', 'classic')),
  mode           TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  hash           TEXT NOT NULL UNIQUE,
  prefix         TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  rotated_at     BIGINT,
  expires_at     BIGINT,
  revoked_at     BIGINT,
  last_used_at   BIGINT,
  seen_in_url_at BIGINT
);
CREATE INDEX api_keys_account ON api_keys (account_id);

CREATE TABLE providers (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL UNIQUE,
  url          TEXT NOT NULL,
  key_sealed   TEXT NOT NULL,
  currency     TEXT NOT NULL DEFAULT '',
  state        TEXT NOT NULL CHECK (state IN ('active', 'paused')),
  pause_reason TEXT NOT NULL DEFAULT '',
  created_at   BIGINT NOT NULL
);

CREATE TABLE categories (
  id       TEXT PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  position BIGINT NOT NULL
);

CREATE TABLE services (
  id           BIGINT PRIMARY KEY,
  category_id  TEXT NOT NULL REFERENCES categories (id),
  position     BIGINT NOT NULL,
  name         TEXT NOT NULL,
  type         TEXT NOT NULL,
  description  TEXT NOT NULL,
  rate         BIGINT NOT NULL CHECK (rate >= 0),
  min_quantity BIGINT NOT NULL CHECK (min_quantity >= 1),
  max_quantity BIGINT NOT NULL,
  increment    BIGINT NOT NULL CHECK (increment >= 1),
  cancel       BOOLEAN NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
  pause_reason TEXT NOT NULL DEFAULT '',
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  CHECK (min_quantity <= max_quantity)
);

-- Where a service's orders go, and what they cost there.
CREATE TABLE sources (
  service_id       BIGINT NOT NULL REFERENCES services (id),
  preference       BIGINT NOT NULL,
  provider_id      TEXT NOT NULL REFERENCES providers (id),
  provider_service TEXT NOT NULL,
  cost             BIGINT NOT NULL CHECK (cost >= 0),
  PRIMARY KEY (service_id, preference),
  UNIQUE (provider_id, provider_service)
);

CREATE TABLE orders (
  id               TEXT PRIMARY KEY,
  account_id       TEXT NOT NULL REFERENCES accounts (id),
  mode             TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  wallet_id        TEXT NOT NULL,
  number           BIGINT NOT NULL CHECK (number BETWEEN 1 AND 2147483647),
  key_id           TEXT NOT NULL,
  request_id       TEXT NOT NULL,
  request_hash     TEXT NOT NULL,
  service_id       BIGINT NOT NULL REFERENCES services (id),
  link             TEXT NOT NULL,
  quantity         BIGINT NOT NULL CHECK (quantity > 0),
  rate             BIGINT NOT NULL,
  cost             BIGINT NOT NULL,
  catalog_epoch    BIGINT NOT NULL,
  charge           BIGINT NOT NULL CHECK (charge >= 0),
  refunded         BIGINT NOT NULL DEFAULT 0 CHECK (0 <= refunded AND refunded <= charge),
  state            TEXT NOT NULL CHECK (state IN ('pending', 'queued', 'held', 'submitting', 'uncertain', 'processing',
                     'in_progress', 'completed', 'partial', 'canceled', 'failed', 'refunded')),
  step             BIGINT NOT NULL,
  attention        TEXT NOT NULL DEFAULT '',
  cancel_wish_at   BIGINT,
  ever_unknown     BOOLEAN NOT NULL DEFAULT FALSE,
  generation       BIGINT NOT NULL DEFAULT 1,
  provider_id      TEXT NOT NULL,
  provider_service TEXT NOT NULL,
  equal_key        TEXT NOT NULL,
  upstream_id      TEXT,
  start_count      BIGINT,
  remains          BIGINT,
  provider_charge  BIGINT,
  tries            BIGINT NOT NULL DEFAULT 0,
  due_at           BIGINT,
  give_up_at       BIGINT,
  next_check_at    BIGINT,
  accepted_at      BIGINT,
  finished_at      BIGINT,
  created_at       BIGINT NOT NULL,
  updated_at       BIGINT NOT NULL,
  UNIQUE (account_id, mode, request_id),
  UNIQUE (account_id, mode, number)
);
CREATE UNIQUE INDEX orders_upstream ON orders (provider_id, upstream_id) WHERE upstream_id IS NOT NULL;
CREATE INDEX orders_due ON orders (provider_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_give_up ON orders (give_up_at) WHERE give_up_at IS NOT NULL;
CREATE INDEX orders_check ON orders (provider_id, next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX orders_waiting ON orders (state, id) WHERE state IN ('held', 'submitting', 'uncertain');
CREATE INDEX orders_attention ON orders (id) WHERE attention <> '';

CREATE TABLE order_timeline (
  order_id    TEXT NOT NULL,
  step        BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  actor       TEXT NOT NULL,
  from_state  TEXT NOT NULL,
  to_state    TEXT NOT NULL,
  reason      TEXT NOT NULL,
  start_count BIGINT,
  remains     BIGINT,
  refund      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, step)
);

CREATE TABLE submissions (
  id          TEXT PRIMARY KEY,
  order_id    TEXT NOT NULL REFERENCES orders (id),
  provider_id TEXT NOT NULL,
  equal_key   TEXT NOT NULL,
  generation  BIGINT NOT NULL,
  token       TEXT NOT NULL,
  outcome     TEXT NOT NULL CHECK (outcome IN ('sending', 'unknown', 'accepted', 'refused', 'not_sent', 'not_accepted', 'dead', 'late')),
  upstream_id TEXT,
  sent        BOOLEAN NOT NULL DEFAULT FALSE,
  http_status BIGINT NOT NULL DEFAULT 0,
  answer      TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL,
  began_at    BIGINT NOT NULL,
  ended_at    BIGINT
);
CREATE UNIQUE INDEX submissions_one_open ON submissions (order_id) WHERE outcome IN ('sending', 'unknown', 'accepted');
CREATE INDEX submissions_open_equal ON submissions (equal_key) WHERE outcome IN ('sending', 'unknown');
CREATE INDEX submissions_lease ON submissions (lease_until) WHERE outcome = 'sending';
CREATE INDEX submissions_order ON submissions (order_id);

-- Every act of staff and of the command line, each row chained to the one before.
CREATE TABLE audit_log (
  seq    BIGINT PRIMARY KEY,
  at     BIGINT NOT NULL,
  actor  TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash   TEXT NOT NULL
);
-- For the proof: what was made has its row here, a credit by the transfer's ref.
CREATE INDEX audit_log_acts ON audit_log (action, target);
CREATE INDEX audit_log_credits ON audit_log (substr(detail, 1, 30)) WHERE action = 'account.credit';

-- One row: the end of the chain, locked while a row is added.
CREATE TABLE audit_head (
  id   BIGINT PRIMARY KEY CHECK (id = 1),
  seq  BIGINT NOT NULL,
  hash TEXT NOT NULL
);

INSERT INTO panel (id, currency) VALUES (1, 'USD');
INSERT INTO epochs (id, auth, catalog) VALUES (1, 1, 1);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

-- +goose StatementBegin
CREATE TRIGGER transfers_stay BEFORE UPDATE ON transfers
BEGIN
  SELECT RAISE(ABORT, 'rows of transfers are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER transfers_kept BEFORE DELETE ON transfers
BEGIN
  SELECT RAISE(ABORT, 'rows of transfers are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'rows of audit_log are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'rows of audit_log are never changed');
END;
-- +goose StatementEnd

-- REPLACE takes rows out without a DELETE trigger where recursive_triggers is
-- off, as it is in everybody's connections but ours. Where it is on, the trigger
-- above refuses, and a key given twice stays the plain error that it is.
-- +goose StatementBegin
CREATE TRIGGER transfers_not_replaced BEFORE INSERT ON transfers
WHEN (SELECT recursive_triggers FROM pragma_recursive_triggers) = 0 AND (
  EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM transfers WHERE kind = NEW.kind AND ref = NEW.ref)
  OR NEW.debit_seq IS NOT NULL AND EXISTS (SELECT 1 FROM transfers WHERE debit = NEW.debit AND debit_seq = NEW.debit_seq)
  OR NEW.credit_seq IS NOT NULL AND EXISTS (SELECT 1 FROM transfers WHERE credit = NEW.credit AND credit_seq = NEW.credit_seq)
  OR EXISTS (SELECT 1 FROM transfers WHERE rowid = NEW.rowid)
)
BEGIN
  SELECT RAISE(ABORT, 'rows of transfers are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_log_not_replaced BEFORE INSERT ON audit_log
WHEN (SELECT recursive_triggers FROM pragma_recursive_triggers) = 0 AND (
  EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq)
  OR EXISTS (SELECT 1 FROM audit_log WHERE rowid = NEW.rowid)
)
BEGIN
  SELECT RAISE(ABORT, 'rows of audit_log are never changed');
END;
-- +goose StatementEnd
