// Package content owns the texts of the public site: what they say unless the
// operator says something else, the operator's own files in their place, and how
// Markdown becomes HTML that a strict policy shows.
//
// It knows no routes and no pages: a face asks for a text by its name and puts a
// frame around it.
package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/fault"
)

// The texts of the site.
const (
	Terms         = "terms"
	Privacy       = "privacy"
	Refund        = "refund"
	AcceptableUse = "acceptable-use"
	FAQ           = "faq"
	Contact       = "contact"
	Pricing       = "pricing" // what explains the prices; the page has the prices beside it
	Why           = "why"
	About         = "about"
)

// Names returns the names of all texts.
func Names() []string {
	return []string{Terms, Privacy, Refund, AcceptableUse, FAQ, Contact, Pricing, Why, About}
}

// Languages returns the languages in which the program has every text.
func Languages() []string { return []string{english, "tr"} }

// english is what is shown where a language has no text.
const english = "en"

// Values are what texts say of the panel.
type Values struct {
	Brand    func() brand.Brand // as it is now
	Currency string             // of the panel, such as USD
	Host     string             // the panel's own, for links; see Options
	// Date writes a day in a language; nil writes 2026-11-27.
	Date func(lang string, day time.Time) string
}

// Site has the texts of one panel.
type Site struct {
	values Values
	folder *os.Root // nil: no texts of the operator's
	log    *slog.Logger

	mu   sync.Mutex
	of   brand.Brand // whose texts were read
	read map[place]entry
}

// place is a text in one language.
type place struct{ lang, name string }

func (p place) file() string { return p.lang + "/" + p.name + ".md" }

// entry is what was made of a place, and of which file.
type entry struct {
	of   stamp
	page Page
	err  error // no page, and why; it was told
}

// stamp tells a file from what it was before; the zero value is no file.
type stamp struct {
	at   time.Time
	size int64
}

// Open returns the site's texts, with those of the operator's folder in place of
// the program's; "" is no folder. A file that can't be used is logged, and the
// program's text stands in its place.
func Open(ctx context.Context, folder string, v Values, log *slog.Logger) (*Site, error) {
	s := &Site{values: v, log: log, of: v.Brand(), read: map[place]entry{}}
	for _, lang := range Languages() {
		for _, name := range Names() {
			if _, err := s.builtIn(place{lang, name}); err != nil {
				return nil, err
			}
		}
	}
	if folder == "" {
		return s, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("folder of texts: %w", err)
	}
	s.folder = root
	s.survey(ctx)
	return s, nil
}

// Close lets the operator's folder go.
func (s *Site) Close() error {
	if s.folder == nil {
		return nil
	}
	return s.folder.Close()
}

// Page returns a text in a language, or in English where the language has none:
// the page says which. A file of the operator's that changed is read again.
func (s *Site) Page(ctx context.Context, lang, name string) (Page, error) {
	if !slices.Contains(Names(), name) {
		return Page{}, fault.New(fault.NotFound, "No such page")
	}
	langs := []string{lang, english}
	if !languageTag.MatchString(lang) {
		langs = langs[1:]
	}
	for _, lang := range langs {
		if page, found := s.own(ctx, place{lang, name}); found {
			return page, nil
		}
		if slices.Contains(Languages(), lang) {
			return s.builtIn(place{lang, name})
		}
	}
	return Page{}, fault.New(fault.NotFound, "No such page")
}

// languageTag is a tag such as tr or pt-br; nothing else becomes part of a path.
var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$`)

// turn lets go of what was made of texts while the panel was another's. It is called
// under the lock.
func (s *Site) turn() {
	if now := s.values.Brand(); !now.SaysAs(s.of) {
		s.of = now
		clear(s.read)
	}
}

// builtIn returns the program's own text, made once.
func (s *Site) builtIn(p place) (Page, error) {
	key := place{p.lang, "built-in " + p.name}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	if e, made := s.read[key]; made {
		return e.page, e.err
	}
	source, err := texts.ReadFile(path.Join("texts", p.file()))
	if err != nil {
		return Page{}, fmt.Errorf("text %s: %w", p.file(), err)
	}
	page, err := s.make(p, source, time.Time{})
	if err != nil {
		return Page{}, fmt.Errorf("text %s: %w", p.file(), err)
	}
	s.read[key] = entry{page: page}
	return page, nil
}

// own returns the operator's text; found is false where there is none that can
// be used.
func (s *Site) own(ctx context.Context, p place) (page Page, found bool) {
	if s.folder == nil {
		return page, false
	}
	now, err := s.stamp(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	e, made := s.read[p]
	if made && e.of == now && err == nil {
		return e.page, e.err == nil && now != stamp{}
	}
	e = entry{of: now, err: err}
	if err == nil && now != (stamp{}) {
		e.page, e.err = s.load(p, now.at)
	}
	// Told once for each state of the file, not with each request.
	if before := s.read[p]; e.err != nil && (before.err == nil || before.of != e.of) {
		s.log.LogAttrs(ctx, slog.LevelError, "a text of the site's can't be used; the program's stands in its place",
			slog.String("file", p.file()), slog.Any("error", e.err))
	}
	if s.read[p] = e; e.err == nil && now == (stamp{}) {
		delete(s.read, p) // there are more tags of languages than memory
	}
	return e.page, e.err == nil && now != stamp{}
}

// stamp returns what the operator's file is like now; nothing where there is none.
func (s *Site) stamp(p place) (stamp, error) {
	info, err := s.folder.Stat(p.file())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return stamp{}, nil
	case err != nil:
		return stamp{}, fmt.Errorf("look at it: %w", err)
	case !info.Mode().IsRegular():
		return stamp{}, errors.New("it is no file")
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// MaxOwn is the largest file of the operator's that is read, in bytes.
const MaxOwn = 256 << 10

func (s *Site) load(p place, changed time.Time) (Page, error) {
	source, err := s.readBounded(p.file())
	if err != nil {
		return Page{}, err
	}
	page, err := s.make(p, source, changed)
	page.Own = true
	return page, err
}

// survey tells, at the start, what in the operator's folder can't be what they
// wanted.
func (s *Site) survey(ctx context.Context) {
	warn := func(why, file string) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "texts of the site", slog.String("file", file), slog.String("why", why))
	}
	entries, err := fs.ReadDir(s.folder.FS(), ".")
	if err != nil {
		warn("the folder of texts can't be read", ".")
		return
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if !languageTag.MatchString(e.Name()) {
			warn("the folder is named after no language and is not looked at", e.Name())
			continue
		}
		files, err := fs.ReadDir(s.folder.FS(), e.Name())
		if err != nil {
			warn("the folder can't be read", e.Name())
		}
		for _, f := range files {
			if name, isText := strings.CutSuffix(f.Name(), ".md"); isText && !slices.Contains(Names(), name) {
				warn("no text of the site has this name; there are "+strings.Join(Names(), ", "), path.Join(e.Name(), f.Name()))
			}
		}
	}
	for _, name := range Names() {
		var own, others []string
		for _, lang := range Languages() {
			if _, found := s.own(ctx, place{lang, name}); found {
				own = append(own, lang)
			} else {
				others = append(others, place{lang, name}.file())
			}
		}
		if len(own) > 0 && len(others) > 0 {
			warn("readers of another language still get the program's text, which may say something else", strings.Join(others, ", "))
		}
	}
}
