package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

func get(t *testing.T, path, encodings string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	r.Header.Set("Accept-Encoding", encodings)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

// What is sent compressed is the file itself, for every way that a browser takes it.
func TestFilesAreServedAsTheBrowserTakesThem(t *testing.T) {
	t.Parallel()
	plain := func(r io.Reader) (io.Reader, error) { return r, nil }
	unzip := func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	unbrotli := func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }
	for _, c := range []struct {
		accepts, encoding string
		open              func(io.Reader) (io.Reader, error)
	}{
		{"", "", plain},
		{"identity", "", plain},
		{"gzip", "gzip", unzip},
		{"gzip, deflate, br, zstd", "br", unbrotli},
		{"br;q=0, gzip", "gzip", unzip},
		{"BR", "br", unbrotli},
		{"brx", "", plain},
	} {
		response := get(t, URL("app.css"), c.accepts)
		if got := response.Header().Get("Content-Encoding"); got != c.encoding || response.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %q, %v", c.accepts, got, response.Header())
		}
		body, err := c.open(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(body)
		if err != nil || !strings.Contains(string(content), ".desk-main") {
			t.Errorf("%q: %d bytes, %v", c.accepts, len(content), err)
		}
	}
}

// Each file has its type, is kept for good, and only what was built is served.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{
		"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "chart.js": "text/javascript; charset=utf-8",
		"inter-latin.woff2": "font/woff2", "inter-latin-ext.woff2": "font/woff2",
	} {
		response := get(t, URL(name), "")
		if got := response.Header().Get("Content-Type"); response.Code != http.StatusOK || got != kind {
			t.Errorf("%s: %d %s", name, response.Code, got)
		}
		if got := response.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, path := range []string{"/static/", "/static/names.json", "/static/nothing.css", "/static/../static.go", "/static/files/x"} {
		if got := get(t, path, "").Code; got != http.StatusNotFound {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := URL("nothing.css"); got != "" {
		t.Errorf("a file that is not there is at %q", got)
	}
}
