package content

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/notpanel/notpanel/internal/fault"
)

// The longest sources that are rendered, in bytes. The time that a source can cost
// grows with the square of its length, so that of strangers is kept short.
const (
	MaxMarkdown  = 256 << 10
	MaxUntrusted = 16 << 10
)

// maxDepth is how deep quotes and lists stand in each other.
const maxDepth = 16

// Options are what Render needs to know of the page that shows the document.
type Options struct {
	// Host is the panel's own host, with its port where it has one. Links to
	// another get rel="noopener". Empty: every link with a host leaves the site.
	Host string
	// Untrusted marks a text that neither the program nor its operator wrote: its
	// links that leave the site also get "nofollow ugc".
	Untrusted bool
	// DropTitle leaves the first heading of level 1 out of the HTML, for pages that
	// show the title by themselves.
	DropTitle bool
}

// Document is a rendered text.
type Document struct {
	// HTML is safe to stand in a page as it is. Code in it has classes that
	// highlight.css colours; there is no style attribute and no script.
	HTML string
	// Headings are those in HTML, in their order.
	Headings []Heading
	// Title is the text of the first heading of level 1, empty where there is none.
	Title string
}

// Heading is a place in a document that a link can name.
type Heading struct {
	Level int    // 1 to 6
	ID    string // ASCII, unique in the document
	Text  string // plain
}

// Render makes HTML of Markdown: CommonMark with tables, strikethrough and bare
// links. HTML in the source is shown as the text that it is. A heading's id comes
// from its text, or from `{#id}` behind it, which translations use to keep the
// links of the original. An image must be a path of the panel; of another the
// description is shown.
//
// A source longer than MaxMarkdown, or MaxUntrusted, is refused.
func Render(source []byte, o Options) (Document, error) {
	most := MaxMarkdown
	if o.Untrusted {
		most = MaxUntrusted
	}
	if len(source) > most {
		return Document{}, fault.Newf(fault.TooLarge, "The text must have at most %d KB", most>>10)
	}
	root := markdown.Parser().Parse(text.NewReader(source))
	s := &survey{source: source, o: o, taken: map[string]int{}}
	if err := ast.Walk(root, s.visit); err != nil {
		return Document{}, fmt.Errorf("survey: %w", err)
	}
	s.apply()
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, source, root); err != nil {
		return Document{}, fmt.Errorf("render: %w", err)
	}
	return Document{HTML: emitted.Sanitize(out.String()), Headings: s.headings, Title: s.title}, nil
}

// Both are built once and then only read.
//
//nolint:gochecknoglobals // have no state
var (
	markdown = newMarkdown()
	emitted  = policy()
)

// newMarkdown is a parser that knows no HTML and a renderer that writes no styles.
func newMarkdown() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithParser(parser.NewParser(
			parser.WithBlockParsers(
				util.Prioritized(parser.NewSetextHeadingParser(parser.WithHeadingAttribute()), 100),
				util.Prioritized(parser.NewThematicBreakParser(), 200),
				util.Prioritized(bounded{parser.NewListParser()}, 300),
				util.Prioritized(parser.NewListItemParser(), 400),
				util.Prioritized(parser.NewCodeBlockParser(), 500),
				util.Prioritized(parser.NewATXHeadingParser(parser.WithHeadingAttribute()), 600),
				util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
				util.Prioritized(bounded{parser.NewBlockquoteParser()}, 800),
				util.Prioritized(parser.NewParagraphParser(), 1000),
			),
			parser.WithInlineParsers(
				util.Prioritized(parser.NewCodeSpanParser(), 100),
				util.Prioritized(parser.NewLinkParser(), 200),
				util.Prioritized(parser.NewAutoLinkParser(), 300),
				util.Prioritized(parser.NewEmphasisParser(), 500),
			),
			parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
		)),
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough,
			extension.Linkify,
		),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(blocks{}, 100))),
	)
}

// bounded is a parser of blocks that stand in each other, to a depth that costs
// little.
type bounded struct{ parser.BlockParser }

// Open begins a block unless it would be too deep; its text stays text.
func (b bounded) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for n := parent; n != nil; n = n.Parent() {
		depth++
	}
	if depth > maxDepth {
		return nil, parser.NoChildren
	}
	return b.BlockParser.Open(parent, reader, pc)
}

// survey goes through a parsed document before it is rendered: it names the
// headings, marks the links that leave the site, and finds what is to be replaced.
type survey struct {
	source   []byte
	o        Options
	taken    map[string]int // id → how many wanted it
	headings []Heading
	title    string
	dropped  []ast.Node
	strange  []*ast.Image
}

