package site_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/web/site"
)

type sitemap struct {
	URLs []struct {
		Loc   string `xml:"loc"`
		Links []struct {
			Lang string `xml:"hreflang,attr"`
			To   string `xml:"href,attr"`
		} `xml:"http://www.w3.org/1999/xhtml link"`
	} `xml:"url"`
}

func readSitemap(s *shop) (m sitemap) {
	s.Helper()
	w := s.ask(reader, "/sitemap.xml")
	if w.Header().Get("Content-Type") != "application/xml; charset=utf-8" {
		s.Errorf("the type is %s", w.Header().Get("Content-Type"))
	}
	must(s, xml.Unmarshal(w.Body.Bytes(), &m))
	return m
}

// The sitemap names each public page in each language, and what it names is there.
func TestSitemapNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		m := readSitemap(s)
		if want := (len(public) + 29) * 2; len(m.URLs) != want {
			s.Errorf("%d addresses, want %d", len(m.URLs), want)
		}
		named := map[string]bool{}
		for _, u := range m.URLs {
			named[u.Loc] = true
			if len(u.Links) != 3 {
				s.Errorf("%s has %d others", u.Loc, len(u.Links))
			}
			s.page(reader, strings.TrimPrefix(u.Loc, address))
		}
		for _, path := range public {
			if !named[address+path+"?lang=en"] || !named[address+path+"?lang=tr"] {
				s.Errorf("%s is not named", path)
			}
		}
		s.has(s.page(reader, "/robots.txt"), "User-agent: *", "Disallow: /dashboard", "Sitemap: "+address+"/sitemap.xml")
	})
}

// A catalogue larger than a sitemap may be is cut.
func TestSitemapIsBounded(t *testing.T) {
	t.Parallel()
	s := &shop{T: t}
	now := &catalog.Snapshot{Epoch: 1}
	for i := range 30_000 {
		now.Services = append(now.Services, &catalog.Service{ID: int64(i + 1), State: catalog.Active})
	}
	s.open(site.Deps{
		Brand: brand.Default, Paths: []string{"/developers?a&b"},
		Catalogue: func(context.Context) (*catalog.Snapshot, error) { return now, nil },
	})
	m := readSitemap(s)
	if len(m.URLs) != 50_000 {
		t.Errorf("%d addresses", len(m.URLs))
	}
	if !strings.Contains(fmt.Sprint(m.URLs), address+"/developers?a&b") {
		t.Error("the other pages are not named")
	}
}

// Every public page tells search engines in their form what it is.
func TestStructuredData(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		for path, want := range map[string][]string{
			"/":           {"Organization", "WebSite", "SearchAction", address + "/services?q={search_term_string}"},
			"/services/1": {"Product", "Offer", "price:0.42", "priceCurrency:USD", "BreadcrumbList", address + "/services/1"},
			"/faq":        {"FAQPage", "Question", "acceptedAnswer", "How do I order?", `href="` + address + `/signup"`},
		} {
			for _, lang := range []string{"en", "tr"} {
				data := structured(s, s.page(lang, path))
				if len(data) != 1 || data[0]["@context"] != "https://schema.org" {
					s.Fatalf("%s: %v", path, data)
				}
				for _, text := range want {
					if lang == "en" && !strings.Contains(fmt.Sprint(data), text) {
						s.Errorf("%s: %s is not in the data", path, text)
					}
				}
			}
		}
		for _, path := range public {
			page := s.page(reader, path+"?lang=en")
			s.has(page, `<meta name="description"`, `rel="canonical" href="`+address+path+`?lang=en"`, `hreflang="tr" href="`+address+path+`?lang=tr"`,
				`hreflang="x-default" href="`+address+path+`"`, `property="og:image" content="`+address+`/card.png"`)
		}
	})
}

// draw opens the pages of a brand without a catalogue.
func draw(t *testing.T, b brand.Brand) *shop {
	t.Helper()
	s := &shop{T: t}
	s.open(site.Deps{Brand: func() brand.Brand { return b }, Catalogue: func(context.Context) (*catalog.Snapshot, error) { return &catalog.Snapshot{}, nil }})
	return s
}

func card(t *testing.T, b brand.Brand) image.Image {
	t.Helper()
	w := draw(t, b).ask(reader, "/card.png")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	picture, err := png.Decode(w.Body)
	must(t, err)
	if size := picture.Bounds().Size(); size != image.Pt(1200, 630) {
		t.Errorf("the card is %v", size)
	}
	return picture
}

// ink counts the dark pixels where the name stands.
func ink(picture image.Image) (n int, widest int) {
	for y := 340; y < 600; y++ {
		for x := range 1200 {
			if r, g, b, _ := picture.At(x, y).RGBA(); r+g+b < 3*0x6000 {
				n++
				widest = max(widest, x)
			}
		}
	}
	return n, widest
}

// The card has the panel's name in its letters, within its margins; a name that
// has no letters here is left out, and the sign remains.
func TestCard(t *testing.T) {
	t.Parallel()
	for name, drawn := range map[string]bool{
		"notpanel": true, "Çağrı Şöleni": true, "Магазин": true, "Κατάστημα": true, strings.Repeat("WM", 20): true, "商店": false,
	} {
		b := brand.Default()
		b.Name = name
		n, widest := ink(card(t, b))
		if n > 0 != drawn || widest > 1200-96 {
			t.Errorf("%s: %d dark pixels, up to %d", name, n, widest)
		}
	}
}

// Logo, colours and sign are the operator's.
func TestBrandFiles(t *testing.T) {
	t.Parallel()
	accent, _, err := brand.NewAccent("#0b63ce", "")
	must(t, err)
	file := filepath.Join(t.TempDir(), "logo.png")
	var drawn bytes.Buffer
	must(t, png.Encode(&drawn, image.NewRGBA(image.Rect(0, 0, 112, 56))))
	must(t, os.WriteFile(file, drawn.Bytes(), 0o600))
	logo, err := brand.ReadLogo(file)
	must(t, err)
	b := brand.Default()
	b.Accent, b.Logo = &accent, &logo
	card(t, b)
	s := draw(t, b)
	home := s.page(reader, "/")
	s.has(home, `<img src="/brand/`+logo.Name+`" alt="notpanel" width="56" height="28"`, `<link rel="stylesheet" href="`+s.panel.StyleURL)
	for path, kind := range map[string]string{s.panel.LogoURL: "image/png", s.panel.StyleURL: "text/css; charset=utf-8"} {
		w := s.ask(reader, path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	s.has(s.page(reader, s.panel.StyleURL), "--accent:#0b63ce")
	icon := s.page(reader, "/favicon.svg")
	s.has(icon, `fill="#0b63ce"`, `xmlns="http://www.w3.org/2000/svg"`)
	must(t, xml.Unmarshal([]byte(icon), new(struct{})))
	for _, path := range []string{"/brand/none.css", "/brand/..%2Fgo.mod"} {
		if w := s.ask(reader, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	s.has(draw(t, brand.Default()).page(reader, "/favicon.svg"), `fill="#056749"`)
}
