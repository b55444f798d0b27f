-- +goose Up

-- An account that its owner closed is suspended, so that whatever looks for active
-- accounts refuses it, and says when it was closed.
ALTER TABLE accounts ADD COLUMN closed_at BIGINT CHECK (closed_at IS NULL OR state = 'suspended');

-- A closed wallet is charged for no order. It stands beside the balance, so that
-- placing reads it under the lock that it takes anyway.
ALTER TABLE wallets ADD COLUMN closed BOOLEAN NOT NULL DEFAULT FALSE;

-- What an account has under way, which is little beside what has ended.
CREATE INDEX orders_open ON orders (account_id, mode, state) WHERE finished_at IS NULL;

-- What each account ordered, got and paid in a quarter of an hour of live orders,
-- counted anew from orders and ledger until nothing of that time can still appear.
CREATE TABLE activity (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  at         BIGINT NOT NULL,
  placed     BIGINT NOT NULL CHECK (placed >= 0),
  completed  BIGINT NOT NULL CHECK (completed >= 0),
  charged    BIGINT NOT NULL CHECK (charged >= 0),
  refunded   BIGINT NOT NULL CHECK (refunded >= 0),
  PRIMARY KEY (account_id, at)
);
CREATE INDEX activity_old ON activity (at);

-- One row: what is before this was counted for the last time.
CREATE TABLE activity_done (
  id    BIGINT PRIMARY KEY CHECK (id = 1),
  until BIGINT NOT NULL
);
INSERT INTO activity_done (id, until) VALUES (1, 0);
