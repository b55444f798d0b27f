-- +goose Up

-- An order that is taken out is looked for among the notes of works for many.
CREATE INDEX bulk_items_order ON bulk_items (order_id);

-- +goose Down
DROP INDEX bulk_items_order;
