package desk_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/desk"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/staff"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const unit = money.Unit

// office is a desk with who works at it.
type office struct {
	*desk.Desk
	desk.Stores

	t     *testing.T
	db    *db.DB
	staff *staff.Store
	owner staff.Actor
}

func open(t *testing.T, d *db.DB) *office {
	t.Helper()
	ring, err := secret.NewRing(secret.Generate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stores := desk.Stores{
		Accounts: account.NewStore(d), Catalog: catalog.NewStore(d), Keys: apikey.NewStore(d, ring), Orders: order.NewStore(d), Payments: payment.NewStore(d),
	}
	o := &office{Desk: desk.New(stores), Stores: stores, t: t, db: d, staff: staff.NewStore(d)}
	o.owner = staff.Actor{AccountID: o.account("owner@example.com", account.Owner)}
	return o
}

func each(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, open(t, d)) })
}

func (o *office) account(email string, role account.Role) string {
	o.t.Helper()
	a, err := o.Stores.Accounts.Create(o.t.Context(), email, "a password of tests", role, "test")
	if err != nil {
		o.t.Fatal(err)
	}
	return a.ID
}

// helper makes somebody with a role that holds what is given.
func (o *office) helper(email string, may ...staff.Permission) staff.Actor {
	o.t.Helper()
	r, err := o.staff.Create(o.t.Context(), "Role of "+email, staff.SetOf(may...), o.owner)
	if err != nil {
		o.t.Fatal(err)
	}
	a := staff.Actor{AccountID: o.account(email, account.Customer)}
	if _, err := o.staff.Appoint(o.t.Context(), a.AccountID, r.ID, o.owner); err != nil {
		o.t.Fatal(err)
	}
	return a
}

func (o *office) live(accountID string) money.Amount {
	o.t.Helper()
	live, _, err := o.Stores.Accounts.Balances(o.t.Context(), accountID)
	if err != nil {
		o.t.Fatal(err)
	}
	return live
}

func newCredit(accountID string) account.NewCredit {
	return account.NewCredit{Account: accountID, Amount: unit, Reason: "a reason", Ref: account.CreditRef()}
}

// deeds are what changes an account, each with the permission that it needs.
func (o *office) deeds() map[string]struct {
	needs staff.Permission
	do    func(ctx context.Context, accountID string, by staff.Actor) error
} {
	type deed = struct {
		needs staff.Permission
		do    func(ctx context.Context, accountID string, by staff.Actor) error
	}
	return map[string]deed{
		"credit": {staff.AccountsCredit, func(ctx context.Context, accountID string, by staff.Actor) error {
			_, err := o.Credit(ctx, newCredit(accountID), by)
			return err
		}},
		"suspend": {staff.AccountsChange, func(ctx context.Context, accountID string, by staff.Actor) error {
			return o.Suspend(ctx, accountID, "a reason", by)
		}},
		"resume": {staff.AccountsChange, func(ctx context.Context, accountID string, by staff.Actor) error {
			return o.Resume(ctx, accountID, "", by)
		}},
		"tier": {staff.AccountsChange, func(ctx context.Context, accountID string, by staff.Actor) error {
			return o.SetTier(ctx, accountID, account.Agency, by)
		}},
		"sign out": {staff.AccountsChange, o.SignOut},
		"note": {staff.AccountsChange, func(ctx context.Context, accountID string, by staff.Actor) error {
			return o.AddNote(ctx, accountID, "a note", by)
		}},
		"top up": {staff.TopupsDecide, func(ctx context.Context, accountID string, by staff.Actor) error {
			_, _, err := o.AddTopup(ctx, accountID, unit, id.New(id.Payment), by)
			return err
		}},
	}
}

func reason(err error) fault.Reason {
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil {
		return ""
	}
	return f.Reason
}

// Whatever an actor claims, nobody but an owner changes, credits or tops up their own
// account, nor changes or credits that of somebody who holds more, or of an owner; and
// nobody at all without the permission.
func TestStaffReachNoFurtherThanTheirRole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		may := []staff.Permission{staff.AccountsSee, staff.AccountsChange, staff.AccountsCredit, staff.TopupsDecide}
		clerk := o.helper("clerk@example.com", may...)
		less := o.helper("less@example.com", staff.AccountsSee)
		more := o.helper("more@example.com", append(may, staff.LogSee)...)
		all := o.helper("all@example.com", staff.All()...)
		customer := o.account("customer@example.com", account.Customer)
		for name, deed := range o.deeds() {
			for _, c := range []struct {
				who  string
				by   staff.Actor
				to   string
				want fault.Reason
			}{
				{"a customer's by the clerk", clerk, customer, ""},
				{"that of who holds less", clerk, less.AccountID, ""},
				{"their own", clerk, clerk.AccountID, staff.Yourself},
				{"that of who holds more", clerk, more.AccountID, staff.Beyond},
				{"an owner's", clerk, o.owner.AccountID, staff.Beyond},
				{"an owner's by who holds everything", all, o.owner.AccountID, staff.Beyond},
				{"without the permission", less, customer, staff.NotHeld},
				{"by a customer", staff.Actor{AccountID: customer}, less.AccountID, staff.NotHeld},
				{"by the owner", o.owner, all.AccountID, ""},
			} {
				want := c.want
				if deed.needs == staff.TopupsDecide && want == staff.Beyond {
					want = "" // what came for somebody may be booked by who books what came
				}
				c.by.Permissions = staff.Everything() // a lie
				before, rows := o.live(c.to), o.rows()
				err := deed.do(ctx, c.to, c.by)
				if reason(err) != want || want == "" && err != nil {
					t.Errorf("%s: %s: %v, want %q", name, c.who, err, want)
				}
				if err != nil && (o.live(c.to) != before || o.rows() != rows) {
					t.Errorf("%s: %s: was refused and left something behind", name, c.who)
				}
				if name == "suspend" && err == nil {
					if err := o.Resume(ctx, c.to, "", o.owner); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if err := o.Suspend(ctx, o.owner.AccountID, "a reason", o.owner); reason(err) != staff.Yourself {
			t.Errorf("an owner suspends themselves: %v", err)
		}
		if _, err := o.Credit(ctx, newCredit(o.owner.AccountID), o.owner); err != nil {
			t.Errorf("an owner credits themselves: %v", err)
		}
		proved(t, o.db)
	})
}

