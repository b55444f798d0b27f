-- +goose Up

-- How customers pay by transfer: what they are told, in Markdown, and how little
-- and how much at a time. Without instructions it is not offered.
ALTER TABLE panel ADD COLUMN topup_instructions TEXT NOT NULL DEFAULT '';
ALTER TABLE panel ADD COLUMN topup_least BIGINT NOT NULL DEFAULT 1000000 CHECK (topup_least > 0);
ALTER TABLE panel ADD COLUMN topup_most BIGINT NOT NULL DEFAULT 10000000000 CHECK (topup_most > 0);

-- Money that comes to wallets from outside. A payment that is credited has one
-- transfer, of kind deposit, whose ref is the payment's id.
CREATE TABLE payments (
  id           TEXT PRIMARY KEY,
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  gateway      TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('waiting', 'credited', 'rejected', 'withdrawn')),
  asked        BIGINT NOT NULL CHECK (asked > 0),
  amount       BIGINT NOT NULL DEFAULT 0 CHECK (amount >= 0 AND (amount > 0) = (state = 'credited')),
  reference    TEXT NOT NULL,
  reason       TEXT NOT NULL DEFAULT '',
  requested_at BIGINT NOT NULL,
  decided_at   BIGINT CHECK ((decided_at IS NULL) = (state = 'waiting')),
  decided_by   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX payments_account ON payments (account_id, id);
CREATE INDEX payments_waiting ON payments (id) WHERE state = 'waiting';
CREATE INDEX audit_log_topups ON audit_log (substr(detail, 1, 30)) WHERE action = 'topup.approve';
