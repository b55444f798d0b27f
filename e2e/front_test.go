//go:build linux

package e2e_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// as sends a request for the balance under another name than the address that
// is dialled.
func (n *panel) as(key, address, host string, header ...string) answer {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, "http://"+address+"/api/v2",
		strings.NewReader(form(key, "balance").Encode()))
	must(n.t, err)
	request.Host = host
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	a, err := n.do(request)
	must(n.t, err)
	return a
}

// Without a public address the panel is this machine's, under its names only.
func TestOnlyLoopbackNamesAreServedWithoutAPublicAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	c, n := w.customer(money.Unit), w.serve()
	address := strings.TrimPrefix(n.url, "http://")
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	for _, host := range []string{address, "localhost", "localhost:" + port, "panel.localhost:" + port, "[::1]:" + port} {
		if a := n.as(c.key, address, host); a.status != http.StatusOK {
			t.Errorf("%s: status %d, %s", host, a.status, a.body)
		}
	}
	for _, host := range []string{"panel.example", "panel.example:" + port, "localhost.example", "10.0.0.1", "127.0.0.1.example"} {
		a := n.as(c.key, address, host, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "localhost")
		if a.status != http.StatusMisdirectedRequest || a.body != "This host is not served here" {
			t.Errorf("%s: status %d, %s; want 421", host, a.status, a.body)
		}
	}
}

// With one, only it is served, and only over https: a key must not travel in
// clear. A proxy may have ended https, if it is one that the operator named.
func TestThePublicAddressIsServedOverHTTPSOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	c := w.customer(money.Unit)
	const host = "panel.example"
	for _, proxies := range []string{"127.0.0.1", "10.0.0.0/8", ""} {
		address := freeAddress(t)
		n := w.serve("NOTPANEL_LISTEN="+address, "NOTPANEL_PUBLIC_URL=https://"+host, "NOTPANEL_TRUSTED_PROXIES="+proxies)
		secure := n.as(c.key, address, host, "X-Forwarded-Proto", "https")
		if trusted := secure.status == http.StatusOK; trusted != (proxies == "127.0.0.1") {
			t.Errorf("https by a header, trusted proxies %q: status %d, %s", proxies, secure.status, secure.body)
		}
		for _, forwarded := range []string{"http", "https,http", ""} {
			if plain := n.as(c.key, address, host, "X-Forwarded-Proto", forwarded); plain.status != http.StatusForbidden {
				t.Errorf("plain http (%q), trusted proxies %q: status %d, %s", forwarded, proxies, plain.status, plain.body)
			}
		}
		for _, other := range []string{address, "localhost", "www." + host, "example"} {
			if a := n.as(c.key, address, other, "X-Forwarded-Proto", "https"); a.status != http.StatusMisdirectedRequest {
				t.Errorf("%s, trusted proxies %q: status %d, %s", other, proxies, a.status, a.body)
			}
		}
		n.terminate()
	}
}

// What would put keys on the network in clear is refused at the start.
func TestAddressesBeyondThisMachineAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for name, refused := range map[string]struct {
		env  []string
		want string
	}{
		"no public address":    {[]string{"NOTPANEL_LISTEN=0.0.0.0:0"}, "NOTPANEL_PUBLIC_URL"},
		"no host":              {[]string{"NOTPANEL_LISTEN=:0"}, "NOTPANEL_PUBLIC_URL"},
		"public without https": {[]string{"NOTPANEL_LISTEN=0.0.0.0:0", "NOTPANEL_PUBLIC_URL=http://panel.example"}, "https"},
		"development":          {[]string{"NOTPANEL_LISTEN=0.0.0.0:0", "NOTPANEL_PUBLIC_URL=https://panel.example", "NOTPANEL_DEV=1"}, "NOTPANEL_DEV"},
		"no address":           {[]string{"NOTPANEL_LISTEN=nowhere"}, "NOTPANEL_LISTEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, launch{args: []string{"serve"}, env: w.env(append(refused.env, "NOTPANEL_OPS_LISTEN=")...)})
			if code := p.wait(); code != 2 || !strings.Contains(p.stderr.String(), refused.want) {
				t.Errorf("exit code %d, %s\nwant 2 and %q", code, p.stderr, refused.want)
			}
		})
	}
}
