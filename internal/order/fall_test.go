package order_test

import (
	"slices"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// A balance that falls below its account's threshold is told once, by whichever
// change, and again only after it was above; without a webhook too, and never of play
// money.
func TestFallIsToldOnceWithoutAWebhook(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 100*money.Unit)
		// What was told is counted in the database: a transaction may run twice.
		tell := func(tx *db.Tx, fall event.Fall) error {
			return account.Record(tx, "a test", "fell", fall.AccountID, fall.Balance.String()+" below "+fall.Threshold.String())
		}
		accounts := account.NewStore(d)
		accounts.TellFall = tell
		placer := order.NewPlacer(d, order.PlacerOptions{TellFall: tell})
		defer placer.Close()
		place := func(by order.Buyer, requestID string, quantity int64) {
			t.Helper()
			_, err := placer.Place(t.Context(), by, f.Request(requestID, "https://example.com/a", quantity), f.Snapshot())
			ordertest.Must(t, err)
		}
		credit := func(amount money.Amount) {
			t.Helper()
			_, err := accounts.Credit(t.Context(), f.Buyer.AccountID, amount, "seed", "a test")
			ordertest.Must(t, err)
		}
		_, err := accounts.SetLowBalance(t.Context(), f.Buyer.AccountID, new(99*money.Unit), "a test")
		ordertest.Must(t, err)
		place(f.Buyer, "at-it", 500)    // 99.00 is not below
		place(f.Buyer, "falls", 100)    // 98.80
		place(f.Buyer, "is-below", 100) // 98.60
		credit(money.Unit)              // 99.60
		credit(-money.Unit)             // 98.60
		credit(-money.Unit)             // 97.60
		test := f.Buyer
		test.Mode, test.WalletID = ledger.Test, f.Wallet(f.Buyer.AccountID, ledger.Test)
		place(test, "play", ordertest.Max)
		_, err = accounts.SetLowBalance(t.Context(), f.Buyer.AccountID, new(money.Amount(0)), "a test")
		ordertest.Must(t, err)
		credit(100 * money.Unit)
		credit(-150 * money.Unit)
		var told []string
		f.Read(func(tx *db.Tx) (err error) {
			told, err = db.All(tx, func(s db.Scanner) (text string, err error) {
				err = s.Scan(&text)
				return text, err
			}, `SELECT detail FROM audit_log WHERE action = 'fell' ORDER BY seq`)
			return err
		})
		if want := []string{"98.80 below 99.00", "98.60 below 99.00"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		f.Audit()
	})
}

// A receipt is the account's own, of money that came, and its number is its transfer's
// for good.
func TestReceiptsAreOfMoneyThatCame(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 100*money.Unit)
		f.Place("one", "https://example.com/a", 1000)
		_, err := account.NewStore(d).Credit(t.Context(), f.Buyer.AccountID, -money.Unit, "taken", "a test")
		ordertest.Must(t, err)
		s := order.NewStore(d)
		var number string
		f.Read(func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT id FROM transfers WHERE credit = $1 AND credit_seq = 1`, f.Buyer.WalletID).Scan(&number)
		})
		for range 2 {
			got, err := s.Receipt(t.Context(), f.Buyer.Scope, 1)
			ordertest.Must(t, err)
			if got.Number != number || got.Amount != 100*money.Unit || got.Reference != "" {
				t.Errorf("%+v, want number %s", got, number)
			}
		}
		other := f.NewBuyer(0)
		for line, by := range map[int64]order.Scope{2: f.Buyer.Scope, 3: f.Buyer.Scope, 4: f.Buyer.Scope, 1: other.Scope} {
			if got, err := s.Receipt(t.Context(), by, line); err == nil {
				t.Errorf("line %d of %s: %+v, want none", line, by.AccountID, got)
			}
		}
	})
}
