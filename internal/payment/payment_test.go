package payment_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	unit  = money.Unit
	staff = "cli:root"
)

// newAccount makes an account of a panel that offers transfers of 1.00 to 1,000.00.
func newAccount(t *testing.T, d *db.DB, email string) string {
	t.Helper()
	offered(t, d, "Pay to *account 12*.")
	a, err := account.NewStore(d).Create(t.Context(), email, "correct horse battery", account.Customer, staff)
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func offered(t *testing.T, d *db.DB, instructions string) {
	t.Helper()
	o := payment.Offer{Instructions: instructions, Least: unit, Most: 1000 * unit}
	if err := payment.NewStore(d).SetOffer(t.Context(), o, staff); err != nil {
		t.Fatal(err)
	}
}

func request(t *testing.T, d *db.DB, accountID string, amount money.Amount, reference string) payment.Payment {
	t.Helper()
	p, err := payment.NewStore(d).Request(t.Context(), accountID, amount, reference)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func balance(t *testing.T, d *db.DB, accountID string) money.Amount {
	t.Helper()
	live, _, err := account.NewStore(d).Balances(t.Context(), accountID)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// differences are what the proofs of payments, wallets and transfers find.
func differences(t *testing.T, d *db.DB) (found []string) {
	t.Helper()
	differs := func(text string) { found = append(found, text) }
	_, err := payment.Audit(t.Context(), d, differs)
	_, errWallets := ledger.Audit(t.Context(), d, differs)
	errRules := ledger.AuditRules(t.Context(), d, differs)
	errActs := account.VerifyActs(t.Context(), d, differs)
	if err := errors.Join(err, errWallets, errRules, errActs); err != nil {
		t.Fatal(err)
	}
	return found
}

func proved(t *testing.T, d *db.DB) {
	t.Helper()
	for _, text := range differences(t, d) {
		t.Error(text)
	}
}

func must(t *testing.T, d *db.DB, statement string, args ...any) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		n, err := tx.Exec(statement, args...)
		if err == nil && n != 1 {
			t.Errorf("%s: %d rows", statement, n)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// rename takes a table away, so that the statement which needs it fails.
func rename(t *testing.T, d *db.DB, from, to string) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`ALTER TABLE ` + from + ` RENAME TO ` + to)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A payment that is approved is credited with what came, by a transfer that names
// it, and the audit log says who approved it.
func TestApprove(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
		asked := request(t, d, accountID, 50*unit, " Invoice 7 ")
		if asked.State != payment.Waiting || asked.Reference != "Invoice 7" || balance(t, d, accountID) != 0 {
			t.Errorf("requested: %+v", asked)
		}
		p, after, err := s.Approve(t.Context(), asked.ID, 0, staff)
		if err != nil || p.Amount != 50*unit || after != 50*unit {
			t.Fatalf("approved: %+v, %s, %v", p, after, err)
		}
		other := request(t, d, accountID, 30*unit, "Invoice 8")
		if _, after, err = s.Approve(t.Context(), other.ID, 29_500_000, staff); err != nil || after != 79_500_000 {
			t.Fatalf("less came: %s, %v", after, err)
		}
		stored, err := s.Find(t.Context(), other.ID)
		if err != nil || stored.State != payment.Credited || stored.Asked != 30*unit || stored.Amount != 29_500_000 ||
			stored.DecidedBy != staff || stored.DecidedAt.IsZero() {
			t.Errorf("stored: %+v, %v", stored, err)
		}
		proved(t, d)
	})
}

// A payment has one end, whoever decides at the same time, on whichever node.
func TestOneEnd(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			d, accountID := nodes[0], newAccount(t, nodes[0], "ann@example.com")
			var credited money.Amount
			for round := range 8 {
				p := request(t, d, accountID, 10*unit, "Invoice "+string(rune('A'+round)))
				var ends atomic.Int64
				var all sync.WaitGroup
				for i := range 9 {
					all.Go(func() {
						s := payment.NewStore(nodes[i%2])
						var err error
						switch i % 3 {
						case 0:
							_, _, err = s.Approve(t.Context(), p.ID, 0, staff)
						case 1:
							_, err = s.Reject(t.Context(), p.ID, "Nothing came.", staff)
						default:
							_, err = s.Withdraw(t.Context(), accountID, p.ID)
						}
						if err == nil {
							ends.Add(1)
						} else if !fault.Is(err, fault.Conflict) {
							t.Errorf("%d: %v", i, err)
						}
					})
				}
				all.Wait()
				end, err := payment.NewStore(d).Find(t.Context(), p.ID)
				if err != nil || ends.Load() != 1 || end.State == payment.Waiting {
					t.Errorf("%d ended it: %+v, %v", ends.Load(), end, err)
				}
				credited += end.Amount
			}
			if got := balance(t, d, accountID); got != credited {
				t.Errorf("the wallet holds %s, %s was credited", got, credited)
			}
			proved(t, d)
		})
	}
}

