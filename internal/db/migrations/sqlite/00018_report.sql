-- +goose Up

-- What the live orders brought and cost that ended on a day of UTC. It is counted
-- anew for as long as providers may still take orders of that day back.
CREATE TABLE day_totals (
  day        BIGINT PRIMARY KEY,
  ended      BIGINT NOT NULL CHECK (ended >= 0),
  paid       BIGINT NOT NULL,
  cost       BIGINT NOT NULL,
  counted_at BIGINT NOT NULL
);
