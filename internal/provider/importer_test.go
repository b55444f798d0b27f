package provider

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/secret"
)

const twentyPercent = money.Percent(20 * money.Unit)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// selling is a provider whose answers a test sets, and an importer that asks it.
type selling struct {
	*testing.T

	d        *db.DB
	catalog  *catalog.Store
	store    *Store
	importer Importer
	provider Provider

	mu      sync.Mutex
	answers map[string]string // by action
	asked   map[string]int    // by action: how often
}

func newSelling(t *testing.T, d *db.DB) *selling {
	t.Helper()
	s := &selling{T: t, d: d, asked: map[string]int{}, answers: map[string]string{"balance": `{"balance":"10.00","currency":"USD"}`}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked[r.PostForm.Get("action")]++
		if r.PostForm.Get("key") != upstreamKey {
			_, _ = io.WriteString(w, `{"error":"Invalid API key"}`)
			return
		}
		_, _ = io.WriteString(w, s.answers[r.PostForm.Get("action")])
	}))
	t.Cleanup(server.Close)
	ring, err := secret.NewRing(secret.Generate(), nil)
	must(t, err)
	s.store, s.catalog = NewStore(d, ring), catalog.NewStore(d)
	s.provider, err = s.store.Add(context.Background(), "Upstream", server.URL+"/secret-path", upstreamKey, "test")
	must(t, err)
	s.importer = Importer{Providers: s.store, Catalog: s.catalog, Guard: loopback(t), Timeout: patient, Currency: "USD"}
	return s
}

// says sets an answer.
func (s *selling) says(action, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[action] = body
}

// times returns how often the provider was asked that.
func (s *selling) times(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[action]
}

// sets changes a column of the provider.
func (s *selling) sets(column string, value any) {
	s.Helper()
	must(s, s.d.Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE providers SET `+column+` = $2 WHERE id = $1`, s.provider.ID, value)
		return err
	}))
}

// reads returns a column of the provider, as text; "" is NULL.
func (s *selling) reads(column string) (value string) {
	s.Helper()
	must(s, s.d.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COALESCE(CAST(`+column+` AS TEXT), '') FROM providers WHERE id = $1`, s.provider.ID).Scan(&value)
	}))
	return value
}

func (s *selling) imports() ImportReport {
	s.Helper()
	report, err := s.importer.Import(context.Background(), s.provider.ID, twentyPercent, "test")
	must(s, err)
	return report
}

// sold is a service as it matters here.
type sold struct {
	ID             int64
	Source         string
	Category, Name string
	Cost, Rate     string
	Min, Max       int64
	Cancel         bool
	State          catalog.State
}

func (s *selling) list() (all []sold) {
	s.Helper()
	services, err := s.catalog.List(context.Background())
	must(s, err)
	for _, v := range services {
		all = append(all, sold{v.ID, v.Source.ProviderService, v.Category, v.Name, v.Source.Cost.String(), v.Rate.String(), v.Min, v.Max, v.Cancel, v.State})
	}
	return all
}

