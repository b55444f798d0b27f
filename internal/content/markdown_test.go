package content_test

import (
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
)

func render(t *testing.T, source string, o content.Options) content.Document {
	t.Helper()
	d, err := content.Render([]byte(source), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRenderWritesWhatAPageNeeds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"text":      {"A **bold** and *slanted* `word`.", "<p>A <strong>bold</strong> and <em>slanted</em> <code>word</code>.</p>\n"},
		"list":      {"1. one\n2. two", "<ol>\n<li>one</li>\n<li>two</li>\n</ol>\n"},
		"list at 3": {"3. three", "<ol start=\"3\">\n<li>three</li>\n</ol>\n"},
		"own link":  {"[keys](/dashboard/api)", `<p><a href="/dashboard/api">keys</a></p>` + "\n"},
		"own host":  {"[keys](https://panel.example/x)", `<p><a href="https://panel.example/x">keys</a></p>` + "\n"},
		"out":       {"[there](https://example.com/x)", `<p><a href="https://example.com/x" rel="noopener">there</a></p>` + "\n"},
		"bare":      {"See https://example.com/x.", `<p>See <a href="https://example.com/x" rel="noopener">https://example.com/x</a>.</p>` + "\n"},
		"two slashes": {
			"[there](//example.com/x)", `<p><a href="//example.com/x" rel="noopener">there</a></p>` + "\n",
		},
		"mail":  {"<help@panel.example>", `<p><a href="mailto:help@panel.example">help@panel.example</a></p>` + "\n"},
		"image": {`![A chart](/img/chart.png "Orders")`, `<p><img src="/img/chart.png" alt="A chart" title="Orders" loading="lazy"></p>` + "\n"},
		"image of another": {
			"![A <chart>](https://example.com/chart.png)", "<p>A &lt;chart&gt;</p>\n",
		},
		"code": {
			"```json\n{\"a\": 1}\n```",
			`<pre class="chroma" tabindex="0"><code class="language-json"><span class="p">{</span><span class="n">&#34;a&#34;</span><span class="p">: </span><span class="m">1</span><span class="p">}` +
				"\n</span></code></pre>\n",
		},
		"code of nobody": {
			"```klingon\n<b>\n```", "<pre class=\"chroma\" tabindex=\"0\"><code class=\"language-klingon\">&lt;b&gt;\n</code></pre>\n",
		},
		"table": {
			"| a | b |\n|---|--:|\n| 1 | 2 |",
			"<div class=\"table-wrap\" tabindex=\"0\"><table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n" +
				"<tr>\n<td>1</td>\n<td align=\"right\">2</td>\n</tr>\n</tbody>\n</table></div>\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, render(t, c.source, content.Options{Host: "panel.example"}).HTML); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A link to a heading holds in every language: its id is ASCII, unique, and may be
// given.
func TestRenderNamesHeadings(t *testing.T) {
	t.Parallel()
	d := render(t, "# Terms of *service*\n\n## Ödeme & iade\n\n## Ödeme & iade\n\n## Оплата\n\n## شروط {#terms}\n\n### `add` {#add onclick=\"x\" style=\"y\"}\n\n## Keys\n====\n",
		content.Options{})
	want := []content.Heading{
		{1, "terms-of-service", "Terms of service"},
		{2, "odeme-iade", "Ödeme & iade"},
		{2, "odeme-iade-2", "Ödeme & iade"},
		{2, "section", "Оплата"},
		{2, "terms", "شروط"},
		{3, "add", "add"},
		{2, "keys", "Keys"},
	}
	if diff := cmp.Diff(want, d.Headings); diff != "" {
		t.Error(diff)
	}
	if d.Title != "Terms of service" {
		t.Errorf("title is %q", d.Title)
	}
	for _, h := range want {
		if !strings.Contains(d.HTML, ` id="`+h.ID+`">`) {
			t.Errorf("no heading %s in\n%s", h.ID, d.HTML)
		}
	}
	d = render(t, "# Title\n\nText\n\n# Another", content.Options{DropTitle: true})
	if d.Title != "Title" || d.HTML != "<p>Text</p>\n<h1 id=\"another\">Another</h1>\n" || len(d.Headings) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestRenderMarksLinksOfStrangers(t *testing.T) {
	t.Parallel()
	got := render(t, "[a](https://example.com) [b](/own)", content.Options{Host: "panel.example", Untrusted: true}).HTML
	if want := `<p><a href="https://example.com" rel="noopener nofollow ugc">a</a> <a href="/own">b</a></p>` + "\n"; got != want {
		t.Error(got)
	}
}

// hostile are sources that want to run something in the reader's page.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	"<style>body{display:none}</style>",
	`<a href="javascript:alert(1)">x</a>`,
	`[x](javascript:alert(1))`,
	`[x](JaVaScRiPt:alert(1))`,
	"[x](java\nscript:alert(1))",
	`[x](&#106;avascript:alert(1))`,
	`[x](javascript&colon;alert(1))`,
	"[x](\x01javascript:alert(1))",
	`[x](vbscript:msgbox)`,
	`[x](data:text/html;base64,PHNjcmlwdD4=)`,
	`![x](data:image/svg+xml;base64,PHN2Zy8+)`,
	`![x](javascript:alert(1))`,
	`![x](https://example.com/pixel.gif)`,
	`![x" onerror="alert(1)](/a.png)`,
	`![x](/a.png" onerror="alert(1))`,
	`![x](/a.png "t\" onerror=\"alert(1)")`,
	`[x](/a "t\" onclick=\"alert(1)")`,
	`[x](<https://example.com/" onclick="alert(1)>)`,
	`<javascript:alert(1)>`,
	`<https://example.com/"onclick="alert(1)>`,
	"# x {onclick=alert(1) style=\"position:fixed\" class=\"a\"}",
	`# x {#"><script>alert(1)</script>}`,
	"```js\" onclick=\"alert(1)\n</code></pre><script>alert(1)</script>\n```",
	"```html\n<script>alert(1)</script><p style=\"x\" onclick=\"y\">\n```",
	"```php\n<?php echo '</pre><script>alert(1)</script>';\n```",
	"    </code></pre><script>alert(1)</script>",
	"| <script>alert(1)</script> | [x](javascript:alert(1)) |\n|---|:-:|\n| `</td><script>` | ![x](javascript:a) |",
	`<div style="background:url(javascript:alert(1))">x</div>`,
	`<svg/onload=alert(1)>`,
	`<math><mtext></p><style><img src=x onerror=alert(1)>`,
	`<iframe srcdoc="<script>alert(1)</script>"></iframe>`,
	`<form action="/dashboard/api"><button>x</button></form>`,
	`<base href="https://example.com">`,
	`<meta http-equiv="refresh" content="0;url=https://example.com">`,
	`<!-- --><script>alert(1)</script>`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`<?php alert(1) ?>`,
	"[x]: javascript:alert(1)\n\n[x] ![x]",
	"~~<script>~~ **<b onclick=x>**",
	"[a](\\javascript:alert(1))",
	"[a](/\\example.com)",
	"\u0000<script>alert(1)</script>",
}

// Whatever the source says, the page gets the few elements and attributes that
// Markdown needs.
func TestRenderKeepsHostileMarkdownHarmless(t *testing.T) {
	t.Parallel()
	all := append(slices.Clone(hostile), strings.Join(hostile, "\n\n"), strings.Join(hostile, " "), "> - "+strings.Join(hostile, "\n> - "))
	for _, source := range all {
		harmless(t, source, render(t, source, content.Options{Host: "panel.example"}).HTML)
	}
}

func FuzzRender(f *testing.F) {
	for _, source := range hostile {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		d, err := content.Render([]byte(source), content.Options{Host: "panel.example"})
		if err != nil {
			t.Skip(err)
		}
		harmless(t, source, d.HTML)
	})
}

// allowed are the elements and attributes that a rendered document may have.
var allowed = map[string][]string{
	"p": nil, "br": nil, "hr": nil, "blockquote": nil, "strong": nil, "em": nil, "del": nil, "ul": nil, "ol": {"start"}, "li": nil,
	"table": nil, "thead": nil, "tbody": nil, "tr": nil, "th": {"align"}, "td": {"align"},
	"h1": {"id"}, "h2": {"id"}, "h3": {"id"}, "h4": {"id"}, "h5": {"id"}, "h6": {"id"},
	"pre": {"class", "tabindex"}, "code": {"class"}, "span": {"class"}, "div": {"class", "tabindex"},
	"a": {"href", "rel", "title"}, "img": {"src", "alt", "title", "loading"},
}

func harmless(t *testing.T, source, out string) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(out))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if !errors.Is(tokens.Err(), io.EOF) {
				t.Errorf("%q gives %q: %v", source, out, tokens.Err())
			}
			return
		case html.CommentToken, html.DoctypeToken:
			t.Errorf("%q gives %q", source, out)
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			attributes, known := allowed[token.Data]
			if !known {
				t.Errorf("%q gives <%s>", source, token.Data)
			}
			for _, a := range token.Attr {
				if !slices.Contains(attributes, a.Key) || !fine(a) {
					t.Errorf("%q gives <%s %s=%q>", source, token.Data, a.Key, a.Val)
				}
			}
		default:
		}
	}
}

