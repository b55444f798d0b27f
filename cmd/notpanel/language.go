package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
)

// serviceText says what a service is called in a language.
type serviceText struct {
	storage
	output

	ID          int64   `arg:"" help:"The service's number."`
	Lang        string  `arg:"" help:"Tag of the language, such as de or pt-BR."`
	Name        *string `help:"Name in that language; empty: the panel's own again."`
	Description *string `help:"Description in that language, in Markdown; empty: the panel's own again."`
}

// wordingView is what a service is called in a language, in JSON.
type wordingView struct {
	Service     int64  `json:"service"`
	Lang        string `json:"lang"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Run keeps the words and prints them.
func (c *serviceText) Run(ctx context.Context, t terminal) error {
	if c.Name == nil && c.Description == nil {
		return &usageError{"nothing to change: give --name or --description"}
	}
	return c.use(ctx, func(core *app.Core) error {
		words, err := core.Catalog.SetServiceText(ctx, c.ID, c.Lang, c.Name, c.Description, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(wordingView{c.ID, strings.ToLower(c.Lang), words.Name, words.Description})
		}
		if words == (catalog.Wording{}) {
			fmt.Fprintf(t.out, "Service %d has no words of its own in %s.\n", c.ID, c.Lang)
			return nil
		}
		fmt.Fprintf(t.out, "Service %d in %s: %s\n", c.ID, c.Lang, printable(words.Name))
		return nil
	})
}

// categoryCommands are the commands about categories.
type categoryCommands struct {
	List categoryList `cmd:"" help:"List all categories."`
	Text categoryText `cmd:"" help:"Say what a category is called in a language."`
}

// categoryView is a category in JSON.
type categoryView struct {
	Category string            `json:"category"`
	Name     string            `json:"name"`
	Texts    map[string]string `json:"texts"` // by language
}

// categoryList lists categories.
type categoryList struct {
	storage
	output
}

// Run prints the categories in their order.
func (c *categoryList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		categories, err := core.Catalog.Categories(ctx)
		if err != nil {
			return err
		}
		var all []categoryView
		for _, one := range categories {
			all = append(all, categoryView{one.ID, one.Name, one.Texts})
		}
		return list(t, c.JSON, all, table[categoryView]{
			none: "There are no categories: `notpanel provider import N --markup 20%` brings in a provider's.",
			head: []string{"ID", "NAME", "LANGUAGES"},
			row: func(v categoryView) []string {
				var said []string
				for _, lang := range slices.Sorted(maps.Keys(v.Texts)) {
					said = append(said, lang+": "+v.Texts[lang])
				}
				return []string{v.Category, short(v.Name), strings.Join(said, ", ")}
			},
		})
	})
}

// categoryText says what a category is called in a language.
type categoryText struct {
	storage

	Category string `arg:"" help:"Name or id."`
	Lang     string `arg:"" help:"Tag of the language, such as de or pt-BR."`
	Name     string `required:"" help:"Name in that language; empty: the panel's own again."`
}

// Run keeps the name and says so.
func (c *categoryText) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		categoryID, err := core.Catalog.SetCategoryText(ctx, c.Category, c.Lang, c.Name, actor)
		if err != nil {
			return err
		}
		if c.Name == "" {
			fmt.Fprintf(t.out, "Category %s has no name of its own in %s.\n", categoryID, c.Lang)
			return nil
		}
		fmt.Fprintf(t.out, "Category %s in %s: %s\n", categoryID, c.Lang, printable(c.Name))
		return nil
	})
}
