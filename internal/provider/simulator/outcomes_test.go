package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// Each outcome that gives an answer: what is answered, whether an order is held,
// and what becomes of it.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const (
		accepted = `{"order":23501}`
		done     = `{"charge":"1.575","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`
		canceled = `{"charge":"0.00","start_count":"24985","status":"Canceled","remains":"1260","currency":"USD"}`
		none     = `{"error":"Incorrect order ID"}`
		unknown  = `{"error":"Incorrect link"}`
		page     = "<html>\n<head><title>500 Internal Server Error</title></head>\n" +
			"<body><center><h1>500 Internal Server Error</h1></center></body>\n</html>\n"
		notice = "<br />\n<b>Notice</b>:  Undefined index: order in <b>/var/www/html/api/v2.php</b> on line <b>214</b><br />\n"
	)
	partial := func(charge, remains string) string {
		return `{"charge":"` + charge + `","start_count":"24985","status":"Partial","remains":"` + remains + `","currency":"USD"}`
	}
	cases := []struct {
		fragment string
		status   int
		body     string
		last     string // answer to status once the pace has passed
	}{
		{"", 200, accepted, done},
		{"#top", 200, accepted, done},
		{"#sim=complete", 200, accepted, done},
		{"#sim=partial:40", 200, accepted, partial("0.63", "756")},
		{"#sim=partial%3A40", 200, accepted, partial("0.63", "756")},
		{"#sim=partial:33", 200, accepted, partial("0.51875", "845")}, // 415.8 delivered
		{"#sim=partial:0", 200, accepted, partial("0.00", "1260")},
		{"#sim=partial:100", 200, accepted, partial("1.575", "0")},
		{"#sim=cancel", 200, accepted, canceled},
		{"#sim=slow:1us,cancel", 200, accepted, canceled},
		{"#sim=refuse", 200, unknown, none},
		{"#sim=refuse-unknown", 200, `{"error":"Order declined by policy desk 7"}`, none},
		{"#sim=no-funds", 200, `{"error":"Not enough funds on balance"}`, none},
		{"#sim=500-accepted", 500, page, done},
		{"#sim=500-json-accepted", 500, `{"error":"Internal error"}`, done},
		{"#sim=garbage", 200, notice, done},
		{"#sim=", 200, unknown, none},
		{"#sim=explode", 200, unknown, none},
		{"#sim=partial", 200, unknown, none},
		{"#sim=partial:101", 200, unknown, none},
		{"#sim=partial:-1", 200, unknown, none},
		{"#sim=cancel:5", 200, unknown, none},
		{"#sim=cancel,partial:5", 200, unknown, none},
		{"#sim=slow", 200, unknown, none},
		{"#sim=slow:-1s", 200, unknown, none},
		{"#sim=slow:5m1s", 200, unknown, none},
		{"#sim=slow:1us,slow:1us", 200, unknown, none},
	}
	for _, c := range cases {
		t.Run(c.fragment, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			a := p.post(t, "/api/v2", urlencoded, "key="+key+"&"+order(108, 1260, c.fragment))
			if a.status != c.status || a.body != c.body {
				t.Errorf("add: %d %q", a.status, a.body)
			}
			wantHeld := 1
			if c.last == none {
				wantHeld = 0
			}
			if n := len(p.Orders()); n != wantHeld {
				t.Errorf("%d orders are held, want %d", n, wantHeld)
			}
			p.clock.advance(pace)
			p.expect(t, "action=status&order=23501", c.last)
		})
	}
}

// The order is there, the connection ends in the middle of its answer.
func TestDropBody(t *testing.T) {
	t.Parallel()
	p := setup(t)
	resp, err := p.send(t.Context(), order(108, 100, "#sim=drop-body"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || resp.StatusCode != http.StatusOK || resp.ContentLength != 15 || string(body) != `{"order` {
		t.Errorf("%d, %d bytes promised, %q, %v", resp.StatusCode, resp.ContentLength, body, err)
	}
	p.expectCompletes(t)
}

// Nothing is ever answered, however the wait ends.
func TestTimeoutIsNeverAnswered(t *testing.T) {
	t.Parallel()
	for _, outcome := range []string{"timeout-accepted", "timeout-lost"} {
		for _, end := range []string{"client leaves", "simulator closes"} {
			t.Run(outcome+", "+end, func(t *testing.T) {
				t.Parallel()
				p := setup(t)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				failed := make(chan error, 1)
				go func() {
					resp, err := p.send(ctx, order(108, 100, "#sim="+outcome))
					if err == nil {
						resp.Body.Close()
					}
					failed <- err
				}()
				p.logs.await(t, "answer withheld")
				if end == "client leaves" {
					leave()
				} else if err := p.Close(); err != nil {
					t.Error(err)
				}
				if err := <-failed; err == nil {
					t.Error("there was an answer")
				}
				want := 0
				if outcome == "timeout-accepted" {
					want = 1
				}
				if n := len(p.Orders()); n != want {
					t.Errorf("%d orders are held, want %d", n, want)
				}
			})
		}
	}
}

func TestTimeoutAcceptedCompletes(t *testing.T) {
	t.Parallel()
	p := setup(t)
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := p.send(ctx, order(108, 100, "#sim=timeout-accepted")); err == nil {
			resp.Body.Close()
		}
	}()
	p.logs.await(t, "answer withheld")
	leave()
	<-ended
	p.expectCompletes(t)
}

// slow waits before the order exists, whether or not its client stays.
func TestSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v2",
			strings.NewReader("key="+key+"&"+order(108, 100, "#sim=slow:5s,partial:10")))
		req.Header.Set("Content-Type", urlencoded)
		answered := make(chan string, 1)
		go func() {
			w := httptest.NewRecorder()
			sim.ServeHTTP(w, req)
			answered <- w.Body.String()
		}()

		time.Sleep(5*time.Second - time.Nanosecond) // the bubble's time
		synctest.Wait()
		leave()
		if n := len(sim.Orders()); n != 0 || len(answered) != 0 {
			t.Errorf("before its time: %d orders, %d answers", n, len(answered))
		}
		time.Sleep(time.Nanosecond)
		if body := <-answered; len(sim.Orders()) != 1 || body != `{"order":23501}` {
			t.Errorf("in its time: %d orders, %s", len(sim.Orders()), body)
		}
		time.Sleep(6 * time.Second) // the default pace
		if o := sim.Orders()[0]; o.Status != "Partial" || o.Remains != 90 {
			t.Errorf("%+v", o)
		}
	})
}

