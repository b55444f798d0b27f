package massorder_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/panel"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// fixture is a database with a customer, and what places mass orders there.
type fixture struct {
	*ordertest.Fixture

	placer *order.Placer
	store  *massorder.Store
	runner *massorder.Runner
	looked func() error // called before each look at the catalogue
}

func setup(t *testing.T, d *db.DB, balance money.Amount) *fixture {
	t.Helper()
	f := &fixture{Fixture: ordertest.New(t, d, "https://upstream.example", balance), store: massorder.NewStore(d)}
	f.placer = order.NewPlacer(d, order.PlacerOptions{})
	t.Cleanup(f.placer.Close)
	f.looked = func() error { return nil }
	f.runner = massorder.NewRunner(d, f.placer, func(context.Context) (*catalog.Snapshot, error) {
		if err := f.looked(); err != nil {
			return nil, err
		}
		return f.Snapshot(), nil //nolint:contextcheck // the fixture has its own
	})
	return f
}

// lines are good lines of some quantities at 2.00 per 1,000.
func (f *fixture) lines(quantities ...int64) (all []massorder.Line) {
	for i, quantity := range quantities {
		charge := money.Amount(quantity) * 2000
		all = append(all, massorder.Line{Number: int64(i) + 1, Charge: &charge, Fields: map[string]string{
			"service": strconv.FormatInt(f.Service.ID, 10), "link": fmt.Sprintf("https://example.com/%d", i), "quantity": strconv.FormatInt(quantity, 10),
		}})
	}
	return all
}

// begin keeps lines and says that they are to be placed.
func (f *fixture) begin(whole bool, lines []massorder.Line) string {
	f.T.Helper()
	massID, err := f.store.Add(f.T.Context(), f.Buyer.AccountID, lines)
	ordertest.Must(f.T, err)
	ordertest.Must(f.T, f.store.Begin(f.T.Context(), f.Buyer.AccountID, massID, whole))
	return massID
}

func (f *fixture) get(massID string) massorder.Mass {
	f.T.Helper()
	m, err := f.store.Get(f.T.Context(), f.Buyer.AccountID, massID)
	ordertest.Must(f.T, err)
	return m
}

func (f *fixture) all(massID string) []massorder.Line {
	f.T.Helper()
	lines, err := f.store.Lines(f.T.Context(), f.Buyer.AccountID, massID, 0, false, massorder.MaxLines)
	ordertest.Must(f.T, err)
	return lines
}

// booked wants so many orders, a charge for each, and what is left; and that all of
// it agrees with the ledger.
func (f *fixture) booked(orders int64, balance money.Amount) {
	f.T.Helper()
	placed := f.Count(`SELECT COUNT(*) FROM orders WHERE account_id = $1`, f.Buyer.AccountID)
	charges := f.Count(`SELECT COUNT(*) FROM transfers WHERE kind = 'order' AND debit = $1`, f.Buyer.WalletID)
	if left := f.Balance(f.Buyer.WalletID); placed != orders || charges != orders || left != balance {
		f.T.Errorf("%d orders, %d charges, %s left; want %d and %s", placed, charges, left, orders, balance)
	}
	f.Audit()
}

func many(n int, quantity int64) (all []int64) {
	for range n {
		all = append(all, quantity)
	}
	return all
}

// The good lines are placed in their order, each once, however often it is gone on.
func TestGoodLinesArePlacedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, 100*money.Unit)
		lines := f.lines(many(120, 100)...) // 0.20 each, three steps
		lines[6].Charge, lines[6].Refusal = nil, massorder.Refuse(fault.New(fault.Invalid, "no").Because(fault.BadLink, "link"))
		massID := f.begin(false, lines)
		for range 3 {
			ordertest.Must(t, f.runner.Run(t.Context(), massID))
		}
		m := f.get(massID)
		if m.State != massorder.Done || m.Placed != 119 || m.Bad != 1 || m.Open() != 0 || m.Charged != 119*200_000 {
			t.Errorf("%+v", m)
		}
		number := int64(0)
		for _, l := range f.all(massID) {
			if l.Refusal != nil {
				continue
			}
			if number++; l.Order != number {
				t.Errorf("line %d became order %d", l.Number, l.Order)
			}
		}
		f.booked(119, 100*money.Unit-119*200_000)
	})
}

