// Package developers shows the API's documentation on the site: its pages with
// their samples, the search in them, and the same for programs, as Markdown.
//
// What the pages say, and how a sample reads in each language, it takes from docs.
package developers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Pages answers for the documentation.
type Pages struct {
	settings func() docs.Settings // as they are now

	mu  sync.Mutex
	now *edition
}

// edition is the documentation by some settings.
type edition struct {
	docs      *docs.Docs
	settings  docs.Settings
	described func() (description, error)
}

// New returns the documentation of a panel. What settings returns may change in whose
// panel it is, and in nothing else.
func New(settings func() docs.Settings) *Pages { return &Pages{settings: settings} }

// edition returns the documentation as it is now.
func (p *Pages) edition() *edition {
	s := p.settings()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil || p.now.settings.Panel != s.Panel || p.now.settings.Support != s.Support {
		e := &edition{docs: docs.New(s), settings: s}
		e.described = sync.OnceValues(e.describe)
		p.now = e
	}
	return p.now
}

// Paths lists the pages for search engines, in reading order.
func Paths() (all []string) {
	for _, slug := range docs.Slugs() {
		all = append(all, docs.Path(slug))
	}
	return all
}

// Overview shows the first page, or what a search has found.
func (p *Pages) Overview(w http.ResponseWriter, r *http.Request) error {
	if q := strings.TrimSpace(r.URL.Query().Get("q")); q != "" {
		return p.search(w, r, q)
	}
	return p.page(w, r, "")
}

// Page shows a page; with .md behind its name, as Markdown.
func (p *Pages) Page(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("slug")
	if name, plain := strings.CutSuffix(slug, ".md"); plain && name != "" {
		return p.markdown(w, r, name)
	}
	return p.page(w, r, slug)
}

// OverviewMarkdown is the first page as Markdown.
func (p *Pages) OverviewMarkdown(w http.ResponseWriter, r *http.Request) error {
	return p.markdown(w, r, "")
}

// LLMs is /llms.txt: what the documentation is and where its pages are, for
// language models.
func (p *Pages) LLMs(w http.ResponseWriter, r *http.Request) error {
	text, err := p.edition().docs.LLMs()
	if err != nil {
		return err
	}
	send(w, r, "text/plain; charset=utf-8", []byte(text))
	return nil
}

// Index is what the search box of the pages knows. The address names the
// language, so that it may be kept.
func (p *Pages) Index(w http.ResponseWriter, r *http.Request) error {
	index, err := p.edition().docs.Index(ui.Of(r.Context()).Language.Code)
	if err != nil {
		return err
	}
	send(w, r, "application/json", index)
	return nil
}

// send answers with a text that a browser may keep as long as it asks whether it
// is still the same.
func send(w http.ResponseWriter, r *http.Request, contentType string, content []byte) {
	sum := sha256.Sum256(content)
	tag := `W/"` + hex.EncodeToString(sum[:12]) + `"` // weak: it may go out compressed
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", tag)
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimSpace(known) == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) //nolint:gosec // no HTML, and the page says so: nosniff
	}
}

func (p *Pages) markdown(w http.ResponseWriter, r *http.Request, slug string) error {
	text, err := p.edition().docs.Markdown(ui.Of(r.Context()).Language.Code, slug)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("X-Robots-Tag", "noindex") // the page itself is what is found
	send(w, r, "text/markdown; charset=utf-8", []byte(text))
	return nil
}

func (p *Pages) page(w http.ResponseWriter, r *http.Request, slug string) error {
	page, err := p.edition().docs.Page(ui.Of(r.Context()).Language.Code, slug)
	if err != nil {
		return err
	}
	v, err := p.view(r)
	if err != nil {
		return err
	}
	v.page = page
	return ui.Render(w, r, http.StatusOK, pageOf(v))
}

// search shows what was found, for who has no scripts and for what the search box
// does not know: all of the texts.
func (p *Pages) search(w http.ResponseWriter, r *http.Request, query string) error {
	const most = 200 // characters; more is no search
	if len(query) > most*4 {
		return fault.New(fault.Invalid, "The search is too long")
	}
	hits, err := p.edition().docs.Search(ui.Of(r.Context()).Language.Code, query)
	if err != nil {
		return err
	}
	v, err := p.view(r)
	if err != nil {
		return err
	}
	v.query = query
	return ui.Render(w, r, http.StatusOK, found(v, hits))
}
