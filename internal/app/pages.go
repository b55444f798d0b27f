package app

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// newPages builds what people see. The address that the panel listens at must be
// known.
func (s *Server) newPages(ctx context.Context, limits map[string]int64) (*web.Server, error) {
	languages, err := locale.Load()
	if err != nil {
		return nil, err
	}
	public, err := s.newSite(ctx, languages, limits)
	if err != nil {
		return nil, err
	}
	panel := ui.Panel{Currency: s.Core.Currency, URL: strings.TrimSuffix(s.URL(), "/"), Dev: s.settings.Dev, Links: web.FrameLinks()}
	site.Show(public.Brand, &panel)
	return web.New(web.Deps{Languages: languages, Now: clock.System, Log: s.log, Panel: panel, Site: public})
}

// newSite builds the public pages with the operator's name, looks and texts.
func (s *Server) newSite(ctx context.Context, languages *locale.Set, limits map[string]int64) (*site.Site, error) {
	b, err := s.settings.Branding()
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(s.URL())
	if err != nil {
		return nil, err //nolint:wrapcheck // it was checked with the settings
	}
	s.texts, err = content.Open(ctx, s.settings.ContentDir, content.Values{
		Brand: b, Currency: s.Core.Currency, Host: address.Host,
		Date: func(lang string, day time.Time) string {
			l, _ := languages.Find(lang)
			return l.Day(day)
		},
	}, s.log)
	if err != nil {
		return nil, err
	}
	return site.New(site.Deps{
		Catalogue: s.catalogue, Texts: s.texts, Brand: b, Limits: limits, Languages: languages,
	}), nil
}

// catalogue returns what is sold now.
func (s *Server) catalogue(ctx context.Context) (*catalog.Snapshot, error) {
	now, err := s.Epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.Cache.At(ctx, now.Catalog)
}
