package publish

import (
	"context"
	"strings"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// wroteOthers reports whether a form has anything in the fields of other languages.
func wroteOthers(others []ui.Option, f *ui.Form) bool {
	for _, l := range others {
		if f.Value(textField(l.Value)) != "" {
			return true
		}
	}
	return false
}

func postState(ctx context.Context, p blog.Post) string {
	return ui.T(ctx, "publish.post_"+string(p.State(ui.Of(ctx).Now)))
}

// saveButton says whom what is saved reaches.
func saveButton(ctx context.Context, p blog.Post) string {
	switch {
	case p.ID == "":
		return ui.T(ctx, "publish.save_draft")
	case p.State(ui.Of(ctx).Now) == blog.Published:
		return ui.T(ctx, "publish.save_published")
	}
	return ui.T(ctx, "publish.save")
}

// save is what the button says: who saves over somebody else's text is told so.
func (v postView) save(ctx context.Context) string {
	if v.Saved != nil {
		return ui.T(ctx, "publish.save_over")
	}
	return saveButton(ctx, v.Post)
}

// savedName says whose text stands beside what was typed.
func savedName(ctx context.Context, v postView) string {
	if v.By == "" {
		return ui.T(ctx, "publish.saved_now")
	}
	return ui.T(ctx, "publish.saved_by", "Email", v.By)
}

// editorTitle names what is written.
func editorTitle(ctx context.Context, v postView) string {
	if v.ID == "" {
		return ui.T(ctx, "publish.write")
	}
	return v.Title
}

// fixed keeps a browser from changing the address of a post that is published.
func fixed(p blog.Post) templ.Attributes {
	if p.PublishedAt.IsZero() {
		return nil
	}
	return templ.Attributes{"readonly": true}
}

func slugHelp(ctx context.Context, p blog.Post) string {
	if !p.PublishedAt.IsZero() {
		return ui.T(ctx, "publish.slug_fixed")
	}
	return ui.T(ctx, "publish.slug_help")
}

// promised is what a giveaway pays at most.
func promised(g giveaway.Terms) money.Amount { return g.Prize * money.Amount(g.Places) }

// drawLead says what a draw books.
func drawLead(ctx context.Context, g giveaway.Giveaway) string {
	if g.Entries == 0 {
		return ui.T(ctx, "publish.draw_lead_nobody", "Title", g.Title)
	}
	won := min(g.Places, g.Entries)
	return ui.N(ctx, "publish.draw_lead", won, "Title", g.Title, "Amount", ui.Amount(ctx, g.Prize), "Total", ui.Amount(ctx, g.Prize*money.Amount(won)))
}

// deciderText names who decided, whose account is in accounts where it is one.
func deciderText(ctx context.Context, actor string, accounts map[string]account.Listed) string {
	switch a, known := accounts[actor]; {
	case known:
		return a.Email
	case strings.HasPrefix(actor, "cli:"):
		return ui.T(ctx, "log.command_line", "User", strings.TrimPrefix(actor, "cli:"))
	case actor == giveaway.Panel:
		return ui.T(ctx, "publish.by_panel")
	}
	return actor
}
