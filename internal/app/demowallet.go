package app

import (
	"context"
	"slices"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
)

// welcome credits the customer, once: the seeds do not spend all of it.
func (d *Demo) welcome(ctx context.Context, accountID string) error {
	var balance money.Amount
	err := d.Core.DB.Read(ctx, func(tx *db.Tx) error {
		walletID, err := ledger.WalletID(tx, accountID, ledger.Live)
		if err != nil {
			return err
		}
		balance, err = ledger.Balance(tx, walletID)
		return err
	})
	if err != nil || balance > 0 {
		return err
	}
	_, err = d.Core.Accounts.Credit(ctx, accountID, demoBalance-demoTransfer, "Welcome", demoActor)
	return err
}

// demoOffer is how the demo's customers would pay.
const demoOffer = `Transfer the amount to **Example Bank, account 12 34 56 78**, and write an invoice number as its reference.

This is a demo: pay nothing. What you ask for here waits until ` + "`notpanel topup approve`" + ` credits it.`

// topUps offers top-ups by transfer, and makes one for each end, and one that waits.
func (d *Demo) topUps(ctx context.Context, accountID string) error {
	offer := payment.Offer{Instructions: demoOffer, Least: 5 * money.Unit, Most: 1000 * money.Unit}
	if err := d.Core.Payments.SetOffer(ctx, offer, demoActor); err != nil {
		return err
	}
	made, err := d.Core.Payments.Of(ctx, accountID, "", 100)
	if err != nil {
		return err
	}
	for _, t := range []struct {
		reference string
		amount    money.Amount
		end       payment.State
	}{
		{"Invoice 1041", demoTransfer, payment.Credited},
		{"Invoice 1042", 40 * money.Unit, payment.Rejected},
		{"Invoice 1043", 15 * money.Unit, payment.Withdrawn},
		{"Invoice 1044", 60 * money.Unit, payment.Waiting},
	} {
		if slices.ContainsFunc(made, func(p payment.Payment) bool { return p.Reference == t.reference && p.State == t.end }) {
			continue
		}
		p, err := d.Core.Payments.Request(ctx, accountID, t.amount, t.reference) // what waits already is found
		if err != nil {
			return err
		}
		if err := d.end(ctx, p, t.end); err != nil {
			return err
		}
	}
	return nil
}

// end brings a top-up that waits to a state.
func (d *Demo) end(ctx context.Context, p payment.Payment, state payment.State) (err error) {
	switch state {
	case payment.Credited:
		_, _, err = d.Core.Payments.Approve(ctx, p.ID, 0, demoActor)
	case payment.Rejected:
		_, err = d.Core.Payments.Reject(ctx, p.ID, "No such transfer has arrived within 14 days.", demoActor)
	case payment.Withdrawn:
		_, err = d.Core.Payments.Withdraw(ctx, p.AccountID, p.ID)
	case payment.Waiting:
	}
	return err
}
