package identity

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/staff"
)

// helper makes an account with a role, which needs no second factor.
func (h *house) helper(email string, may ...staff.Permission) account.Account {
	h.t.Helper()
	h.options.StaffWithoutSecondFactor = true
	owner := staff.Actor{AccountID: h.account("owner."+email, account.Owner).ID}
	a := h.account(email, account.Customer)
	roles := staff.NewStore(h.db)
	role, err := roles.Create(h.t.Context(), "Role of "+email, staff.SetOf(may...), owner)
	if err == nil {
		_, err = roles.Appoint(h.t.Context(), a.ID, role.ID, owner)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func view(h *house, accountID string) func(context.Context) error {
	return func(ctx context.Context) error { return h.View(ctx, accountID) }
}

// Staff look at the pages as a customer for half an hour, or as long as they may;
// nothing that is the person's own works meanwhile, and both names are recorded.
func TestStaffLookOnAsACustomer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		customer := h.account("bob@example.com", account.Customer)
		helper := h.helper(ann, staff.AccountsView)
		b := h.browser().in(ann, password)
		b.must(view(h, customer.ID))
		who, _ := b.who()
		if who.AccountID != customer.ID || who.Viewer == nil || who.Viewer.AccountID != helper.ID || who.Permissions != "" || who.Fresh() {
			t.Fatalf("looks on as %+v", who)
		}
		for name, deed := range map[string]func(context.Context) error{
			"a password":     func(ctx context.Context) error { return h.ChangePassword(ctx, password, "another password") },
			"a proof":        func(ctx context.Context) error { return h.Prove(ctx, Proof{Password: password}) },
			"an address":     func(ctx context.Context) error { return h.RequestEmailChange(ctx, "new@example.com") },
			"an app":         func(ctx context.Context) error { _, err := h.BeginTOTP(ctx); return err },
			"sessions":       func(ctx context.Context) error { _, err := h.Sessions(ctx); return err },
			"other sessions": h.RevokeOtherSessions,
			"a key":          func(ctx context.Context) error { _, err := h.ProveForKey(ctx, Proof{Password: password}); return err },
			"another view":   view(h, customer.ID),
		} {
			refused(t, name, b.do(deed), OnlyViewed)
		}
		if n := h.count(`audit_log WHERE action = 'account.view' AND actor = $1 AND target = $2`, helper.ID, customer.ID); n != 1 {
			t.Errorf("%d rows of it in the audit log", n)
		}
		h.exec(`UPDATE sessions SET viewing_until = viewing_until - $1`, ViewFor.Microseconds())
		if who, _ := b.who(); who.AccountID != helper.ID || who.Viewer != nil {
			t.Errorf("after its time: %+v", who)
		}
		b.must(view(h, customer.ID))
		h.exec(`UPDATE accounts SET staff_role = NULL WHERE id = $1`, helper.ID)
		if who, _ := b.who(); who.AccountID != helper.ID {
			t.Errorf("without the permission they still look on as %s", who.Email)
		}
		refused(t, "a customer", b.do(view(h, customer.ID)), NoViewing)
	})
}

// What goes on after its request was let in, goes on as a customer for as long as
// staff look on as them, and no longer.
func TestWhatGoesOnEndsWithTheView(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		customer := h.account("bob@example.com", account.Customer)
		helper := h.helper(ann, staff.AccountsView)
		b := h.browser().in(ann, password)
		who, _ := b.who()
		shows := func(when, want string) {
			t.Helper()
			alive, err := h.Alive(t.Context(), []string{who.SessionID, "ses_none"})
			if err != nil || len(alive) != 1 || alive[who.SessionID] != want {
				t.Errorf("%s it shows %v, %v; want %s", when, alive, err, want)
			}
		}
		shows("before", helper.ID)
		b.must(view(h, customer.ID))
		shows("meanwhile", customer.ID)
		b.must(func(ctx context.Context) error { _, err := h.EndView(ctx); return err })
		shows("once it was ended", helper.ID)
		b.must(view(h, customer.ID))
		h.exec(`UPDATE sessions SET viewing_until = viewing_until - $1`, ViewFor.Microseconds())
		shows("after its time", helper.ID)
	})
}

// Nobody looks on as staff, not even an owner; one who is appointed meanwhile is
// not shown any more.
func TestNobodyLooksOnAsStaff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		other := h.helper("bob@example.com", staff.OrdersSee)
		h.account(ann, account.Owner)
		customer := h.account("customer@example.com", account.Customer)
		b := h.browser().in(ann, password)
		refused(t, "staff", b.do(view(h, other.ID)), NoViewing)
		b.must(view(h, customer.ID))
		h.exec(`UPDATE accounts SET staff_role = (SELECT id FROM staff_roles) WHERE id = $1`, customer.ID)
		if who, _ := b.who(); who.Email != ann {
			t.Errorf("looks on as %s, who is staff now", who.Email)
		}
		if err := b.do(view(h, "acc_none")); !fault.Is(err, fault.NotFound) {
			t.Errorf("nobody: %v", err)
		}
	})
}
