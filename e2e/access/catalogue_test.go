package access_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/provider"
)

// wholesale is a provider with a list that a test sets.
type wholesale struct {
	url string

	mu       sync.Mutex
	services string
}

func newWholesale(t *testing.T, services string) *wholesale {
	t.Helper()
	s := &wholesale{services: services}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch r.FormValue("action") {
		case "balance":
			_, _ = io.WriteString(w, `{"balance":"10.00","currency":"USD"}`)
		case "services":
			_, _ = io.WriteString(w, s.services)
		default:
			_, _ = io.WriteString(w, `{"error":"Incorrect request"}`)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/api/v2"
	return s
}

func (s *wholesale) lists(services string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services = services
}

const (
	scriptName = `<script>alert(1)</script> banner`
	onePage    = `[{"service":7,"name":"` + scriptName + `","desc":"<img src=x onerror=alert(1)> text","category":"Ads","type":"Default","rate":"1.00","min":10,"max":1000},
		{"service":8,"name":"Article","category":"Text","type":"Default","rate":"2.00","min":1,"max":50}]`
)

// desk is the owner in front of a panel with a provider.
type desk struct {
	*visitor

	owner    account.Account
	provider string
	list     string // the import's page
}

func newDesk(t *testing.T, engine db.Engine, from *wholesale) *desk {
	t.Helper()
	p := start(t, engine, func(s *config.Serve) { s.StaffWithoutSecondFactor, s.OutboundAllow = true, "127.0.0.0/8" })
	d := &desk{owner: p.account("owner@example.com", account.Owner)}
	d.visitor = p.signedIn("owner@example.com")
	got := d.ask(http.MethodPost, "/admin/providers", url.Values{
		"name": {"Upstream"}, "kind": {"classic"}, "url": {from.url}, "key": {"the secret key"}, "slots": {"4"}, "package_price": {"flat"},
	})
	if got.status != http.StatusSeeOther {
		t.Fatalf("add a provider: %d %s", got.status, got.body)
	}
	d.provider = strings.TrimPrefix(got.location, "/admin/providers/")
	d.list = "/admin/import/" + d.provider
	return d
}

var hiddenField = regexp.MustCompile(`name="(list|digest)" value="([^"]+)"`)

// read has the list read and looks at it by a mark-up, as the form then sends it.
func (d *desk) read(markup string) (form url.Values, body string) {
	t := d.p.t
	t.Helper()
	if got := d.ask(http.MethodPost, d.list+"/read", url.Values{}); got.location != d.list {
		t.Fatalf("read: %d to %q", got.status, got.location)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		got := d.ask(http.MethodGet, d.list+"?markup="+markup, nil)
		if got.status != http.StatusOK {
			t.Fatalf("look: %d %s", got.status, got.body)
		}
		if strings.Contains(got.body, `id="differences"`) {
			form = url.Values{"markup": {markup}, "take": {"all"}}
			for _, f := range hiddenField.FindAllStringSubmatch(got.body, -1) {
				form.Set(f[1], f[2])
			}
			return form, got.body
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the list was not read")
		}
	}
}

// rates are what is sold, by the provider's numbers.
func (d *desk) rates() map[string]string {
	d.p.t.Helper()
	all, err := d.p.Core.Catalog.List(d.p.t.Context())
	if err != nil {
		d.p.t.Fatal(err)
	}
	rates := map[string]string{}
	for _, v := range all {
		rates[v.Source.ProviderService] = v.Rate.String()
	}
	return rates
}

func engines(t *testing.T, test func(t *testing.T, engine db.Engine)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// What was shown of a list is what is taken: not what the provider lists by then,
// nor another reading, nor by other terms.
func TestAnImportTakesWhatWasShown(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine db.Engine) {
		from := newWholesale(t, onePage)
		d := newDesk(t, engine, from)
		form, body := d.read("20")
		if !strings.Contains(body, "$1.20") || !strings.Contains(body, "$2.40") || strings.Contains(body, "<script>alert") {
			t.Errorf("shown: %s", body)
		}
		from.lists(strings.ReplaceAll(onePage, `"1.00"`, `"9.00"`))
		forged := url.Values{"list": form["list"], "digest": form["digest"], "markup": {"5"}, "take": {"all"}}
		if got := d.ask(http.MethodPost, d.list, forged); got.status != http.StatusUnprocessableEntity || len(d.rates()) != 0 {
			t.Errorf("by other terms than shown: %d, %v", got.status, d.rates())
		}
		if got := d.ask(http.MethodPost, d.list, form); got.status != http.StatusSeeOther || got.location != d.list+"?took=2-0-0-0" {
			t.Fatalf("take: %d to %q", got.status, got.location)
		}
		if got := d.rates(); got["7"] != "1.20" || got["8"] != "2.40" {
			t.Errorf("taken: %v", got)
		}
		before, _ := d.read("20")
		d.read("20")
		if got := d.ask(http.MethodPost, d.list, before); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "read again since") {
			t.Errorf("a reading that gave way: %d", got.status)
		}
		if got := d.rates(); got["7"] != "1.20" {
			t.Errorf("after refusals: %v", got)
		}
		if done := d.log(); !strings.Contains(done, "provider.import "+d.owner.ID) || !strings.Contains(done, "provider.add "+d.owner.ID) {
			t.Errorf("the log says %s", done)
		}
	})
}