// A form that is sent many times at once asks once; so many different ones wait
// and no more.
func TestRequestsThatWait(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
		first := request(t, d, accountID, unit, "Invoice 1")
		var all sync.WaitGroup
		var refused atomic.Int64
		for i := range 20 {
			all.Go(func() {
				p, err := s.Request(t.Context(), accountID, money.Amount(1+i%10)*unit, "Invoice 1")
				switch {
				case fault.Is(err, fault.Conflict):
					refused.Add(1)
				case err != nil:
					t.Error(err)
				case p.Asked == unit && p.ID != first.ID:
					t.Errorf("an equal request is another payment, %s", p.ID)
				}
			})
		}
		all.Wait()
		waiting, err := s.AllWaiting(t.Context(), "", 100)
		if err != nil || len(waiting) != payment.MaxWaiting || refused.Load() != 10 {
			t.Errorf("%d wait, %d were refused, %v", len(waiting), refused.Load(), err)
		}
		if _, err := s.Withdraw(t.Context(), accountID, first.ID); err != nil {
			t.Error(err)
		}
		if again := request(t, d, accountID, unit, "Invoice 1"); again.ID == first.ID {
			t.Error("a withdrawn payment waits again")
		}
		proved(t, d)
	})
}

// What a payment says has bounds, and the message names the field.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
	for name, c := range map[string]struct {
		amount          money.Amount
		reference, says string
	}{
		"nothing":       {0, "a", "amount"},
		"less":          {-unit, "a", "amount"},
		"too much":      {money.Max + 1, "a", "amount"},
		"under":         {unit - 1, "a", "amount must be between 1.00 and 1000.00"},
		"over":          {1000*unit + 1, "a", "amount must be between 1.00 and 1000.00"},
		"no reference":  {unit, "  ", "reference"},
		"a long one":    {unit, strings.Repeat("ä", 141), "reference"},
		"two lines":     {unit, "a\nb", "reference"},
		"turned around": {unit, "a\u202eb", "reference"},
	} {
		_, err := s.Request(t.Context(), accountID, c.amount, c.reference)
		if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Request(t.Context(), id.New(id.Account), unit, "a"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
	p, other := request(t, d, accountID, unit, strings.Repeat("ä", 140)), newAccount(t, d, "ben@example.com")
	if _, err := s.Withdraw(t.Context(), other, p.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another account's payment: %v", err)
	}
	if _, err := s.Reject(t.Context(), p.ID, " ", staff); !fault.Is(err, fault.Invalid) {
		t.Errorf("no reason: %v", err)
	}
	for _, came := range []money.Amount{-unit, money.Max + 1} {
		if _, _, err := s.Approve(t.Context(), p.ID, came, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s came: %v", came, err)
		}
	}
	if _, _, err := s.Approve(t.Context(), id.New(id.Payment), 0, staff); !fault.Is(err, fault.NotFound) {
		t.Errorf("a payment that is not there: %v", err)
	}
	if _, err := s.Withdraw(t.Context(), accountID, p.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.Withdraw(t.Context(), other, p.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another account's, that is decided: %v", err)
	}
	if _, _, err := s.Approve(t.Context(), p.ID, 0, staff); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "withdrawn") {
		t.Errorf("a withdrawn one: %v", err)
	}
	if got := balance(t, d, accountID); got != 0 {
		t.Errorf("the wallet holds %s", got)
	}
	proved(t, d)
}

// A transfer that came without a request is credited at once, and only once,
// whoever books it at the same time.
func TestAdd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
		var booked atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, _, err := s.Add(t.Context(), accountID, 2500*unit, "Statement 3, line 7", staff)
				if err == nil {
					booked.Add(1)
				} else if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "pay_") {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := balance(t, d, accountID); booked.Load() != 1 || got != 2500*unit {
			t.Errorf("%d booked it, the wallet holds %s", booked.Load(), got)
		}
		if _, after, err := s.Add(t.Context(), accountID, 2500*unit, "Statement 3, line 8", staff); err != nil || after != 5000*unit {
			t.Errorf("another transfer: %s, %v", after, err)
		}
		p := request(t, d, accountID, 5*unit, "Invoice 1")
		if _, _, err := s.Add(t.Context(), accountID, 5*unit, "Invoice 1", staff); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), p.ID) {
			t.Errorf("one that waits: %v", err)
		}
		if _, _, err := s.Add(t.Context(), id.New(id.Account), unit, "a", staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("an account that is not there: %v", err)
		}
		proved(t, d)
	})
}

