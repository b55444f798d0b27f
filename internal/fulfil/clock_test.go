package fulfil_test

import (
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
)

// A node whose clock is minutes off sends what is due by the database's clock, once,
// and nothing before its time; its leases are the database's too.
func TestANodesClockDecidesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		for name, off := range map[string]time.Duration{"behind": -10 * time.Minute, "ahead": 10 * time.Minute} {
			calls := len(k.upstream.Adds())
			k.options.Now = func() time.Time { return clock.System().Add(off) }
			k.forwarder = fulfil.NewForwarder(k.options)
			due := k.Place(name+"-due", "https://example.com/"+name, 1000)
			later := k.Place(name+"-later", "https://example.com/later-"+name, 1000)
			k.Write(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE orders SET due_at = $2 WHERE id = $1`, later.ID, db.At(tx.Now.Add(5*time.Minute)))
				return err
			})
			before := databaseTime(k)
			k.forward()
			k.want(due, order.Processing, "0.00")
			k.want(later, order.Pending, "0.00")
			sent := k.submissions(due.ID)
			if len(sent) != 1 || len(k.submissions(later.ID)) != 0 || len(k.upstream.Adds()) != calls+1 {
				t.Fatalf("%s: %d submissions of what is due, %d of what is not, %d calls", name, len(sent), len(k.submissions(later.ID)), len(k.upstream.Adds())-calls)
			}
			if began := sent[0].BeganAt; began.Before(before) || began.After(databaseTime(k)) {
				t.Errorf("%s: sent at %s, which the database's clock says is not now", name, began)
			}
			if leased := sent[0].LeaseUntil.Sub(sent[0].BeganAt); leased != timeout+time.Minute {
				t.Errorf("%s: the lease is %s", name, leased)
			}
			d.AdvanceClock(6 * time.Minute)
			k.forward()
			k.want(later, order.Processing, "0.00")
		}
	})
}

// databaseTime is what the database's clock says.
func databaseTime(k *desk) (now time.Time) {
	k.T.Helper()
	k.Read(func(tx *db.Tx) error {
		now = clock.FromMicros(clock.Micros(tx.Now))
		return nil
	})
	return now
}
