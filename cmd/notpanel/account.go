package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// accountCommands are the commands about accounts.
type accountCommands struct {
	Create    accountCreate    `cmd:"" help:"Make an account. Its password is the first line of standard input."`
	Credit    accountCredit    `cmd:"" help:"Add money to an account, or take some away."`
	Tier      accountTier      `cmd:"" help:"Move an account to a tier."`
	Threshold accountThreshold `cmd:"" help:"Say below which balance an account is told: by webhook and mail, once for each fall, and not again before it was above."`
	List      accountList      `cmd:"" help:"List all accounts."`
	Suspend   accountSuspend   `cmd:"" help:"Stop an account until it is resumed: its keys order nothing. Native keys are refused, classic ones may still look."`
	Resume    accountResume    `cmd:"" help:"Let an account act again that was suspended, or that its owner closed."`
	Password  accountPassword  `cmd:"" help:"Give an account another password, the first line of standard input, and sign it out everywhere."`
	Reset2FA  accountReset2FA  `cmd:"" name:"reset-2fa" help:"Take an account's second factors away, for who has lost them all, and sign it out everywhere."`
	Numbers   accountNumbers   `cmd:"" help:"Let order numbers begin behind a number, for who comes from another panel."`
}

// accountView is an account in JSON.
type accountView struct {
	ID        string  `json:"id"`
	Email     string  `json:"email"`
	Role      string  `json:"role"`
	Tier      string  `json:"tier"`
	State     string  `json:"state"`
	Balance   string  `json:"balance"`
	Currency  string  `json:"currency"`
	CreatedAt *string `json:"created_at"`
}

func viewAccount(l account.Listed, currency string) accountView {
	return accountView{
		ID: l.ID, Email: l.Email, Role: string(l.Role), Tier: string(l.Tier), State: string(l.State),
		Balance: l.Balance.String(), Currency: currency, CreatedAt: when(l.CreatedAt),
	}
}

// accountCreate makes an account.
type accountCreate struct {
	storage
	output

	Email string `required:"" help:"Its e-mail address."`
	Role  string `enum:"customer,owner" default:"customer" help:"What it may do: customer or owner."`
}

// Run reads the password, makes the account and prints its id.
func (c *accountCreate) Run(ctx context.Context, t terminal) error {
	password, err := t.secret(ctx, "Password")
	if err != nil {
		return err
	}
	return c.useOrMake(ctx, func(core *app.Core) error {
		a, err := core.Accounts.Create(ctx, c.Email, password, account.Role(c.Role), actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(viewAccount(account.Listed{Account: a}, core.Currency))
		}
		fmt.Fprintf(t.out, "%s is %s, %s.\n`notpanel key create --account %s` makes an API key for it.\n", a.Email, a.ID, a.Role, a.Email)
		return nil
	})
}

// accountNumbers keeps the numbers free that another panel gave.
type accountNumbers struct {
	storage

	Last    int64  `arg:"" help:"The last number that was used elsewhere."`
	Account string `help:"E-mail address or id of an account without orders. Without it: all accounts made from now on."`
}

// Run sets where numbers begin.
func (c *accountNumbers) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		if err := core.Accounts.KeepNumbersFree(ctx, c.Account, c.Last, actor); err != nil {
			return err
		}
		whose := c.Account
		if whose == "" {
			whose = "each account made from now on"
		}
		fmt.Fprintf(t.out, "The first order of %s is number %d.\n", whose, c.Last+1)
		return nil
	})
}

// accountCredit adds money by the operator's decision.
type accountCredit struct {
	storage
	output

	Account string `arg:"" help:"E-mail address or id."`
	Amount  amount `arg:"" help:"How much, such as 100.00. To take money away, put it last: -- -5.00."`
	Reason  string `required:"" help:"Why, for the panel's records; the customer does not see it."`
}

// Validate refuses what needs no look at the panel.
func (c *accountCredit) Validate() error {
	switch {
	case c.Amount == 0:
		return errors.New("the amount must not be zero")
	case strings.TrimSpace(c.Reason) == "":
		return errors.New("--reason must not be empty")
	}
	return plain.Line("--reason", c.Reason)
}

// Run books the amount and prints the new balance.
func (c *accountCredit) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		balance, err := core.Accounts.Credit(ctx, c.Account, money.Amount(c.Amount), c.Reason, actor)
		if fault.Is(err, fault.InsufficientFunds) {
			return c.tooLittle(ctx, core)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(struct {
				Account  string `json:"account"`
				Balance  string `json:"balance"`
				Currency string `json:"currency"`
			}{c.Account, balance.String(), core.Currency})
		}
		fmt.Fprintf(t.out, "Balance: %s %s\n", balance, core.Currency)
		return nil
	})
}

