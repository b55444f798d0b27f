package admin

import (
	"context"
	"net/url"

	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// DecidePath is the form in which staff say what a refusal means.
func DecidePath(t provider.WaitingText) string {
	return textsPath + "/decide?" + url.Values{"provider": {t.ProviderID}, "text": {t.Text}}.Encode()
}

// HeldText counts held orders as far as they are counted.
func HeldText(ctx context.Context, n int64) string {
	if n >= provider.HeldMost {
		return ui.T(ctx, "texts.held_many", "N", ui.Int(ctx, provider.HeldMost))
	}
	return ui.Int(ctx, n)
}
