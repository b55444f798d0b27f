package ledger_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// Whatever is moved between wallets and the house, in transactions that go
// through and in those that are refused: balances are what the moves make, no
// money appears or vanishes, and the audit finds nothing.
func TestAnyMovesKeepTheBooks(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	houses := []string{"sales", "adjustment"}
	rapid.Check(t, func(rt *rapid.T) {
		wallets := []string{newWallet(t, d, 0), newWallet(t, d, 20*unit), newWallet(t, d, 0)}
		want := map[string]money.Amount{wallets[1]: 20 * unit}
		accounts := slices.Concat(wallets, houses)
		for range rapid.IntRange(1, 12).Draw(rt, "transactions") {
			// A transaction of some moves, refused as a whole when one is.
			after := maps.Clone(want)
			var moves []ledger.Transfer
			refused := false
			for range rapid.IntRange(1, 4).Draw(rt, "moves") {
				from := rapid.SampledFrom(accounts).Draw(rt, "from")
				to := rapid.SampledFrom(accounts).Filter(func(a string) bool { return a != from }).Draw(rt, "to")
				amount := money.Amount(rapid.Int64Range(0, int64(15*unit)).Draw(rt, "amount"))
				after[from], after[to] = after[from]-amount, after[to]+amount
				refused = refused || slices.Contains(wallets, from) && after[from] < 0
				moves = append(moves, transfer(from, to, amount))
			}
			err := book(t.Context(), d, moves...)
			if refused != fault.Is(err, fault.InsufficientFunds) || !refused && err != nil {
				rt.Fatalf("refused: %v, want %v", err, refused)
			}
			if !refused {
				want = after
			}
		}
		for _, walletID := range wallets {
			if got := balance(t, d, walletID); got != want[walletID] {
				rt.Fatalf("a wallet holds %s, want %s", got, want[walletID])
			}
			var sum money.Amount
			for _, e := range statement(t, d, walletID, 0, 1000) {
				sum += e.Amount
			}
			if sum != want[walletID] {
				rt.Fatalf("a wallet's transfers make %s, want %s", sum, want[walletID])
			}
		}
		if _, err := ledger.Audit(t.Context(), d, func(text string) { rt.Fatalf("audit: %s", text) }); err != nil {
			rt.Fatal(err)
		}
	})
	proved(t, d)
}

// tampering is what somebody with the database file can do to a wallet of five
// transfers, $1: one in, two out, one in, one out.
var tampering = map[string]string{
	"more money":               `UPDATE wallets SET balance = balance + 1 WHERE id = $1`,
	"less money":               `UPDATE wallets SET balance = balance - 1 WHERE id = $1`,
	"a number skipped":         `UPDATE wallets SET seq = seq + 1 WHERE id = $1`,
	"a number taken back":      `UPDATE wallets SET seq = seq - 1 WHERE id = $1`,
	"first transfer removed":   `DELETE FROM transfers WHERE credit = $1 AND credit_seq = 1`,
	"third transfer removed":   `DELETE FROM transfers WHERE debit = $1 AND debit_seq = 3`,
	"two that cancel out":      `DELETE FROM transfers WHERE debit = $1 AND debit_seq = 3 OR credit = $1 AND credit_seq = 4`,
	"last transfer removed":    `DELETE FROM transfers WHERE debit = $1 AND debit_seq = 5`,
	"all transfers removed":    `DELETE FROM transfers WHERE debit = $1 OR credit = $1`,
	"amount changed":           `UPDATE transfers SET amount = amount - 1 WHERE debit = $1 AND debit_seq = 2`,
	"balance after it changed": `UPDATE transfers SET debit_balance = debit_balance + 1 WHERE debit = $1 AND debit_seq = 2`,
	"side taken off the chain": `UPDATE transfers SET debit_seq = NULL WHERE debit = $1 AND debit_seq = 2`,
	"given to another":         `UPDATE transfers SET debit = 'wal_somebody' WHERE debit = $1 AND debit_seq = 2`,
	"direction turned": `UPDATE transfers SET debit = credit, debit_seq = credit_seq, debit_balance = credit_balance,
		credit = debit, credit_seq = debit_seq, credit_balance = debit_balance WHERE debit = $1 AND debit_seq = 5`,
}

