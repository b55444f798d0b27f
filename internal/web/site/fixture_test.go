package site_test

import (
	"context"
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/simulator"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/status"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/worker"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	address = "https://panel.example"
	staff   = "cli:root"
	// reader is the browser that most tests are.
	reader = "en"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shop is a panel's public pages.
type shop struct {
	*testing.T

	db        *db.DB
	catalog   *catalog.Store
	languages *locale.Set
	panel     ui.Panel
	pages     *http.ServeMux
	provider  string

	blog      *blog.Store
	giveaways *giveaway.Store
	announced *announce.Store
	member    string             // the account of who asks; "" is nobody
	beats     []worker.Heartbeat // of the workers
}

// eachEmpty runs test on each engine with nothing to sell.
func eachEmpty(t *testing.T, test func(s *shop)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := &shop{T: t, db: d, catalog: catalog.NewStore(d)}
		s.open(site.Deps{Brand: brand.Default, Limits: map[string]int64{"standard": 300, "reseller": 1200}})
		test(s)
	})
}

// each runs test on each engine with the simulated provider's catalogue.
func each(t *testing.T, test func(s *shop)) {
	t.Helper()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		s.stock()
		test(s)
	})
}

// open serves the pages; what d lacks is added.
func (s *shop) open(d site.Deps) {
	s.Helper()
	var err error
	s.languages, err = locale.Load()
	must(s, err)
	d.Languages = s.languages
	d.Texts, err = content.Open(s.Context(), "", content.Values{Brand: d.Brand, Currency: "USD", Host: "panel.example"}, nil)
	must(s, err)
	if d.Catalogue == nil {
		d.Catalogue = s.snapshot
	}
	if s.db == nil {
		s.db = dbtest.Open(s, db.SQLite)
	}
	ring, err := secret.NewRing(secret.Generate(), nil)
	must(s, err)
	s.blog, s.giveaways, s.announced = blog.NewStore(s.db), giveaway.NewStore(s.db, ring), announce.NewStore(s.db)
	d.Blog, d.Giveaways = s.blog, s.giveaways
	d.Member = func(*http.Request) (string, bool) { return s.member, s.member != "" }
	d.Status = status.NewBoard(status.Deps{
		Heartbeats: func(context.Context) []worker.Heartbeat { return s.beats }, Requests: requestlog.NewStore(s.db), Announced: s.announced,
		Now: clock.System, Log: slog.New(slog.DiscardHandler),
	}).Report
	s.panel = ui.Panel{Currency: "USD", URL: address}
	site.Show(d.Brand(), &s.panel)
	d.Asset = func(_ context.Context, name string) (brand.Asset, bool, error) {
		for _, a := range d.Brand().Assets() {
			if a.Name == name {
				return a, true, nil
			}
		}
		return brand.Asset{}, false, nil
	}
	p := site.New(d)
	s.pages = http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"/{$}": p.Home, "/services": p.Services, "/services/{id}": p.Service, "/pricing": p.Pricing, "/contact": p.Contact,
		"/faq": p.Text(content.FAQ), "/terms": p.Text(content.Terms), "/privacy": p.Text(content.Privacy), "/refund": p.Text(content.Refund),
		"/acceptable-use": p.Text(content.AcceptableUse), "/robots.txt": p.Robots, "/sitemap.xml": p.Sitemap, "/favicon.svg": p.Favicon,
		"/card.png": p.CardPicture, "/brand/{name}": p.BrandAsset, "/why": p.Text(content.Why), "/about": p.Text(content.About),
		"/blog": p.Blog, site.FeedPath: p.Feed, "/blog/{slug}": p.Post, "/status": p.Status,
		"/giveaway": p.Giveaways, "/giveaway/{id}": p.Giveaway, "/giveaway/{id}/proof.json": p.GiveawayProof, "/giveaway/{id}/enter": p.EnterGiveaway,
	} {
		s.pages.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				f := fault.From(err)
				status := f.Code.HTTPStatus()
				if f.Code == fault.NotFound {
					status = http.StatusNotFound
				}
				http.Error(w, err.Error(), status)
			}
		})
	}
}

