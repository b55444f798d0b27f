package app

import (
	"strings"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// newPages builds what people see. The address that the panel listens at must be
// known.
func (s *Server) newPages() (*web.Server, error) {
	languages, err := locale.Load()
	if err != nil {
		return nil, err
	}
	return web.New(web.Deps{
		Languages: languages, Now: clock.System, Log: s.log,
		Panel: ui.Panel{Name: "notpanel", Currency: s.Core.Currency, URL: strings.TrimSuffix(s.URL(), "/"), Dev: s.settings.Dev, Links: web.FrameLinks()},
	})
}
