package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/order"
)

// The owner's first minutes: an account, money on it, a key, and all of it listed.
func TestStoryFromAccountToKey(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	r := p.run("correct horse\nnot read\n", "account", "create", "--email", "Owner@Example.com", "--role", "owner", "--json")
	made := read[accountView](t, r.out)
	if made.Email != "owner@example.com" || made.Role != "owner" || made.Balance != "0.00" {
		t.Errorf("made %+v", made)
	}
	core := p.core()
	if right, err := core.Accounts.CheckPassword(t.Context(), made.ID, "correct horse"); !right || err != nil {
		t.Errorf("the first line is not the password (%v)", err)
	}

	contains(t, p.ok("account", "credit", "owner@example.com", "100.00", "--reason", "bank transfer"), "100.00 USD")
	contains(t, p.ok("account", "credit", made.ID, "--reason", "typo", "--", "-0.5"), "99.50 USD")
	p.ok("account", "tier", "owner@example.com", "reseller")
	keyID, value := p.key("--account", "owner@example.com", "--name", "shop")
	if !strings.HasPrefix(value, "np_live_") {
		t.Errorf("key %q", value)
	}

	accounts := read[[]accountView](t, p.ok("account", "list", "--json"))
	if len(accounts) != 1 || accounts[0].Balance != "99.50" || accounts[0].Tier != "reseller" || accounts[0].State != "active" {
		t.Errorf("accounts %+v", accounts)
	}
	contains(t, p.ok("account", "list"), "EMAIL", "owner@example.com", "99.50 USD")
	keys := read[[]keyView](t, p.ok("key", "list", "--account", made.ID, "--json"))
	if len(keys) != 1 || keys[0].ID != keyID || keys[0].Key != "" || keys[0].Name != "shop" || keys[0].Account != "owner@example.com" {
		t.Errorf("keys %+v", keys)
	}
	contains(t, p.ok("audit"), "2 wallets, 0 orders, 0 payments, 0 giveaways, 5 audit rows: all agree")
}

// The wallet is not taken below zero.
func TestCreditTakesNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	p.fails(exitFailed, "account", "credit", "a@example.com", "--reason", "x", "--", "-1")
	p.ok("account", "credit", "a@example.com", "2", "--reason", "x")
	contains(t, p.fails(exitFailed, "account", "credit", "a@example.com", "--reason", "x", "--", "-2.5"), "a@example.com has 2.00 USD")
	contains(t, p.ok("account", "credit", "a@example.com", "0.000001", "--reason", "x", "--json"), `"2.000001"`, `"USD"`)
}

func TestSuspendAndResume(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	p.account("b@example.com")
	states := func() (all []string) {
		for _, a := range read[[]accountView](t, p.ok("account", "list", "--json")) {
			all = append(all, a.State)
		}
		return all
	}
	p.ok("account", "suspend", "a@example.com")
	if got := states(); !slices.Equal(got, []string{"suspended", "active"}) {
		t.Errorf("after suspend: %v", got)
	}
	p.ok("account", "resume", "a@example.com")
	if got := states(); !slices.Equal(got, []string{"active", "active"}) {
		t.Errorf("after resume: %v", got)
	}
}

// Numbers begin behind those that were used elsewhere, until there are orders.
func TestAccountNumbers(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 0, order.Held)
	contains(t, p.ok("account", "numbers", "5000", "--account", "a@example.com"), "a@example.com is number 5001")
	contains(t, p.ok("account", "numbers", "700"), "each account made from now on is number 701")
	ids = append(ids, place(t, p.core(), "first"))
	contains(t, p.ok("order", "show", ids[0]), "live, 5001")
	contains(t, p.fails(exitFailed, "account", "numbers", "9000", "--account", "a@example.com"), "their numbers stay")
	contains(t, p.fails(exitUsage, "account", "numbers", "2147483647"), "must be between 0 and 2147483646")
	contains(t, p.ok("audit"), "all agree")
}

// An operator gives who can't get mail another password; the old one ends.
func TestAccountPassword(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	if got := p.run("short\n", "account", "password", "a@example.com"); got.code != exitUsage {
		t.Errorf("a short one: %+v", got)
	}
	if got := p.run("another good password\n", "account", "password", "a@example.com"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	core := p.core()
	a, err := core.Accounts.Find(t.Context(), "a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if same, err := core.Accounts.CheckPassword(t.Context(), a.ID, "another good password"); !same || err != nil {
		t.Errorf("the new password is not the account's (%v)", err)
	}
	contains(t, p.ok("audit"), "2 audit rows: all agree")
}

// Who has lost all second factors gets back in by the password alone.
func TestReset2FA(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	contains(t, p.fails(exitFailed, "account", "reset-2fa", "a@example.com"), "has no second factor")
	p.tamper(`INSERT INTO totp (account_id, secret_sealed, created_at, confirmed_at) SELECT id, 'sealed', 1, 1 FROM accounts`)
	contains(t, p.ok("account", "reset-2fa", "a@example.com"), "a@example.com has no second factor and is signed out everywhere")
	contains(t, p.fails(exitFailed, "account", "reset-2fa", "a@example.com"), "has no second factor")
	contains(t, p.fails(exitFailed, "account", "reset-2fa", "b@example.com"), "no account b@example.com")
	contains(t, p.ok("audit"), "2 audit rows: all agree")
}
