package catalogue

import (
	"context"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func kindWord(ctx context.Context, kind string) string {
	switch kind {
	case catalog.DifferenceAdded:
		return ui.T(ctx, "import.kind_added")
	case catalog.DifferenceChanged:
		return ui.T(ctx, "import.kind_changed")
	case catalog.DifferencePaused:
		return ui.T(ctx, "import.kind_paused")
	case catalog.DifferenceResumed:
		return ui.T(ctx, "import.kind_resumed")
	case catalog.DifferenceSource:
		return ui.T(ctx, "import.kind_source")
	}
	return kind
}

func kindPath(v listing, kind string) string {
	return v.Look.with(func(k *look) {
		if k.kind == kind {
			kind = ""
		}
		k.kind = kind
	}).path()
}

func theirCategories(ctx context.Context, v listing) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "catalogue.category"), Chosen: v.Look.category, Clear: v.Look.with(func(k *look) { k.category = "" }).path()}
	for i, name := range v.Categories {
		if i == mostCategories {
			break
		}
		p.Items = append(p.Items, ui.PickItem{Path: v.Look.with(func(k *look) { k.category = name }).path(), Text: name, Taken: name == v.Look.category})
	}
	return p
}

// differencePageAt is the address of the page beside this one, "" where there is none.
func differencePageAt(v listing, by int) string {
	if by < 0 && v.Look.page == 0 || by > 0 && !v.Next {
		return ""
	}
	k := v.Look
	k.page += by
	return k.path()
}

// changesOf are a difference's fields in the reader's language. Of a new service
// only what decides about it is shown.
func changesOf(ctx context.Context, d catalog.Difference) (all []ui.Change) {
	for _, f := range d.Fields {
		if d.Kind == catalog.DifferenceAdded {
			switch f.Field {
			case "category", "rate", "cost", "min", "max", "type":
			default:
				continue
			}
		}
		before, after := valueText(ctx, f.Field, f.Before), valueText(ctx, f.Field, f.After)
		if f.Field == "source" {
			before, after = listedWord(ctx, f.Before), listedWord(ctx, f.After)
		}
		all = append(all, ui.Change{Name: fieldWord(ctx, f.Field), Before: before, After: after, New: d.Kind == catalog.DifferenceAdded})
	}
	return all
}

func listedWord(ctx context.Context, word string) string {
	if word == "gone" {
		return ui.T(ctx, "import.source_gone")
	}
	return ui.T(ctx, "import.source_listed")
}

func intoOptions(ctx context.Context, ours []catalog.Category) []ui.Option {
	return append([]ui.Option{{Value: "", Label: ui.T(ctx, "import.into_same")}}, categoryOptions(ours)...)
}
