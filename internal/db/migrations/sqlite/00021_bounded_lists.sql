-- +goose Up

-- However few of many rows a filter of staff finds, a page of them is read from one
-- end of an index: each combination of what the log is narrowed by has its own. They
-- go by seq + 0, which only they do: by seq alone a planner that expects many rows
-- reads the whole log for few.
DROP INDEX audit_log_acts;
DROP INDEX audit_log_actor;
DROP INDEX audit_log_target;
DROP INDEX audit_log_action;
CREATE INDEX audit_log_actor ON audit_log (actor, (seq + 0));
CREATE INDEX audit_log_target ON audit_log (target, (seq + 0));
CREATE INDEX audit_log_action ON audit_log (action, (seq + 0));
CREATE INDEX audit_log_actor_target ON audit_log (actor, target, (seq + 0));
CREATE INDEX audit_log_actor_action ON audit_log (actor, action, (seq + 0));
CREATE INDEX audit_log_target_action ON audit_log (target, action, (seq + 0));
CREATE INDEX audit_log_actor_target_action ON audit_log (actor, target, action, (seq + 0));

-- Accounts are of few standings, each of a state, a tier and a role, as they are shown.
DROP INDEX accounts_suspended;
DROP INDEX accounts_tier;
CREATE INDEX accounts_standing_id ON accounts (
  (CASE WHEN closed_at IS NOT NULL THEN 'closed' ELSE state END), tier,
  (CASE WHEN role = 'customer' AND staff_role IS NOT NULL THEN 'staff' ELSE role END), id);
CREATE INDEX accounts_standing_email ON accounts (
  (CASE WHEN closed_at IS NOT NULL THEN 'closed' ELSE state END), tier,
  (CASE WHEN role = 'customer' AND staff_role IS NOT NULL THEN 'staff' ELSE role END), email);

-- What one provider answered.
CREATE INDEX provider_texts_open_of ON provider_texts (provider_id, last_at, text) WHERE class = '';
CREATE INDEX provider_texts_decided_of ON provider_texts (provider_id, decided_at, text) WHERE class <> '';
