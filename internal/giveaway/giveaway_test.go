package giveaway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	unit  = money.Unit
	staff = "cli:root"
)

// panel is a database with its giveaways.
type panel struct {
	*testing.T

	db    *db.DB
	ring  *secret.Ring
	store *giveaway.Store
}

func newPanel(t *testing.T, d *db.DB) *panel {
	t.Helper()
	ring, err := secret.NewRing(secret.Generate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &panel{T: t, db: d, ring: ring, store: giveaway.NewStore(d, ring)}
}

func each(t *testing.T, test func(p *panel)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		test(newPanel(t, d))
	})
}

func (p *panel) account(email string, role account.Role) string {
	p.Helper()
	a, err := account.NewStore(p.db).Create(p.Context(), email, "correct horse battery", role, staff)
	if err != nil {
		p.Fatal(err)
	}
	return a.ID
}

// accounts makes n customers.
func (p *panel) accounts(n int) []string {
	p.Helper()
	all := make([]string, n)
	for i := range all {
		all[i] = p.account(fmt.Sprintf("c%d@example.com", i), account.Customer)
	}
	return all
}

func (p *panel) now() (now time.Time) {
	p.Helper()
	if err := p.db.Read(p.Context(), func(tx *db.Tx) error { now = tx.Now; return nil }); err != nil {
		p.Fatal(err)
	}
	return now
}

// terms are those of a giveaway that takes entries for an hour.
func (p *panel) terms(winners int64) giveaway.Terms {
	return giveaway.Terms{
		Language: "en", Title: "Ten thousand orders", Body: "Thank you.", Prize: 10 * unit, Places: winners, ClosesAt: p.now().Add(time.Hour),
	}
}

func (p *panel) open(terms giveaway.Terms) giveaway.Giveaway {
	p.Helper()
	g, err := p.store.Open(p.Context(), terms, staff)
	if err != nil {
		p.Fatal(err)
	}
	return g
}

func (p *panel) enter(g giveaway.Giveaway, accountIDs ...string) {
	p.Helper()
	for _, accountID := range accountIDs {
		if _, err := p.store.Enter(p.Context(), accountID, g.ID); err != nil {
			p.Fatal(err)
		}
	}
}

func (p *panel) balance(accountID string) money.Amount {
	p.Helper()
	live, _, err := account.NewStore(p.db).Balances(p.Context(), accountID)
	if err != nil {
		p.Fatal(err)
	}
	return live
}

func (p *panel) differences() (found []string) {
	p.Helper()
	differs := func(text string) { found = append(found, text) }
	_, err := giveaway.Audit(p.Context(), p.db, differs)
	_, errWallets := ledger.Audit(p.Context(), p.db, differs)
	_, errLog := account.VerifyLog(p.Context(), p.db, differs)
	if err := errors.Join(err, errWallets, ledger.AuditRules(p.Context(), p.db, differs), errLog, account.VerifyActs(p.Context(), p.db, differs)); err != nil {
		p.Fatal(err)
	}
	return found
}

func (p *panel) proved() {
	p.Helper()
	for _, text := range p.differences() {
		p.Error(text)
	}
}

func (p *panel) exec(statement string, args ...any) {
	p.Helper()
	err := p.db.Write(p.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	})
	if err != nil {
		p.Fatalf("%s: %v", statement, err)
	}
}

// paid is what all prizes came to, over the wallets of the accounts.
func (p *panel) paid(accountIDs []string) (all money.Amount, winners int) {
	p.Helper()
	for _, accountID := range accountIDs {
		if b := p.balance(accountID); b > 0 {
			all += b
			winners++
		}
	}
	return all, winners
}

