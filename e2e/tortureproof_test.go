//go:build linux

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// migrated makes an empty SQLite database in a folder, or in any where that is "".
func migrated(t *testing.T, folder string) (url string) {
	t.Helper()
	url = dbtest.NewURL(t, db.SQLite)
	if folder == "" {
		return url
	}
	d, err := db.Open(t.Context(), url, db.Options{})
	must(t, err)
	path := filepath.Join(folder, "panel.db")
	must(t, d.CopyTo(t.Context(), path))
	must(t, d.Close())
	must(t, os.Chmod(path, 0o600))
	return "sqlite:" + path
}

// write is world's, for databases that have just come back, and rows that a paused
// node keeps locked until the server ends its transaction.
func (s *scene) write(fn func(tx *db.Tx) error) {
	s.t.Helper()
	s.insist(func() error { return s.db.Write(context.WithoutCancel(s.t.Context()), fn) })
}

// read is world's, for the same.
func (s *scene) read(fn func(tx *db.Tx) error) {
	s.t.Helper()
	s.insist(func() error { return s.db.Read(context.WithoutCancel(s.t.Context()), fn) })
}

func (s *scene) insist(try func() error) {
	s.t.Helper()
	eventually(s.t, "the database is there", func() bool {
		err := try()
		if err != nil && !db.IsDown(err) {
			s.t.Fatal(err)
		}
		return err == nil
	})
}

// abandon lets the leases of calls run out that nobody can be making any more.
func (s *scene) abandon() {
	s.t.Helper()
	s.write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE submissions SET lease_until = $1 WHERE outcome = 'sending' AND began_at < $2 AND lease_until > $1`,
			db.At(tx.Now.Add(-time.Second)), db.At(tx.Now.Add(-callLasts)))
		return err
	})
}

// held are the orders that the providers hold, by link.
func (s *scene) held() map[string][]simulator.Order {
	all := map[string][]simulator.Order{}
	for _, up := range s.ups {
		for _, o := range up.sim.Orders() {
			all[o.Link] = append(all[o.Link], o)
		}
	}
	return all
}

// watch is the person who looks after uncertain orders of the classic provider: looks
// into its list, and says what is there.
func (s *scene) watch() {
	s.t.Helper()
	var uncertain []*order.Order
	s.read(func(tx *db.Tx) (err error) {
		ids, err := db.All(tx, func(r db.Scanner) (orderID string, err error) {
			err = r.Scan(&orderID)
			return orderID, err
		}, `SELECT o.id FROM orders o JOIN submissions u ON u.order_id = o.id AND u.outcome = 'unknown'
			WHERE o.state = 'uncertain' AND u.provider_id = $1 AND u.lease_until < $2`, s.sources[0].provider.ID, db.At(tx.Now))
		uncertain = make([]*order.Order, len(ids))
		for i := 0; i < len(ids) && err == nil; i++ {
			uncertain[i], err = order.Get(tx, ids[i])
		}
		return err
	})
	held, settler := s.held(), fulfil.NewSettler(s.db)
	for _, o := range uncertain {
		how, what := fulfil.Settlement{How: fulfil.WasNotAccepted, Actor: "test"}, "not accepted"
		if there := held[o.Link]; len(there) > 0 {
			how.How, how.UpstreamID, what = fulfil.AcceptedAs, strconv.FormatInt(there[0].ID, 10), "accepted"
		}
		switch _, err := settler.Settle(s.t.Context(), o.ID, how); {
		case err == nil:
			s.settled[what]++
		case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable):
			s.t.Errorf("settle %s as %s: %v", o.ID, what, err)
		}
	}
}

// rest waits until every order has come to its end. How soon providers are asked is
// not what is tested here, so it sees to that.
func (s *scene) rest() {
	s.t.Helper()
	left, since := int64(-1), time.Now()
	for {
		s.abandon()
		s.watch()
		s.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE orders SET next_check_at = $1 WHERE state IN ('processing', 'in_progress') AND next_check_at > $2`,
				db.At(tx.Now), db.At(tx.Now.Add(2*time.Second)))
			return err
		})
		switch now := s.count(`SELECT COUNT(*) FROM orders WHERE state NOT IN ('completed', 'partial', 'canceled')`); {
		case now == 0:
			return
		case now != left:
			left, since = now, time.Now()
		case time.Since(since) > within:
			s.t.Fatalf("%d orders do not come to their end:\n%s", now, s.stuck())
		}
		s.lasts(300 * time.Millisecond)
	}
}

// stuck describes some orders that have not come to their end.
func (s *scene) stuck() (text string) {
	s.read(func(tx *db.Tx) error {
		return tx.Each(func(r db.Scanner) error {
			var orderID, at, state, outcome, attention string
			err := r.Scan(&orderID, &at, &state, &outcome, &attention)
			text += orderID + " " + at + " " + state + " " + outcome + " " + attention + "\n"
			return err
		}, `SELECT o.id, o.link, o.state, COALESCE((SELECT u.outcome FROM submissions u WHERE u.order_id = o.id ORDER BY u.began_at DESC LIMIT 1), ''), o.attention
			FROM orders o WHERE o.state NOT IN ('completed', 'partial', 'canceled') ORDER BY o.id LIMIT 10`)
	})
	return text
}

// repeat sends every request again until it is answered: as it was the first time.
func (s *scene) repeat() {
	s.t.Helper()
	var working sync.WaitGroup
	work := make(chan string)
	for i := range 2 * tortureClients {
		working.Go(func() {
			for requestID := range work {
				s.order(requestID, i)
			}
		})
	}
	for _, requestID := range slices.Clone(s.load.sent) {
		work <- requestID
	}
	close(work)
	working.Wait()
}

// prove asks for every order again, lets all come to their end, and compares what
// customers, providers and the ledger know.
func (s *scene) prove() {
	s.t.Helper()
	s.repeat()
	s.rest()
	s.load.booked(s.world)
	s.audit()
	if orders := s.count(`SELECT COUNT(*) FROM orders`); orders != int64(len(s.load.sent)) {
		s.t.Errorf("%d orders for %d requests, all of which were answered", orders, len(s.load.sent))
	}
	held, want := s.held(), tortureMoney
	for _, requestID := range s.load.sent {
		_, back, _ := s.fate(requestID)
		want -= charge - back
		if _, at := s.choose(requestID); len(held[at]) != 1 {
			s.t.Errorf("%s: the providers hold %d orders, want 1", at, len(held[at]))
		}
	}
	s.holds(s.load.customer.wallet, want)
}
