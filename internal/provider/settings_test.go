package provider

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/secret"
)

func newStore(t *testing.T, d *db.DB) *Store {
	t.Helper()
	ring, err := secret.NewRing(secret.Generate(), nil)
	must(t, err)
	return NewStore(d, ring)
}

// all returns what a column holds, with blanks between.
func all(t *testing.T, d *db.DB, query string) string {
	t.Helper()
	var texts []string
	must(t, d.Read(context.Background(), func(tx *db.Tx) (err error) {
		texts, err = db.All(tx, func(s db.Scanner) (text string, err error) {
			err = s.Scan(&text)
			return text, err
		}, query)
		return err
	}))
	return strings.Join(texts, "\n")
}

// A provider is found as it was made; of its secrets nothing can be read in the
// database or in the audit log.
func TestCreateKeepsEverything(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx, s := context.Background(), newStore(t, d)
		markup, low := money.Percent(12_500_000), 25*money.Unit
		made, err := s.Create(ctx, New{
			Name: " Theirs ", URL: "https://provider.example/api", Key: upstreamKey, Kind: Classic,
			Profile:  Profile{Method: "GET", Names: map[string]string{"link": "url"}},
			Headers:  []Header{{"x-client", "a-secret-of-ours-16"}},
			Settings: Settings{Slots: 3, Markup: &markup, SyncEvery: 90 * time.Minute, BalanceLow: &low},
		}, "test")
		must(t, err)
		found, err := s.Find(ctx, "Theirs")
		must(t, err)
		found.CreatedAt, found.SyncDueAt = made.CreatedAt, made.SyncDueAt
		if diff := cmp.Diff(made, found, cmp.AllowUnexported(Provider{})); diff != "" {
			t.Error(diff)
		}
		if !made.SyncDueAt.Equal(made.CreatedAt.Add(90 * time.Minute)) {
			t.Errorf("read next at %s", made.SyncDueAt)
		}
		names, err := s.HeaderNames(found)
		must(t, err)
		if diff := cmp.Diff([]string{"X-Client"}, names); diff != "" {
			t.Error(diff)
		}
		stored := all(t, d, `SELECT key_sealed || headers_sealed || url || profile FROM providers`) + all(t, d, `SELECT action || ' ' || detail FROM audit_log`)
		if strings.Contains(stored, "a-secret-of-ours") || strings.Contains(stored, upstreamKey) {
			t.Errorf("a secret is stored: %s", stored)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newStore(t, d)
		negative, lowest := money.Percent(-1), money.Amount(-1)
		const url = "https://provider.example/api"
		for want, n := range map[string]New{
			"name must":         {URL: url, Key: "k"},
			"url must be":       {Name: "N", URL: "provider.example", Key: "k"},
			"url must hold":     {Name: "N", URL: url + "?key=k", Key: "k"},
			"url must hold no":  {Name: "N", URL: url + "?", Key: "k"},
			"key must":          {Name: "N", URL: url},
			"kind must":         {Name: "N", URL: url, Key: "k", Kind: "odd"},
			"profile.method":    {Name: "N", URL: url, Key: "k", Profile: Profile{Method: "PUT"}},
			"user_agent only":   {Name: "N", URL: url, Key: "k", Kind: Native, Profile: Profile{Method: "GET"}},
			"no url, key":       {Name: "N", URL: url, Kind: Manual},
			"has no profile":    {Name: "N", Kind: Manual, Profile: Profile{Method: "GET"}},
			"header Host":       {Name: "N", URL: url, Key: "k", Headers: []Header{{"Host", "a"}}},
			"at most 16":        {Name: "N", URL: url, Key: "k", Headers: manyHeaders(17)},
			"slots must":        {Name: "N", URL: url, Key: "k", Settings: Settings{Slots: 257}},
			"markup must":       {Name: "N", URL: url, Key: "k", Settings: Settings{Markup: &negative}},
			"sync_every must":   {Name: "N", URL: url, Key: "k", Settings: Settings{SyncEvery: time.Second}},
			"balance_low must":  {Name: "N", URL: url, Key: "k", Settings: Settings{BalanceLow: &lowest}},
			"name must be one ": {Name: "a\u202eb", URL: url, Key: "k"},
		} {
			_, err := s.Create(t.Context(), n, "test")
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %s", n, err, want)
			}
		}
		if got, err := s.List(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func manyHeaders(n int) (all []Header) {
	for i := range n {
		all = append(all, Header{"X-" + strings.Repeat("a", i+1), "v"})
	}
	return all
}

// A change changes what it names and nothing else, and is in the audit log
// without its secrets.
func TestSetChangesWhatItNames(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx, s := context.Background(), newStore(t, d)
		p, err := s.Create(ctx, New{Name: "N", URL: "https://provider.example/a", Key: "first-key", Headers: []Header{{"A", "aaaa-secret"}, {"B", "bbbb-secret"}}}, "test")
		must(t, err)
		_, err = s.Set(ctx, p.ID, Change{}, "test")
		must(t, err)
		if log := all(t, d, `SELECT action FROM audit_log`); strings.Contains(log, "provider.set") {
			t.Error("no change is a change")
		}
		url, key, slots, every := "https://provider.example/b", "second-key", int64(2), time.Hour
		markup, none := money.Percent(20_000_000), (*money.Percent)(nil)
		at := &markup
		got, err := s.Set(ctx, p.ID, Change{
			URL: &url, Key: &key, Slots: &slots, SyncEvery: &every, Markup: &at, Profile: &Profile{Encoding: "json"},
			SetHeaders: []Header{{"B", "cccc-secret"}}, Drop: []string{"a"},
		}, "test")
		must(t, err)
		if got.URL != url || got.Slots != 2 || got.SyncEvery != time.Hour || got.SyncDueAt.IsZero() || got.Profile.Encoding != "json" || *got.Markup != markup {
			t.Errorf("%+v", got)
		}
		if k, err := s.key(got); err != nil || k != key {
			t.Errorf("%s, %v", k, err)
		}
		headers, err := openHeaders(s.ring, got)
		must(t, err)
		if diff := cmp.Diff([]Header{{"B", "cccc-secret"}}, headers); diff != "" {
			t.Error(diff)
		}
		off := time.Duration(0)
		got, err = s.Set(ctx, p.ID, Change{Markup: &none, SyncEvery: &off, Drop: []string{"B"}}, "test")
		must(t, err)
		if got.Markup != nil || !got.SyncDueAt.IsZero() || got.headersSealed != "" || got.Slots != 2 {
			t.Errorf("%+v", got)
		}
		log := all(t, d, `SELECT action || ' ' || detail FROM audit_log ORDER BY seq`)
		if !strings.Contains(log, `provider.set url https://provider.example/b, key, profile {"encoding":"json"}, without header A, header B, slots 2, markup 20.00%, sync_every 1h0m0s`) {
			t.Error(log)
		}
		if strings.Contains(log, "secret") || strings.Contains(log, "second-key") {
			t.Errorf("a secret is in the audit log: %s", log)
		}
		_, err = s.Set(ctx, p.ID, Change{Drop: []string{"A"}}, "test")
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		if _, err := s.Set(ctx, "prv_none", Change{Key: &key}, "test"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
	})
}

// Nothing is ever called at a manual provider, and it gets no address later.
func TestManualProviderIsNeverCalled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newStore(t, d)
		p, err := s.Create(t.Context(), New{Name: "People", Kind: Manual}, "test")
		must(t, err)
		if p.URL != "" || p.keySealed != "" || p.headersSealed != "" {
			t.Errorf("%+v", p)
		}
		if _, err := s.Client(p, loopback(t), patient); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v", err)
		}
		url := "https://provider.example/api"
		if _, err := s.Set(t.Context(), p.ID, Change{URL: &url}, "test"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	})
}

