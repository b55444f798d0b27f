package app

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/id"
)

// faced is a front whose API answers with what it got.
func faced(t *testing.T, public string, proxies ...string) *front {
	t.Helper()
	f := &front{api: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "api "+r.Method+" "+string(body))
	})}
	f.pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "page "+r.URL.Path)
	})
	if public != "" {
		var err error
		if f.public, err = url.Parse(public); err != nil {
			t.Fatal(err)
		}
	}
	var trusted []netip.Prefix
	for _, p := range proxies {
		trusted = append(trusted, netip.MustParsePrefix(p))
	}
	f.clients = clientaddr.New(trusted, nil)
	return f
}

// visit is a request as it reaches the front.
type visit struct {
	method, target, host, peer string
	proto                      []string // X-Forwarded-Proto
	tls                        bool
}

func (v visit) to(f *front) *httptest.ResponseRecorder {
	if v.method == "" {
		v.method = http.MethodPost
	}
	r := httptest.NewRequest(v.method, "/", strings.NewReader("key=k&action=balance"))
	// Set by hand: NewRequest would take //api/v2 for a host.
	r.URL.Path, r.RequestURI = v.target, v.target
	r.Host, r.RemoteAddr = v.host, v.peer
	if v.peer == "" {
		r.RemoteAddr = "127.0.0.1:4711"
	}
	for _, p := range v.proto {
		r.Header.Add("X-Forwarded-Proto", p)
	}
	if v.tls {
		r.TLS = &tls.ConnectionState{}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// A request for a host that is not the panel's is 421, whatever it asks for.
func TestFrontServesItsHostAlone(t *testing.T) {
	t.Parallel()
	const here, misdirected = http.StatusOK, http.StatusMisdirectedRequest
	for name, c := range map[string]struct {
		public, host string
		want         int
	}{
		"its name":                    {"https://panel.example", "panel.example", here},
		"its name in capitals":        {"https://panel.example", "PANEL.Example", here},
		"its name and port":           {"https://panel.example", "panel.example:443", here},
		"another port":                {"https://panel.example", "panel.example:8443", misdirected},
		"its own port":                {"https://panel.example:8443", "panel.example:8443", here},
		"without its own port":        {"https://panel.example:8443", "panel.example", misdirected},
		"another name":                {"https://panel.example", "other.example", misdirected},
		"a name below":                {"https://panel.example", "www.panel.example", misdirected},
		"a name that ends so":         {"https://panel.example", "evilpanel.example", misdirected},
		"no name":                     {"https://panel.example", "", misdirected},
		"an address":                  {"https://panel.example", "192.0.2.1", misdirected},
		"loopback":                    {"https://panel.example", "localhost", misdirected},
		"loopback's address":          {"https://panel.example", "127.0.0.1:8080", misdirected},
		"no public name, loopback":    {"", "localhost:8080", here},
		"no public name, 127.0.0.1":   {"", "127.0.0.1:8080", here},
		"no public name, 127.9.9.9":   {"", "127.9.9.9", here},
		"no public name, [::1]":       {"", "[::1]:8080", here},
		"no public name, below":       {"", "panel.localhost", here},
		"no public name, other":       {"", "panel.example", misdirected},
		"no public name, looks alike": {"", "127.0.0.1.example", misdirected},
		"no public name, none":        {"", "", misdirected},
		"public is loopback":          {"http://localhost:8080", "127.0.0.1:9999", here},
		"public is loopback, other":   {"http://localhost:8080", "panel.example", misdirected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := faced(t, c.public)
			for _, target := range []string{"/api/v2", "/", "/nothing"} {
				want := c.want
				if target == "/nothing" && want == here {
					want = http.StatusNotFound
				}
				got := visit{method: http.MethodGet, target: target, host: c.host, tls: true}.to(f)
				if got.Code != want {
					t.Errorf("%s at %s: %d, want %d", target, c.host, got.Code, want)
				}
				form := "application/json"
				if target == "/api/v2" {
					form = "text/plain; charset=utf-8" // no panel takes it for the end of its orders
				}
				if h := got.Header(); want == misdirected && (h.Get("Content-Type") != form || !id.Valid(id.Request, h.Get("X-Request-Id"))) {
					t.Errorf("%s: %v", target, h)
				}
			}
		})
	}
}

// Plain http is refused where the key could be read on its way, and never
// redirected: the key has travelled already.
func TestFrontRefusesPlainHTTP(t *testing.T) {
	t.Parallel()
	const here, refused = http.StatusOK, http.StatusForbidden
	const public, proxy = "https://panel.example", "10.0.0.0/8"
	for name, c := range map[string]struct {
		public string
		visit  visit
		want   int
	}{
		"plain":                             {public, visit{host: "panel.example", peer: "192.0.2.7:1"}, refused},
		"plain, from this machine":          {public, visit{host: "panel.example"}, refused},
		"TLS":                               {public, visit{host: "panel.example", peer: "192.0.2.7:1", tls: true}, here},
		"loopback's name":                   {"", visit{host: "localhost:8080"}, here},
		"header from anybody":               {public, visit{host: "panel.example", peer: "192.0.2.7:1", proto: []string{"https"}}, refused},
		"header from the proxy":             {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"https"}}, here},
		"header in capitals":                {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"HTTPS"}}, here},
		"proxy, mapped address":             {public, visit{host: "panel.example", peer: "[::ffff:10.1.2.3]:1", proto: []string{"https"}}, here},
		"proxy saying http":                 {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"http"}}, refused},
		"proxy saying nothing":              {public, visit{host: "panel.example", peer: "10.1.2.3:1"}, refused},
		"proxy passing on another's header": {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"http", "https"}}, refused},
		"proxy adding its line":             {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"https", "http"}}, refused},
		"two proxies that agree":            {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"https", "https"}}, here},
		"proxy joining two":                 {public, visit{host: "panel.example", peer: "10.1.2.3:1", proto: []string{"https, http"}}, refused},
		"a peer without address":            {public, visit{host: "panel.example", peer: "@", proto: []string{"https"}}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.visit.target = "/api/v2"
			got := c.visit.to(faced(t, c.public, proxy, "fd00::/8"))
			if got.Code != c.want {
				t.Fatalf("%d, want %d", got.Code, c.want)
			}
			if got.Header().Get("Location") != "" {
				t.Error("it redirects")
			}
			if c.want != refused {
				return
			}
			// Text: no panel takes it for the end of its orders.
			if form := got.Header().Get("Content-Type"); form != "text/plain; charset=utf-8" || got.Body.String() != "Use https: this panel is not served over plain http" {
				t.Errorf("%s: %s", form, got.Body)
			}
			c.visit.target = "/elsewhere"
			if got := c.visit.to(faced(t, c.public, proxy)); got.Body.String() != `{"error":"Use https: this panel is not served over plain http"}` {
				t.Errorf("%s", got.Body)
			}
		})
	}
}

