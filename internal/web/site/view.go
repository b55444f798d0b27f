package site

import (
	"context"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// point is a statement about how the panel works.
type point struct{ title, text string }

// homePoints are the statements of the first page.
func homePoints(ctx context.Context) []point {
	return []point{
		{ui.T(ctx, "site.home.once"), ui.T(ctx, "site.home.once_text")},
		{ui.T(ctx, "site.home.refunds"), ui.T(ctx, "site.home.refunds_text")},
		{ui.T(ctx, "site.home.timeline"), ui.T(ctx, "site.home.timeline_text")},
		{ui.T(ctx, "site.home.dialects"), ui.T(ctx, "site.home.dialects_text")},
		{ui.T(ctx, "site.home.test"), ui.T(ctx, "site.home.test_text")},
		{ui.T(ctx, "site.home.measured"), ui.T(ctx, "site.home.measured_text", "N", catalog.EnoughOrders)},
	}
}

func homeLead(ctx context.Context, h home) string {
	switch {
	case h.services == 0:
		return ui.T(ctx, "site.home.lead_empty")
	case h.kinds == "":
		return ui.N(ctx, "site.home.lead", int64(h.services), "Currency", ui.Of(ctx).Panel.Currency)
	}
	return ui.N(ctx, "site.home.lead_kinds", int64(h.services), "Kinds", h.kinds, "Currency", ui.Of(ctx).Panel.Currency)
}

func serviceHeads(ctx context.Context, l list) ui.ServiceHeads {
	h := ui.ServiceHeads{
		Label: ui.T(ctx, "site.services.title"), Number: ui.T(ctx, "site.column.number"), Name: ui.T(ctx, "site.column.service"),
		Options: ui.T(ctx, "site.column.options"), Rate: ui.T(ctx, "site.column.rate"), Limits: ui.T(ctx, "site.column.limits"),
	}
	if slices.ContainsFunc(l.found.Services, timed) {
		h.Times = ui.T(ctx, "site.column.time")
	}
	return h
}

// listLead says what the numbers of the list are.
func listLead(ctx context.Context, l list) string {
	text := ui.T(ctx, "site.services.lead", "Currency", ui.Of(ctx).Panel.Currency)
	if slices.ContainsFunc(l.found.Services, timed) {
		text += " " + ui.T(ctx, "site.services.lead_times")
	}
	return text
}

// timed reports that it was measured how long a service's orders take.
func timed(v catalog.Listing) bool { return v.Facts != nil && v.Facts.CompleteHalf != nil }

// firstPage leads back to the beginning of a list, nextPage to its next part; ""
// where the reader is there.
func firstPage(l list) string {
	if l.filter.after == 0 {
		return ""
	}
	return l.filter.with(func(*filter) {}).path()
}

func nextPage(l list) string {
	if l.found.Next == 0 {
		return ""
	}
	f := l.filter
	f.after = l.found.Next
	return f.path()
}

// percent writes a share: "5%", "2.5%".
func percent(ctx context.Context, p money.Percent) string {
	l := ui.Of(ctx).Language
	text := l.Amount(money.Amount(p))
	if whole := strings.TrimRight(text, "0"); len(whole) < len(text) {
		text = strings.TrimRight(whole, ".,٫")
	}
	return ui.T(ctx, "site.percent", "N", text)
}

func tierColumns(ctx context.Context, p prices) []ui.Column {
	columns := []ui.Column{
		{Name: ui.T(ctx, "site.column.tier")}, {Name: ui.T(ctx, "site.column.price")}, {Name: ui.T(ctx, "site.column.requests"), Right: true},
	}
	if p.terms != "" {
		columns = append(columns, ui.Column{Name: ui.T(ctx, "site.column.example", "N", p.units), Right: true})
	}
	return columns
}
