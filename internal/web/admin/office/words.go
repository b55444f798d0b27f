package office

import (
	"context"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func tierText(ctx context.Context, t account.Tier) string { return ui.T(ctx, "site.tier."+string(t)) }

func tierOptions(ctx context.Context) (all []ui.Option) {
	for _, t := range []account.Tier{account.Standard, account.Reseller, account.Agency} {
		all = append(all, ui.Option{Value: string(t), Label: tierText(ctx, t)})
	}
	return all
}

func anyOption(ctx context.Context) []ui.Option {
	return []ui.Option{{Value: "", Label: ui.T(ctx, "office.any")}}
}

func stateOptions(ctx context.Context) []ui.Option {
	return append(anyOption(ctx),
		ui.Option{Value: string(account.Active), Label: ui.T(ctx, "office.active")},
		ui.Option{Value: string(account.Suspended), Label: ui.T(ctx, "office.suspended")},
		ui.Option{Value: string(account.Closed), Label: ui.T(ctx, "office.closed")})
}

func roleFilter(ctx context.Context) []ui.Option {
	return append(anyOption(ctx),
		ui.Option{Value: string(account.Customer), Label: ui.T(ctx, "office.role_customer")},
		ui.Option{Value: string(account.Staff), Label: ui.T(ctx, "office.role_staff")},
		ui.Option{Value: string(account.Owner), Label: ui.T(ctx, "office.role_owner")})
}

func stateNote(ctx context.Context, s account.State) string {
	switch s {
	case account.Suspended:
		return ui.T(ctx, "office.suspended_note")
	case account.Closed:
		return ui.T(ctx, "office.closed_note")
	case account.Active:
	}
	return ui.T(ctx, "office.active_note")
}

func addressNote(ctx context.Context, s identity.Standing) string {
	if s.VerifiedAt.IsZero() {
		return ui.T(ctx, "office.not_verified")
	}
	return ui.T(ctx, "office.verified_at", "Day", ui.Day(ctx, s.VerifiedAt))
}

func factorNote(ctx context.Context, s identity.Standing) string {
	switch {
	case s.TOTP && s.Passkeys > 0:
		return ui.T(ctx, "office.factor_both")
	case s.TOTP:
		return ui.T(ctx, "office.factor_app")
	case s.Passkeys > 0:
		return ui.T(ctx, "office.factor_passkey")
	}
	return ui.T(ctx, "office.factor_none")
}

func sessionsNote(ctx context.Context, s identity.Standing) string {
	if len(s.Sessions) == 0 {
		return ui.T(ctx, "office.sessions_none")
	}
	return ui.N(ctx, "office.sessions", int64(len(s.Sessions)))
}

func authorText(ctx context.Context, n account.Note) string {
	return actorText(ctx, account.Act{Actor: n.Author, Email: n.Email})
}

func keyName(ctx context.Context, k apikey.Key) string {
	if k.Name == "" {
		return ui.T(ctx, "keys.unnamed")
	}
	return k.Name
}

// lineText says why money moved.
func lineText(ctx context.Context, l order.Line) string {
	number := ui.Plain(l.Number)
	switch {
	case l.Kind == ledger.OrderCharge && l.OrderID != "":
		return ui.T(ctx, "wallet.line_order", "Number", number)
	case l.Kind == ledger.OrderRefund && l.OrderID != "":
		return ui.T(ctx, "wallet.line_refund", "Number", number)
	case l.Kind == ledger.Deposit:
		return ui.T(ctx, "wallet.line_deposit", "Reference", l.Reference)
	case l.Kind == ledger.Prize:
		return ui.T(ctx, "wallet.line_prize", "Title", l.Reference)
	case l.Kind == ledger.Credit && l.Amount < 0:
		return ui.T(ctx, "office.line_taken")
	case l.Kind == ledger.Credit:
		return ui.T(ctx, "office.line_given")
	}
	return string(l.Kind)
}

// shownAmount is what a top-up brought or, until it does, what was asked.
func shownAmount(p payment.Payment) money.Amount {
	if p.State == payment.Credited {
		return p.Amount
	}
	return p.Asked
}

func creditWay(amount money.Amount) string {
	if amount < 0 {
		return "office.credit_take"
	}
	return "office.credit_give"
}

// creditButton says the deed with its amount.
func creditButton(ctx context.Context, amount money.Amount) string {
	if amount < 0 {
		return ui.T(ctx, "office.credit_do_take", "Amount", ui.Amount(ctx, -amount))
	}
	return ui.T(ctx, "office.credit_do_give", "Amount", ui.Amount(ctx, amount))
}

// offerLead says whether customers may pay by transfer.
func offerLead(ctx context.Context, o payment.Offer) string {
	if !o.Open() {
		return ui.T(ctx, "topups.offer_closed")
	}
	return ui.T(ctx, "topups.offer_open", "Least", ui.Amount(ctx, o.Least), "Most", ui.Amount(ctx, o.Most))
}
