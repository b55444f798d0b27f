package account_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

func newCredit(of account.Account, amount money.Amount) account.NewCredit {
	return account.NewCredit{Account: of.ID, Amount: amount, Reason: "a reason", Ref: account.CreditRef()}
}

// A credit that is sent again is booked once and answered as the first time; another
// one under its name is refused and moves nothing.
func TestACreditThatIsSentAgainIsBookedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, a, other := account.NewStore(d), create(t, d, email), create(t, d, "bob@example.com")
		n := newCredit(a, 10*unit)
		for range 3 {
			if got, err := s.CreditOnce(t.Context(), n, staff); err != nil || got != 10*unit {
				t.Errorf("%s, %v", got, err)
			}
		}
		taken := newCredit(a, -4*unit)
		for range 2 {
			if got, err := s.CreditOnce(t.Context(), taken, staff); err != nil || got != 6*unit {
				t.Errorf("taken: %s, %v", got, err)
			}
		}
		if got, err := s.CreditOnce(t.Context(), n, staff); err != nil || got != 10*unit {
			t.Errorf("after another one the first is answered with %s, %v", got, err)
		}
		rows := count(t, d, "audit_log")
		for name, change := range map[string]func(*account.NewCredit){
			"more":            func(n *account.NewCredit) { n.Amount++ },
			"the other way":   func(n *account.NewCredit) { n.Amount = -n.Amount },
			"another reason":  func(n *account.NewCredit) { n.Reason = "no reason" },
			"another account": func(n *account.NewCredit) { n.Account = other.ID },
		} {
			changed := n
			change(&changed)
			if got, err := s.CreditOnce(t.Context(), changed, staff); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %s, %v", name, got, err)
			}
		}
		if _, err := s.CreditOnce(t.Context(), n, "another actor"); !fault.Is(err, fault.Conflict) {
			t.Errorf("another actor: %v", err)
		}
		n.Ref = "1"
		if _, err := s.CreditOnce(t.Context(), n, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("a malformed name: %v", err)
		}
		live, _, err := s.Balances(t.Context(), a.ID)
		if err != nil || live != 6*unit || count(t, d, "audit_log") != rows || verified(t, d) != rows {
			t.Errorf("the wallet holds %s, %d rows of %d (%v)", live, count(t, d, "audit_log"), rows, err)
		}
		proved(t, d)
	})
}

// One credit sent at the same time to two nodes, as a double click is, is booked once,
// and each is answered with the balance after it.
func TestOneCreditAtTheSameTimeIsBookedOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			a := create(t, nodes[0], email)
			n := newCredit(a, 10*unit)
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					if got, err := account.NewStore(nodes[i%2]).CreditOnce(t.Context(), n, staff); err != nil || got != 10*unit {
						t.Errorf("%s, %v", got, err)
					}
				})
			}
			all.Wait()
			live, _, err := account.NewStore(nodes[0]).Balances(t.Context(), a.ID)
			if err != nil || live != 10*unit || verified(t, nodes[1]) != 2 || count(t, nodes[0], "transfers") != 2 {
				t.Errorf("the wallet holds %s after %d transfers (%v)", live, count(t, nodes[0], "transfers"), err)
			}
			proved(t, nodes[0])
		})
	}
}

// A credit that breaks at its last step has not happened, and is booked when it is
// sent again.
func TestACreditThatBreaksIsSentAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, a := account.NewStore(d), create(t, d, email)
		n := newCredit(a, 10*unit)
		rename := func(from, to string) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(`ALTER TABLE ` + from + ` RENAME TO ` + to)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		rename("audit_head", "away")
		if got, err := s.CreditOnce(t.Context(), n, staff); err == nil {
			t.Errorf("%s without a row of the log", got)
		}
		rename("away", "audit_head")
		if live, _, err := s.Balances(t.Context(), a.ID); err != nil || live != 0 {
			t.Errorf("the wallet holds %s (%v)", live, err)
		}
		for range 2 {
			if got, err := s.CreditOnce(t.Context(), n, staff); err != nil || got != 10*unit {
				t.Errorf("again: %s, %v", got, err)
			}
		}
		if verified(t, d) != 2 {
			t.Error("the log has another row")
		}
		proved(t, d)
	})
}

// What the database makes run again is booked once.
func TestACreditThatRunsAgainIsBookedOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres)
	a := create(t, d, email)
	runs := 0
	s := account.NewStore(d).Under(func(tx *db.Tx, _ string) error {
		if runs++; runs > 1 {
			return nil
		}
		_, err := tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END $$`)
		return err
	})
	if got, err := s.CreditOnce(t.Context(), newCredit(a, 10*unit), staff); err != nil || got != 10*unit || runs != 2 {
		t.Errorf("%s after %d runs, %v", got, runs, err)
	}
	proved(t, d)
}

// What a guard refuses has not happened.
func TestAGuardUndoesWhatItRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := create(t, d, email)
		refuse := fault.New(fault.Forbidden, "No")
		s := account.NewStore(d).Under(func(_ *db.Tx, accountID string) error {
			if accountID != a.ID {
				t.Errorf("asked about %s", accountID)
			}
			return refuse
		})
		ctx := t.Context()
		rows := count(t, d, "audit_log")
		_, credit := s.CreditOnce(ctx, newCredit(a, unit), staff)
		_, state := s.SetStateFor(ctx, a.ID, account.Suspended, "a reason", staff)
		_, tier := s.SetTier(ctx, a.ID, account.Agency, staff)
		_, out := s.SignOut(ctx, a.ID, staff)
		_, note := s.AddNote(ctx, a.ID, "a note", staff)
		for i, err := range []error{credit, state, tier, out, note} {
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%d: %v", i, err)
			}
		}
		after, err := s.Find(ctx, a.ID)
		live, _, _ := s.Balances(ctx, a.ID)
		if err != nil || after != a || live != 0 || count(t, d, "account_notes") != 0 || count(t, d, "audit_log") != rows {
			t.Errorf("%+v holds %s (%v)", after, live, err)
		}
	})
}

// Notes are kept as they were written, the newest first, and can't be changed.
func TestNotes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, a, author := account.NewStore(d), create(t, d, email), create(t, d, "bob@example.com")
		if _, err := s.AddNote(t.Context(), a.ID, " Asked for an invoice.\r\nSent it. ", author.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddNote(t.Context(), a.ID, "second", staff); err != nil {
			t.Fatal(err)
		}
		all, err := s.Notes(t.Context(), a.ID, 10)
		if err != nil || len(all) != 2 || all[0].Text != "second" || all[0].Email != "" || all[1].Text != "Asked for an invoice.\nSent it." ||
			all[1].Email != author.Email || all[1].At.IsZero() {
			t.Errorf("%+v, %v", all, err)
		}
		for name, text := range map[string]string{"empty": " \n ", "too long": fmt.Sprintf("x%2000d", 1), "steering": "a\u202eb"} {
			if _, err := s.AddNote(t.Context(), a.ID, text, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE account_notes SET text = 'other'`)
			return err
		})
		if err == nil {
			t.Error("a note was changed")
		}
		if actor, action, target, detail := logged(t, d); actor != staff || action != "account.note" || target != a.ID || detail != all[0].ID {
			t.Errorf("%s %s %s %s", actor, action, target, detail)
		}
	})
}
