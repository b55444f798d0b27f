package buy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/favourite"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// chosen is the service that is ordered.
type chosen struct {
	Service *catalog.Service
	Schema  catalog.Schema
	Listing catalog.Listing
	About   string // HTML
	Starred bool
}

// desk is what the page of a new order shows.
type desk struct {
	Pick      pick
	Chosen    *chosen
	Form      *ui.Form
	RequestID string
	Total     total
	Placed    *placed
	Note      string // what the reader should know, in their language
}

// placed is an order that was just placed.
type placed struct {
	Order   *order.Order
	Service string
}

// percent is how much of it was delivered.
func (o placed) percent() int64 {
	if o.Order.Remains == nil || o.Order.Quantity <= 0 {
		return 0
	}
	return (o.Order.Quantity - *o.Order.Remains) * 100 / o.Order.Quantity
}

// alive is where its state is asked for again; "" where it has ended.
func (o placed) alive() string {
	if o.Order.State.Final() {
		return ""
	}
	return placedPath + plain(o.Order.Number)
}

// NewOrder is the page of a new order, or for who is typing into its search only what
// was found.
func (p *Pages) NewOrder(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	w.Header().Add("Vary", "HX-Request-Type")
	if ui.Partial(r) {
		k, err := p.pick(r.Context(), v, q)
		if err != nil {
			return err
		}
		return ui.Render(w, r, http.StatusOK, foundPart(k))
	}
	note := ""
	if q.Has("again") {
		if q, err = p.again(r.Context(), v, q.Get("again")); err != nil {
			return err
		}
		if _, _, sold := serviceOf(v.snapshot, number(q.Get("service"))); !sold {
			note = ui.T(r.Context(), "buy.again_gone")
		}
	}
	if q.Get("full") != "" {
		note = ui.N(r.Context(), "buy.pick.full", favourite.Max)
	}
	d, err := p.desk(r.Context(), v, q)
	if err != nil {
		return err
	}
	if note != "" {
		d.Note = note
	}
	return ui.Render(w, r, http.StatusOK, newPage(d))
}

// desk is the page of an address: a service, and what is filled in already.
func (p *Pages) desk(ctx context.Context, v visit, q url.Values) (d desk, err error) {
	d = desk{Form: ui.NewForm(nil), RequestID: newRequestID()}
	if d.Pick, err = p.pick(ctx, v, q); err != nil {
		return d, err
	}
	if q.Get("placed") != "" {
		if d.Placed, err = p.placed(ctx, v, q.Get("placed")); err != nil && !fault.Is(err, fault.NotFound) {
			return d, err
		}
	}
	if q.Get("service") == "" {
		return d, nil
	}
	if d.Chosen, err = p.choose(v, number(q.Get("service")), d.Pick.Starred); err != nil {
		return d, err
	}
	if d.Chosen == nil {
		d.Note = ui.T(ctx, "buy.refused.no_service")
		return d, nil
	}
	return d, p.prefill(ctx, v, &d, q)
}

// prefill fills the form with what an address says, and reckons what that costs.
func (p *Pages) prefill(ctx context.Context, v visit, d *desk, q url.Values) error {
	fields, err := read(q)
	if err != nil {
		return nil //nolint:nilerr // an address that can't be read fills in nothing
	}
	takes := fieldNames(d.Chosen.Service, d.Chosen.Schema)
	for name := range fields {
		if name != "service" && !slices.Contains(takes, name) {
			delete(fields, name)
			continue
		}
		d.Form.Values.Set(name, fields[name])
	}
	if d.Total, err = p.reckon(ctx, v, fields); err != nil && !isFault(err) {
		return err
	}
	if len(fields) == 1 { // the service alone
		d.Total.Why = ""
	}
	return nil
}

// choose returns a service that is sold, nil for another.
func (p *Pages) choose(v visit, serviceID int64, starred []int64) (*chosen, error) {
	service, schema, sold := serviceOf(v.snapshot, serviceID)
	if !sold {
		return nil, nil //nolint:nilnil // the page says so
	}
	listing, err := v.snapshot.Listing(serviceID, v.lang, v.customer())
	if err != nil {
		return nil, err
	}
	c := &chosen{Service: service, Schema: schema, Listing: listing, Starred: slices.Contains(starred, serviceID)}
	if listing.Description != "" {
		// What is too long to be read as Markdown is left out: it stands on the service's page.
		if about, err := content.Render([]byte(listing.Description), content.Options{Untrusted: true}); err == nil {
			c.About = about.HTML
		}
	}
	return c, nil
}

// placed returns an order of the account by its number.
func (p *Pages) placed(ctx context.Context, v visit, ref string) (*placed, error) {
	o, err := p.deps.Orders.One(ctx, v.scope(), order.Ref(ref))
	if err != nil {
		return nil, err
	}
	return &placed{Order: o, Service: serviceName(ctx, v, o.ServiceID)}, nil
}

// serviceName is what a service is called; one that is not sold any more goes by its
// number.
func serviceName(ctx context.Context, v visit, serviceID int64) string {
	if service, sold := v.snapshot.Service(serviceID); sold {
		return v.snapshot.Wording(service, v.snapshot.Language(v.lang)).Name
	}
	return ui.T(ctx, "orders.service", "Number", serviceID)
}

