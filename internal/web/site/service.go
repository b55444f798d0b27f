package site

import (
	"context"
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// detail is what a service's own page shows.
type detail struct {
	page        ui.Page
	service     catalog.Listing
	sold        *catalog.Service
	schema      catalog.Schema
	description string // HTML
	call        string // HTML
	price       string // that is shown large
	unit        string // what it is the price of
	smallest    string // what the smallest order costs; "" where there is one size, or the customer names it
}

// Service is the page of one service. One that is not sold is not there.
func (s *Site) Service(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || servicePath(id) != r.URL.Path { // +1 and 01 would be the same page once more
		return fault.New(fault.NotFound, "Service not found")
	}
	now, err := s.Catalogue(ctx)
	if err != nil {
		return err
	}
	d := detail{}
	if d.service, err = now.Listing(id, lang(r), catalog.Customer{}); err != nil {
		return err
	}
	v, sold := now.Service(id)
	schema, known := catalog.SchemaOf(d.service.Type)
	if !sold || !known {
		return fault.New(fault.NotFound, "Service not found")
	}
	d.schema, d.sold = schema, v
	d.description = describe(ctx, d.service.Description)
	d.call = content.Highlight(curl(ui.Of(ctx).Panel.URL, call(v, schema)), "bash")
	if units, ok := smallest(v, schema); ok {
		price, err := money.Charge(d.service.Own, units)
		if err != nil {
			return err
		}
		d.smallest = ui.Amount(ctx, price)
	}
	d.price, d.unit = ui.Amount(ctx, d.service.Own), ui.T(ctx, "site.service.per_thousand")
	if price, is := packagePrice(ctx, d.service); is {
		d.price, d.unit = price, ui.N(ctx, "site.service.for_package", d.service.Min)
	}
	d.page = ui.Page{
		Title: d.service.Name, Description: summary(ctx, d.service), Structured: structuredService(ctx, d.service, v),
	}
	return ui.Render(w, r, http.StatusOK, servicePage(d))
}

// smallest is how many units the smallest order of a service has.
func smallest(v *catalog.Service, schema catalog.Schema) (units int64, ok bool) {
	switch schema.Counting {
	case catalog.ByQuantity, catalog.ByLines:
		return v.Least(), v.Least() <= v.Most()
	case catalog.ByPackage, catalog.ByPosts:
	}
	return 0, false
}

// describe makes HTML of a description that a provider or the operator wrote.
func describe(ctx context.Context, text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	d, err := content.Render([]byte(text), content.Options{Host: host(ctx), Untrusted: true})
	if err != nil { // too long to be read as Markdown
		return "<p>" + html.EscapeString(text) + "</p>"
	}
	return d.HTML
}

// summary is a service in one sentence, for search engines.
func summary(ctx context.Context, v catalog.Listing) string {
	const most = 160
	return sentence(ui.T(ctx, "site.service.description",
		"Service", v.Name, "Rate", ui.Amount(ctx, v.Rate), "Limits", limits(ctx, v))+" "+plainText(v.Description), most)
}

// plainText is a description without its markup.
func plainText(markdown string) string {
	d, err := content.Render([]byte(markdown), content.Options{Untrusted: true})
	if err != nil { // too long to be read as Markdown
		return markdown
	}
	return strings.TrimSpace(textOf(d.HTML))
}

// textOf takes the markup out of HTML that content.Render made.
func textOf(markup string) string {
	var b strings.Builder
	inside := false
	for _, r := range markup {
		switch {
		case r == '<':
			inside = true
			b.WriteByte(' ')
		case r == '>':
			inside = false
		case !inside:
			b.WriteRune(r)
		}
	}
	return html.UnescapeString(b.String())
}

// fact is something measured, with its number in words.
type fact struct{ name, value string }

// measured is what was measured of a service; nothing where too little was.
func measured(ctx context.Context, f *catalog.Facts) (all []fact) {
	if f == nil {
		return nil
	}
	times := func(name string, half, most *int64) {
		if half == nil {
			return
		}
		value := ui.T(ctx, "site.service.half", "Span", span(ctx, *half))
		if most != nil {
			value += " · " + ui.T(ctx, "site.service.most", "Span", span(ctx, *most))
		}
		all = append(all, fact{ui.T(ctx, name), value})
	}
	times("site.service.start", f.StartHalf, f.StartMost)
	times("site.service.complete", f.CompleteHalf, f.CompleteMost)
	for _, share := range []struct {
		name      string
		thousands int64
	}{
		{"site.service.completed", f.Completed},
		{"site.service.partial", f.Partial},
		{"site.service.canceled", f.Canceled},
	} {
		all = append(all, fact{ui.T(ctx, share.name), percent(ctx, money.Percent(share.thousands)*money.Percent(money.Unit)/10)})
	}
	return all
}

// field is a field of an order, as its table shows it.
type field struct {
	name     string
	required bool
	text     string
}

// fields are those that an order of a service may have, beside the ones that each
// call has.
func fields(ctx context.Context, d detail) (all []field) {
	add := func(name string, required bool, text string) { all = append(all, field{name, required, text}) }
	if d.schema.Counting == catalog.ByQuantity {
		text := ui.T(ctx, "site.field.quantity", "Limits", limits(ctx, d.service))
		if d.service.Increment > 1 {
			text = ui.T(ctx, "site.field.quantity_steps", "Limits", limits(ctx, d.service), "Step", ui.Int(ctx, d.service.Increment))
		}
		add("quantity", true, text)
	}
	if d.schema.Link {
		add("link", true, ui.T(ctx, "site.field.link"))
	}
	for _, f := range d.schema.Fields {
		text := ui.T(ctx, "site.field."+f.Name)
		if d.schema.Counting == catalog.ByLines && f.Name == d.schema.List {
			text += " " + ui.T(ctx, "site.field.counted", "Limits", limits(ctx, d.service))
		}
		add(f.Name, needed(d.sold, f), text+choices(f))
	}
	if d.service.Dripfeed {
		add("runs", false, ui.T(ctx, "site.field.runs"))
		add("interval", false, ui.T(ctx, "site.field.interval"))
	}
	return all
}

// choices names the numbers of a field and what they stand for.
func choices(f catalog.Field) string {
	var all []string
	for i, word := range f.Known {
		all = append(all, strconv.Itoa(i+1)+" "+word)
	}
	if len(all) == 0 {
		return ""
	}
	return " " + strings.Join(all, ", ")
}

// refillText says how long what was lost is delivered again.
func refillText(ctx context.Context, v catalog.Listing) string {
	switch {
	case !v.Refill:
		return ui.T(ctx, "site.service.no")
	case v.RefillDays > 0:
		return ui.N(ctx, "site.service.refill_days", v.RefillDays)
	}
	return ui.T(ctx, "site.service.refill_always")
}

func yesNo(ctx context.Context, yes bool) string {
	if yes {
		return ui.T(ctx, "site.service.yes")
	}
	return ui.T(ctx, "site.service.no")
}

// limitsName is what the limits of a type are limits of.
func limitsName(ctx context.Context, s catalog.Schema) string {
	switch s.Counting {
	case catalog.ByPackage:
		return ui.T(ctx, "site.service.package")
	case catalog.ByPosts:
		return ui.T(ctx, "site.service.per_post")
	case catalog.ByQuantity, catalog.ByLines:
	}
	return ui.T(ctx, "site.service.limits")
}
