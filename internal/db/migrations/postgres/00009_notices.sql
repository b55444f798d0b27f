-- +goose Up

-- Of what and how an account wants to be told, where it has said so: JSON.
CREATE TABLE notice_choices (
  account_id TEXT PRIMARY KEY REFERENCES accounts (id),
  choices    TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- What accounts are told. One that is not for the pages goes once it was sent.
CREATE TABLE notices (
  id         TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL,
  data       TEXT NOT NULL,
  web        BOOLEAN NOT NULL,
  read_at    BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX notices_account ON notices (account_id, id) WHERE web;
CREATE INDEX notices_unread ON notices (account_id, id) WHERE web AND read_at IS NULL;
CREATE INDEX notices_old ON notices (created_at, id);

-- Notices that wait for a round. tries counts the sendings whose end nobody knows.
CREATE TABLE notice_waiting (
  account_id TEXT NOT NULL,
  channel    TEXT NOT NULL CHECK (channel IN ('mail', 'telegram')),
  notice_id  TEXT NOT NULL REFERENCES notices (id),
  tries      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, channel, notice_id)
);
CREATE INDEX notice_waiting_notice ON notice_waiting (notice_id);

-- When what waits for an account is sent together. folded counts those that were
-- taken out and are only mentioned; claim tells one taking from a later one.
CREATE TABLE notice_rounds (
  account_id TEXT NOT NULL,
  channel    TEXT NOT NULL CHECK (channel IN ('mail', 'telegram')),
  due_at     BIGINT,
  not_before BIGINT NOT NULL DEFAULT 0,
  last_at    BIGINT NOT NULL DEFAULT 0,
  folded     BIGINT NOT NULL DEFAULT 0,
  failures   BIGINT NOT NULL DEFAULT 0,
  claim      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, channel)
);
CREATE INDEX notice_rounds_due ON notice_rounds (channel, due_at) WHERE due_at IS NOT NULL;

-- Chats of the operator's bot with who linked them, and the codes that link one. A
-- chat is lost when the bot may write there no more.
CREATE TABLE telegram_chats (
  account_id TEXT PRIMARY KEY REFERENCES accounts (id),
  chat_id    BIGINT NOT NULL,
  name       TEXT NOT NULL,
  linked_at  BIGINT NOT NULL,
  lost_at    BIGINT
);
CREATE INDEX telegram_chats_chat ON telegram_chats (chat_id);

CREATE TABLE telegram_codes (
  account_id TEXT PRIMARY KEY REFERENCES accounts (id),
  hash       TEXT NOT NULL UNIQUE,
  expires_at BIGINT NOT NULL
);

-- How far the bot's updates were read, and which node reads them.
CREATE TABLE telegram_updates (
  id          BIGINT PRIMARY KEY CHECK (id = 1),
  bot         TEXT NOT NULL DEFAULT '',
  name        TEXT NOT NULL DEFAULT '',
  next        BIGINT NOT NULL DEFAULT 0,
  holder      TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0
);
INSERT INTO telegram_updates (id) VALUES (1);

-- Which expiry a key's owner was told of.
ALTER TABLE api_keys ADD COLUMN expiry_told BIGINT;
CREATE INDEX api_keys_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND revoked_at IS NULL;
