package simulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

const nativeKey = "sim-native-key"

// Ids with the number of the first order and another time, and with a number
// below zero.
const (
	otherTime = "ord_01KJM8GC7B0000000000000PYD"
	negative  = "ord_01KJM8GC7BZZZZZZZZZZZZZZZZ"
)

func setupNative(t *testing.T) *provider {
	t.Helper()
	return setupWith(t, newHands(), simulator.Options{NativeKey: nativeKey})
}

// ask sends a native request and compares status and body.
func (p *provider) ask(t *testing.T, query string, status int, want string) {
	t.Helper()
	a := p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&"+query)
	if a.status != status || a.body != want {
		t.Errorf("%s\n got %d %s\nwant %d %s", query, a.status, a.body, status, want)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: %s", query, got)
	}
}

// placed sends an add that is answered, and returns the order's id.
func (p *provider) placed(t *testing.T, query string) string {
	t.Helper()
	a := p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&"+query)
	var answer struct{ Order string }
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || a.status != http.StatusOK || !id.Valid(id.Order, answer.Order) {
		t.Fatalf("%s: %d %s", query, a.status, a.body)
	}
	return answer.Order
}

func TestNativeLifeOfAnOrder(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	p.ask(t, "action=balance", 200, `{"balance":"1000.00","currency":"USD"}`)
	o := p.placed(t, order(113, 1000, "#sim=partial:40")+"&request_id=a")
	if at, _ := id.Time(id.Order, o); !at.Equal(p.Orders()[0].Accepted.Truncate(time.Millisecond)) || o != p.Orders()[0].NativeID {
		t.Errorf("%s is of %s", o, at)
	}
	p.ask(t, order(113, 1000, "#sim=partial:40")+"&request_id=a", 200, `{"order":"`+o+`","status":"pending","charge":"0.60","currency":"USD"}`)
	p.ask(t, "action=status&order="+o, 200, `{"status":"pending","charge":"0.60","start_count":null,"remains":null,"currency":"USD"}`)
	p.clock.advance(3500 * time.Millisecond)
	p.ask(t, "action=status&order=23501", 200, `{"status":"in_progress","charge":"0.60","start_count":"24985","remains":"800","currency":"USD"}`)
	p.clock.advance(pace)
	p.ask(t, "action=status&orders="+o+",23501,x,"+o, 200, `{"`+o+`":{"status":"partial","charge":"0.24","start_count":"24985","remains":"600","currency":"USD"},`+
		`"23501":{"status":"partial","charge":"0.24","start_count":"24985","remains":"600","currency":"USD"},"x":{"error":"Order not found"}}`)
	p.ask(t, order(113, 1000, "#sim=partial:40")+"&request_id=a", 200, `{"order":"`+o+`","status":"pending","charge":"0.60","currency":"USD"}`)
	for _, by := range []string{"order=" + o, "request_id=a"} {
		p.ask(t, "action=order&"+by, 200, `{"order":"`+o+`","number":23501,"request_id":"a","service":113,"link":"https://example.com/page#sim=partial:40",`+
			`"status":"partial","charge":"0.24","start_count":"24985","remains":"600","currency":"USD"}`)
	}
	// The other key is of the same account.
	p.expect(t, "action=status&order=23501", `{"charge":"0.24","start_count":"24985","status":"Partial","remains":"600","currency":"USD"}`)
	p.expect(t, "action=status&order="+o, `{"charge":"0.24","start_count":"24985","status":"Partial","remains":"600","currency":"USD"}`)
}

