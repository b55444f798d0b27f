package site

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// home is what the first page shows.
type home struct {
	page       ui.Page
	categories []catalog.ListedCategory // those that are shown
	all        int                      // categories that there are
	services   int
	measured   int64 // orders
	kinds      string
	call       string // HTML of the sample; "" where nothing is sold
	answer     string // HTML
	service    string // of the sample
}

// Home is the first page.
func (s *Site) Home(w http.ResponseWriter, r *http.Request) error {
	now, err := s.Catalogue(r.Context())
	if err != nil {
		return err
	}
	h, err := newHome(r, now)
	if err != nil {
		return err
	}
	ctx := r.Context()
	h.page = ui.Page{
		Description: ui.T(ctx, "site.home.description", "Name", ui.Of(ctx).Panel.Name), Structured: structuredHome(ctx),
	}
	return ui.Render(w, r, http.StatusOK, homePage(h))
}

func newHome(r *http.Request, now *catalog.Snapshot) (h home, err error) {
	const most = 12
	h.categories = now.ListedCategories(lang(r))
	h.all = len(h.categories)
	for _, c := range h.categories {
		h.services += c.Services
	}
	h.kinds = kinds(h.categories)
	h.categories = h.categories[:min(most, h.all)]
	for _, v := range now.Services {
		if f, measured := now.Facts(v); measured && v.State == catalog.Active {
			h.measured += f.Orders
		}
	}
	v, schema, found := shown(now)
	if !found {
		return h, nil
	}
	panel := ui.Of(r.Context()).Panel
	said, err := answerTo(v, quantity(v), panel.Currency)
	if err != nil {
		return h, err
	}
	h.call = content.Highlight(curl(panel.URL, call(v, schema)), "bash")
	h.answer = content.Highlight(said, "json")
	h.service = now.Wording(v, now.Language(lang(r))).Name
	return h, nil
}

// kinds names the first categories, as many as a sentence takes.
func kinds(all []catalog.ListedCategory) string {
	const most, longest = 3, 30
	var names []string
	for _, c := range all {
		if len(names) < most && utf8.RuneCountInString(c.Name) <= longest {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}
