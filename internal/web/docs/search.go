package docs

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// entry is a section as the search knows it.
type entry struct {
	Title   string `json:"title"`   // of its page
	Section string `json:"section"` // its heading; empty at the top of a page
	URL     string `json:"url"`
	Text    string `json:"text"`
}

// Hit is a section that was found.
type Hit struct {
	Title, Section, URL string
	Snippet             string // plain text around the first word that was found
}

// Lengths in characters.
const (
	indexText   = 128 // of a section's text in Index
	snippetText = 160 // of a snippet
	maxQuery    = 100 // of what is searched for
)

// maxHits is how many sections a search returns.
const maxHits = 12

// Index returns the sections as JSON, for a search box in the page: a list of
// {title, section, url, text} with the beginning of each text.
func (d *Docs) Index(lang string) ([]byte, error) {
	entries, err := d.indexes[language(lang)]()
	if err != nil {
		return nil, err
	}
	short := slices.Clone(entries)
	for i := range short {
		short[i].Text = cut(short[i].Text, indexText)
	}
	out, err := json.Marshal(short)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return out, nil
}

// index reads the sections of all pages.
func (d *Docs) index(language string) (all []entry, err error) {
	for _, slug := range Slugs() {
		p, err := d.Page(language, slug)
		if err != nil {
			return nil, err
		}
		for _, s := range p.Sections {
			e := entry{Title: p.Title, Section: s.Heading, URL: p.Path, Text: s.plain()}
			if s.ID != "" {
				e.URL += "#" + s.ID
			} else {
				e.Text = p.Description + " " + e.Text
			}
			all = append(all, e)
		}
	}
	return all, nil
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plain is the section's text without marks.
func (s Section) plain() string {
	var text strings.Builder
	for _, b := range s.Blocks {
		text.WriteString(tags.ReplaceAllString(strings.NewReplacer("</td>", " ", "</th>", " ").Replace(b.HTML), ""))
		text.WriteByte(' ')
	}
	return strings.Join(strings.Fields(html.UnescapeString(text.String())), " ")
}

// cut returns the beginning of a text, ending with a word.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	short := string([]rune(text)[:most])
	if i := strings.LastIndexByte(short, ' '); i > 0 {
		short = short[:i]
	}
	return short + "…"
}

// Search returns the sections that have every word of a query, or its beginning, the
// best first. An empty query finds nothing.
func (d *Docs) Search(lang, query string) ([]Hit, error) {
	words := strings.Fields(fold(cut(query, maxQuery)))
	if len(words) == 0 {
		return nil, nil
	}
	entries, err := d.indexes[language(lang)]()
	if err != nil {
		return nil, err
	}
	type scored struct {
		Hit

		score int
	}
	var found []scored
	for _, e := range entries {
		if score := e.score(words); score > 0 {
			found = append(found, scored{Hit{e.Title, e.Section, e.URL, e.snippet(words[0])}, score})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return b.score - a.score })
	hits := make([]Hit, 0, maxHits)
	for _, f := range found[:min(len(found), maxHits)] {
		hits = append(hits, f.Hit)
	}
	return hits, nil
}

// score says how well a section answers; 0 where a word is not in it.
func (e entry) score(words []string) (sum int) {
	const ofTitle, ofSection, ofTop, ofText, mostOften, ofAll = 8, 12, 4, 1, 6, 20
	for _, w := range words {
		score := 0
		if begins(e.Section, w) {
			score += ofSection
		}
		if begins(e.Title, w) {
			score += ofTitle
			if e.Section == "" {
				score += ofTop
			}
		}
		if begins(e.Text, w) {
			score += ofText * min(mostOften, strings.Count(fold(e.Text), w))
		}
		if score == 0 {
			return 0
		}
		sum += score
	}
	heading := e.Section
	if heading == "" {
		heading = e.Title
	}
	if begins(heading, strings.Join(words, " ")) {
		sum += ofAll
	}
	return sum
}

// begins reports whether a word of the text begins with the letters.
func begins(text, letters string) bool {
	return at(fold(text), letters) >= 0
}

// fold makes small letters without their marks, one for each letter of the text:
// who looks for a word need not type its marks, and a capital İ is an i.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return unicode.ToLower(r)
		}
		bare := unicode.ToLower(first(norm.NFD.String(string(r))))
		if bare == 'ı' {
			return 'i'
		}
		return bare
	}, text)
}

// at is where a word of a folded text begins with the letters, in letters of the
// text; -1 is nowhere.
func at(folded, letters string) int {
	for from := 0; ; {
		i := strings.Index(folded[from:], letters)
		if i < 0 {
			return -1
		}
		i += from
		if before, _ := utf8.DecodeLastRuneInString(folded[:i]); i == 0 || !isWord(before) || !isWord(first(letters)) {
			return utf8.RuneCountInString(folded[:i])
		}
		from = i + 1
	}
}

func first(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= utf8.RuneSelf
}

// snippet is the text around a word.
func (e entry) snippet(word string) string {
	i := at(fold(e.Text), word)
	const before = 40
	if i <= before {
		return cut(e.Text, snippetText)
	}
	head := string([]rune(e.Text)[:i-before+1])
	start := strings.LastIndexByte(head, ' ') + 1
	return "…" + cut(e.Text[start:], snippetText)
}