func TestNativeRefusals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	cases := []struct {
		query  string
		status int
		text   string
	}{
		{"", 400, "Missing required parameter: action"},
		{"action=refil", 400, "Unknown action: refil. Available actions: services, add, status, refill, refill_status, cancel, balance, order"},
		{"action=" + long, 400, "Unknown action: " + long[:64] + ". Available actions: services, add, status, refill, refill_status, cancel, balance, order"},
		{"action=add", 400, "Missing required parameter: service"},
		{order(101, 1000, ""), 400, "Missing required parameter: request_id"},
		{order(101, 1000, "") + "&request_id=" + long, 400, "request_id must have 1 to 128 printable ASCII characters without spaces"},
		{order(101, 1000, "") + "&request_id=a%20b", 400, "request_id must have 1 to 128 printable ASCII characters without spaces"},
		{order(100, 1000, "") + "&request_id=b", 400, "Service not found"},
		{adding("101", "link", "") + "&request_id=b", 400, "Missing required parameter: link"},
		{adding("101", "link", "ftp://example.com", "quantity", "1000") + "&request_id=b", 400, "link must be an http or https URL"},
		{order(101, 1000, "?"+strings.Repeat("x", 1000)) + "&request_id=b", 400, "link must have at most 1000 characters"},
		{adding("101") + "&request_id=b", 400, "Missing required parameter: quantity"},
		{order(101, 999, "") + "&request_id=b", 400, "quantity must be between 1000 and 1000000"},
		{order(101, 1000, "") + "&request_id=b&runs=2", 400, "runs is not available for this service"},
		{order(113, 100, "") + "&request_id=b&runs=1", 400, "runs must be between 2 and 1000"},
		{order(113, 100, "") + "&request_id=b&runs=2", 400, "Missing required parameter: interval"},
		{adding("116") + "&request_id=b", 400, "Missing required parameter: comments"},
		{adding("125", "quantity", "10", "answer_number", "x") + "&request_id=b", 400, "answer_number is not valid"},
		{subscribing("a", "posts", "") + "&request_id=b", 400, "Missing required parameter: posts"},
		{subscribing("a", "posts", "0") + "&request_id=b", 400, "posts must be between 1 and 1000"},
		{order(105, 10_000, "") + "&request_id=ok", 200, ""},
		{order(105, 10_000, "") + "&request_id=ok2", 200, ""},
		{order(105, 10_000, "") + "&request_id=ok3", 200, ""},
		{order(105, 10_000, "") + "&request_id=ok4", 200, ""},
		{order(105, 10_000, "") + "&request_id=b", 400, "Insufficient balance"},
		{order(105, 10_000, "?other") + "&request_id=ok", 400, "request_id was already used with different parameters"},
		{order(100, 10_000, "") + "&request_id=ok", 400, "request_id was already used with different parameters"},
		{order(101, 1000, "#sim=refuse") + "&request_id=b", 400, "link must be an http or https URL"},
		{order(101, 1000, "#sim=refuse-unknown") + "&request_id=b", 400, "Order declined by policy desk 7"},
		{order(101, 1000, "#sim=no-funds") + "&request_id=b", 400, "Insufficient balance"},
		{order(101, 1000, "#sim=suspended") + "&request_id=b", 403, "Account suspended"},
		{order(101, 1000, "#sim=refuse-later") + "&request_id=b", 429, "Rate limit exceeded"},
		{order(105, 300, "#sim=500-json-accepted") + "&request_id=b", 400, "Insufficient balance"},
		{"action=status", 400, "Missing required parameter: order"},
		{"action=status&order=1&orders=2", 400, "Send order or orders, not both"},
		{"action=status&order=1", 400, "Order not found"},
		{"action=status&order=" + negative, 400, "Order not found"},
		{"action=status&order=" + otherTime, 400, "Order not found"},
		{"action=status&orders=" + numbers(101), 400, "orders must have at most 100 ids"},
		{"action=order", 400, "Missing required parameter: order"},
		{"action=order&order=1&request_id=ok", 400, "Send order or request_id, not both"},
		{"action=order&request_id=b", 400, "Order not found"},
		{"action=cancel&order=1", 400, "Order not found"},
		{"action=cancel&order=23501", 400, "Order cannot be canceled"},
		{"action=refill&order=23501", 400, "Refill not available: the service has no refill"},
		{"action=refill_status", 400, "Missing required parameter: refill"},
		{"action=refill_status&refill=901", 400, "Refill not found"},
	}
	p := setupNative(t)
	for _, c := range cases {
		if c.status == http.StatusOK {
			p.placed(t, c.query)
			continue
		}
		p.ask(t, c.query, c.status, `{"error":"`+c.text+`"}`)
	}
	if n := len(p.Orders()); n != 4 {
		t.Errorf("%d orders are held", n)
	}
	a := p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&request_id=c&"+order(101, 1000, "#sim=refuse-later"))
	if a.header.Get("X-RateLimit-DeniedBy") != "key" || a.header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.header)
	}
}

