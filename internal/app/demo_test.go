package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
)

// startDemo starts a demo in a folder; it must be ready in time.
func startDemo(t *testing.T, dir string) *Demo {
	t.Helper()
	d, err := StartDemo(t.Context(), DemoOptions{
		Dir: dir, Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Progress: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func stopDemo(t *testing.T, d *Demo) {
	t.Helper()
	if err := d.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// A demo that was killed at any point of its first start starts again: what it
// finds done is done, money and keys among it.
func TestDemoStartsAgainAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	storage := config.InFile(filepath.Join(dir, "panel.db"))
	core, err := OpenCore(t.Context(), storage, CoreOptions{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	// Killed between the account and its money.
	customer, err := core.Accounts.Create(t.Context(), demoCustomer, "a good password", account.Customer, demoActor)
	if err != nil {
		t.Fatal(err)
	}
	if err := core.Close(); err != nil {
		t.Fatal(err)
	}

	d := startDemo(t, dir)
	// Killed between the keys, or the orders, and demo.json; more than ten times.
	for range 12 {
		if err := d.seed(t.Context(), DemoOptions{Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	active := 0
	keys, err := d.Core.Keys.List(t.Context(), customer.ID, "", 100)
	for _, k := range keys {
		if k.Active(clock.System()) {
			active++
		}
	}
	if err != nil || active != 3 {
		t.Errorf("%d active keys (%v)", active, err)
	}
	var credits int
	err = d.Core.DB.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM transfers WHERE kind = $1`, string(ledger.Credit)).Scan(&credits)
	})
	if err != nil || credits != 1 {
		t.Errorf("%d credits (%v)", credits, err)
	}
	topups, err := d.Core.Payments.Of(t.Context(), customer.ID, "", 100)
	if err != nil || len(topups) != 4 || topups[0].State != payment.Waiting || topups[3].Amount != demoTransfer {
		t.Errorf("top-ups: %+v (%v)", topups, err)
	}
	if orders, err := d.seeded(t.Context()); err != nil || len(orders) != len(seeds) {
		t.Errorf("%d orders (%v)", len(orders), err)
	}

	// Killed while it sent one order and asked about another: both stay so for
	// about a minute.
	leaveBehind(t, d)
	stopDemo(t, d)
	if err := os.Remove(filepath.Join(dir, "demo.json")); err != nil {
		t.Fatal(err)
	}
	began := clock.System()
	again := startDemo(t, dir)
	if took := clock.System().Sub(began); took > demoReady/2 {
		t.Errorf("ready after %s", took)
	}
	stopDemo(t, again)
}

// leaveBehind stops the workers of a demo and makes two of its orders look as a
// kill leaves them.
func leaveBehind(t *testing.T, d *Demo) {
	t.Helper()
	d.workers.Stop()
	orders, err := d.seeded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE orders SET state = $2, finished_at = NULL WHERE id = $1`, orders[0].ID, string(order.Submitting))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE orders SET state = $2, finished_at = NULL, next_check_at = $3 WHERE id = $1`,
			orders[1].ID, string(order.InProgress), db.At(tx.Now.Add(time.Minute)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The demo writes into its own folder, whatever database the environment names.
func TestDemoKeepsToItsFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("sqlite:/elsewhere/panel.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTPANEL_DATABASE_URL_FILE", file)
	settings := DemoOptions{Dir: "folder", Listen: "127.0.0.1:0"}.settings()
	if err := settings.Validate(); err != nil || settings.DatabaseURL != "sqlite:folder/panel.db" {
		t.Errorf("the demo uses %s (%v)", settings.DatabaseURL, err)
	}
	// A panel locks the database that the file names.
	served := config.Serve{Outbound: settings.Outbound, Listen: "127.0.0.1:0"}
	if err := served.Validate(); err != nil || served.DatabaseURL != "sqlite:/elsewhere/panel.db" {
		t.Errorf("a panel uses %s (%v)", served.DatabaseURL, err)
	}
}