func (s *shop) snapshot(ctx context.Context) (now *catalog.Snapshot, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		now, err = catalog.Load(tx)
		return err
	})
	return now, err
}

// stock imports what the simulated provider lists.
func (s *shop) stock() {
	s.Helper()
	sim, err := simulator.New(simulator.Options{Key: "upstream"})
	must(s, err)
	upstream := httptest.NewServer(sim)
	s.Cleanup(upstream.Close)
	ring, err := secret.NewRing(secret.Generate(), nil)
	must(s, err)
	providers := provider.NewStore(s.db, ring)
	p, err := providers.Create(s.Context(), provider.New{
		Name: "Upstream", URL: upstream.URL + "/api/v2", Key: "upstream", Profile: provider.Profile{PackagePrice: provider.PriceFlat},
	}, staff)
	must(s, err)
	s.provider = p.ID
	allow, err := outbound.ParseAllow("127.0.0.0/8")
	must(s, err)
	_, err = provider.Importer{
		Providers: providers, Catalog: s.catalog, Guard: outbound.NewOperator(allow), Timeout: time.Minute, Currency: "USD",
	}.Import(s.Context(), p.ID, 20*money.Percent(money.Unit), staff)
	must(s, err)
}

// add sells something more.
func (s *shop) add(o catalog.Offer) *catalog.Service {
	s.Helper()
	v, err := s.catalog.Create(s.Context(), s.provider, o, staff)
	must(s, err)
	return v
}

// ask asks for a page in a language.
func (s *shop) ask(lang, path string, headers ...string) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	l, found := s.languages.Find(lang)
	if !found {
		s.Fatalf("no language %s", lang)
	}
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, r.WithContext(ui.With(r.Context(), &ui.View{
		Language: l, Languages: s.languages.All(), Zone: time.UTC, Now: clock.System(), Path: r.URL.Path, Return: r.URL.RequestURI(), Panel: s.panel,
	})))
	return w
}

// page is the body of a page that is there.
func (s *shop) page(lang, path string) string {
	s.Helper()
	w := s.ask(lang, path)
	if w.Code != http.StatusOK {
		s.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// has and lacks look for texts in a page.
func (s *shop) has(page string, texts ...string) {
	s.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			s.Errorf("%q is not in the page", text)
		}
	}
}

func (s *shop) lacks(page string, texts ...string) {
	s.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			s.Errorf("%q is in the page", text)
		}
	}
}

var rowLink = regexp.MustCompile(`class="row-link" href="/services/(\d+)"`)

// listed are the numbers of the services in a page.
func listed(page string) string {
	var all []string
	for _, m := range rowLink.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, " ")
}

var (
	codeBlock = regexp.MustCompile(`(?s)<pre class="chroma"[^>]*>(.*?)</pre>`)
	tag       = regexp.MustCompile(`<[^>]*>`)
	dataBlock = regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)
)

// samples are the texts of the samples in a page.
func samples(page string) (all []string) {
	for _, m := range codeBlock.FindAllStringSubmatch(page, -1) {
		all = append(all, html.UnescapeString(tag.ReplaceAllString(m[1], "")))
	}
	return all
}

// structured are the data for search engines in a page.
func structured(t testing.TB, page string) (all []map[string]any) {
	t.Helper()
	for _, m := range dataBlock.FindAllStringSubmatch(page, -1) {
		var data map[string]any
		must(t, json.Unmarshal([]byte(m[1]), &data))
		all = append(all, data)
	}
	return all
}

// siteDeps are pages with nothing to sell.
func siteDeps() site.Deps {
	return site.Deps{Brand: brand.Default, Catalogue: func(context.Context) (*catalog.Snapshot, error) { return &catalog.Snapshot{}, nil }}
}
