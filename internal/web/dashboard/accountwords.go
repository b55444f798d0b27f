package dashboard

import (
	"context"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func appNote(ctx context.Context, who identity.Person) string {
	if who.TOTP {
		return ui.T(ctx, "app.note_on")
	}
	return ui.T(ctx, "app.note")
}

func passkeyNote(ctx context.Context, k identity.Passkey) string {
	v := ui.Of(ctx)
	if k.LastUsedAt.IsZero() {
		return ui.T(ctx, "passkeys.unused", "Made", ui.Day(ctx, k.CreatedAt))
	}
	return ui.T(ctx, "passkeys.used", "Made", ui.Day(ctx, k.CreatedAt), "Used", v.Language.Ago(k.LastUsedAt, v.Now))
}

// zoneName is a zone as people read it.
func zoneName(zone *time.Location) string {
	return strings.NewReplacer("_", " ", "/", " / ").Replace(zone.String())
}

func themeText(theme string) string {
	if theme == "" {
		return "preferences.theme_system"
	}
	return "preferences.theme_" + theme
}

func methodText(m identity.Method) string {
	switch m {
	case identity.ByTOTP:
		return "history.by_totp"
	case identity.ByRecovery:
		return "history.by_recovery"
	case identity.ByFactor:
		return "history.by_factor"
	case identity.ByPasskey:
		return "history.by_passkey"
	case identity.ByPassword:
	}
	return "history.by_password"
}

// removeText says what goes with a second factor, and what else where it is the
// last.
func removeText(last bool, one, only string) string {
	if last {
		return only
	}
	return one
}

func languageOptions(ctx context.Context) (all []ui.Option) {
	for _, l := range ui.Of(ctx).Languages {
		all = append(all, ui.Option{Value: l.Code, Label: l.Name})
	}
	return all
}

// grouped sets a secret in groups of four, for who types it.
func grouped(secret string) string {
	const group = 4
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%group == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}
