package order_test

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// Who is refused for what another order of the same batch had taken, and that order is
// lost with its commit, is told to come again, and not that there is no money.
func TestRefusalByAnOrderThatIsLost(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres)
	f := ordertest.New(t, d, provider, 3*money.Unit) // enough for one
	other := f.NewBuyer(3 * money.Unit)
	f.Exec(`CREATE SEQUENCE tries`)
	f.Exec(`CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.request_id = 'a' AND nextval('tries') = 1 THEN RAISE EXCEPTION 'lost'; END IF; RETURN NULL; END $$`)
	f.Exec(`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()`)
	p, snapshot := newPlacer(t, d), f.Snapshot()

	// A batch that waits for its wallet gives the next two time to become one batch.
	release := f.Hold(func(tx *db.Tx) error {
		_, err := ledger.Open(tx, other.WalletID)
		return err
	})
	answers := map[string]chan error{}
	place := func(name string) {
		answers[name] = make(chan error, 1)
		buyer := f.Buyer
		if name == "first" {
			buyer = other
		}
		go func() {
			_, err := p.Place(context.Background(), buyer, f.Request(name, "https://example.com/"+name, 1000), snapshot)
			answers[name] <- err
		}()
	}
	place("first")
	ordertest.Until(t, "the first waits for its wallet", func() bool {
		return f.Count(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) > 0
	})
	place("a")
	ordertest.Until(t, "one waits", func() bool { return p.Waiting() == 1 })
	place("b")
	ordertest.Until(t, "two wait", func() bool { return p.Waiting() == 2 })
	release()
	ordertest.Must(t, <-answers["first"])
	for _, name := range []string{"a", "b"} {
		if err := <-answers[name]; !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s, whose batch was lost, is answered %v with %s in the wallet", name, err, f.Balance(f.Buyer.WalletID))
		}
	}
}
