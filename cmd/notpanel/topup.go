package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/plain"
)

// topupCommands are the commands about money that customers pay by transfer.
type topupCommands struct {
	Offer   topupOffer   `cmd:"" help:"Say how customers pay by transfer, or show what is said."`
	List    topupList    `cmd:"" help:"List the top-ups that wait to be approved."`
	Approve topupApprove `cmd:"" help:"Credit a top-up whose money came."`
	Reject  topupReject  `cmd:"" help:"End a top-up whose money did not come."`
	Add     topupAdd     `cmd:"" help:"Credit a transfer that came without a request."`
}

// topupOffer sets how customers pay by transfer.
type topupOffer struct {
	storage

	Instructions string  `placeholder:"FILE" xor:"end" help:"A file with what customers are told, in Markdown: where to pay and what to write as the reference; - reads standard input."`
	Least        *amount `placeholder:"AMOUNT" help:"The least that may be paid at a time."`
	Most         *amount `placeholder:"AMOUNT" help:"The most."`
	End          bool    `xor:"end" help:"Offer it no more. What waits stays to be decided."`
}

// Run sets what was given and shows the offer.
func (c *topupOffer) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		offer, err := core.Payments.Offer(ctx)
		if err != nil {
			return err
		}
		if changed, err := c.change(t, &offer); err != nil {
			return err
		} else if changed {
			if err := core.Payments.SetOffer(ctx, offer, actor); err != nil {
				return err
			}
		}
		if !offer.Open() {
			fmt.Fprintln(t.out, "Top-ups by transfer are not offered: --instructions FILE says how customers pay.")
			return nil
		}
		fmt.Fprintf(t.out, "Customers pay %s to %s %s at a time and are told:\n\n", offer.Least, offer.Most, core.Currency)
		for line := range strings.Lines(offer.Instructions) {
			fmt.Fprintln(t.out, "  "+printable(line))
		}
		return nil
	})
}

// change puts what was given into the offer.
func (c *topupOffer) change(t terminal, offer *payment.Offer) (changed bool, err error) {
	if c.Least != nil {
		offer.Least, changed = money.Amount(*c.Least), true
	}
	if c.Most != nil {
		offer.Most, changed = money.Amount(*c.Most), true
	}
	if c.End {
		offer.Instructions, changed = "", true
	}
	if c.Instructions != "" {
		if offer.Instructions, err = readInstructions(t, c.Instructions); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

// readInstructions reads a file, or the input for -, no further than it may be long.
func readInstructions(t terminal, name string) (string, error) {
	in := t.in
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the operator names it
		if err != nil {
			return "", fmt.Errorf("--instructions: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	const most = 4 * payment.MaxInstructions // bytes of a character
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return "", fmt.Errorf("--instructions: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return "", errors.New("--instructions: there is no text in it; --end ends the offer")
	}
	return string(text), nil
}

// topupView is a top-up in JSON.
type topupView struct {
	ID          string  `json:"id"`
	AccountID   string  `json:"account_id"`
	Account     string  `json:"account"`
	Gateway     string  `json:"gateway"`
	State       string  `json:"state"`
	Asked       string  `json:"asked"`
	Amount      string  `json:"amount,omitempty"`
	Reference   string  `json:"reference"`
	Reason      string  `json:"reason,omitempty"`
	RequestedAt *string `json:"requested_at"`
	DecidedAt   *string `json:"decided_at"`
	DecidedBy   string  `json:"decided_by,omitempty"`
}

func viewTopup(p payment.Payment, email string) topupView {
	v := topupView{
		ID: p.ID, AccountID: p.AccountID, Account: email, Gateway: string(p.Gateway), State: string(p.State),
		Asked: p.Asked.String(), Reference: p.Reference, Reason: p.Reason,
		RequestedAt: when(p.RequestedAt), DecidedAt: when(p.DecidedAt), DecidedBy: p.DecidedBy,
	}
	if p.State == payment.Credited {
		v.Amount = p.Amount.String()
	}
	return v
}

// topupList lists top-ups.
type topupList struct {
	storage
	output

	Account string `help:"All of this account, decided ones too: e-mail address or id." xor:"all"`
	All     bool   `help:"All of every account, decided ones too." xor:"all"`
}

// Run prints them: what waits with the oldest first, else the newest first.
func (c *topupList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		next, err := c.pages(ctx, core)
		if err != nil {
			return err
		}
		var all []topupView
		addresses := newEmails(core)
		for last := ""; ; {
			some, err := next(last)
			if err != nil {
				return err
			}
			for _, p := range some {
				email, err := addresses.of(ctx, p.AccountID)
				if err != nil {
					return err
				}
				all = append(all, viewTopup(p, email))
				last = p.ID
			}
			if len(some) < page {
				break
			}
		}
		return list(t, c.JSON, all, table[topupView]{
			none: "There are none.",
			head: []string{"ID", "ACCOUNT", "ASKED", "CREDITED", "STATE", "REQUESTED", "REFERENCE"},
			row: func(v topupView) []string {
				return []string{v.ID, v.Account, v.Asked, v.Amount, v.State, orEmpty(v.RequestedAt), short(v.Reference)}
			},
		})
	})
}

// pages returns what reads the next page of the list.
func (c *topupList) pages(ctx context.Context, core *app.Core) (func(last string) ([]payment.Payment, error), error) {
	switch {
	case c.All:
		return func(last string) ([]payment.Payment, error) { return core.Payments.All(ctx, last, page) }, nil
	case c.Account != "":
		a, err := core.Accounts.Find(ctx, c.Account)
		return func(last string) ([]payment.Payment, error) { return core.Payments.Of(ctx, a.ID, last, page) }, err
	}
	return func(last string) ([]payment.Payment, error) { return core.Payments.AllWaiting(ctx, last, page) }, nil
}

// topupApprove credits a top-up.
type topupApprove struct {
	storage
	output

	ID     string  `arg:"" help:"The top-up's id, pay_…."`
	Amount *amount `placeholder:"AMOUNT" help:"What came, where it is not what was asked."`
}

// Validate refuses what needs no look at the panel.
func (c *topupApprove) Validate() error {
	if c.Amount != nil && *c.Amount <= 0 {
		return errors.New("--amount must be more than 0: to credit nothing, reject it")
	}
	return nil
}

// Run credits it and prints the new balance.
func (c *topupApprove) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		var came money.Amount
		if c.Amount != nil {
			came = money.Amount(*c.Amount)
		}
		p, balance, err := core.Payments.Approve(ctx, c.ID, came, actor)
		if err != nil {
			return err
		}
		return tellCredited(ctx, t, core, c.JSON, p, balance)
	})
}

