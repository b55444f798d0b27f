//go:build linux

package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// from is a client whose connections come from one address of this machine.
func (n *panel) from(address string) *panel {
	n.t.Helper()
	local, err := net.ResolveTCPAddr("tcp", address+":0")
	must(n.t, err)
	dialer := &net.Dialer{LocalAddr: local}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}
	n.t.Cleanup(transport.CloseIdleConnections)
	return &panel{process: n.process, url: n.url, ops: n.ops, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// forwarded sends a form with lines of X-Forwarded-For.
func (n *panel) forwarded(fields url.Values, lines ...string) answer {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.url+"/api/v2", strings.NewReader(fields.Encode()))
	must(n.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, line := range lines {
		request.Header.Add("X-Forwarded-For", line)
	}
	a, err := n.do(request)
	must(n.t, err)
	return a
}

// withinAMinute runs an attempt that counts requests until one lies within a minute of
// the clock, for there all counters begin anew. Each attempt gets a number, so that
// it can use what no other has used, and returns what is wrong.
func withinAMinute(t *testing.T, attempt func(n int) (wrong []string)) {
	t.Helper()
	for n := range 5 {
		begun := time.Now().Unix() / 60
		wrong := attempt(n)
		if time.Now().Unix()/60 != begun {
			continue
		}
		for _, one := range wrong {
			t.Error(one)
		}
		return
	}
	t.Fatal("no attempt took less than a minute")
}

// expectations collects what is wrong with answers.
type expectations []string

// is expects a status and a body; of a 429 also who denied it.
func (e *expectations) is(what string, got answer, status int, body, deniedBy string) {
	if got.status != status || body != "" && got.body != body || got.header.Get("X-RateLimit-DeniedBy") != deniedBy {
		*e = append(*e, fmt.Sprintf("%s: status %d, %s, denied by %q; want %d, %s, denied by %q",
			what, got.status, got.body, got.header.Get("X-RateLimit-DeniedBy"), status, body, deniedBy))
	}
	if status == http.StatusTooManyRequests {
		wait, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60 || got.header.Get("X-RateLimit-Remaining") != "0" {
			*e = append(*e, fmt.Sprintf("%s: headers %v", what, got.header))
		}
	}
}

const (
	limited = `{"error":"Rate limit exceeded"}`
	unknown = `{"error":"Invalid API key"}`
)

// Guessing keys from an address uses up its limit, 300 a minute, and then even a
// usable key is refused there, but not elsewhere, nor where one was used before.
func TestGuessingKeysCostsTheAddressItsLimit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		c := w.customer(money.Unit)
		served := w.serve("NOTPANEL_LIMIT_IP=300", "NOTPANEL_LIMIT_KEY=100", "NOTPANEL_LIMIT_TIERS=standard=310,reseller=1200,agency=6000")
		withinAMinute(t, func(n int) (e []string) {
			guesser, other, known := served.from(fmt.Sprintf("127.1.%d.1", n)), served.from(fmt.Sprintf("127.1.%d.2", n)), served.from(fmt.Sprintf("127.1.%d.3", n))
			wrong := expectations{}
			for i := range 300 {
				wrong.is("a guess", guesser.call(form("np_live_"+strconv.Itoa(i), "balance")), http.StatusBadRequest, unknown, "")
			}
			wrong.is("guess 301", guesser.call(form("np_live_x", "balance")), http.StatusTooManyRequests, limited, "ip")
			wrong.is("a usable key there", guesser.call(form(c.key, "balance")), http.StatusTooManyRequests, limited, "ip")
			wrong.is("a poll there", guesser.call(form(c.key, "status", "order", "1")), http.StatusTooManyRequests, "Rate limit exceeded", "ip")
			wrong.is("another address", other.call(form("np_live_x", "balance")), http.StatusBadRequest, unknown, "")
			wrong.is("a usable key elsewhere", other.call(form(c.key, "balance")), http.StatusOK, "", "")
			wrong.is("a known address", known.call(form(c.key, "balance")), http.StatusOK, "", "")
			for range 309 {
				wrong.is("a guess at a known address", known.call(form("np_live_x", "balance")), http.StatusBadRequest, unknown, "")
			}
			wrong.is("guess 310 there", known.call(form("np_live_x", "balance")), http.StatusTooManyRequests, limited, "ip")
			return wrong
		})
	})
}

