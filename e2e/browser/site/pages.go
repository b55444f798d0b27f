package site

import (
	"net/http"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/web/docs"
)

// Page is a page to look at.
type Page struct {
	Path     string
	Access   Access // who looks; "" is Anonymous
	Language string // that the browser asks for; "" is English
	Status   int    // of its answer; 0 is 200
}

// Access is who looks at a page.
type Access string

// Anonymous is somebody who has not signed in.
const Anonymous Access = "anonymous"

// SignIn signs a visitor in, through the pages.
type SignIn func(tab *browser.Tab) error

// Pages lists every page of the panel. One whose path depends on what the demo
// has made is found by those who sign in.
func Pages() []Page {
	return append(public(""), public("tr")...)
}

// public are the pages for anyone, in a language.
func public(language string) []Page {
	var all []Page
	for _, path := range []string{
		"/", "/services", "/services?q=review&cancel=1", "/services?q=no+such+service", "/services/1", "/services/27", "/pricing", "/faq", "/terms",
		"/privacy", "/refund", "/acceptable-use", "/contact",
	} {
		all = append(all, Page{Path: path, Language: language})
	}
	for _, slug := range docs.Slugs() {
		all = append(all, Page{Path: docs.Path(slug), Language: language})
	}
	return append(all,
		Page{Path: docs.Root + "?q=status", Language: language}, Page{Path: docs.Root + "?q=no+such+word", Language: language},
		Page{Path: docs.Root + "/none", Language: language, Status: http.StatusNotFound},
		Page{Path: "/services/999999", Language: language, Status: http.StatusNotFound},
	)
}

// SignIns says how each access but Anonymous comes about.
func SignIns() map[Access]SignIn { return nil }
