package site_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/site"
)

// public are the pages that are there whatever is sold.
var public = []string{"/", "/services", "/pricing", "/faq", "/terms", "/privacy", "/refund", "/acceptable-use", "/contact", "/why", "/about", "/blog", "/giveaway", "/status"}

// offer is a service of the tests' own.
func offer(name string) catalog.Offer {
	return catalog.Offer{
		ProviderService: name, Category: "Extra", Name: name, Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit,
		Min: 10, Max: 1000, Increment: 1,
	}
}

// Services are found by words and by number, and filters stand in the address.
func TestServicesAreFound(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		all := strings.Fields(listed(s.page(reader, "/services")))
		if len(all) != 29 {
			s.Fatalf("%d services", len(all))
		}
		for path, want := range map[string]string{
			"/services?q=banner":               "1 2",
			"/services?q=BANNER+country":       "2",
			"/services?q=12":                   "12",
			"/services?q=%2312":                "12",
			"/services?q=no+such+thing":        "",
			"/services?type=Poll":              "25",
			"/services?q=banner&category=none": "",
			"/services?q=%ff%00":               "",
		} {
			if got := listed(s.page(reader, path)); got != want {
				s.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		now, err := s.snapshot(s.Context())
		must(s, err)
		for name, has := range map[string]func(*catalog.Service) bool{
			"cancel":   func(v *catalog.Service) bool { return v.Cancel },
			"refill":   func(v *catalog.Service) bool { return v.Refill },
			"dripfeed": func(v *catalog.Service) bool { return v.Drips() },
		} {
			var want []string
			for _, v := range now.Services {
				if has(v) {
					want = append(want, strconv.FormatInt(v.ID, 10))
				}
			}
			page := s.page(reader, "/services?"+name+"=1")
			if got := listed(page); len(want) == 0 || got != strings.Join(want, " ") {
				s.Errorf("%s: %q, want %v", name, got, want)
			}
			s.has(page, `<a class="chip" href="/services" aria-current="true">`)
		}
		category := now.Services[0].CategoryID
		page := s.page(reader, "/services?category="+category+"&q=banner&cancel=1")
		s.has(page, `name="category" value="`+category+`"`, `name="cancel" value="1"`, `value="banner"`,
			"/services?cancel=1&amp;category="+category+"&amp;q=banner&amp;refill=1")
	})
}

// A page of services leads to the next, and every service is on one of them.
func TestServicesPageByPage(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		for i := range 75 {
			s.add(offer(fmt.Sprintf("Extra %d", i)))
		}
		seen := map[string]bool{}
		path, pages := "/services", 0
		for path != "" {
			page := s.page(reader, path)
			for number := range strings.FieldsSeq(listed(page)) {
				if seen[number] {
					s.Fatalf("service %s is there twice", number)
				}
				seen[number] = true
			}
			path = ""
			if _, after, more := strings.Cut(page, `href="/services?after=`); more {
				number, _, _ := strings.Cut(after, `"`)
				path = "/services?after=" + number
			}
			pages++
		}
		if len(seen) != 104 || pages != 3 {
			s.Errorf("%d services on %d pages", len(seen), pages)
		}
		for _, after := range []string{"none", "999999", "-7", "99999999999999999999"} {
			if w := s.ask(reader, "/services?after="+after); w.Code != http.StatusBadRequest {
				s.Errorf("after=%s: %d", after, w.Code)
			}
		}
	})
}

// What is asked for stands in each link of the page: however long it is, the page
// stays small.
func TestLongSearchesAreCut(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		usual := len(s.page(reader, "/services?q=nothing"))
		long := strings.Repeat("%C4%9F", 2000)
		page := s.page(reader, "/services?q="+long+"&category="+long+"&type="+long)
		s.has(page, `value="`+strings.Repeat("ğ", 100)+`"`)
		if most := usual + 80<<10; len(page) > most {
			s.Errorf("a page of %d bytes, want at most %d", len(page), most)
		}
	})
}

// Who is typing gets only what was found; everybody else the page around it.
func TestTypingGetsThePart(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		part := s.ask(reader, "/services?q=banner", "HX-Request-Type", "partial")
		if listed(part.Body.String()) != "1 2" || !strings.HasPrefix(part.Body.String(), `<div class="found" id="found">`) {
			s.Errorf("the part is %.200s", part.Body)
		}
		s.lacks(part.Body.String(), "<html", "<form")
		page := s.ask(reader, "/services?q=banner", "HX-Request-Type", "full")
		s.has(page.Body.String(), "<html", part.Body.String(), `hx-get="/services"`, `hx-target="#found"`)
		for _, w := range []http.Header{part.Header(), page.Header()} {
			if w.Get("Vary") != "HX-Request-Type" {
				s.Errorf("Vary is %q", w.Get("Vary"))
			}
		}
	})
}

// A service that is paused, retired or was never there has no page.
func TestServiceThatIsNotSoldIsNotThere(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		s.page(reader, "/services/1")
		for number, state := range map[int64]catalog.State{1: catalog.Paused, 2: catalog.Retired} {
			_, err := s.catalog.Set(s.Context(), number, catalog.Change{State: &state}, staff)
			must(s, err)
		}
		for _, path := range []string{"/services/1", "/services/2", "/services/999", "/services/0", "/services/-1", "/services/one", "/services/99999999999999999999", "/services/+3", "/services/03"} {
			if w := s.ask(reader, path); w.Code != http.StatusNotFound {
				s.Errorf("%s: %d", path, w.Code)
			}
		}
		s.lacks(s.page(reader, "/sitemap.xml"), "/services/1?", "/services/2?")
		s.lacks(s.page(reader, "/services"), `"/services/1"`, `"/services/2"`)
	})
}

