package account_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	unit     = money.Unit
	email    = "ann@example.com"
	password = "correct horse battery"
	staff    = "cli:root"
)

func create(t *testing.T, d *db.DB, email string) account.Account {
	t.Helper()
	a, err := account.NewStore(d).Create(t.Context(), email, password, account.Customer, staff)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// one returns the single value that a query finds.
func one[T any](t *testing.T, d *db.DB, query string, args ...any) (value T) {
	t.Helper()
	err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&value) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func count(t *testing.T, d *db.DB, table string) int64 {
	t.Helper()
	return one[int64](t, d, `SELECT COUNT(*) FROM `+table)
}

func authEpoch(t *testing.T, d *db.DB) int64 {
	t.Helper()
	e, err := epoch.NewReader(d).Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e.Auth
}

// logged returns the newest row of the audit log, whose chain must hold.
func logged(t *testing.T, d *db.DB) (actor, action, target, detail string) {
	t.Helper()
	verified(t, d)
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT actor, action, target, detail FROM audit_log ORDER BY seq DESC LIMIT 1`).
			Scan(&actor, &action, &target, &detail)
	})
	if err != nil {
		t.Fatal(err)
	}
	return actor, action, target, detail
}

func verified(t *testing.T, d *db.DB) (rows int64) {
	t.Helper()
	rows, err := account.VerifyLog(t.Context(), d, func(text string) { t.Error(text) })
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// A new account is active, has its two wallets, and is found by its id and by its
// address in any case; the audit log says who made it.
func TestCreate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := account.NewStore(d)
		a := create(t, d, "  Ann@Example.COM ")
		if a.Email != email || a.State != account.Active || a.Tier != account.Standard || a.Role != account.Customer || !id.Valid(id.Account, a.ID) {
			t.Errorf("created %+v", a)
		}
		for _, by := range []string{a.ID, email, "ANN@example.com"} {
			if got, err := s.Find(t.Context(), by); err != nil || got != a {
				t.Errorf("by %s: %+v, %v; want %+v", by, got, err, a)
			}
		}
		if _, err := s.Find(t.Context(), "bob@example.com"); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody else: %v, want NotFound", err)
		}
		for mode, want := range map[ledger.Mode]money.Amount{ledger.Live: 0, ledger.Test: 1000 * unit} {
			got := one[money.Amount](t, d, `SELECT balance FROM wallets WHERE account_id = $1 AND mode = $2`, a.ID, string(mode))
			if got != want {
				t.Errorf("the %s wallet holds %s, want %s", mode, got, want)
			}
		}
		if actor, action, target, _ := logged(t, d); actor != staff || action != "account.create" || target != a.ID {
			t.Errorf("the log says %s did %s to %s", actor, action, target)
		}
	})
}

// One address is one account, however it is spelled and however many ask at once.
func TestCreateRefusesATakenAddress(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var created atomic.Int64
		var all sync.WaitGroup
		for _, spelled := range []string{email, "ANN@EXAMPLE.COM", "Ann@example.com", " ann@example.com"} {
			all.Go(func() {
				_, err := account.NewStore(d).Create(t.Context(), spelled, password, account.Customer, staff)
				switch {
				case err == nil:
					created.Add(1)
				case !fault.Is(err, fault.Conflict):
					t.Errorf("%q: %v, want Conflict", spelled, err)
				}
			})
		}
		all.Wait()
		if created.Load() != 1 || count(t, d, "accounts") != 1 || count(t, d, "wallets") != 2 || verified(t, d) != 1 {
			t.Errorf("created %d; %d accounts, %d wallets, %d rows in the log", created.Load(),
				count(t, d, "accounts"), count(t, d, "wallets"), verified(t, d))
		}
	})
}

// What can't be an account leaves nothing.
func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	for name, c := range map[string]struct {
		email, password string
		role            account.Role
	}{
		"no address":       {"", password, account.Customer},
		"not an address":   {"ann", password, account.Customer},
		"a name with it":   {"Ann <ann@example.com>", password, account.Customer},
		"two addresses":    {"ann@example.com, bob@example.com", password, account.Customer},
		"a long address":   {strings.Repeat("a", 250) + "@example.com", password, account.Customer},
		"a line end":       {"ann@example.com\nBcc: bob@example.com", password, account.Customer},
		"a bare address":   {"ann@[127.0.0.1]", password, account.Customer},
		"a hyphen":         {"ann@-", password, account.Customer},
		"a hyphen's end":   {"ann@example-.com", password, account.Customer},
		"an odd host":      {"ann@exam_ple.com", password, account.Customer},
		"a soft hyphen":    {"an\u00adn@example.com", password, account.Customer},
		"one in the host":  {"ann@exam\u00adple.com", password, account.Customer},
		"a joiner":         {"ann\u200d@example.com", password, account.Customer},
		"quotes":           {`"ann b"@example.com`, password, account.Customer},
		"a long label":     {"ann@" + strings.Repeat("a", 64) + ".com", password, account.Customer},
		"a short password": {email, "123456789", account.Customer},
		"a long password":  {email, strings.Repeat("x", 257), account.Customer},
		"an unknown role":  {email, password, "admin"},
		"no role":          {email, password, ""},
	} {
		if _, err := account.NewStore(d).Create(t.Context(), c.email, c.password, c.role, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	if count(t, d, "accounts") != 0 || count(t, d, "wallets") != 0 || count(t, d, "audit_log") != 0 {
		t.Error("a refusal left something behind")
	}
}

// What mail can go to is an address, in any script.
func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		" Ann@Example.com ": email, "ann+shop@mail.example.co": "ann+shop@mail.example.co", "o'hara@xn--bcher-kva.example": "o'hara@xn--bcher-kva.example",
		"ann@bücher.example": "ann@bücher.example", "ann@उदाहरण.example": "ann@उदाहरण.example", "ann@localhost": "ann@localhost", "a@1.example": "a@1.example",
	} {
		if got, err := account.NormalEmail(sent); got != want || err != nil {
			t.Errorf("%q became %q, %v", sent, got, err)
		}
	}
}

// Only the very password is right, and it is stored nowhere.
func TestCheckPassword(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := create(t, d, email)
		s := account.NewStore(d)
		for given, want := range map[string]bool{
			password: true, "": false, "Correct horse battery": false, password + " ": false, password[1:]: false,
		} {
			if got, err := s.CheckPassword(t.Context(), a.ID, given); err != nil || got != want {
				t.Errorf("%q: %v, %v; want %v", given, got, err, want)
			}
		}
		if ok, err := s.CheckPassword(t.Context(), id.New(id.Account), password); ok || err == nil {
			t.Errorf("nobody's password: %v, %v", ok, err)
		}
		hash := one[string](t, d, `SELECT password_hash FROM accounts WHERE id = $1`, a.ID)
		if !strings.HasPrefix(hash, "$argon2id$") || strings.Contains(hash, password) {
			t.Errorf("stored as %s", hash)
		}
		again := create(t, d, "bob@example.com")
		if hash == one[string](t, d, `SELECT password_hash FROM accounts WHERE id = $1`, again.ID) {
			t.Error("equal passwords have equal hashes")
		}
	})
}

// A credit is booked with its reason and its author; what takes more than there
// is is refused and leaves no trace in ledger or log.
func TestCredit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := create(t, d, email)
		s := account.NewStore(d)
		for _, c := range []struct {
			by           string
			amount, want money.Amount
		}{{a.ID, 10 * unit, 10 * unit}, {"ANN@example.com", -4 * unit, 6 * unit}, {email, -6 * unit, 0}, {a.ID, 1, 1}} {
			if got, err := s.Credit(t.Context(), c.by, c.amount, "a reason", staff); err != nil || got != c.want {
				t.Errorf("%s leaves %s, %v; want %s", c.amount, got, err, c.want)
			}
		}
		var debit, memo, actor string
		var amount money.Amount
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT debit, amount, memo, actor FROM transfers WHERE kind = 'credit' ORDER BY id LIMIT 1`).
				Scan(&debit, &amount, &memo, &actor)
		})
		if err != nil || debit != "adjustment" || amount != 10*unit || memo != "a reason" || actor != staff {
			t.Errorf("booked %s from %s, %q by %s (%v)", amount, debit, memo, actor, err)
		}
		if _, action, target, detail := logged(t, d); action != "account.credit" || target != a.ID || !strings.Contains(detail, "a reason") {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}

		transfers, rows := count(t, d, "transfers"), count(t, d, "audit_log")
		for name, c := range map[string]struct {
			by, reason string
			amount     money.Amount
			want       fault.Code
		}{
			"below zero": {a.ID, "a reason", -2, fault.InsufficientFunds},
			"nothing":    {a.ID, "a reason", 0, fault.Invalid},
			"no reason":  {a.ID, " \t", unit, fault.Invalid},
			"nobody":     {"bob@example.com", "a reason", unit, fault.NotFound},
		} {
			if _, err := s.Credit(t.Context(), c.by, c.amount, c.reason, staff); !fault.Is(err, c.want) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if count(t, d, "transfers") != transfers || count(t, d, "audit_log") != rows || verified(t, d) != rows {
			t.Error("a refused credit left something behind")
		}
		proved(t, d)
	})
}

