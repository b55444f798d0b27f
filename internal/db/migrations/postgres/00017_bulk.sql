-- +goose Up

-- A deed that staff do to many orders. What they chose is frozen in bulk_items;
-- work is done one order at a time, each in a transaction with its item.
CREATE TABLE bulk_works (
  id          TEXT PRIMARY KEY,
  account_id  TEXT NOT NULL REFERENCES accounts (id),
  deed        TEXT NOT NULL,
  needs       TEXT NOT NULL,
  total       BIGINT NOT NULL CHECK (total > 0),
  created_at  BIGINT NOT NULL,
  finished_at BIGINT,
  stopped     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX bulk_works_open ON bulk_works (id) WHERE finished_at IS NULL;
CREATE INDEX bulk_works_old ON bulk_works (created_at);

CREATE TABLE bulk_items (
  work_id  TEXT NOT NULL REFERENCES bulk_works (id),
  order_id TEXT NOT NULL REFERENCES orders (id),
  outcome  TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'done', 'refused')),
  reason   TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (work_id, order_id)
);
CREATE INDEX bulk_items_waiting ON bulk_items (work_id, order_id) WHERE outcome = '';
CREATE INDEX bulk_items_refused ON bulk_items (work_id, order_id) WHERE outcome = 'refused';
