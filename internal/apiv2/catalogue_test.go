package apiv2_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
)

// ask posts a form with headers, given as pairs.
func (p *panel) ask(form string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(p.fill(form)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, r)
	return w
}

// rates reads the prices that a key sees.
func (p *panel) rates(key string) map[int64]string {
	p.Helper()
	var rows []struct {
		Service int64
		Rate    string
	}
	w := p.ask("key=<" + key + ">&action=services")
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil {
		p.Fatalf("%v in %s", err, w.Body)
	}
	all := map[int64]string{}
	for _, r := range rows {
		all[r.Service] = r.Rate
	}
	return all
}

// Whatever changes a price, the next request on every node has it: the rate, a
// discount, a rate of one's own, the tier, an announced rise.
func TestServicesNeverHaveAnOldPrice(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			d := dbtest.Connect(t, url)
			seeds := plant(t, d)
			nodes := []*panel{serving(t, d, seeds), serving(t, dbtest.Connect(t, url), seeds)}
			store, accounts, ctx := catalog.NewStore(d), account.NewStore(d), t.Context()
			other, err := accounts.Find(ctx, "other@example.com")
			must(t, err)
			for _, c := range []struct {
				change       func() error
				live, others string
			}{
				{func() error { return nil }, "2.00", "1.80"},
				{func() error {
					_, err := store.Set(ctx, 1, catalog.Change{Rate: new(3 * money.Unit)}, "test")
					return err
				}, "3.00", "2.70"},
				{func() error {
					return store.SetDiscount(ctx, catalog.Discount{Tier: account.Reseller, Percent: money.Percent(50 * money.Unit)}, "test")
				}, "3.00", "1.50"},
				{func() error { _, err := accounts.SetTier(ctx, other.ID, account.Standard, "test"); return err }, "3.00", "3.00"},
				{func() error {
					_, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: other.ID, Service: 1, Rate: 7}, "test")
					return err
				}, "3.00", "0.000007"},
				{func() error { return store.RemoveOwnRate(ctx, other.ID, 1, "test") }, "3.00", "3.00"},
				{func() error { return store.RemoveOwnRate(ctx, other.ID, 3, "test") }, "3.00", "3.00"},
				{func() error { _, err := accounts.SetTier(ctx, other.ID, account.Reseller, "test"); return err }, "3.00", "1.50"},
			} {
				must(t, c.change())
				for i, p := range nodes {
					if live, own := p.rates("live")[1], p.rates("other")[1]; live != c.live || own != c.others {
						t.Errorf("node %d sells at %s and %s, want %s and %s", i, live, own, c.live, c.others)
					}
				}
			}
			if own := nodes[1].rates("other")[3]; own != "6.25" {
				t.Errorf("without a rate of its own service 3 costs %s", own)
			}
		})
	}
}

// A client that has the list gets 304 until something of it changes for them.
func TestServicesAnswerNotModified(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	const form = "key=<live>&action=services"
	first := p.ask(form)
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || !strings.HasPrefix(tag, `"`) || first.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%d, tag %s", first.Code, tag)
	}
	packed := p.ask(form, "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("ETag") == tag || packed.Body.Len() >= first.Body.Len() {
		t.Errorf("compressed: %v, %d bytes", packed.Header(), packed.Body.Len())
	}
	for _, headers := range [][]string{
		{"If-None-Match", tag},
		{"If-None-Match", packed.Header().Get("ETag"), "Accept-Encoding", "gzip"},
		{"If-None-Match", `"x", ` + tag, "Accept-Encoding", "gzip;q=0"},
	} {
		w := p.ask(form, headers...)
		if w.Code != http.StatusNotModified || w.Body.Len() > 0 || w.Header().Get("ETag") == "" || w.Header().Get("Content-Length") != "" {
			t.Errorf("%v: %d with %d bytes, %v", headers, w.Code, w.Body.Len(), w.Header())
		}
	}
	if w := p.ask("key=<other>&action=services", "If-None-Match", tag); w.Code != http.StatusOK {
		t.Errorf("another's prices: %d", w.Code)
	}
	if w := p.ask(form+"&lang=de", "If-None-Match", tag); w.Code != http.StatusOK || w.Header().Get("ETag") == tag {
		t.Errorf("another language: %d", w.Code)
	}
	_, err := catalog.NewStore(p.d).Set(t.Context(), 1, catalog.Change{Dripfeed: new(true)}, "test")
	must(t, err)
	w := p.ask(form, "If-None-Match", tag)
	if w.Code != http.StatusOK || w.Header().Get("ETag") == tag || !strings.Contains(w.Body.String(), `"dripfeed":true`) {
		t.Errorf("after a change: %d %s", w.Code, w.Body)
	}
}

// A flag is what can be had: what the operator allows, where the type has it.
func TestServicesTellTheTruthAboutFlags(t *testing.T) {
	t.Parallel()
	p := newPanel(t, db.SQLite)
	_, err := catalog.NewStore(p.d).Set(t.Context(), 1, catalog.Change{
		Dripfeed: new(true), Refill: new(true), RefillDays: new(int64(30)), Cancel: new(true),
	}, "test")
	must(t, err)
	body := p.ask("key=<live>&action=service&service=1").Body.String()
	for _, part := range []string{`"dripfeed":true,"refill":true,"cancel":true`, `"refill_days":30`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
	must(t, p.d.Write(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE services SET type = 'Package' WHERE id = 1`); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE epochs SET catalog = catalog + 1`)
		return err
	}))
	if body := p.ask("key=<live>&action=service&service=1").Body.String(); !strings.Contains(body, `"dripfeed":false`) {
		t.Errorf("runs of a package are offered: %s", body)
	}
}