// What was broken off after some lines is finished by the loop, and what had been
// ordered and not been written down is not ordered again.
func TestWhatWasBrokenOffIsFinishedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, 100*money.Unit)
		massID := f.begin(false, f.lines(many(120, 100)...))
		ctx, leave := context.WithCancel(t.Context())
		looks := 0
		f.looked = func() error {
			if looks++; looks == 2 {
				leave() // the page was closed, or the process was told to end
			}
			return nil
		}
		_ = f.runner.Run(ctx, massID)
		if m := f.get(massID); m.State != massorder.Placing || m.Placed == 0 || m.Open() == 0 {
			t.Fatalf("it was to be broken off: %+v", m)
		}
		// As after a crash between ordering and writing down.
		f.Exec(`UPDATE mass_lines SET number = NULL, charged = NULL WHERE mass_id = $1 AND line BETWEEN 10 AND 30`, massID)
		found, err := f.runner.Loop().Pass(t.Context())
		if err != nil || found != 1 {
			t.Errorf("%d, %v", found, err)
		}
		if m := f.get(massID); m.State != massorder.Done || m.Placed != 120 || m.Charged != 120*200_000 {
			t.Errorf("%+v", m)
		}
		f.booked(120, 100*money.Unit-120*200_000)
	})
}

// A panel that is closed for maintenance in the midst of a mass order places no more of
// it and refuses none of it; open again it places the rest, each line once.
func TestMaintenancePausesMassOrders(t *testing.T) {
	t.Parallel()
	for name, whole := range map[string]bool{"line by line": false, "whole": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				f := setup(t, d, 100*money.Unit)
				massID := f.begin(whole, f.lines(many(120, 100)...))
				settings, by := panel.NewStore(d), panel.By{ID: "test"}
				looks, placed := 0, int64(50)
				if whole {
					looks, placed = 1, 0
				}
				f.looked = func() error {
					if looks++; looks == 2 { // behind the first fifty lines, or before the whole
						return settings.Close(t.Context(), "Back soon.", by)
					}
					return nil
				}
				ordertest.Must(t, f.runner.Run(t.Context(), massID))
				for range 2 { // nor later
					found, err := f.runner.Loop().Pass(t.Context())
					if m := f.get(massID); err != nil || found != 0 || m.State != massorder.Placing || m.Placed != placed || m.Bad != 0 {
						t.Errorf("while it is closed: %d, %v, %+v", found, err, m)
					}
				}
				f.booked(placed, 100*money.Unit-money.Amount(placed)*200_000)
				ordertest.Must(t, settings.Reopen(t.Context(), by))
				found, err := f.runner.Loop().Pass(t.Context())
				if m := f.get(massID); err != nil || found != 1 || m.State != massorder.Done || m.Placed != 120 {
					t.Errorf("open again: %d, %v, %+v", found, err, m)
				}
				f.booked(120, 100*money.Unit-120*200_000)
			})
		})
	}
}

