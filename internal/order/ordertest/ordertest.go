// Package ordertest seeds a database with what orders need: an account with
// money, a provider and a service, all through the stores that the panel uses.
package ordertest

import (
	"context"
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/secret"
)

// The service of the fixture: bought at 1.00 and sold at 2.00 per 1,000.
const (
	Cost = 1 * money.Unit
	Rate = 2 * money.Unit
	Min  = 10
	Max  = 100_000
)

// Fixture is a seeded database.
type Fixture struct {
	T         testing.TB
	DB        *db.DB
	Ring      *secret.Ring
	Providers *provider.Store
	Provider  provider.Provider
	Service   *catalog.Service
	Buyer     order.Buyer // of live orders
}

// New seeds d with a provider at address and a customer who has balance.
func New(t testing.TB, d *db.DB, address string, balance money.Amount) *Fixture {
	t.Helper()
	ctx := context.Background()
	ring, err := secret.NewRing(secret.Generate(), nil)
	Must(t, err)
	f := &Fixture{T: t, DB: d, Ring: ring, Providers: provider.NewStore(d, ring)}
	f.Provider, err = f.Providers.Add(ctx, "Upstream", address, "upstream-key", "test")
	Must(t, err)
	_, err = catalog.NewStore(d).Import(ctx, f.Provider.ID, []catalog.Offer{{
		ProviderService: "101", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default,
		Cost: Cost, Rate: Rate, Min: Min, Max: Max, Cancel: true,
	}}, "test")
	Must(t, err)
	f.Service = f.Snapshot().Services[0]
	f.Buyer = f.NewBuyer(balance)
	return f
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// NewBuyer adds an account with money.
func (f *Fixture) NewBuyer(balance money.Amount) order.Buyer {
	f.T.Helper()
	ctx := context.Background()
	accounts := account.NewStore(f.DB)
	a, err := accounts.Create(ctx, rand.Text()+"@example.com", "a long password", account.Customer, "test")
	Must(f.T, err)
	if balance > 0 {
		_, err = accounts.Credit(ctx, a.ID, balance, "seed", "test")
		Must(f.T, err)
	}
	return order.Buyer{Scope: order.Scope{AccountID: a.ID, Mode: ledger.Live}, WalletID: f.Wallet(a.ID, ledger.Live), KeyID: "key_test"}
}

// Wallet returns the id of an account's wallet.
func (f *Fixture) Wallet(accountID string, mode ledger.Mode) (walletID string) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) (err error) {
		walletID, err = ledger.WalletID(tx, accountID, mode)
		return err
	})
	return walletID
}

// Read runs fn on a snapshot and ends the test on its error.
func (f *Fixture) Read(fn func(tx *db.Tx) error) {
	f.T.Helper()
	Must(f.T, f.DB.Read(context.Background(), fn))
}

// Write runs fn in a transaction and ends the test on its error.
func (f *Fixture) Write(fn func(tx *db.Tx) error) {
	f.T.Helper()
	Must(f.T, f.DB.Write(context.Background(), fn))
}

// Exec runs one statement, for what no store sets, and moves the catalogue's epoch.
func (f *Fixture) Exec(query string, args ...any) {
	f.T.Helper()
	f.Write(func(tx *db.Tx) error {
		if _, err := tx.Exec(query, args...); err != nil {
			return err
		}
		return epoch.MoveCatalog(tx)
	})
}

// Snapshot reads the catalogue as it is now.
func (f *Fixture) Snapshot() (s *catalog.Snapshot) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) (err error) {
		s, err = catalog.Load(tx)
		return err
	})
	return s
}

// Request makes a request for the fixture's service; more are pairs of a field
// and its value.
func (f *Fixture) Request(requestID, link string, quantity int64, more ...string) order.Request {
	f.T.Helper()
	fields := map[string]string{
		"service": strconv.FormatInt(f.Service.ID, 10), "request_id": requestID, "link": link,
		"quantity": strconv.FormatInt(quantity, 10),
	}
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	r, err := order.ParseRequest(func(name string) string { return fields[name] })
	Must(f.T, err)
	return r
}

// Place places one order and returns it.
func (f *Fixture) Place(requestID, link string, quantity int64) *order.Order {
	f.T.Helper()
	p := order.NewPlacer(f.DB, order.PlacerOptions{})
	defer p.Close()
	placed, err := p.Place(context.Background(), f.Buyer, f.Request(requestID, link, quantity), f.Snapshot())
	Must(f.T, err)
	return f.Order(placed.OrderID)
}

// Order reads an order.
func (f *Fixture) Order(orderID string) (o *order.Order) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) (err error) {
		o, err = order.Get(tx, orderID)
		return err
	})
	return o
}

// Balance reads what a wallet holds.
func (f *Fixture) Balance(walletID string) (balance money.Amount) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) (err error) {
		balance, err = ledger.Balance(tx, walletID)
		return err
	})
	return balance
}

// Count runs a query that counts.
func (f *Fixture) Count(query string, args ...any) (n int64) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	return n
}

// Until waits for something, a minute at most.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.NewTimer(time.Minute)
	defer tick.Stop()
	defer late.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatal("not within a minute: " + what)
		}
	}
}

// Hold runs a transaction that ends when release is called, however long that takes. It
// returns once the transaction has done what it is to do.
func (f *Fixture) Hold(do func(*db.Tx) error) (release func()) {
	f.T.Helper()
	done, end, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.DB.Write(context.Background(), func(tx *db.Tx) error {
			var err error
			if f.DB.Engine() == db.Postgres {
				_, err = tx.Exec(`SET LOCAL idle_in_transaction_session_timeout = 0`)
			}
			if err == nil {
				err = do(tx)
			}
			close(done)
			<-end
			return err
		})
	}()
	<-done
	return func() {
		f.T.Helper()
		close(end)
		Must(f.T, <-ended)
	}
}

// Audit proves the whole database and fails the test where it does not add up.
func (f *Fixture) Audit() {
	f.T.Helper()
	ctx := context.Background()
	differs := func(text string) { f.T.Errorf("audit: %s", text) }
	_, err := ledger.Audit(ctx, f.DB, differs)
	Must(f.T, err)
	Must(f.T, ledger.AuditRules(ctx, f.DB, differs))
	_, err = order.Audit(ctx, f.DB, differs)
	Must(f.T, err)
	_, err = account.VerifyLog(ctx, f.DB, differs)
	Must(f.T, err)
	Must(f.T, account.VerifyActs(ctx, f.DB, differs))
}
