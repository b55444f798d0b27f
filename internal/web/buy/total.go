package buy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// totalID is the part of the page with what the order costs.
const totalID = "order-total"

// total is what an order would cost, or why that is not known yet.
type total struct {
	Known bool
	Quote order.Quote
	Left  money.Amount // in the wallet after it; negative: it is too small
	Of    string       // tells for which fields it was reckoned
	Why   string       // why it is not known, in the reader's language; "" where too little is filled in
	Runs  []runAt
}

// runAt is when a run of a drip-feed would begin.
type runAt struct {
	Run int64
	At  time.Time
}

// schedule is when the runs of an order that is placed now would begin: all of few,
// of many the first ones and the last.
func schedule(q order.Quote, now time.Time) (all []runAt) {
	const most, first = 8, 5
	if q.Kind != order.Drip {
		return nil
	}
	for run := int64(1); run <= q.Runs; run++ {
		if q.Runs > most && run > first && run < q.Runs {
			continue
		}
		all = append(all, runAt{run, now.Add(time.Duration((run-1)*q.Every) * time.Minute)})
	}
	return all
}

// reckon quotes an order. The error is what the rules refuse.
func (p *Pages) reckon(ctx context.Context, v visit, fields map[string]string) (t total, err error) {
	// Any id does: nothing is looked up by it.
	r, err := request(fields, "quote", "")
	if err == nil {
		t.Of = r.Hash()
		t.Quote, err = r.Quote(v.snapshot, v.customer(), p.deps.Now())
	}
	if err != nil {
		t.Why = whyNot(ctx, err, v, fields)
		return t, err
	}
	t.Known = true
	t.Left = v.balance - t.Quote.Charge
	t.Runs = schedule(t.Quote, p.deps.Now())
	return t, nil
}

// whyNot says why there is no total; what is merely not filled in yet is no fault.
func whyNot(ctx context.Context, err error, v visit, fields map[string]string) string {
	f, is := errors.AsType[*fault.Error](err)
	if !is || f.Reason == fault.MissingField || f.Reason == fault.BadPosts {
		return ""
	}
	if f.Reason == fault.BadInterval && fields["interval"] == "" {
		return ""
	}
	service, _, _ := serviceOf(v.snapshot, number(fields["service"]))
	r, ok := refused(ctx, err, service, fields)
	if !ok {
		return ""
	}
	return r.said(ctx)
}

// Total is what the form would cost as it stands, for who is typing.
func (p *Pages) Total(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	fields, err := read(ui.Sent(r).Values)
	var t total
	if err == nil {
		t, err = p.reckon(r.Context(), v, fields)
	} else {
		t.Why = whyNot(r.Context(), err, v, fields)
	}
	if err != nil && !isFault(err) {
		return err
	}
	return ui.Render(w, r, http.StatusOK, totalPart(t))
}

func isFault(err error) bool {
	f, is := errors.AsType[*fault.Error](err)
	return is && f.Code != fault.Internal
}

// leftAfter is what a wallet holds after a charge, or what it lacks.
func leftAfter(ctx context.Context, t total) (name, amount string) {
	if t.Left < 0 {
		return ui.T(ctx, "buy.total.short"), ui.Amount(ctx, -t.Left)
	}
	return ui.T(ctx, "buy.total.left"), ui.Amount(ctx, t.Left)
}

// unitsText says how the units of an order come about.
func unitsText(ctx context.Context, q order.Quote) string {
	switch q.Kind {
	case order.Drip:
		return ui.T(ctx, "buy.total.units_runs", "Runs", ui.Int(ctx, q.Runs), "Quantity", ui.Int(ctx, q.Quantity), "Units", ui.Int(ctx, q.Units()))
	case order.Subscription:
		return ui.T(ctx, "buy.total.units_posts", "Posts", ui.Int(ctx, q.Runs), "Quantity", ui.Int(ctx, q.Quantity), "Units", ui.Int(ctx, q.Units()))
	case order.Single, order.Run, order.Post:
	}
	return ui.Int(ctx, q.Units())
}

// rateText is the customer's price, and beside it the list's where that differs.
func rateText(ctx context.Context, own, list money.Amount) string {
	if own == list {
		return ui.Amount(ctx, own)
	}
	return ui.T(ctx, "buy.rate_own", "Own", ui.Amount(ctx, own), "List", ui.Amount(ctx, list))
}

// fact is something to know of a service.
type fact struct{ name, value string }

// factsOf is what to know of a service before one orders it.
func factsOf(ctx context.Context, v *catalog.Service, l catalog.Listing) (all []fact) {
	add := func(key, value string) {
		if value != "" {
			all = append(all, fact{ui.T(ctx, key), value})
		}
	}
	add("site.column.rate", rateText(ctx, l.Own, l.Rate))
	add(limitsKey(v), limitsOf(ctx, v))
	if v.Increment > 1 {
		add("site.service.steps", ui.Int(ctx, v.Increment))
	}
	if f := l.Facts; f != nil {
		add("site.service.start", times(ctx, f.StartHalf, f.StartMost))
		add("site.service.complete", times(ctx, f.CompleteHalf, f.CompleteMost))
	}
	add("site.option.refill", refillText(ctx, v))
	add("buy.facts.cancel", cancelText(ctx, v))
	switch v.Overlap {
	case catalog.OverlapQueue:
		add("buy.facts.overlap", ui.T(ctx, "buy.facts.overlap_queue"))
	case catalog.OverlapRefuse:
		add("buy.facts.overlap", ui.T(ctx, "buy.facts.overlap_refuse"))
	case catalog.OverlapAllow:
	}
	return all
}

func limitsKey(v *catalog.Service) string {
	schema, _ := catalog.SchemaOf(v.Type)
	switch schema.Counting {
	case catalog.ByPackage:
		return "site.service.package"
	case catalog.ByPosts:
		return "site.service.per_post"
	case catalog.ByQuantity, catalog.ByLines:
	}
	return "site.service.limits"
}

func limitsOf(ctx context.Context, v *catalog.Service) string {
	if schema, _ := catalog.SchemaOf(v.Type); schema.Counting == catalog.ByPackage {
		return ui.Int(ctx, v.Min)
	}
	return ui.Int(ctx, v.Least()) + "–" + ui.Int(ctx, v.Most())
}

// times are the times within which half and nine of ten orders were; "" where too
// little was measured.
func times(ctx context.Context, half, most *int64) string {
	if half == nil {
		return ""
	}
	text := ui.T(ctx, "site.service.half", "Span", span(ctx, *half))
	if most != nil {
		text += " · " + ui.T(ctx, "site.service.most", "Span", span(ctx, *most))
	}
	return text
}

func span(ctx context.Context, seconds int64) string {
	return ui.Of(ctx).Language.Span(time.Duration(seconds) * time.Second)
}

func refillText(ctx context.Context, v *catalog.Service) string {
	switch {
	case !v.Refill:
		return ui.T(ctx, "site.service.no")
	case v.RefillDays > 0:
		return ui.N(ctx, "site.service.refill_days", v.RefillDays)
	}
	return ui.T(ctx, "site.service.refill_always")
}

func cancelText(ctx context.Context, v *catalog.Service) string {
	if v.Cancel {
		return ui.T(ctx, "buy.facts.cancel_yes")
	}
	return ui.T(ctx, "buy.facts.cancel_no")
}
