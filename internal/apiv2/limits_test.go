package apiv2_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// told returns a header in the very spelling in which it is documented.
func told(w *httptest.ResponseRecorder, name string) string {
	return strings.Join(w.Header()[name], "")
}

// spending is a request body that counts what is read of it and then fails, if at
// all, as one that is too slow does.
type spending struct {
	rest io.Reader
	read int
	end  error
}

func (s *spending) Read(p []byte) (n int, err error) {
	n, err = s.rest.Read(p)
	s.read += n
	if errors.Is(err, io.EOF) && s.end != nil {
		err = s.end
	}
	return n, err
}

// deadlined notes until when a request's body is read.
type deadlined struct {
	*httptest.ResponseRecorder

	until time.Time
}

func (d *deadlined) SetReadDeadline(until time.Time) error {
	d.until = until
	return nil
}

// Of a request from an address that has used up its limit little is read, and for
// a short time only; its key costs neither a hash nor a look-up.
func TestDeniedAddressCostsLittle(t *testing.T) {
	t.Parallel()
	const (
		json, text = `{"error":"Rate limit exceeded"}`, "Rate limit exceeded"
		form       = "key=wrong&action=services"
	)
	for name, c := range map[string]struct {
		body   spending
		length int64
		most   int
		want   string
	}{
		"small":                {spending{rest: strings.NewReader(form)}, int64(len(form)), len(form), json},
		"small, of any length": {spending{rest: strings.NewReader(form)}, -1, len(form), json},
		"large":                {spending{rest: strings.NewReader(strings.Repeat("x", 1<<20))}, 1 << 20, 0, text},
		"large, of any length": {spending{rest: strings.NewReader(strings.Repeat("x", 1<<20))}, -1, 16<<10 + 1, text},
		"slow":                 {spending{rest: strings.NewReader(form), end: os.ErrDeadlineExceeded}, 1000, len(form), text},
		"broken off":           {spending{rest: strings.NewReader(form), end: io.ErrUnexpectedEOF}, 1000, len(form), text},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPanel(t, db.SQLite)
			p.limit(ratelimit.Limits{Address: 1})
			p.post("key=wrong&action=balance")
			hashes, looks, begun := p.ring.APIKeyHashes(), p.auth.Lookups(), clock.System()
			r := httptest.NewRequest(http.MethodPost, "/api/v2", &c.body)
			r.ContentLength = c.length
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
			p.api.ServeHTTP(w, r)
			if w.Code != http.StatusTooManyRequests || w.Body.String() != c.want {
				t.Errorf("%d %s, want 429 %s", w.Code, w.Body, c.want)
			}
			if (w.Header().Get("Connection") == "close") != (c.want == text) {
				t.Errorf("Connection: %q", w.Header().Get("Connection"))
			}
			if c.body.read > c.most {
				t.Errorf("%d bytes were read, want at most %d", c.body.read, c.most)
			}
			if until := w.until.Sub(begun); c.body.read > 0 && (until < time.Second || until > 3*time.Second) {
				t.Errorf("the body is read for %s", until)
			}
			if h, l := p.ring.APIKeyHashes()-hashes, p.auth.Lookups()-looks; h != 0 || l != 0 {
				t.Errorf("%d HMACs and %d look-ups", h, l)
			}
		})
	}
}

// A classic key's refusal is text, for its clients take JSON for a final word; its
// polls leave a fifth of its limit to everything else.
func TestClassicKeyIsLimitedInText(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	p.limit(ratelimit.Limits{Key: 5})
	keys := apikey.NewStore(p.d, p.ring)
	all, err := keys.List(context.Background(), "", "", 100)
	must(t, err)
	value, _, err := keys.Issue(context.Background(), apikey.NewKey{AccountID: all[0].AccountID, Name: "classic", Dialect: apikey.Classic, Mode: apikey.Live}, "test")
	must(t, err)
	polls := 0
	for ; polls < 100; polls++ {
		if w := p.post("key=" + value + "&action=STATUS&order=1"); w.Code == http.StatusTooManyRequests {
			if w.Body.String() != "Rate limit exceeded" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("Retry-After") != "30" {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
			break
		}
	}
	if polls != 12 {
		t.Errorf("%d polls, want four fifths of three times 5", polls)
	}
	others := 0
	for ; others < 100; others++ {
		if w := p.post("key=" + value + "&action=services"); w.Code == http.StatusTooManyRequests {
			break
		}
	}
	if others != 3 {
		t.Errorf("%d other requests, want the 3 that are left", others)
	}
	if w := p.post("key=" + value + "&action=Balance"); w.Code == http.StatusTooManyRequests {
		t.Errorf("the balance is limited: %s", w.Body)
	}
}

// A request that is refused for its address takes nothing of its key's limit.
func TestDeniedByAddressIsNotCountedAtTheKey(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	p.limit(ratelimit.Limits{Address: 1, Key: 5, Tiers: map[string]int64{"standard": 2}})
	from := func(address string) string {
		r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(p.fill("key=<live>&action=services")))
		r.RemoteAddr = address + ":4711"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		p.api.ServeHTTP(w, r)
		return told(w, "X-RateLimit-DeniedBy") + " " + told(w, "X-RateLimit-Tier-Remaining")
	}
	p.post("key=wrong&action=balance") // from 192.0.2.1
	for i, step := range []struct{ address, want string }{
		{"192.0.2.1", "ip "}, {"192.0.2.2", " 1"}, {"192.0.2.1", "ip "}, {"192.0.2.3", " 0"}, {"192.0.2.4", "tier 0"},
	} {
		if got := from(step.address); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

// A batch counts once, and so does a request that fails for a fault of ours; its
// answer too says what is left.
func TestWhatCountsOnce(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	p.deps.Balance = func(context.Context, string) (money.Amount, error) { panic("the cable is loose") }
	p.api = apiv2.New(p.deps)
	for i, step := range []struct{ form, remaining string }{
		{"key=<live>&action=status&orders=1,2,3,4,5,6", "99"},
		{"key=<live>&action=cancel&orders=1,2,3", "98"},
		{"key=<live>&action=balance", "98"},
		{"key=<live>&action=services", "97"},
		{"key=<live>", "96"},
		{"key=<suspended>&action=services", "100"},
	} {
		w := p.post(step.form)
		if got := told(w, "X-RateLimit-Remaining"); got != step.remaining {
			t.Errorf("step %d: %d %s, %s are left, want %s", i, w.Code, w.Body, got, step.remaining)
		}
	}
}

// Without a limiter nothing is limited, and without a finder the peer's address
// counts.
func TestWithoutLimits(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	p.deps.Limits, p.deps.ClientAddress = nil, nil
	p.api = apiv2.New(p.deps)
	for range 400 {
		if w := p.post("key=wrong&action=balance"); w.Code != http.StatusBadRequest {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	var seen netip.Addr
	p.deps.ClientAddress = func(*http.Request) netip.Addr { return netip.MustParseAddr("2001:db8::1") }
	p.deps.Limits = watching{ratelimit.New(ratelimit.Limits{}, halfMinute), &seen}
	p.api = apiv2.New(p.deps)
	p.post("key=<live>&action=balance")
	if seen.String() != "2001:db8::1" {
		t.Errorf("a key was seen at %s", seen)
	}
}

// watching notes where a key came from.
type watching struct {
	apiv2.Limiter

	seen *netip.Addr
}

func (w watching) KeySeen(ctx context.Context, from netip.Addr, tier string) {
	*w.seen = from
	w.Limiter.KeySeen(ctx, from, tier)
}
