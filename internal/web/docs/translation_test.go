package docs

import (
	"html"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape is what a page says beside its words: a translation has the same.
type shape struct {
	Sections []string   // ids
	Samples  []string   // ids, by section
	Links    []string   // sorted: words stand in another order
	Tables   [][]string // the code in each cell, sorted, with its table and row
	Bold     []int      // how much is set in bold, by section
	Lists    []int      // entries of lists, by section
}

func shapeOf(t *testing.T, d *Docs, language, slug string) (s shape) {
	t.Helper()
	for _, part := range pageIn(t, d, language, slug).Sections {
		s.Sections = append(s.Sections, part.ID)
		bold, entries := 0, 0
		for _, b := range part.Blocks {
			for _, one := range b.Samples {
				s.Samples = append(s.Samples, part.ID+" "+one.ID)
			}
			for _, found := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(b.HTML, -1) {
				s.Links = append(s.Links, found[1])
			}
			bold += strings.Count(b.HTML, "<strong>")
			entries += strings.Count(b.HTML, "<li>")
		}
		s.Bold, s.Lists = append(s.Bold, bold), append(s.Lists, entries)
	}
	slices.Sort(s.Links)
	for _, one := range tablesIn(t, d, language, slug) {
		for _, row := range one.rows {
			for _, cell := range row {
				words := code(cell)
				slices.Sort(words)
				s.Tables = append(s.Tables, append([]string{one.section}, words...))
			}
		}
	}
	return s
}

// A translation has the sections, samples, links and tables of the English page,
// which is held against the program, with the same code in every cell.
func TestTranslationsHaveTheShapeOfTheEnglishPage(t *testing.T) {
	t.Parallel()
	inEvery(t, func(t *testing.T, language string) {
		d := usual(t)
		for _, slug := range Slugs() {
			if diff := cmp.Diff(shapeOf(t, d, English, slug), shapeOf(t, d, language, slug)); diff != "" {
				t.Errorf("%q (-English +%s):\n%s", slug, language, diff)
			}
		}
	})
}

var directive = regexp.MustCompile(`\{\{[^}]*\}\}`)

// A translation takes the same numbers from the program, and writes none of its
// own in their place.
func TestTranslationsTakeTheSameNumbers(t *testing.T) {
	t.Parallel()
	inEvery(t, func(t *testing.T, language string) {
		for _, slug := range Slugs() {
			var all [2][]string
			for i, l := range []string{English, language} {
				source, err := files.ReadFile(path.Join("content", l, fileOf(slug)))
				must(t, err)
				all[i] = directive.FindAllString(string(source), -1)
				slices.Sort(all[i])
			}
			if diff := cmp.Diff(all[0], all[1]); diff != "" {
				t.Errorf("%q (-English +%s):\n%s", slug, language, diff)
			}
		}
	})
}

// Capitals, letters with marks and words without theirs find the same sections.
func TestTurkishIsFoundHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	d := usual(t)
	for query, want := range map[string]string{
		"iptal": "/developers/cancel", "IPTAL": "/developers/cancel", "İPTAL": "/developers/cancel", "siparis durumu": "/developers/order-status",
		"SIPARIŞ DURUMU": "/developers/order-status", "kademeli gonderim": "/developers/add-order#drip-feed", "istek sinirlari": "/developers/rate-limits",
	} {
		hits, err := d.Search("tr", query)
		must(t, err)
		if !slices.ContainsFunc(hits[:min(3, len(hits))], func(h Hit) bool { return h.URL == want }) {
			t.Errorf("%q finds %+v", query, hits[:min(3, len(hits))])
		}
	}
	e := entry{Text: strings.Repeat("İğneler ", 12) + "ığdır'da bir sipariş"}
	if got := e.snippet(fold("IGDIR")); !strings.Contains(got, "ığdır'da") || !strings.HasPrefix(got, "…İğneler") {
		t.Errorf("%q", html.UnescapeString(got))
	}
}
