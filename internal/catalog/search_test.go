package catalog_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// shop is a catalogue in memory, of services that differ in what is looked for.
func shop(change func(i int, v *catalog.Service), names ...string) *catalog.Snapshot {
	s := &catalog.Snapshot{}
	for i, name := range names {
		v := &catalog.Service{
			ID: int64(i + 1), CategoryID: "cat_a", Category: "Adverts", Name: name, Type: catalog.Default,
			Rate: unit, Min: 10, Max: 1000, Increment: 1, State: catalog.Active,
		}
		if change != nil {
			change(i, v)
		}
		s.Services = append(s.Services, v)
	}
	return s
}

func find(t *testing.T, s *catalog.Snapshot, q catalog.Query) (page catalog.Listed, ids []int64) {
	t.Helper()
	page, err := s.Search(q)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range page.Services {
		ids = append(ids, l.ID)
	}
	return page, ids
}

// Words are found by their beginnings, in any order and however they are typed;
// the words of the category count as well.
func TestSearchByWords(t *testing.T) {
	t.Parallel()
	s := shop(nil,
		"Banner impressions, 728×90", "Video impressions (skippable)", "İlan yayını – Türkiye", "SEO-Prüfung für Straßen", "Реклама в новостях",
		"広告バナー制作", "Newsletter it's new", "Café Ørsted", "ｗｉｄｅ text", "نص إعلاني")
	for said, want := range map[string][]int64{
		"":                  {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"  ":                {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"banner":            {1},
		"BANN":              {1},
		"anner":             nil,
		"impressions vid":   {2},
		"imp":               {1, 2},
		"impressions xyz":   nil,
		"advert":            {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"adverts ban":       {1},
		"728":               {1},
		"728x90":            nil,
		"728 90":            {1},
		"skippable)":        {2},
		"ilan":              {3},
		"ILAN":              {3},
		"ılan":              {3},
		"İLAN YAYINI":       {3},
		"turkiye":           {3},
		"TÜRKİYE":           {3},
		"pruf":              {4},
		"prüfung":           {4},
		"strassen":          {4},
		"STRASSEN":          {4},
		"seo-prüf":          {4},
		"РЕКЛ":              {5},
		"новос":             {5},
		"バナー":               {6},
		"制作":                {6},
		"its":               {7},
		"it's":              {7},
		"cafe orsted":       {8},
		"wide":              {9},
		"اعلاني":            {10},
		"---":               nil,
		"%":                 nil,
		"' OR 1=1 --":       nil,
		"\xff\xfebanner":    {1},
		"banner\x00":        {1},
		"ban\u0301ner":      {1},
		"imp imp imp imp":   {1, 2},
		"🙂":                 nil,
		"a b c d e f g h i": nil,
	} {
		page, got := find(t, s, catalog.Query{Text: said})
		if !slices.Equal(got, want) || page.Total != len(want) || page.Next != 0 {
			t.Errorf("%q finds %v (%d, next %d), want %v", said, got, page.Total, page.Next, want)
		}
	}
	if _, got := find(t, s, catalog.Query{Text: strings.Repeat("banner ", 100_000)}); !slices.Equal(got, []int64{1}) {
		t.Errorf("a very long text finds %v", got)
	}
}

// Who types a service's number gets that service first, and then what has the
// number in its name; on no other page does it come again.
func TestSearchByNumber(t *testing.T) {
	t.Parallel()
	s := shop(func(i int, v *catalog.Service) {
		if i == 7 {
			v.State = catalog.Paused
		}
	}, "12 banners", "A", "B", "12 flyers", "C 12", "D", "E", "8 cards", "F", "G", "H", "Twelfth", "120 stickers")
	for said, want := range map[string][]int64{
		"12": {12, 1, 4, 5, 13}, "#12": {12, 1, 4, 5, 13}, " 12 ": {12, 1, 4, 5, 13}, "1": {1, 4, 5, 13}, "3": {3}, "8": nil, "99": nil,
		"-12": {1, 4, 5, 13}, "99999999999999999999": nil, "0": nil,
	} {
		if _, got := find(t, s, catalog.Query{Text: said}); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", said, got, want)
		}
	}
	for most := 1; most <= 6; most++ {
		got, pages := walk(t, s, catalog.Query{Text: "12", Most: most})
		if want := []int64{12, 1, 4, 5, 13}; !slices.Equal(got, want) || pages != (len(want)+most-1)/most {
			t.Errorf("%d a page: %v on %d pages", most, got, pages)
		}
	}
}

// walk goes through all pages.
func walk(t interface {
	Helper()
	Fatal(args ...any)
}, s *catalog.Snapshot, q catalog.Query,
) (ids []int64, pages int) {
	t.Helper()
	total := -1
	for {
		page, err := s.Search(q)
		if err != nil {
			t.Fatal(err)
		}
		if total >= 0 && page.Total != total {
			t.Fatal("the total changed from", total, "to", page.Total)
		}
		total = page.Total
		pages++
		for _, l := range page.Services {
			ids = append(ids, l.ID)
		}
		if q.After = page.Next; q.After == 0 {
			if len(ids) != total {
				t.Fatal(len(ids), "services of", total)
			}
			return ids, pages
		}
		if len(page.Services) == 0 || pages > 10_000 {
			t.Fatal("an empty page that is not the last")
		}
	}
}

// However long the pages are, all of them together have each service once, in
// catalogue order, and each page but the last is full.
func TestPagesHaveEachServiceOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"Banner", "Banner 3", "5 cards", "Video"}), 0, 40).Draw(t, "names")
		paused := rapid.SliceOfN(rapid.Bool(), 40, 40).Draw(t, "paused")
		s := shop(func(i int, v *catalog.Service) {
			if paused[i] {
				v.State = catalog.Paused
			}
		}, names...)
		said := rapid.SampledFrom([]string{"", "banner", "3", "5", "#3", "xyz"}).Draw(t, "said")
		most := rapid.IntRange(1, 12).Draw(t, "most")
		got, pages := walk(t, s, catalog.Query{Text: said, Most: most})
		whole, _ := walk(t, s, catalog.Query{Text: said, Most: catalog.MostListed})
		if !slices.Equal(got, whole) || pages > 1+len(whole)/most {
			t.Fatalf("%v on %d pages, want %v", got, pages, whole)
		}
		for _, serviceID := range got {
			if paused[serviceID-1] {
				t.Fatalf("%d is not sold", serviceID)
			}
		}
	})
}

