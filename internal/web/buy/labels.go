package buy

import (
	"context"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// linkHelp says which targets a service takes.
func linkHelp(ctx context.Context, v *catalog.Service) string {
	if len(v.LinkHosts) > 0 {
		return ui.T(ctx, "buy.link_hosts", "Hosts", strings.Join(v.LinkHosts, ", "))
	}
	return ui.T(ctx, "site.field.link")
}

// dripOpen reports that something was said about runs.
func dripOpen(f *ui.Form) bool {
	return f.Value("runs") != "" || f.Value("interval") != "" || f.Errors["runs"] != "" || f.Errors["interval"] != ""
}

// fieldLabel is what a field is called; what need not be filled in says so.
func fieldLabel(ctx context.Context, v *catalog.Service, f catalog.Field) string {
	if f.Required || f.Name == "posts" && v.Posts == 0 {
		return label(ctx, f.Name)
	}
	return ui.T(ctx, "buy.optional", "Label", label(ctx, f.Name))
}

// fieldHelp says what a field holds.
func fieldHelp(ctx context.Context, c *chosen, f catalog.Field) string {
	switch {
	case f.Name == "min" || f.Name == "max":
		return ui.T(ctx, "site.field."+f.Name) + " " + limitsText(ctx, c.Service)
	case f.Name == "expiry":
		return ui.T(ctx, "buy.expiry")
	case f.Name == "posts" && c.Service.Posts > 0:
		return ui.T(ctx, "buy.posts_usual", "Posts", ui.Int(ctx, c.Service.Posts))
	case c.Schema.Counting == catalog.ByLines && f.Name == c.Schema.List:
		return ui.T(ctx, "site.field."+f.Name) + " " + limitsText(ctx, c.Service)
	}
	return ui.T(ctx, "site.field."+f.Name)
}

// knownOptions are the answers of a field that has few.
func knownOptions(ctx context.Context, f catalog.Field) (all []ui.Option) {
	for i := range f.Known {
		n := strconv.Itoa(i + 1)
		all = append(all, ui.Option{Value: n, Label: ui.T(ctx, "buy.known."+f.Name+"_"+n)})
	}
	return all
}