// The audit names every wallet that was tampered with, and no other.
func TestAuditNamesTamperedWallets(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		honest := []string{newWalletOfFive(t, d), newWallet(t, d, 0)}
		tampered := map[string]string{}
		for name := range tampering {
			tampered[newWalletOfFive(t, d)] = name
		}
		proved(t, d)

		unlockTransfers(t, d)
		for walletID, name := range tampered {
			write(t, d, func(tx *db.Tx) error {
				n, err := tx.Exec(tampering[name], walletID)
				if n == 0 {
					t.Errorf("%s changed nothing", name)
				}
				return err
			})
		}
		named := map[string]bool{}
		walked, err := ledger.Audit(t.Context(), d, func(text string) {
			walletID, _, _ := strings.Cut(text, ":")
			named[walletID] = true
		})
		if err != nil {
			t.Fatal(err)
		}
		for walletID, name := range tampered {
			if !named[walletID] {
				t.Errorf("%s was not found", name)
			}
		}
		if named[honest[0]] || named[honest[1]] || len(named) != len(tampered) {
			t.Errorf("%d wallets were named, %d were tampered with", len(named), len(tampered))
		}
		if want := 2 * (len(honest) + len(tampered)); walked != want {
			t.Errorf("the audit walked %d wallets, there are %d", walked, want)
		}
	})
}

// newWalletOfFive returns a wallet with five transfers.
func newWalletOfFive(t *testing.T, d *db.DB) string {
	t.Helper()
	walletID := newWallet(t, d, 100*unit)
	for _, m := range []ledger.Transfer{
		transfer(walletID, sales, unit), transfer(walletID, sales, 2*unit),
		transfer(sales, walletID, 2*unit), transfer(walletID, sales, 4*unit),
	} {
		if err := book(t.Context(), d, m); err != nil {
			t.Fatal(err)
		}
	}
	return walletID
}

// unlockTransfers takes the triggers away that keep bookings as they are.
func unlockTransfers(t *testing.T, d *db.DB) {
	t.Helper()
	statements := []string{`ALTER TABLE transfers DISABLE TRIGGER USER`}
	if d.Engine() == db.SQLite {
		statements = []string{`DROP TRIGGER transfers_stay`, `DROP TRIGGER transfers_kept`}
	}
	write(t, d, func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// A chain that is longer than one page of the audit is walked to its end, and so
// are more wallets than a page holds.
func TestAuditWalksEveryPage(t *testing.T) {
	t.Parallel()
	const long, wallets = 1250, 1100
	d := dbtest.Open(t, db.SQLite)
	walletID := newWallet(t, d, 0)
	moves := make([]ledger.Transfer, long)
	for i := range moves {
		moves[i] = gift(walletID, 1)
	}
	if err := book(t.Context(), d, moves...); err != nil {
		t.Fatal(err)
	}
	write(t, d, func(tx *db.Tx) error {
		for range wallets/2 - 1 {
			if _, err := createWallet(tx); err != nil {
				return err
			}
		}
		return nil
	})
	walked, err := ledger.Audit(t.Context(), d, func(text string) { t.Errorf("audit: %s", text) })
	if err != nil || walked != wallets {
		t.Errorf("the audit walked %d wallets, want %d (%v)", walked, wallets, err)
	}
	unlockTransfers(t, d)
	write(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE transfers SET credit_balance = credit_balance + 1 WHERE credit = $1 AND credit_seq = $2`, walletID, long)
		return err
	})
	var found []string
	if _, err := ledger.Audit(t.Context(), d, func(text string) { found = append(found, text) }); err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 || !strings.HasPrefix(found[0], walletID) {
		t.Errorf("of the last transfer's wrong balance the audit says %q", found)
	}
}

// The audit of a panel that is serving finds nothing either: it never mixes two
// states of a wallet.
func TestAuditBesideMovesFindsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, b := newWallet(t, d, 1000*unit), newWallet(t, d, 1000*unit)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 2 {
			from, to := a, b
			if i == 1 {
				from, to = b, a
			}
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := book(t.Context(), d, transfer(from, to, 1)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 50 {
			proved(t, d)
		}
		close(stop)
		wg.Wait()
		proved(t, d)
	})
}

// An audit that can't read says so; it does not report a clean book.
func TestAuditOfAClosedDatabaseFails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		newWallet(t, d, unit)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := ledger.Audit(t.Context(), d, func(text string) { t.Error(text) })
		if err == nil || !fault.Is(err, fault.Unavailable) || errors.Is(err, db.ErrNoRows) {
			t.Errorf("Audit = %v, want Unavailable", err)
		}
	})
}
