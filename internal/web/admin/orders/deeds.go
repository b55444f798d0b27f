package orders

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The words of the deeds in addresses and forms.
const (
	resend = "resend"
	counts = "counts"
	state  = "state"
	end    = "end"
	settle = "settle"
	note   = "note"
	cancel = "cancel"
	refill = "refill"
	seen   = "seen"
)

// deed is something that staff do to an order.
type deed struct {
	name  string
	needs staff.Permission
	// offered reports whether it may be possible for an order now.
	offered func(o *order.Order) bool
}

// Deed names a deed beside the permission that it needs.
type Deed struct {
	Name  string
	Needs staff.Permission
}

// Deeds are all of them, for the route table.
func Deeds() (all []Deed) {
	for _, d := range deeds() {
		all = append(all, Deed{d.name, d.needs})
	}
	return all
}

func deeds() []deed {
	in := func(states ...order.State) func(o *order.Order) bool {
		return func(o *order.Order) bool {
			for _, s := range states {
				if o.State == s && live(o) {
					return true
				}
			}
			return false
		}
	}
	running := in(order.Processing, order.InProgress)
	return []deed{
		{settle, staff.OrdersSettle, in(order.Uncertain, order.Held)},
		{resend, staff.OrdersChange, func(o *order.Order) bool {
			return in(order.Pending, order.Held, order.Processing, order.InProgress)(o) && (o.Kind == order.Single || o.Kind == order.Run)
		}},
		{state, staff.OrdersChange, func(o *order.Order) bool { return running(o) && (o.Kind == order.Single || o.Kind == order.Run) }},
		{counts, staff.OrdersChange, func(o *order.Order) bool { return running(o) && (o.Kind == order.Single || o.Kind == order.Run) }},
		{refill, staff.OrdersChange, func(o *order.Order) bool {
			return in(order.Completed, order.Partial)(o) && o.Kind != order.Drip && o.Kind != order.Subscription
		}},
		{cancel, staff.OrdersChange, in(order.Pending, order.Queued, order.Held, order.Submitting, order.Uncertain, order.Processing, order.InProgress)},
		{end, staff.OrdersRefund, func(o *order.Order) bool {
			return in(order.Processing, order.InProgress, order.Completed, order.Partial, order.Canceled)(o) &&
				o.Kind != order.Drip && o.Kind != order.Post && o.Refunded < o.Charge
		}},
		{note, staff.OrdersChange, live},
		{seen, staff.OrdersChange, func(o *order.Order) bool { return o.Attention != "" && live(o) }},
	}
}

// find returns the deed of a name; the route table knows no other.
func find(name string) (found deed) {
	for _, d := range deeds() {
		if d.name == name {
			found = d
		}
	}
	return found
}

// asking is what a deed's form shows.
type asking struct {
	view

	deed    deed
	Proof   proof.Asked
	Sources []catalog.ServiceSource // of Resend
}

// Ask shows the form of a deed.
func (p *Pages) Ask(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		return p.show(name)(w, r, http.StatusOK, ui.NewForm(nil))
	}
}

func (p *Pages) show(name string) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		a := asking{deed: find(name)}
		var err error
		if a.view, err = p.view(r); err != nil {
			return err
		}
		if a.Sources, err = p.deps.Catalog.Sources(r.Context(), a.ServiceID); err != nil {
			return err
		}
		if name == end || name == settle {
			if a.Proof, err = proof.Fresh(p.deps.People, r); err != nil {
				return err
			}
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: deedTitle(r.Context(), name, a.Order)}, deedForm(a, f))
	}
}

// Do does a deed to an order.
func (p *Pages) Do(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		f := ui.Sent(r)
		d := readDeed(ctx, name, f)
		if !f.OK() {
			return p.show(name)(w, r, http.StatusUnprocessableEntity, f)
		}
		if d.MovesMoney() {
			if err := proof.Check(p.deps.People, r); err != nil {
				return refusal.Again(w, r, f, err, p.show(name))
			}
		}
		by := p.actor(r)
		o, err := p.deps.Settler.Under(staff.ForOthers(by, find(name).needs)).Do(ctx, r.PathValue("id"), d, by.AccountID)
		if err != nil {
			return refusal.Again(w, r, f, err, p.show(name))
		}
		p.deps.Wake()
		return ui.Finish(w, r, ui.T(ctx, "desk_orders.done", "Number", ui.Plain(o.Number), "State", stateText(ctx, o.State)), orderPath(o.ID), "")
	}
}

