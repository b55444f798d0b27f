package main

import (
	"strings"
	"testing"
)

// An audit that finds nothing counts what it looked at and exits with 0.
func TestAuditAgrees(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	p.ok("account", "credit", "a@example.com", "5", "--reason", "x")
	got := read[auditReport](t, p.ok("audit", "--json"))
	if !got.OK || got.Wallets != 2 || got.Orders != 0 || got.AuditRows != 2 || got.Differences == nil || len(got.Differences) != 0 {
		t.Errorf("got %+v", got)
	}
}

// Money that is not in the ledger is found, named and fails the audit.
func TestAuditFindsTampering(t *testing.T) {
	t.Parallel()
	for name, tampering := range map[string]struct{ statement, says string }{
		"balance":    {`UPDATE wallets SET balance = balance + 1000000 WHERE mode = 'live'`, "the transfers make 5.00, the wallet says 6.00"},
		"chain":      {`UPDATE wallets SET seq = seq + 1 WHERE mode = 'live'`, "the chain ends at 1, the wallet says 2"},
		"audit head": {`UPDATE audit_head SET seq = seq + 1`, "audit log: it ends at row 2, its head says 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPanel(t)
			p.account("a@example.com")
			p.ok("account", "credit", "a@example.com", "5", "--reason", "x")
			p.tamper(tampering.statement)

			r := p.run("", "audit")
			if lines := strings.Split(strings.TrimSpace(r.out), "\n"); r.code != exitFailed || len(lines) != 2 {
				t.Errorf("exit %d:\n%s", r.code, r.out)
			}
			contains(t, r.out, tampering.says, "1 difference.")
			contains(t, r.err, "do not agree")

			r = p.run("", "audit", "--json")
			got := read[auditReport](t, r.out)
			if r.code != exitFailed || got.OK || len(got.Differences) != 1 || !strings.Contains(got.Differences[0], tampering.says) {
				t.Errorf("exit %d: %+v", r.code, got)
			}
		})
	}
}
