package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// A service is called what its words in a language say; what they leave out is
// the panel's own.
func TestLanguages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2"))
		numbers := byNumber(t, d, providerID)
		v, store, ctx := numbers["1"], catalog.NewStore(d), t.Context()
		before := catalogEpoch(t, d)
		for _, words := range []struct {
			lang              string
			name, description *string
		}{{"de", new("Bannereinblendungen"), nil}, {"pt-BR", new(" Impressões "), new("Já")}, {"de", nil, new("Sofort")}} {
			if _, err := store.SetServiceText(ctx, v.ID, words.lang, words.name, words.description, staff); err != nil {
				t.Fatal(err)
			}
		}
		categoryID, err := store.SetCategoryText(ctx, "Followers", "de", "Anzeigen", staff)
		if err != nil || categoryID != v.CategoryID {
			t.Fatalf("category %s, %v", categoryID, err)
		}
		if action, target, detail := logged(t, d); action != "category.text" || target != categoryID || detail != "de: Anzeigen" {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		if catalogEpoch(t, d) != before+4 {
			t.Error("not every node was told")
		}
		s := snapshot(t, d)
		for asked, want := range map[string]string{
			"de": "de", "DE": "de", "de-AT": "de", "de_AT": "de", "pt-br": "pt-br", "pt-BR-x1": "pt-br",
			"pt": "", "": "", "xx": "", "d": "", "de;drop": "", strings.Repeat("de-", 1000): "",
		} {
			if got := s.Language(asked); got != want {
				t.Errorf("asked for %.20q: %q, want %q", asked, got, want)
			}
		}
		own := catalog.Wording{Name: v.Name, Description: v.Description}
		for lang, want := range map[string]catalog.Wording{"": own, "de": {Name: "Bannereinblendungen", Description: "Sofort"}, "pt-br": {Name: "Impressões", Description: "Já"}} {
			if got := s.Wording(v, lang); got != want || s.Wording(numbers["2"], lang).Name != "Service 2" {
				t.Errorf("%s: %+v", lang, got)
			}
		}
		if s.CategoryName(v, "de") != "Anzeigen" || s.CategoryName(v, "pt-br") != "Followers" || s.CategoryName(v, "") != "Followers" {
			t.Error("the category has another name")
		}
		if got, err := store.SetServiceText(ctx, v.ID, "de", new(""), new(""), staff); err != nil || got != (catalog.Wording{}) {
			t.Errorf("taken away: %+v, %v", got, err)
		}
		if _, err := store.SetCategoryText(ctx, categoryID, "de", "", staff); err != nil {
			t.Fatal(err)
		}
		if s = snapshot(t, d); s.Language("de") != "" || s.Wording(v, "de") != own {
			t.Error("the language is still there")
		}
	})
}

// Words that can't be shown, and words of nothing, are refused.
func TestLanguagesRefuse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		v, store, ctx := byNumber(t, d, providerID)["1"], catalog.NewStore(d), t.Context()
		before := catalogEpoch(t, d)
		for lang, name := range map[string]string{"": "x", "german": "x", "d": "x", "de-": "x", "de": "two\nlines", "fr": "\u202e", "es": strings.Repeat("x", 301)} {
			if _, err := store.SetServiceText(ctx, v.ID, lang, &name, nil, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s %q: %v", lang, name, err)
			}
			if _, err := store.SetCategoryText(ctx, "Followers", lang, name, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("category %s %q: %v", lang, name, err)
			}
		}
		if _, err := store.SetServiceText(ctx, v.ID, "de", nil, nil, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("nothing: %v", err)
		}
		if _, err := store.SetServiceText(ctx, 99, "de", new("x"), nil, staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a service nobody knows: %v", err)
		}
		if _, err := store.SetCategoryText(ctx, "Nothing", "de", "x", staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a category nobody knows: %v", err)
		}
		all, err := store.Categories(ctx)
		want := []catalog.Category{{ID: v.CategoryID, Name: "Followers", Texts: map[string]string{}}}
		if err != nil || !cmp.Equal(all, want) || catalogEpoch(t, d) != before {
			t.Errorf("a refusal changed something: %+v, %v", all, err)
		}
	})
}
