package ui

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
)

// Render writes a component as an answer. Nothing is sent before all of it is
// there, so an error can still become a page of its own.
func Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		return fmt.Errorf("render %s: %w", r.URL.Path, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the reader has gone
	}
	return nil
}

// Partial reports that a request wants a part of the page: a dialog's form.
func Partial(r *http.Request) bool { return r.Header.Get("HX-Request-Type") == "partial" }

// RenderDialog writes a page that may stand in a dialog: alone for who opened it
// there, in its frame for everybody else.
func RenderDialog(w http.ResponseWriter, r *http.Request, status int, p Page, c templ.Component) error {
	w.Header().Add("Vary", "HX-Request-Type")
	if Partial(r) {
		return Render(w, r, status, c)
	}
	return Render(w, r, status, framed(p, c))
}

// ShowForm writes a page with a form in it.
type ShowForm = func(w http.ResponseWriter, r *http.Request, status int, f *Form) error

// See leads to a page of this panel after a form was done.
func See(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// Finish ends a form: who sent it from a dialog reads there that it was done, the
// others come to a page, with a query that says the same.
func Finish(w http.ResponseWriter, r *http.Request, text, path, query string) error {
	if Partial(r) {
		return Render(w, r, http.StatusOK, Done(text, path))
	}
	return See(w, r, path+query)
}
