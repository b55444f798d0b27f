package buy

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// refusal is why something was refused, in the reader's language, and the field that
// it is about; "" is the form as a whole.
type refusal struct{ field, text string }

// refused puts a refusal by the placer or its rules into words. What has none is told
// as the domain has it. Not ok is an error that no form can mend. The service is nil
// where none was found.
func refused(ctx context.Context, err error, v *catalog.Service, fields map[string]string) (r refusal, ok bool) {
	f, is := errors.AsType[*fault.Error](err)
	if !is || f.Code == fault.Internal {
		return r, false
	}
	if len(f.Args) > 0 {
		r.field = f.Args[0]
	}
	switch f.Reason {
	case fault.MissingField:
		r.text = ui.T(ctx, "buy.refused.missing")
	case fault.BadField:
		r.text = badField(ctx, r.field, v)
	case fault.BadLink:
		r.text = badLink(ctx, r.field, v)
	case fault.QuantityLow, fault.QuantityHigh, fault.QuantityStep:
		r.field, r.text = counted(v, fields), limitsText(ctx, v)
	case fault.BadInterval:
		r.text = between(ctx, 1, order.MaxInterval)
	case fault.BadPosts:
		r.text = ui.T(ctx, "buy.refused.posts")
	case fault.Blocked:
		r.text = ui.T(ctx, "buy.refused.blocked")
	case fault.LinkBusy:
		r.field, r.text = targetField(v), ui.T(ctx, "buy.refused.busy")
	case fault.NoService:
		r.field, r.text = "service", ui.T(ctx, "buy.refused.no_service")
	case fault.NoFunds:
		r.field, r.text = "", ui.T(ctx, "buy.refused.funds")
	case fault.MaxCharge:
		r.field, r.text = "", ui.T(ctx, "buy.refused.price")
	case fault.Reused:
		r.field, r.text = "", ui.T(ctx, "buy.refused.reused")
	case identity.IsSuspended:
		r.field, r.text = "", ui.T(ctx, "refusal.suspended")
	case lineForm:
		r.field, r.text = "", ui.T(ctx, "mass.refused.form")
	case massorder.Busy:
		r.field, r.text = "", ui.N(ctx, "mass.refused.busy", massorder.MaxKept)
	default:
		if f.Code == fault.Unavailable {
			return refusal{"", ui.T(ctx, "buy.refused.unavailable")}, true
		}
		return refusal{"", f.Text}, f.Code != fault.NotFound
	}
	return r, true
}

// targetField is the field that says whom an order is for.
func targetField(v *catalog.Service) string {
	if v != nil {
		if schema, _ := catalog.SchemaOf(v.Type); !schema.Link {
			return "username"
		}
	}
	return "link"
}

// badField says what a field must be: its type knows.
func badField(ctx context.Context, name string, v *catalog.Service) string {
	switch name {
	case "service":
		return ui.T(ctx, "buy.refused.no_service")
	case "link":
		return badLink(ctx, name, v)
	case "quantity":
		if v != nil {
			return limitsText(ctx, v)
		}
		return ui.T(ctx, "buy.refused.whole")
	case "runs":
		if v != nil && !v.Drips() {
			return ui.T(ctx, "buy.refused.no_drip")
		}
		return between(ctx, 2, order.MaxRuns)
	}
	if v == nil {
		return ui.T(ctx, "buy.refused.unreadable")
	}
	schema, _ := catalog.SchemaOf(v.Type)
	f, has := schema.Field(name)
	if !has {
		return ui.T(ctx, "buy.refused.not_taken")
	}
	switch f.Kind {
	case catalog.Whole:
		switch {
		case name == "min":
			return ui.T(ctx, "buy.refused.min")
		case len(f.Known) > 0 || f.Most <= order.MaxInterval:
			return between(ctx, f.Least, f.Most)
		}
		return ui.T(ctx, "buy.refused.whole")
	case catalog.Text:
		return ui.N(ctx, "buy.refused.line", order.MaxLine)
	case catalog.URL:
		return ui.T(ctx, "buy.refused.address")
	case catalog.Date:
		return ui.T(ctx, "buy.refused.day")
	case catalog.Words, catalog.Lines:
		return ui.N(ctx, "buy.refused.list", order.MaxListedLinks)
	}
	return ui.T(ctx, "buy.refused.unreadable")
}

func badLink(ctx context.Context, name string, v *catalog.Service) string {
	if v != nil && len(v.LinkHosts) > 0 {
		return ui.T(ctx, "buy.refused.hosts", "Hosts", strings.Join(v.LinkHosts, ", "))
	}
	if name == "link" {
		return ui.T(ctx, "buy.refused.link")
	}
	return ui.T(ctx, "buy.refused.address")
}

// counted is the field whose number is outside the service's limits.
func counted(v *catalog.Service, fields map[string]string) string {
	if v == nil {
		return "quantity"
	}
	schema, _ := catalog.SchemaOf(v.Type)
	switch schema.Counting {
	case catalog.ByLines:
		return schema.List
	case catalog.ByPosts:
		if n, err := strconv.ParseInt(fields["min"], 10, 64); err == nil && v.Takes(n) {
			return "max"
		}
		return "min"
	case catalog.ByQuantity, catalog.ByPackage:
	}
	return "quantity"
}

// limitsText says which quantities a service takes.
func limitsText(ctx context.Context, v *catalog.Service) string {
	if v == nil {
		return ui.T(ctx, "buy.refused.whole")
	}
	least, most := ui.Int(ctx, v.Least()), ui.Int(ctx, v.Most())
	schema, _ := catalog.SchemaOf(v.Type)
	switch {
	case schema.Counting == catalog.ByLines:
		return ui.T(ctx, "buy.limits_lines", "Least", least, "Most", most)
	case v.Increment > 1:
		return ui.T(ctx, "buy.limits_steps", "Least", least, "Most", most, "Step", ui.Int(ctx, v.Increment))
	}
	return ui.T(ctx, "buy.limits", "Least", least, "Most", most)
}

func between(ctx context.Context, least, most int64) string {
	return ui.T(ctx, "buy.limits", "Least", ui.Int(ctx, least), "Most", ui.Int(ctx, most))
}

// label is what a field is called.
func label(ctx context.Context, name string) string { return ui.T(ctx, "buy.label."+name) }

// said is a refusal in one text, with its field's name before it.
func (r refusal) said(ctx context.Context) string {
	if r.field == "" || r.field == "request_id" {
		return r.text
	}
	return label(ctx, r.field) + ": " + r.text
}

// mendPath is the form with the lines of a mass order that were refused.
func mendPath(m massorder.Mass) string { return massPath + "?from=" + m.ID }
