package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

const (
	key  = "sim-key"
	pace = 6 * time.Second
)

// hands is a clock that stands still until it is moved.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func newHands() *hands {
	return &hands{now: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)}
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// signals is a log that sends each message to a channel.
type signals chan string

func (c signals) Enabled(context.Context, slog.Level) bool { return true }
func (c signals) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c signals) WithGroup(string) slog.Handler            { return c }

func (c signals) Handle(_ context.Context, r slog.Record) error {
	select {
	case c <- r.Message:
	default:
	}
	return nil
}

func (c signals) await(t *testing.T, message string) {
	t.Helper()
	for {
		select {
		case got := <-c:
			if got == message {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("%q was never logged", message)
		}
	}
}

// provider is a simulator behind a real server.
type provider struct {
	*simulator.Simulator
	clock *hands
	logs  signals
	url   string
	http  *http.Client
}

func setup(t *testing.T) *provider { return setupIn(t, "", newHands()) }

func setupIn(t *testing.T, dir string, clock *hands) *provider {
	t.Helper()
	return setupWith(t, clock, simulator.Options{Dir: dir})
}

// setupWith adds what every provider of these tests has to o.
func setupWith(t *testing.T, clock *hands, o simulator.Options) *provider {
	t.Helper()
	logs := make(signals, 64)
	o.Key, o.Pace, o.Clock, o.Log = key, pace, clock.Now, slog.New(logs)
	sim, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return &provider{Simulator: sim, clock: clock, logs: logs, url: server.URL, http: server.Client()}
}

// answer is an HTTP answer that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *provider) post(t *testing.T, path, contentType, body string) answer {
	t.Helper()
	return p.do(t, http.MethodPost, path, contentType, body)
}

