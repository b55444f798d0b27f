package apiv2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/requestlog"
)

// noting makes the API anew; what it notes is appended to the result.
func (p *panel) noting() *[]requestlog.Entry {
	noted := &[]requestlog.Entry{}
	p.deps.Noted = func(e requestlog.Entry) { *noted = append(*noted, e) }
	p.api = apiv2.New(p.deps)
	return noted
}

// Of every answer to a usable key its owner finds the action in its one name, the
// status and why it was refused; of other requests nothing is noted.
func TestAnswersAreNoted(t *testing.T) {
	t.Parallel()
	add := "&action=add&service=1&link=https://example.com/"
	for name, c := range map[string]struct {
		classic      bool
		method, form string
		want         string // action, status, code, text; "" is nothing
	}{
		"carried out":      {false, "POST", "key=<live>&action=balance", "balance 200  "},
		"test":             {false, "POST", "key=<test>&action=services", "services 200  "},
		"refused":          {false, "POST", "key=<live>" + add, "add 400 invalid Missing required parameter: request_id"},
		"an unknown order": {false, "POST", "key=<live>&action=status&order=ord_none", "status 400 not_found Order not found"},
		"many orders":      {false, "POST", "key=<live>&action=status&orders=ord_none,ord_other", "status 200  "},
		"unknown action":   {false, "POST", "key=<live>&action=canary", " 400 invalid Unknown action"},
		"upper case":       {false, "POST", "key=<live>&action=BALANCE", " 400 invalid Unknown action"},
		"no action":        {false, "POST", "key=<live>", " 400 invalid Missing required parameter: action"},
		"suspended":        {false, "POST", "key=<suspended>&action=balance", "balance 403 forbidden Account suspended"},
		"not UTF-8":        {false, "POST", "key=<live>&action=balance&canary=%ff", "balance 400 invalid A field must be UTF-8"},
		"control":          {false, "POST", "key=<live>&action=balance&canary=%01", "balance 400 invalid A field must not hold control characters"},
		"no key":           {false, "POST", "action=balance", ""},
		"wrong key":        {false, "POST", "key=canary&action=balance", ""},
		"revoked key":      {false, "POST", "key=<revoked>&action=balance", ""},
		"expired key":      {false, "POST", "key=<expired>&action=status&order=1", ""},
		"method":           {false, "DELETE", "key=<live>&action=balance", ""},

		"classic":            {true, "POST", "key=<classic>&action=balance", "balance 200  "},
		"classic, in caps":   {true, "POST", "key=<classic>&action=Balance", "balance 200  "},
		"alias":              {true, "POST", "key=<classic>&action=multi-status&orders=1,2", "status 200  "},
		"alias, refused":     {true, "POST", "key=<classic>&action=Statuses", "status 200 invalid Incorrect request"},
		"classic, refused":   {true, "POST", "key=<classic>&action=add&service=1&quantity=1&link=https://example.com/", "add 200 invalid quantity must be between 10 and 100000"},
		"classic, unknown":   {true, "POST", "key=<classic>&action=canary", " 200 invalid Incorrect request"},
		"native's alone":     {true, "POST", "key=<classic>&action=orders_of_canary", " 200 invalid Incorrect request"},
		"classic, suspended": {true, "POST", "key=<suspended>" + add + "&quantity=10", "add 200 forbidden Account suspended"},
		"classic, elsewhere": {true, "POST", "key=<far>&action=balance", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPanelOf(t, db.SQLite, &nativePlanted, plant)
			if c.classic {
				p = newClassicPanel(t, db.SQLite)
			}
			noted := p.noting()
			begun := clock.System()
			r := httptest.NewRequest(c.method, "/api/v2", strings.NewReader(p.fill(c.form)))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			p.api.ServeHTTP(w, r)
			if c.want == "" {
				if len(*noted) != 0 {
					t.Errorf("noted %+v", *noted)
				}
				return
			}
			if len(*noted) != 1 {
				t.Fatalf("noted %d entries", len(*noted))
			}
			e := (*noted)[0]
			if got := fmt.Sprint(e.Action, " ", e.Status, " ", e.Refused, " ", e.Error); got != c.want {
				t.Errorf("noted %q, want %q", got, c.want)
			}
			dialect := "native"
			if c.classic {
				dialect = "classic"
			}
			if e.ID != w.Header().Get("X-Request-Id") || e.Status != w.Code || e.Dialect != dialect || e.Client != netip.MustParseAddr("192.0.2.1") ||
				!strings.HasPrefix(e.KeyID, "key_") || !strings.HasPrefix(e.AccountID, "acc_") {
				t.Errorf("noted %+v", e)
			}
			if e.Mode != "live" && name != "test" || e.At.Before(begun) || e.Duration <= 0 || e.Duration > clock.System().Sub(begun) {
				t.Errorf("noted %+v of a request after %s", e, begun)
			}
		})
	}
}

// A refusal by a limit is in the log of the key, with the action that was wanted;
// so is a failure of ours, and its cause is not.
func TestLimitsAndFailuresAreNoted(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	p.deps.Limits = ratelimit.New(ratelimit.Limits{Key: 1}, halfMinute)
	p.deps.Balance = func(context.Context, string) (money.Amount, error) { return 0, errors.New("the cable is loose") }
	noted := p.noting()
	for _, action := range []string{"services", "status", "canary", "balance"} {
		p.post("key=<live>&action=" + action)
	}
	p.deps.Balance = func(context.Context, string) (money.Amount, error) { panic("the cable is loose") }
	p.api = apiv2.New(p.deps)
	p.post("key=<live>&action=balance")
	var got []string
	for _, e := range *noted {
		got = append(got, fmt.Sprint(e.Action, " ", e.Status, " ", e.Refused, " ", e.Error))
	}
	want := "services 200  |status 429 rate_limited Rate limit exceeded| 429 rate_limited Rate limit exceeded|balance 500 internal Internal error|balance 500 internal Internal error"
	if strings.Join(got, "|") != want {
		t.Errorf("noted %q", got)
	}
}

