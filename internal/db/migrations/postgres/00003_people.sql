-- +goose Up

-- Accounts that are there were made on the command line, whose word is proof of
-- their address.
ALTER TABLE accounts ADD COLUMN email_verified_at BIGINT;
ALTER TABLE accounts ADD COLUMN password_changed_at BIGINT;
UPDATE accounts SET email_verified_at = created_at, password_changed_at = created_at;
ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN theme TEXT NOT NULL DEFAULT '' CHECK (theme IN ('', 'light', 'dark'));
-- A session, or a sign-in under way, that began under another one is none.
ALTER TABLE accounts ADD COLUMN sign_in_version BIGINT NOT NULL DEFAULT 0;

-- What was mailed. Spent ones are gone; a newer one takes the older one's place.
CREATE TABLE tokens (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  purpose    TEXT NOT NULL CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
  hash       TEXT NOT NULL UNIQUE,
  email      TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, purpose)
);
CREATE INDEX tokens_expiry ON tokens (expires_at);

-- account_id is NULL while nobody is signed in.
CREATE TABLE sessions (
  id              TEXT PRIMARY KEY,
  hash            TEXT NOT NULL UNIQUE,
  account_id      TEXT REFERENCES accounts (id),
  sign_in_version BIGINT NOT NULL,
  data            TEXT NOT NULL,
  address         TEXT NOT NULL,
  agent           TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  seen_at         BIGINT NOT NULL,
  fresh_at        BIGINT,
  expires_at      BIGINT NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_seen ON sessions (seen_at);

-- secret_sealed counts from confirmed_at on.
CREATE TABLE totp (
  account_id    TEXT PRIMARY KEY REFERENCES accounts (id),
  secret_sealed TEXT NOT NULL,
  last_step     BIGINT NOT NULL DEFAULT 0,
  created_at    BIGINT NOT NULL,
  confirmed_at  BIGINT
);

-- Used ones are gone.
CREATE TABLE recovery_codes (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  hash       TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, hash)
);

CREATE TABLE passkeys (
  id            TEXT PRIMARY KEY,
  account_id    TEXT NOT NULL REFERENCES accounts (id),
  credential_id TEXT NOT NULL UNIQUE,
  credential    TEXT NOT NULL,
  name          TEXT NOT NULL,
  sign_count    BIGINT NOT NULL CHECK (sign_count >= 0),
  cloned_at     BIGINT,
  created_at    BIGINT NOT NULL,
  last_used_at  BIGINT
);
CREATE INDEX passkeys_account ON passkeys (account_id);

-- Attempts counted in a window that begins with the first.
CREATE TABLE attempts (
  bucket  TEXT PRIMARY KEY,
  used    BIGINT NOT NULL CHECK (used >= 0),
  ends_at BIGINT NOT NULL
);
CREATE INDEX attempts_end ON attempts (ends_at);

CREATE TABLE sign_ins (
  id         TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  at         BIGINT NOT NULL,
  address    TEXT NOT NULL,
  agent      TEXT NOT NULL,
  method     TEXT NOT NULL,
  outcome    TEXT NOT NULL CHECK (outcome IN ('ok', 'wrong_password', 'wrong_code', 'suspended'))
);
CREATE INDEX sign_ins_account ON sign_ins (account_id, id);
CREATE INDEX sign_ins_at ON sign_ins (at);

-- Browsers from which somebody has signed in to an account.
CREATE TABLE devices (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  hash       TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  PRIMARY KEY (account_id, hash)
);
CREATE INDEX devices_seen ON devices (seen_at);
CREATE INDEX devices_hash ON devices (hash);
