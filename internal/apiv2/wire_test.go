package apiv2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/money"
)

// Whatever is wrong with a value, refusing it costs one HMAC and one look-up, so
// that the time of an answer tells nothing.
func TestEveryRefusedKeyCostsTheSame(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	for name, form := range map[string]string{
		"missing":      "action=balance",
		"empty":        "key=&action=balance",
		"malformed":    "key=wrong&action=balance",
		"too long":     "key=<5000 k>&action=balance",
		"unknown":      "key=np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH&action=balance",
		"revoked":      "key=<revoked>&action=balance",
		"expired":      "key=<expired>&action=balance",
		"poll":         "key=wrong&action=status&order=1",
		"binary":       "key=%00%ff&action=balance",
		"no such form": "",
	} {
		hashes, looks := p.ring.APIKeyHashes(), p.auth.Lookups()
		w := p.post(form)
		if got := strings.TrimSpace(w.Body.String()); got != `{"error":"Invalid API key"}` && got != "Invalid API key" {
			t.Errorf("%s: %s", name, got)
		}
		if h, l := p.ring.APIKeyHashes()-hashes, p.auth.Lookups()-looks; h != 1 || l != 1 {
			t.Errorf("%s: %d HMACs and %d look-ups, want one each", name, h, l)
		}
	}
}

// A request without a key in the query of a GET costs the same as with one.
func TestGetWithoutKeyCostsTheSame(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	for _, target := range []string{"/api/v2", "/api/v2?key=wrong", "/api/v2?action=balance"} {
		hashes, looks := p.ring.APIKeyHashes(), p.auth.Lookups()
		p.api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
		if h, l := p.ring.APIKeyHashes()-hashes, p.auth.Lookups()-looks; h != 1 || l != 1 {
			t.Errorf("%s: %d HMACs and %d look-ups, want one each", target, h, l)
		}
	}
}

// The owner of a key that travelled in a URL is warned, whatever the method; the
// owner of another key is not.
func TestKeyInQueryIsNoted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, target, body string
		noted                bool
	}{
		"POST":                 {"POST", "/api/v2?key=<live>", "action=balance", true},
		"GET":                  {"GET", "/api/v2?key=<live>&action=balance", "", true},
		"beside the body":      {"POST", "/api/v2?key=<live>", "key=<live>&action=balance", true},
		"unknown action":       {"POST", "/api/v2?key=<live>", "action=nothing", true},
		"another, in the URL":  {"POST", "/api/v2?key=wrong", "key=<live>&action=balance", false},
		"nothing, in the URL":  {"POST", "/api/v2?key=", "key=<live>&action=balance", false},
		"in the body alone":    {"POST", "/api/v2", "key=<live>&action=balance", false},
		"other's, in the body": {"POST", "/api/v2?key=<live>", "key=<other>&action=balance", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPanel(t, db.SQLite)
			r := httptest.NewRequest(c.method, p.fill(c.target), strings.NewReader(p.fill(c.body)))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			p.api.ServeHTTP(w, r)
			if strings.Contains(w.Body.String(), "np_live_") {
				t.Error("the answer repeats the key")
			}
			noted := false
			must(t, p.d.Read(context.Background(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT COUNT(*) > 0 FROM api_keys WHERE seen_in_url_at IS NOT NULL`).Scan(&noted)
			}))
			if noted != c.noted {
				t.Errorf("noted: %v, want %v", noted, c.noted)
			}
		})
	}
}

// A revoked key is refused by the very next request, although it was in use.
func TestRevokedKeyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	if w := p.post("key=<live>&action=balance"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	keys, err := apikey.NewStore(p.d, p.ring).List(context.Background(), "", "", 100)
	must(t, err)
	for _, k := range keys {
		if k.Name == "live" {
			_, err := apikey.NewStore(p.d, p.ring).Revoke(context.Background(), k.ID, "test")
			must(t, err)
		}
	}
	if w := p.post("key=<live>&action=balance"); w.Code != 400 || w.Body.String() != `{"error":"Invalid API key"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A service that is paused or dearer is so from the next request on.
func TestCatalogueChangeIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	add := func(requestID string) string {
		return p.post("key=<live>&action=add&request_id=" + requestID + "&service=1&quantity=100&link=https://example.com/").Body.String()
	}
	if got := add("before"); !strings.Contains(got, `"charge":"0.20"`) {
		t.Fatal(got)
	}
	rate := 3 * money.Unit
	_, err := catalog.NewStore(p.d).Set(context.Background(), 1, catalog.Change{Rate: &rate}, "test")
	must(t, err)
	if got := add("dearer"); !strings.Contains(got, `"charge":"0.30"`) {
		t.Error(got)
	}
	if got := p.post("key=<live>&action=services").Body.String(); !strings.Contains(got, `"rate":"3.00"`) {
		t.Error(got)
	}
	paused := catalog.Paused
	_, err = catalog.NewStore(p.d).Set(context.Background(), 1, catalog.Change{State: &paused}, "test")
	must(t, err)
	if got := add("paused"); got != `{"error":"Service not found"}` {
		t.Error(got)
	}
	// The answer to a request that went through does not change.
	if got := add("before"); !strings.Contains(got, `"charge":"0.20"`) {
		t.Error(got)
	}
	p.audit()
}

// What went wrong with us stands in the log with the request's id, and nowhere in
// the answer; the key is in neither. A panic is no exception.
func TestInternalErrorIsLoggedNotAnswered(t *testing.T) {
	t.Parallel()
	for name, balance := range map[string]func(context.Context, string) (money.Amount, error){
		"error": func(context.Context, string) (money.Amount, error) { return 0, errors.New("the cable is loose") },
		"panic": func(context.Context, string) (money.Amount, error) { panic("the cable is loose") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPanel(t, db.SQLite)
			var observed []string
			api := apiv2.New(apiv2.Deps{
				Keys: p.auth, Epochs: epoch.NewReader(p.d), Log: slog.New(slog.NewTextHandler(p.log, nil)), Balance: balance,
				Observe: func(action string, status int) { observed = append(observed, fmt.Sprint(action, " ", status)) },
			})
			r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(p.fill("key=<live>&action=balance")))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if w.Code != 500 || w.Body.String() != `{"error":"Internal error"}` {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			log := p.log.String()
			if !strings.Contains(log, "the cable is loose") || !strings.Contains(log, w.Header().Get("X-Request-Id")) {
				t.Errorf("the log lacks cause or request: %s", log)
			}
			if strings.Contains(log, p.seeds.keys["live"]) {
				t.Error("the log holds the key")
			}
			if !slices.Equal(observed, []string{"balance 500"}) {
				t.Errorf("observed %q", observed)
			}
		})
	}
}

// brokenBody fails in the middle, as a client does that goes away.
type brokenBody struct{ begin *strings.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	if n, err := b.begin.Read(p); err == nil {
		return n, nil
	}
	return 0, io.ErrUnexpectedEOF
}

// A body that breaks off places no order, although all it needs had arrived.
func TestBrokenBodyIsRefused(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	for form, want := range map[string]string{
		"key=<live>&action=add&request_id=first&service=1&quantity=100&link=https://example.com/": `{"error":"Request body could not be read"}`,
		"key=<live>&action=status&order=1": "Request body could not be read",
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/v2", brokenBody{strings.NewReader(p.fill(form))})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		p.api.ServeHTTP(w, r)
		if w.Code != 400 || w.Body.String() != want {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if got := p.post("key=<live>&action=order&request_id=first").Body.String(); got != `{"error":"Order not found"}` {
		t.Error(got)
	}
}