// tellCredited prints what was credited.
func tellCredited(ctx context.Context, t terminal, core *app.Core, asJSON bool, p payment.Payment, balance money.Amount) error {
	a, err := core.Accounts.Find(ctx, p.AccountID)
	if err != nil {
		return err
	}
	if asJSON {
		return t.json(struct {
			topupView

			Balance  string `json:"balance"`
			Currency string `json:"currency"`
		}{viewTopup(p, a.Email), balance.String(), core.Currency})
	}
	fmt.Fprintf(t.out, "%s: %s %s credited to %s, who now has %s %s.\n", p.ID, p.Amount, core.Currency, a.Email, balance, core.Currency)
	return nil
}

// topupReject ends a top-up.
type topupReject struct {
	storage

	ID     string `arg:"" help:"The top-up's id, pay_…."`
	Reason string `required:"" help:"Why, for the customer, who reads it."`
}

// Run rejects it.
func (c *topupReject) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Payments.Reject(ctx, c.ID, c.Reason, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s is rejected; nothing was credited.\n", p.ID)
		}
		return err
	})
}

// topupAdd credits a transfer that nobody announced.
type topupAdd struct {
	storage
	output

	Account   string `arg:"" help:"E-mail address or id."`
	Amount    amount `arg:"" help:"What came."`
	Reference string `required:"" help:"By which it is found on the bank's statement; the customer sees it."`
}

// Validate refuses what needs no look at the panel.
func (c *topupAdd) Validate() error {
	if c.Amount <= 0 {
		return fault.New(fault.Invalid, "the amount must be more than 0")
	}
	return plain.Line("--reference", c.Reference)
}

// Run credits it and prints the new balance.
func (c *topupAdd) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return err
		}
		p, balance, err := core.Payments.Add(ctx, a.ID, money.Amount(c.Amount), c.Reference, actor)
		if err != nil {
			return err
		}
		return tellCredited(ctx, t, core, c.JSON, p, balance)
	})
}
