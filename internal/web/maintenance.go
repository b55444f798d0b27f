package web

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// closedRetry is when a browser or a search engine may ask a closed panel again.
const closedRetry = 5 * time.Minute

// NeverClosed are the routes that answer everybody while the panel is closed for
// maintenance: what leads staff in, what the law wants to be there, how the panel
// does, and what a page is made of.
func NeverClosed() []string {
	return []string{
		"GET /login", "POST /login", "POST /login/passkey", "POST /login/passkey/options", "GET /login/second-factor", "POST /login/second-factor",
		"POST /login/second-factor/options", "POST /login/second-factor/cancel", "POST /logout",
		"GET /forgot-password", "POST /forgot-password", "GET /reset-password", "POST /reset-password", "POST /preferences",
		"GET /terms", "GET /privacy", "GET /refund", "GET /acceptable-use", "GET /contact", "GET /status",
		"GET /robots.txt", "GET /favicon.svg", "GET /card.png", "GET " + site.AssetPrefix + "{name}",
	}
}

// shut reports whether the panel is closed to who asks. Staff go on working, also as
// who looks at a customer's pages.
func shut(r *http.Request, route Route, who identity.Person, signedIn bool) bool {
	if !ui.Of(r.Context()).Panel.Closed || route.Access == Dev || slices.Contains(NeverClosed(), route.Pattern) {
		return false
	}
	return !signedIn || who.Role == account.Customer && who.Viewer == nil
}

// showClosed says that the panel is closed, in the operator's words.
func (s *Server) showClosed(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	w.Header().Set("Retry-After", strconv.Itoa(int(closedRetry.Seconds())))
	if streams(r) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	says := ui.Of(ctx).Panel.Says
	if says == "" {
		says = ui.T(ctx, "maintenance.text")
	}
	page := ui.Closed(says)
	if ui.Partial(r) {
		page = ui.ClosedPart(says)
	}
	if err := ui.Render(w, r, http.StatusServiceUnavailable, page); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelError, "the page of a closed panel failed", slog.String("error", err.Error()))
	}
}