// The native dialect takes a form with the key in it, and nothing else.
func TestNativeRequests(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	a := p.do(t, http.MethodGet, "/api/v2?action=balance&key="+nativeKey, "", "")
	if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" || a.body != `{"error":"Method not allowed: use POST"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = p.post(t, "/api/v2", "application/json", `{"key":"`+nativeKey+`","action":"balance"}`)
	if a.status != http.StatusBadRequest || a.body != `{"error":"Content-Type must be application/x-www-form-urlencoded or multipart/form-data"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = p.post(t, "/api/v2?key="+nativeKey, urlencoded, "action=balance")
	if a.status != http.StatusBadRequest || a.body != `{"error":"Send the key in the body, never in the URL"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// The answers that leave an order, each followed by a repeat that finds it: one
// order, one charge, the same answer.
func TestNativeRepeatSettlesEveryOutcome(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"timeout-accepted", "timeout-lost", "500-accepted", "500-json-accepted", "garbage", "drop-body", "id-and-error",
		"no-id", "empty", "redirect", "dup-id", "string-id", "created",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			p := setupNative(t)
			p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			query := order(113, 1000, "#sim="+words) + "&request_id=a"
			p.abandon(t, query, strings.HasPrefix(words, "timeout"))
			first := p.placed(t, query)
			if again := p.placed(t, query); again != first || len(p.Orders()) != 1 {
				t.Errorf("%s, then %s, %d orders", first, again, len(p.Orders()))
			}
			p.ask(t, "action=balance", 200, `{"balance":"999.40","currency":"USD"}`)
		})
	}
}

// abandon sends an add whose answer nobody reads; one that is withheld is left.
func (p *provider) abandon(t *testing.T, query string, withheld bool) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/api/v2", strings.NewReader("key="+nativeKey+"&"+query))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", urlencoded)
		if resp, err := p.http.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	if withheld {
		p.logs.await(t, "answer withheld")
		leave()
	}
	<-ended
}

// Equal requests at the same moment are one order.
func TestNativeRequestIDAtTheSameMoment(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	answers := make([]string, 16)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			answers[i] = p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&request_id=a&"+order(101, 1000, "")).body
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, `{"order":"ord_`) {
			t.Errorf("%s, the first %s", a, answers[0])
		}
	}
	if n := len(p.Orders()); n != 1 {
		t.Errorf("%d orders are held", n)
	}
}

func TestNativeCancelsAndRefills(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	a := p.placed(t, order(113, 1000, "")+"&request_id=a")
	b := p.placed(t, order(113, 1000, "#sim=refill-reject")+"&request_id=b")
	p.ask(t, "action=cancel&order="+a, 200, `{"cancel":"`+a+`"}`)
	p.ask(t, "action=cancel&orders="+a+",7", 200, `[{"order":"`+a+`","error":"Order cannot be canceled"},{"order":"7","error":"Order not found"}]`)
	c := p.placed(t, order(113, 1000, "")+"&request_id=c")
	p.ask(t, "action=cancel&orders="+c, 200, `[{"order":"`+c+`","cancel":true}]`)
	p.ask(t, "action=status&order="+c, 200, `{"status":"canceled","charge":"0.00","start_count":null,"remains":"1000","currency":"USD"}`)
	p.clock.advance(pace)
	rows := p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&action=refill&orders="+b+","+a).body
	f := p.Orders()[1].Refills[0].NativeID
	if rows != `[{"order":"`+b+`","refill":"`+f+`"},{"order":"`+a+`","error":"Refill not available: the order is not completed"}]` {
		t.Error(rows)
	}
	p.ask(t, "action=refill_status&refill="+f, 200, `{"status":"pending"}`)
	p.clock.advance(pace / 2)
	p.ask(t, "action=refill_status&refill=901", 200, `{"status":"in_progress"}`)
	p.clock.advance(pace)
	p.ask(t, "action=refill_status&refills="+f+",x", 200, `[{"refill":"`+f+`","status":"rejected"},{"refill":"x","error":"Refill not found"}]`)
	got := p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&action=refill&order="+b).body
	if got != `{"refill":"`+p.Orders()[1].Refills[1].NativeID+`"}` {
		t.Error(got)
	}
}

