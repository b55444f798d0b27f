-- +goose Up

-- A mail that was queued, and for a month what became of it. Its data is sealed
-- and dropped once it was sent or given up: it may hold links that sign in.
CREATE TABLE mails (
  id          TEXT PRIMARY KEY,
  recipient   TEXT NOT NULL,
  language    TEXT NOT NULL,
  template    TEXT NOT NULL,
  data_sealed TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
  attempts    BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  failure     TEXT NOT NULL DEFAULT '',
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  due_at      BIGINT,
  tried_at    BIGINT,
  ended_at    BIGINT,
  CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
  CHECK ((state = 'waiting') = (ended_at IS NULL)),
  CHECK (state = 'waiting' OR data_sealed = '')
);
CREATE INDEX mails_due ON mails (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX mails_old ON mails (created_at);
