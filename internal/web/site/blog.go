package site

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	blogPath = "/blog"
	// FeedPath is the feed of the blog.
	FeedPath = blogPath + "/feed.xml"
)

const (
	// postsShown is how many posts a page of the blog lists.
	postsShown = 10
	// postsFed is how many the feed has.
	postsFed = 20
)

// every stands in an address for posts of all languages.
const every = "all"

func postPath(slug string) string { return blogPath + "/" + slug }

// blogView is what a page of the blog shows.
type blogView struct {
	in        string // the language whose posts are shown, or every
	languages []string
	posts     []blog.Post
	first     bool
	next      string // "" on the last page
}

// path is the address of a part of the blog.
func (v blogView) path(in, after string) string {
	q := url.Values{}
	if in != "" {
		q.Set("in", in)
	}
	if after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return blogPath
	}
	return blogPath + "?" + q.Encode()
}

func (v blogView) firstPage() string {
	if v.first {
		return ""
	}
	return v.path(v.in, "")
}

func (v blogView) nextPage() string {
	if v.next == "" {
		return ""
	}
	return v.path(v.in, v.next)
}

// Blog lists the posts in the reader's language, or in another that the address
// names; where the reader's has none, all of them.
func (s *Site) Blog(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var v blogView
	var err error
	if v.languages, err = s.Deps.Blog.Languages(ctx); err != nil {
		return err
	}
	v.in = s.blogLanguage(r, v.languages)
	after := r.URL.Query().Get("after")
	v.first = after == ""
	v.posts, v.next, err = s.Deps.Blog.Page(ctx, blog.Query{Language: asked(v.in), After: after, Limit: postsShown})
	if err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, blogPage(v, s.languageName))
}

// blogLanguage is the language whose posts are shown.
func (s *Site) blogLanguage(r *http.Request, there []string) string {
	in := r.URL.Query().Get("in")
	if in == every || slices.Contains(there, in) {
		return in
	}
	if slices.Contains(there, lang(r)) {
		return lang(r)
	}
	return every
}

// asked is the language that the blog is asked for.
func asked(in string) string {
	if in == every {
		return ""
	}
	return in
}

// languageName is what a language calls itself.
func (s *Site) languageName(code string) string {
	if l, found := s.Languages.Find(code); found {
		return l.Name
	}
	return code
}

// otherLang is a text's language where it is not the page's.
func otherLang(ctx context.Context, language string) string {
	if language == ui.Of(ctx).Language.Code {
		return ""
	}
	return language
}

func postRows(ctx context.Context, posts []blog.Post) []ui.PostRow {
	rows := make([]ui.PostRow, len(posts))
	for i, p := range posts {
		rows[i] = ui.PostRow{Path: postPath(p.Slug), Title: p.Title, Lang: otherLang(ctx, p.Language), Description: p.Description, At: p.PublishedAt}
	}
	return rows
}

// Post shows one.
func (s *Site) Post(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p, err := s.Deps.Blog.Shown(ctx, r.PathValue("slug"))
	if err != nil {
		return err
	}
	d, err := s.drawn.of(p, host(ctx))
	if err != nil {
		return err
	}
	page := ui.Page{Title: p.Title, Description: p.Description, Feed: FeedPath, Structured: structuredPost(ctx, p)}
	if page.Description == "" {
		page.Description = sentence(textOf(d.HTML), 160)
	}
	return ui.Render(w, r, http.StatusOK, postPage(page, p, d))
}

// written are posts that were made into HTML, which for a long one takes a while.
type written struct {
	mu  sync.Mutex
	all map[string]draft
}

// draft is what was made of a post as it was at a moment.
type draft struct {
	edited time.Time
	doc    content.Document
}

// of returns a post's HTML.
func (w *written) of(p blog.Post, host string) (content.Document, error) {
	const most = 100
	w.mu.Lock()
	defer w.mu.Unlock()
	if d, made := w.all[p.ID]; made && d.edited.Equal(p.EditedAt) {
		return d.doc, nil
	}
	doc, err := content.Render([]byte(p.Body), content.Options{Host: host})
	if err != nil {
		return doc, fmt.Errorf("post %s: %w", p.ID, err)
	}
	if w.all == nil || len(w.all) >= most {
		w.all = map[string]draft{}
	}
	w.all[p.ID] = draft{p.EditedAt, doc}
	return doc, nil
}

