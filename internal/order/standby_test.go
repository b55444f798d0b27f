package order_test

import (
	"context"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// lonely is a server whose standby is away. Who connects decides whether commits
// wait for it.
func lonely(t *testing.T) (server *pgtest.Server, waits, alone *db.DB) {
	t.Helper()
	if !pgtest.Available() {
		dbtest.NewURL(t, db.Postgres) // skips, or fails where it must not
	}
	server, err := pgtest.Start(t.Context(), pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "nobody"}})
	ordertest.Must(t, err)
	t.Cleanup(func() { ordertest.Must(t, server.Stop()) })
	ordertest.Must(t, server.CreateDatabase(t.Context(), "panel"))
	alone = dbtest.Connect(t, server.URL("panel"))
	_, err = alone.Migrate(t.Context())
	ordertest.Must(t, err)
	return server, dbtest.Connect(t, server.URL("panel")+"&synchronous_commit=on"), alone
}

// letGo ends the waits of commits for the standby, as an operator does who wants
// the panel to go on, until the placer has answered.
func letGo(t *testing.T, server *pgtest.Server, answered <-chan error) error {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.NewTimer(time.Minute)
	defer tick.Stop()
	defer late.Stop()
	for waits := 0; ; {
		ended, askErr := server.CancelWaits(context.WithoutCancel(t.Context()))
		ordertest.Must(t, askErr)
		waits += ended
		select {
		case err := <-answered:
			if waits == 0 {
				t.Error("nothing waited for the standby")
			}
			return err
		case <-late.C:
			t.Fatal("the placer does not answer")
		case <-tick.C:
		}
	}
}

// An order whose commit no standby has confirmed stands at this server alone: it is
// lost with it. That it can be read there is no reason to say that it was placed.
func TestOrderThatNoStandbyHasIsNotConfirmed(t *testing.T) {
	t.Parallel()
	server, waits, alone := lonely(t)
	f := ordertest.New(t, alone, provider, 100*money.Unit)
	p, snapshot := newPlacer(t, waits), f.Snapshot()
	request, err := parse(with("service", "1", "request_id", "lonely"))
	ordertest.Must(t, err)
	for _, what := range []string{"the order", "its repeat"} {
		answered := make(chan error, 1)
		go func() {
			_, err := p.Place(context.Background(), f.Buyer, request, snapshot)
			answered <- err
		}()
		if err := letGo(t, server, answered); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s, which no standby has, was answered with %v", what, err)
		}
	}
	if n := f.Count(`SELECT COUNT(*) FROM orders WHERE request_id = 'lonely'`); n != 1 {
		t.Errorf("the server has %d orders, want the one whose commit was let go", n)
	}
	placed, err := newPlacer(t, alone).Place(t.Context(), f.Buyer, request, snapshot)
	if err != nil || !placed.Repeat {
		t.Errorf("where no standby is wanted the repeat got %+v, %v", placed, err)
	}
	f.Audit()
}