// What a provider or the operator wrote is text, whatever is in it, wherever it
// is shown.
func TestNamesAreText(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>]]>`
	each(t, func(s *shop) {
		s.Helper()
		o := offer(evil)
		o.Category, o.Description = evil, "**Bold** [link](javascript:alert(1)) </script>"+evil
		v := s.add(o)
		paths := []string{"/", "/services", "/services?q=script", "/services?q=" + strings.ReplaceAll(evil, " ", "+"), "/services?category=" + v.CategoryID, "/services/" + strconv.FormatInt(v.ID, 10)}
		for _, path := range paths {
			page := s.page(reader, strings.NewReplacer("<", "%3C", ">", "%3E", `"`, "%22").Replace(path))
			s.lacks(page, "<script>alert", "<img src=x", "javascript:alert")
			structured(s, page)
		}
		page := s.page(reader, paths[5])
		s.has(page, "<strong>Bold</strong>", "&lt;script&gt;alert(1)")
		if data := structured(s, page)[0]; !strings.Contains(fmt.Sprint(data), evil) {
			s.Errorf("the data has another name: %v", data)
		}
	})
}

// A reader of another language gets the catalogue's words in it, and the page's.
func TestTurkish(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		name, about := "Banner gösterimi, tüm siteler", "Bir birim, bir **gösterimdir**."
		_, err := s.catalog.SetServiceText(s.Context(), 1, "tr", &name, &about, staff)
		must(s, err)
		_, err = s.catalog.SetCategoryText(s.Context(), "Adverts", "tr", "Reklamlar", staff)
		must(s, err)
		s.has(s.page("tr", "/services"), `lang="tr"`, name, "Reklamlar", "1.000–1.000.000", "$0,42", "29 hizmet")
		if got := listed(s.page("tr", "/services?q=gosterimi+REKLAM")); got != "1" {
			s.Errorf("found %q", got)
		}
		s.has(s.page("tr", "/services/1"), name, "<strong>gösterimdir</strong>", "Sipariş alanları")
		s.has(s.page("tr", "/terms"), "Hizmet")
		s.has(s.page("tr", "/"), "Reklamlar, ")
		s.lacks(s.page(reader, "/services"), name, "Reklamlar")
		for _, path := range append(public, "/services/1") {
			page := s.page("tr", path)
			s.lacks(page, ">site.", `"site.`, "<no value>")
		}
	})
}

// Measured facts are shown where enough orders tell, and nothing where they don't.
func TestFactsNeedOrders(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		at := func(seconds int64) *int64 { return &seconds }
		facts := catalog.Facts{
			Orders: catalog.EnoughOrders, StartHalf: at(45), StartMost: at(600), CompleteHalf: at(7300), CompleteMost: at(90_000),
			Completed: 925, Partial: 50, Canceled: 25, MeasuredAt: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC),
		}
		thin := facts
		thin.Orders--
		must(s, s.db.Write(s.Context(), func(tx *db.Tx) error {
			if err := epoch.MoveCatalog(tx); err != nil {
				return err
			}
			return catalog.SaveFacts(tx, map[int64]catalog.Facts{1: facts, 2: thin})
		}))
		s.has(s.page(reader, "/services/1"), "Measured", "newest 20 orders", "half within 45 s · nine of ten within 10 min",
			"half within 2 h · nine of ten within 25 h", "92.5%", "5%", "2.5%")
		s.lacks(s.page(reader, "/services/2"), "Measured", "half within")
		s.has(s.page(reader, "/services"), "Typical time", "2 h")
		s.lacks(s.page(reader, "/services?q=2"), "Typical time")
		s.has(s.page(reader, "/"), "Orders measured")
	})
}

// The page of prices says what the settings and the catalogue say.
func TestPricing(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		must(s, s.catalog.SetDiscount(s.Context(), catalog.Discount{Tier: account.Reseller, Percent: 25 * money.Percent(money.Unit) / 2}, staff))
		s.has(s.page(reader, "/pricing"), "12.5% below list price", "300", "1,200", "No limit", "2,500 × $0.42 ÷ 1,000", "$1.05", "$0.91875",
			`href="/services/1"`, "How a charge is computed")
		s.has(s.page("tr", "/pricing"), "%12,5 altında", "2.500 × $0,42 ÷ 1.000")
	})
}

// With nothing to sell every page is there and claims nothing.
func TestNothingToSell(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		for _, path := range append(public, "/robots.txt", "/sitemap.xml") {
			s.page(reader, path)
		}
		home := s.page(reader, "/")
		s.lacks(home, "curl", `class="figure"`, "0 services")
		s.has(home, "Nothing is on sale here")
		s.has(s.page(reader, "/services"), "No services yet")
		s.has(s.page(reader, "/services?q=banner"), "No service fits")
		s.lacks(s.page(reader, "/pricing"), "An example")
	})
}

// The operator's name, address and contact are those of the settings.
func TestContact(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		b := brand.Default()
		b.Name, b.LegalName, b.Support, b.Contact = "Shop <1>", "Shop Ltd", "help@shop.example", []string{"1 High Street", "Springfield"}
		s.open(site.Deps{Brand: func() brand.Brand { return b }})
		s.has(s.page(reader, "/contact"), "help@shop.example", "Shop Ltd\n1 High Street\nSpringfield", "Top up a balance", "Shop &lt;1&gt;")
		s.has(s.page(reader, "/"), "Shop &lt;1&gt;")
		if data := structured(s, s.page(reader, "/")); !strings.Contains(fmt.Sprint(data), "legalName:Shop Ltd") {
			s.Errorf("the data is %v", data)
		}
	})
}