// Filters hold together, and a page goes on behind a service that was paused
// meanwhile.
func TestSearchFilters(t *testing.T) {
	t.Parallel()
	s := shop(func(i int, v *catalog.Service) {
		v.Refill, v.Cancel, v.Dripfeed = i%2 == 0, i%3 == 0, i%4 == 0
		if i >= 6 {
			v.CategoryID, v.Category, v.Type = "cat_b", "Content", catalog.SEO
		}
		if i == 8 {
			v.Type = catalog.Package // which is never delivered in runs
		}
	}, strings.Split("abcdefghijkl", "")...)
	for name, c := range map[string]struct {
		q    catalog.Query
		want []int64
	}{
		"category":         {catalog.Query{Category: "cat_b"}, []int64{7, 8, 9, 10, 11, 12}},
		"no category":      {catalog.Query{Category: "cat_c"}, nil},
		"type":             {catalog.Query{Type: catalog.SEO}, []int64{7, 8, 10, 11, 12}},
		"refill":           {catalog.Query{Refill: true}, []int64{1, 3, 5, 7, 9, 11}},
		"cancel":           {catalog.Query{Cancel: true}, []int64{1, 4, 7, 10}},
		"drip-feed":        {catalog.Query{Dripfeed: true}, []int64{1, 5}},
		"all":              {catalog.Query{Refill: true, Cancel: true, Category: "cat_b", Type: catalog.SEO}, []int64{7}},
		"with words":       {catalog.Query{Refill: true, Text: "content"}, []int64{7, 9, 11}},
		"a number filters": {catalog.Query{Text: "2", Refill: true}, nil},
	} {
		if _, got := find(t, s, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	page, _ := find(t, s, catalog.Query{Refill: true, Most: 2})
	s.Services[page.Next-1].State = catalog.Retired
	if _, got := find(t, s, catalog.Query{Refill: true, Most: 2, After: page.Next}); !slices.Equal(got, []int64{5, 7}) {
		t.Errorf("behind a service that is not sold any more: %v", got)
	}
	for _, after := range []int64{-2, 13, 1 << 40} {
		if _, err := s.Search(catalog.Query{After: after}); !fault.Is(err, fault.Invalid) {
			t.Errorf("behind %d: %v, want Invalid", after, err)
		}
	}
	if got := s.ListedCategories(""); !cmp.Equal(got, []catalog.ListedCategory{{"cat_a", "Adverts", 5}, {"cat_b", "Content", 6}}) {
		t.Errorf("categories %+v", got)
	}
	if got := s.Types(); !slices.Equal(got, []catalog.Type{catalog.Default, catalog.Package, catalog.SEO}) {
		t.Errorf("types %v", got)
	}
}

// A page is bounded, whatever is asked for.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	s := shop(nil, slices.Repeat([]string{"Banner"}, 300)...)
	for asked, want := range map[int]int{0: catalog.UsualListed, -5: catalog.UsualListed, 7: 7, 1 << 40: catalog.MostListed} {
		page, got := find(t, s, catalog.Query{Most: asked})
		if len(got) != want || page.Total != 300 || page.Next != int64(want) {
			t.Errorf("%d asked for: %d, next %d", asked, len(got), page.Next)
		}
	}
	page, _ := find(t, shop(nil), catalog.Query{})
	if page.Services == nil || page.Total != 0 || page.Next != 0 {
		t.Errorf("an empty catalogue: %+v", page)
	}
}

// A listing is in the customer's language and at their price beside the list
// price, with what was measured and announced; nothing tells where it is bought.
func TestListing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("1", "2", "3")
		all[0].Name, all[1].Name = "Banner impressions", "Video impressions"
		imported(t, d, providerID, all)
		numbers, store, ctx := byNumber(t, d, providerID), catalog.NewStore(d), t.Context()
		v := numbers["1"]
		set(t, d, v.ID, catalog.Change{Refill: new(true), RefillDays: new(int64(30)), Increment: new(int64(5))})
		set(t, d, numbers["3"].ID, catalog.Change{State: new(catalog.Paused)})
		if _, err := store.SetServiceText(ctx, v.ID, "tr", new("Banner gösterimi"), new("Hemen başlar"), staff); err != nil {
			t.Fatal(err)
		}
		if _, err := store.SetCategoryText(ctx, "Followers", "tr", "Reklamlar", staff); err != nil {
			t.Fatal(err)
		}
		if err := store.SetDiscount(ctx, catalog.Discount{Tier: account.Reseller, Percent: money.Percent(10 * unit)}, staff); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		err := d.Write(ctx, func(tx *db.Tx) error {
			at = tx.Now.Add(72 * time.Hour).Truncate(time.Second)
			return catalog.SaveFacts(tx, map[int64]catalog.Facts{
				v.ID: {Orders: 20, CompleteHalf: new(int64(60)), MeasuredAt: tx.Now}, numbers["2"].ID: {Orders: 19, MeasuredAt: tx.Now},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Announce(ctx, v.ID, 2*unit, at, staff); err != nil {
			t.Fatal(err)
		}
		s := snapshot(t, d)
		if s.Discount(account.Reseller) != money.Percent(10*unit) || s.Discount(account.Standard) != 0 {
			t.Errorf("discounts of %v and %v", s.Discount(account.Reseller), s.Discount(account.Standard))
		}
		who := catalog.Customer{Tier: string(account.Reseller)}
		got, err := s.Listing(v.ID, "tr-TR", who)
		if err != nil {
			t.Fatal(err)
		}
		if got.Facts == nil || *got.Facts.CompleteHalf != 60 || got.Announced == nil || got.Announced.Rate != 2*unit || !got.Announced.EffectiveAt.Equal(at) {
			t.Errorf("measured %+v, announced %+v", got.Facts, got.Announced)
		}
		want := catalog.Listing{
			ID: v.ID, Name: "Banner gösterimi", Description: "Hemen başlar", CategoryID: v.CategoryID, Category: "Reklamlar", Type: catalog.Default,
			Rate: unit, Own: unit * 9 / 10, Min: 10, Max: 1000, Increment: 5, Refill: true, RefillDays: 30, Cancel: true,
			Facts: got.Facts, Announced: got.Announced,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if l, err := s.Listing(numbers["2"].ID, "", catalog.Customer{}); err != nil || l.Facts != nil || l.Announced != nil || l.Own != l.Rate {
			t.Errorf("%+v, %v", l, err)
		}
		for _, serviceID := range []int64{numbers["3"].ID, 0, -1, 1 << 40} {
			if _, err := s.Listing(serviceID, "", who); !fault.Is(err, fault.NotFound) {
				t.Errorf("service %d: %v, want NotFound", serviceID, err)
			}
		}
		// In Turkish the panel's own names are found too, and not the other way round.
		for said, found := range map[string]map[string]int{
			"gösterim": {"tr": 1, "": 0, "de": 0}, "reklam": {"tr": 2, "": 0}, "banner impressions": {"tr": 1, "": 1}, "followers": {"tr": 2, "": 2},
		} {
			for lang, want := range found {
				page, _ := find(t, s, catalog.Query{Text: said, Lang: lang, For: who})
				if page.Total != want {
					t.Errorf("%q in %q finds %d, want %d", said, lang, page.Total, want)
				}
			}
		}
		if got := s.ListedCategories("tr"); len(got) != 1 || got[0].Name != "Reklamlar" || got[0].Services != 2 {
			t.Errorf("categories %+v", got)
		}
	})
}

// Many readers may search one snapshot at the same time.
func TestSearchesAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := shop(nil, slices.Repeat([]string{"Banner"}, 300)...)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			page, err := s.Search(catalog.Query{Text: "ban"})
			if err != nil || page.Total != 300 {
				t.Errorf("%d, %v", page.Total, err)
			}
		})
	}
	all.Wait()
}

func thousands() *catalog.Snapshot {
	names := make([]string, 5000)
	for i := range names {
		names[i] = fmt.Sprintf("%s impressions – %s, tier %d, Türkiye [refill 30 days]", []string{"Banner", "Video", "Newsletter", "İlan"}[i%4],
			[]string{"desktop", "mobile", "mixed"}[i%3], i)
	}
	return shop(func(i int, v *catalog.Service) { v.Category = "Adverts " + strconv.Itoa(i/100) }, names...)
}

// BenchmarkSearch has a page of 50 out of 5,000 services.
func BenchmarkSearch(b *testing.B) {
	s := thousands()
	for name, q := range map[string]catalog.Query{
		"all": {}, "words": {Text: "ban mob"}, "number": {Text: "4711"}, "nothing": {Text: "banner nowhere"},
		"last page": {Text: "refill", After: 4900},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Search(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstSearch makes the words of a new snapshot of 5,000 services too.
func BenchmarkFirstSearch(b *testing.B) {
	services := thousands().Services
	for b.Loop() {
		s := &catalog.Snapshot{Services: services}
		if _, err := s.Search(catalog.Query{Text: "ban"}); err != nil {
			b.Fatal(err)
		}
	}
}
