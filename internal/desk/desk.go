// Package desk is what staff do to accounts: each deed as far as their role reaches
// at that moment, in the transaction of the deed.
//
// It decides nothing of its own. Package staff says who reaches whom, the packages
// of the accounts, prices, keys and payments do the deeds. Who acts for the operator
// goes through here, so that no page can forget to ask.
package desk

import (
	"context"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/staff"
)

// Desk does what staff ask for.
type Desk struct {
	accounts *account.Store
	catalog  *catalog.Store
	keys     *apikey.Store
	orders   *order.Store
	payments *payment.Store
}

// Stores are what the desk acts upon.
type Stores struct {
	Accounts *account.Store
	Catalog  *catalog.Store
	Keys     *apikey.Store
	Orders   *order.Store
	Payments *payment.Store
}

// New returns the desk over the stores.
func New(s Stores) *Desk { return &Desk{s.Accounts, s.Catalog, s.Keys, s.Orders, s.Payments} }

// over are the accounts that somebody reaches with a permission.
func (d *Desk) over(by staff.Actor, needs staff.Permission) *account.Store {
	return d.accounts.Under(staff.Over(by, needs))
}

// Credit gives or takes money, once for each ref, and returns the balance after it.
func (d *Desk) Credit(ctx context.Context, n account.NewCredit, by staff.Actor) (balance money.Amount, err error) {
	return d.over(by, staff.AccountsCredit).CreditOnce(ctx, n, by.AccountID)
}

// Suspend stops an account with a reason. Nobody stops their own, an owner neither:
// nobody might be left to resume it.
func (d *Desk) Suspend(ctx context.Context, accountID, reason string, by staff.Actor) error {
	if accountID == by.AccountID {
		return ownAccount()
	}
	_, err := d.over(by, staff.AccountsChange).SetStateFor(ctx, accountID, account.Suspended, reason, by.AccountID)
	return err
}

// Resume lets a suspended account act again.
func (d *Desk) Resume(ctx context.Context, accountID, reason string, by staff.Actor) error {
	_, err := d.over(by, staff.AccountsChange).SetStateFor(ctx, accountID, account.Active, reason, by.AccountID)
	return err
}

// SetTier moves an account to a tier.
func (d *Desk) SetTier(ctx context.Context, accountID string, to account.Tier, by staff.Actor) error {
	_, err := d.over(by, staff.AccountsChange).SetTier(ctx, accountID, to, by.AccountID)
	return err
}

// VerifyEmail lets an account's address count as verified.
func (d *Desk) VerifyEmail(ctx context.Context, accountID string, by staff.Actor) error {
	_, err := d.over(by, staff.AccountsChange).VerifyEmail(ctx, accountID, by.AccountID)
	return err
}

// SignOut ends an account's sessions.
func (d *Desk) SignOut(ctx context.Context, accountID string, by staff.Actor) error {
	_, err := d.over(by, staff.AccountsChange).SignOut(ctx, accountID, by.AccountID)
	return err
}

// ResetSecondFactor takes an account's second factors away and signs it out.
func (d *Desk) ResetSecondFactor(ctx context.Context, accountID string, by staff.Actor) error {
	_, err := d.over(by, staff.AccountsChange).ResetSecondFactor(ctx, accountID, by.AccountID)
	return err
}

// AddNote adds a note about an account.
func (d *Desk) AddNote(ctx context.Context, accountID, text string, by staff.Actor) error {
	_, err := d.over(by, staff.AccountsChange).AddNote(ctx, accountID, text, by.AccountID)
	return err
}

// SetOwnRate gives an account a rate of its own, and returns the service.
func (d *Desk) SetOwnRate(ctx context.Context, r catalog.OwnRate, by staff.Actor) (*catalog.Service, error) {
	return d.catalog.Under(staff.Over(by, staff.AccountsChange)).SetOwnRate(ctx, r, by.AccountID)
}

// RemoveOwnRate lets an account pay what its tier pays again.
func (d *Desk) RemoveOwnRate(ctx context.Context, accountID string, serviceID int64, by staff.Actor) error {
	return d.catalog.Under(staff.Over(by, staff.AccountsChange)).RemoveOwnRate(ctx, accountID, serviceID, by.AccountID)
}

// RevokeKey ends a key of an account for good.
func (d *Desk) RevokeKey(ctx context.Context, accountID, keyID string, by staff.Actor) error {
	if _, err := d.keys.Own(ctx, accountID, keyID); err != nil {
		return err
	}
	_, err := d.keys.Under(staff.Over(by, staff.AccountsChange)).Revoke(ctx, keyID, by.AccountID)
	return err
}

// decides are the payments that somebody decides: of everybody, but their own.
func (d *Desk) decides(by staff.Actor) *payment.Store {
	return d.payments.Under(staff.ForOthers(by, staff.TopupsDecide))
}

// Approve credits a top-up that waits with what came.
func (d *Desk) Approve(ctx context.Context, paymentID string, came money.Amount, by staff.Actor) (payment.Payment, money.Amount, error) {
	return d.decides(by).Approve(ctx, paymentID, came, by.AccountID)
}

// Reject ends a top-up that waits with a reason, which its account reads.
func (d *Desk) Reject(ctx context.Context, paymentID, reason string, by staff.Actor) (payment.Payment, error) {
	return d.decides(by).Reject(ctx, paymentID, reason, by.AccountID)
}

// AddTopup credits a transfer that came without being asked for.
func (d *Desk) AddTopup(ctx context.Context, accountID string, came money.Amount, reference string, by staff.Actor) (payment.Payment, money.Amount, error) {
	return d.decides(by).Add(ctx, accountID, came, reference, by.AccountID)
}
