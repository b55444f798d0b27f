package ledger_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const unit = money.Unit

// newWallet makes an account and returns its live wallet with a balance that
// came in one transfer.
func newWallet(t testing.TB, d *db.DB, balance money.Amount) (walletID string) {
	t.Helper()
	write(t, d, func(tx *db.Tx) (err error) {
		walletID, err = createWallet(tx)
		return err
	})
	if balance != 0 {
		if err := book(t.Context(), d, gift(walletID, balance)); err != nil {
			t.Fatal(err)
		}
	}
	return walletID
}

func createWallet(tx *db.Tx) (walletID string, err error) {
	accountID := id.New(id.Account)
	_, err = tx.Exec(`INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at)
		VALUES ($1, $2, '', 'active', 'standard', 'customer', $3)`, accountID, accountID+"@example.com", db.At(tx.Now))
	if err != nil {
		return "", err
	}
	if err := ledger.CreateWallets(tx, accountID); err != nil {
		return "", err
	}
	return ledger.WalletID(tx, accountID, ledger.Live)
}

// gift is a transfer into a wallet from the house, with a ref of its own.
func gift(walletID string, amount money.Amount) ledger.Transfer {
	return transfer(ledger.Adjustment.Account(ledger.Live), walletID, amount)
}

// transfer has a ref that no other has.
func transfer(from, to string, amount money.Amount) ledger.Transfer {
	return ledger.Transfer{
		Kind: ledger.Credit, Ref: id.New(id.Transfer), Debit: from, Credit: to,
		Amount: amount, Memo: "a memo", Actor: "a test",
	}
}

const sales = string(ledger.Sales)

// book locks all wallets in the transfers and books them in one transaction.
func book(ctx context.Context, d *db.DB, moves ...ledger.Transfer) error {
	var wallets []string
	for _, m := range moves {
		for _, account := range []string{m.Debit, m.Credit} {
			if id.Valid(id.Wallet, account) {
				wallets = append(wallets, account)
			}
		}
	}
	return d.Write(ctx, func(tx *db.Tx) error {
		b, err := ledger.Open(tx, wallets...)
		if err != nil {
			return err
		}
		for _, m := range moves {
			if err := b.Move(m); err != nil {
				return err
			}
		}
		return b.Flush()
	})
}