// The API is at its path in every spelling that clients use, and a POST keeps its
// body: nothing is redirected.
func TestFrontServesEverySpellingOfThePath(t *testing.T) {
	t.Parallel()
	f := faced(t, "")
	for _, path := range []string{"/api/v2", "/api/v2/", "//api/v2", "//api/v2/", "/api/v2//"} {
		got := visit{target: path, host: "localhost"}.to(f)
		if got.Code != http.StatusOK || got.Body.String() != "api POST key=k&action=balance" {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	for _, path := range []string{"/api", "/api/v1", "/api/v2/orders", "/api/v22", "/api/./v2"} {
		got := visit{target: path, host: "localhost"}.to(f)
		if got.Code != http.StatusNotFound || got.Body.String() != `{"error":"Not found"}` || got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d %s", path, got.Code, got.Body)
		}
	}
}

// Over a real connection too: no server in between cleans the path or redirects.
func TestFrontOverAConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(faced(t, ""))
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/api/v2", "/api/v2/", "//api/v2", "/api/v2?x=1", "/api/v2/?key=1"} {
		response, err := client.Post(server.URL+path, "application/x-www-form-urlencoded", strings.NewReader("a=1"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || string(body) != "api POST a=1" {
			t.Errorf("%s: %d %s %v", path, response.StatusCode, body, err)
		}
	}
}

// What is not the API's is for the pages, with any method.
func TestFrontPage(t *testing.T) {
	t.Parallel()
	f := faced(t, "")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := (visit{method: method, target: "/login", host: "localhost"}).to(f); got.Body.String() != "page /login" {
			t.Errorf("%s: %s", method, got.Body)
		}
	}
}

// A webhook can't be pointed at the API, where each event would place an order that
// causes the next.
func TestFrontTakesNoDeliveryForARequest(t *testing.T) {
	t.Parallel()
	f := faced(t, "")
	r := httptest.NewRequest(http.MethodPost, "http://localhost/api/v2?key=k&action=add", strings.NewReader(`{"id":"evt_1"}`))
	r.Header.Set("X-NotPanel-Delivery", "dlv_1.1")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "api") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
