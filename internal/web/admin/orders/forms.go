package orders

import (
	"context"
	"strconv"

	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// columns are the heads of the list.
func columns(ctx context.Context, picks bool) (all []ui.Column) {
	if picks {
		all = append(all, ui.Column{Name: ui.T(ctx, "desk_orders.pick")})
	}
	return append(
		all,
		ui.Column{Name: ui.T(ctx, "orders.number")}, ui.Column{Name: ui.T(ctx, "desk_orders.account")}, ui.Column{Name: ui.T(ctx, "orders.link")},
		ui.Column{Name: ui.T(ctx, "orders.state")}, ui.Column{Name: ui.T(ctx, "orders.delivered"), Right: true},
		ui.Column{Name: ui.T(ctx, "orders.charge"), Right: true}, ui.Column{Name: ui.T(ctx, "orders.at"), Right: true},
	)
}

// moment is a step of an order's life as staff see it.
func moment(ctx context.Context, s order.Step) ui.Moment {
	m := ui.Moment{At: s.At, Text: ui.T(ctx, "desk_orders.step_note")}
	if s.From != s.To {
		m.Word, m.Text = shape(s.To), stateText(ctx, s.To)
	}
	return m
}

// deedKind makes the first deed that is offered the one that is seen first.
func deedKind(i int, d deed) string {
	switch {
	case d.name == end:
		return "danger-quiet"
	case i == 0 && d.name == settle:
		return "primary"
	}
	return ""
}

func deedButton(name string) string {
	if name == end || name == cancel {
		return "danger"
	}
	return "primary"
}

// answerTitle names what a provider answered.
func answerTitle(ctx context.Context, u *fulfil.Submission) string {
	return ui.T(ctx, "desk_orders.answer", "Status", strconv.FormatInt(u.HTTPStatus, 10))
}

// sentText says what is known of a sending whose outcome is not.
func sentText(ctx context.Context, u *fulfil.Submission) string {
	key := "desk_orders.sent_at"
	if !u.Sent {
		key = "desk_orders.unsent_at"
	}
	return ui.T(ctx, key, "At", ui.Exact(ctx, u.BeganAt))
}

// hintOf is the id that came beside an answer which settled nothing.
func hintOf(a asking) string {
	if len(a.Submissions) == 0 {
		return ""
	}
	return a.newest().UpstreamID
}

func sourceOptions(ctx context.Context, a asking) (all []ui.Option) {
	for _, s := range a.Sources {
		if !s.GoneAt.IsZero() && s.ProviderID != a.ProviderID {
			continue
		}
		all = append(all, ui.Option{
			Value: s.ProviderID,
			Label: ui.T(ctx, "desk_orders.source_at", "Name", a.names.provider(s.ProviderID), "Cost", ui.Amount(ctx, s.Cost)),
		})
	}
	return all
}

// endOptions are the ends that an order may still have.
func endOptions(ctx context.Context, o *order.Order) (all []ui.Option) {
	for _, s := range []order.State{order.Partial, order.Canceled, order.Refunded} {
		if o.State.MayBecome(s) && (o.Kind != order.Subscription || s == order.Canceled) {
			all = append(all, ui.Option{Value: string(s), Label: ui.T(ctx, "state."+string(s)), Help: ui.T(ctx, "desk_orders.end_"+string(s))})
		}
	}
	return all
}

// accepted is the answer that asks for the provider's id.
const accepted = "accepted"

// settleOptions are the ways in which an order's waiting ends.
func settleOptions(ctx context.Context, o *order.Order) (all []ui.Option) {
	if o.State == order.Uncertain {
		all = append(all,
			ui.Option{Value: accepted, Label: ui.T(ctx, "desk_orders.how_accepted")},
			ui.Option{Value: "not_accepted", Label: ui.T(ctx, "desk_orders.how_not_accepted"), Help: ui.T(ctx, "desk_orders.how_not_accepted_help")})
	} else {
		all = append(all, ui.Option{Value: "not_accepted", Label: ui.T(ctx, "desk_orders.how_again"), Help: ui.T(ctx, "desk_orders.how_again_help")})
	}
	return append(all, ui.Option{Value: "cancel", Label: ui.T(ctx, "desk_orders.how_cancel"), Help: ui.T(ctx, "desk_orders.how_cancel_help", "Amount", ui.Amount(ctx, o.Charge-o.Refunded))})
}

// bulkOptions are the deeds that may be done to many orders by who reads.
func bulkOptions(ctx context.Context, m many) (all []ui.Option) {
	for _, d := range m.offered {
		all = append(all, ui.Option{Value: d.name, Label: ui.T(ctx, "desk_orders.bulk_"+d.name), Help: ui.T(ctx, "desk_orders.bulk_"+d.name+"_help")})
	}
	return all
}