func write(t testing.TB, d *db.DB, fn func(*db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, d *db.DB, fn func(*db.Tx) error) {
	t.Helper()
	if err := d.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func balance(t testing.TB, d *db.DB, walletID string) (amount money.Amount) {
	t.Helper()
	read(t, d, func(tx *db.Tx) (err error) {
		amount, err = ledger.Balance(tx, walletID)
		return err
	})
	return amount
}

func statement(t testing.TB, d *db.DB, walletID string, afterSeq int64, limit int) (entries []ledger.Entry) {
	t.Helper()
	read(t, d, func(tx *db.Tx) (err error) {
		entries, err = ledger.Statement(tx, walletID, afterSeq, limit)
		return err
	})
	return entries
}

// transfers counts all rows.
func transfers(t testing.TB, d *db.DB) (count int) {
	t.Helper()
	read(t, d, func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM transfers`).Scan(&count) })
	return count
}

// proved runs the audit and fails for whatever it finds.
func proved(t testing.TB, d *db.DB) {
	t.Helper()
	if _, err := ledger.Audit(t.Context(), d, func(text string) { t.Errorf("audit: %s", text) }); err != nil {
		t.Error(err)
	}
}

// A transfer states on both sides what the wallet holds after it, numbered
// without a gap; the house has neither number nor balance.
func TestMoveLinksBothChains(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, b := newWallet(t, d, 10*unit), newWallet(t, d, 0)
		charge := transfer(a, sales, 4*unit)
		err := book(t.Context(), d, charge, transfer(a, b, 1*unit), transfer(b, a, unit/2))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]ledger.Entry{
			a: {
				{Seq: 1, Amount: 10 * unit, Balance: 10 * unit},
				{Seq: 2, Amount: -4 * unit, Balance: 6 * unit},
				{Seq: 3, Amount: -unit, Balance: 5 * unit},
				{Seq: 4, Amount: unit / 2, Balance: 5*unit + unit/2},
			},
			b: {{Seq: 1, Amount: unit, Balance: unit}, {Seq: 2, Amount: -unit / 2, Balance: unit / 2}},
		}
		for walletID, entries := range want {
			got := statement(t, d, walletID, 0, 100)
			if len(got) != len(entries) {
				t.Fatalf("%d entries, want %d", len(got), len(entries))
			}
			for i, e := range entries {
				if g := got[i]; g.Seq != e.Seq || g.Amount != e.Amount || g.Balance != e.Balance {
					t.Errorf("entry %d: %s leaves %s, want %s leaving %s", g.Seq, g.Amount, g.Balance, e.Amount, e.Balance)
				}
			}
			if last := entries[len(entries)-1]; balance(t, d, walletID) != last.Balance {
				t.Errorf("the wallet holds %s, its statement ends with %s", balance(t, d, walletID), last.Balance)
			}
		}
		e := statement(t, d, a, 1, 1)[0]
		if e.Kind != charge.Kind || e.Ref != charge.Ref || e.Memo != charge.Memo || e.Actor != charge.Actor || !id.Valid(id.Transfer, e.ID) || e.At.IsZero() {
			t.Errorf("booked %+v as %+v", charge, e)
		}
		read(t, d, func(tx *db.Tx) error {
			var houseSides int
			err := tx.QueryRow(`
				SELECT COUNT(*) FROM transfers
				WHERE id = $1 AND credit = 'sales' AND credit_seq IS NULL AND credit_balance IS NULL`, e.ID).Scan(&houseSides)
			if houseSides != 1 {
				t.Error("the house's side has a number or a balance")
			}
			return err
		})
		proved(t, d)
	})
}

// A wallet that is too small refuses a transfer and keeps what it has, and what
// else the transaction books is booked.
func TestInsufficientFundsLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, b := newWallet(t, d, 5*unit), newWallet(t, d, 0)
		before := transfers(t, d)
		err := book(t.Context(), d, transfer(a, b, 2*unit), transfer(a, sales, 3*unit+1))
		if !fault.Is(err, fault.InsufficientFunds) {
			t.Errorf("Move = %v, want InsufficientFunds", err)
		}
		if got := transfers(t, d); got != before || balance(t, d, a) != 5*unit || balance(t, d, b) != 0 {
			t.Errorf("%d transfers more, balances %s and %s", got-before, balance(t, d, a), balance(t, d, b))
		}
		// The placing of many orders goes on after one refusal.
		write(t, d, func(tx *db.Tx) error {
			book, err := ledger.Open(tx, a, b)
			if err != nil {
				return err
			}
			if err := book.Move(transfer(a, b, 5*unit+1)); !fault.Is(err, fault.InsufficientFunds) {
				t.Errorf("a millionth more than there is: %v", err)
			}
			if err := book.Move(transfer(a, b, 5*unit)); err != nil {
				return err
			}
			if err := book.Move(transfer(a, b, 1)); !fault.Is(err, fault.InsufficientFunds) {
				t.Errorf("a millionth of an empty wallet: %v", err)
			}
			return book.Flush()
		})
		if got := transfers(t, d); got != before+1 || balance(t, d, a) != 0 || balance(t, d, b) != 5*unit {
			t.Errorf("%d transfers more, balances %s and %s", got-before, balance(t, d, a), balance(t, d, b))
		}
		proved(t, d)
	})
}

// A wallet that may be overdrawn goes below zero; the database itself keeps all
// others from it.
func TestOnlyAnOverdraftGoesBelowZero(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := newWallet(t, d, unit)
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE wallets SET balance = -1 WHERE id = $1`, a)
			return err
		})
		if err == nil {
			t.Error("a balance below zero was stored")
		}
		write(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE wallets SET overdraft = TRUE WHERE id = $1`, a)
			return err
		})
		if err := book(t.Context(), d, transfer(a, sales, 3*unit)); err != nil {
			t.Error(err)
		}
		if got := balance(t, d, a); got != -2*unit {
			t.Errorf("the wallet holds %s, want -2.00", got)
		}
		proved(t, d)
	})
}

// What moves nothing leaves no row; what would move backwards, from a wallet to
// itself or between unlocked wallets is a mistake of ours and books nothing.
func TestMoveBooksNothingElse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, b := newWallet(t, d, 5*unit), newWallet(t, d, 5*unit)
		before := transfers(t, d)
		if err := book(t.Context(), d, transfer(a, sales, 0), transfer(b, a, 0)); err != nil {
			t.Errorf("an amount of zero: %v", err)
		}
		for name, err := range map[string]error{
			"a negative amount":  book(t.Context(), d, transfer(a, sales, -1)),
			"a wallet to itself": book(t.Context(), d, transfer(a, a, unit)),
		} {
			if err == nil {
				t.Errorf("%s was booked", name)
			}
		}
		for name, m := range map[string]ledger.Transfer{"from": transfer(b, a, unit), "to": transfer(a, b, unit)} {
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				book, err := ledger.Open(tx, a)
				if err != nil {
					return err
				}
				if err := book.Move(m); err == nil {
					return book.Flush()
				}
				return errRefused
			})
			if !errors.Is(err, errRefused) {
				t.Errorf("a transfer %s a wallet that is not locked: %v", name, err)
			}
		}
		if got := transfers(t, d); got != before || balance(t, d, a) != 5*unit || balance(t, d, b) != 5*unit {
			t.Errorf("%d transfers more, balances %s and %s", got-before, balance(t, d, a), balance(t, d, b))
		}
		proved(t, d)
	})
}

var errRefused = errors.New("refused, as it should be")

// The reason for a movement counts once: a second transfer of the same kind and
// ref is refused with all that comes with it, from one transaction or from two.
func TestSameKindAndRefMovesOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := newWallet(t, d, 10*unit)
		charge := transfer(a, sales, unit)
		if err := book(t.Context(), d, charge); err != nil {
			t.Fatal(err)
		}
		otherWay := charge
		otherWay.Debit, otherWay.Credit, otherWay.Amount = sales, a, 2*unit
		for _, again := range []ledger.Transfer{charge, otherWay} {
			if err := book(t.Context(), d, transfer(a, sales, unit), again); !db.IsUnique(err) {
				t.Errorf("the same kind and ref: %v, want a unique violation", err)
			}
		}
		twice := transfer(a, sales, unit)
		if err := book(t.Context(), d, twice, twice); !db.IsUnique(err) {
			t.Errorf("twice in one transaction: %v, want a unique violation", err)
		}
		if got := balance(t, d, a); got != 9*unit {
			t.Errorf("the wallet holds %s, want 9.00", got)
		}
		otherKind := charge
		otherKind.Kind = ledger.OrderRefund
		if err := book(t.Context(), d, otherKind); err != nil {
			t.Errorf("another kind with the same ref: %v", err)
		}
		proved(t, d)
	})
}

// One movement that many ask for at once, on two nodes, happens once.
func TestSameKindAndRefRacedMovesOnce(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*db.DB) {
		a := newWallet(t, nodes[0], 10*unit)
		charge := transfer(a, sales, unit)
		var booked atomic.Int64
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				switch err := book(t.Context(), nodes[i%2], charge); {
				case err == nil:
					booked.Add(1)
				case !db.IsUnique(err):
					t.Errorf("%v, want a unique violation", err)
				}
			})
		}
		wg.Wait()
		if got := balance(t, nodes[1], a); booked.Load() != 1 || got != 9*unit {
			t.Errorf("it was booked %d times, the wallet holds %s", booked.Load(), got)
		}
	})
}

// eachTwoNodes runs test on each engine with two connections to one database.
func eachTwoNodes(t *testing.T, test func(t *testing.T, nodes [2]*db.DB)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			test(t, [2]*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)})
		})
	}
}

// Two nodes that spend from one wallet at the same time spend what is in it and
// not a millionth more.
func TestTwoNodesNeverOverdraw(t *testing.T) {
	t.Parallel()
	const start, price = 500 * unit, 7 * unit
	eachTwoNodes(t, func(t *testing.T, nodes [2]*db.DB) {
		a, b := newWallet(t, nodes[0], start), newWallet(t, nodes[1], 0)
		var spent atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			// Some name the wallets the other way round: the lock order is not theirs.
			moves := []ledger.Transfer{transfer(b, sales, 0), transfer(a, b, price)}
			if i%4 < 2 {
				slices.Reverse(moves)
			}
			wg.Go(func() {
				for {
					for j := range moves {
						moves[j].Ref = id.New(id.Transfer)
					}
					err := book(t.Context(), nodes[i%2], moves...)
					if fault.Is(err, fault.InsufficientFunds) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					spent.Add(1)
				}
			})
		}
		wg.Wait()
		count := money.Amount(spent.Load())
		if count != start/price || balance(t, nodes[0], a) != start-count*price || balance(t, nodes[1], b) != count*price {
			t.Errorf("spent %d times, %s are left, %s arrived", count, balance(t, nodes[0], a), balance(t, nodes[1], b))
		}
		if got := len(statement(t, nodes[0], a, 0, 1000)); got != int(count)+1 {
			t.Errorf("%d entries, want %d", got, count+1)
		}
		proved(t, nodes[0])
	})
}

// A new account has an empty live wallet and play money in the test wallet, which
// the test house gave.
func TestCreateWallets(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		live := newWallet(t, d, 0)
		var test, from string
		read(t, d, func(tx *db.Tx) error {
			var accountID string
			if err := tx.QueryRow(`SELECT account_id FROM wallets WHERE id = $1`, live).Scan(&accountID); err != nil {
				return err
			}
			var err error
			if test, err = ledger.WalletID(tx, accountID, ledger.Test); err != nil {
				return err
			}
			if _, err := ledger.WalletID(tx, "acc_nobody", ledger.Live); !fault.Is(err, fault.NotFound) {
				t.Errorf("the wallet of nobody: %v, want NotFound", err)
			}
			return tx.QueryRow(`SELECT debit FROM transfers WHERE credit = $1`, test).Scan(&from)
		})
		if balance(t, d, live) != 0 || balance(t, d, test) != 1000*unit || from != "test:bonus" {
			t.Errorf("live %s, test %s from %s", balance(t, d, live), balance(t, d, test), from)
		}
		proved(t, d)
	})
}

// A wallet nobody knows is refused, not made up.
func TestOpenRefusesAnUnknownWallet(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := newWallet(t, d, unit)
		if err := book(t.Context(), d, transfer(a, id.New(id.Wallet), 1)); !fault.Is(err, fault.NotFound) {
			t.Errorf("Open = %v, want NotFound", err)
		}
	})
}

// TryOpen does not wait: a wallet that another transaction has locked is missing
// in the book, as one that nobody knows, and the others are locked.
func TestTryOpenLeavesOutLockedWallets(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres) // SQLite has one writer: nothing is locked there
	free, taken := newWallet(t, d, unit), newWallet(t, d, unit)
	write(t, d, func(tx *db.Tx) error {
		if _, err := ledger.Open(tx, taken); err != nil {
			return err
		}
		return d.Write(t.Context(), func(tx *db.Tx) error { // from another connection
			book, err := ledger.TryOpen(tx, taken, free, "wal_nobody")
			if err != nil {
				return err
			}
			if book.Wallet(taken) != nil || book.Wallet("wal_nobody") != nil || book.Wallet(free) == nil {
				t.Errorf("locked %v, unknown %v, free %v", book.Wallet(taken), book.Wallet("wal_nobody"), book.Wallet(free))
			}
			if err := book.Move(transfer(free, taken, 1)); err == nil {
				t.Error("money reached a wallet that is not in the book")
			}
			if err := book.Move(transfer(free, sales, unit)); err != nil {
				return err
			}
			return book.Flush()
		})
	})
	if balance(t, d, free) != 0 || balance(t, d, taken) != unit {
		t.Errorf("the wallets hold %s and %s", balance(t, d, free), balance(t, d, taken))
	}
	proved(t, d)
}

// Order numbers count up for each wallet by itself, end with int32, and come back
// where the order, or the whole transaction, was refused.
func TestNumbers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, b := newWallet(t, d, unit), newWallet(t, d, unit)
		var got []string
		err := numbers(t.Context(), d, &got, a, a, b, a)
		if want := []string{"1", "2", "1", "3"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("numbers %v, want %v (%v)", got, want, err)
		}
		write(t, d, func(tx *db.Tx) error {
			book, err := ledger.Open(tx, a)
			if err != nil {
				return err
			}
			if _, err := book.NextNumber(a); err != nil {
				return err
			}
			book.TakeNumberBack(a)
			return book.Flush()
		})
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			book, err := ledger.Open(tx, a)
			if err != nil {
				return err
			}
			if _, err := book.NextNumber(a); err != nil {
				return err
			}
			if err := book.Flush(); err != nil {
				return err
			}
			return errRefused
		})
		if !errors.Is(err, errRefused) {
			t.Error(err)
		}
		if err := numbers(t.Context(), d, &got, a); err != nil || got[0] != "4" {
			t.Errorf("after two refusals number %v (%v), want 4", got, err)
		}
		write(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE wallets SET last_number = 2147483646 WHERE id = $1`, a)
			return err
		})
		if err := numbers(t.Context(), d, &got, a); err != nil || got[0] != "2147483647" {
			t.Errorf("the last number is %v (%v)", got, err)
		}
		if err := numbers(t.Context(), d, &got, a); !fault.Is(err, fault.Conflict) {
			t.Errorf("after the last number: %v, want Conflict", err)
		}
		proved(t, d)
	})
}