// tooLittle says how much there is to take.
func (c *accountCredit) tooLittle(ctx context.Context, core *app.Core) error {
	a, err := core.Accounts.Find(ctx, c.Account)
	if err != nil {
		return err
	}
	var balance money.Amount
	err = core.DB.Read(ctx, func(tx *db.Tx) error {
		walletID, err := ledger.WalletID(tx, a.ID, ledger.Live)
		if err != nil {
			return err
		}
		balance, err = ledger.Balance(tx, walletID)
		return err
	})
	if err != nil {
		return err
	}
	return fault.Newf(fault.InsufficientFunds, "Insufficient balance: %s has %s %s, and no more can be taken away", a.Email, balance, core.Currency)
}

// accountTier moves an account to a tier.
type accountTier struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
	Tier    string `arg:"" enum:"standard,reseller,agency" help:"standard, reseller or agency."`
}

// Run sets the tier.
func (c *accountTier) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.SetTier(ctx, c.Account, account.Tier(c.Tier), actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s has the tier %s.\n", a.Email, a.Tier)
		}
		return err
	})
}

// accountThreshold sets when an account is told of a low balance.
type accountThreshold struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
	Amount  string `arg:"" help:"An amount such as 25.00, 'default' (5.00), or 'off'. The owner sets it on the wallet's page, too."`
}

// low reads the amount; nil is the panel's default.
func (c *accountThreshold) low() (*money.Amount, error) {
	switch c.Amount {
	case "default":
		return nil, nil //nolint:nilnil // no threshold of its own
	case "off":
		return new(money.Amount(0)), nil
	}
	low, err := money.Parse(c.Amount)
	if err != nil || low <= 0 {
		return nil, fmt.Errorf("%q is no amount such as 25.00, nor 'default' or 'off'", c.Amount)
	}
	return &low, nil
}

// Validate refuses what needs no look at the panel.
func (c *accountThreshold) Validate() error {
	_, err := c.low()
	return err
}

// Run sets the threshold.
func (c *accountThreshold) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		low, err := c.low()
		if err != nil {
			return err
		}
		a, err := core.Accounts.SetLowBalance(ctx, c.Account, low, actor)
		if err != nil {
			return err
		}
		switch {
		case low == nil:
			fmt.Fprintf(t.out, "%s is told when the balance falls below %s %s, as all are.\n", a.Email, event.DefaultLow, core.Currency)
		case *low == 0:
			fmt.Fprintf(t.out, "%s is not told of a low balance.\n", a.Email)
		default:
			fmt.Fprintf(t.out, "%s is told when the balance falls below %s %s.\n", a.Email, *low, core.Currency)
		}
		return nil
	})
}

// accountList lists accounts.
type accountList struct {
	storage
	output
}

// Run prints every account, oldest first.
func (c *accountList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		var all []accountView
		for after := ""; ; {
			some, err := core.Accounts.List(ctx, after, page)
			if err != nil {
				return err
			}
			for _, one := range some {
				all = append(all, viewAccount(one, core.Currency))
				after = one.ID
			}
			if len(some) < page {
				break
			}
		}
		return list(t, c.JSON, all, table[accountView]{
			none: "There are no accounts yet: `notpanel account create --email E --role owner` makes the first.",
			head: []string{"ID", "EMAIL", "ROLE", "TIER", "STATE", "BALANCE", "CREATED"},
			row: func(a accountView) []string {
				return []string{a.ID, a.Email, a.Role, a.Tier, a.State, a.Balance + " " + a.Currency, orEmpty(a.CreatedAt)}
			},
		})
	})
}

// accountSuspend stops an account.
type accountSuspend struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
}

// Run suspends the account.
func (c *accountSuspend) Run(ctx context.Context, t terminal) error {
	return c.setState(ctx, t, c.Account, account.Suspended)
}

// accountResume lets an account act again.
type accountResume struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
}

// Run resumes the account.
func (c *accountResume) Run(ctx context.Context, t terminal) error {
	return c.setState(ctx, t, c.Account, account.Active)
}

// accountPassword gives an account another password.
type accountPassword struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
}

// Run reads the password and sets it.
func (c *accountPassword) Run(ctx context.Context, t terminal) error {
	password, err := t.secret(ctx, "New password")
	if err != nil {
		return err
	}
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.SetPassword(ctx, c.Account, password, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s has the new password and is signed out everywhere.\n", a.Email)
		}
		return err
	})
}

// accountReset2FA takes an account's second factors away.
type accountReset2FA struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
}

// Run removes the second factors.
func (c *accountReset2FA) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.ResetSecondFactor(ctx, c.Account, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s has no second factor and is signed out everywhere.\n", a.Email)
		}
		return err
	})
}

func (s *storage) setState(ctx context.Context, t terminal, idOrEmail string, to account.State) error {
	return s.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.SetState(ctx, idOrEmail, to, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s is %s.\n", a.Email, a.State)
		}
		return err
	})
}
