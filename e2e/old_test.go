//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
)

const (
	// oldRows is how many rows of each kind are past their time.
	oldRows = 5_000
	// oldAtOnce is how many of them go at a time, at most.
	oldAtOnce = 500
)

// What is past its time goes in steps while orders are placed, and keeps none of them
// from being answered: one kind of row never goes as a whole before the next order.
func TestWhatIsOldGoesWhileOrdersArePlaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const clients, rest, played = 8, 20 * time.Millisecond, 20
		from, c := w.source("Upstream", newUpstream(t).URL), w.customer(100_000*money.Unit)
		n := w.serve()
		for i := range played {
			n.place(adding(c.testKey, from, strconv.Itoa(i), link(strconv.Itoa(i), "", "complete")))
		}
		eventually(t, "the test orders have ended", func() bool {
			return w.count(`SELECT COUNT(*) FROM orders WHERE finished_at IS NOT NULL`) == played
		})
		n.terminate()
		must(t, w.providers.SetState(t.Context(), from.provider.ID, provider.Paused, "test", "test")) // what is placed waits
		w.age(c)
		w.watchSteps(c)

		l := newLoad(c, from)
		n = w.serve()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var working sync.WaitGroup
		slowest := make([]time.Duration, clients)
		for i := range clients {
			working.Go(func() {
				pause := time.NewTicker(rest)
				defer pause.Stop()
				for ; ctx.Err() == nil; <-pause.C {
					requestID, began := l.begin(l.next.Add(1)), time.Now()
					if !l.place(context.WithoutCancel(ctx), requestID, n) {
						t.Errorf("%s was not answered", requestID)
					}
					slowest[i] = max(slowest[i], time.Since(began))
				}
			})
		}
		eventually(t, "all that is old is gone", func() bool { return w.old() == 0 })
		meanwhile := l.answered.Load()
		stop()
		working.Wait()
		steps, least := w.steps()
		t.Logf("it went in steps %v, while %d orders were answered; the slowest took %s", steps, meanwhile, slices.Max(slowest))
		for _, table := range oldTables {
			if steps[table] < least {
				t.Errorf("what was old in %s went in %d steps, want at least %d", table, steps[table], least)
			}
		}
		for table, want := range map[string]int64{"orders": int64(len(l.sent)), "order_timeline": int64(len(l.sent)), "webhook_deliveries": 0} {
			if n := w.count(`SELECT COUNT(*) FROM ` + table); n != want {
				t.Errorf("%s has %d rows, want %d", table, n, want)
			}
		}
		w.holds(c.wallet, 100_000*money.Unit-charge*money.Amount(len(l.sent)))
	})
}

// oldTables are those of which oldRows rows go.
var oldTables = []string{"api_requests", "webhook_events", "webhook_deliveries", "webhook_attempts", "mails", "notices"}

// watchSteps has the database note each step in which old rows go, by table.
// PostgreSQL knows its transactions. SQLite does not, and there a step may share its
// commit with others; but it has one writer, so rows between which the customer's
// wallet has moved went in different steps.
func (w *world) watchSteps(c *customer) {
	w.t.Helper()
	statements := []string{`CREATE TABLE gone (kind TEXT NOT NULL, step BIGINT NOT NULL, PRIMARY KEY (kind, step))`}
	if w.db.Engine() == db.Postgres {
		statements = append(statements, `CREATE FUNCTION goes() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
			INSERT INTO gone VALUES (TG_TABLE_NAME, CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)) ON CONFLICT DO NOTHING; RETURN NULL; END $body$`)
	}
	for _, table := range oldTables {
		on := `CREATE TRIGGER goes_` + table + ` AFTER DELETE ON ` + table + ` FOR EACH ROW `
		if w.db.Engine() == db.Postgres {
			statements = append(statements, on+`EXECUTE FUNCTION goes()`)
			continue
		}
		statements = append(statements, on+`BEGIN INSERT INTO gone SELECT '`+table+`', seq FROM wallets WHERE id = '`+c.wallet+`' ON CONFLICT DO NOTHING; END`)
	}
	w.write(func(tx *db.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// steps is in how many steps the rows of each table have gone, of those that can be
// told apart, and how many that must be.
func (w *world) steps() (all map[string]int64, least int64) {
	w.t.Helper()
	all = map[string]int64{}
	for _, table := range oldTables {
		all[table] = w.count(`SELECT COUNT(*) FROM gone WHERE kind = $1`, table)
	}
	if w.db.Engine() == db.SQLite {
		return all, 2
	}
	return all, oldRows / oldAtOnce
}

// old counts what is past its time.
func (w *world) old() int64 {
	w.t.Helper()
	return w.count(`SELECT (SELECT COUNT(*) FROM api_requests WHERE id LIKE 'old%') + (SELECT COUNT(*) FROM webhook_events WHERE id LIKE 'old%')
		+ (SELECT COUNT(*) FROM webhook_attempts) + (SELECT COUNT(*) FROM mails WHERE id LIKE 'old%') + (SELECT COUNT(*) FROM notices WHERE id LIKE 'old%')
		+ (SELECT COUNT(*) FROM orders WHERE mode = 'test')`)
}

// age makes much of a customer's that is past its time.
func (w *world) age(c *customer) {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		past := db.At(tx.Now.Add(-400 * 24 * time.Hour))
		for _, one := range []string{
			`UPDATE orders SET created_at = $1, finished_at = $1 WHERE mode = 'test'`,
			`UPDATE webhook_events SET created_at = $1`,
		} {
			if _, err := tx.Exec(one, past); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO webhook_endpoints (id, key_id, account_id, mode, url, events, state, secret, created_at, updated_at)
			VALUES ('old', $1, $2, 'live', 'https://example.com/', 'order.created', 'removed', '', $3, $3)`, c.keyID, c.account.ID, past)
		return err
	})
	for _, insert := range []string{
		`INSERT INTO api_requests (id, key_id, account_id, mode, at, action, dialect, status, outcome, error, duration, client)
			VALUES ($1, $2, $3, 'live', $4, 'balance', 'native', 200, 'ok', '', 1, '')`,
		`INSERT INTO webhook_events (id, account_id, mode, type, data, created_at, fanned_at) VALUES ($1, $3, 'live', 'order.created', $2, $4, $4)`,
		`INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, sequence, state, created_at, finished_at)
			SELECT $1, 'old', $1, $2, CASE WHEN $3 = '' THEN 1 ELSE 0 END, 'delivered', $4, $4`,
		`INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration, answer) VALUES ($1, 1, $4, 200, $2, 1, $3)`,
		`INSERT INTO mails (id, recipient, language, template, data_sealed, state, created_at, expires_at, ended_at) VALUES ($1, $2, 'en', $3, '', 'sent', $4, $4, $4)`,
		`INSERT INTO notices (id, account_id, kind, subject, data, web, created_at) VALUES ($1, $3, 'order.completed', $2, '{}', TRUE, $4)`,
	} {
		for from := 0; from < oldRows; from += 1000 {
			w.write(func(tx *db.Tx) error {
				rows := make([][]any, 1000)
				for i := range rows {
					rows[i] = []any{fmt.Sprintf("old%06d", from+i), c.keyID, c.account.ID, db.At(tx.Now.Add(-400 * 24 * time.Hour))}
				}
				return tx.ExecMany(insert, rows)
			})
		}
	}
}
