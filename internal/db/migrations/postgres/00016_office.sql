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
-- An address is looked for by its beginning: in the order of bytes, for in most
-- languages' order an index would be of no use.
CREATE INDEX accounts_email_beginning ON accounts (email COLLATE "C");
CREATE INDEX api_keys_prefix ON api_keys (prefix);

-- The log is read by who did something, to what, what it was, and when.
CREATE INDEX audit_log_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_target ON audit_log (target, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);
CREATE INDEX audit_log_at ON audit_log (at, seq);
CREATE TRIGGER account_notes_stay BEFORE UPDATE ON account_notes FOR EACH ROW EXECUTE FUNCTION refuse_change();
