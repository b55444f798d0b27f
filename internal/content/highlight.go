package content

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// Highlight makes HTML of code: a pre with the classes that highlight.css colours.
// Of a language that nobody knows, and of none, the code is only escaped.
func Highlight(code, language string) string {
	var b strings.Builder
	// The focus lets a keyboard scroll what is wider than its place.
	b.WriteString(`<pre class="chroma" tabindex="0"><code`)
	if knownLanguage.MatchString(language) {
		b.WriteString(` class="language-` + language + `"`)
	}
	b.WriteByte('>')
	if !paint(&b, code, language) {
		b.WriteString(html.EscapeString(code))
	}
	b.WriteString("</code></pre>")
	return b.String()
}

var knownLanguage = regexp.MustCompile(`^[a-z]+$`)

// paint writes the code with a span around what has a colour, and reports whether
// it did; else nothing was written.
func paint(b *strings.Builder, code, language string) bool {
	if language == "" || language == "text" {
		return false
	}
	lexer := lexers.Get(language)
	if lexer == nil {
		return false
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, code)
	if err != nil {
		return false
	}
	open := ""
	for token := tokens(); token != chroma.EOF; token = tokens() {
		class := tokenClass(token.Type)
		if strings.TrimSpace(token.Value) == "" {
			class = open // a blank has no colour, and need not end one
		}
		if class != open {
			closing(b, open)
			if class != "" {
				b.WriteString(`<span class="` + class + `">`)
			}
			open = class
		}
		b.WriteString(html.EscapeString(token.Value))
	}
	closing(b, open)
	return true
}

func closing(b *strings.Builder, open string) {
	if open != "" {
		b.WriteString("</span>")
	}
}

// tokenClass is the class of highlight.css for a kind of token; few colours read
// better than many.
func tokenClass(t chroma.TokenType) string {
	switch {
	case t == chroma.NameTag, t == chroma.NameAttribute, t == chroma.NameFunction, t == chroma.NameBuiltin,
		t == chroma.NameClass, t == chroma.NameDecorator, t == chroma.NameProperty, t == chroma.NameConstant:
		return "n"
	case t.InCategory(chroma.Keyword), t == chroma.OperatorWord, t == chroma.CommentPreproc:
		return "k"
	case t.InSubCategory(chroma.LiteralString):
		return "s"
	case t.InSubCategory(chroma.LiteralNumber):
		return "m"
	case t.InCategory(chroma.Comment):
		return "c"
	case t.InCategory(chroma.Operator), t.InCategory(chroma.Punctuation):
		return "p"
	}
	return ""
}

// blocks renders what goldmark's own renderer would write otherwise: code with
// colours, tables that scroll by themselves, images that load when they are seen.
type blocks struct{}

// RegisterFuncs names the nodes that blocks renders.
func (blocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, renderCode)
	r.Register(ast.KindCodeBlock, renderCode)
	r.Register(ast.KindImage, renderImage)
	r.Register(east.KindTable, renderTable)
}

func renderCode(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	language := ""
	if fenced, is := n.(*ast.FencedCodeBlock); is {
		language = string(fenced.Language(source))
	}
	_, err := w.WriteString(Highlight(string(n.Lines().Value(source)), language) + "\n")
	return ast.WalkSkipChildren, wrapped(err)
}

func renderImage(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	image, is := n.(*ast.Image)
	if !is || !entering {
		return ast.WalkContinue, nil
	}
	title := ""
	if len(image.Title) > 0 {
		title = ` title="` + html.EscapeString(string(image.Title)) + `"`
	}
	_, err := fmt.Fprintf(w, `<img src="%s" alt="%s"%s loading="lazy">`,
		util.EscapeHTML(util.URLEscape(image.Destination, true)), html.EscapeString(plain(n, source)), title)
	return ast.WalkSkipChildren, wrapped(err)
}

func renderTable(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	part := `<div class="table-wrap" tabindex="0"><table>` + "\n"
	if !entering {
		part = "</table></div>\n"
	}
	_, err := w.WriteString(part)
	return ast.WalkContinue, wrapped(err)
}

func wrapped(err error) error {
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