// Many that go on with one mass order at once place each line once.
func TestManyGoOnAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, 100*money.Unit)
		massID := f.begin(false, f.lines(many(60, 100)...))
		snapshot := f.Snapshot()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				r := massorder.NewRunner(d, f.placer, func(context.Context) (*catalog.Snapshot, error) { return snapshot, nil })
				// As if no lease held.
				_ = d.Write(t.Context(), func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE mass_orders SET lease_until = NULL WHERE id = $1`, massID)
					return err
				})
				if err := r.Run(t.Context(), massID); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if _, err := f.runner.Loop().Pass(t.Context()); err != nil {
			t.Error(err)
		}
		if m := f.get(massID); m.State != massorder.Done || m.Placed != 60 {
			t.Errorf("%+v", m)
		}
		f.booked(60, 100*money.Unit-60*200_000)
	})
}

// A rise of the price, an empty wallet and a suspension refuse the lines that are
// left, with their reasons.
func TestLinesAreRefusedForTheirReasons(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, 3*money.Unit)
		dear := f.lines(1000, 1000)
		*dear[0].Charge -= 1 // it was cheaper when it was shown
		raised := f.begin(false, append(dear, f.lines(0, 0, 1000)[2]))
		ordertest.Must(t, f.runner.Run(t.Context(), raised))
		lines := f.all(raised)
		if lines[0].Refusal == nil || lines[0].Refusal.Reason != fault.MaxCharge || lines[1].Order != 1 ||
			lines[2].Refusal == nil || lines[2].Refusal.Reason != fault.NoFunds {
			t.Errorf("%+v", lines)
		}
		f.booked(1, money.Unit)
		stopped := f.begin(false, f.lines(100))
		_, err := account.NewStore(d).SetState(t.Context(), f.Buyer.AccountID, account.Suspended, "test")
		ordertest.Must(t, err)
		ordertest.Must(t, f.runner.Run(t.Context(), stopped))
		if l := f.all(stopped)[0]; l.Order != 0 || l.Refusal == nil || l.Refusal.Code != fault.Forbidden {
			t.Errorf("%+v", l)
		}
		f.booked(1, money.Unit)
	})
}

// Where all or none was wished, one refused line leaves nothing ordered.
func TestWholeIsAllOrNone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, 3*money.Unit)
		none := f.begin(true, f.lines(500, 1000, 100))
		ordertest.Must(t, f.runner.Run(t.Context(), none))
		if m := f.get(none); m.State != massorder.Done || m.Placed != 0 || m.Bad != 1 {
			t.Errorf("%+v", m)
		}
		f.booked(0, 3*money.Unit)
		all := f.begin(true, f.lines(500, 900))
		for range 2 {
			ordertest.Must(t, f.runner.Run(t.Context(), all))
		}
		if m := f.get(all); m.State != massorder.Done || m.Placed != 2 || m.Bad != 0 {
			t.Errorf("%+v", m)
		}
		f.booked(2, 3*money.Unit-2_800_000)
	})
}

// Suspended after the orders were committed and before that was written down: they
// stand.
func TestSuspensionTakesNoOrderBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, 3*money.Unit)
		massID := f.begin(false, f.lines(100, 100))
		ordertest.Must(t, f.runner.Run(t.Context(), massID))
		f.Exec(`UPDATE mass_lines SET number = NULL, charged = NULL WHERE mass_id = $1 AND line = 1`, massID)
		f.Exec(`UPDATE mass_orders SET state = 'placing' WHERE id = $1`, massID)
		_, err := account.NewStore(d).SetState(t.Context(), f.Buyer.AccountID, account.Suspended, "test")
		ordertest.Must(t, err)

		// Nor while nobody can say what was placed.
		f.Exec(`ALTER TABLE orders RENAME TO hidden_orders`)
		if err := f.runner.Run(t.Context(), massID); err == nil {
			t.Error("nobody noticed that the orders are away")
		}
		f.Exec(`ALTER TABLE hidden_orders RENAME TO orders`)
		if m := f.get(massID); m.Bad != 0 {
			t.Errorf("refused without a look: %+v", m)
		}

		ordertest.Must(t, f.runner.Run(t.Context(), massID))
		if m := f.get(massID); m.Placed != 2 || m.Bad != 0 {
			t.Errorf("%+v", m)
		}
		f.booked(2, 3*money.Unit-400_000)
	})
}

// A node that finds the account suspended refuses no line whose order another node is
// committing just then.
func TestSuspensionWaitsForACommit(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres) // SQLite has one writer
	f := setup(t, d, 3*money.Unit)
	massID := f.begin(false, f.lines(100, 100))
	f.Exec(`CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$`)
	f.Exec(`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()`)
	first := make(chan error, 1)
	go func() { first <- f.runner.Run(context.Background(), massID) }()
	ordertest.Until(t, "the first node commits", func() bool {
		return f.Count(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`) > 0
	})

	// The suspension came after the first node had looked, and its claim has run out.
	f.Exec(`UPDATE accounts SET state = 'suspended' WHERE id = $1`, f.Buyer.AccountID)
	f.Exec(`UPDATE mass_orders SET lease_until = NULL WHERE id = $1`, massID)
	if err := f.runner.Run(t.Context(), massID); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the second node: %v", err)
	}
	if m := f.get(massID); m.Bad != 0 || m.State != massorder.Placing {
		t.Errorf("while the first one commits: %+v", m)
	}
	ordertest.Must(t, <-first)
	ordertest.Must(t, f.runner.Run(t.Context(), massID))
	if m := f.get(massID); m.Bad != 0 || m.Placed != 2 {
		t.Errorf("after it: %+v", m)
	}
	f.booked(2, 3*money.Unit-400_000)
}

