package notify

import (
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/notpanel/notpanel/internal/locale"
)

//go:embed layout.html
var layoutText string

// maxShown is how much of a value that others wrote a mail shows, in characters.
const maxShown = 160

// Identity is whose mails they are.
type Identity struct {
	Name    string // what the panel is called
	URL     string // its public address; "" is left out
	Support string // the address that customers write to; "" is left out
}

// renderer writes mails.
type renderer struct {
	languages *locale.Set
	identity  func() Identity
	layout    *template.Template
}

func newRenderer(languages *locale.Set, who func() Identity) (*renderer, error) {
	layout, err := template.New("mail").Parse(layoutText)
	if err != nil {
		return nil, fmt.Errorf("layout of mails: %w", err)
	}
	return &renderer{languages: languages, layout: layout, identity: func() Identity {
		var now Identity
		if who != nil {
			now = who()
		}
		if now.Name == "" {
			now.Name = "notpanel"
		}
		return now
	}}, nil
}

// rendered is a mail as its reader sees it.
type rendered struct {
	subject, text, html string
}

// page is what the layout shows.
type page struct {
	Lang, Dir, Subject, Panel, URL string
	Intro, Lines                   []string
	Facts                          [][2]string
	Links                          []link
	Open, After, Support, Footer   string
}

type link struct{ Label, URL string }

// render writes a mail in its reader's language. Without a time in its data it
// happened at that time.
func (r *renderer) render(m Mail, at time.Time) (rendered, error) {
	t, found := kinds()[m.Template]
	if !found {
		return rendered{}, fmt.Errorf("no mail is called %q", m.Template)
	}
	g, err := t.facts(m.Data)
	if err != nil {
		return rendered{}, err
	}
	if g.at.IsZero() {
		g.at = at
	}
	language, _ := r.languages.Find(m.Language)
	p := r.page(language, m, t, g)
	var html strings.Builder
	if err := r.layout.Execute(&html, p); err != nil {
		return rendered{}, fmt.Errorf("write mail %s: %w", m.Template, err)
	}
	return rendered{subject: p.Subject, text: p.text(), html: html.String()}, nil
}

func (r *renderer) page(l *locale.Language, m Mail, t kind, g given) page {
	key, who := "mail."+m.Template+".", r.identity()
	say := func(key string) string { return l.Text(key, "Panel", who.Name, "New", shown(m.Data["new"])) }
	p := page{
		Lang: l.Code, Dir: l.Dir, Subject: oneLine(say(key + "subject")), Panel: who.Name, URL: who.URL,
		Open: say("mail.open"), After: say(key + "after"), Footer: say("mail.footer"),
	}
	if who.Support != "" {
		p.Support = l.Text("mail.support", "Support", who.Support)
	}
	switch m.Template {
	case SecondFactorChanged:
		p.Intro = []string{say(key + m.Data["what"])}
	case Notices:
		p.Intro = []string{say(key + "intro")}
		p.Subject = oneLine(l.Count(key+"subject", g.count, "Panel", who.Name))
		p.Lines = lines(m.Data)
		if g.count == 1 {
			p.Subject = p.Lines[0]
		}
	case RecoveryCodeUsed:
		p.Intro = []string{say(key + "intro"), l.Count(key+"left", g.left)}
	default:
		p.Intro = []string{say(key + "intro")}
	}
	if t.notice {
		p.Facts = append(p.Facts, [2]string{l.Text("mail.fact.time"), l.Moment(g.at.In(g.zone))})
	}
	for _, name := range []string{"address", "agent", "name", "prefix", "host", "webhook", "amount", "reference", "reason", "balance", "threshold"} {
		if value := shown(m.Data[name]); value != "" {
			p.Facts = append(p.Facts, [2]string{l.Text("mail.fact." + name), value})
		}
	}
	label := "mail.account"
	if t.action {
		label = key + "action"
	}
	for _, one := range [][2]string{{"link", label}, {"reset", key + "reset"}} {
		if address := m.Data[one[0]]; address != "" {
			p.Links = append(p.Links, link{say(one[1]), address})
		}
	}
	return p
}

// lines are those of a mail that has some.
func lines(data map[string]string) (all []string) {
	for {
		line := shown(data["line"+strconv.Itoa(len(all)+1)])
		if line == "" {
			return all
		}
		all = append(all, line)
	}
}

// text is the mail for who reads no HTML: whole by itself, each link on a line
// of its own.
func (p page) text() string {
	var parts []string
	parts = append(parts, p.Intro...)
	if len(p.Lines) > 0 {
		parts = append(parts, "- "+strings.Join(p.Lines, "\n- "))
	}
	var facts []string
	for _, f := range p.Facts {
		facts = append(facts, f[0]+": "+f[1])
	}
	if len(facts) > 0 {
		parts = append(parts, strings.Join(facts, "\n"))
	}
	for _, l := range p.Links {
		parts = append(parts, l.Label+":\n"+l.URL)
	}
	parts = append(parts, p.After)
	if p.Support != "" {
		parts = append(parts, p.Support)
	}
	end := "-- \n" + p.Panel
	if p.URL != "" {
		end += "\n" + p.URL
	}
	return strings.Join(append(parts, end+"\n"+p.Footer), "\n\n") + "\n"
}

// shown makes a value that others wrote one short line that no mail program
// turns into a link: a device may call itself anything.
func shown(value string) string {
	value = strings.ReplaceAll(oneLine(value), "://", ": //")
	if runes := []rune(value); len(runes) > maxShown {
		return string(runes[:maxShown-1]) + "…"
	}
	return value
}

// oneLine takes out what ends a line, steers a terminal or turns the direction
// of writing.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)), " ")
}
