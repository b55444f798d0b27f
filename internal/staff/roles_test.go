package staff_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/staff"
)

// desk is a panel's staff in a test.
type desk struct {
	*staff.Store

	t        *testing.T
	db       *db.DB
	accounts *account.Store
	owner    staff.Actor
}

func each(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := &desk{Store: staff.NewStore(d), t: t, db: d, accounts: account.NewStore(d)}
		k.owner = staff.Actor{AccountID: k.account("owner@example.com", account.Owner)}
		test(t, k)
	})
}

func (d *desk) account(email string, role account.Role) string {
	d.t.Helper()
	a, err := d.accounts.Create(d.t.Context(), email, "a password of tests", role, "test")
	if err != nil {
		d.t.Fatal(err)
	}
	return a.ID
}

// helper makes somebody with a role that holds what is given.
func (d *desk) helper(email string, may ...staff.Permission) (staff.Actor, staff.Role) {
	d.t.Helper()
	r, err := d.Create(d.t.Context(), "Role of "+email, staff.SetOf(may...), d.owner)
	if err != nil {
		d.t.Fatal(err)
	}
	a := staff.Actor{AccountID: d.account(email, account.Customer)}
	if _, err := d.Appoint(d.t.Context(), a.AccountID, r.ID, d.owner); err != nil {
		d.t.Fatal(err)
	}
	return a, r
}

func (d *desk) may(accountID string) (may staff.Set) {
	d.t.Helper()
	err := d.db.Read(d.t.Context(), func(tx *db.Tx) (err error) {
		may, err = staff.Of(tx, accountID)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return may
}

func refused(t *testing.T, what string, err error, why fault.Reason) {
	t.Helper()
	if f, is := errors.AsType[*fault.Error](err); !is || f.Reason != why {
		t.Errorf("%s: %v, want %s", what, err, why)
	}
}

// Whatever an actor claims to hold, what the database says counts: nobody makes,
// changes, gives, takes or removes a role that holds more than they do.
func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		chief, _ := d.helper("chief@example.com", staff.StaffChange, staff.OrdersSee, staff.OrdersChange)
		richer, rich := d.helper("richer@example.com", staff.AccountsCredit)
		customer := d.account("customer@example.com", account.Customer)
		chief.Permissions = staff.Everything() // a lie

		_, err := d.Create(ctx, "Cashier", staff.SetOf(staff.AccountsCredit), chief)
		refused(t, "make", err, staff.Beyond)
		_, err = d.Appoint(ctx, customer, rich.ID, chief)
		refused(t, "give", err, staff.Beyond)
		_, err = d.Appoint(ctx, richer.AccountID, "", chief)
		refused(t, "take", err, staff.Beyond)
		refused(t, "remove", d.Remove(ctx, rich.ID, chief), staff.Beyond)
		_, err = d.Change(ctx, rich.ID, "Nothing", staff.SetOf(), chief)
		refused(t, "empty a role that holds more", err, staff.Beyond)

		clerk, err := d.Create(ctx, "Clerk", staff.SetOf(staff.OrdersSee), chief)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Change(ctx, clerk.ID, "Clerk", staff.SetOf(staff.OrdersSee, staff.OrdersRefund), chief)
		refused(t, "widen", err, staff.Beyond)
		if m, err := d.Appoint(ctx, customer, clerk.ID, chief); err != nil || m.RoleName != "Clerk" || d.may(customer) != staff.SetOf(staff.OrdersSee) {
			t.Errorf("%+v, %v; may %q", m, err, d.may(customer))
		}
		_, err = d.Appoint(ctx, "owner@example.com", clerk.ID, chief)
		refused(t, "an owner", err, staff.IsOwner)
		_, err = d.Appoint(ctx, chief.AccountID, clerk.ID, chief)
		refused(t, "themselves", err, staff.Yourself)
		_, err = d.Appoint(ctx, customer, "", richer)
		refused(t, "without the permission for it", err, staff.Beyond)
		if d.may(customer) != staff.SetOf(staff.OrdersSee) || d.may(richer.AccountID) != staff.SetOf(staff.AccountsCredit) {
			t.Error("a refused change was made")
		}
	})
}

// A role that was widened, a dismissed holder and a suspended one count at once.
func TestWhatARoleHoldsCountsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		helper, role := d.helper("helper@example.com", staff.OrdersSee)
		if _, err := d.Change(ctx, role.ID, "Support", staff.SetOf(staff.LogSee, staff.OrdersSee), d.owner); err != nil {
			t.Fatal(err)
		}
		if got := d.may(helper.AccountID); got != "orders.see log.see" {
			t.Errorf("after the change: %q", got)
		}
		refused(t, "a role in use", d.Remove(ctx, role.ID, d.owner), staff.InUse)
		if _, err := d.accounts.SetState(ctx, helper.AccountID, account.Suspended, "test"); err != nil {
			t.Fatal(err)
		}
		if got := d.may(helper.AccountID); got != "" {
			t.Errorf("suspended: %q", got)
		}
		if _, err := d.Appoint(ctx, helper.AccountID, "", d.owner); err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(ctx, role.ID, d.owner); err != nil {
			t.Fatal(err)
		}
		roles, err := d.Roles(ctx)
		if err != nil || len(roles) != 0 {
			t.Errorf("%+v, %v", roles, err)
		}
		members, err := d.Members(ctx)
		if err != nil || len(members) != 1 || !members[0].Owner {
			t.Errorf("%+v, %v", members, err)
		}
	})
}

// Who loses a permission while they give it away gives nothing: one of the two
// comes first.
func TestTakingAndGivingAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		chief, _ := d.helper("chief@example.com", staff.StaffChange, staff.OrdersRefund)
		clerk, err := d.Create(ctx, "Clerk", staff.SetOf(staff.OrdersRefund), d.owner)
		if err != nil {
			t.Fatal(err)
		}
		customer := d.account("customer@example.com", account.Customer)
		var both sync.WaitGroup
		var given error
		both.Go(func() { _, given = d.Appoint(ctx, customer, clerk.ID, chief) })
		both.Go(func() {
			if _, err := d.Appoint(ctx, chief.AccountID, "", d.owner); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		rows := d.log(ctx)
		switch {
		case given == nil && !strings.HasPrefix(rows, "staff.appoint staff.dismiss"):
			t.Errorf("it was given after it was taken: %s", rows)
		case given != nil && d.may(customer) != "":
			t.Error("it was refused and given")
		}
	})
}

// log is the last two acts, the older one first.
func (d *desk) log(ctx context.Context) (acts string) {
	d.t.Helper()
	err := d.db.Read(ctx, func(tx *db.Tx) error {
		all, err := db.All(tx, func(s db.Scanner) (act string, err error) {
			err = s.Scan(&act)
			return act, err
		}, `SELECT action FROM audit_log WHERE action IN ('staff.appoint', 'staff.dismiss') AND seq > (SELECT MAX(seq) FROM audit_log) - 2 ORDER BY seq`)
		acts = strings.Join(all, " ")
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return acts
}

// Names that a newer or older release wrote open nothing.
func TestSetsHoldKnownPermissions(t *testing.T) {
	t.Parallel()
	odd := staff.Set("orders.see everything.do log.see")
	if got := staff.SetOf(odd.List()...); got != "orders.see log.see" || odd.Has("everything.do") {
		t.Errorf("%q", got)
	}
	if !staff.Everything().Covers(odd) || odd.Covers(staff.SetOf(staff.LogSee, staff.OrdersRefund)) {
		t.Error("covers")
	}
}