// An account keeps few, sees none of another's, and loses the oldest first.
func TestMassOrdersAreBoundedAndOnesOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, money.Unit)
		ctx, own := t.Context(), f.Buyer.AccountID
		placing := f.begin(false, f.lines(100))
		var last string
		for range massorder.MaxKept + 1 {
			var err error
			last, err = f.store.Add(ctx, own, f.lines(100))
			ordertest.Must(t, err)
		}
		all, err := f.store.Of(ctx, own)
		if err != nil || len(all) != massorder.MaxKept || all[0].ID != last || all[len(all)-1].ID != placing {
			t.Errorf("%+v, %v", all, err)
		}
		other := f.NewBuyer(0).AccountID
		if _, err := f.store.Get(ctx, other, last); !fault.Is(err, fault.NotFound) {
			t.Errorf("another's: %v", err)
		}
		ordertest.Must(t, f.store.Begin(ctx, other, last, false))
		lines, err := f.store.Lines(ctx, other, last, 0, false, 10)
		if err != nil || len(lines) != 0 || f.get(last).State != massorder.Checked {
			t.Errorf("another's: %+v, %v", lines, err)
		}
	})
}

// What is past its time is purged; what is being placed never is.
func TestPurgeTakesWhatIsOld(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, money.Unit)
		placing := f.begin(false, f.lines(100))
		done := f.begin(false, f.lines(100))
		ordertest.Must(t, f.runner.Run(t.Context(), done))
		draft, err := f.store.Add(t.Context(), f.Buyer.AccountID, f.lines(100))
		ordertest.Must(t, err)
		age := func(by time.Duration) (left []string) {
			f.Exec(`UPDATE mass_orders SET created_at = $1`, clock.Micros(clock.System().Add(-by)))
			if _, err := f.store.Purge().Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			all, err := f.store.Of(t.Context(), f.Buyer.AccountID)
			ordertest.Must(t, err)
			for _, m := range all {
				left = append(left, m.ID)
			}
			return left
		}
		for by, want := range map[time.Duration][]string{time.Hour: {draft, done, placing}} {
			if left := age(by); fmt.Sprint(left) != fmt.Sprint(want) {
				t.Errorf("after %s: %v", by, left)
			}
		}
		if left := age(25 * time.Hour); fmt.Sprint(left) != fmt.Sprint([]string{done, placing}) {
			t.Errorf("after a day: %v", left)
		}
		if left := age(31 * 24 * time.Hour); fmt.Sprint(left) != fmt.Sprint([]string{placing}) {
			t.Errorf("after a month: %v", left)
		}
	})
}