// log is every act with who did it.
func (d *desk) log() (text string) {
	d.p.t.Helper()
	err := d.p.Core.DB.Read(d.p.t.Context(), func(tx *db.Tx) error {
		all, err := db.All(tx, func(s db.Scanner) (line string, err error) {
			var action, actor string
			err = s.Scan(&action, &actor)
			return action + " " + actor, err
		}, `SELECT action, actor FROM audit_log ORDER BY seq`)
		text = strings.Join(all, "\n")
		return err
	})
	if err != nil {
		d.p.t.Fatal(err)
	}
	return text
}

// A price that staff set is in the catalogue, its feed and the log with their name.
// One below cost needs a word for it; a name of a provider's is text everywhere.
func TestAPriceIsStaffs(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine db.Engine) {
		d := newDesk(t, engine, newWholesale(t, onePage))
		form, _ := d.read("20")
		if got := d.ask(http.MethodPost, d.list, form); got.status != http.StatusSeeOther {
			t.Fatalf("take: %d", got.status)
		}
		const price = "/admin/services/1/price"
		if got := d.ask(http.MethodPost, price, url.Values{"how": {"fixed"}, "rate": {"0.80"}}); got.status != http.StatusUnprocessableEntity || d.rates()["7"] != "1.20" {
			t.Errorf("below cost without a word: %d, %v", got.status, d.rates())
		}
		if got := d.ask(http.MethodPost, price, url.Values{"how": {"fixed"}, "rate": {"0.80"}, "below": {"on"}}); got.status != http.StatusSeeOther || d.rates()["7"] != "0.80" {
			t.Errorf("below cost: %d, %v", got.status, d.rates())
		}
		rows, err := d.p.Core.Catalog.History(t.Context(), 1, 0, 1)
		if err != nil || len(rows) != 1 || rows[0].Field != "rate" || rows[0].Before != "1.20" || rows[0].After != "0.80" || rows[0].Actor != d.owner.ID {
			t.Errorf("%+v, %v", rows, err)
		}
		if done := d.log(); !strings.Contains(done, "service.set "+d.owner.ID) {
			t.Errorf("the log says %s", done)
		}
		for _, path := range []string{"/services", "/services/1", "/admin/services", "/admin/services/1", "/admin/services/1/texts", "/admin/services?below=1", "/admin/categories"} {
			got := d.ask(http.MethodGet, path, nil)
			if got.status != http.StatusOK || strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
				t.Errorf("%s: %d, %s", path, got.status, got.body)
			}
			if path != "/admin/categories" && !strings.Contains(got.body, "&lt;script&gt;alert(1)") {
				t.Errorf("%s does not show the name", path)
			}
		}
	})
}

