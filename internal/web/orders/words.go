package orders

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// moment is a step of an order's life as its customer is told. What staff and
// providers said of it is not.
func moment(ctx context.Context, s order.Step) ui.Moment {
	m := ui.Moment{At: s.At}
	switch note := s.CustomerNote(); {
	case note != "":
		m.Text = noteText(ctx, note)
	case s.From == "":
		m.Word, m.Text = s.To.Word(), ui.T(ctx, "orders.step_placed")
	case s.From.Word() == s.To.Word():
		m.Text = ui.T(ctx, "orders.step_given_back")
	default:
		m.Word, m.Text = s.To.Word(), stepText(ctx, s.To)
	}
	return m
}

func stepText(ctx context.Context, to order.State) string {
	switch to {
	case order.Pending, order.Queued, order.Held:
		return ui.T(ctx, "orders.step_waits")
	case order.Submitting, order.Uncertain, order.Processing:
		return ui.T(ctx, "orders.step_processing")
	case order.InProgress:
		return ui.T(ctx, "orders.step_began")
	case order.Completed:
		return ui.T(ctx, "orders.step_completed")
	case order.Partial:
		return ui.T(ctx, "orders.step_partial")
	case order.Canceled:
		return ui.T(ctx, "orders.step_canceled")
	case order.Failed:
		return ui.T(ctx, "orders.step_failed")
	case order.Refunded:
		return ui.T(ctx, "orders.step_refunded")
	}
	return string(to)
}

// noteText says a customer's note of package order in the reader's language.
func noteText(ctx context.Context, note string) string {
	switch note {
	case "cancel requested":
		return ui.T(ctx, "orders.note_cancel")
	case "cancel refused":
		return ui.T(ctx, "orders.note_not_canceled")
	case "paused":
		return ui.T(ctx, "orders.note_paused")
	case "resumed":
		return ui.T(ctx, "orders.note_resumed")
	}
	words := strings.Fields(note) // "refill 4711 completed"
	if len(words) != 3 || words[0] != "refill" {
		return ui.T(ctx, "orders.note_blocked")
	}
	switch order.RefillState(words[2]) {
	case order.RefillInProgress:
		return ui.T(ctx, "orders.note_refill_began", "Number", words[1])
	case order.RefillCompleted:
		return ui.T(ctx, "orders.note_refill_completed", "Number", words[1])
	case order.RefillRejected:
		return ui.T(ctx, "orders.note_refill_rejected", "Number", words[1])
	case order.RefillPending:
	}
	return ui.T(ctx, "orders.note_refill", "Number", words[1])
}

// ProgressText says how much was delivered.
func ProgressText(ctx context.Context, o *order.Order) string {
	n, known := delivered(o)
	done, all := ui.Int(ctx, n), ui.Int(ctx, whole(o))
	switch {
	case o.Kind == order.Drip:
		return ui.T(ctx, "orders.progress_runs", "Done", done, "All", all)
	case o.Kind == order.Subscription:
		return ui.T(ctx, "orders.progress_posts", "Done", done, "All", all)
	case !known:
		return ui.T(ctx, "orders.progress_unknown", "All", all)
	}
	return ui.T(ctx, "orders.progress", "Done", done, "All", all)
}

// refusedText says why the panel did not do what was asked of an order. Not ok is an
// error that has a page of its own.
func refusedText(ctx context.Context, err error) (text string, ok bool) {
	f, is := errors.AsType[*fault.Error](err)
	if !is || f.Code != fault.Conflict {
		return "", false
	}
	switch f.Reason {
	case fault.NotCancelable:
		return ui.T(ctx, "orders.not_cancelable"), true
	case fault.NotRefillable:
		return refillText(ctx, f.Args), true
	default:
		return ui.T(ctx, "orders.not_now"), true
	}
}

// refillText says why a refill was refused, by its reason and number.
func refillText(ctx context.Context, args []string) string {
	if len(args) != 2 {
		return ui.T(ctx, "orders.not_now")
	}
	n, _ := strconv.ParseInt(args[1], 10, 64) // a number of package order's
	switch args[0] {
	case order.RefillParts:
		return ui.T(ctx, "orders.no_refill_parts")
	case order.RefillUnended:
		return ui.T(ctx, "orders.no_refill_unended")
	case order.RefillNone:
		return ui.T(ctx, "orders.no_refill_none")
	case order.RefillLate:
		return ui.N(ctx, "orders.no_refill_late", n)
	case order.RefillOpen:
		return ui.T(ctx, "orders.no_refill_open")
	case order.RefillHad:
		return ui.N(ctx, "orders.no_refill_had", n)
	}
	return ui.T(ctx, "orders.not_now")
}

