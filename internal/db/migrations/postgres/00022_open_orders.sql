-- +goose Up

-- What an account has under way is counted by state, runs and posts left out: with
-- the kind in it the index is all that is read.
DROP INDEX orders_open;
CREATE INDEX orders_open ON orders (account_id, mode, state, kind) WHERE finished_at IS NULL;

-- Test orders are few, and are taken out some time after their end.
CREATE INDEX orders_play ON orders (finished_at) WHERE mode = 'test' AND finished_at IS NOT NULL;
