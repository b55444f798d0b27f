package site

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/chromedp/chromedp"

	"github.com/notpanel/notpanel/e2e/browser"
)

// width is a kind of screen that pages are looked at on.
type width struct {
	pixels, height int
	phone          bool
}

func widths() []width { return []width{{390, 844, true}, {1280, 900, false}} }

// schemes are those that a system may prefer.
func schemes() []string { return []string{"light", "dark"} }

// The most that the first load of a page may weigh, in bytes: the document with
// its styles and scripts, and its fonts.
const (
	mostPage        = 100_000
	mostFonts       = 50_000
	mostFontsBeyond = 65_000 // in a language with letters beyond the Latin-1 ones
)

// seen is what check.js returns.
type seen struct {
	Path                         string
	Sideways, Handlers, Barriers []string
	Links                        []link
}

// look looks at one page in every view.
func (c *checker) look(tab *browser.Tab, r *Result) error {
	if err := tab.Language(r.Page.Language); err != nil {
		return err
	}
	if err := tab.Cache(false); err != nil { // every load is a first one
		return err
	}
	for n, w := range widths() {
		if err := tab.Viewport(w.pixels, w.height, w.phone); err != nil {
			return err
		}
		for i, scheme := range c.schemes(r.Page, n) {
			if err := tab.Media("prefers-color-scheme", scheme); err != nil {
				return err
			}
			view := fmt.Sprintf("%d %s", w.pixels, scheme)
			if err := c.view(tab, r, view, i == 0); err != nil {
				return fmt.Errorf("%s, %s: %w", r.Page.Path, view, err)
			}
		}
	}
	r.weigh()
	return nil
}

// schemes are those in which a page is looked at on the nth width.
func (c *checker) schemes(p Page, n int) []string {
	all := schemes()
	if !c.Crosswise {
		return all
	}
	if p.Language != "en" {
		n++
	}
	return all[n%2 : n%2+1]
}

// view looks at the page as the tab is set. Where no picture is taken, the page
// only changes its colours between two schemes.
func (c *checker) view(tab *browser.Tab, r *Result, view string, fresh bool) error {
	if fresh || c.Folder != "" {
		if err := tab.Open(r.Page.Path); err != nil {
			return err
		}
		if err := tab.Do("load axe-core", chromedp.Evaluate[chromedp.Void](c.axe)); err != nil {
			return err
		}
	} else if err := tab.Settle(); err != nil {
		return err
	}
	found, err := browser.Ask[seen](tab, "look at the page", checkScript)
	if err != nil {
		return err
	}
	if c.Folder != "" {
		if err := tab.Screenshot(filepath.Join(c.Folder, r.Page.file(view))); err != nil {
			return err
		}
	}
	problems, weight := tab.Taken()
	r.take(found, problems, view)
	r.Weight.Page, r.Weight.Fonts = max(r.Weight.Page, weight.Page), max(r.Weight.Fonts, weight.Fonts)
	r.Views++
	if r.Views == 1 {
		c.links.note(r, found.Links)
	}
	return nil
}

// take turns what was seen into findings.
func (r *Result) take(found seen, problems []browser.Problem, view string) {
	answer := fmt.Sprintf("status %d: GET %s", r.Page.Status, r.Page.Path)
	for _, p := range problems {
		if p.String() != answer {
			r.add(p.String(), view)
		}
	}
	if found.Path != r.Page.Path {
		r.add("it leads to "+found.Path, view)
	}
	for kind, texts := range map[string][]string{"sideways": found.Sideways, "handler": found.Handlers, "axe": found.Barriers} {
		for _, text := range texts {
			r.add(kind+": "+text, view)
		}
	}
}

// weigh compares the weight with what is allowed.
func (r *Result) weigh() {
	fonts := mostFonts
	if r.Page.Language != "en" {
		fonts = mostFontsBeyond
	}
	if r.Weight.Page > mostPage && r.Page.Path != "/_ui" { // that one holds everything there is
		r.add(fmt.Sprintf("weight: document, styles and scripts have %d bytes of at most %d", r.Weight.Page, mostPage), "")
	}
	if r.Weight.Fonts > fonts {
		r.add(fmt.Sprintf("weight: fonts have %d bytes of at most %d", r.Weight.Fonts, fonts), "")
	}
}

// file names the picture of a view.
func (p Page) file(view string) string {
	name := strings.Trim(regexp.MustCompile(`[^a-zA-Z0-9.]+`).ReplaceAllString(p.Path, "-"), "-.")
	if name == "" {
		name = "home"
	}
	if p.Access != Anonymous {
		name += "." + string(p.Access)
	}
	return fmt.Sprintf("%s.%s.%s.png", name, p.Language, strings.ReplaceAll(view, " ", "."))
}
