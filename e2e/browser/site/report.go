package site

import (
	"fmt"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/e2e/browser"
)

// Finding is something wrong with a page.
type Finding struct {
	What string   // "sideways: …", "axe: …", "link: …", "weight: …", or a problem of the browser
	In   []string // the views that show it, such as "390 dark"; none where the view makes no difference
}

// String returns the finding with its views.
func (f Finding) String() string {
	if len(f.In) == 0 {
		return f.What
	}
	return f.What + " [" + strings.Join(f.In, ", ") + "]"
}

// Result is what came out for one page.
type Result struct {
	Page     Page
	Weight   browser.Weight // the larger of its first loads
	Views    int
	Links    int
	Findings []Finding
}

// add notes a finding; the same in another view is the same finding.
func (r *Result) add(what, view string) {
	at := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.What == what })
	if at < 0 {
		at = len(r.Findings)
		r.Findings = append(r.Findings, Finding{What: what})
	}
	if view != "" && !slices.Contains(r.Findings[at].In, view) {
		r.Findings[at].In = append(r.Findings[at].In, view)
	}
}

// String returns a line for the page, and one for each finding.
func (r Result) String() string {
	const kilo = 1000.0
	mark := "ok  "
	if len(r.Findings) > 0 {
		mark = "FAIL"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s (%s, %s): %d views, %.1f KB, fonts %.1f KB, %d links",
		mark, r.Page.Path, r.Page.Access, r.Page.Language, r.Views, float64(r.Weight.Page)/kilo, float64(r.Weight.Fonts)/kilo, r.Links)
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "\n     %s", f)
	}
	return text.String()
}

// Report is what came out for all pages, in the order of the list.
type Report []Result

// Findings counts them.
func (r Report) Findings() (n int) {
	for _, page := range r {
		n += len(page.Findings)
	}
	return n
}

// Summary returns one line.
func (r Report) Summary() string {
	views, links := 0, 0
	for _, page := range r {
		views, links = views+page.Views, links+page.Links
	}
	return fmt.Sprintf("%d pages in %d views, %d links, %d findings", len(r), views, links, r.Findings())
}