// fine reports whether an address leads where a text may lead.
func fine(a html.Attribute) bool {
	if a.Key != "href" && a.Key != "src" {
		return true
	}
	u, err := url.Parse(a.Val)
	if err != nil {
		return false
	}
	if a.Key == "src" {
		return u.Scheme == "" && u.Host == ""
	}
	return slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme)
}

// Nobody keeps the panel busy with a text: none takes a time that grows with the
// square of its length. The bound is far above what a slow machine needs.
func TestRenderTakesLittleTimeForStrangeText(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{
		"quotes": ">", "lists": "- ", "mixed": "> - 1. ", "brackets": "[", "images": "![", "stars": "*a", "ticks": "`a", "links": "[a](",
		"angles": "<a", "pipes": "|a", "underscores": "_a_ ", "tables": "|a|b|\n|-|-|\n|", "references": "[a]: b\n", "headings": "# a\n",
		"braces": "# a {#", "same": "## a-2\n## a\n", "entities": "&amp;", "tabs": "\t", "tildes": "~~a", "addresses": "http://a.b/(",
	} {
		source := strings.Repeat(part, content.MaxUntrusted/len(part))
		began := time.Now()
		_, err := content.Render([]byte(source), content.Options{Untrusted: true})
		if took := time.Since(began); err != nil || took > time.Minute {
			t.Errorf("%s take %v (%v)", name, took, err)
		}
	}
	for size, o := range map[int]content.Options{content.MaxMarkdown + 1: {}, content.MaxUntrusted + 1: {Untrusted: true}} {
		if _, err := content.Render(make([]byte, size), o); fault.From(err).Code != fault.TooLarge {
			t.Errorf("a text of %d bytes: %v", size, err)
		}
	}
}
