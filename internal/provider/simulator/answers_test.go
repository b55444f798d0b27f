package simulator_test

import (
	"net/http"
	"testing"
)

const busy = `{"error":"You have active order with this link. Please wait until order being completed."}`

// Each way to answer an add, and whether it leaves an order.
func TestAnswersToAdd(t *testing.T) {
	t.Parallel()
	cases := []struct {
		words  string
		status int
		body   string
		held   int
	}{
		{"id-and-error", 200, `{"order":23502,"error":"Something went wrong"}`, 1},
		{"no-id", 200, `{"status":"success"}`, 1},
		{"string-id", 200, `{"order":"23502"}`, 1},
		{"created", 201, `{"status":"success","order":23502,"charge":"1.25","currency":"USD"}`, 1},
		{"empty", 200, "", 1},
		{"redirect", 307, "", 1},
		{"dup-id", 200, `{"order":23501}`, 1},
		{"one-per-link", 200, busy, 0},
		{"suspended", 200, `{"error":"Account suspended"}`, 0},
		{"refuse-later", 200, `{"error":"Too many requests: rate limit exceeded"}`, 0},
		{"http:401", 401, "Unauthorized\n", 0},
		{"http:429", 429, "Too Many Requests\n", 0},
		{"http:502", 502, "Bad Gateway\n", 0},
		{"500-accepted,partial:40", 500, "", 1},
	}
	for _, c := range cases {
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			p.call(t, order(108, 1000, ""))
			a := p.post(t, "/api/v2", urlencoded, "key="+key+"&"+order(108, 1000, "#sim="+c.words))
			if a.status != c.status || a.body != c.body && c.body != "" {
				t.Errorf("%d %q", a.status, a.body)
			}
			if n := len(p.Orders()) - 1; n != c.held {
				t.Errorf("%d orders came to it", n)
			}
			if c.status == 429 && a.header.Get("Retry-After") != "1" {
				t.Error("no Retry-After")
			}
			if c.status == 307 && a.header.Get("Location") != "/api/v2" {
				t.Errorf("leads to %q", a.header.Get("Location"))
			}
		})
	}
}

// A client that follows the redirect of an add orders again and again: it shows.
func TestRedirectThatIsFollowedOrdersAgain(t *testing.T) {
	t.Parallel()
	p := setup(t)
	resp, err := p.send(t.Context(), order(108, 1000, "#sim=redirect"))
	if err == nil {
		resp.Body.Close()
		t.Error("the redirects came to an end")
	}
	if n := len(p.Orders()); n != 10 { // where net/http gives up
		t.Errorf("%d orders are held", n)
	}
}

// The id of an order given for another: its own while there is no other.
func TestDuplicateID(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.expect(t, order(108, 1000, "#sim=dup-id"), `{"order":23501}`)
	p.expect(t, order(108, 1000, "#sim=dup-id"), `{"order":23501}`)
	p.expect(t, order(108, 1000, ""), `{"order":23503}`)
}

// One order on a link at a time, whatever steers it, and again once it has ended.
func TestOnePerLink(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.expect(t, order(108, 1000, "#sim=one-per-link,partial:40"), `{"order":23501}`)
	p.expect(t, order(108, 1000, "#sim=one-per-link"), busy)
	p.expect(t, order(108, 1000, ""), `{"order":23502}`)
	p.expect(t, order(108, 1000, "?a#sim=one-per-link"), `{"order":23503}`)
	p.clock.advance(pace)
	p.expect(t, order(108, 1000, "#sim=one-per-link"), `{"order":23504}`)

	// The runs that a stopped drip-feed never had keep no link busy.
	p = setup(t)
	p.expect(t, order(113, 100, "#sim=one-per-link,stop:1")+"&runs=3&interval=5", `{"order":23501}`)
	p.expect(t, order(113, 100, "#sim=one-per-link"), busy)
	p.clock.advance(pace / 2) // it stops, and its one run has ended
	p.expect(t, order(113, 100, "#sim=one-per-link"), `{"order":23505}`)

	// Of subscriptions it is the user name that counts.
	p = setup(t)
	p.expect(t, subscribing("a#sim=one-per-link"), `{"order":23501}`)
	p.expect(t, subscribing("a#sim=one-per-link"), busy)
	p.expect(t, subscribing("b#sim=one-per-link"), `{"order":23504}`)
}

// An order that is refused for now is taken in the end.
func TestRefusedSoManyTimes(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for range 2 {
		p.expect(t, order(108, 1000, "#sim=refuse-later:2"), `{"error":"Too many requests: rate limit exceeded"}`)
	}
	p.expect(t, order(108, 1000, "#sim=refuse-later:2"), `{"order":23501}`)
	p.expect(t, order(108, 1000, "?b#sim=refuse-later:2"), `{"error":"Too many requests: rate limit exceeded"}`)
}
