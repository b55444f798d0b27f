-- +goose Up

-- Services that an account wants at hand. A bounded number each.
CREATE TABLE favourites (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  service_id BIGINT NOT NULL REFERENCES services (id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, service_id)
);

-- Many orders that an account sends together: checked, then placed line by line or
-- all in one transaction. What is needed to go on with one that was broken off is
-- here; the id makes the request id of each line, so that none is placed twice. An
-- account keeps a bounded number, and they are purged by their age.
CREATE TABLE mass_orders (
  id          TEXT PRIMARY KEY,
  account_id  TEXT NOT NULL REFERENCES accounts (id),
  state       TEXT NOT NULL CHECK (state IN ('checked', 'placing', 'done')),
  whole       BOOLEAN NOT NULL DEFAULT FALSE,
  created_at  BIGINT NOT NULL,
  lease_until BIGINT
);
CREATE INDEX mass_orders_account ON mass_orders (account_id, id);
CREATE INDEX mass_orders_placing ON mass_orders (id) WHERE state = 'placing';
CREATE INDEX mass_orders_created ON mass_orders (created_at);

-- A line has the charge that was shown for it, or why it can't be placed; once it
-- was tried, the order's number, or why there is none.
CREATE TABLE mass_lines (
  mass_id TEXT NOT NULL REFERENCES mass_orders (id),
  line    BIGINT NOT NULL,
  fields  TEXT NOT NULL,
  charge  BIGINT CHECK (charge >= 0),
  refusal TEXT NOT NULL DEFAULT '',
  number  BIGINT CHECK (number IS NULL OR (charge IS NOT NULL AND refusal = '')),
  charged BIGINT CHECK ((charged IS NULL) = (number IS NULL)),
  PRIMARY KEY (mass_id, line)
);