// Placed is the order that was just placed, as it stands now.
func (p *Pages) Placed(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	o, err := p.placed(r.Context(), v, r.PathValue("number"))
	if err != nil {
		return err
	}
	if !ui.Partial(r) {
		return ui.See(w, r, newPath+"?placed="+plain(o.Order.Number))
	}
	return ui.Render(w, r, http.StatusOK, placedPart(*o))
}

// again is the address of a form that is filled in as an order of the account was.
func (p *Pages) again(ctx context.Context, v visit, ref string) (url.Values, error) {
	o, err := p.placed(ctx, v, ref)
	if err != nil {
		return nil, err
	}
	was := o.Order
	q := url.Values{"service": {plain(was.ServiceID)}}
	if was.Link != "" {
		q.Set("link", was.Link)
	}
	for _, f := range was.Fields {
		q.Set(f.Name, f.Text)
	}
	if _, schema, sold := serviceOf(v.snapshot, was.ServiceID); sold && schema.Counting == catalog.ByQuantity {
		q.Set("quantity", plain(was.Quantity))
	}
	if was.Kind == order.Drip {
		q.Set("runs", plain(was.Runs))
		q.Set("interval", plain(was.Every))
	}
	return q, nil
}

// Place places the order of the form. It may cost what the form has shown and no
// more; one that has shown nothing is answered with the total.
func (p *Pages) Place(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	fields, err := read(f.Values)
	if err != nil {
		return p.notPlaced(w, r, v, f, map[string]string{"service": f.Value("service")}, err)
	}
	shown := f.Value("max_charge")
	if shown == "" {
		_, err := p.reckon(ctx, v, fields)
		return p.notPlaced(w, r, v, f, fields, err)
	}
	buyer, err := p.buyer(ctx, v)
	if err != nil {
		return p.notPlaced(w, r, v, f, fields, err)
	}
	ordered, err := request(fields, f.Value("request_id"), shown)
	if err != nil {
		return p.notPlaced(w, r, v, f, fields, err)
	}
	done, err := p.deps.Placer.Place(ctx, buyer, ordered, v.snapshot)
	if err != nil {
		return p.notPlaced(w, r, v, f, fields, err)
	}
	return ui.See(w, r, newPath+"?"+url.Values{"service": {fields["service"]}, "placed": {plain(done.Number)}}.Encode())
}

// notPlaced shows the form again with what was typed, what it costs now and why
// nothing was ordered. No error is a form that asked for the total.
func (p *Pages) notPlaced(w http.ResponseWriter, r *http.Request, v visit, f *ui.Form, fields map[string]string, why error) error {
	ctx := r.Context()
	d := desk{Form: f, RequestID: f.Value("request_id")}
	var err error
	if d.Pick, err = p.pick(ctx, v, url.Values{}); err != nil {
		return err
	}
	if d.Chosen, err = p.choose(v, number(fields["service"]), d.Pick.Starred); err != nil {
		return err
	}
	if d.Total, err = p.reckon(ctx, v, fields); err != nil && !isFault(err) {
		return err
	}
	status := http.StatusOK
	if why != nil {
		if status, err = p.explain(ctx, v, &d, fields, why); err != nil {
			return err
		}
	}
	if d.RequestID == "" {
		d.RequestID = newRequestID()
	}
	return ui.Render(w, r, status, newPage(d))
}

// explain writes into the form why nothing was ordered, and returns the answer's
// status. An error that no form can mend comes back.
func (p *Pages) explain(ctx context.Context, v visit, d *desk, fields map[string]string, why error) (status int, err error) {
	var service *catalog.Service
	var shown []string
	if d.Chosen != nil {
		service, shown = d.Chosen.Service, fieldNames(d.Chosen.Service, d.Chosen.Schema)
	}
	said, ok := refused(ctx, why, service, fields)
	if !ok {
		return 0, why
	}
	f := fault.From(why)
	switch {
	case f.Reason == fault.MaxCharge:
		// The price has moved or, where the total was reckoned for other fields, the reader
		// was quicker than the page.
		said.text = ui.T(ctx, "buy.refused.price")
		if d.Total.Of != d.Form.Value("shown_for") {
			said.text = ui.T(ctx, "buy.refused.changed")
		}
	case f.Reason == fault.Reused:
		if err := p.wasPlaced(ctx, v, d); err != nil {
			return 0, err
		}
	case said.field == "request_id":
		d.RequestID, said = "", refusal{"", ui.T(ctx, "buy.refused.form")}
	}
	if slices.Contains(shown, said.field) {
		d.Form.Refuse(said.field, said.text)
	} else {
		d.Form.Error = said.said(ctx)
	}
	if f.Code == fault.Unavailable || f.Code == fault.RateLimited {
		return f.Code.HTTPStatus(), nil
	}
	return http.StatusUnprocessableEntity, nil
}

// wasPlaced shows the order that a form has placed before its fields were changed.
// What is sent next is an order of its own, and the reader is told so.
func (p *Pages) wasPlaced(ctx context.Context, v visit, d *desk) error {
	ref, err := p.deps.Orders.ByRequestID(ctx, v.scope(), d.RequestID)
	if err == nil {
		d.Placed, err = p.placed(ctx, v, string(ref))
	}
	if err != nil && !errors.Is(err, order.ErrNotFound) {
		return err
	}
	d.RequestID = newRequestID()
	return nil
}
