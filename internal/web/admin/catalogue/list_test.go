package catalogue

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// BenchmarkServices is a page of the list of 5,000 services, found by a word and by
// a provider.
func BenchmarkServices(b *testing.B) {
	d := dbtest.Open(b, db.SQLite)
	ring, err := secret.NewRing(secret.Generate(), nil)
	if err != nil {
		b.Fatal(err)
	}
	providers, store := provider.NewStore(d, ring), catalog.NewStore(d)
	of, err := providers.Create(b.Context(), provider.New{Name: "People", Kind: provider.Manual}, "test")
	if err != nil {
		b.Fatal(err)
	}
	var all []catalog.Offer
	for i := range 5000 {
		n := strconv.Itoa(i)
		all = append(all, catalog.Offer{
			ProviderService: n, Category: "Category " + strconv.Itoa(i/100), Name: "Service of some length, number " + n, Type: catalog.Default,
			Cost: 1_000_000, Rate: 1_200_000, Min: 10, Max: 1000,
		})
	}
	if _, err := store.Import(b.Context(), of.ID, all, "test"); err != nil {
		b.Fatal(err)
	}
	languages, err := locale.Load()
	if err != nil {
		b.Fatal(err)
	}
	cache := catalog.NewCache(d)
	p := New(Deps{Catalog: store, Providers: providers, Snapshot: func(ctx context.Context) (*catalog.Snapshot, error) { return cache.At(ctx, 0) }})
	view := &ui.View{Language: languages.English(), Zone: time.UTC, Panel: ui.Panel{Currency: "USD"}}
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, servicesPath, http.NoBody)
		l := list{filter: filter{text: "length number", provider: of.ID}, change: true}
		ctx := ui.With(r.Context(), view)
		if err := p.find(ctx, &l); err != nil {
			b.Fatal(err)
		}
		if err := ui.Render(httptest.NewRecorder(), r.WithContext(ctx), http.StatusOK, found(l)); err != nil || l.total != 5000 {
			b.Fatal(l.total, err)
		}
	}
}