// Nothing that came in is kept: no key, no link, no other value, no name of a
// field, whatever the request was refused for.
func TestNothingThatCameInIsKept(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func(*testing.T) *panel{
		"native":  func(t *testing.T) *panel { return newPanel(t, db.SQLite) },
		"classic": func(t *testing.T) *panel { return newClassicPanel(t, db.SQLite) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := fresh(t)
			p.deps.Limits = nil
			recorder := requestlog.NewRecorder(p.d, nil)
			p.deps.Noted = recorder.Note
			p.api = apiv2.New(p.deps)
			key := map[string]string{"native": "<live>", "classic": "<classic>"}[name]
			for _, form := range canaries(key) {
				p.post(form)
				must(t, recorder.Flush(context.Background())) // each as its key's first, for all are kept
			}
			kept := p.keptRequests()
			if len(kept) != len(canaries(key)) {
				t.Fatalf("%d requests are kept of %d", len(kept), len(canaries(key)))
			}
			for _, row := range kept {
				for _, secret := range []string{"canary", "np_live_", "4242424242", "0.0042", p.fill(key)} {
					if strings.Contains(strings.ToLower(row), strings.ToLower(secret)) {
						t.Errorf("%q stands in %s", secret, row)
					}
				}
			}
		})
	}
}

// canaries are requests with a value to be recognised in each field.
func canaries(key string) (forms []string) {
	whole := url.Values{
		"action": {"add"}, "request_id": {"canary-request"}, "service": {"1"}, "quantity": {"100"}, "link": {"https://canary.example/canary"},
		"max_charge": {"0.0042"}, "comments": {"canary"}, "username": {"canary"}, "runs": {"canary"}, "interval": {"canary"}, "coupon": {"canary"},
		"country": {"canary"}, "expiry": {"canary"}, "posts": {"canary"}, "min": {"canary"}, "max": {"canary"}, "delay": {"canary"},
	}
	add := func(v url.Values) { forms = append(forms, "key="+key+"&"+v.Encode()) }
	add(whole)
	for field := range whole {
		one := url.Values{
			"action": {"add"}, "request_id": {"canary-" + field}, "service": {"1"}, "quantity": {"100"}, "link": {"https://canary.example/canary"},
		}
		one.Set(field, whole.Get(field))
		add(one)
		one.Set(field, "canary 4242424242")
		add(one)
		one.Set(field, "canary\x01")
		add(one)
		one.Set(field, "canary\xff")
		add(one)
	}
	for _, action := range []string{"services", "service", "changes", "status", "refill", "refill_status", "cancel", "order", "orders", "transactions", "canary", "np_live_canary"} {
		for _, field := range []string{"service", "order", "orders", "refill", "refills", "request_id", "lang", "since", "limit", "before", "after", "state", "canary_name"} {
			for _, value := range []string{"canary", "4242424242", "canary\x01", "4242424242,canary", strings.Repeat("canary", 100)} {
				add(url.Values{"action": {action}, field: {value}})
			}
		}
		forms = append(forms, "key="+key+"&action="+action+"&action="+key, "key="+key+"&"+key+"="+action)
	}
	return append(forms, "key="+key+"&action="+key, "key="+key+"&action=balance&%zz=canary", "key="+key+"&canary_name=%ff")
}

// keptRequests is the whole request log, a line a row.
func (p *panel) keptRequests() (all []string) {
	p.Helper()
	must(p, p.d.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, func(s db.Scanner) (row string, err error) {
			err = s.Scan(&row)
			return row, err
		}, `
			SELECT id || ' ' || key_id || ' ' || account_id || ' ' || mode || ' ' || action || ' ' || dialect || ' ' || status || ' ' || outcome || ' ' || error || ' ' || client
			FROM api_requests`)
		return err
	}))
	return all
}

// What the panel's pages tell of a key's use is what the headers of its answers
// said.
func TestUsedNowIsWhatTheHeadersSaid(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	limiter := ratelimit.New(ratelimit.Limits{Key: 5, Tiers: map[string]int64{"standard": 8}}, halfMinute)
	p.deps.Limits = limiter
	noted := p.noting()
	for n := range 7 {
		w := p.post("key=<live>&action=services")
		e := (*noted)[n]
		used := limiter.UsedNow(context.Background(), ratelimit.Use{
			KeyID: e.KeyID, AccountID: e.AccountID, Tier: "standard", Test: e.Mode == string(apikey.Test), Classic: e.Dialect == string(apikey.Classic),
		})
		said := fmt.Sprint(told(w, "X-RateLimit-Limit"), " ", told(w, "X-RateLimit-Remaining"), " ", told(w, "X-RateLimit-Tier-Remaining"), " ", told(w, "X-RateLimit-Reset"))
		if got := fmt.Sprint(used.Limit, " ", used.Limit-used.Used, " ", used.TierLimit-used.TierUsed, " ", used.Reset); got != said {
			t.Errorf("request %d: used now %s, the headers said %s", n, got, said)
		}
	}
}

// An API that nobody listens to notes nothing and serves all the same.
func TestNotingIsOptional(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	if w := p.post("key=<live>&action=balance"); w.Code != http.StatusOK {
		t.Error(w.Code)
	}
}
