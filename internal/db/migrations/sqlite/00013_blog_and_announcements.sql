-- +goose Up

-- What the operator writes. A post is there for others from published_at on, which
-- may be to come; a draft has none.
CREATE TABLE posts (
  id           TEXT PRIMARY KEY,
  slug         TEXT NOT NULL UNIQUE,
  language     TEXT NOT NULL,
  title        TEXT NOT NULL,
  description  TEXT NOT NULL,
  body         TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  edited_at    BIGINT NOT NULL,
  published_at BIGINT
);
CREATE INDEX posts_published ON posts (published_at, id) WHERE published_at IS NOT NULL;
CREATE INDEX posts_published_language ON posts (language, published_at, id) WHERE published_at IS NOT NULL;

-- Short texts for everybody, from one moment to another. Texts are JSON: one for
-- each language.
CREATE TABLE announcements (
  id         TEXT PRIMARY KEY,
  level      TEXT NOT NULL CHECK (level IN ('info', 'warning')),
  texts      TEXT NOT NULL,
  starts_at  BIGINT NOT NULL,
  ends_at    BIGINT NOT NULL CHECK (ends_at >= starts_at),
  created_at BIGINT NOT NULL
);
CREATE INDEX announcements_end ON announcements (ends_at);

-- Who has read which announcement and does not want to see it again.
CREATE TABLE announcement_dismissals (
  account_id      TEXT NOT NULL REFERENCES accounts (id),
  announcement_id TEXT NOT NULL REFERENCES announcements (id),
  at              BIGINT NOT NULL,
  PRIMARY KEY (account_id, announcement_id)
);
