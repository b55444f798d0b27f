-- +goose Up

-- What people who help to run the panel may do. permissions are names with a
-- space between them, in the order of package staff.
CREATE TABLE staff_roles (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE,
  permissions TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);

-- An owner may do everything and has none.
ALTER TABLE accounts ADD COLUMN staff_role TEXT REFERENCES staff_roles (id);
CREATE INDEX accounts_staff ON accounts (staff_role) WHERE staff_role IS NOT NULL;
CREATE INDEX accounts_owners ON accounts (id) WHERE role = 'owner';

-- Staff may look at the pages as a customer sees them, for a while.
ALTER TABLE sessions ADD COLUMN viewing TEXT REFERENCES accounts (id);
ALTER TABLE sessions ADD COLUMN viewing_until BIGINT CHECK ((viewing_until IS NULL) = (viewing IS NULL));
