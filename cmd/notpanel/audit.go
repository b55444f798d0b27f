package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
)

// auditCommand proves the books.
type auditCommand struct {
	storage
	output
}

// errDiffer says that the audit found something.
var errDiffer = errors.New("the books do not agree: keep a copy of the database as it is, and look into what is named here before money moves")

// auditReport is what an audit found.
type auditReport struct {
	OK          bool     `json:"ok"`
	Wallets     int      `json:"wallets"`
	Orders      int      `json:"orders"`
	Payments    int      `json:"payments"`
	Giveaways   int      `json:"giveaways"`
	AuditRows   int64    `json:"audit_rows"`
	Differences []string `json:"differences"`
}

// Run proves wallets, orders and the audit log, and fails where something
// differs. It may run beside a serving panel.
func (c *auditCommand) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		report, err := prove(ctx, t, core.DB)
		if printErr := c.print(t, report, err == nil); printErr != nil {
			return printErr
		}
		if err == nil && !report.OK {
			return errDiffer
		}
		return err
	})
}

// prove runs the proofs. What they found before an error is in the report.
func prove(ctx context.Context, t terminal, d *db.DB) (r auditReport, err error) {
	r.Differences = []string{}
	differs := func(text string) { r.Differences = append(r.Differences, text) }
	next, done := t.progress()
	defer done()
	next("proving wallets")
	if r.Wallets, err = ledger.Audit(ctx, d, differs); err != nil {
		return r, err
	}
	next("proving transfers")
	if err = ledger.AuditRules(ctx, d, differs); err != nil {
		return r, err
	}
	next("proving orders")
	if r.Orders, err = order.Audit(ctx, d, differs); err != nil {
		return r, err
	}
	next("proving payments")
	if r.Payments, err = payment.Audit(ctx, d, differs); err != nil {
		return r, err
	}
	next("proving giveaways")
	if r.Giveaways, err = giveaway.Audit(ctx, d, differs); err != nil {
		return r, err
	}
	next("proving the audit log")
	if r.AuditRows, err = account.VerifyLog(ctx, d, differs); err != nil {
		return r, err
	}
	if err = account.VerifyActs(ctx, d, differs); err != nil {
		return r, err
	}
	r.OK = len(r.Differences) == 0
	return r, nil
}

// print prints the differences; the summary belongs to a whole audit only.
func (c *auditCommand) print(t terminal, r auditReport, whole bool) error {
	if c.JSON && whole {
		return t.json(r)
	}
	for _, text := range r.Differences {
		fmt.Fprintln(t.out, printable(text))
	}
	if !whole {
		return nil
	}
	verdict := "all agree"
	if !r.OK {
		verdict = count(len(r.Differences), "difference")
	}
	_, err := fmt.Fprintf(t.out, "%s, %s, %s, %s, %s: %s.\n",
		count(r.Wallets, "wallet"), count(r.Orders, "order"), count(r.Payments, "payment"), count(r.Giveaways, "giveaway"), count(r.AuditRows, "audit row"), verdict)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