// A profile that can't be read stops the calls to its provider and nothing else,
// and is not written over with less.
func TestUnreadableProfileStopsItsProviderOnly(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx, s := context.Background(), newStore(t, d)
		p, err := s.Add(ctx, "N", "https://provider.example/api", "k", "test")
		must(t, err)
		must(t, d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE providers SET profile = '{"telepathy":true}' WHERE id = $1`, p.ID)
			return err
		}))
		listed, err := s.List(ctx)
		must(t, err)
		if _, err := s.Client(listed[0], loopback(t), patient); err == nil || !strings.Contains(err.Error(), "telepathy") {
			t.Errorf("%v", err)
		}
		slots := int64(1)
		if _, err := s.Set(ctx, p.ID, Change{Slots: &slots}, "test"); err == nil {
			t.Error("the profile was written over")
		}
		_, err = s.Set(ctx, p.ID, Change{Profile: &Profile{}}, "test")
		must(t, err)
	})
}

// A client made of a stored provider sends its key, its headers and its profile.
func TestClientOfStoredProvider(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newStore(t, d)
		var got *http.Request
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r
			_, _ = w.Write([]byte(`{"balance":"1","currency":"USD"}`))
		}))
		t.Cleanup(server.Close)
		p, err := s.Create(t.Context(), New{
			Name: "N", URL: server.URL, Key: upstreamKey, Profile: Profile{Method: "GET"}, Headers: []Header{{"X-Client", "value"}},
		}, "test")
		must(t, err)
		c, err := s.Client(p, loopback(t), patient)
		must(t, err)
		_, err = c.Balance(t.Context())
		must(t, err)
		if got.Method != http.MethodGet || got.URL.Query().Get("key") != upstreamKey || got.Header.Get("X-Client") != "value" {
			t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
		}
	})
}

func TestPackagePrice(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Provider{
		"":           {Kind: Classic},
		PriceFlat:    {Kind: Classic, Profile: Profile{PackagePrice: PriceFlat}},
		PricePer1000: {Kind: Native},
	} {
		if got := p.PackagePrice(); got != want {
			t.Errorf("%+v: %q", p, got)
		}
	}
}

// A provider's key and headers go to another host only with who gives them anew: who
// may change its address learns none of them.
func TestSecretsDoNotMoveWithTheAddress(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), newStore(t, d)
		p, err := s.Create(ctx, New{
			Name: "Upstream", Kind: Classic, URL: "https://provider.example/api/v2", Key: "first-key", Headers: []Header{{"X-Secret", "hidden"}},
			Settings: Settings{Slots: 1},
		}, "test")
		must(t, err)
		elsewhere, port, path, key := "https://elsewhere.example/api/v2", "https://provider.example:8443/api/v2", "https://Provider.example/api/v3", "second-key"
		header := []Header{{"X-Secret", "other"}}
		for name, c := range map[string]Change{
			"the address alone":        {URL: &elsewhere},
			"another port":             {URL: &port},
			"of the same account":      {URL: &elsewhere, SameAccount: true},
			"with a key and no header": {URL: &elsewhere, Key: &key},
			"with a header and no key": {URL: &elsewhere, SetHeaders: header},
		} {
			if _, err := s.Set(ctx, p.ID, c, "test"); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, c := range []Change{
			{URL: &path},
			{URL: &elsewhere, Key: &key, SetHeaders: header},
			{URL: &port, Key: &key, Drop: []string{"x-secret"}},
		} {
			_, err := s.Set(ctx, p.ID, c, "test")
			must(t, err)
		}
	})
}
