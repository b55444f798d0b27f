package catalogue

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func priceNote(ctx context.Context, s service) string {
	for _, x := range s.Fields {
		if x.Name == "rate" && x.Pinned {
			return ui.T(ctx, "catalogue.rate_own")
		}
	}
	return ui.T(ctx, "catalogue.rate_follows")
}

func formWord(ctx context.Context, f catalog.LinkForm) string {
	switch f {
	case catalog.FormQuery:
		return ui.T(ctx, "catalogue.form_query")
	case catalog.FormPath:
		return ui.T(ctx, "catalogue.form_path")
	case catalog.FormHost:
		return ui.T(ctx, "catalogue.form_host")
	}
	return string(f)
}

func overlapWord(ctx context.Context, o catalog.Overlap) string {
	switch o {
	case catalog.OverlapAllow:
		return ui.T(ctx, "catalogue.overlap_allow")
	case catalog.OverlapQueue:
		return ui.T(ctx, "catalogue.overlap_queue")
	case catalog.OverlapRefuse:
		return ui.T(ctx, "catalogue.overlap_refuse")
	}
	return string(o)
}

func fieldColumns(ctx context.Context, s service) []ui.Column {
	all := []ui.Column{{Name: ui.T(ctx, "catalogue.field")}, {Name: ui.T(ctx, "catalogue.here")}}
	if s.Said != nil {
		all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.provider_says")})
	}
	all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.follows")})
	if s.Change {
		all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.deed"), Right: true})
	}
	return all
}

func sourceColumns(ctx context.Context, s service) []ui.Column {
	all := []ui.Column{
		{Name: ui.T(ctx, "catalogue.choice")},
		{Name: ui.T(ctx, "catalogue.provider")},
		{Name: ui.T(ctx, "catalogue.cost"), Right: true},
		{Name: ui.T(ctx, "catalogue.state")},
	}
	if s.Change {
		all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.deed"), Right: true})
	}
	return all
}

func removeSourcePath(path string, s catalog.ServiceSource) string {
	return path + "/sources/remove?" + url.Values{"provider": {s.ProviderID}, "number": {s.ProviderService}}.Encode()
}

func providerOptions(all []provider.Provider) (options []ui.Option) {
	for _, one := range all {
		options = append(options, ui.Option{Value: one.ID, Label: one.Name})
	}
	return options
}

// typeOptions are the types that people can deliver: a subscription's posts come
// from an API.
func typeOptions() (options []ui.Option) {
	for _, s := range catalog.Schemas() {
		if s.Type != catalog.Subscriptions {
			options = append(options, ui.Option{Value: string(s.Type), Label: string(s.Type)})
		}
	}
	return options
}

func exampleLanguage(all []Language) string {
	var codes []string
	for _, l := range all {
		codes = append(codes, l.Code)
	}
	return strings.Join(codes, ", ")
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

func categoryColumns(ctx context.Context, change bool) []ui.Column {
	all := []ui.Column{{Name: ui.T(ctx, "catalogue.category")}, {Name: ui.T(ctx, "catalogue.services"), Right: true}}
	if change {
		all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.deed"), Right: true})
	}
	return all
}

func blockedColumns(ctx context.Context, change bool) []ui.Column {
	all := []ui.Column{
		{Name: ui.T(ctx, "blocked.target")}, {Name: ui.T(ctx, "office.reason")}, {Name: ui.T(ctx, "catalogue.by")}, {Name: ui.T(ctx, "catalogue.at"), Right: true},
	}
	if change {
		all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.deed"), Right: true})
	}
	return all
}

// clearAsked is the link that shows the whole block-list again.
func clearAsked(ctx context.Context, v blockList) string {
	if v.Asked == "" {
		return ""
	}
	return ui.T(ctx, "blocked.show_all")
}

// oneBelow sets texts one below the other.
func oneBelow(all []string) string { return strings.Join(all, "\n") }

func tierColumns(ctx context.Context, change bool) []ui.Column {
	all := []ui.Column{
		{Name: ui.T(ctx, "office.tier")},
		{Name: ui.T(ctx, "tiers.pays_less"), Right: true},
		{Name: ui.T(ctx, "site.column.requests"), Right: true},
		{Name: ui.T(ctx, "catalogue.below"), Right: true},
		{Name: ui.T(ctx, "tiers.who")},
	}
	if change {
		all = append(all, ui.Column{Name: ui.T(ctx, "catalogue.deed"), Right: true})
	}
	return all
}