func (o *office) rows() (n int64) {
	o.t.Helper()
	err := o.db.Read(o.t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM audit_log`).Scan(&n) })
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

func proved(t *testing.T, d *db.DB) {
	t.Helper()
	differs := func(text string) { t.Error(text) }
	_, errLog := account.VerifyLog(t.Context(), d, differs)
	_, errWallets := ledger.Audit(t.Context(), d, differs)
	_, errPayments := payment.Audit(t.Context(), d, differs)
	if err := errors.Join(errLog, errWallets, errPayments, account.VerifyActs(t.Context(), d, differs)); err != nil {
		t.Error(err)
	}
}

// Keys, own rates and top-ups that wait are within the same reach.
func TestReachHoldsForWhatBelongsToAnAccount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		clerk := o.helper("clerk@example.com", staff.AccountsChange, staff.TopupsDecide)
		more := o.helper("more@example.com", staff.All()...)
		for who, c := range map[string]struct {
			accountID string
			want      fault.Reason
		}{"a customer": {o.account("customer@example.com", account.Customer), ""}, "themselves": {clerk.AccountID, staff.Yourself}, "who holds more": {more.AccountID, staff.Beyond}} {
			_, k, err := o.Keys.Issue(ctx, apikey.NewKey{AccountID: c.accountID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "test")
			if err != nil {
				t.Fatal(err)
			}
			if err := o.RevokeKey(ctx, o.owner.AccountID, k.ID, clerk); !fault.Is(err, fault.NotFound) {
				t.Errorf("a key of somebody else: %v", err)
			}
			if err := o.RevokeKey(ctx, c.accountID, k.ID, clerk); reason(err) != c.want {
				t.Errorf("revoke the key of %s: %v", who, err)
			}
			kept, err := o.Keys.Own(ctx, c.accountID, k.ID)
			if err != nil || kept.RevokedAt.IsZero() == (c.want == "") {
				t.Errorf("the key of %s: %+v, %v", who, kept, err)
			}
			offer := payment.Offer{Instructions: "Pay.", Least: unit, Most: 100 * unit}
			if err := o.Payments.SetOffer(ctx, offer, "test"); err != nil {
				t.Fatal(err)
			}
			asked, err := o.Payments.Request(ctx, c.accountID, 5*unit, "INV-1")
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == staff.Beyond {
				want = ""
			}
			_, _, err = o.Approve(ctx, asked.ID, 0, clerk)
			if reason(err) != want {
				t.Errorf("approve the top-up of %s: %v", who, err)
			}
			if want != "" {
				if _, err := o.Reject(ctx, asked.ID, "No", clerk); reason(err) != want {
					t.Errorf("reject the top-up of %s: %v", who, err)
				}
				if p, err := o.Payments.Find(ctx, asked.ID); err != nil || p.State != payment.Waiting {
					t.Errorf("it is %+v, %v", p, err)
				}
			}
		}
		proved(t, o.db)
	})
}

// Who is dismissed while a credit is under way has credited before or not at all.
func TestADismissalAndACredit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		customer := o.account("customer@example.com", account.Customer)
		clerk := o.helper("clerk@example.com", staff.AccountsCredit)
		var all sync.WaitGroup
		var booked money.Amount
		var mu sync.Mutex
		for range 5 {
			all.Go(func() {
				_, err := o.Credit(ctx, newCredit(customer), clerk)
				if err != nil && reason(err) != staff.NotHeld {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					booked += unit
				}
			})
		}
		all.Go(func() {
			if _, err := o.staff.Appoint(ctx, clerk.AccountID, "", o.owner); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		if got := o.live(customer); got != booked {
			t.Errorf("the wallet holds %s, %s were answered", got, booked)
		}
		dismissed := false
		acts, _, err := o.Stores.Accounts.Log(ctx, account.LogQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, act := range slices.Backward(acts) {
			dismissed = dismissed || act.Action == "staff.dismiss"
			if dismissed && act.Action == "account.credit" {
				t.Errorf("row %d is a credit by who was dismissed before", act.Seq)
			}
		}
		proved(t, o.db)
	})
}

// An account is found by what belongs to it.
func TestFind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		customer := o.account("customer@example.com", account.Customer)
		value, _, err := o.Keys.Issue(ctx, apikey.NewKey{AccountID: customer, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "test")
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := o.Payments.Add(ctx, customer, unit, "INV-1", "test")
		if err != nil {
			t.Fatal(err)
		}
		shown := apikey.DisplayPrefix(value)
		for text, want := range map[string]int{
			customer: 1, "  " + customer: 1, "CUST": 1, shown: 1, shown + "…": 1, p.ID: 1, "": 2,
			"np_live_none": 0, id.New(id.Account): 0, id.New(id.Order): 0, id.New(id.Payment): 0, "17": 0, "#17": 0, "nobody": 0,
		} {
			page, next, err := o.Desk.Accounts(ctx, desk.Query{Text: text, Limit: 10})
			if err != nil || len(page) != want || next != "" || want == 1 && page[0].ID != customer {
				t.Errorf("%q finds %+v, %v", text, page, err)
			}
		}
	})
}
