-- +goose Up

-- Requests that usable keys sent, of the last days: all that were refused and a
-- part of the rest. The id is the answer's X-Request-Id and sorts by time. An
-- outcome is 'ok' or the code of the refusal, and error the public text of it;
-- nothing that came in stands here. There are no references, for a row must never
-- fail for what became of its key.
CREATE TABLE api_requests (
  id         TEXT PRIMARY KEY,
  key_id     TEXT NOT NULL,
  account_id TEXT NOT NULL,
  mode       TEXT NOT NULL,
  at         BIGINT NOT NULL,
  action     TEXT NOT NULL,
  dialect    TEXT NOT NULL,
  status     BIGINT NOT NULL,
  outcome    TEXT NOT NULL,
  error      TEXT NOT NULL,
  duration   BIGINT NOT NULL,
  client     TEXT NOT NULL
);
CREATE INDEX api_requests_key ON api_requests (key_id, id);
CREATE INDEX api_requests_refused ON api_requests (key_id, id) WHERE outcome <> 'ok';
CREATE INDEX api_requests_old ON api_requests (at);

-- How many requests a key sent in an hour, counted from 1970 in UTC.
CREATE TABLE api_usage (
  key_id  TEXT NOT NULL,
  hour    BIGINT NOT NULL,
  action  TEXT NOT NULL,
  ok      BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  PRIMARY KEY (key_id, hour, action)
);
CREATE INDEX api_usage_old ON api_usage (hour);