// An order that is waited for when the simulator closes was never accepted.
func TestCloseEndsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v2",
			strings.NewReader("key="+key+"&"+order(108, 100, "#sim=slow:5m")))
		req.Header.Set("Content-Type", urlencoded)
		ended := make(chan error)
		go func() {
			defer func() {
				err, _ := recover().(error)
				ended <- err
			}()
			sim.ServeHTTP(httptest.NewRecorder(), req)
		}()
		synctest.Wait()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("ended with %v", err)
		}
		if n := len(sim.Orders()); n != 0 {
			t.Errorf("%d orders are held", n)
		}
	})
}

// The course of an order: Pending for a sixth of the pace, then remains fall,
// and the last word stays.
func TestCourse(t *testing.T) {
	t.Parallel()
	steps := []struct {
		after   time.Duration
		status  string
		remains int64
		charge  money.Amount
	}{
		{0, "Pending", 1200, 1_500_000},
		{time.Second - time.Microsecond, "Pending", 1200, 1_500_000},
		{time.Second, "In progress", 1200, 1_500_000},
		{2 * time.Second, "In progress", 1080, 1_500_000},
		{3500 * time.Millisecond, "In progress", 900, 1_500_000},
		{6*time.Second - time.Microsecond, "In progress", 601, 1_500_000},
		{6 * time.Second, "Partial", 600, 750_000},
		{24 * time.Hour, "Partial", 600, 750_000},
	}
	p := setup(t)
	p.call(t, order(108, 1200, "#sim=partial:50"))
	var passed time.Duration
	for _, step := range steps {
		p.clock.advance(step.after - passed)
		passed = step.after
		o := p.Orders()[0]
		if o.Status != step.status || o.Remains != step.remains || o.Charge != step.charge {
			t.Errorf("after %s: %s, remains %d, charge %s", step.after, o.Status, o.Remains, o.Charge)
		}
		if started := o.Status != "Pending"; started != (o.StartCount > 0) {
			t.Errorf("after %s: start count %d", step.after, o.StartCount)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		service int
		after   time.Duration
		answer  string
		last    string
		balance string
	}{
		{"while pending", 108, time.Millisecond, `{"cancel":1}`, `{"charge":"0.00","start_count":"0","status":"Canceled","remains":"1000","currency":"USD"}`, "1000.00"},
		{"half way", 108, 3500 * time.Millisecond, `{"cancel":1}`, `{"charge":"0.625","start_count":"24985","status":"Canceled","remains":"500","currency":"USD"}`, "999.375"},
		{"too late", 108, pace, `{"error":"Order cannot be canceled"}`, `{"charge":"1.25","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`, "998.75"},
		{"not offered", 107, time.Millisecond, `{"error":"Order cannot be canceled"}`, `{"charge":"20.00","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`, "980.00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.call(t, order(c.service, 1000, ""))
			p.clock.advance(c.after)
			p.expect(t, "action=cancel&order=23501", c.answer)
			p.clock.advance(pace)
			p.expect(t, "action=status&order=23501", c.last)
			p.expect(t, "action=balance", `{"balance":"`+c.balance+`","currency":"USD"}`)
		})
	}
}

// The balance is what the orders leave of 1000, and pays for no more than that.
func TestBalanceFollowsTheOrders(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.expect(t, order(110, 100_000, "#sim=partial:40"), `{"order":23501}`)
	p.expect(t, "action=balance", `{"balance":"25.00","currency":"USD"}`)
	p.expect(t, order(105, 1001, ""), `{"error":"Not enough funds on balance"}`)
	p.expect(t, order(105, 1000, "#sim=cancel"), `{"order":23502}`)
	p.expect(t, "action=balance", `{"balance":"0.00","currency":"USD"}`)
	p.clock.advance(pace)
	p.expect(t, "action=balance", `{"balance":"610.00","currency":"USD"}`)
	p.expect(t, order(105, 1001, ""), `{"order":23503}`)
	p.expect(t, "action=balance", `{"balance":"584.975","currency":"USD"}`)
}

// send is a call whose outcome the caller looks at.
func (p *provider) send(ctx context.Context, query string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/api/v2", strings.NewReader("key="+key+"&"+query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", urlencoded)
	return p.http.Do(req)
}

// expectCompletes checks that one order of 100 is held and runs to its end.
func (p *provider) expectCompletes(t *testing.T) {
	t.Helper()
	if n := len(p.Orders()); n != 1 {
		t.Fatalf("%d orders are held", n)
	}
	p.clock.advance(pace)
	p.expect(t, "action=status&order=23501", `{"charge":"0.125","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`)
}
