package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/buy"
	"github.com/notpanel/notpanel/internal/web/dashboard"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Where who may not see a page is led.
const (
	loginPath   = "/login"
	homePath    = "/dashboard"
	accountPath = "/dashboard/account"
	enrolPath   = accountPath + "#second-factor"
)

// guarded lets those in that a route's access names, and shows what the handler
// could not mend.
func (s *Server) guarded(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, signedIn := s.People.Current(r.Context())
		if signedIn {
			if err := s.meet(r, who, route.Access); err != nil {
				s.showError(w, r, err)
				return
			}
		}
		if shut(r, route, who, signedIn) {
			s.showClosed(w, r)
			return
		}
		if s.admitted(w, r, route.Access, who, signedIn) {
			_, uploads := Uploads()[route.Pattern]
			err := readable(r, uploads)
			if err == nil {
				err = route.Handle(w, r)
			}
			if err != nil {
				s.failed(w, r, err)
			}
		}
	})
}

// failed shows what a handler could not mend. A file of which a part was sent is cut
// off: a page behind it would make it look whole.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	if !download.Cut(err) {
		s.showError(w, r, err)
		return
	}
	if r.Context().Err() == nil { // who went away knows it
		s.Log.LogAttrs(r.Context(), slog.LevelError, "a download failed", slog.String("request", w.Header().Get("X-Request-Id")),
			slog.String("path", r.URL.Path), slog.String("error", err.Error()))
	}
	panic(http.ErrAbortHandler)
}

// readable reports why a form can't be read. Without it a handler would take one
// that is too large, or in a form that our pages do not send, for an empty one. What
// is uploaded was bounded before, so all of it may stand in memory.
func readable(r *http.Request, uploads bool) error {
	if r.Method != http.MethodPost {
		return nil
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	parse := r.ParseForm
	if uploads && kind == "multipart/form-data" {
		parse = func() error { return r.ParseMultipartForm(buy.MaxUpload) } //nolint:gosec // bounded by its route
	}
	if err := parse(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return err
		}
		return fault.Wrap(fault.Invalid, "The form can't be read", err)
	}
	if r.ContentLength != 0 && kind != "application/x-www-form-urlencoded" && r.MultipartForm == nil {
		return fault.New(fault.Invalid, "The form is in another form than the page sends")
	}
	return nil
}

// admitted reports whether a visitor may use a route. To who may not it has
// answered.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request, access Access, who identity.Person, signedIn bool) bool {
	switch level, _ := access.parts(); level {
	case Anyone:
		return true
	case Visitor:
		if signedIn {
			http.Redirect(w, r, homePath, http.StatusSeeOther)
		}
		return !signedIn
	case Dev:
		dev := ui.Of(r.Context()).Panel.Dev
		if !dev {
			s.notFound(w, r)
		}
		return dev
	case Enrol, Member, Person, Viewing, Staff:
		return s.admittedMember(w, r, access, who, signedIn)
	}
	s.notFound(w, r)
	return false
}

func (s *Server) admittedMember(w http.ResponseWriter, r *http.Request, access Access, who identity.Person, signedIn bool) bool {
	level, needs := access.parts()
	switch {
	case !signedIn && streams(r): // a page that was open when its sign-in ended; it asks less and less often
		w.WriteHeader(http.StatusUnauthorized)
	case !signedIn && ui.Partial(r): // not into a dialog
		w.Header().Set("HX-Redirect", loginFor(r))
		w.WriteHeader(http.StatusNoContent)
	case !signedIn:
		http.Redirect(w, r, loginFor(r), http.StatusSeeOther) //nolint:gosec // a path of ours
	case who.Viewer != nil && !viewable(r, access):
		s.showError(w, r, fault.New(fault.Forbidden, "Nothing is changed by who looks on").Because(identity.OnlyViewed))
	case access == Viewing && who.Viewer == nil:
		http.Redirect(w, r, homePath, http.StatusSeeOther)
	case level == Staff && who.Role == account.Customer:
		s.showError(w, r, fault.New(fault.Forbidden, "Staff only"))
	case access != Enrol && s.People.MustEnrol(who):
		http.Redirect(w, r, enrolPath, http.StatusSeeOther)
	case needs != "" && !who.Permissions.Has(needs):
		s.showError(w, r, fault.New(fault.Forbidden, "Your role does not hold this").Because(notHeld))
	default:
		return true
	}
	return false
}

// streams reports whether a request is for a stream of events.
func streams(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// notHeld says that a role is without a permission.
const notHeld fault.Reason = "permission_not_held"

// viewable reports whether who looks at the pages as a customer may use a route: to
// see what the customer sees, but for what is the person's own.
func viewable(r *http.Request, access Access) bool {
	return access == Viewing || access == Member && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// loginFor is the page of the sign-in that leads back to what was asked for. What
// a form sent is gone: it leads back to no action.
func loginFor(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path == homePath {
		return loginPath
	}
	return loginPath + "?next=" + url.QueryEscape(back.Own(r.URL.RequestURI()))
}

// meet makes the view that of who is signed in: their language, zone and theme,
// and what the frame shows of them.
func (s *Server) meet(r *http.Request, who identity.Person, access Access) error {
	v := ui.Of(r.Context())
	if r.URL.Query().Get("lang") == "" && who.Language != "" {
		if l, found := s.Languages.Find(who.Language); found {
			v.Language = l
		}
	}
	if who.Theme != "" {
		v.Theme = who.Theme
	}
	if zone, err := time.LoadLocation(who.TimeZone); err == nil && who.TimeZone != "" {
		v.Zone = zone
	}
	v.Person = &ui.Person{Email: who.Email, Listens: !s.People.MustEnrol(who)}
	if who.Viewer != nil {
		v.Person.Viewer = who.Viewer.Email
	}
	if who.Role != account.Customer && v.Person.Listens {
		v.Person.Desk = admin.Links(who.Permissions)
	}
	if access == Anyone || access == Visitor {
		return nil // their frame shows no balance
	}
	live, _, err := s.Balances(r.Context(), who.AccountID)
	v.Person.Balance = live
	if err != nil || ui.Partial(r) { // a dialog has neither bell nor announcements
		return err
	}
	if v.Person.Unread, err = s.Unread(r.Context(), who.AccountID); err != nil {
		return err
	}
	all, err := s.Announced(r.Context(), who.AccountID)
	v.Announced = site.Announced(v, all, dashboard.DismissPath)
	return err
}
