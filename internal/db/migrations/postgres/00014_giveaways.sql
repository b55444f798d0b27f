-- +goose Up

-- Wallet credit that is drawn among those who entered. The commitment is the hash
-- of the seed, which is sealed until the draw; entries_hash is that of the list of
-- entries when it was closed.
CREATE TABLE giveaways (
  id           TEXT PRIMARY KEY,
  language     TEXT NOT NULL,
  title        TEXT NOT NULL,
  body         TEXT NOT NULL,
  prize        BIGINT NOT NULL CHECK (prize > 0),
  winners      BIGINT NOT NULL CHECK (winners > 0),
  least_spent  BIGINT NOT NULL CHECK (least_spent >= 0),
  opens_at     BIGINT NOT NULL,
  closes_at    BIGINT NOT NULL CHECK (closes_at > opens_at),
  state        TEXT NOT NULL CHECK (state IN ('open', 'closed', 'drawn', 'canceled')),
  commitment   TEXT NOT NULL,
  seed_sealed  TEXT NOT NULL,
  seed         TEXT NOT NULL DEFAULT '' CHECK ((seed <> '') = (state = 'drawn')),
  entries      BIGINT NOT NULL DEFAULT 0 CHECK (entries >= 0),
  entries_hash TEXT NOT NULL DEFAULT '' CHECK ((entries_hash <> '') = (state = 'drawn')),
  reason       TEXT NOT NULL DEFAULT '',
  created_at   BIGINT NOT NULL,
  decided_at   BIGINT CHECK ((decided_at IS NOT NULL) = (state IN ('drawn', 'canceled'))),
  decided_by   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX giveaways_due ON giveaways (closes_at) WHERE state IN ('open', 'closed');
CREATE INDEX giveaways_ended ON giveaways (id) WHERE state IN ('drawn', 'canceled');

-- Numbers are consecutive from 1 within a giveaway. The code is what is published
-- of an entry; place is the winner's, NULL where nothing was won. A winner's transfer
-- is of kind prize, with the giveaway's id, a dot and the place as its ref.
CREATE TABLE giveaway_entries (
  giveaway_id TEXT NOT NULL REFERENCES giveaways (id),
  number      BIGINT NOT NULL CHECK (number > 0),
  account_id  TEXT NOT NULL REFERENCES accounts (id),
  code        TEXT NOT NULL,
  entered_at  BIGINT NOT NULL,
  place       BIGINT CHECK (place > 0),
  PRIMARY KEY (giveaway_id, number),
  UNIQUE (giveaway_id, account_id),
  UNIQUE (giveaway_id, code),
  UNIQUE (giveaway_id, place)
);
CREATE INDEX giveaway_entries_account ON giveaway_entries (account_id);
