-- +goose Up

-- What staff wrote about an account. Rows are never changed.
CREATE TABLE account_notes (
  id         TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  author     TEXT NOT NULL,
  text       TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX account_notes_account ON account_notes (account_id, id);

-- Accounts are looked for by what they are; those with an unusual standing are few.
CREATE INDEX accounts_suspended ON accounts (id) WHERE state = 'suspended';
CREATE INDEX accounts_tier ON accounts (tier, id) WHERE tier <> 'standard';
-- An address is looked for by its beginning: in the order of bytes, which is the
-- usual one here.
CREATE INDEX accounts_email_beginning ON accounts (email);
CREATE INDEX api_keys_prefix ON api_keys (prefix);

-- The log is read by who did something, to what, what it was, and when.
CREATE INDEX audit_log_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_target ON audit_log (target, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);
CREATE INDEX audit_log_at ON audit_log (at, seq);

-- +goose StatementBegin
CREATE TRIGGER account_notes_stay BEFORE UPDATE ON account_notes
BEGIN
  SELECT RAISE(ABORT, 'rows of account_notes are never changed');
END;
-- +goose StatementEnd