// Whoever is not trusted can write into X-Forwarded-For what they like: their
// connection's address counts.
func TestForwardedHeaderOfAStrangerChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	served := w.serve("NOTPANEL_LIMIT_IP=5", "NOTPANEL_TRUSTED_PROXIES=127.9.0.0/16")
	withinAMinute(t, func(n int) []string {
		stranger, wrong := served.from(fmt.Sprintf("127.1.%d.1", n)), expectations{}
		for i := range 5 {
			wrong.is("a guess", stranger.forwarded(form("x", "balance"), fmt.Sprintf("203.0.113.%d", i), "127.9.0.1"), http.StatusBadRequest, unknown, "")
		}
		wrong.is("guess 6", stranger.forwarded(form("x", "balance"), "203.0.113.99"), http.StatusTooManyRequests, limited, "ip")
		return wrong
	})
	if told := strings.Count(served.stderr.String(), "NOTPANEL_TRUSTED_PROXIES"); told != 1 {
		t.Errorf("a proxy that may have been forgotten was told of %d times, want once", told)
	}
}

// Behind a trusted proxy each client has a limit of its own: the one that the
// proxy names, not the one that the client says it is.
func TestClientsBehindATrustedProxyHaveTheirOwnLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	served := w.serve("NOTPANEL_LIMIT_IP=5", "NOTPANEL_TRUSTED_PROXIES=127.9.0.0/16")
	proxy := served.from("127.9.0.1")
	withinAMinute(t, func(n int) []string {
		wrong, client := expectations{}, fmt.Sprintf("203.0.113.%d", n)
		for i := range 5 {
			wrong.is("a guess", proxy.forwarded(form("x", "balance"), fmt.Sprintf("192.0.2.%d, %s", i, client)), http.StatusBadRequest, unknown, "")
		}
		wrong.is("guess 6", proxy.forwarded(form("x", "balance"), "192.0.2.99, "+client), http.StatusTooManyRequests, limited, "ip")
		wrong.is("on lines of their own", proxy.forwarded(form("x", "balance"), "192.0.2.99", client, "127.9.0.2"), http.StatusTooManyRequests, limited, "ip")
		wrong.is("through another proxy", served.from("127.9.0.2").forwarded(form("x", "balance"), client), http.StatusTooManyRequests, limited, "ip")
		wrong.is("another client", proxy.forwarded(form("x", "balance"), fmt.Sprintf("%s, 198.51.100.%d", client, n)), http.StatusBadRequest, unknown, "")
		return wrong
	})
	if strings.Contains(served.stderr.String(), "X-Forwarded-For is ignored") {
		t.Error("a trusted proxy is told of as forgotten")
	}
}

// A key has its limit and all live keys of an account the tier's; what is refused
// by one is not counted by the other. The headers are spelled as documented.
func TestKeysAndTiersHaveTheirLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	served := w.serve("NOTPANEL_LIMIT_KEY=3", "NOTPANEL_LIMIT_TIERS=standard=4,reseller=1200,agency=6000", "NOTPANEL_LIMIT_NETWORKS=127.0.0.0/8=0")
	withinAMinute(t, func(int) []string {
		c, other, wrong := w.customer(money.Unit), w.customer(money.Unit), expectations{}
		for i := range 3 {
			a := served.call(form(c.key, "services"))
			wrong.is("services", a, http.StatusOK, "", "")
			for name, want := range map[string]string{
				"Limit": "3", "Remaining": strconv.Itoa(2 - i), "Tier-Remaining": strconv.Itoa(3 - i),
			} {
				if got := a.header.Get("X-RateLimit-" + name); got != want {
					wrong = append(wrong, fmt.Sprintf("X-RateLimit-%s is %s, want %s", name, got, want))
				}
			}
		}
		wrong.is("services again", served.call(form(c.key, "services")), http.StatusTooManyRequests, limited, "key")
		wrong.is("the balance", served.call(form(c.key, "balance")), http.StatusOK, "", "")
		wrong.is("its test key", served.call(form(c.testKey, "services")), http.StatusOK, "", "")
		wrong.is("another account", served.call(form(other.key, "services")), http.StatusOK, "", "")
		if raw := served.raw(form(c.key, "services").Encode()); !strings.Contains(raw, "\r\nX-RateLimit-DeniedBy: key\r\n") {
			wrong = append(wrong, "headers are spelled otherwise: "+raw)
		}
		return wrong
	})
}