// The way of a giveaway: committed to when it opens, entered, drawn once it has
// closed, its prizes booked to those whom its own proof names.
func TestGiveawayIsDrawn(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		g, who := p.open(p.terms(3)), p.accounts(7)
		if len(g.Commitment) != 64 || g.Seed != "" {
			p.Errorf("opened: %+v", g)
		}
		p.enter(g, who...)
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); !fault.Is(err, fault.Conflict) {
			p.Errorf("drawn while entries are taken: %v", err)
		}
		p.db.AdvanceClock(time.Hour)
		drawn, wins, err := p.store.Draw(p.Context(), g.ID, staff)
		if err != nil || len(wins) != 3 || drawn.State != giveaway.Drawn {
			p.Fatalf("%+v, %+v, %v", drawn, wins, err)
		}
		seed, err := hex.DecodeString(drawn.Seed)
		if sum := sha256.Sum256(seed); err != nil || hex.EncodeToString(sum[:]) != g.Commitment {
			p.Errorf("the seed %s is not that of %s", drawn.Seed, g.Commitment)
		}
		proof, err := p.store.Proof(p.Context(), g.ID, "USD")
		if err != nil || len(proof.Entries) != 7 {
			p.Fatalf("%+v, %v", proof, err)
		}
		if differs := proof.Check(); len(differs) > 0 {
			p.Errorf("the proof does not hold: %q", differs)
		}
		for i, number := range again(seed, g.ID, proof.EntriesHash, 7, 3) {
			won := wins[i]
			if won.Entry.Number != number || won.Entry.AccountID != who[number-1] || won.Balance != 10*unit || p.balance(who[number-1]) != 10*unit {
				p.Errorf("place %d: %+v, want entry %d", i+1, won, number)
			}
		}
		if all, winners := p.paid(who); all != 30*unit || winners != 3 {
			p.Errorf("%s went to %d", all, winners)
		}
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); !fault.Is(err, fault.Conflict) {
			p.Errorf("drawn again: %v", err)
		}
		p.proved()
	})
}

// Fewer entries than places are fewer prizes; none is a draw without winners.
func TestFewEntries(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		who := p.accounts(1)
		nobody, one := p.open(p.terms(2)), p.open(p.terms(2))
		p.enter(one, who...)
		p.db.AdvanceClock(time.Hour)
		for _, g := range []giveaway.Giveaway{nobody, one} {
			if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err != nil {
				p.Error(err)
			}
			proof, err := p.store.Proof(p.Context(), g.ID, "USD")
			if differs := proof.Check(); err != nil || len(differs) > 0 {
				p.Errorf("%q, %v", differs, err)
			}
		}
		if p.balance(who[0]) != 10*unit {
			p.Errorf("the wallet holds %s", p.balance(who[0]))
		}
		p.proved()
	})
}

// However often and wherever somebody enters at the same time, they are in the list
// once, and the numbers have no gap.
func TestEnteringAtOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			p, other := newPanel(t, dbtest.Connect(t, url)), dbtest.Connect(t, url)
			nodes := []*giveaway.Store{p.store, giveaway.NewStore(other, p.ring)}
			g, who := p.open(p.terms(1)), p.accounts(8)
			var all sync.WaitGroup
			var seen [8]sync.Map
			for i := range 48 {
				all.Go(func() {
					e, err := nodes[i%2].Enter(t.Context(), who[i%8], g.ID)
					if err != nil {
						t.Error(err)
					}
					seen[i%8].Store(e.Code, true)
				})
			}
			all.Wait()
			var numbers []int64
			for i, accountID := range who {
				e, found, err := p.store.EntryOf(t.Context(), g.ID, accountID)
				codes := 0
				seen[i].Range(func(any, any) bool { codes++; return true })
				if err != nil || !found || codes != 1 {
					t.Errorf("%d codes: %+v, %v", codes, e, err)
				}
				numbers = append(numbers, e.Number)
			}
			slices.Sort(numbers)
			if !slices.Equal(numbers, []int64{1, 2, 3, 4, 5, 6, 7, 8}) {
				t.Errorf("numbers: %v", numbers)
			}
			p.proved()
		})
	}
}

// At the moment of closing somebody enters while two nodes draw: who got an entry is
// in the list that was drawn from, who was refused is not, and it is drawn once.
func TestEnteringWhileItIsDrawn(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			p, late := newPanel(t, dbtest.Connect(t, url)), dbtest.Connect(t, url)
			g, who := p.open(p.terms(4)), p.accounts(12)
			p.enter(g, who[:4]...)
			// For one node the time is over, for the other it is not yet: the worst that
			// clocks can do.
			late.AdvanceClock(time.Hour)
			drawer := giveaway.NewStore(late, p.ring)
			var drawn, entered atomic.Int64
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					if i < 8 {
						if _, err := p.store.Enter(t.Context(), who[4+i], g.ID); err == nil {
							entered.Add(1)
						} else if !fault.Is(err, fault.Conflict) {
							t.Error(err)
						}
						return
					}
					if _, _, err := drawer.Draw(t.Context(), g.ID, staff); err == nil {
						drawn.Add(1)
					} else if !fault.Is(err, fault.Conflict) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			proof, err := p.store.Proof(t.Context(), g.ID, "USD")
			if err != nil || drawn.Load() != 1 || int64(len(proof.Entries)) != 4+entered.Load() {
				t.Errorf("%d drew, %d entered, %d are in the list, %v", drawn.Load(), entered.Load(), len(proof.Entries), err)
			}
			if differs := proof.Check(); len(differs) > 0 {
				t.Errorf("%q", differs)
			}
			if paid, winners := p.paid(who); paid != 40*unit || winners != 4 {
				t.Errorf("%s went to %d", paid, winners)
			}
			p.proved()
		})
	}
}

