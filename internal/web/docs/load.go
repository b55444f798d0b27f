package docs

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"github.com/notpanel/notpanel/internal/content"
)

// source is a page before it is rendered.
type source struct {
	Link

	language string
	body     string // Markdown with the panel's numbers
}

// source reads a page's file: lines of names and values, a line ---, Markdown.
func (d *Docs) source(language, slug string) (source, error) {
	raw, is, err := read(language, fileOf(slug))
	if err != nil {
		return source{}, err
	}
	fail := func(err error) error { return fmt.Errorf("%s in %s: %w", fileOf(slug), is, err) }
	t, err := template.New(slug).Option("missingkey=error").Funcs(functions(is)).Parse(string(raw))
	if err != nil {
		return source{}, fail(err)
	}
	var filled strings.Builder
	if err := t.Execute(&filled, d.settings.values()); err != nil {
		return source{}, fail(err)
	}
	head, body, found := strings.Cut(filled.String(), "\n---\n")
	if !found {
		return source{}, fail(errors.New("no line ends its head"))
	}
	s := source{Link: Link{Slug: slug, Path: Path(slug)}, language: is, body: body}
	for line := range strings.SplitSeq(head, "\n") {
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "title":
			s.Title = value
		case "description":
			s.Description = value
		default:
			return source{}, fail(fmt.Errorf("%q is not known in its head", name))
		}
	}
	return s, nil
}

// piece is a run of lines of a page: text, a heading of level 2, or the place of a
// sample.
type piece struct {
	text    string // Markdown, blank lines around it cut off
	heading string // its line
	sample  string // its id
}

// pieces cuts a page where a section begins or a sample stands. Lines of code are
// text whatever they say.
func pieces(body string) (all []piece) {
	var text []string
	flush := func() {
		if t := strings.Trim(strings.Join(text, "\n"), "\n"); t != "" {
			all = append(all, piece{text: t})
		}
		text = nil
	}
	const fence = "```"
	inCode, inSample := false, false
	for line := range strings.SplitSeq(body, "\n") {
		id, begins := strings.CutPrefix(line, fence+"sample ")
		switch {
		case inSample:
			inSample = !strings.HasPrefix(line, fence)
		case begins && !inCode:
			flush()
			all = append(all, piece{sample: strings.TrimSpace(id)})
			inSample = true
		case strings.HasPrefix(line, "## ") && !inCode:
			flush()
			all = append(all, piece{heading: line})
		default:
			if strings.HasPrefix(line, fence) {
				inCode = !inCode
			}
			text = append(text, line)
		}
	}
	flush()
	return all
}

// render makes a page.
func (d *Docs) render(language, slug string) (*Page, error) {
	s, err := d.source(language, slug)
	if err != nil {
		return nil, err
	}
	titles, err := menuTitles(language)
	if err != nil {
		return nil, err
	}
	p := &Page{Link: s.Link, Language: s.language, Chapter: titles[chapterOf(slug)], Sections: []Section{{}}}
	if p.Prev, err = d.neighbour(language, slug, -1); err != nil {
		return nil, err
	}
	if p.Next, err = d.neighbour(language, slug, 1); err != nil {
		return nil, err
	}
	for _, one := range pieces(s.body) {
		if err := d.place(p, one); err != nil {
			return nil, fmt.Errorf("%s in %s: %w", fileOf(slug), s.language, err)
		}
	}
	if first := p.Sections[0]; len(first.Blocks) == 0 {
		p.Sections = p.Sections[1:]
	}
	return p, nil
}

// place puts a piece into a page behind what it has.
func (d *Docs) place(p *Page, one piece) error {
	section := &p.Sections[len(p.Sections)-1]
	switch {
	case one.heading != "":
		rendered, err := d.markdown(one.heading)
		if err != nil {
			return err
		}
		if len(rendered.Headings) != 1 {
			return fmt.Errorf("%q is no heading", one.heading)
		}
		h := rendered.Headings[0]
		p.Sections = append(p.Sections, Section{ID: h.ID, Heading: h.Text})
	case one.sample != "":
		sample, err := d.Sample(one.sample)
		if err != nil {
			return err
		}
		if len(section.Blocks) == 0 {
			section.Blocks = []Block{{}}
		}
		last := &section.Blocks[len(section.Blocks)-1]
		last.Samples = append(last.Samples, sample)
	default:
		rendered, err := d.markdown(one.text)
		if err != nil {
			return err
		}
		section.Blocks = append(section.Blocks, Block{HTML: rendered.HTML})
	}
	return nil
}

func (d *Docs) markdown(source string) (content.Document, error) {
	_, host, _ := strings.Cut(d.settings.BaseURL, "://")
	document, err := content.Render([]byte(source), content.Options{Host: host})
	if err != nil {
		return content.Document{}, fmt.Errorf("markdown: %w", err)
	}
	return document, nil
}
