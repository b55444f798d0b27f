package dashboard

import (
	"context"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

const (
	// lately is how far back orders are looked at that did not go well.
	lately = 7 * 24 * time.Hour
	// expiresSoon is how long before its end a key is named.
	expiresSoon = 7 * 24 * time.Hour
)

// concern is one thing that needs the account's attention, and where it is mended.
type concern struct{ title, text, path, label string }

// concerns are what needs attention now, the most urgent first. Who has done nothing
// yet is not told that the wallet is empty: the first steps say what to do.
func (d *Dashboard) concerns(ctx context.Context, who identity.Person, o overview) (all []concern, err error) {
	low, err := d.deps.LowBalance(ctx, who.AccountID)
	if err != nil {
		return nil, err
	}
	if low > 0 && o.Live < low && o.Orders.Any() {
		all = append(all, concern{
			ui.T(ctx, "attention.low"), ui.T(ctx, "attention.low_text", "Balance", ui.Amount(ctx, o.Live), "Low", ui.Amount(ctx, low)),
			walletPath, ui.T(ctx, "start.funds_label"),
		})
	}
	failed, partial, err := d.deps.Orders.Troubled(ctx, order.Scope{AccountID: who.AccountID, Mode: ledger.Live}, ui.Of(ctx).Now.Add(-lately))
	if err != nil {
		return nil, err
	}
	if failed > 0 {
		all = append(all, concern{ui.N(ctx, "attention.failed", failed), ui.T(ctx, "attention.failed_text"), ordersPath + "?state=failed", ui.T(ctx, "close.open_link")})
	}
	if partial > 0 {
		all = append(all, concern{ui.N(ctx, "attention.partial", partial), ui.T(ctx, "attention.partial_text"), ordersPath + "?state=partial", ui.T(ctx, "close.open_link")})
	}
	webhooks, err := d.webhookConcerns(ctx, who.AccountID)
	if err != nil {
		return nil, err
	}
	keys, active, err := d.keyConcerns(ctx, who.AccountID)
	if err != nil {
		return nil, err
	}
	all = append(append(all, webhooks...), keys...)
	if !who.HasSecondFactor() && (active || o.Live > 0) {
		all = append(all, concern{ui.T(ctx, "attention.factor"), ui.T(ctx, "factors.lead"), accountPath + "#second-factor", ui.T(ctx, "app.setup")})
	}
	return all, nil
}

// webhookConcerns are webhooks that were disabled because their server failed: what
// their owner disabled is as they want it.
func (d *Dashboard) webhookConcerns(ctx context.Context, accountID string) (all []concern, err error) {
	endpoints, _, err := d.deps.Webhooks.List(ctx, webhook.Owner{AccountID: accountID})
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		if e.State == webhook.Disabled && e.Reason != webhook.ByOwner {
			all = append(all, concern{
				ui.T(ctx, "attention.webhook"), ui.T(ctx, "attention.webhook_text", "Host", e.Host()), webhookPath(e.ID), ui.T(ctx, "attention.webhook_link"),
			})
		}
	}
	return all, nil
}

// keyConcerns are keys that end soon; active reports whether any key works.
func (d *Dashboard) keyConcerns(ctx context.Context, accountID string) (all []concern, active bool, err error) {
	keys, err := d.deps.Keys.Latest(ctx, accountID, apikey.MaxActive)
	if err != nil {
		return nil, false, err
	}
	v := ui.Of(ctx)
	for _, k := range keys {
		if !k.Active(v.Now) {
			continue
		}
		active = true
		if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(v.Now.Add(expiresSoon)) {
			all = append(all, concern{
				ui.T(ctx, "attention.key", "Name", keyName(ctx, k)), ui.T(ctx, "attention.key_text", "When", v.Language.Ago(k.ExpiresAt, v.Now)),
				keyPath(k.ID), ui.T(ctx, "attention.key_link"),
			})
		}
	}
	return all, active, nil
}