// The words of a link mean the same in both dialects.
func TestNativeLastWords(t *testing.T) {
	t.Parallel()
	cases := []struct {
		words  string
		status int
		want   string
	}{
		{"fail", 200, `{"status":"failed","charge":"0.00","start_count":"24985","remains":"1000","currency":"USD"}`},
		{"word:In%20Review", 200, `{"status":"in_review","charge":"0.60","start_count":"24985","remains":"0","currency":"USD"}`},
		{"cancel-at:40,charge:full", 200, `{"status":"canceled","charge":"0.60","start_count":"24985","remains":"600","currency":"USD"}`},
		{"numbers,start:null,remains:-7", 200, `{"status":"completed","charge":0.60,"start_count":null,"remains":-7,"currency":"USD"}`},
		{"forgotten", 400, `{"error":"Order not found"}`},
	}
	for _, c := range cases {
		p := setupNative(t)
		o := p.placed(t, order(113, 1000, "#sim="+c.words)+"&request_id=a")
		p.clock.advance(pace)
		p.ask(t, "action=status&order="+o, c.status, c.want)
	}
}

// What is lost so many times is taken in the end, under the same request id.
func TestNativeLostMoreThanOnce(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	query := order(113, 1000, "#sim=timeout-lost:2") + "&request_id=a"
	for range 2 {
		p.abandon(t, query, true)
		p.ask(t, "action=order&request_id=a", 400, `{"error":"Order not found"}`)
	}
	p.placed(t, query)
}

// A subscription and a drip-feed name their parts by native ids, which answer
// alone.
func TestNativeParts(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	s := p.placed(t, subscribing("trade-weekly")+"&request_id=a")
	d := p.placed(t, adding("113", "quantity", "100", "runs", "2", "interval", "5")+"&request_id=b")
	p.clock.advance(pace)
	all := p.Orders()
	p.ask(t, "action=status&order="+s, 200, `{"status":"completed","charge":"0.2675","start_count":"24985","remains":"0","currency":"USD","posts":"2","orders":["`+
		all[1].NativeID+`","`+all[2].NativeID+`"],"expiry":""}`)
	p.ask(t, "action=status&order="+d, 200, `{"status":"completed","charge":"0.12","start_count":"25006","remains":"0","currency":"USD","runs":"2","orders":["`+
		all[4].NativeID+`","`+all[5].NativeID+`"]}`)
	p.ask(t, "action=status&order="+all[5].NativeID, 200, `{"status":"completed","charge":"0.06","start_count":"25020","remains":"0","currency":"USD"}`)
	p.ask(t, "action=cancel&order="+all[5].NativeID, 400, `{"error":"Order cannot be canceled"}`)
}

func TestNativeServices(t *testing.T) {
	t.Parallel()
	p := setupNative(t)
	got := p.post(t, "/api/v2", urlencoded, "key="+nativeKey+"&action=services").body
	const first = `[{"service":101,"name":"Banner impressions, run of site","type":"Default","category":"Adverts","rate":"0.35","min":"1000","max":"1000000",` +
		`"dripfeed":false,"refill":false,"cancel":true,"description":"One unit is one impression of your banner on a site of our network.",` +
		`"average_time":null,"refill_days":null,"increment":"1","currency":"USD"},`
	if !strings.HasPrefix(got, first) || !strings.Contains(got, `"refill":true,"cancel":true,"description":"One unit is one impression of your entry`) ||
		!strings.Contains(got, `"refill_days":30`) {
		t.Error(got)
	}
	var list []struct{ Service int64 }
	if err := json.Unmarshal([]byte(got), &list); err != nil || len(list) != 29 {
		t.Errorf("%d services, %v", len(list), err)
	}
}

// A request id is kept over a restart, and so are native ids.
func TestNativeRestart(t *testing.T) {
	t.Parallel()
	dir, clock := filepath.Join(t.TempDir(), "sim"), newHands()
	p := setupWith(t, clock, simulator.Options{NativeKey: nativeKey, Dir: dir})
	o := p.placed(t, order(101, 1000, "")+"&request_id=a")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = setupWith(t, clock, simulator.Options{NativeKey: nativeKey, Dir: dir})
	if again := p.placed(t, order(101, 1000, "")+"&request_id=a"); again != o || len(p.Orders()) != 1 {
		t.Errorf("%s, then %s", o, again)
	}
	p.ask(t, order(101, 1001, "")+"&request_id=a", 400, `{"error":"request_id was already used with different parameters"}`)
}

func TestNativeKeyIsAnotherKey(t *testing.T) {
	t.Parallel()
	if _, err := simulator.New(simulator.Options{Key: key, NativeKey: key}); err == nil {
		t.Error("one key for two dialects")
	}
	p := setup(t) // without a native key, an empty one opens nothing
	if a := p.post(t, "/api/v2", urlencoded, "action=balance&key="); a.body != `{"error":"Invalid API key"}` {
		t.Error(a.body)
	}
}
