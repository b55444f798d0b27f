package orders

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// bulkDeed is a deed that can be done to many orders, under its word in the form.
type bulkDeed struct {
	name  string
	needs staff.Permission
	deed  fulfil.Deed
}

// bulkDeeds are those that mean the same for every order.
func bulkDeeds() []bulkDeed {
	return []bulkDeed{
		{resend, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Resend}},
		{cancel, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Cancel}},
		{refill, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Refill}},
		{seen, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Seen}},
		{note, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Noting}},
		{"complete", staff.OrdersChange, fulfil.Deed{Kind: fulfil.SetState, State: order.Completed}},
		{"not_accepted", staff.OrdersSettle, fulfil.Deed{Kind: fulfil.Settling, How: fulfil.WasNotAccepted}},
		{"settle_cancel", staff.OrdersSettle, fulfil.Deed{Kind: fulfil.Settling, How: fulfil.CancelIt}},
		{"end_canceled", staff.OrdersRefund, fulfil.Deed{Kind: fulfil.SetState, State: order.Canceled}},
		{"give_back", staff.OrdersRefund, fulfil.Deed{Kind: fulfil.GiveBack}},
	}
}

// many is what the page of a deed for many orders shows.
type many struct {
	filter  filter
	chosen  []string // of a selection; none: all that the filter fits
	count   int
	shown   string // which those are
	more    bool   // there are more than one work may have
	wide    bool   // it was not found out which the filter fits: too many were to be looked through
	work    string
	offered []bulkDeed
	names   naming
	Proof   proof.Asked
}

// chosenIDs are the orders that were picked, those that are ids of orders.
func chosenIDs(r *http.Request) (all []string) {
	for _, orderID := range r.Form["order"] {
		if id.Valid(id.Order, orderID) && !slices.Contains(all, orderID) && len(all) < listed {
			all = append(all, orderID)
		}
	}
	return all
}

// AskMany asks what is to be done to a selection, or to all orders that a filter
// fits, and says how many those are.
func (p *Pages) AskMany(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(fault.Invalid, "The form can't be read", err)
	}
	return p.showMany(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showMany(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	ctx := r.Context()
	m := many{filter: readFilter(r.Form), chosen: chosenIDs(r), work: f.Value("work")}
	m.filter.before = ""
	if !id.Valid(id.BulkWork, m.work) {
		m.work = bulk.NewID()
	}
	var err error
	if m.names, err = p.naming(ctx); err != nil {
		return err
	}
	orderIDs, more, err := p.fitting(ctx, m)
	if m.wide = fault.From(err).Reason == order.TooWide; err != nil && !m.wide {
		return err
	}
	m.count, m.shown, m.more = len(orderIDs), shownAs(orderIDs), more
	for _, d := range bulkDeeds() {
		if p.may(r, d.needs) {
			m.offered = append(m.offered, d)
		}
	}
	if m.Proof, err = proof.Fresh(p.deps.People, r); err != nil {
		return err
	}
	return ui.Render(w, r, status, manyPage(m, f))
}

// fitting are the orders that a work would have.
func (p *Pages) fitting(ctx context.Context, m many) (orderIDs []string, more bool, err error) {
	if len(m.chosen) > 0 {
		return m.chosen, false, nil
	}
	accountID, found, err := p.account(ctx, m.filter.account)
	if err != nil || !found || !m.filter.any() {
		return nil, false, err // all orders there are is no choice
	}
	return p.deps.Orders.Fitting(ctx, m.filter.sought(ctx, accountID), bulk.MaxOrders)
}

// shownAs says how many orders were shown and, in short, which.
func shownAs(orderIDs []string) string {
	sum := sha256.Sum256([]byte(strings.Join(orderIDs, " ")))
	return strconv.Itoa(len(orderIDs)) + "-" + hex.EncodeToString(sum[:16])
}

// DoMany begins a deed for many orders: for those that were shown, or not at all.
func (p *Pages) DoMany(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	at := slices.IndexFunc(bulkDeeds(), func(d bulkDeed) bool { return d.name == f.Value("deed") })
	if at < 0 {
		f.Refuse("deed", ui.T(ctx, "desk_orders.error_choice"))
		return p.showMany(w, r, http.StatusUnprocessableEntity, f)
	}
	chosen := bulkDeeds()[at]
	if chosen.deed.Kind == fulfil.Noting {
		chosen.deed.Note = f.Value("note")
	}
	m := many{filter: readFilter(r.Form), chosen: chosenIDs(r)}
	m.filter.before = ""
	orderIDs, _, err := p.fitting(ctx, m)
	if err != nil {
		return err
	}
	if len(m.chosen) == 0 && f.Value("shown") != shownAs(orderIDs) {
		before, _, _ := strings.Cut(f.Value("shown"), "-")
		f.Error = ui.T(ctx, "desk_orders.error_changed", "Before", before, "Now", ui.Int(ctx, int64(len(orderIDs))))
		return p.showMany(w, r, http.StatusConflict, f)
	}
	if chosen.deed.MovesMoney() || chosen.deed.Kind == fulfil.Cancel {
		if err := proof.Check(p.deps.People, r); err != nil {
			return refusal.Again(w, r, f, err, p.showMany)
		}
	}
	if err := p.deps.Bulk.Begin(ctx, f.Value("work"), p.actor(r), chosen.needs, chosen.deed, orderIDs); err != nil {
		return refusal.Again(w, r, f, err, p.showMany)
	}
	return ui.See(w, r, workPath+"/"+f.Value("work"))
}

// work is what the page of a work shows.
type work struct {
	bulk.Work

	Email string
	Left  []bulk.Item // the orders that its deed was not for
	Next  string
}

// Works lists the latest deeds for many orders.
func (p *Pages) Works(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	all, err := p.deps.Bulk.Latest(ctx, listed)
	if err != nil {
		return err
	}
	var actors []string
	for _, one := range all {
		actors = append(actors, one.AccountID)
	}
	emails, err := p.deps.Accounts.Emails(ctx, actors)
	if err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, worksPage(all, emails))
}

// Work shows how far a work is, and the orders that its deed was not for.
func (p *Pages) Work(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var v work
	var err error
	if v.Work, err = p.deps.Bulk.Find(ctx, r.PathValue("id")); err != nil {
		return err
	}
	if v.Left, err = p.deps.Bulk.Refused(ctx, v.ID, typed(r.URL.Query().Get("after")), listed+1); err != nil {
		return err
	}
	if len(v.Left) > listed {
		v.Left = v.Left[:listed]
		v.Next = workPath + "/" + v.ID + "?after=" + v.Left[listed-1].OrderID
	}
	emails, err := p.deps.Accounts.Emails(ctx, []string{v.AccountID})
	if err != nil {
		return err
	}
	v.Email = emails[v.AccountID]
	if ui.Partial(r) {
		return ui.Render(w, r, http.StatusOK, workBlock(v))
	}
	return ui.Render(w, r, http.StatusOK, workPage(v))
}

// Stop ends a work: what is not done yet is left.
func (p *Pages) Stop(w http.ResponseWriter, r *http.Request) error {
	if err := p.deps.Bulk.Stop(r.Context(), r.PathValue("id"), p.actor(r)); err != nil {
		return err
	}
	return ui.See(w, r, workPath+"/"+r.PathValue("id"))
}

// bulkName is the word of a work's deed in the forms.
func bulkName(d fulfil.Deed) string {
	d.Note = ""
	for _, known := range bulkDeeds() {
		if known.deed == d {
			return known.name
		}
	}
	return string(d.Kind)
}