// numbers gives one out for each wallet named, in one transaction.
func numbers(ctx context.Context, d *db.DB, given *[]string, walletIDs ...string) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		*given = nil
		book, err := ledger.Open(tx, walletIDs...)
		if err != nil {
			return err
		}
		for _, walletID := range walletIDs {
			number, err := book.NextNumber(walletID)
			if err != nil {
				return err
			}
			*given = append(*given, strconv.FormatInt(number, 10))
		}
		return book.Flush()
	})
}

// A statement comes in pages that fit together, the balance running through them.
func TestStatementPages(t *testing.T) {
	t.Parallel()
	const entries, page = 23, 5
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, other := newWallet(t, d, 100*unit), newWallet(t, d, 100*unit)
		for i := range entries - 1 {
			m := transfer(a, other, money.Amount(i+1))
			if i%3 == 0 {
				m = transfer(other, a, money.Amount(i+1))
			}
			if err := book(t.Context(), d, m); err != nil {
				t.Fatal(err)
			}
		}
		var seq int64
		var running money.Amount
		for {
			got := statement(t, d, a, seq, page)
			if len(got) != min(page, entries-int(seq)) {
				t.Fatalf("%d entries after %d", len(got), seq)
			}
			for _, e := range got {
				seq++
				running += e.Amount
				if e.Seq != seq || e.Balance != running {
					t.Errorf("entry %d leaves %s, want %d leaving %s", e.Seq, e.Balance, seq, running)
				}
			}
			if len(got) < page {
				break
			}
		}
		if seq != entries || running != balance(t, d, a) {
			t.Errorf("%d entries make %s, the wallet holds %s", seq, running, balance(t, d, a))
		}
		if got := statement(t, d, a, entries, page); len(got) != 0 {
			t.Errorf("%d entries after the end", len(got))
		}
	})
}