// readDeed reads a deed from its form. What is wrong is said there.
func readDeed(ctx context.Context, name string, f *ui.Form) (d fulfil.Deed) {
	switch name {
	case resend:
		d.Kind, d.Source = fulfil.Resend, f.Value("source")
		if f.Value("certain") != "" {
			d.Dead = f.Value("dead")
		}
	case counts:
		d.Kind, d.StartCount, d.Remains = fulfil.Counts, readCount(ctx, f, "start_count"), readCount(ctx, f, "remains")
		if f.OK() && d.StartCount == nil && d.Remains == nil {
			f.Refuse("start_count", ui.T(ctx, "desk_orders.error_counts"))
		}
	case state:
		d.Kind, d.State = fulfil.SetState, order.State(f.Value("state"))
		d.StartCount = readCount(ctx, f, "start_count")
		if d.State != order.InProgress && d.State != order.Completed {
			f.Refuse("state", ui.T(ctx, "desk_orders.error_choice"))
		}
	case end:
		readEnd(ctx, f, &d)
	case settle:
		readSettling(ctx, f, &d)
	case note:
		d.Kind, d.Note = fulfil.Noting, strings.TrimSpace(f.Value("note"))
		if d.Note == "" {
			f.Refuse("note", ui.T(ctx, "desk_orders.error_note"))
		}
	case cancel:
		d.Kind = fulfil.Cancel
	case refill:
		d.Kind = fulfil.Refill
	case seen:
		d.Kind = fulfil.Seen
	}
	return d
}

// readEnd reads how an order ends, with what goes back.
func readEnd(ctx context.Context, f *ui.Form, d *fulfil.Deed) {
	d.Remains = readCount(ctx, f, "remains")
	switch f.Value("end") {
	case string(order.Partial):
		d.Kind, d.State = fulfil.SetState, order.Partial
		if d.Remains == nil && f.OK() {
			f.Refuse("remains", ui.T(ctx, "desk_orders.error_remains"))
		}
	case string(order.Canceled):
		d.Kind, d.State = fulfil.SetState, order.Canceled
	case string(order.Refunded):
		d.Kind, d.Remains = fulfil.GiveBack, nil
	default:
		f.Refuse("end", ui.T(ctx, "desk_orders.error_choice"))
	}
}

// readSettling reads what became of an order that waits for a person.
func readSettling(ctx context.Context, f *ui.Form, d *fulfil.Deed) {
	d.Kind = fulfil.Settling
	switch f.Value("how") {
	case accepted:
		d.How, d.UpstreamID = fulfil.AcceptedAs, strings.TrimSpace(f.Value("upstream_id"))
		if d.UpstreamID == "" {
			f.Refuse("upstream_id", ui.T(ctx, "desk_orders.error_upstream"))
		}
	case "not_accepted":
		d.How = fulfil.WasNotAccepted
	case "cancel":
		d.How = fulfil.CancelIt
	default:
		f.Refuse("how", ui.T(ctx, "desk_orders.error_choice"))
	}
}

func readCount(ctx context.Context, f *ui.Form, name string) *int64 {
	typed := strings.TrimSpace(f.Value(name))
	if typed == "" {
		return nil
	}
	n, err := strconv.ParseInt(typed, 10, 64)
	if err != nil || n < 0 {
		f.Refuse(name, ui.T(ctx, "desk_orders.error_count"))
		return nil
	}
	return &n
}

// deedTitle says what a deed does to an order.
func deedTitle(ctx context.Context, name string, o *order.Order) string {
	return ui.T(ctx, "desk_orders.title_"+name, "Number", ui.Plain(o.Number))
}
