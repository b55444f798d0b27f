package site

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Robots tells search engines where nothing is for them.
func (s *Site) Robots(w http.ResponseWriter, r *http.Request) error {
	var b bytes.Buffer
	b.WriteString("User-agent: *\n")
	for _, path := range []string{"/admin", "/api/", "/dashboard", "/preferences"} {
		b.WriteString("Disallow: " + path + "\n")
	}
	b.WriteString("\nSitemap: " + absolute(r.Context(), "/sitemap.xml") + "\n")
	return send(w, r, "text/plain; charset=utf-8", b.Bytes())
}

// mostAddresses is how many a sitemap may name: https://www.sitemaps.org/protocol.html.
const mostAddresses = 50_000

// mostPosts is how many of them are posts.
const mostPosts = 1000

// Sitemap names the public pages in each language.
func (s *Site) Sitemap(w http.ResponseWriter, r *http.Request) error {
	now, err := s.Catalogue(r.Context())
	if err != nil {
		return err
	}
	slugs, err := s.Deps.Blog.Slugs(r.Context(), mostPosts)
	if err != nil {
		return err
	}
	return send(w, r, "application/xml; charset=utf-8", s.sitemap(r.Context(), now, slugs))
}

// sitemap is made once for each state of catalogue and blog: it can be some megabytes.
func (s *Site) sitemap(ctx context.Context, now *catalog.Snapshot, slugs []string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed != nil && s.listing == now.Epoch && slices.Equal(s.posts, slugs) {
		return s.listed
	}
	paths := append(ownPaths(), s.Paths...)
	for _, slug := range slugs {
		paths = append(paths, postPath(slug))
	}
	room := mostAddresses/len(s.Languages.All()) - len(paths)
	for _, v := range now.Services {
		if room > 0 && v.State == catalog.Active {
			paths = append(paths, servicePath(v.ID))
			room--
		}
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">` + "\n")
	for _, path := range paths {
		s.writeAddresses(&b, absolute(ctx, path))
	}
	b.WriteString("</urlset>\n")
	s.listed, s.listing, s.posts = b.Bytes(), now.Epoch, slugs
	return s.listed
}

// ownPaths are the public pages beside the services'.
func ownPaths() []string {
	return []string{
		"/", "/services", "/pricing", "/faq", "/contact", "/terms", "/privacy", "/refund", "/acceptable-use",
		"/why", "/about", blogPath, giveawayPath, "/status",
	}
}

// writeAddresses names a page in each language, with the others beside it.
func (s *Site) writeAddresses(b *bytes.Buffer, page string) {
	var others bytes.Buffer
	for _, l := range s.Languages.All() {
		fmt.Fprintf(&others, `<xhtml:link rel="alternate" hreflang="%s" href="%s"/>`, l.Code, escaped(page+"?lang="+l.Code))
	}
	fmt.Fprintf(&others, `<xhtml:link rel="alternate" hreflang="x-default" href="%s"/>`, escaped(page))
	for _, l := range s.Languages.All() {
		fmt.Fprintf(b, "<url><loc>%s</loc>%s</url>\n", escaped(page+"?lang="+l.Code), others.Bytes())
	}
}

func escaped(text string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return ""
	}
	return b.String()
}

// BrandAsset is a file of the operator's: their logo, their colours.
func (s *Site) BrandAsset(w http.ResponseWriter, r *http.Request) error {
	asset, found, err := s.Asset(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.NotFound, "No such file")
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // other bytes have another name
	return send(w, r, asset.Type, asset.Body)
}

// Favicon is the panel's sign in the operator's colour, or ours.
func (s *Site) Favicon(w http.ResponseWriter, r *http.Request) error {
	ground, line := colours(s.Brand())
	var b bytes.Buffer
	if err := ui.Favicon(ground.String(), line.String()).Render(r.Context(), &b); err != nil {
		return fmt.Errorf("draw the icon: %w", err)
	}
	w.Header().Set("Cache-Control", "public, max-age=86400")
	return send(w, r, "image/svg+xml", b.Bytes())
}

// CardPicture is the picture that others show beside a link to the panel.
func (s *Site) CardPicture(w http.ResponseWriter, r *http.Request) error {
	picture, err := s.cards.of(s.Brand())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=86400")
	return send(w, r, "image/png", picture)
}

func send(w http.ResponseWriter, r *http.Request, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:gosec // what it is says its type, which nobody but us chose; the reader may have gone
	}
	return nil
}