func (s *survey) visit(n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	switch n := n.(type) {
	case *ast.Heading:
		s.heading(n)
	case *ast.Link:
		s.leaving(n, string(n.Destination))
	case *ast.AutoLink:
		s.leaving(n, string(n.URL(s.source)))
	case *ast.Image:
		if !ownPath(string(n.Destination)) {
			s.strange = append(s.strange, n)
		}
	default:
	}
	return ast.WalkContinue, nil
}

// apply changes the tree, which must stay as it is while it is walked.
func (s *survey) apply() {
	for _, n := range s.dropped {
		n.Parent().RemoveChild(n.Parent(), n)
	}
	for _, image := range s.strange {
		words := ast.NewString([]byte(plain(image, s.source)))
		words.SetRaw(true) // as it is, but escaped
		image.Parent().ReplaceChild(image.Parent(), image, words)
	}
}

// heading gives a heading its id, and takes every other attribute from it.
func (s *survey) heading(n *ast.Heading) {
	words := strings.TrimSpace(plain(n, s.source))
	wanted := slug(words)
	if given, ok := n.AttributeString("id"); ok {
		if told, is := given.([]byte); is && slug(string(told)) != "" {
			wanted = slug(string(told))
		}
	}
	n.RemoveAttributes()
	if n.Level == 1 && s.title == "" {
		s.title = words
		if s.o.DropTitle {
			s.dropped = append(s.dropped, n)
			return
		}
	}
	if wanted == "" {
		wanted = "section"
	}
	unique := s.unique(wanted)
	n.SetAttributeString("id", []byte(unique))
	s.headings = append(s.headings, Heading{Level: n.Level, ID: unique, Text: words})
}

// unique is the id that was wanted, with a number where another heading has it.
func (s *survey) unique(wanted string) string {
	id := wanted
	for s.taken[id] > 0 {
		s.taken[wanted]++
		id = wanted + "-" + strconv.Itoa(s.taken[wanted])
	}
	s.taken[id]++
	return id
}

func (s *survey) leaving(n ast.Node, to string) {
	if !leaves(to, s.o.Host) {
		return
	}
	rel := "noopener"
	if s.o.Untrusted {
		rel = "noopener nofollow ugc"
	}
	n.SetAttributeString("rel", []byte(rel))
}

// leaves reports whether a link leads to another host than the panel's, as
// browsers read it: to them a backslash is a slash.
func leaves(to, host string) bool {
	u, err := url.Parse(strings.ReplaceAll(strings.TrimSpace(to), `\`, "/"))
	if err != nil {
		return true
	}
	return u.Host != "" && (host == "" || !strings.EqualFold(u.Host, host))
}

// ownPath reports whether an address is a path of the panel.
func ownPath(to string) bool {
	return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.Contains(to, `\`)
}

// plain is the text of a node and of all within it.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			b.Write(util.UnescapePunctuations(child.Segment.Value(source)))
			if child.SoftLineBreak() || child.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(child.Value)
		case *ast.AutoLink:
			b.Write(child.Label(source))
		default:
			b.WriteString(plain(child, source))
		}
	}
	return html.UnescapeString(b.String())
}

var notWord = regexp.MustCompile(`[^a-z0-9_]+`)

// slug makes of a text what can stand in a URL: small ASCII letters, digits,
// underscores and hyphens. Letters with marks lose them; other alphabets give
// nothing.
func slug(words string) string {
	bare, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), words)
	if err != nil {
		bare = words
	}
	bare = strings.NewReplacer("ı", "i", "ß", "ss", "ø", "o", "đ", "d", "ł", "l", "æ", "ae", "œ", "oe").Replace(strings.ToLower(bare))
	return strings.Trim(notWord.ReplaceAllString(bare, "-"), "-_")
}

// policy lets through what the renderer writes and nothing else.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "blockquote", "strong", "em", "del", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td",
		"h1", "h2", "h3", "h4", "h5", "h6", "pre", "code")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)).OnElements("h1", "h2", "h3", "h4", "h5", "h6")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^\d{1,9}$`)).OnElements("ol")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td")
	p.AllowAttrs("tabindex").Matching(regexp.MustCompile(`^0$`)).OnElements("pre", "div")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^table-wrap$`)).OnElements("div")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^chroma$`)).OnElements("pre")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[a-z]+$`)).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(k|s|m|c|n|p)$`)).OnElements("span")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("title").OnElements("a", "img")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^noopener( nofollow ugc)?$`)).OnElements("a")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^/([^/\\]|$)`)).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("loading").Matching(regexp.MustCompile(`^lazy$`)).OnElements("img")
	return p
}
