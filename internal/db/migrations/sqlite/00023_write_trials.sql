-- +goose Up

-- Where a panel whose writes failed tries whether they succeed again. One row.
CREATE TABLE write_trials (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    at BIGINT NOT NULL
);
INSERT INTO write_trials (id, at) VALUES (1, 0);

-- +goose Down
DROP TABLE write_trials;
