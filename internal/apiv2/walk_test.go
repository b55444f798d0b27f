package apiv2_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// owned is an order or refill and whose it is.
type owned struct {
	id, number, requestID, link string
	scope                       order.Scope
}

// With the ids of another account or of the other mode, in every form of every
// action and dialect, nothing is shown and nothing changes.
func TestWalkWithForeignIDs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		planted *planted
		plant   func(testing.TB, *db.DB) seeds
		keys    []string
		batch   []string // actions that take many orders
	}{
		"native": {&nativePlanted, plant, []string{"live", "test", "other"}, []string{"status", "refill", "cancel"}},
		"classic": {
			&classicPlanted, plantClassic,
			[]string{"classic", "strict", "test", "other"},
			[]string{"status", "refill", "cancel", "orders", "statuses", "multi_status", "multi-status"},
		},
	} {
		for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
			t.Run(name+" "+string(engine), func(t *testing.T) {
				t.Parallel()
				p := newPanelOf(t, engine, c.planted, c.plant)
				p.limit(ratelimit.Limits{})
				p.refillOfEach()
				for _, key := range c.keys {
					p.walk(key, c.batch)
				}
			})
		}
	}
}

// refillOfEach gives every account and mode a completed order with a refill.
func (p *panel) refillOfEach() {
	p.Helper()
	must(p, p.d.Write(context.Background(), func(tx *db.Tx) error {
		for _, statement := range []string{
			`UPDATE services SET refill = TRUE, refill_most = 99, cancel = TRUE`,
			`UPDATE orders SET state = 'completed', finished_at = updated_at WHERE kind = 'single' AND state = 'pending'`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	}))
	refiller := order.NewRefiller(p.d, nil)
	for _, o := range p.all("orders") {
		// Of those that can have one; the others are refused.
		_, _ = refiller.Request(context.Background(), o.scope, order.Ref(o.id), "key_test")
	}
	if len(p.all("refills")) < 3 {
		p.Fatalf("%d refills were made", len(p.all("refills")))
	}
}

// all returns the rows of orders or refills.
func (p *panel) all(table string) (rows []owned) {
	p.Helper()
	text := `SELECT id, CAST(number AS TEXT), '', '', account_id, mode FROM refills ORDER BY id`
	if table == "orders" {
		text = `SELECT id, CAST(number AS TEXT), request_id, link, account_id, mode FROM orders ORDER BY id`
	}
	must(p, p.d.Read(context.Background(), func(tx *db.Tx) (err error) {
		rows, err = db.All(tx, func(s db.Scanner) (o owned, err error) {
			err = s.Scan(&o.id, &o.number, &o.requestID, &o.link, &o.scope.AccountID, &o.scope.Mode)
			return o, err
		}, text)
		return err
	}))
	return rows
}

// scopeOf is whose a key is.
func (p *panel) scopeOf(key string) (in order.Scope) {
	p.Helper()
	must(p, p.d.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT account_id, mode FROM api_keys WHERE name = $1`, key).Scan(&in.AccountID, &in.Mode)
	}))
	return in
}

// fingerprint is the same while nothing of orders, refills or money has changed.
func (p *panel) fingerprint() (text string) {
	p.Helper()
	must(p, p.d.Read(context.Background(), func(tx *db.Tx) error {
		var steps, orders, refunded, wishes, refills, states, balance int64
		err := tx.QueryRow(`SELECT
			(SELECT COUNT(*) FROM order_timeline), (SELECT COALESCE(CAST(SUM(step) AS BIGINT), 0) FROM orders),
			(SELECT COALESCE(CAST(SUM(refunded) AS BIGINT), 0) FROM orders), (SELECT COUNT(*) FROM orders WHERE cancel_wish_at IS NOT NULL),
			(SELECT COUNT(*) FROM refills), (SELECT COUNT(*) FROM refills WHERE state = 'pending'),
			(SELECT COALESCE(CAST(SUM(balance) AS BIGINT), 0) FROM wallets)`).
			Scan(&steps, &orders, &refunded, &wishes, &refills, &states, &balance)
		text = fmt.Sprint(steps, orders, refunded, wishes, refills, states, balance)
		return err
	}))
	return text
}

// walk goes with one key through every action with everybody else's ids.
func (p *panel) walk(key string, batch []string) {
	p.Helper()
	in := p.scopeOf(key)
	foreign := func(table string) (all []owned) {
		for _, o := range p.all(table) {
			if o.scope != in {
				all = append(all, o)
			}
		}
		return all
	}
	orders, refills := foreign("orders"), foreign("refills")
	mine := map[string]bool{}
	for _, o := range p.all("orders") {
		mine[o.requestID] = mine[o.requestID] || o.scope == in
	}
	if len(orders) == 0 || len(refills) == 0 {
		p.Fatalf("%s: nothing foreign to walk with", key)
	}
	before := p.fingerprint()
	ask := func(form string, secrets ...owned) {
		p.Helper()
		body := p.post("key=<" + key + ">&" + form).Body.String()
		for _, o := range secrets {
			said := strings.ReplaceAll(body, `"`+o.id+`":{"error"`, "") // a batch is keyed by what was sent
			said = strings.ReplaceAll(said, `"order":"`+o.id+`","error"`, "")
			said = strings.ReplaceAll(said, `"refill":"`+o.id+`","error"`, "")
			said = strings.ReplaceAll(said, `"order":"`+o.id+`","cancel":{"error"`, "")
			said = strings.ReplaceAll(said, `"order":"`+o.id+`","refill":{"error"`, "")
			said = strings.ReplaceAll(said, `"refill":"`+o.id+`","status":{"error"`, "")
			if strings.Contains(said, o.id) || o.link != "" && strings.Contains(said, o.link) || strings.Contains(said, `"charge"`) {
				p.Errorf("%s, %s: shows %s", key, form, body)
			}
		}
		if !strings.Contains(body, "ot found") && !strings.Contains(body, "Incorrect order ID") && len(secrets) == 1 {
			p.Errorf("%s, %s: %s", key, form, body)
		}
	}
	for _, o := range orders {
		for _, action := range []string{"status", "refill", "cancel"} {
			ask("action="+action+"&order="+o.id, o)
		}
		for _, action := range batch {
			ask("action="+action+"&orders="+o.id+",nothing", o)
		}
		if len(batch) > 3 { // classic
			ask("action=refill_status&order="+o.id, o)
			ask("action=status&order="+o.id+",nothing", o)
			continue
		}
		ask("action=order&order="+o.id, o)
		if !mine[o.requestID] {
			ask("action=order&request_id="+url.QueryEscape(o.requestID), o)
		}
	}
	for _, r := range refills {
		ask("action=refill_status&refill="+r.id, r)
		ask("action=refill_status&refills="+r.id+",nothing", r)
	}
	for _, form := range []string{"action=orders", "action=transactions", "action=balance", "action=changes"} {
		body := p.post("key=<" + key + ">&" + form).Body.String()
		for _, o := range append(orders, refills...) {
			if strings.Contains(body, o.id) {
				p.Errorf("%s, %s: shows %s", key, form, o.id)
			}
		}
	}
	if after := p.fingerprint(); after != before {
		p.Errorf("%s: the walk changed something: %s, before %s", key, after, before)
	}
}