// raw sends a form over a connection of its own and returns all that comes back.
func (n *panel) raw(body string) string {
	n.t.Helper()
	connection := n.dial()
	_, err := fmt.Fprintf(connection, "POST /api/v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	must(n.t, err)
	return readAll(n.t, connection)
}

func (n *panel) dial() net.Conn {
	n.t.Helper()
	var dialer net.Dialer
	connection, err := dialer.DialContext(n.t.Context(), "tcp", strings.TrimPrefix(n.url, "http://"))
	must(n.t, err)
	n.t.Cleanup(func() { _ = connection.Close() })
	must(n.t, connection.SetDeadline(time.Now().Add(within)))
	return connection
}

func readAll(t testing.TB, from io.Reader) string {
	t.Helper()
	all, err := io.ReadAll(from)
	must(t, err)
	return string(all)
}

// asks sends a form over a connection that stays open and returns the status.
func asks(t testing.TB, connection net.Conn, body string) int {
	t.Helper()
	_, err := fmt.Fprintf(connection, "POST /api/v2 HTTP/1.1\r\nHost: localhost\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	must(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	must(t, err)
	_ = readAll(t, response.Body)
	must(t, response.Body.Close())
	return response.StatusCode
}

// A denied address that sends its body slowly is not waited for: it is answered
// after two seconds and hung up on. One that sends what it has keeps its connection.
func TestDeniedAddressIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	served := w.serve("NOTPANEL_LIMIT_IP=1")
	withinAMinute(t, func(int) []string {
		wrong := expectations{}
		served.call(form("x", "balance"))
		kept := served.dial()
		if status := asks(t, kept, "action=balance"); status != http.StatusTooManyRequests {
			wrong = append(wrong, fmt.Sprintf("status %d before", status))
		}
		connection, begun := served.dial(), time.Now()
		_, err := io.WriteString(connection, "POST /api/v2 HTTP/1.1\r\nHost: localhost\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\naction=status&order=1")
		must(t, err)
		said := readAll(t, connection)
		if !strings.HasPrefix(said, "HTTP/1.1 429 ") || !strings.HasSuffix(said, "\r\n\r\nRate limit exceeded") {
			wrong = append(wrong, "the answer is "+said)
		}
		// Well below the 15 s that other requests have.
		if took := time.Since(begun); took > 10*time.Second {
			wrong = append(wrong, fmt.Sprintf("it took %s", took))
		}
		if status := asks(t, kept, "action=balance"); status != http.StatusTooManyRequests {
			wrong = append(wrong, fmt.Sprintf("status %d after", status))
		}
		return wrong
	})
}

// A limit that can't be meant is refused at the start, by its name.
func TestLimitsThatCannotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for _, setting := range []string{
		"NOTPANEL_LIMIT_IP=-1", "NOTPANEL_LIMIT_IP=many", "NOTPANEL_LIMIT_KEY=1.5", "NOTPANEL_LIMIT_TIERS=standard=300",
		"NOTPANEL_LIMIT_TIERS=standard=1,reseller=1,agency=1,gold=1", "NOTPANEL_LIMIT_NETWORKS=203.0.113.0/24", "NOTPANEL_LIMIT_NETWORKS=here=1",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(setting, "=")
			for _, command := range []string{"serve", "demo"} {
				p := start(t, launch{args: []string{command}, env: w.env("NOTPANEL_OPS_LISTEN=", setting)})
				if code := p.wait(); code == 0 || !strings.Contains(p.stderr.String(), name) {
					t.Errorf("%s: exit code %d, %s\nwant a refusal that names %s", command, code, p.stderr, name)
				}
			}
		})
	}
}
