-- +goose Up

-- Who of the staff wrote an entry's reason, and when that was last.
ALTER TABLE blocked_targets ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE blocked_targets ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
UPDATE blocked_targets SET
  actor = COALESCE((SELECT l.actor FROM audit_log l WHERE l.action = 'block.add' AND l.target = pattern ORDER BY l.seq DESC LIMIT 1), ''),
  changed_at = COALESCE((SELECT l.at FROM audit_log l WHERE l.action = 'block.add' AND l.target = pattern ORDER BY l.seq DESC LIMIT 1), created_at);