// A provider's key and headers never come back in any page, and a page of its tells
// in words what went wrong there.
func TestProvidersSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	from := newWholesale(t, onePage)
	d := newDesk(t, db.SQLite, from)
	path := "/admin/providers/" + d.provider
	got := d.ask(http.MethodPost, path+"/access", url.Values{"url": {from.url}, "key": {"another secret"}, "header_name": {"X-Panel"}, "header_value": {"hidden value"}})
	if got.status != http.StatusSeeOther {
		t.Fatalf("access: %d %s", got.status, got.body)
	}
	wrong := d.ask(http.MethodPost, path+"/access", url.Values{"url": {"ftp://x"}, "key": {"third secret"}, "header_name": {"X-Other"}, "header_value": {"hidden too"}})
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong address: %d", wrong.status)
	}
	pages := []answer{wrong}
	for _, page := range []string{"/admin/providers", path, path + "/access", path + "/settings"} {
		pages = append(pages, d.ask(http.MethodGet, page, nil))
	}
	for _, page := range pages {
		for _, secret := range []string{"secret key", "another secret", "third secret", "hidden value", "hidden too"} {
			if strings.Contains(page.body, secret) {
				t.Errorf("a page shows %q", secret)
			}
		}
	}
	if got := d.ask(http.MethodPost, path+"/balance", url.Values{}); got.location != path+"?did=balance" {
		t.Errorf("read the balance: %d %s", got.status, got.body)
	}
	from.lists(`{"error":"Maintenance"}`)
	if got := d.ask(http.MethodPost, path+"/sync", url.Values{}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Maintenance") {
		t.Errorf("a sync that fails: %d", got.status)
	}
	address := from.url[:strings.LastIndex(from.url, ":")] + ":1/api/v2"
	got = d.ask(http.MethodPost, "/admin/providers", url.Values{"name": {"Away"}, "kind": {"classic"}, "url": {address}, "key": {"k"}, "slots": {"1"}})
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "refused") {
		t.Errorf("a provider that is away: %d %s", got.status, got.body)
	}
}

// What is picked is changed once it was seen; what was picked and has a price of its
// own keeps it.
func TestPickedServicesAreChangedOnceSeen(t *testing.T) {
	t.Parallel()
	d := newDesk(t, db.SQLite, newWholesale(t, onePage))
	form, _ := d.read("20")
	d.ask(http.MethodPost, d.list, form)
	if _, err := d.p.Core.Catalog.Pin(t.Context(), 2, []string{"rate"}, "test"); err != nil {
		t.Fatal(err)
	}
	both := url.Values{"service": {"1", "2"}, "act": {"markup"}, "markup": {"50"}}
	if got := d.ask(http.MethodPost, "/admin/picked-services", both); got.status != http.StatusOK || !strings.Contains(got.body, "$1.50") || d.rates()["7"] != "1.20" {
		t.Errorf("looked at: %d, %v", got.status, d.rates())
	}
	both.Set("sure", "on")
	if got := d.ask(http.MethodPost, "/admin/picked-services", both); got.location != "/admin/services?done=1" || d.rates()["7"] != "1.50" || d.rates()["8"] != "2.40" {
		t.Errorf("done: %d to %q, %v", got.status, got.location, d.rates())
	}
	d.ask(http.MethodPost, "/admin/picked-services", url.Values{"service": {"1", "2"}, "act": {"pause"}, "sure": {"on"}})
	all, err := d.p.Core.Catalog.List(t.Context())
	if err != nil || all[0].State != catalog.Paused || all[1].State != catalog.Paused {
		t.Errorf("%+v, %v", all, err)
	}
	if got := d.ask(http.MethodPost, "/admin/picked-services", url.Values{"act": {"pause"}, "sure": {"on"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing picked: %d", got.status)
	}
}

// A refusal that staff decide is decided in their name; which orders it holds is
// counted beside it.
func TestTextsAreDecidedByStaff(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine db.Engine) {
		d := newDesk(t, engine, newWholesale(t, onePage))
		const text = `No <b>stars</b> today`
		err := d.p.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, _, err := provider.SeeText(tx, d.provider, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.ask(http.MethodGet, "/admin/texts", nil); !strings.Contains(got.body, "No &lt;b&gt;stars") {
			t.Errorf("not shown: %d", got.status)
		}
		if got := d.ask(http.MethodPost, "/admin/texts", url.Values{"provider": {d.provider}, "text": {text}, "as": {"perhaps"}}); got.status != http.StatusUnprocessableEntity {
			t.Errorf("no decision: %d", got.status)
		}
		if got := d.ask(http.MethodPost, "/admin/texts", url.Values{"provider": {d.provider}, "text": {text}, "as": {"next_source"}}); got.location != "/admin/texts" {
			t.Errorf("decide: %d %s", got.status, got.body)
		}
		all, err := d.p.Core.Providers.DecidedTexts(context.Background(), provider.TextCursor{}, 10)
		if err != nil || len(all) != 1 || all[0].Decision != provider.DecideNextSource || !strings.Contains(d.log(), "provider.classify "+d.owner.ID) {
			t.Errorf("%+v, %v", all, err)
		}
		if got := d.ask(http.MethodGet, "/admin/texts?show=decided", nil); !strings.Contains(got.body, "Next source") {
			t.Errorf("decided ones: %d", got.status)
		}
	})
}
