package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/provider"
)

// textView is a refusal in JSON.
type textView struct {
	Text      string  `json:"text"`
	As        string  `json:"as"` // "" waits for a decision
	Seen      int64   `json:"seen"`
	FirstAt   *string `json:"first_at"`
	LastAt    *string `json:"last_at"`
	DecidedAt *string `json:"decided_at"`
}

// providerTexts lists refusals.
type providerTexts struct {
	storage
	output

	Provider string `arg:"" help:"Name or id."`
	All      bool   `help:"Those that are decided too."`
}

// Run prints the refusals, those that wait for a decision first.
func (c *providerTexts) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		all, err := c.read(ctx, core, nil, false)
		if err == nil && c.All {
			all, err = c.read(ctx, core, all, true)
		}
		if err != nil {
			return err
		}
		return list(t, c.JSON, all, table[textView]{
			none: "No refusal waits for a decision.",
			head: []string{"SEEN", "LAST", "AS", "TEXT"},
			row: func(v textView) []string {
				return []string{strconv.FormatInt(v.Seen, 10), orEmpty(v.LastAt), v.As, v.Text}
			},
		})
	})
}

// read adds the refusals, page by page.
func (c *providerTexts) read(ctx context.Context, core *app.Core, all []textView, decided bool) ([]textView, error) {
	const page = 500
	for before := (provider.TextCursor{}); ; {
		texts, err := core.Providers.TextsOf(ctx, c.Provider, decided, before, page)
		if err != nil {
			return nil, err
		}
		for _, r := range texts {
			all = append(all, textView{r.Text, flagOf(r.Decision), r.Seen, when(r.FirstAt), when(r.LastAt), when(r.DecidedAt)})
			before = r.After()
		}
		if len(texts) < page {
			return all, nil
		}
	}
}

// providerClassify decides what a refusal means.
type providerClassify struct {
	storage

	Provider string `arg:"" help:"Name or id."`
	Text     string `required:"" help:"The refusal, as provider texts lists it."`
	As       string `required:"" enum:"try-later,next-source,refuse" help:"try-later: it may be taken later. next-source: another provider may take it. refuse: nobody will; the order fails and is refunded."`
}

// decisions are the words of --as.
//
//nolint:gochecknoglobals // a table
var decisions = map[string]provider.Decision{
	"try-later": provider.DecideTryLater, "next-source": provider.DecideNextSource, "refuse": provider.DecideRefuse,
}

// flagOf is a decision as --as takes it, "" for none.
func flagOf(d provider.Decision) string {
	for word, decision := range decisions {
		if decision == d {
			return word
		}
	}
	return ""
}

// Run stores the decision.
func (c *providerClassify) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		if err := core.Providers.Decide(ctx, c.Provider, c.Text, decisions[c.As], actor); err != nil {
			return err
		}
		// A serving panel moves them too; here they move without one.
		moved, err := fulfil.MoveDecided(ctx, core.DB, core.Providers)
		fmt.Fprintf(t.out, "%q means %s from now on; %d held orders moved on.\n", provider.TextKey(c.Text), c.As, moved)
		return err
	})
}