// What stops a draw half way leaves nothing half done: the next one comes to the
// same winners and pays them once.
func TestDrawGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		g, who := p.open(p.terms(2)), p.accounts(5)
		p.enter(g, who...)
		p.db.AdvanceClock(time.Hour)
		// It ends behind its first step.
		if _, err := giveaway.CloseEntries(p.store, p.Context(), g.ID); err != nil {
			p.Fatal(err)
		}
		if _, err := p.store.Enter(p.Context(), p.account("late@example.com", account.Customer), g.ID); !fault.Is(err, fault.Conflict) {
			p.Errorf("entered a closed list: %v", err)
		}
		if _, err := p.store.Cancel(p.Context(), g.ID, "Too few.", staff); !fault.Is(err, fault.Conflict) {
			p.Errorf("canceled when it is to be drawn: %v", err)
		}
		// It ends at its last step.
		p.exec(`ALTER TABLE audit_head RENAME TO away`)
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err == nil {
			p.Fatal("drawn without a row of the audit log")
		}
		p.exec(`ALTER TABLE away RENAME TO audit_head`)
		if now, err := p.store.Find(p.Context(), g.ID); err != nil || now.State != giveaway.Closed || now.Seed != "" {
			p.Errorf("after the failure: %+v, %v", now, err)
		}
		if paid, _ := p.paid(who); paid != 0 {
			p.Errorf("%s was paid", paid)
		}
		p.proved()
		loop := p.store.Loop()
		if b, err := loop.Backlog(p.Context()); err != nil || b.Count != 1 || !b.Oldest.Equal(g.ClosesAt) {
			p.Errorf("due: %+v, %v", b, err)
		}
		for _, want := range []int{1, 0} {
			if n, err := loop.Pass(p.Context()); err != nil || n != want {
				p.Errorf("%d drawn, want %d, %v", n, want, err)
			}
		}
		if paid, winners := p.paid(who); paid != 20*unit || winners != 2 {
			p.Errorf("%s went to %d", paid, winners)
		}
		p.proved()
	})
}

// A giveaway that can't be drawn holds back none that closes later.
func TestABrokenGiveawayHoldsBackNoOther(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		broken, g, who := p.open(p.terms(1)), p.open(p.terms(1)), p.accounts(2)
		p.enter(broken, who...)
		p.enter(g, who...)
		p.exec(`UPDATE giveaways SET seed_sealed = 'broken' WHERE id = $1`, broken.ID)
		p.db.AdvanceClock(time.Hour)
		if n, err := p.store.Loop().Pass(p.Context()); err == nil || n != 1 {
			p.Errorf("%d drawn, %v", n, err)
		}
		if now, err := p.store.Find(p.Context(), g.ID); err != nil || now.State != giveaway.Drawn {
			p.Errorf("%+v, %v", now, err)
		}
	})
}

