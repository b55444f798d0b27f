package web

import (
	"net/http"
	"strings"

	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/admin/publish"
	"github.com/notpanel/notpanel/internal/web/admin/settings"
	"github.com/notpanel/notpanel/internal/web/buy"
)

// Access says who may use a route. It holds for the page and for what its forms do.
type Access string

// Who may use a route.
const (
	Anyone  Access = "anyone"
	Visitor Access = "visitor" // who is not signed in; a member is led to the dashboard
	Enrol   Access = "enrol"   // who is signed in, staff too who still have to set up a second factor
	Member  Access = "member"  // who is signed in, with the second factor that their role needs
	Person  Access = "person"  // Member, but nobody who looks at the pages as a customer
	Viewing Access = "viewing" // staff who look at the pages as a customer
	Staff   Access = "staff"   // who helps to run the panel, whatever they may do
	Dev     Access = "dev"     // anyone, while NOTPANEL_DEV=1; otherwise it is not there
)

// withPermission stands between Staff and the permission that a route needs.
const withPermission = ":"

// Needs is the access of staff who hold a permission.
func Needs(p staff.Permission) Access { return Staff + withPermission + Access(p) }

// parts are the level and, of Staff, the permission that it needs; "" is none.
func (a Access) parts() (level Access, needs staff.Permission) {
	before, after, _ := strings.Cut(string(a), withPermission)
	return Access(before), staff.Permission(after)
}

// Handler answers a request. The error that it returns is shown as a page; what a
// reader can mend is shown in the form instead.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is a path with its method, who may use it and who answers.
type Route struct {
	Pattern string // as http.ServeMux reads it: "GET /services/{id}"
	Access  Access
	Handle  Handler
}

// Uploads are the routes whose forms may be large, and come in parts where they have
// files, and how much each may send, in bytes. All others take a plain form of at most
// maxForm.
func Uploads() map[string]int64 {
	return map[string]int64{
		"POST /dashboard/orders/new": buy.MaxForm, "POST /dashboard/orders/new/total": buy.MaxForm,
		"POST /dashboard/orders/mass": buy.MaxUpload,
		"POST /admin/settings/logo":   settings.MaxLogoForm,
		"POST /admin/posts":           publish.MaxPostForm, "POST /admin/posts/{id}": publish.MaxPostForm,
	}
}

// bounded bounds what a route may be sent.
func bounded(route Route, next http.Handler) http.Handler {
	if most, uploads := Uploads()[route.Pattern]; uploads {
		return http.MaxBytesHandler(next, most)
	}
	return http.MaxBytesHandler(next, maxForm)
}