func (p *provider) do(t *testing.T, method, path, contentType, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return answer{status: resp.StatusCode, header: resp.Header, body: read(t, resp.Body)}
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const urlencoded = "application/x-www-form-urlencoded"

// call sends parameters as a classic client does and returns the body.
func (p *provider) call(t *testing.T, query string) string {
	t.Helper()
	return p.post(t, "/api/v2", urlencoded, "key="+key+"&"+query).body
}

// expect calls and compares byte for byte.
func (p *provider) expect(t *testing.T, query, want string) {
	t.Helper()
	if got := p.call(t, query); got != want {
		t.Errorf("%s\n got %s\nwant %s", query, got, want)
	}
}

// order is the query of an add.
func order(service, quantity int, fragment string) string {
	return url.Values{
		"action": {"add"}, "service": {strconv.Itoa(service)}, "quantity": {strconv.Itoa(quantity)},
		"link": {"https://example.com/page" + fragment},
	}.Encode()
}

func TestAnswersAreClassicToTheByte(t *testing.T) {
	t.Parallel()
	p := setup(t)
	steps := []struct{ query, want string }{
		{"action=balance", `{"balance":"1000.00","currency":"USD"}`},
		{order(101, 1001, ""), `{"order":23501}`},
		{order(104, 300, "#sim=partial:40"), `{"order":23502}`},
		{"action=status&order=23501", `{"charge":"0.35035","start_count":"0","status":"Pending","remains":"1001","currency":"USD"}`},
		{
			"action=status&orders=23502,7,abc,23501,7",
			`{"23502":{"charge":"3.60","start_count":"0","status":"Pending","remains":"300","currency":"USD"},` +
				`"7":{"error":"Incorrect order ID"},"abc":{"error":"Incorrect order ID"},` +
				`"23501":{"charge":"0.35035","start_count":"0","status":"Pending","remains":"1001","currency":"USD"}}`,
		},
		{"action=status&orders=+23502+", `{"23502":{"charge":"3.60","start_count":"0","status":"Pending","remains":"300","currency":"USD"}}`},
		{"action=status&order=7,8", `{"7":{"error":"Incorrect order ID"},"8":{"error":"Incorrect order ID"}}`},
		{"action=status&order=7", `{"error":"Incorrect order ID"}`},
		{"action=cancel&orders=9,23501,x,9", `[{"order":9,"cancel":{"error":"Incorrect order ID"}},{"order":23501,"cancel":1},{"order":"x","cancel":{"error":"Incorrect order ID"}}]`},
		{"action=cancel&order=23501", `{"error":"Order cannot be canceled"}`},
		{"action=cancel&order=23502", `{"cancel":1}`},
		{"action=status&order=23501", `{"charge":"0.00","start_count":"0","status":"Canceled","remains":"1001","currency":"USD"}`},
		{"action=balance", `{"balance":"1000.00","currency":"USD"}`},
		{"action=refill&order=23501", `{"error":"Order cannot be refilled: the service has no refill"}`},
		{"action=", `{"error":"Incorrect request"}`},
		{"action=status", `{"error":"Incorrect request"}`},
		{"action=cancel&orders=,", `{"error":"Incorrect request"}`},
	}
	for _, step := range steps {
		p.expect(t, step.query, step.want)
	}
}

func TestServicesToTheByte(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/services.json")
	if err != nil {
		t.Fatal(err)
	}
	setup(t).expect(t, "action=services", strings.TrimSuffix(string(want), "\n"))
}

func TestAnswerHeaders(t *testing.T) {
	t.Parallel()
	a := setup(t).post(t, "/api/v2/", urlencoded, "key="+key+"&action=balance")
	if a.status != http.StatusOK || a.body != `{"balance":"1000.00","currency":"USD"}` {
		t.Errorf("with a slash at the end: %d %s", a.status, a.body)
	}
	want := map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "Content-Length": strconv.Itoa(len(a.body)),
	}
	for name, value := range want {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestOrderIsValidated(t *testing.T) {
	t.Parallel()
	const max63 = "9223372036854775808"
	cases := []struct{ name, query, want string }{
		{"unknown service", order(100, 1000, ""), "Incorrect service ID"},
		{"service in words", "action=add&service=first&quantity=1000&link=https://example.com", "Incorrect service ID"},
		{"no service", "action=add&quantity=1000&link=https://example.com", "Incorrect service ID"},
		{"too few", order(101, 999, ""), "Quantity less than minimal 1000"},
		{"too many", order(101, 1_000_001, ""), "Quantity more than maximum 1000000"},
		{"negative", order(101, -5, ""), "Quantity less than minimal 1000"},
		{"beyond 63 bits", "action=add&service=101&link=https://example.com&quantity=" + max63, "Quantity more than maximum 1000000"},
		{"below -63 bits", "action=add&service=101&link=https://example.com&quantity=-9" + max63, "Quantity less than minimal 1000"},
		{"quantity in words", "action=add&service=101&link=https://example.com&quantity=undefined", "Quantity less than minimal 1000"},
		{"no link", "action=add&service=101&quantity=1000", "Bad link"},
		{"blank link", "action=add&service=101&quantity=1000&link=+", "Bad link"},
	}
	p := setup(t)
	for _, c := range cases {
		if got, want := p.call(t, c.query), `{"error":"`+c.want+`"}`; got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
	}
	if n := len(p.Orders()); n != 0 {
		t.Errorf("%d orders are held", n)
	}
}

func TestKeyIsRequired(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, body := range []string{"", "action=balance", "action=balance&key=", "action=balance&key=" + key + "x"} {
		if got := p.post(t, "/api/v2", urlencoded, body).body; got != `{"error":"Invalid API key"}` {
			t.Errorf("%q: %s", body, got)
		}
	}
	if got := p.post(t, "/api/v2?key="+key, urlencoded, "action=balance").body; got != `{"error":"Invalid API key"}` {
		t.Errorf("the key counts in the query: %s", got)
	}
	if _, err := simulator.New(simulator.Options{}); err == nil {
		t.Error("a simulator without a key")
	}
}

func TestOnlyPostReachesTheAPI(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		a := p.do(t, method, "/api/v2?key="+key+"&"+order(101, 1000, ""), "", "")
		if a.status != http.StatusOK || a.body != `{"error":"Incorrect request"}` {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	if n := len(p.Orders()); n != 0 {
		t.Errorf("%d orders are held", n)
	}
}

func TestMultipartBodyIsRead(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, value := range map[string]string{"key": key, "action": "balance"} {
		if err := m.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	got := setup(t).post(t, "/api/v2", m.FormDataContentType(), body.String()).body
	if got != `{"balance":"1000.00","currency":"USD"}` {
		t.Error(got)
	}
}

func TestHostileBodiesAreRefused(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, contentType, body, want string }{
		{"broken escape", urlencoded, "key=" + key + "&action=%zz", "Incorrect request"},
		{"larger than 1 MiB", urlencoded, "key=" + key + "&action=add&link=" + strings.Repeat("a", 1<<20), "Incorrect request"},
		{"multipart without boundary", "multipart/form-data", "x", "Incorrect request"},
		{"multipart cut short", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n" + key, "Incorrect request"},
		{"unknown type", "text/plain", "key=" + key, "Invalid API key"},
		{"no type", "", "key=" + key, "Invalid API key"},
		{"101 orders", urlencoded, "key=" + key + "&action=status&orders=" + numbers(101), "Incorrect request"},
		{"101 cancels", urlencoded, "key=" + key + "&action=cancel&orders=" + numbers(101), "Incorrect request"},
		{"id beyond 63 bits", urlencoded, "key=" + key + "&action=status&order=99999999999999999999", "Incorrect order ID"},
		{"id with quotes", urlencoded, "key=" + key + "&action=status&order=%22%00%ff", "Incorrect order ID"},
	}
	p := setup(t)
	for _, c := range cases {
		a := p.post(t, "/api/v2", c.contentType, c.body)
		if a.status != http.StatusOK || a.body != `{"error":"`+c.want+`"}` {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	batch := p.call(t, "action=status&orders="+url.QueryEscape("\"\x00\xff,</script>,\u2028"))
	if !json.Valid([]byte(batch)) {
		t.Errorf("not JSON: %s", batch)
	}
	if got := p.call(t, "action=status&orders="+numbers(100)); strings.Count(got, "Incorrect order ID") != 100 {
		t.Errorf("100 orders: %s", got)
	}
}

func numbers(n int) string {
	list := make([]string, 0, n)
	for i := range n {
		list = append(list, strconv.Itoa(i+1))
	}
	return strings.Join(list, ",")
}

// A status poll is counted, so that a test can see who asked how often.
func TestHeldOrdersAreListed(t *testing.T) {
	t.Parallel()
	p := setup(t)
	if got := p.do(t, http.MethodGet, "/sim/orders", "", "").body; got != `[]` {
		t.Errorf("empty: %s", got)
	}
	p.call(t, order(103, 500, "?a=1&b=2#sim=partial:50"))
	p.call(t, "action=status&order=23501")
	p.call(t, "action=cancel&order=23501")
	p.clock.advance(pace)
	want := `[{"order":23501,"service":103,"link":"https://example.com/page?a=1&b=2#sim=partial:50","quantity":500,` +
		`"status":"Partial","charge":"1.125","start_count":24985,"remains":250,"accepted":"2026-03-01T12:00:00.123456Z","requests":3}]`
	a := p.do(t, http.MethodGet, "/sim/orders", "", "")
	if a.body != want || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s\n got %s\nwant %s", a.header.Get("Content-Type"), a.body, want)
	}
}

// What an order has beside the common is listed with it.
func TestHeldOrdersAreListedWithAllTheyHave(t *testing.T) {
	t.Parallel()
	p := setupWith(t, newHands(), simulator.Options{NativeKey: nativeKey})
	p.placed(t, adding("127", "username", "trade-weekly#sim=stop:1", "min", "50", "max", "50", "delay", "0", "posts", "2")+"&request_id=shop-1")
	p.clock.advance(pace)
	p.call(t, "action=refill&order=23502")
	want := `[{"order":23501,"service":127,"link":"","quantity":100,"status":"Canceled","charge":"0.125","start_count":24985,"remains":50,` +
		`"accepted":"2026-03-01T12:00:00.123456Z","requests":1,"request_id":"shop-1",` +
		`"fields":{"delay":"0","max":"50","min":"50","posts":"2","username":"trade-weekly#sim=stop:1"},"parts":[23502]},` +
		`{"order":23502,"service":127,"link":"","quantity":50,"status":"Completed","charge":"0.125","start_count":24992,"remains":0,` +
		`"accepted":"2026-03-01T12:00:02.123456Z","requests":1,"parent":23501,` +
		`"refills":[{"refill":901,"status":"Pending","asked":"2026-03-01T12:00:06.123456Z"}]}]`
	if got := p.do(t, http.MethodGet, "/sim/orders", "", "").body; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestOtherPaths(t *testing.T) {
	t.Parallel()
	p := setup(t)
	cases := []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/", http.StatusOK},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodPost, "/sim/orders", http.StatusMethodNotAllowed},
		{http.MethodGet, "/elsewhere", http.StatusNotFound},
	}
	for _, c := range cases {
		if a := p.do(t, c.method, c.path, "", ""); a.status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	if body := p.do(t, http.MethodGet, "/", "", "").body; strings.Count(body, "\n") != 2 {
		t.Errorf("about: %q", body)
	}
}

func TestClosedSimulatorAcceptsNothing(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a := p.post(t, "/api/v2", urlencoded, "key="+key+"&"+order(101, 1000, ""))
	if a.status != http.StatusServiceUnavailable || len(p.Orders()) != 0 {
		t.Errorf("%d, %d orders", a.status, len(p.Orders()))
	}
}
