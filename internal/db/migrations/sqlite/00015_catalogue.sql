-- +goose Up

-- What a provider listed when a person had its list read: what they are shown of
-- it is what is taken. id names the reading, so that a form knows which one it saw.
CREATE TABLE provider_lists (
  provider_id TEXT PRIMARY KEY REFERENCES providers (id),
  id          TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('wanted', 'reading', 'read', 'failed')),
  currency    TEXT NOT NULL DEFAULT '',
  error       TEXT NOT NULL DEFAULT '',
  services    BIGINT NOT NULL DEFAULT 0,
  asked_at    BIGINT NOT NULL,
  lease_until BIGINT,
  read_at     BIGINT
);
CREATE INDEX provider_lists_wanted ON provider_lists (asked_at) WHERE state IN ('wanted', 'reading');

CREATE TABLE provider_listings (
  provider_id TEXT NOT NULL REFERENCES providers (id),
  list_id     TEXT NOT NULL,
  position    BIGINT NOT NULL,
  number      TEXT NOT NULL,
  listing     TEXT NOT NULL,
  PRIMARY KEY (provider_id, list_id, position)
);
CREATE INDEX provider_listings_number ON provider_listings (provider_id, number);

-- Which of our categories a provider's go into; one that is not here has its own name.
CREATE TABLE provider_categories (
  provider_id TEXT NOT NULL REFERENCES providers (id),
  theirs      TEXT NOT NULL,
  category_id TEXT NOT NULL REFERENCES categories (id),
  PRIMARY KEY (provider_id, theirs)
);

-- A rate is its cost raised by the mark-up and by a fixed sum, rounded up to whole
-- steps, and never less than the least.
ALTER TABLE providers ADD COLUMN rate_more BIGINT NOT NULL DEFAULT 0 CHECK (rate_more >= 0);
ALTER TABLE providers ADD COLUMN rate_step BIGINT NOT NULL DEFAULT 0 CHECK (rate_step >= 0);
ALTER TABLE providers ADD COLUMN rate_least BIGINT NOT NULL DEFAULT 0 CHECK (rate_least >= 0);

-- How a provider did of late, and what of its words waits for a person.
CREATE INDEX submissions_provider ON submissions (provider_id, began_at);
CREATE INDEX provider_texts_open ON provider_texts (last_at, provider_id, text) WHERE class = '';
CREATE INDEX provider_texts_decided ON provider_texts (decided_at, provider_id, text) WHERE class <> '';
