package site

import (
	"context"
	"net/http"
	"strings"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Text is the page of a text: the terms and the like.
func (s *Site) Text(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		text, err := s.Texts.Page(r.Context(), lang(r), name)
		if err != nil {
			return err
		}
		p := ui.Page{Title: text.Title, Description: described(text)}
		if name == content.FAQ {
			p.Structured = structuredQuestions(r.Context(), text)
		}
		return ui.Render(w, r, http.StatusOK, textPage(p, text))
	}
}

// Contact says how to reach the operator.
func (s *Site) Contact(w http.ResponseWriter, r *http.Request) error {
	text, err := s.Texts.Page(r.Context(), lang(r), content.Contact)
	if err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, contactPage(ui.Page{Title: text.Title, Description: described(text)}, text, s.Brand()))
}

// described is a text's sentence for search engines; of the operator's own that
// has none its title.
func described(text content.Page) string {
	if text.Description != "" {
		return text.Description
	}
	return text.Title
}

// textLang is a text's language where it is not the page's.
func textLang(ctx context.Context, text content.Page) string {
	if text.Lang == ui.Of(ctx).Language.Code {
		return ""
	}
	return text.Lang
}

// parts are the headings that a list of contents names.
func parts(text content.Page) (all []content.Heading) {
	for _, h := range text.Headings {
		if h.Level == 2 {
			all = append(all, h)
		}
	}
	return all
}

func postal(b brand.Brand) string {
	lines := b.Contact
	if b.LegalName != "" {
		lines = append([]string{b.LegalName}, lines...)
	}
	return strings.Join(lines, "\n")
}

// topUp says how a balance is topped up.
func topUp(ctx context.Context, b brand.Brand) string {
	if b.Support == "" {
		return ui.T(ctx, "site.contact.top_up_text")
	}
	return ui.T(ctx, "site.contact.top_up_mail", "Support", b.Support)
}
