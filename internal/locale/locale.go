// Package locale says things in the reader's language: texts from language
// files, numbers, amounts and times as the language writes them.
//
// A language is a folder of files in texts: another folder is another language.
// English is complete by definition; a test holds the others to it. The package
// knows nothing of who reads.
package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// English is the language that every text exists in.
const English = "en"

//go:embed texts
var files embed.FS

// Language is one of the panel's languages.
type Language struct {
	Code string // as in the lang attribute: "en", "pt-BR"
	Name string // as its speakers call it
	Dir  string // "ltr" or "rtl"

	localizer      *i18n.Localizer
	decimal, group string
	months         []string
}

// Set is all languages of the panel.
type Set struct {
	all     []*Language
	matcher language.Matcher
}

// Load reads the language files.
func Load() (*Set, error) {
	folders, err := files.ReadDir("texts")
	if err != nil {
		return nil, fmt.Errorf("language files: %w", err)
	}
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	codes := []string{English} // first: what nobody asks for is answered in it
	for _, f := range folders {
		if f.Name() != English {
			codes = append(codes, f.Name())
		}
	}
	s := &Set{}
	var tags []language.Tag
	for _, code := range codes {
		tag, err := language.Parse(code)
		if err != nil {
			return nil, fmt.Errorf("language files: texts/%s is no language: %w", code, err)
		}
		if err := read(bundle, code); err != nil {
			return nil, err
		}
		tags = append(tags, tag)
		s.all = append(s.all, newLanguage(bundle, code))
	}
	s.matcher = language.NewMatcher(tags)
	return s, nil
}

func read(bundle *i18n.Bundle, code string) error {
	names, err := files.ReadDir(path.Join("texts", code))
	if err != nil {
		return fmt.Errorf("language files: %w", err)
	}
	for _, name := range names {
		file := path.Join("texts", code, name.Name())
		content, err := files.ReadFile(file)
		if err != nil {
			return fmt.Errorf("language files: %w", err)
		}
		// The name tells the bundle language and format.
		if _, err := bundle.ParseMessageFileBytes(content, code+".json"); err != nil {
			return fmt.Errorf("language file %s: %w", file, err)
		}
	}
	return nil
}

func newLanguage(bundle *i18n.Bundle, code string) *Language {
	l := &Language{Code: code, localizer: i18n.NewLocalizer(bundle, code)}
	l.Name, l.Dir = l.Text("language.name"), l.Text("language.dir")
	l.decimal, l.group = l.Text("number.decimal"), l.Text("number.group")
	l.months = strings.Split(l.Text("date.months"), " ")
	return l
}

// All returns the languages, English first.
func (s *Set) All() []*Language { return s.all }

// English returns English.
func (s *Set) English() *Language { return s.all[0] }

// Find returns the language with that code.
func (s *Set) Find(code string) (*Language, bool) {
	at := slices.IndexFunc(s.all, func(l *Language) bool { return strings.EqualFold(l.Code, code) })
	if at < 0 {
		return s.English(), false
	}
	return s.all[at], true
}

// Match returns the language that suits an Accept-Language header best.
func (s *Set) Match(accept string) *Language {
	const most = 500 // a header is cut rather than parsed at any length
	tags, _, err := language.ParseAcceptLanguage(accept[:min(len(accept), most)])
	if err != nil || len(tags) == 0 {
		return s.English()
	}
	_, at, sure := s.matcher.Match(tags...)
	if sure == language.No {
		return s.English()
	}
	return s.all[at]
}

// Text returns the text of a key. Args are names and values of what stands in
// it: Text("page.of", "Page", 2). A key that is not there is its own text: a test
// finds it before a reader does.
func (l *Language) Text(key string, args ...any) string {
	return l.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data(args)}, key)
}

// Count returns the text of a key in the form that a number takes; {{.N}} in it
// is the number as the language writes it.
func (l *Language) Count(key string, n int64, args ...any) string {
	return l.localize(&i18n.LocalizeConfig{
		MessageID: key, PluralCount: int(n), TemplateData: data(append(args, "N", l.Number(n))),
	}, key)
}

func (l *Language) localize(c *i18n.LocalizeConfig, key string) string {
	text, err := l.localizer.Localize(c)
	if err != nil && text == "" {
		return key
	}
	return text
}

// data makes names and values a map for the templates of the texts.
func data(args []any) map[string]any {
	m := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			m[name] = args[i+1]
		}
	}
	return m
}
