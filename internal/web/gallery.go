package web

import (
	"net/http"
	"net/url"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// gallery shows every component in every state, for who works on the pages.
func (s *Server) gallery(w http.ResponseWriter, r *http.Request) error {
	f := ui.NewForm(url.Values{"name": {"Shop"}, "kind": {"two"}})
	f.Refuse("amount", "amount must be between 0.01 and 1,000")
	ui.Of(r.Context()).Person = &ui.Person{Email: "customer@example.com", Balance: 98*money.Unit + 266_000, Unread: 3}
	return ui.Render(w, r, http.StatusOK, ui.Gallery(f))
}
