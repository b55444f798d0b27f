package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The operator says how customers pay, credits what came and rejects what did not;
// the books hold all of it.
func TestTopupCommands(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("ann@example.com")
	core := p.core()
	ann, err := core.Accounts.Find(t.Context(), "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, p.ok("topup", "offer"), "not offered")
	file := filepath.Join(p.dir, "pay.md")
	if err := os.WriteFile(file, []byte("Pay to **12**.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, p.ok("topup", "offer", "--instructions", file, "--least", "5", "--most", "500"), "Customers pay 5.00 to 500.00 USD at a time and are told:\n\n  Pay to **12**.\n")
	contains(t, p.ok("topup", "list"), "There are none.")

	var ids []string
	for _, reference := range []string{"Invoice 1", "Invoice 2", "Invoice 3"} {
		one, err := core.Payments.Request(t.Context(), ann.ID, 50_000_000, reference)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, one.ID)
	}
	contains(t, p.ok("topup", "list"), ids[0]+"  ann@example.com  50.00  -         waiting")
	contains(t, p.ok("topup", "approve", ids[0]), ids[0]+": 50.00 USD credited to ann@example.com, who now has 50.00 USD.\n")
	credited := read[struct {
		topupView

		Balance, Currency string
	}](t, p.ok("topup", "approve", ids[1], "--amount", "49.5", "--json"))
	if credited.Amount != "49.50" || credited.Asked != "50.00" || credited.Balance != "99.50" || credited.State != "credited" {
		t.Errorf("credited: %+v", credited)
	}
	contains(t, p.fails(1, "topup", "approve", ids[0]), "was credited already")
	contains(t, p.ok("topup", "reject", ids[2], "--reason", "Nothing came."), "nothing was credited")
	contains(t, p.fails(1, "topup", "approve", ids[2]), "was rejected already")
	contains(t, p.ok("topup", "add", "ann@example.com", "0.5", "--reference", "Line 7"), "who now has 100.00 USD")
	contains(t, p.fails(1, "topup", "add", "ann@example.com", "0.5", "--reference", "Line 7"), "give a reference that tells them apart")

	if all := read[[]topupView](t, p.ok("topup", "list", "--account", "ann@example.com", "--json")); len(all) != 4 || all[1].Reason != "Nothing came." {
		t.Errorf("all of the account: %+v", all)
	}
	if all := read[[]topupView](t, p.ok("topup", "list", "--all", "--json")); len(all) != 4 || all[3].ID != ids[0] {
		t.Errorf("all: %+v", all)
	}
	contains(t, p.ok("topup", "offer", "--end"), "not offered")
	contains(t, p.ok("audit"), "4 payments, ", "all agree")
	p.tamper(`UPDATE payments SET amount = amount + 1 WHERE id = $1`, ids[0])
	if r := p.run("", "audit"); r.code != 1 {
		t.Errorf("a payment was changed, the audit says %s", r.out)
	}
}

// What is wrong is said with the name of the flag, before anything is changed.
func TestTopupRefusals(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("ann@example.com")
	empty := filepath.Join(p.dir, "empty.md")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		code int
		args []string
		says string
	}{
		{1, []string{"topup", "offer", "--instructions", empty}, "--instructions"},
		{1, []string{"topup", "offer", "--instructions", filepath.Join(p.dir, "none.md")}, "none.md"},
		{2, []string{"topup", "offer", "--least", "10", "--most", "5"}, "the most at least that"},
		{2, []string{"topup", "offer", "--end", "--instructions", empty}, "--instructions"},
		{2, []string{"topup", "add", "ann@example.com", "0", "--reference", "a"}, "amount"},
		{2, []string{"topup", "add", "ann@example.com", "1"}, "--reference"},
		{1, []string{"topup", "add", "ben@example.com", "1", "--reference", "a"}, "no account ben@example.com"},
		{1, []string{"topup", "approve", "pay_none"}, "Top-up not found"},
		{2, []string{"topup", "approve", "pay_none", "--amount", "0"}, "--amount"},
		{2, []string{"topup", "reject", "pay_none", "--reason", " "}, "reason"},
		{2, []string{"topup", "list", "--all", "--account", "ann@example.com"}, "--account"},
	} {
		contains(t, p.fails(step.code, step.args...), step.says)
	}
	contains(t, p.ok("topup", "list", "--all"), "There are none.")
}