// What the database makes run again is drawn once, as if it had run once.
func TestDrawRunAgain(t *testing.T) {
	t.Parallel()
	p := newPanel(t, dbtest.Open(t, db.Postgres))
	g, who := p.open(p.terms(2)), p.accounts(3)
	p.enter(g, who...)
	p.db.AdvanceClock(time.Hour)
	runs := 0
	p.store.Tell = func(tx *db.Tx, _ giveaway.Win) error {
		if runs++; runs != 2 {
			return nil
		}
		_, err := tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END $$`)
		return err
	}
	_, wins, err := p.store.Draw(t.Context(), g.ID, staff)
	if err != nil || len(wins) != 2 || runs != 4 {
		t.Fatalf("%d wins after %d calls, %v", len(wins), runs, err)
	}
	if paid, winners := p.paid(who); paid != 20*unit || winners != 2 {
		t.Errorf("%s went to %d", paid, winners)
	}
	p.proved()
}

// Who may not enter is told why, and is in no list.
func TestWhoMayNotEnter(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		terms := p.terms(1)
		terms.LeastSpent = 5 * unit
		later := p.terms(1)
		later.OpensAt, later.ClosesAt = p.now().Add(time.Minute), p.now().Add(time.Hour)
		g, tomorrow, who := p.open(terms), p.open(later), p.accounts(5)
		owner := p.account("owner@example.com", account.Owner)
		p.exec(`UPDATE accounts SET email_verified_at = NULL WHERE id = $1`, who[1])
		if _, err := account.NewStore(p.db).SetState(p.Context(), who[2], account.Suspended, staff); err != nil {
			p.Fatal(err)
		}
		p.exec(`INSERT INTO staff_roles (id, name, permissions, created_at, updated_at) VALUES ($1, 'Desk', '', 1, 1)`, "rol_desk")
		p.exec(`UPDATE accounts SET staff_role = 'rol_desk' WHERE id = $1`, who[4])
		canceled := p.open(p.terms(1))
		if _, err := p.store.Cancel(p.Context(), canceled.ID, "A mistake.", staff); err != nil {
			p.Fatal(err)
		}
		p.spend(who[0], 6*unit, 2*unit) // 4.00 in all
		free := p.open(p.terms(1))
		for name, c := range map[string]struct {
			account, giveaway string
			reason            fault.Reason
		}{
			"spent too little": {who[0], g.ID, giveaway.TooNew},
			"not verified":     {who[1], free.ID, giveaway.NotYours},
			"suspended":        {who[2], free.ID, giveaway.NotYours},
			"the owner":        {owner, free.ID, giveaway.NotYours},
			"staff":            {who[4], free.ID, giveaway.NotYours},
			"too early":        {who[3], tomorrow.ID, giveaway.NotOpen},
			"canceled":         {who[3], canceled.ID, giveaway.NotOpen},
		} {
			_, err := p.store.Enter(p.Context(), c.account, c.giveaway)
			if f, is := errors.AsType[*fault.Error](err); !is || f.Reason != c.reason {
				p.Errorf("%s: %v", name, err)
			}
		}
		p.spend(who[0], unit, 0)
		p.enter(g, who[0])
		if _, err := p.store.Enter(p.Context(), who[3], id.New(id.Giveaway)); !fault.Is(err, fault.NotFound) {
			p.Errorf("no giveaway: %v", err)
		}
		if _, err := p.store.Enter(p.Context(), id.New(id.Account), free.ID); !fault.Is(err, fault.NotFound) {
			p.Errorf("no account: %v", err)
		}
		p.db.AdvanceClock(time.Hour)
		if _, err := p.store.Enter(p.Context(), who[3], free.ID); !fault.Is(err, fault.Conflict) {
			p.Errorf("too late: %v", err)
		}
		if e, err := p.store.Enter(p.Context(), who[0], g.ID); err != nil || e.Number != 1 {
			p.Errorf("who has entered already: %+v, %v", e, err)
		}
		p.proved()
	})
}

// spend credits an account, charges an order and refunds a part of it.
func (p *panel) spend(accountID string, charge, refund money.Amount) {
	p.Helper()
	if _, err := account.NewStore(p.db).Credit(p.Context(), accountID, charge, "Welcome", staff); err != nil {
		p.Fatal(err)
	}
	orderID := id.New(id.Order)
	err := p.db.Write(p.Context(), func(tx *db.Tx) error {
		walletID, err := ledger.WalletID(tx, accountID, ledger.Live)
		if err != nil {
			return err
		}
		b, err := ledger.Open(tx, walletID)
		if err != nil {
			return err
		}
		sales := ledger.Sales.Account(ledger.Live)
		return errors.Join(
			b.Move(ledger.Transfer{Kind: ledger.OrderCharge, Ref: orderID, Debit: walletID, Credit: sales, Amount: charge}),
			b.Move(ledger.Transfer{Kind: ledger.OrderRefund, Ref: orderID + ".2", Debit: sales, Credit: walletID, Amount: refund}),
			b.Flush(),
		)
	})
	if err != nil {
		p.Fatal(err)
	}
}

// What a giveaway says has bounds, and the message names the field.
func TestOpenRefusals(t *testing.T) {
	t.Parallel()
	p := newPanel(t, dbtest.Open(t, db.SQLite))
	for field, change := range map[string]func(*giveaway.Terms){
		"language":    func(g *giveaway.Terms) { g.Language = "English" },
		"title":       func(g *giveaway.Terms) { g.Title = " " },
		"body":        func(g *giveaway.Terms) { g.Body = strings.Repeat("a", giveaway.MaxBody+1) },
		"prize":       func(g *giveaway.Terms) { g.Prize = 0 },
		"winners":     func(g *giveaway.Terms) { g.Places = giveaway.MaxWinners + 1 },
		"least_spent": func(g *giveaway.Terms) { g.LeastSpent = -1 },
		"closes_at":   func(g *giveaway.Terms) { g.ClosesAt = p.now() },
	} {
		terms := p.terms(1)
		change(&terms)
		if _, err := p.store.Open(t.Context(), terms, staff); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, title := range []string{"a\nb", "a\u202eb"} {
		terms := p.terms(1)
		terms.Title = title
		if _, err := p.store.Open(t.Context(), terms, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", title, err)
		}
	}
	if all, err := p.store.All(t.Context(), "", 10); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// The seed is nowhere in the database before the draw, and after a cancellation.
func TestSeedIsSealed(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		g := p.open(p.terms(1))
		canceled := p.open(p.terms(1))
		if c, err := p.store.Cancel(p.Context(), canceled.ID, "A mistake.", staff); err != nil || c.Seed != "" {
			p.Errorf("%+v, %v", c, err)
		}
		other, err := secret.NewRing(secret.Generate(), nil)
		if err != nil {
			p.Fatal(err)
		}
		p.db.AdvanceClock(time.Hour)
		if _, _, err := giveaway.NewStore(p.db, other).Draw(p.Context(), g.ID, staff); err == nil {
			p.Error("drawn under another key")
		}
		if _, err := p.store.Proof(p.Context(), g.ID, "USD"); !fault.Is(err, fault.NotFound) {
			p.Errorf("a proof before the draw: %v", err)
		}
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err != nil {
			p.Error(err)
		}
		p.proved()
	})
}

// The proof names what somebody with the database at hand changed.
func TestAuditFindsTampering(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, found string }{
		"another prize":        {`UPDATE giveaways SET prize = prize + 1 WHERE id = $1`, "won 10.000001"},
		"another seed":         {`UPDATE giveaways SET seed = '00' WHERE id = $1`, "the seed"},
		"another commitment":   {`UPDATE giveaways SET commitment = 'x' WHERE id = $1`, "of its opening"},
		"another winner":       {`UPDATE giveaway_entries SET account_id = (SELECT MAX(id) FROM accounts) WHERE giveaway_id = $1 AND place = 1`, "place 1"},
		"a winner less":        {`UPDATE giveaway_entries SET place = NULL WHERE giveaway_id = $1 AND place = 2`, "no entry has won it"},
		"an entry less":        {`DELETE FROM giveaway_entries WHERE giveaway_id = $1 AND place IS NULL AND number = (SELECT MAX(number) FROM giveaway_entries WHERE place IS NULL)`, "entries"},
		"undone":               {`UPDATE giveaways SET state = 'closed', seed = '', entries_hash = '', decided_at = NULL WHERE id = $1`, "is closed, but has 2 winners"},
		"drawn by somebody":    {`UPDATE giveaways SET decided_by = 'x' WHERE id = $1`, "by x"},
		"another code":         {`UPDATE giveaway_entries SET code = 'AAAAAAAAAAAAAAAA' WHERE giveaway_id = $1 AND number = 1`, "the list's SHA-256"},
		"a number with a gap":  {`UPDATE giveaway_entries SET number = 99 WHERE giveaway_id = $1 AND number = 4`, "has the number 99"},
		"less places than won": {`UPDATE giveaways SET winners = 1 WHERE id = $1`, "1 entries win"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(p *panel) {
				p.Helper()
				g, who := p.open(p.terms(2)), p.accounts(4)
				p.account("last@example.com", account.Customer)
				p.enter(g, who...)
				p.db.AdvanceClock(time.Hour)
				if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err != nil {
					p.Fatal(err)
				}
				p.proved()
				p.exec(c.statement, g.ID)
				if found := strings.Join(p.differences(), "\n"); !strings.Contains(found, c.found) {
					p.Errorf("found %q", found)
				}
			})
		})
	}
}
