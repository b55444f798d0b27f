//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// panel is a serving process.
type panel struct {
	*process

	url, ops string
	client   *http.Client
}

// serve starts a panel on a free port and waits until it serves. Calls to
// providers end after 3 s there, unless env says otherwise.
func (w *world) serve(env ...string) *panel {
	w.t.Helper()
	return serving(w.t, w.begin(env...))
}

// begin is serve without the wait.
func (w *world) begin(env ...string) *process {
	w.t.Helper()
	all := w.env(append([]string{
		"NOTPANEL_LISTEN=127.0.0.1:0", "NOTPANEL_OPS_LISTEN=127.0.0.1:0", "NOTPANEL_PROVIDER_TIMEOUT=3s",
	}, env...)...)
	return start(w.t, launch{args: []string{"serve"}, env: all})
}

// serving waits for the line that says where a panel serves.
func serving(t testing.TB, p *process) *panel {
	t.Helper()
	n := &panel{process: p, client: newClient(t)}
	eventually(t, "the panel serves", func() bool {
		for _, line := range p.stderr.lines() {
			var said struct {
				Msg, URL string
				OpsURL   string `json:"ops_url"`
			}
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "serving" {
				n.url, n.ops = said.URL, said.OpsURL
				return true
			}
		}
		if !p.running() {
			t.Fatalf("the panel did not start: %v", p.exit)
		}
		return false
	})
	return n
}

// newClient returns a client that waits for no free connection: calls that are
// to arrive together do.
func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// form makes the fields of a request; fields are pairs of a name and a value.
func form(key, action string, fields ...string) url.Values {
	values := url.Values{"key": {key}, "action": {action}}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return values
}

// adding makes the fields of an order for the service that most tests use.
func adding(key string, from *source, requestID, link string, more ...string) url.Values {
	return form(key, "add", append([]string{
		"service", from.service(), "quantity", strconv.Itoa(quantity), "request_id", requestID, "link", link,
	}, more...)...)
}

// try makes a call that may fail, for what happens while the panel dies.
func (n *panel) try(ctx context.Context, fields url.Values) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/api/v2", strings.NewReader(fields.Encode()))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return n.do(request)
}

// do sends any request.
func (n *panel) do(request *http.Request) (answer, error) {
	response, err := n.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// call makes a call that gets an answer.
func (n *panel) call(fields url.Values) answer {
	n.t.Helper()
	a, err := n.try(n.t.Context(), fields)
	must(n.t, err)
	return a
}

// placed is the answer to an order that was placed.
type placed struct{ Order, Status, Charge, Currency, Error string }

// place places an order. As clients do, it asks again under the same request id where a
// panel that is busy tells it to.
func (n *panel) place(fields url.Values) placed {
	n.t.Helper()
	a := n.call(fields)
	for again := 0; a.status == http.StatusServiceUnavailable && fields.Get("request_id") != "" && again < 3; again++ {
		n.t.Logf("add of %s: status %d, %s; it is asked for again", fields.Get("request_id"), a.status, a.body)
		a = n.call(fields)
	}
	p := decode[placed](n.t, a.body)
	if a.status != http.StatusOK || p.Order == "" {
		n.t.Fatalf("add: status %d, %s", a.status, a.body)
	}
	return p
}

// refuses fails the test unless the call is refused in exactly these words.
func (n *panel) refuses(fields url.Values, status int, text string) {
	n.t.Helper()
	if got := n.call(fields); got.status != status || got.body != `{"error":"`+text+`"}` {
		n.t.Errorf("%s: status %d, %s\nwant %d, %s", fields.Get("action"), got.status, got.body, status, text)
	}
}

// balance asks for the balance as a customer does.
func (n *panel) balance(key string) string {
	n.t.Helper()
	return decode[struct{ Balance string }](n.t, n.call(form(key, "balance")).body).Balance
}

// together runs calls at the same moment and returns when all have ended.
func together(calls ...func()) {
	gate, done := make(chan struct{}), make(chan struct{})
	for _, one := range calls {
		go func() {
			<-gate
			one()
			done <- struct{}{}
		}()
	}
	close(gate)
	for range calls {
		<-done
	}
}
