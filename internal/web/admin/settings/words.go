package settings

import (
	"context"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// label is what a setting is called.
func label(ctx context.Context, key panel.Key) string {
	return ui.T(ctx, "settings.field_"+string(key))
}

// variable is the environment's name of a setting.
func variable(key panel.Key) string {
	switch key {
	case panel.Name:
		return "NOTPANEL_NAME"
	case panel.LegalName:
		return "NOTPANEL_LEGAL_NAME"
	case panel.Support:
		return "NOTPANEL_SUPPORT_EMAIL"
	case panel.Contact:
		return "NOTPANEL_CONTACT"
	case panel.Logo:
		return "NOTPANEL_LOGO"
	case panel.Accent:
		return "NOTPANEL_ACCENT"
	case panel.SignUp, panel.Alerts, panel.Maintenance:
	}
	return ""
}

// said reports whether the environment says something of a setting.
func said(usual brand.Brand, key panel.Key) bool {
	switch key {
	case panel.Name:
		return usual.Name != brand.DefaultName
	case panel.LegalName:
		return usual.LegalName != ""
	case panel.Support:
		return usual.Support != ""
	case panel.Contact:
		return len(usual.Contact) > 0
	case panel.Logo:
		return usual.Logo != nil
	case panel.Accent:
		return usual.Accent != nil
	case panel.SignUp, panel.Alerts, panel.Maintenance:
	}
	return false
}

// source says where a setting comes from.
func source(ctx context.Context, v view, key panel.Key) string {
	s := v.Now.Settings[key]
	switch {
	case s.Here:
		return ui.T(ctx, "settings.from_here", "Who", who(ctx, s), "When", ui.Exact(ctx, s.ChangedAt))
	case said(v.Usual, key):
		return ui.T(ctx, "settings.from_environment", "Variable", variable(key))
	case variable(key) == "":
		return ui.T(ctx, "settings.from_usual")
	}
	return ui.T(ctx, "settings.from_nowhere", "Variable", variable(key))
}

// who names who changed a setting last.
func who(ctx context.Context, s panel.Setting) string {
	switch {
	case s.Email != "":
		return s.Email
	case strings.HasPrefix(s.ChangedBy, "cli:"):
		return ui.T(ctx, "log.command_line", "User", strings.TrimPrefix(s.ChangedBy, "cli:"))
	}
	return s.ChangedBy
}

// valueText is what a field of a setting says now, on one line.
func valueText(ctx context.Context, now *panel.Current, key panel.Key, field string) string {
	text := now.Value(key)
	switch key {
	case panel.Accent:
		light, dark := panel.AccentParts(text)
		if text = light; field == "dark" {
			text = dark
		}
	case panel.SignUp:
		return ui.T(ctx, "settings.people_"+text)
	case panel.Logo:
		if text = ""; now.Brand.Logo != nil {
			text = now.Brand.Logo.Name
		}
	case panel.Maintenance:
		if !now.Settings[key].Here {
			return ui.T(ctx, "settings.maintenance_off")
		}
	case panel.Name, panel.LegalName, panel.Support, panel.Contact, panel.Alerts:
	}
	if text == "" {
		return ui.T(ctx, "settings.none")
	}
	return strings.ReplaceAll(text, "\n", ", ")
}

// usualText is what the environment says of a setting.
func usualText(ctx context.Context, usual brand.Brand, key panel.Key) string {
	now := &panel.Current{Brand: usual}
	if key == panel.Accent && usual.Accent != nil {
		light, dark := panel.AccentParts(now.Value(key))
		return light + ", " + dark
	}
	return valueText(ctx, now, key, "light")
}

// logoURL is where a logo is.
func logoURL(l *brand.Logo) string { return site.AssetPrefix + l.Name }

// contrast writes a contrast with two digits.
func contrast(ctx context.Context, c float64) string {
	return ui.Of(ctx).Language.Decimal(strconv.FormatFloat(c, 'f', 2, 64))
}

// choices are the answers to whether people may sign up.
func choices(ctx context.Context) (all []ui.Option) {
	for _, one := range []string{panel.Open, panel.Closed} {
		all = append(all, ui.Option{Value: one, Label: ui.T(ctx, "settings.people_"+one), Help: ui.T(ctx, "settings.people_"+one+"_help")})
	}
	return all
}

// saysText is what customers read now.
func saysText(ctx context.Context, now *panel.Current) string {
	if now.Says == "" {
		return ui.T(ctx, "maintenance.text")
	}
	return now.Says
}

// back is the way to what the environment says, where a setting does not come from
// there.
func back(v view, key panel.Key) string {
	if v.Now.Settings[key].Here {
		return usualPath + "/" + string(key)
	}
	return ""
}

// seenText is the version that a form says it was shown with: the one before, where
// it comes back.
func seenText(now *panel.Current, f *ui.Form) string {
	if f.Values.Has("seen") {
		return f.Value("seen")
	}
	return ui.Plain(now.Version)
}

// closeText is a text of the form by which the panel is closed or, where it is, by
// which customers are told something else.
func closeText(now *panel.Current, part string) string {
	if now.Closed {
		return "settings.say_" + part
	}
	return "settings.close_" + part
}

func closeKind(now *panel.Current) string {
	if now.Closed {
		return "primary"
	}
	return "danger"
}