func structuredPost(ctx context.Context, p blog.Post) thing {
	changed := p.Updated()
	if changed.IsZero() {
		changed = p.PublishedAt
	}
	panel := ui.Of(ctx).Panel
	article := thing{
		"@type": "Article", "headline": p.Title, "inLanguage": p.Language, "url": absolute(ctx, postPath(p.Slug)),
		"mainEntityOfPage": absolute(ctx, postPath(p.Slug)), "image": panel.URL + "/card.png",
		"datePublished": p.PublishedAt.Format(time.RFC3339), "dateModified": changed.Format(time.RFC3339),
		"author":    thing{"@type": "Organization", "name": panel.Name, "url": panel.URL + "/"},
		"publisher": thing{"@type": "Organization", "@id": panel.URL + "/#organization", "name": panel.Name},
	}
	if p.Description != "" {
		article["description"] = p.Description
	}
	return thing{"@context": vocabulary, "@graph": []thing{article, crumbs(ctx, []ui.Crumb{
		{Text: ui.T(ctx, "blog.title"), Path: blogPath}, {Text: p.Title, Path: postPath(p.Slug)},
	})}}
}

// The feed in the form of RFC 4287.
type (
	feed struct {
		XMLName  xml.Name   `xml:"http://www.w3.org/2005/Atom feed"`
		Lang     string     `xml:"xml:lang,attr"`
		Base     string     `xml:"xml:base,attr"`
		Title    string     `xml:"title"`
		ID       string     `xml:"id"`
		Updated  string     `xml:"updated"`
		Author   feedAuthor `xml:"author"`
		Links    []feedLink `xml:"link"`
		Articles []feedPost `xml:"entry"`
	}
	feedAuthor struct {
		Name string `xml:"name"`
	}
	feedLink struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	}
	feedPost struct {
		Lang      string      `xml:"xml:lang,attr"`
		Title     string      `xml:"title"`
		ID        string      `xml:"id"`
		Link      feedLink    `xml:"link"`
		Published string      `xml:"published"`
		Updated   string      `xml:"updated"`
		Summary   string      `xml:"summary,omitempty"`
		Content   feedContent `xml:"content"`
	}
	feedContent struct {
		Type string `xml:"type,attr"`
		HTML string `xml:",chardata"`
	}
)

// Feed gives the newest posts to programs, of one language where the address says in
// which.
func (s *Site) Feed(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	language, self := asked(r.URL.Query().Get("in")), FeedPath
	if language != "" {
		self += "?in=" + url.QueryEscape(language)
	}
	posts, _, err := s.Deps.Blog.Page(ctx, blog.Query{Language: language, Limit: postsFed, Bodies: true})
	if err != nil {
		return err
	}
	panel := ui.Of(ctx).Panel
	f := feed{
		Lang: lang(r), Base: panel.URL + "/", Title: panel.Name, ID: absolute(ctx, self), Updated: time.Unix(0, 0).UTC().Format(time.RFC3339),
		Author: feedAuthor{panel.Name},
		Links:  []feedLink{{"self", "application/atom+xml", absolute(ctx, self)}, {"alternate", "text/html", absolute(ctx, blogPath)}},
	}
	var newest time.Time
	for _, p := range posts {
		one, changed, err := s.feedPost(ctx, p)
		if err != nil {
			return err
		}
		if changed.After(newest) {
			newest, f.Updated = changed, one.Updated
		}
		f.Articles = append(f.Articles, one)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(f); err != nil {
		return fmt.Errorf("write the feed: %w", err)
	}
	return send(w, r, "application/atom+xml; charset=utf-8", b.Bytes())
}

func (s *Site) feedPost(ctx context.Context, p blog.Post) (one feedPost, changed time.Time, err error) {
	d, err := s.drawn.of(p, host(ctx))
	if err != nil {
		return one, changed, err
	}
	if changed = p.Updated(); changed.IsZero() {
		changed = p.PublishedAt
	}
	address := absolute(ctx, postPath(p.Slug))
	return feedPost{
		Lang: p.Language, Title: p.Title, ID: address, Link: feedLink{"alternate", "text/html", address},
		Published: p.PublishedAt.Format(time.RFC3339), Updated: changed.Format(time.RFC3339),
		Summary: p.Description, Content: feedContent{"html", d.HTML},
	}, changed, nil
}