// epoch is the catalogue's: it moves with every change.
func (s *selling) epoch() (n int64) {
	s.Helper()
	must(s, s.d.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT catalog FROM epochs WHERE id = 1`).Scan(&n)
	}))
	return n
}

// An import takes what can be sold in whatever form it is written, at its cost
// raised by the markup to the millionth, and names the rest.
func TestImportTakesWhatCanBeSold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.says("services", "<br /><b>Notice</b>: Undefined index: x<br />"+`[
			{"service":101,"name":"Views","type":"Default","category":"Video","rate":"0.90","min":"50","max":"10000","cancel":true},
			{"service":"102","name":"Likes","type":"default","category":"Video","rate":0.27819,"min":10,"max":500,"cancel":0},
			{"service":103,"name":"Shares\u0000\n","category":"Share","rate":"0.0000001","min":1,"max":1},
			{"service":104,"name":"Free","type":"DEFAULT","category":null,"rate":0,"min":1,"max":10},
			{"service":101,"name":"Views again","type":"Default","category":"Video","rate":"0.01","min":1,"max":2},
			{"service":105,"name":"Comments","type":"Custom Dances","category":"Video","rate":"5","min":1,"max":10},
			{"service":106,"name":"Dear","type":"Default","category":"Video","rate":"1000000000","min":1,"max":10},
			{"service":107,"name":"No price","type":"Default","category":"Video","rate":"$1","min":1,"max":10},
			{"service":108,"name":"","type":"Default","category":"Video","rate":"1","min":1,"max":10},
			{"service":109,"name":"Turned","type":"Default","category":"Video","rate":"1","min":10,"max":1},
			{"name":"Without number","rate":"1","min":1,"max":10},
			null]`)
		report := s.imports()
		want := []sold{
			{1, "101", "Video", "Views", "0.90", "1.08", 50, 10_000, true, catalog.Active},
			{2, "102", "Video", "Likes", "0.27819", "0.333828", 10, 500, false, catalog.Active},
			{3, "103", "Share", "Shares", "0.000001", "0.000002", 1, 1, false, catalog.Active},
			{4, "104", "Other", "Free", "0.00", "0.00", 1, 10, false, catalog.Active},
		}
		if got := s.list(); !reflect.DeepEqual(got, want) {
			t.Errorf("sold\n%+v\nwant\n%+v", got, want)
		}
		left := []LeftOut{
			{"105", "Comments", "its type is not sold here: Custom Dances"},
			{"106", "Dear", "its price is out of range"},
			{"107", "No price", "its rate can't be read"},
			{"108", "", "it has no name"},
			{"109", "Turned", "its limits can't be read"},
			{"", "Without number", "it has no number"},
		}
		if !reflect.DeepEqual(report.LeftOut, left) || report.Imported != (catalog.Imported{Added: 4}) {
			t.Errorf("report %+v", report)
		}
		p, err := s.store.Find(context.Background(), "Upstream")
		if err != nil || p.Currency != "USD" {
			t.Errorf("currency %q, %v", p.Currency, err)
		}
	})
}

// Price = cost × 1.2, exactly, rounded up where there is no such millionth.
func TestImportMarkup(t *testing.T) {
	t.Parallel()
	for cost, want := range map[string]string{
		"1": "1.20", "0.9": "1.08", "0.27819": "0.333828", "0.000001": "0.000002", "0.000005": "0.000006",
		"0.1234565": "0.148149", "833333333.333333": "1000000000.00", "0": "0.00", "7.777777": "9.333333",
	} {
		amount, err := money.ParseUp(cost)
		must(t, err)
		offers, left := offersOf([]Listing{{ID: "1", Name: "V", Cost: amount, Min: 1, Max: 2}}, &terms{pricing: catalog.Pricing{Markup: new(twentyPercent)}})
		if len(left) != 0 || len(offers) != 1 || offers[0].Rate.String() != want {
			t.Errorf("%s: %+v, want %s; left out %+v", cost, offers, want, left)
		}
	}
}

// A second import knows its services again by their number at the provider.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		const views = `{"service":101,"name":"Views","type":"Default","category":"Video","rate":"0.90","min":50,"max":10000}`
		const likes = `{"service":102,"name":"Likes","type":"Default","category":"Video","rate":"2","min":1,"max":10}`
		s.says("services", `[`+views+`,`+likes+`]`)
		s.imports()
		if got := s.imports().Imported; got != (catalog.Imported{}) {
			t.Errorf("the same list again: %+v", got)
		}
		s.says("services", `[`+strings.Replace(views, "0.90", "1.00", 1)+`]`)
		if got := s.imports().Imported; got != (catalog.Imported{Changed: 1, Paused: 1}) {
			t.Errorf("dearer, and one vanished: %+v", got)
		}
		if got := s.list(); got[0].Rate != "1.20" || got[1].State != catalog.Paused {
			t.Errorf("%+v", got)
		}
		s.says("services", `[`+likes+`,`+views+`]`)
		if got := s.imports().Imported; got != (catalog.Imported{Changed: 1, Resumed: 1}) {
			t.Errorf("it came back: %+v", got)
		}
		if got := s.list(); len(got) != 2 || got[0].Rate != "1.08" || got[1].State != catalog.Active || got[1].ID != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// What is no whole list in our currency changes nothing: not one service, not the
// catalogue's epoch.
func TestImportRefusesWhatItCannotTrust(t *testing.T) {
	t.Parallel()
	const list = `[{"service":101,"name":"Views","type":"Default","category":"Video","rate":"0.90","min":50,"max":10000}]`
	for name, c := range map[string]struct{ balance, services, want string }{
		"other currency":    {`{"balance":"1","currency":"EUR"}`, list, `counted in "USD" before and in "EUR" now`},
		"no balance":        {`{"error":"Invalid API key"}`, list, "Invalid API key"},
		"balance of HTML":   {`<h1>Hello</h1>`, list, "can't be read"},
		"empty list":        {"", `[]`, "lists no services"},
		"a list of nothing": {"", `[null,1]`, "lists no services"},
		"empty data":        {"", `{"status":"success","data":"Empty Data"}`, "no services to tell of"},
		"error":             {"", `{"error":"Incorrect request"}`, "Incorrect request"},
		"HTML":              {"", `<html>`, "can't be read"},
		"pages":             {"", `{"services":` + list + `,"has_more":true}`, "comes in pages"},
		"one of many":       {"", `{"services":` + list + `,"count":900}`, "not whole: 1 of 900"},
		"cut short":         {"", list[:len(list)-1], "can't be read"},
		// The report names them; nothing else changes.
		"nothing that can be sold": {"", strings.ReplaceAll(list, "0.90", "?"), "nothing that can be sold"},
		"other types":              {"", strings.ReplaceAll(list, "Default", "Dances"), "nothing that can be sold"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSelling(t, dbtest.Open(t, db.SQLite))
			s.says("services", list)
			s.imports()
			before, epoch := s.list(), s.epoch()
			if c.balance != "" {
				s.says("balance", c.balance)
			}
			s.says("services", c.services)
			report, err := s.importer.Import(context.Background(), "Upstream", twentyPercent, "test")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if strings.Contains(c.want, "can be sold") && len(report.LeftOut) != 1 {
				t.Errorf("left out: %+v", report.LeftOut)
			}
			secretive(t, "the error", err)
			if got := s.list(); !reflect.DeepEqual(got, before) || s.epoch() != epoch {
				t.Errorf("it changed %+v to %+v", before, got)
			}
		})
	}
}

// Selling below cost, and a provider that nobody knows, are refused before anything is asked.
func TestImportRefusesBadArguments(t *testing.T) {
	t.Parallel()
	s := newSelling(t, dbtest.Open(t, db.SQLite))
	if _, err := s.importer.Import(context.Background(), "Upstream", -1, "test"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a negative markup: %v", err)
	}
	if _, err := s.importer.Import(context.Background(), "Nobody", twentyPercent, "test"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown provider: %v", err)
	}
}

// Only what could be the full address of an API is stored; the key is sealed.
func TestStoreAdd(t *testing.T) {
	t.Parallel()
	s := newSelling(t, dbtest.Open(t, db.SQLite))
	ctx := context.Background()
	for name, c := range map[string]struct {
		name, address, key string
		code               fault.Code
	}{
		"no name":   {" ", "https://provider.example/api/v2", "key", fault.Invalid},
		"long name": {strings.Repeat("n", 65), "https://provider.example/api/v2", "key", fault.Invalid},
		"no scheme": {"a", "provider.example/api/v2", "key", fault.Invalid},
		"scheme":    {"a", "ftp://provider.example/", "key", fault.Invalid},
		"no host":   {"a", "https:///api/v2", "key", fault.Invalid},
		"user":      {"a", "https://me:secret@provider.example/", "key", fault.Invalid},
		"query":     {"a", "https://provider.example/?key=1", "key", fault.Invalid},
		"fragment":  {"a", "https://provider.example/#x", "key", fault.Invalid},
		"no key":    {"a", "https://provider.example/", "", fault.Invalid},
		"two lines": {"a", "https://provider.example/", "a\nb", fault.Invalid},
		"long key":  {"a", "https://provider.example/", strings.Repeat("k", 513), fault.Invalid},
		"again":     {"Upstream", "https://provider.example/", "key", fault.Conflict},
	} {
		if _, err := s.store.Add(ctx, c.name, c.address, c.key, "test"); !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, err := s.store.List(ctx)
	if err != nil || len(all) != 1 || all[0].State != Active {
		t.Fatalf("%+v, %v", all, err)
	}
	secretive(t, "the provider", all[0].keySealed)
}

// Pausing and moving a provider keep it the same provider.
func TestStoreChanges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		ctx := context.Background()
		must(t, s.store.SetState(ctx, s.provider.ID, Paused, "no funds", "test"))
		must(t, s.store.SetState(ctx, s.provider.ID, Paused, "again", "test"))
		if p, err := s.store.Find(ctx, s.provider.ID); err != nil || p.State != Paused || p.PauseReason != "no funds" {
			t.Errorf("%+v, %v", p, err)
		}
		must(t, s.store.SetState(ctx, s.provider.ID, Active, "", "test"))
		must(t, s.store.SetAddress(ctx, s.provider.ID, "https://provider.example/new", "another-key", "test"))
		p, err := s.store.Find(ctx, "Upstream")
		if err != nil || p.State != Active || p.URL != "https://provider.example/new" || p.ID != s.provider.ID {
			t.Errorf("%+v, %v", p, err)
		}
		c, err := s.store.Client(p, loopback(t), patient)
		if err != nil || c.key != "another-key" {
			t.Errorf("%v", err)
		}
		// A sealed key opens only for the provider that it was sealed for.
		p.ID = "prv_00000000000000000000000000"
		if _, err := s.store.Client(p, loopback(t), patient); err == nil {
			t.Error("another provider's key opens")
		}
	})
}
