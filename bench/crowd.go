package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// A large panel: half of its orders are one reseller's, the others those of as many
// customers as there are accounts. A small one differs in nothing but their number.
const (
	crowdAccounts = 100_000
	crowdMany     = 1_000_000 // orders
	crowdFew      = 10_000
	crowdServices = 5_000
	crowdDays     = 30
	crowdAt       = 10_000 // accounts of one write
	crowdBatches  = 100    // writes in which the orders come
)

// series counts the rows of one write from 1 on, on both engines.
func series(n int) string {
	return `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + strconv.Itoa(n) + `) `
}

// orderColumns are those that a copy of an order has from it.
const orderColumns = `mode, key_id, request_hash, service_id, quantity, rate, cost, catalog_epoch, charge, step, provider_id, provider_service, equal_key`

// crowded is a panel with many orders.
type crowded struct {
	url       string
	orders    int
	buyer     order.Buyer // whose half of them are
	key       string
	completed []string // the newest of the buyer's orders that are completed
}

// crowdOf returns a panel with so many orders; the first time it makes it.
func (b *bench) crowdOf(ctx context.Context, e engine, orders int) (*crowded, error) {
	name := "bench_crowd_" + strconv.Itoa(orders)
	if c, ok := b.crowds[e.name+name]; ok {
		return c, nil
	}
	url, err := e.newDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	b.say(fmt.Sprintf("nothing yet: a panel with %d orders is made, %s", orders, e.name))
	server, err := app.NewServer(ctx, settings(url), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	c := &crowded{url: url, orders: orders}
	if err := errors.Join(b.fill(ctx, server, c), server.Stop(ctx)); err != nil {
		return nil, err
	}
	b.crowds[e.name+name] = c
	return c, nil
}

// fill fills a panel, and learns what is asked of it later.
func (b *bench) fill(ctx context.Context, server *app.Server, c *crowded) error {
	buyers, keys, err := seed(ctx, server, 1)
	if err != nil {
		return err
	}
	c.buyer, c.key = buyers[0], keys[0]
	nobody, err := server.Core.Providers.Find(ctx, "Nobody")
	if err != nil {
		return err
	}
	if err := server.Core.Providers.SetAddress(ctx, nobody.ID, b.upstream.url, "key", "bench"); err != nil {
		return err
	}
	request, err := order.ParseRequest(fields("seed"))
	if err != nil {
		return err
	}
	place, err := placerFor(ctx, server, c.buyer)
	if err != nil {
		return err
	}
	if err := place(ctx, request); err != nil {
		return err
	}
	if err := c.copies(ctx, server); err != nil {
		return err
	}
	return server.Core.DB.Read(ctx, func(tx *db.Tx) error {
		c.completed, err = db.All(tx, func(s db.Scanner) (orderID string, err error) { return orderID, s.Scan(&orderID) },
			`SELECT id FROM orders WHERE account_id = $1 AND mode = 'live' AND state = 'completed' ORDER BY number DESC LIMIT 2000`, c.buyer.AccountID)
		return err
	})
}

// copies makes the buyer's one order many. What it makes has the shape of what a
// panel keeps; no money moved, so that no audit would agree.
func (c *crowded) copies(ctx context.Context, server *app.Server) error {
	if err := crowdCatalog(ctx, server); err != nil {
		return err
	}
	d := server.Core.DB
	for from := 0; from < crowdAccounts; from += crowdAt {
		if err := crowdPeople(ctx, d, from); err != nil {
			return fmt.Errorf("copy accounts: %w", err)
		}
	}
	began := clock.System().Add(-crowdDays * 24 * time.Hour)
	size := c.orders / crowdBatches
	for batch := range crowdBatches {
		at := began.Add(time.Duration(batch) * crowdDays * 24 * time.Hour / crowdBatches)
		var err error
		if from := batch / 2 * size; batch%2 == 0 {
			err = crowdOwnOrders(ctx, d, c.buyer, from, size, at)
		} else {
			err = crowdOrders(ctx, d, c.buyer, from, size, at)
		}
		if err != nil {
			return fmt.Errorf("copy orders: %w", err)
		}
	}
	if err := c.end(ctx, d); err != nil || d.Engine() != db.Postgres {
		return err
	}
	return vacuum(ctx, c.url)
}

// vacuum does what the server does by itself some time after so many rows have come.
func vacuum(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	return nil
}

// crowdCatalog adds services, which go to a provider of their own.
func crowdCatalog(ctx context.Context, server *app.Server) error {
	p, err := server.Core.Providers.Add(ctx, "Nobody else", "https://another.example/api/v2", "key", "bench")
	if err != nil {
		return err
	}
	offers := make([]catalog.Offer, crowdServices)
	for i := range offers {
		offers[i] = catalog.Offer{
			ProviderService: strconv.Itoa(i + 1), Category: fmt.Sprintf("Category %d", i%50), Name: fmt.Sprintf("Banner impressions, placement %d", i),
			Type: catalog.Default, Cost: money.Unit / 3, Rate: money.Unit / 2, Min: 10, Max: 1_000_000,
		}
	}
	_, err = server.Core.Catalog.Import(ctx, p.ID, offers, "bench")
	return err
}

func crowdPeople(ctx context.Context, d *db.DB, from int) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		offset := `(CAST($1 AS BIGINT) + n.i)`
		_, err := tx.Exec(series(crowdAt)+`
			INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at, email_verified_at)
			SELECT 'acc_bench' || `+offset+`, 'customer-' || `+offset+` || '@example.com', 'none',
				CASE WHEN n.i % 100 = 0 THEN 'suspended' ELSE 'active' END, 'standard', 'customer', CAST($2 AS BIGINT), CAST($2 AS BIGINT)
			FROM n`, from, db.At(tx.Now))
		if err != nil {
			return err
		}
		for _, mode := range []string{"live", "test"} {
			_, err := tx.Exec(series(crowdAt)+`
				INSERT INTO wallets (id, account_id, mode, balance, seq, last_number)
				SELECT 'wal_`+mode+`' || `+offset+`, 'acc_bench' || `+offset+`, '`+mode+`', 5000000, 0, 5 FROM n`, from)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// crowdID is the expression for an order's id: of its time, and among those of its
// batch in the order of their numbers.
func crowdID(at time.Time) string {
	first := id.First(id.Order, at)
	const digits = 8 // of the part that is chance elsewhere
	return `'` + first[:len(first)-digits] + `' || substr(CAST(100000000 + n.i AS TEXT), 2)`
}

// crowdOwnOrders copies the buyer's first order, and its charge. Of each fifty one
// is under way.
func crowdOwnOrders(ctx context.Context, d *db.DB, buyer order.Buyer, from, size int, at time.Time) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(series(size)+`
			INSERT INTO orders (id, account_id, wallet_id, number, request_id, link, state, kind, created_at, updated_at, finished_at, `+orderColumns+`)
			SELECT `+crowdID(at)+`, account_id, wallet_id, CAST($1 AS BIGINT) + n.i + 1, 'c-' || (CAST($1 AS BIGINT) + n.i),
				'https://example.com/p/' || (CAST($1 AS BIGINT) + n.i), CASE WHEN n.i % 50 = 0 THEN 'in_progress' ELSE 'completed' END, 'single',
				CAST($2 AS BIGINT), CAST($2 AS BIGINT), CASE WHEN n.i % 50 = 0 THEN NULL ELSE CAST($2 AS BIGINT) END, `+orderColumns+`
			FROM n, orders o WHERE o.account_id = $3 AND o.mode = 'live' AND o.number = 1`, from, db.At(at), buyer.AccountID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(series(size)+`
			INSERT INTO transfers (id, kind, ref, debit, debit_seq, debit_balance, credit, amount, memo, actor, created_at)
			SELECT 'trf_bench' || (CAST($1 AS BIGINT) + n.i), t.kind, `+crowdID(at)+`, t.debit, t.debit_seq + CAST($1 AS BIGINT) + n.i, t.debit_balance,
				t.credit, t.amount, t.memo, t.actor, CAST($2 AS BIGINT)
			FROM n, transfers t JOIN orders o ON t.kind = 'order' AND t.ref = o.id
			WHERE o.account_id = $3 AND o.mode = 'live' AND o.number = 1`, from, db.At(at), buyer.AccountID)
		return err
	})
}

// crowdOrders copies that order to the other accounts, five to each. Some of them
// wait for a person.
func crowdOrders(ctx context.Context, d *db.DB, buyer order.Buyer, from, size int, at time.Time) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		owner := `((CAST($1 AS BIGINT) + n.i) % ` + strconv.Itoa(crowdAccounts) + ` + 1)`
		_, err := tx.Exec(series(size)+`
			INSERT INTO orders (id, account_id, wallet_id, number, request_id, link, state, kind, attention, created_at, updated_at, finished_at, `+orderColumns+`)
			SELECT `+crowdID(at.Add(time.Minute))+`, 'acc_bench' || `+owner+`, 'wal_live' || `+owner+`, (CAST($1 AS BIGINT) + n.i) / `+strconv.Itoa(crowdAccounts)+` + 1,
				'c-' || (CAST($1 AS BIGINT) + n.i), 'https://example.com/q/' || (CAST($1 AS BIGINT) + n.i),
				CASE n.i % 2500 WHEN 0 THEN 'held' WHEN 1 THEN 'uncertain' WHEN 2 THEN 'in_progress' ELSE 'completed' END, 'single',
				CASE WHEN n.i % 2500 = 3 THEN 'completed short' ELSE '' END, CAST($2 AS BIGINT), CAST($2 AS BIGINT),
				CASE WHEN n.i % 2500 < 3 THEN NULL ELSE CAST($2 AS BIGINT) END, `+orderColumns+`
			FROM n, orders o WHERE o.account_id = $3 AND o.mode = 'live' AND o.number = 1`, from, db.At(at), buyer.AccountID)
		return err
	})
}

// end brings the wallet's counters up to its orders and fills the figures of every
// quarter of an hour.
func (c *crowded) end(ctx context.Context, d *db.DB) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE wallets SET last_number = last_number + $2, seq = seq + $2 WHERE id = $1`, c.buyer.WalletID, c.orders/2)
		if err != nil {
			return err
		}
		last := tx.Now.Truncate(activity.Quarter)
		rows := make([][]any, crowdDays*24*4)
		for i := range rows {
			rows[i] = []any{c.buyer.AccountID, db.At(last.Add(-time.Duration(i+1) * activity.Quarter))}
		}
		return tx.ExecMany(`INSERT INTO activity (account_id, at, placed, completed, charged, refunded) VALUES ($1, $2, 3, 2, 1000, 10) ON CONFLICT DO NOTHING`, rows)
	})
}
