-- +goose Up

-- What the operator says of the panel while it runs. A value of NULL, or no row, is
-- what the environment says. version is that of the panel's settings at the row's
-- last change: who saves a form that is older is told.
CREATE TABLE panel_settings (
  name       TEXT PRIMARY KEY,
  value      TEXT,
  version    BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL
);
ALTER TABLE panel ADD COLUMN settings_version BIGINT NOT NULL DEFAULT 0;