func proved(t *testing.T, d *db.DB) {
	t.Helper()
	if _, err := ledger.Audit(t.Context(), d, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
}

// Credits given at the same time on two nodes all count, and so do their rows in
// the audit log.
func TestConcurrentCreditsSumUp(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			a := create(t, nodes[0], email)
			var all sync.WaitGroup
			for i := range 10 {
				all.Go(func() {
					amount := money.Amount(i+1) * unit
					if _, err := account.NewStore(nodes[i%2]).Credit(t.Context(), email, amount, "a reason", staff); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			got := one[money.Amount](t, nodes[1], `SELECT balance FROM wallets WHERE account_id = $1 AND mode = 'live'`, a.ID)
			if got != 55*unit || verified(t, nodes[1]) != 11 {
				t.Errorf("the wallet holds %s, want 55.00; %d rows in the log", got, verified(t, nodes[1]))
			}
			proved(t, nodes[0])
		})
	}
}

// Suspending, resuming and moving to another tier are stored, logged, and move
// the epoch by which every node notices.
func TestStateAndTier(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := create(t, d, email)
		s := account.NewStore(d)
		for action, change := range map[string]func(by string) (account.Account, error){
			"account.suspended": func(by string) (account.Account, error) {
				a.State = account.Suspended
				return s.SetState(t.Context(), by, account.Suspended, staff)
			},
			"account.tier.agency": func(by string) (account.Account, error) {
				a.Tier = account.Agency
				return s.SetTier(t.Context(), by, account.Agency, staff)
			},
		} {
			before := authEpoch(t, d)
			got, err := change("ANN@example.com")
			stored, findErr := s.Find(t.Context(), a.ID)
			if err := errors.Join(err, findErr); err != nil || got != a || stored != a {
				t.Errorf("%s: returned %+v, stored %+v, %v; want %+v", action, got, stored, err, a)
			}
			if moved := authEpoch(t, d) - before; moved != 1 {
				t.Errorf("%s moved the epoch by %d", action, moved)
			}
			if actor, logged, target, _ := logged(t, d); actor != staff || logged != action || target != a.ID {
				t.Errorf("the log says %s did %s to %s, want %s", actor, logged, target, action)
			}
			rows := count(t, d, "audit_log")
			if _, err := change("nobody@example.com"); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s of nobody: %v, want NotFound", action, err)
			}
			if authEpoch(t, d) != before+1 || count(t, d, "audit_log") != rows {
				t.Errorf("%s of nobody left something behind", action)
			}
		}
		if got, err := s.SetState(t.Context(), a.ID, account.Active, staff); err != nil || got.State != account.Active {
			t.Errorf("resumed: %+v, %v", got, err)
		}
		if _, err := s.SetTier(t.Context(), a.ID, "vip", staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown tier: %v, want Invalid", err)
		}
		if _, err := s.SetState(t.Context(), a.ID, "banned", staff); err == nil {
			t.Error("an unknown state was stored")
		}
		if stored, err := s.Find(t.Context(), a.ID); err != nil || stored.State != account.Active || stored.Tier != account.Agency {
			t.Errorf("stored %+v, %v", stored, err)
		}
	})
}

// Accounts are listed oldest first with what their live wallets hold, in pages
// that fit together.
func TestList(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := account.NewStore(d)
		want := []account.Account{create(t, d, "c@example.com"), create(t, d, "a@example.com"), create(t, d, "b@example.com")}
		if _, err := s.Credit(t.Context(), want[1].ID, 5*unit, "a reason", staff); err != nil {
			t.Fatal(err)
		}
		after := ""
		var got []account.Listed
		for {
			page, err := s.List(t.Context(), after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1].ID
		}
		if len(got) != len(want) {
			t.Fatalf("%d accounts are listed", len(got))
		}
		for i, balance := range []money.Amount{0, 5 * unit, 0} {
			if got[i].Account != want[i] || got[i].Balance != balance {
				t.Errorf("%d: %+v, want %+v with %s", i, got[i], want[i], balance)
			}
		}
	})
}
