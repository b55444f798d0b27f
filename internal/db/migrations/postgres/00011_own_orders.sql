-- +goose Up

-- An account's drip-feeds and subscriptions, which are few among its orders.
CREATE INDEX orders_parents ON orders (account_id, mode, kind, number) WHERE kind IN ('drip', 'subscription');
