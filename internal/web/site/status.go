package site

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/status"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Status says how the panel does. Where its database does not answer, the answer's
// status says so too, for programs that watch.
func (s *Site) Status(w http.ResponseWriter, r *http.Request) error {
	report := s.Deps.Status(r.Context())
	code := http.StatusOK
	if !report.Database {
		code = http.StatusServiceUnavailable
	}
	return ui.Render(w, r, code, statusPage(report))
}

// Announced are announcements as a reader sees them. dismiss returns where the form
// of one sends to; nil: they stay.
func Announced(v *ui.View, all []announce.Announcement, dismiss func(announcementID string) string) []ui.Announced {
	lines := make([]ui.Announced, len(all))
	for i, a := range all {
		text, in := a.Text(v.Language.Code)
		lines[i] = ui.Announced{Text: text, Warning: a.Level == announce.Warning}
		if in != v.Language.Code {
			lines[i].Lang = in
		}
		if dismiss != nil {
			lines[i].Dismiss = dismiss(a.ID)
		}
	}
	return lines
}

// partText is what a part of the work is called, and what it does.
func partText(ctx context.Context, p status.Part) (name, text string) {
	switch p {
	case status.Orders:
		return ui.T(ctx, "status.orders"), ui.T(ctx, "status.orders_text")
	case status.Wishes:
		return ui.T(ctx, "status.wishes"), ui.T(ctx, "status.wishes_text")
	case status.Webhooks:
		return ui.T(ctx, "status.webhooks"), ui.T(ctx, "status.webhooks_text")
	case status.Mails:
		return ui.T(ctx, "status.mails"), ui.T(ctx, "status.mails_text")
	case status.Catalogue:
		return ui.T(ctx, "status.catalogue"), ui.T(ctx, "status.catalogue_text")
	case status.Sandbox:
		return ui.T(ctx, "status.sandbox"), ui.T(ctx, "status.sandbox_text")
	case status.Background:
	}
	return ui.T(ctx, "status.background"), ui.T(ctx, "status.background_text")
}

// waiting says how much of a part's work is due.
func waiting(ctx context.Context, w status.Work) string {
	if w.Waiting == 0 {
		return ui.T(ctx, "status.nothing_waits")
	}
	return ui.N(ctx, "status.waits", w.Waiting, "Span", ui.Of(ctx).Language.Span(max(w.Oldest, time.Second)))
}

// millis writes a short time: "0.8 ms", "12 ms".
func millis(ctx context.Context, d time.Duration) string {
	l := ui.Of(ctx).Language
	if d >= 10*time.Millisecond {
		return ui.T(ctx, "status.ms", "N", l.Number(d.Round(time.Millisecond).Milliseconds()))
	}
	tenths := strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
	return ui.T(ctx, "status.ms", "N", l.Decimal(tenths))
}

// minutes is how far the measured requests go back.
func minutes() int64 { return int64(status.Back / time.Minute) }