// Pages from the newest on meet the same entries as those from the oldest, whatever
// their size, and there is nothing before the first.
func TestLatestPages(t *testing.T) {
	t.Parallel()
	const entries = 7
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, other, empty := newWallet(t, d, 100*unit), newWallet(t, d, 100*unit), newWallet(t, d, 0)
		for i := range entries - 1 {
			m := transfer(a, other, money.Amount(i+1))
			if i%3 == 0 {
				m = transfer(other, a, money.Amount(i+1))
			}
			if err := book(t.Context(), d, m); err != nil {
				t.Fatal(err)
			}
		}
		want := statement(t, d, a, 0, entries+1)
		slices.Reverse(want)
		if len(want) != entries {
			t.Fatalf("%d entries, want %d", len(want), entries)
		}
		for page := 1; page <= entries+1; page++ {
			if got := latestByPage(t, d, a, page); !slices.Equal(got, want) {
				t.Errorf("by %d: %+v, want %+v", page, got, want)
			}
		}
		for _, c := range []struct {
			wallet string
			before int64
			want   []ledger.Entry
		}{
			{a, 1, nil},
			{a, 2, want[entries-1:]},
			{a, entries + 1, want[:2]},
			{a, entries + 100, want[:2]},
			{a, math.MaxInt64, want[:2]},
			{empty, 0, nil},
			{empty, 9, nil},
		} {
			if got := latest(t, d, c.wallet, c.before, 2); !slices.Equal(got, c.want) {
				t.Errorf("before %d: %+v, want %+v", c.before, got, c.want)
			}
		}
	})
}

