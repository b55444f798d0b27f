package web

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/web/buy"
)

// Access says who may use a route.
type Access int

// The levels. Each holds for the page and for what its forms do.
const (
	Anyone  Access = iota + 1
	Visitor        // who is not signed in; a member is led to the dashboard
	Enrol          // who is signed in, staff too who still have to set up a second factor
	Member         // who is signed in, with the second factor that their role needs
	Staff          // who runs the panel
	Dev            // anyone, while NOTPANEL_DEV=1; otherwise it is not there
)

// String names the level.
func (a Access) String() string {
	switch a {
	case Anyone:
		return "anyone"
	case Visitor:
		return "visitor"
	case Enrol:
		return "enrol"
	case Member:
		return "member"
	case Staff:
		return "staff"
	case Dev:
		return "dev"
	}
	return "nobody"
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
	}
}

// bounded bounds what a route may be sent.
func bounded(route Route, next http.Handler) http.Handler {
	if most, uploads := Uploads()[route.Pattern]; uploads {
		return http.MaxBytesHandler(next, most)
	}
	return http.MaxBytesHandler(next, maxForm)
}
