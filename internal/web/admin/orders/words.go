package orders

import (
	"context"
	"strings"

	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// stateText is a state as staff know it: the customer's word where there is no
// finer one.
func stateText(ctx context.Context, s order.State) string {
	switch s {
	case order.Queued:
		return ui.T(ctx, "desk_orders.queued")
	case order.Held:
		return ui.T(ctx, "desk_orders.held")
	case order.Submitting:
		return ui.T(ctx, "desk_orders.submitting")
	case order.Uncertain, order.Pending, order.Processing, order.InProgress, order.Completed, order.Partial, order.Canceled, order.Failed, order.Refunded:
	}
	return ui.T(ctx, "state."+string(s))
}

// shape is the word whose sign a state has.
func shape(s order.State) string {
	if s == order.Uncertain {
		return string(s)
	}
	return s.Word()
}

// outcomeText says what is known of a submission.
func outcomeText(ctx context.Context, o fulfil.Outcome) string {
	return ui.T(ctx, "desk_orders.outcome_"+string(o))
}

// shownLink is a link without what all links have, and not longer than a line.
func shownLink(link string) string {
	const most = 48
	link = strings.TrimPrefix(strings.TrimPrefix(link, "https://"), "http://")
	if runes := []rune(link); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return link
}

// actorText says who did a step: staff by their address, a key or the panel by name.
func actorText(ctx context.Context, actor string, emails map[string]string) string {
	switch {
	case emails[actor] != "":
		return emails[actor]
	case strings.HasPrefix(actor, "key_"):
		return ui.T(ctx, "desk_orders.by_key")
	case actor == "provider":
		return ui.T(ctx, "desk_orders.by_provider")
	case actor == "panel":
		return ui.T(ctx, "desk_orders.by_panel")
	}
	return actor
}

// filterText says which orders were chosen.
func filterText(ctx context.Context, m many) string {
	if len(m.chosen) > 0 {
		return ui.T(ctx, "desk_orders.many_picked")
	}
	var parts []string
	for _, k := range m.filter.values() {
		switch k.Name {
		case "show":
			parts = append(parts, ui.T(ctx, "desk_orders.waiting"))
		case "state":
			parts = append(parts, stateText(ctx, m.filter.state))
		case "provider":
			parts = append(parts, m.names.provider(k.Value))
		case "service":
			parts = append(parts, m.names.service(ctx, m.filter.service))
		default:
			parts = append(parts, k.Value)
		}
	}
	return strings.Join(parts, " · ")
}

func workState(ctx context.Context, w bulk.Work) string {
	switch {
	case w.FinishedAt.IsZero():
		return ui.T(ctx, "desk_orders.work_going")
	case w.Stopped != "":
		return ui.T(ctx, "desk_orders.work_stopped")
	}
	return ui.T(ctx, "desk_orders.work_finished")
}

func progressWord(w bulk.Work) string {
	if w.FinishedAt.IsZero() {
		return string(order.InProgress)
	}
	return string(order.Completed)
}
