package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/web/ui"
)

// answering is a route whose answer is size bytes of a type.
func answering(access Access, method, contentType string, size int) http.Handler {
	route := Route{Pattern: method + " /", Access: access}
	return public(route, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(size))
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, strings.Repeat("a", size))
	}))
}

// ask sends a request of a reader who may be signed in.
func ask(t *testing.T, h http.Handler, method string, person *ui.Person) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", http.NoBody)
	r.Header.Set("Accept-Encoding", "br, gzip")
	w := httptest.NewRecorder()
	w.Header().Set("Cache-Control", "no-store")
	h.ServeHTTP(w, r.WithContext(ui.With(r.Context(), &ui.View{Person: person})))
	return w.Result()
}

// Text of public pages is compressed and comes out as it was; what is small, no
// text, or behind the sign-in goes out as it is.
func TestPublicPagesAreCompressed(t *testing.T) {
	t.Parallel()
	const html = "text/html; charset=utf-8"
	for name, c := range map[string]struct {
		access       Access
		method, kind string
		size         int
		packed       bool
	}{
		"page":                {Anyone, http.MethodGet, html, 5000, true},
		"sitemap":             {Anyone, http.MethodGet, "application/xml; charset=utf-8", 5000, true},
		"small page":          {Anyone, http.MethodGet, html, 1023, false},
		"picture":             {Anyone, http.MethodGet, "image/png", 5000, false},
		"form":                {Anyone, http.MethodPost, html, 5000, false},
		"for visitors":        {Visitor, http.MethodGet, html, 5000, false},
		"for members":         {Member, http.MethodGet, html, 5000, false},
		"for staff":           {Staff, http.MethodGet, html, 5000, false},
		"head of a page only": {Anyone, http.MethodHead, html, 5000, false},
	} {
		pattern := c.method
		if pattern == http.MethodHead {
			pattern = http.MethodGet
		}
		got := ask(t, answering(c.access, pattern, c.kind, c.size), c.method, nil)
		if packed := got.Header.Get("Content-Encoding") == "gzip"; packed != c.packed {
			t.Errorf("%s: compressed is %t", name, packed)
		}
		body := io.Reader(got.Body)
		if c.packed {
			if got.Header.Get("Content-Length") != "" {
				t.Errorf("%s: its length is that of before", name)
			}
			unpacked, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = unpacked
		}
		if text, err := io.ReadAll(body); err != nil || len(text) != c.size {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
		_ = got.Body.Close()
	}
}

// Public pages name who is signed in, so theirs are not compressed.
func TestPagesOfMembersAreNotCompressed(t *testing.T) {
	t.Parallel()
	h := answering(Anyone, http.MethodGet, "text/html", 5000)
	got := ask(t, h, http.MethodGet, &ui.Person{Email: "customer@example.com"})
	defer func() { _ = got.Body.Close() }()
	if body, err := io.ReadAll(got.Body); err != nil || len(body) != 5000 || got.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d bytes, %q, %v", len(body), got.Header.Get("Content-Encoding"), err)
	}
}

// A browser may keep a public page of who is not signed in, and nothing else.
func TestOnlyPublicPagesAreKept(t *testing.T) {
	t.Parallel()
	member := &ui.Person{Email: "customer@example.com"}
	for _, c := range []struct {
		access Access
		person *ui.Person
		want   string
	}{
		{Anyone, nil, "private, no-cache"}, {Anyone, member, "no-store"}, {Visitor, nil, "no-store"}, {Member, member, "no-store"},
	} {
		got := ask(t, answering(c.access, http.MethodGet, "text/html", 10), http.MethodGet, c.person)
		_ = got.Body.Close()
		if got.Header.Get("Cache-Control") != c.want {
			t.Errorf("%s, signed in %t: %s", c.access, c.person != nil, got.Header.Get("Cache-Control"))
		}
	}
}
