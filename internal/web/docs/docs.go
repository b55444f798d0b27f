// Package docs is the documentation of the API as customers read it: its pages with
// their samples, the menu, a search, and the same as Markdown. It owns what is said
// and how a sample is written in each language. How a page looks, and HTTP, it does
// not know.
//
// Pages are Markdown files in the folder content, by language. Numbers in them come
// from the running panel's settings and from the constants of the packages that hold
// them. The answers beside the samples, in the folder answers, were given by the API:
// tests run every sample in every language and compare. What a receiver of webhooks
// does, in the folder receivers, is tried with deliveries that the panel makes.
package docs

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/notpanel/notpanel/internal/fault"
)

//go:embed content answers receivers
var files embed.FS

// Root is where the documentation stands on the site; it is the path of the overview.
const Root = "/developers"

// OpenAPI is the path of the API's description for programs.
const OpenAPI = "/openapi.json"

// English is the language that every page has.
const English = "en"

// chapters are the parts of the menu and their pages, in reading order.
//
//nolint:gochecknoglobals // a table
var chapters = []struct {
	id    string
	slugs []string
}{
	{"introduction", []string{"", "getting-started", "authentication", "rate-limits", "errors"}},
	{"catalog", []string{"services"}},
	{"orders", []string{"add-order", "order-status", "refill", "cancel"}},
	{"account", []string{"balance"}},
	{"webhooks", []string{"webhooks"}},
	{"reference", []string{"sdks", "changelog", "classic"}},
}

// Slugs lists the pages in reading order; the overview's is empty.
func Slugs() (all []string) {
	for _, c := range chapters {
		all = append(all, c.slugs...)
	}
	return all
}

// Path is a page's place on the site.
func Path(slug string) string {
	if slug == "" {
		return Root
	}
	return Root + "/" + slug
}

// Chapter is a part of the menu.
type Chapter struct {
	Title string
	Pages []Link
}

// Link names a page.
type Link struct {
	Slug, Path, Title, Description string
}

// Page is one page, ready to be shown.
type Page struct {
	Link

	Language string // the one it is in; English where there is no translation
	Chapter  string // the title of its part of the menu
	Sections []Section
	Prev     *Link // nil on the first page
	Next     *Link // nil on the last
}

// Section is a heading with what stands below it. The first section of a page has
// neither ID nor heading.
type Section struct {
	ID, Heading string // of level 2
	Blocks      []Block
}

// Block is a piece of text and what stands beside it. A page's text is all its HTML
// in order; that of a section does not contain its heading.
type Block struct {
	HTML    string // safe, as content.Render gives it
	Samples []Sample
}

// Docs are the pages for one panel's settings. It may be used by many goroutines.
// Making one costs little: a page is rendered when it is first asked for.
type Docs struct {
	settings Settings
	pages    map[pageKey]func() (*Page, error)
	indexes  map[string]func() ([]entry, error) // by language
}

// pageKey names a page in a language.
type pageKey struct{ language, slug string }

// New returns the pages for a panel.
func New(s Settings) *Docs {
	d := &Docs{settings: s, pages: map[pageKey]func() (*Page, error){}, indexes: map[string]func() ([]entry, error){}}
	for _, language := range Languages() {
		for _, slug := range Slugs() {
			d.pages[pageKey{language, slug}] = sync.OnceValues(func() (*Page, error) { return d.render(language, slug) })
		}
		d.indexes[language] = sync.OnceValues(func() ([]entry, error) { return d.index(language) })
	}
	return d
}

// Languages lists the languages that have pages, English first.
func Languages() []string {
	folders, err := fs.ReadDir(files, "content")
	if err != nil {
		return []string{English}
	}
	all := []string{English}
	for _, f := range folders {
		if f.IsDir() && f.Name() != English {
			all = append(all, f.Name())
		}
	}
	return all
}

// language is the one that pages are given in to a reader of another.
func language(wanted string) string {
	if slices.Contains(Languages(), wanted) {
		return wanted
	}
	return English
}

// Page returns a page in a language, or in English where it has none in that.
// A slug that names no page is fault.NotFound.
func (d *Docs) Page(lang, slug string) (*Page, error) {
	page, ok := d.pages[pageKey{language(lang), slug}]
	if !ok {
		return nil, fault.New(fault.NotFound, "Page not found")
	}
	return page()
}

// Menu returns the pages by chapter.
func (d *Docs) Menu(lang string) ([]Chapter, error) {
	titles, err := menuTitles(language(lang))
	if err != nil {
		return nil, err
	}
	var menu []Chapter
	for _, c := range chapters {
		chapter := Chapter{Title: titles[c.id]}
		for _, slug := range c.slugs {
			l, err := d.link(language(lang), slug)
			if err != nil {
				return nil, err
			}
			chapter.Pages = append(chapter.Pages, l)
		}
		menu = append(menu, chapter)
	}
	return menu, nil
}

// menuTitles are the titles of the chapters by their id.
func menuTitles(language string) (titles map[string]string, err error) {
	source, _, err := read(language, "menu.json")
	if err == nil {
		err = json.Unmarshal(source, &titles)
	}
	if err != nil {
		return nil, fmt.Errorf("menu in %s: %w", language, err)
	}
	return titles, nil
}

// read returns a file of the content in a language, or in English, and which it is.
func read(language, name string) (source []byte, is string, err error) {
	if source, err = files.ReadFile(path.Join("content", language, name)); err == nil {
		return source, language, nil
	}
	if source, err = files.ReadFile(path.Join("content", English, name)); err != nil {
		return nil, "", fmt.Errorf("read: %w", err)
	}
	return source, English, nil
}

// link reads a page's title and description.
func (d *Docs) link(language, slug string) (Link, error) {
	s, err := d.source(language, slug)
	return s.Link, err
}

// neighbour returns the page that is so many places behind another; nil is none.
func (d *Docs) neighbour(language, slug string, places int) (*Link, error) {
	all := Slugs()
	i := slices.Index(all, slug) + places
	if i < 0 || i >= len(all) {
		return nil, nil //nolint:nilnil // the first page has none before it
	}
	l, err := d.link(language, all[i])
	return &l, err
}

// chapterOf returns the id of the chapter that a page is in.
func chapterOf(slug string) string {
	for _, c := range chapters {
		if slices.Contains(c.slugs, slug) {
			return c.id
		}
	}
	return ""
}

// fileOf is the name of a page's file.
func fileOf(slug string) string {
	if slug == "" {
		return "overview.md"
	}
	return strings.ReplaceAll(slug, "/", "-") + ".md"
}
