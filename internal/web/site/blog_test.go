package site_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/web/site"
)

// post writes a post; with a time it is published from then on.
func (s *shop) post(slug, language, body string, at ...time.Time) blog.Post {
	s.Helper()
	p, err := s.blog.Create(s.Context(), blog.Text{Slug: slug, Language: language, Title: "About " + slug, Description: "What " + slug + " says.", Body: body}, staff)
	must(s, err)
	for _, t := range at {
		p, err = s.blog.Publish(s.Context(), p.ID, t, staff)
		must(s, err)
	}
	return p
}

// gone wants a page that is not there.
func (s *shop) gone(path string) {
	s.Helper()
	if w := s.ask(reader, path); w.Code != http.StatusNotFound {
		s.Errorf("%s: %d", path, w.Code)
	}
}

// readFeed is what a feed reader sees.
func (s *shop) readFeed(path string) (ids []string, updated string) {
	s.Helper()
	w := s.ask(reader, path)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/atom+xml; charset=utf-8" {
		s.Fatalf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
	}
	var f struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		Updated string   `xml:"updated"`
		Entries []struct {
			ID      string `xml:"id"`
			Content string `xml:"content"`
		} `xml:"entry"`
	}
	must(s, xml.Unmarshal(w.Body.Bytes(), &f))
	for _, e := range f.Entries {
		ids = append(ids, strings.TrimPrefix(e.ID, address+"/blog/"))
		if strings.Contains(e.Content, "<script") {
			s.Errorf("%s: %s", e.ID, e.Content)
		}
	}
	return ids, f.Updated
}

// What nobody may see yet is nowhere: in no list, no feed, no sitemap, and not at its
// own address.
func TestDraftsAreNowhere(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		s.has(s.page(reader, "/blog"), "No posts yet", `href="/services"`)
		s.readFeed(site.FeedPath)
		draft := s.post("a-draft", "en", "Secret words.")
		s.post("to-come", "en", "Secret words.", time.Now().Add(time.Hour))
		s.post("here", "en", "Open words.", time.Time{})
		taken := s.post("taken-back", "en", "Secret words.", time.Time{})
		s.page(reader, "/blog/taken-back")
		_, err := s.blog.Unpublish(s.Context(), taken.ID, staff)
		must(s, err)
		for _, slug := range []string{"a-draft", "to-come", "taken-back", draft.ID, "none", "feed.xml%00", "..%2Fterms"} {
			s.gone("/blog/" + slug)
		}
		s.has(s.page(reader, "/blog/here"), "Open words.")
		everything := s.page(reader, "/blog?in=all") + s.page(reader, "/sitemap.xml") + s.page(reader, site.FeedPath)
		s.lacks(everything, "Secret words", "a-draft", "to-come", "taken-back")
		s.has(everything, address+"/blog/here")
		s.db.AdvanceClock(2 * time.Hour)
		if ids, _ := s.readFeed(site.FeedPath); !slices.Equal(ids, []string{"to-come", "here"}) {
			s.Errorf("after its time: %v", ids)
		}
		s.has(s.page(reader, "/sitemap.xml"), "/blog/to-come?lang=en")
	})
}

// A reader finds posts of their language, others when they ask, and pages that fit
// together.
func TestBlogIsReadInLanguagesAndPages(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		for i := range 12 {
			s.post(fmt.Sprintf("post-%d", i), "en", "Words.", time.Time{})
		}
		s.has(s.page("tr", "/blog"), "post-11") // none are in Turkish
		s.post("yazi", "tr", "Sözler.", time.Time{})
		turkish := s.page("tr", "/blog")
		s.has(turkish, "yazi", `href="/blog?in=all"`)
		s.lacks(turkish, "post-1")
		s.has(s.page("tr", "/blog?in=all"), "yazi", `<li lang="en">`, "post-11")
		first := s.page(reader, "/blog?in=en")
		s.has(first, "post-11", "post-2", "Older posts")
		s.lacks(first, "post-1<", "yazi")
		_, next, _ := strings.Cut(first, `href="/blog?after=`)
		next, _, _ = strings.Cut(next, `"`)
		second := s.page(reader, strings.ReplaceAll("/blog?after="+next, "&amp;", "&"))
		s.has(second, "post-1<", "post-0", "To the newest")
		s.lacks(second, "post-2", "Older posts")
		if w := s.ask(reader, "/blog?after=x"); w.Code != http.StatusBadRequest {
			s.Errorf("a page that is none: %d", w.Code)
		}
		if ids, _ := s.readFeed(site.FeedPath + "?in=tr"); !slices.Equal(ids, []string{"yazi"}) {
			s.Errorf("the Turkish feed: %v", ids)
		}
		if ids, _ := s.readFeed(site.FeedPath); len(ids) != 13 {
			s.Errorf("the feed: %v", ids)
		}
	})
}

// A post says to readers and search engines when it was written and changed, and its
// Markdown can't do more than text may.
func TestPostIsDescribed(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		p := s.post("hostile", "en", "## One\n\n<script>alert(1)</script> [x](javascript:alert(1)) [out](https://other.example/)\n\n## Two\n\n`code`", time.Time{})
		page := s.page(reader, "/blog/hostile")
		s.lacks(page, "<script>alert", `href="javascript:`, "Changed on")
		s.has(page, `<meta name="description" content="What hostile says."`, `type="application/atom+xml"`, `rel="canonical" href="`+address+`/blog/hostile"`,
			`href="#one"`, "On this page", `rel="noopener`)
		data := fmt.Sprint(structured(s, page))
		for _, want := range []string{"@type:Article", "headline:About hostile", "datePublished:" + p.PublishedAt.Format(time.RFC3339), "BreadcrumbList"} {
			if !strings.Contains(data, want) {
				s.Errorf("%s is not in %s", want, data)
			}
		}
		s.db.AdvanceClock(time.Hour)
		text := p.Text
		text.Body, text.Description = "Other words stand here.", ""
		_, err := s.blog.Edit(s.Context(), p.ID, text, staff)
		must(s, err)
		page = s.page("tr", "/blog/hostile")
		s.has(page, "Değişti:", "Other words stand here.", `<h1 class="display" lang="en">`, `content="Other words stand here."`)
		if _, updated := s.readFeed(site.FeedPath); updated == p.PublishedAt.Format(time.RFC3339) {
			s.Error("the feed does not say that it changed")
		}
	})
}