// What the database makes run again is booked once, as if it had run once.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres)
	s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
	runs := 0
	s.Tell = func(tx *db.Tx, _ payment.Payment) error {
		if runs++; runs%2 == 0 {
			return nil
		}
		_, err := tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END $$`)
		return err
	}
	added, after, err := s.Add(t.Context(), accountID, 5*unit, "Invoice 1", staff)
	if err != nil || added.Amount != 5*unit || after != 5*unit {
		t.Fatalf("added %+v, %s, %v", added, after, err)
	}
	asked := request(t, d, accountID, 7*unit, "Invoice 2")
	if _, after, err = s.Approve(t.Context(), asked.ID, 0, staff); err != nil || after != 12*unit {
		t.Fatalf("approved: %s, %v", after, err)
	}
	last := request(t, d, accountID, 9*unit, "Invoice 3")
	if p, err := s.Reject(t.Context(), last.ID, "Nothing came.", staff); err != nil || p.State != payment.Rejected {
		t.Fatalf("rejected: %+v, %v", p, err)
	}
	if runs != 6 {
		t.Errorf("it ran %d times, want each of three twice", runs)
	}
	proved(t, d)
}

// Without instructions nothing can be requested; what waits can be decided.
func TestOffer(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
		p := request(t, d, accountID, 5*unit, "Invoice 1")
		offered(t, d, "\r\n ")
		if o, err := s.Offer(t.Context()); err != nil || o.Open() {
			t.Errorf("no instructions: %+v, %v", o, err)
		}
		if _, err := s.Request(t.Context(), accountID, 5*unit, "Invoice 2"); !fault.Is(err, fault.Conflict) {
			t.Errorf("without an offer: %v", err)
		}
		if _, after, err := s.Approve(t.Context(), p.ID, 0, staff); err != nil || after != 5*unit {
			t.Errorf("what waited: %s, %v", after, err)
		}
		for name, o := range map[string]payment.Offer{
			"long":      {Instructions: strings.Repeat("ä", payment.MaxInstructions+1), Least: unit, Most: unit},
			"no text":   {Instructions: "\xff", Least: unit, Most: unit},
			"nothing":   {Instructions: "a", Most: unit},
			"backwards": {Instructions: "a", Least: 2 * unit, Most: unit},
			"too much":  {Instructions: "a", Least: unit, Most: money.Max + 1},
		} {
			if err := s.SetOffer(t.Context(), o, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		proved(t, d)
	})
}

// Where the last step of an approval fails, none of it happened: the payment waits
// and may be approved.
func TestApprovalIsWhole(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, accountID := payment.NewStore(d), newAccount(t, d, "ann@example.com")
		p := request(t, d, accountID, 5*unit, "Invoice 1")
		rename(t, d, "audit_head", "away")
		if _, _, err := s.Approve(t.Context(), p.ID, 0, staff); err == nil {
			t.Fatal("it was approved without a row of the audit log")
		}
		rename(t, d, "away", "audit_head")
		if after, err := s.Find(t.Context(), p.ID); err != nil || after != p || balance(t, d, accountID) != 0 {
			t.Errorf("after the failure: %+v, %s, %v", after, balance(t, d, accountID), err)
		}
		if _, after, err := s.Approve(t.Context(), p.ID, 0, staff); err != nil || after != 5*unit {
			t.Errorf("again: %s, %v", after, err)
		}
		proved(t, d)
	})
}

// The lists are complete and in their order, page by page, and an account's has
// nothing of another's.
func TestLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := payment.NewStore(d)
		ann, ben := newAccount(t, d, "ann@example.com"), newAccount(t, d, "ben@example.com")
		var of, waiting []string
		for i := range 7 {
			p := request(t, d, []string{ann, ben}[i%2], unit, "Invoice "+string(rune('1'+i)))
			if i%2 == 0 {
				of = append([]string{p.ID}, of...)
			}
			if i == 2 {
				if _, _, err := s.Approve(t.Context(), p.ID, 0, staff); err != nil {
					t.Fatal(err)
				}
				continue
			}
			waiting = append(waiting, p.ID)
		}
		pages := func(next func(after string) ([]payment.Payment, error)) (all []string) {
			for after := ""; ; {
				some, err := next(after)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range some {
					all = append(all, p.ID)
					after = p.ID
				}
				if len(some) < 2 {
					return all
				}
			}
		}
		if got := pages(func(before string) ([]payment.Payment, error) { return s.Of(t.Context(), ann, before, 2) }); !slices.Equal(got, of) {
			t.Errorf("of an account: %v, want %v", got, of)
		}
		if got := pages(func(after string) ([]payment.Payment, error) { return s.AllWaiting(t.Context(), after, 2) }); !slices.Equal(got, waiting) {
			t.Errorf("waiting: %v, want %v", got, waiting)
		}
		all := pages(func(before string) ([]payment.Payment, error) { return s.All(t.Context(), before, 2) })
		if len(all) != 7 || !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("all: %v", all)
		}
	})
}

// The proof names what somebody with the database at hand changed.
func TestAuditFindsTampering(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, found string }{
		"more is credited":      {`UPDATE payments SET amount = amount + 1 WHERE id = $1`, "is credited with 5.000001"},
		"credited without end":  {`UPDATE payments SET state = 'rejected', amount = 0 WHERE id = $1`, "is rejected, but 5.00 was deposited"},
		"another account's":     {`UPDATE payments SET account_id = (SELECT MAX(id) FROM accounts) WHERE id = $1`, "to the live wallet of"},
		"another decided":       {`UPDATE payments SET decided_by = 'nobody' WHERE id = $1`, "by nobody"},
		"the payment is gone":   {`DELETE FROM payments WHERE id = $1`, "there is no such payment"},
		"nothing was deposited": {`INSERT INTO payments (id, account_id, gateway, state, asked, amount, reference, requested_at, decided_at) SELECT 'pay_x', account_id, gateway, state, asked, amount, 'x', 1, 1 FROM payments WHERE id = $1`, "nothing was deposited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				p := request(t, d, newAccount(t, d, "ann@example.com"), 5*unit, "Invoice 1")
				newAccount(t, d, "ben@example.com")
				if _, _, err := payment.NewStore(d).Approve(t.Context(), p.ID, 0, staff); err != nil {
					t.Fatal(err)
				}
				proved(t, d)
				must(t, d, c.statement, p.ID)
				found := differences(t, d)
				if len(found) != 1 || !strings.Contains(found[0], c.found) {
					t.Errorf("found %q", found)
				}
			})
		})
	}
}
