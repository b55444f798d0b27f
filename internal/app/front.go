package app

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/hint"
	"github.com/notpanel/notpanel/internal/id"
)

// front stands before everything else: it decides which host and which scheme
// are served, and who answers a path.
type front struct {
	public  *url.URL // nil: loopback names only
	clients *clientaddr.Finder
	api     http.Handler
	hooks   http.Handler // of providers
	pages   http.Handler
}

// ServeHTTP refuses foreign hosts and plain http, then picks the handler. The
// API's path is served in every spelling that clients use, without a redirect: a
// redirected POST loses its body.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isAPI := "/"+strings.Trim(r.URL.Path, "/") == "/api/v2"
	refuse := writeError
	if isAPI {
		refuse = writeText
	}
	if !f.serves(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, "This host is not served here")
		return
	}
	if !f.isHTTPS(r) && !config.IsLoopbackHost(hostname(r.Host)) {
		refuse(w, http.StatusForbidden, "Use https: this panel is not served over plain http")
		return
	}
	// A webhook that leads to the API could order, and be told of what it ordered.
	if isAPI && r.Header.Get("X-NotPanel-Delivery") != "" {
		refuse(w, http.StatusForbidden, "A webhook's delivery is no request")
		return
	}
	if isAPI {
		f.api.ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, hint.Path) {
		f.hooks.ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path+"/", "/api/") {
		writeError(w, http.StatusNotFound, "Not found") // a program's mistake, told in its own form
		return
	}
	f.pages.ServeHTTP(w, r)
}

// serves reports whether a Host header is the panel's.
func (f *front) serves(hostPort string) bool {
	host := hostname(hostPort)
	if f.public == nil {
		return config.IsLoopbackHost(host)
	}
	if config.IsLoopbackHost(f.public.Hostname()) {
		return config.IsLoopbackHost(host)
	}
	return strings.EqualFold(withoutDefaultPort(hostPort), withoutDefaultPort(f.public.Host))
}

func (f *front) isHTTPS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	return f.clients.ThroughProxy(r) && saysHTTPS(r.Header.Values("X-Forwarded-Proto"))
}

// saysHTTPS reports that nothing in a proxy's header contradicts https: one that
// adds its line behind the client's must not let the client's stand alone.
func saysHTTPS(lines []string) bool {
	for _, line := range lines {
		if !strings.EqualFold(strings.TrimSpace(line), "https") {
			return false
		}
	}
	return len(lines) > 0
}

// hostname takes the port off a Host header.
func hostname(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	return host
}

func withoutDefaultPort(hostPort string) string {
	return strings.TrimSuffix(strings.TrimSuffix(hostPort, ":443"), ":80")
}

// writeError answers in the form of the API's errors.
func writeError(w http.ResponseWriter, status int, text string) {
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		status = http.StatusInternalServerError
	}
	write(w, status, "application/json", body)
}

// writeText answers what may be the poll of an order: its client takes an error in
// JSON for the order's end, and here it is a setting that is wrong for a while.
func writeText(w http.ResponseWriter, status int, text string) {
	write(w, status, "text/plain; charset=utf-8", []byte(text))
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Request-Id", id.New(id.Request))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
