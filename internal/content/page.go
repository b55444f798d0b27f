package content

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

//go:embed texts
var texts embed.FS

// Page is a text, ready to be framed. Its HTML lacks the title.
type Page struct {
	Document

	Name        string
	Lang        string    // of the text, which may be another than was asked for
	Description string    // one sentence for search engines; may be empty
	Updated     time.Time // the day that the text says, or else its file's
	Own         bool      // the operator's
	Questions   []Question
}

// Question is one of the FAQ with its answer.
type Question struct {
	ID     string // of its heading
	Text   string
	Answer string // HTML
}

// make builds a page of a source; changed is its file's time, for a text that
// says no day.
func (s *Site) make(p place, source []byte, changed time.Time) (page Page, err error) {
	head, body, err := splitHead(source)
	if err != nil {
		return page, err
	}
	page = Page{Name: p.name, Lang: p.lang, Updated: head.updated}
	if page.Updated.IsZero() {
		page.Updated = changed.UTC().Truncate(24 * time.Hour)
	}
	said := s.said(page)
	if page.Description, err = fill(head.description, said); err != nil {
		return page, err
	}
	text, err := fill(body, said.escaped())
	if err != nil {
		return page, err
	}
	// What is left out today must not fail on the day when it is set, or no longer.
	for _, other := range []vars{everything(), {Name: said.Name, Operator: said.Operator, Currency: said.Currency, Updated: said.Updated}} {
		if _, err := fill(body+head.description, other); err != nil {
			return page, err
		}
	}
	o := Options{Host: s.values.Host, DropTitle: true}
	if page.Document, err = Render([]byte(text), o); err != nil {
		return page, err
	}
	if page.Title == "" {
		return page, errors.New("it has no title: the first line of the text must be # and a title")
	}
	if p.name == FAQ {
		page.Questions, err = questions(text, page.Headings, o)
	}
	return page, err
}

// head is what stands before a text between two lines of ---.
type head struct {
	description string
	updated     time.Time
}

// splitHead reads a text's head, which may be missing.
func splitHead(source []byte) (h head, body string, err error) {
	if !utf8.Valid(source) {
		return h, "", errors.New("it is not in UTF-8")
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(source), "\ufeff"), "\r\n", "\n")
	rest, has := strings.CutPrefix(text, "---\n")
	if !has {
		return h, text, nil
	}
	lines, body, ended := strings.Cut(rest, "\n---\n")
	if !ended {
		return h, "", errors.New("its head has no end: a line of --- is missing")
	}
	for line := range strings.SplitSeq(lines, "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "":
		case "description":
			h.description = value
		case "updated":
			if h.updated, err = time.Parse(time.DateOnly, value); err != nil {
				return h, "", errors.New("updated in its head must be a day such as 2026-11-27")
			}
		default:
			return h, "", fmt.Errorf("its head has %q; there are description and updated", strings.TrimSpace(key))
		}
	}
	return h, body, nil
}

// vars are the variables of texts.
type vars struct {
	Name      string // of the panel
	LegalName string // of the operator; may be empty
	Operator  string // the legal name, or "the operator of NAME"
	Support   string // e-mail address; may be empty
	Contact   string // postal address, a line each; may be empty
	Currency  string
	Updated   string // the day of the text
}

// operators say who runs a panel whose operator has given no legal name.
//
//nolint:gochecknoglobals // a table
var operators = map[string]string{english: "the operator of %s", "tr": "%s işletmecisi"}

func (s *Site) said(page Page) vars {
	b := s.of
	v := vars{
		Name: b.Name, LegalName: b.LegalName, Operator: b.LegalName, Support: b.Support,
		Contact: strings.Join(b.Contact, "\n"), Currency: s.values.Currency, Updated: page.Updated.Format(time.DateOnly),
	}
	if v.Operator == "" {
		pattern, known := operators[page.Lang]
		if !known {
			pattern = "%s"
		}
		v.Operator = fmt.Sprintf(pattern, b.Name)
	}
	if s.values.Date != nil {
		v.Updated = s.values.Date(page.Lang, page.Updated)
	}
	return v
}

func everything() vars { return vars{"a", "a", "a", "a", "a", "a", "a"} }

// escaped returns the variables as Markdown that shows them as they are.
func (v vars) escaped() vars {
	return vars{
		Name: escape(v.Name), LegalName: escape(v.LegalName), Operator: escape(v.Operator), Support: escape(v.Support),
		Contact: strings.ReplaceAll(escape(v.Contact), "\n", "\\\n"), Currency: escape(v.Currency), Updated: escape(v.Updated),
	}
}

// escape puts a backslash before whatever could mean something in Markdown.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// fill puts the variables in. An unknown one is an error.
func fill(text string, v vars) (string, error) {
	t, err := template.New("text").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("its variables: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&boundedWriter{&b, MaxMarkdown}, v); err != nil {
		return "", fmt.Errorf("its variables: %w", err)
	}
	return b.String(), nil
}

// boundedWriter stops a template that writes without an end.
type boundedWriter struct {
	to   io.Writer
	left int
}

// Write writes as long as there is room.
func (w *boundedWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, errors.New("the text becomes too long")
	}
	w.left -= len(p)
	return w.to.Write(p) //nolint:wrapcheck // to a buffer
}

// questions takes a FAQ apart: a heading that ends in a question mark, and what
// stands below it up to the next heading that is not deeper.
func questions(text string, headings []Heading, o Options) (all []Question, err error) {
	var answer []string
	level := 0
	end := func() {
		if level == 0 || err != nil {
			return
		}
		var d Document
		d, err = Render([]byte(strings.Join(answer, "\n")), o)
		all[len(all)-1].Answer = strings.TrimSpace(d.HTML)
		level = 0
	}
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		if bare := strings.TrimLeft(line, " "); strings.HasPrefix(bare, "```") || strings.HasPrefix(bare, "~~~") {
			fenced = !fenced
		}
		marks := headingMarks(line)
		if fenced || marks == 0 || level != 0 && marks > level {
			answer = append(answer, line)
			continue
		}
		end()
		title, err := Render([]byte(line), Options{})
		if err != nil {
			return nil, err
		}
		if marks == 1 || len(title.Headings) == 0 || !asks(title.Headings[0].Text) {
			continue // the page's title is no question
		}
		q := Question{Text: title.Headings[0].Text}
		for _, h := range headings {
			if h.Text == q.Text {
				q.ID = h.ID
			}
		}
		all, answer, level = append(all, q), nil, marks
	}
	end()
	return all, err
}

// headingMarks returns the level of a line that is a heading, else 0.
func headingMarks(line string) int {
	marks := len(line) - len(strings.TrimLeft(line, "#"))
	if marks > 6 || marks == len(line) || line[marks] != ' ' {
		return 0
	}
	return marks
}

// asks reports whether a heading is a question, in whatever letters.
func asks(text string) bool {
	for _, mark := range []string{"?", "؟", "？", ";"} {
		if strings.HasSuffix(text, mark) {
			return true
		}
	}
	return false
}

func (s *Site) readBounded(file string) ([]byte, error) {
	f, err := s.folder.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open it: %w", err)
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, MaxOwn+1))
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	if len(source) > MaxOwn {
		return nil, fmt.Errorf("it is larger than %d KiB", MaxOwn>>10)
	}
	return source, nil
}
