package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// policy is what a page may load: our own files and nothing in line.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// outer surrounds every answer: its headers, its reader's view, and what happens
// when a handler breaks.
func (s *Server) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		h.Set("Cache-Control", "no-store")
		view := s.view(r)
		if strings.HasPrefix(view.Panel.URL, "https:") {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		requestID := id.New(id.Request)
		h.Set("X-Request-Id", requestID)
		r = r.WithContext(ui.With(r.Context(), view))
		defer func() {
			broken := recover()
			if broken == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
				panic(broken) // what was sent is not the whole: the connection is cut
			}
			if broken != nil {
				s.Log.LogAttrs(r.Context(), slog.LevelError, "a page panicked", slog.String("request", requestID),
					slog.String("panic", fmt.Sprint(broken)), slog.String("stack", string(debug.Stack())))
				s.showError(w, r, fault.New(fault.Internal, "Internal error"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// limited refuses an address that asks for more than a person can read.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v := s.Visits.Address(r.Context(), s.Address(r)); v.Denied() {
			w.Header().Set("Retry-After", strconv.Itoa(v.RetryAfter))
			s.showError(w, r, fault.New(fault.RateLimited, "Too many requests"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// unknown answers what no route is for, in the frame of who asks. A path that only
// forms send to is no dead end: who opens it, or chooses a language on the page
// that a form left there, is led to the page above.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	methods := s.methods(r)
	if len(methods) > 0 && r.Method == http.MethodGet {
		http.Redirect(w, r, s.above(r), http.StatusSeeOther) //nolint:gosec // a page of ours
		return
	}
	if who, signedIn := s.People.Current(r.Context()); signedIn {
		if err := s.meet(r, who, Anyone); err != nil {
			s.showError(w, r, err)
			return
		}
	}
	if len(methods) > 0 {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		s.showError(w, r, fault.New(fault.MethodNotAllowed, "Not this way"))
		return
	}
	s.notFound(w, r)
}

// methods are those by which a request's path is served.
func (s *Server) methods(r *http.Request) (all []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		if s.served(method, r.URL.Path) {
			all = append(all, method)
		}
	}
	return all
}

func (s *Server) served(method, at string) bool {
	_, pattern := s.routes.Handler(&http.Request{Method: method, URL: &url.URL{Path: at}})
	return pattern != "" && pattern != "/"
}

// above is the nearest page over a request's path.
func (s *Server) above(r *http.Request) string {
	at := r.URL.Path
	for at != "/" && !s.served(http.MethodGet, at) {
		at = path.Dir(at)
	}
	return at
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.showError(w, r, fault.New(fault.NotFound, "Not found"))
}

func (s *Server) refuseCrossSite(w http.ResponseWriter, r *http.Request) {
	s.showError(w, r, fault.New(fault.Forbidden, "Cross-site request"))
}

// showError shows an error as a page. What is ours is logged and not shown.
func (s *Server) showError(w http.ResponseWriter, r *http.Request, err error) {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		err = fault.New(fault.TooLarge, "Form too large")
	}
	f := fault.From(err)
	status := f.Code.HTTPStatus()
	if f.Code == fault.NotFound {
		status = http.StatusNotFound
	}
	requestID := w.Header().Get("X-Request-Id")
	if status >= http.StatusInternalServerError {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "a page failed", slog.String("request", requestID),
			slog.String("path", r.URL.Path), slog.String("error", err.Error()))
	}
	text := ""
	if f.Reason == identity.OnlyViewed || f.Reason == notHeld {
		text = ui.T(r.Context(), "refusal."+string(f.Reason))
	}
	page := ui.Failure(status, text, requestID)
	if ui.Partial(r) {
		page = ui.FailurePart(status, text, requestID)
	}
	if err := ui.Render(w, r, status, page); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "the page of an error failed", slog.String("request", requestID), slog.String("error", err.Error()))
	}
}