// latestByPage reads a wallet's entries in pages, the newest first, to the end.
func latestByPage(t *testing.T, d *db.DB, walletID string, page int) (all []ledger.Entry) {
	t.Helper()
	var before int64
	for {
		got := latest(t, d, walletID, before, page)
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
		before = got[len(got)-1].Seq
	}
}

func latest(t *testing.T, d *db.DB, walletID string, beforeSeq int64, limit int) (entries []ledger.Entry) {
	t.Helper()
	read(t, d, func(tx *db.Tx) (err error) {
		entries, err = ledger.Latest(tx, walletID, beforeSeq, limit)
		return err
	})
	return entries
}

// Wallets whose numbers run out are named in time.
func TestNumbersAlmostUsed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at) VALUES ('acc_n', 'n@example.com', '', 'active', 'standard', 'customer', 1)`)
			if err != nil {
				return err
			}
			return ledger.CreateWallets(tx, "acc_n")
		})
		if err != nil {
			t.Fatal(err)
		}
		for last, want := range map[int64]int{1_717_986_916: 0, 1_717_986_917: 1} {
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				if _, err := tx.Exec(`UPDATE wallets SET last_number = $1 WHERE mode = 'live'`, last); err != nil {
					return err
				}
				almost, err := ledger.NumbersAlmostUsed(tx)
				if err != nil || len(almost) != want {
					t.Errorf("with %d given: %+v, %v; want %d", last, almost, err, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
