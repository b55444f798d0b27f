package apiv2_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// A fault of ours is text for a classic key, by error and by panic, and stands in
// the log.
func TestClassicInternalErrorIsText(t *testing.T) {
	t.Parallel()
	for name, balance := range map[string]func(context.Context, string) (money.Amount, error){
		"error": func(context.Context, string) (money.Amount, error) { return 0, errors.New("the cable is loose") },
		"panic": func(context.Context, string) (money.Amount, error) { panic("the cable is loose") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newClassicPanel(t, db.SQLite)
			p.api = apiv2.New(apiv2.Deps{
				Keys: p.auth, Epochs: epoch.NewReader(p.d), Log: slog.New(slog.NewTextHandler(p.log, nil)), Balance: balance,
			})
			w := p.post("key=<classic>&action=balance")
			if w.Code != 500 || w.Body.String() != "Internal error" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if !strings.Contains(p.log.String(), "the cable is loose") {
				t.Errorf("the log lacks the cause: %s", p.log)
			}
		})
	}
}

// A refill's state has its word, from request to end.
func TestClassicRefillWords(t *testing.T) {
	t.Parallel()
	p := newClassicPanel(t, db.SQLite)
	want := func(word string) {
		t.Helper()
		for _, ask := range []string{"refill=1", "order=8"} {
			if got := p.post("key=<classic>&action=refill_status&" + ask).Body.String(); got != `{"status":"`+word+`"}` {
				t.Errorf("%s: %s, want %s", ask, got, word)
			}
		}
	}
	if got := p.post("key=<classic>&action=refill&order=8").Body.String(); got != `{"refill":"1"}` {
		t.Fatal(got)
	}
	want("Pending")
	for _, step := range []struct {
		to   order.RefillState
		word string
	}{{order.RefillInProgress, "In progress"}, {order.RefillCompleted, "Completed"}, {order.RefillRejected, "Rejected"}} {
		must(t, p.d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE refills SET state = $1`, string(step.to))
			return err
		}))
		want(step.word)
	}
}

// An order is asked about by its id or its number, whatever the key's dialect.
func TestBothDialectsTakeBothIDs(t *testing.T) {
	t.Parallel()
	for key, p := range map[string]*panel{"<live>": newPanel(t, db.SQLite), "<classic>": newClassicPanel(t, db.SQLite)} {
		byNumber := p.post("key=" + key + "&action=status&order=7").Body.String()
		byID := p.post("key=" + key + "&action=status&order=ord_<in_progress>").Body.String()
		if byNumber != byID || !strings.Contains(byID, `"remains":"65"`) {
			t.Errorf("%s: %s and %s", key, byNumber, byID)
		}
	}
}

// The owner of a classic key learns that it travels in URLs; the request is served.
func TestClassicKeyInQueryIsNoted(t *testing.T) {
	t.Parallel()
	p := newClassicPanel(t, db.SQLite)
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, p.fill("/api/v2?key=<classic>&action=balance"), nil))
	if w.Code != 200 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	noted := false
	must(t, p.d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) = 1 FROM api_keys WHERE seen_in_url_at IS NOT NULL AND name = 'classic'`).Scan(&noted)
	}))
	if !noted {
		t.Error("not noted")
	}
}

// A key that is given the other dialect speaks it from the next request on. Parts
// of drip-feeds and subscriptions are listed in both.
func TestDialectChangesAtOnce(t *testing.T) {
	t.Parallel()
	p := newClassicPanel(t, db.SQLite)
	ask := func(number string) string {
		return shownID.ReplaceAllString(p.post("key=<classic>&action=status&order="+number).Body.String(), "ord_")
	}
	if got, want := ask("14"), `{"charge":"0.60","start_count":"0","status":"In progress","remains":"200","currency":"USD","runs":"1","orders":[15]}`; got != want {
		t.Errorf("classic: %s, want %s", got, want)
	}
	store := apikey.NewStore(p.d, p.ring)
	keys, err := store.List(t.Context(), "", "", 100)
	must(t, err)
	for _, k := range keys {
		if k.Name == "classic" {
			_, err := store.Set(t.Context(), k.ID, apikey.Change{Dialect: new(apikey.Native)}, "test")
			must(t, err)
		}
	}
	for number, want := range map[string]string{
		"14": `{"status":"in_progress","charge":"0.60","start_count":null,"remains":null,"currency":"USD","runs":"1","orders":["ord_"]}`,
		"16": `{"status":"in_progress","charge":"0.24","start_count":null,"remains":null,"currency":"USD","posts":"2","orders":["ord_","ord_"],"expiry":"2031-12-31"}`,
		"15": `{"status":"pending","charge":"0.20","start_count":null,"remains":null,"currency":"USD"}`,
	} {
		if got := ask(number); got != want {
			t.Errorf("native: %s, want %s", got, want)
		}
	}
}