// cancelText says what a cancel does.
func cancelText(ctx context.Context, v view) string {
	amount := ui.Amount(ctx, v.May.Refund)
	switch v.May.Cancel {
	case order.CancelNow:
		return ui.T(ctx, "orders.cancel_now", "Amount", amount)
	case order.CancelAsked:
		return ui.T(ctx, "orders.cancel_asked")
	case order.CancelRest:
		return ui.T(ctx, "orders.cancel_rest", "Amount", amount)
	case order.NoCancel:
	}
	return ui.T(ctx, "orders.not_cancelable")
}

// cancelLabel is what the button says.
func cancelLabel(ctx context.Context, v view) string {
	switch v.May.Cancel {
	case order.CancelAsked:
		return ui.T(ctx, "orders.cancel_ask")
	case order.CancelRest:
		return ui.T(ctx, "orders.cancel_rest_deed")
	case order.CancelNow, order.NoCancel:
	}
	return ui.T(ctx, "orders.cancel_deed")
}

// title is what the page of an order is called.
func title(ctx context.Context, v view) string {
	number := ui.Plain(v.Number)
	switch v.Kind {
	case order.Drip:
		return ui.T(ctx, "orders.one_drip", "Number", number)
	case order.Subscription:
		return ui.T(ctx, "orders.one_subscription", "Number", number)
	case order.Single, order.Run, order.Post:
	}
	return ui.T(ctx, "orders.one", "Number", number)
}

// moneyLead says whose money a part of a parent was.
func moneyLead(ctx context.Context, v view) string {
	if v.Parent != 0 {
		return ui.T(ctx, "orders.money_part", "Number", ui.Plain(v.Parent))
	}
	return ""
}

// quantityName is what the quantity counts.
func quantityName(ctx context.Context, v view) string {
	switch v.Kind {
	case order.Drip:
		return ui.T(ctx, "orders.quantity_run")
	case order.Subscription:
		return ui.T(ctx, "orders.quantity_post")
	case order.Single, order.Run, order.Post:
	}
	return ui.T(ctx, "orders.quantity")
}

// plannedLead says how the runs to come follow one another.
func plannedLead(ctx context.Context, v view) string {
	if len(v.Planned) == 0 {
		return ui.T(ctx, "orders.planned_paused")
	}
	return ui.T(ctx, "orders.planned_lead", "Span", ui.Of(ctx).Language.Span(every(v.Order)), "Last", ui.Exact(ctx, runAt(v.Order, v.Order.Runs)))
}

func partsTitle(ctx context.Context, v view) string {
	if v.Kind == order.Subscription {
		return ui.T(ctx, "orders.posts")
	}
	return ui.T(ctx, "orders.runs")
}

func keyName(ctx context.Context, v view) string {
	if v.Key.Name == "" {
		return ui.T(ctx, "keys.unnamed")
	}
	return v.Key.Name
}

// isLong reports that a field's text wants a place of its own.
func isLong(text string) bool {
	const line = 60
	return len(text) > line || strings.Contains(text, "\n")
}

// fieldNames are the keys of what fields are called.
//
//nolint:gochecknoglobals // a table
var fieldNames = map[string]string{
	"comments": "orders.field_comments", "usernames": "orders.field_usernames", "hashtags": "orders.field_hashtags", "hashtag": "orders.field_hashtag",
	"username": "orders.field_username", "media": "orders.field_media", "answer_number": "orders.field_answer", "groups": "orders.field_groups",
	"min": "orders.field_min", "max": "orders.field_max", "delay": "orders.field_delay", "posts": "orders.field_posts", "old_posts": "orders.field_old_posts",
	"expiry": "orders.field_expiry", "keywords": "orders.field_keywords", "country": "orders.field_country", "device": "orders.field_device",
	"type_of_traffic": "orders.field_traffic", "google_keyword": "orders.field_google", "referring_url": "orders.field_referring",
}

// fieldName is what a field is called; one that is new goes by the API's name.
func fieldName(ctx context.Context, name string) string {
	if key, known := fieldNames[name]; known {
		return ui.T(ctx, key)
	}
	return name
}

// partsName and nextName are the heads of what lists of parents have of their own.
func partsName(ctx context.Context, kind order.Kind) string {
	if kind == order.Drip {
		return ui.T(ctx, "orders.runs")
	}
	return ui.T(ctx, "orders.posts")
}

func nextName(ctx context.Context, kind order.Kind) string {
	if kind == order.Drip {
		return ui.T(ctx, "orders.next_run")
	}
	return ui.T(ctx, "orders.expiry")
}
