package dashboard

import (
	"context"
	"io"
	"time"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

type object = map[string]any

// copyAccount writes what the account is: no password, no secret, no hash of one.
func (d *Dashboard) copyAccount(ctx context.Context, w io.Writer, who identity.Person) error {
	low, err := d.deps.LowBalance(ctx, who.AccountID)
	if err != nil {
		return err
	}
	live, test, err := d.deps.Balances(ctx, who.AccountID)
	if err != nil {
		return err
	}
	passkeys, err := d.deps.People.Passkeys(ctx)
	if err != nil {
		return err
	}
	sessions, err := d.deps.People.Sessions(ctx)
	if err != nil {
		return err
	}
	keys := make([]object, 0, len(passkeys))
	for _, k := range passkeys {
		keys = append(keys, object{"name": k.Name, "created_at": moment(k.CreatedAt), "last_used_at": moment(k.LastUsedAt)})
	}
	signedIn := make([]object, 0, len(sessions))
	for _, s := range sessions {
		signedIn = append(signedIn, object{
			"address": s.Address, "browser": s.Agent, "began_at": moment(s.CreatedAt), "seen_at": moment(s.SeenAt), "this_one": s.Current,
		})
	}
	return line(w, object{
		"id": who.AccountID, "email": who.Email, "role": who.Role, "tier": who.Tier, "state": who.State,
		"language": who.Language, "time_zone": who.TimeZone, "theme": who.Theme, "told_below": low.String(),
		"balance": live.String(), "test_balance": test.String(),
		"authenticator_app": who.TOTP, "recovery_codes_left": who.Recovery, "passkeys": keys, "sessions": signedIn,
	})
}

// signInsMost is more sign-ins than any account has in the time that they are kept.
const signInsMost = 10_000

func (d *Dashboard) copySignIns(ctx context.Context, w io.Writer, _ identity.Person) error {
	all, err := d.deps.People.History(ctx, signInsMost)
	if err != nil {
		return err
	}
	for _, s := range all {
		err := line(w, object{"at": moment(s.At), "address": s.Address, "browser": s.Agent, "method": s.Method, "outcome": s.Outcome})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyKeys writes the API keys with their settings. Their values are kept nowhere.
func (d *Dashboard) copyKeys(ctx context.Context, w io.Writer, who identity.Person) error {
	for after := ""; ; {
		keys, err := d.deps.Keys.List(ctx, who.AccountID, after, exportRows)
		if err != nil {
			return err
		}
		for _, k := range keys {
			err := line(w, object{
				"id": k.ID, "name": k.Name, "begins_with": k.Prefix, "dialect": k.Dialect, "mode": k.Mode, "networks": k.Networks,
				"per_minute": k.PerMinute, "created_at": moment(k.CreatedAt), "rotated_at": moment(k.RotatedAt), "expires_at": moment(k.ExpiresAt),
				"revoked_at": moment(k.RevokedAt), "last_used_at": moment(k.LastUsedAt),
			})
			if err != nil {
				return err
			}
			after = k.ID
		}
		if len(keys) < exportRows {
			return nil
		}
	}
}

// copyWebhooks writes where the account is told of events, without the secrets.
func (d *Dashboard) copyWebhooks(ctx context.Context, w io.Writer, who identity.Person) error {
	all, _, err := d.deps.Webhooks.List(ctx, webhook.Owner{AccountID: who.AccountID})
	if err != nil {
		return err
	}
	for _, e := range all {
		err := line(w, object{
			"id": e.ID, "key": e.KeyID, "mode": e.Mode, "url": e.URL, "events": e.Events, "state": e.State,
			"created_at": moment(e.CreatedAt), "updated_at": moment(e.UpdatedAt),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyOrders writes the orders of a mode, the newest first, each with its timeline.
func (d *Dashboard) copyOrders(mode ledger.Mode) func(context.Context, io.Writer, identity.Person) error {
	return func(ctx context.Context, w io.Writer, who identity.Person) error {
		for before := int64(0); ; {
			orders, next, err := d.deps.Orders.Own(ctx, order.Scope{AccountID: who.AccountID, Mode: mode}, order.Page{Before: before, Limit: exportRows})
			if err != nil {
				return err
			}
			timelines, err := d.deps.Orders.Timelines(ctx, orders)
			if err != nil {
				return err
			}
			for i, o := range orders {
				if err := line(w, copyOf(o, timelines[i])); err != nil {
					return err
				}
			}
			if next == 0 {
				return nil
			}
			before = next
		}
	}
}

// copyOf is an order as its customer may see it.
func copyOf(o *order.Order, steps []order.Step) object {
	fields := object{}
	for _, v := range o.Fields {
		fields[v.Name] = v.Text
	}
	return object{
		"id": o.ID, "number": o.Number, "kind": o.Kind, "request_id": o.RequestID, "key": o.KeyID, "service": o.ServiceID,
		"link": o.Link, "quantity": o.Quantity, "fields": fields, "rate": o.Rate.String(), "charge": o.Charge.String(), "refunded": o.Refunded.String(),
		"status": o.State.Word(), "start_count": o.StartCount, "remains": o.Remains, "runs": o.Runs, "interval_minutes": o.Every,
		"created_at": moment(o.CreatedAt), "finished_at": moment(o.FinishedAt), "timeline": told(steps),
	}
}

// told are the steps of an order that its customer is told of, in the customer's
// words: what is between us and the provider is left out.
func told(steps []order.Step) []object {
	all := []object{}
	for _, s := range steps {
		note := s.CustomerNote()
		if s.From != "" && s.From.Word() == s.To.Word() && note == "" && s.Refund == 0 {
			continue
		}
		all = append(all, object{
			"at": moment(s.At), "status": s.To.Word(), "note": note, "start_count": s.StartCount, "remains": s.Remains, "refund": s.Refund.String(),
		})
	}
	return all
}

func (d *Dashboard) copyStatement(ctx context.Context, w io.Writer, who identity.Person) error {
	part, err := d.deps.Orders.Stretch(ctx, order.Scope{AccountID: who.AccountID, Mode: ledger.Live}, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	t, err := download.NewTable(w, statementColumns()...)
	if err != nil {
		return err
	}
	if err := d.writeStatement(ctx, t, part); err != nil {
		return err
	}
	return t.End()
}

func (d *Dashboard) copyTopups(ctx context.Context, w io.Writer, who identity.Person) error {
	for before := ""; ; {
		all, err := d.deps.Payments.Of(ctx, who.AccountID, before, exportRows)
		if err != nil {
			return err
		}
		for _, p := range all {
			err := line(w, object{
				"id": p.ID, "gateway": p.Gateway, "state": p.State, "asked": p.Asked.String(), "amount": p.Amount.String(), "reference": p.Reference,
				"reason": p.Reason, "requested_at": moment(p.RequestedAt), "decided_at": moment(p.DecidedAt),
			})
			if err != nil {
				return err
			}
			before = p.ID
		}
		if len(all) < exportRows {
			return nil
		}
	}
}

// copyNotices writes what the account was told on its pages, the newest first.
func (d *Dashboard) copyNotices(ctx context.Context, w io.Writer, who identity.Person) error {
	for before := ""; ; {
		all, err := d.deps.Notices.Of(ctx, who.AccountID, before, exportRows)
		if err != nil {
			return err
		}
		for _, n := range all {
			err := line(w, object{
				"id": n.ID, "kind": n.Kind, "about": n.Subject, "text": n.Line(ui.Of(ctx).Language, ui.Of(ctx).Panel.Currency),
				"created_at": moment(n.CreatedAt), "read_at": moment(n.ReadAt),
			})
			if err != nil {
				return err
			}
			before = n.ID
		}
		if len(all) < exportRows {
			return nil
		}
	}
}

func (d *Dashboard) copyDismissals(ctx context.Context, w io.Writer, who identity.Person) error {
	for after := ""; ; {
		all, err := d.deps.Announcements.Dismissals(ctx, who.AccountID, after, exportRows)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := line(w, object{"announcement": one.AnnouncementID, "dismissed_at": moment(one.At)}); err != nil {
				return err
			}
			after = one.AnnouncementID
		}
		if len(all) < exportRows {
			return nil
		}
	}
}

// copyGiveaways writes the giveaways that the account entered, with what it won there.
func (d *Dashboard) copyGiveaways(ctx context.Context, w io.Writer, who identity.Person) error {
	for before := ""; ; {
		all, err := d.deps.Giveaways.EnteredBy(ctx, who.AccountID, before, exportRows)
		if err != nil {
			return err
		}
		for _, e := range all {
			won := object{"giveaway": e.GiveawayID, "title": e.Title, "number": e.Number, "code": e.Code, "entered_at": moment(e.EnteredAt), "place": nil, "won": nil}
			if e.Place > 0 {
				won["place"], won["won"] = e.Place, e.Prize.String()
			}
			if err := line(w, won); err != nil {
				return err
			}
			before = e.GiveawayID
		}
		if len(all) < exportRows {
			return nil
		}
	}
}
