// Package web is the panel's face for people: it knows which pages there are, who
// may see them, and what every answer carries.
//
// The pages themselves are in site, dashboard and admin; what they are made of is
// in ui. None of them knows SQL: they ask the domain.
package web

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web/static"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// maxForm bounds what a form may send, in bytes.
const maxForm = 64 << 10

// Deps are what the pages ask.
type Deps struct {
	Languages *locale.Set
	Panel     ui.Panel
	Now       clock.Clock
	Log       *slog.Logger
}

// Server answers for the pages.
type Server struct {
	Deps

	pages http.Handler
}

// New returns the pages.
func New(d Deps) (*Server, error) {
	s := &Server{Deps: d}
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(d.Panel.URL); err != nil {
		return nil, fmt.Errorf("the public URL is no origin: %w", err)
	}
	protection.SetDenyHandler(http.HandlerFunc(s.refuseCrossSite))
	mux := http.NewServeMux()
	for _, r := range s.Routes() {
		mux.Handle(r.Pattern, s.guarded(r))
	}
	mux.Handle("GET "+static.Prefix, static.Handler())
	mux.HandleFunc("/", s.notFound)
	s.pages = s.outer(protection.Handler(http.MaxBytesHandler(mux, maxForm)))
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.pages.ServeHTTP(w, r) }
