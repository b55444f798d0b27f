package web

import "net/http"

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
