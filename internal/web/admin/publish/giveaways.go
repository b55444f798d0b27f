package publish

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func giveawayPath(giveawayID string) string { return giveawaysPath + "/" + giveawayID }

// publicGiveaway is where everybody sees a giveaway.
func publicGiveaway(giveawayID string) string { return "/giveaway/" + giveawayID }

// giveawaysView is a page of giveaways.
type giveawaysView struct {
	All         []giveaway.Giveaway
	First, Next string
}

// Giveaways lists all giveaways, the newest first.
func (p *Pages) Giveaways(w http.ResponseWriter, r *http.Request) error {
	all, err := p.deps.Giveaways.All(r.Context(), from(r), pageRows+1)
	if err != nil {
		return err
	}
	v := giveawaysView{First: first(from(r), giveawaysPath)}
	v.All, v.Next = page(all, giveawaysPath, func(g giveaway.Giveaway) string { return g.ID })
	return ui.Render(w, r, http.StatusOK, giveawayList(v))
}

// termsView is what the form of a new giveaway shows.
type termsView struct {
	ID        string // that it will have: a form that is sent twice opens one
	Language  string
	Languages []ui.Option
	Proof     proof.Asked
	Previewed bool
	Preview   string // what was typed, as readers see it
	Total     money.Amount
}

// NewGiveaway shows the form that opens one.
func (p *Pages) NewGiveaway(w http.ResponseWriter, r *http.Request) error {
	return p.showTerms(termsView{ID: id.New(id.Giveaway)})(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showTerms(v termsView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		v.Language, v.Languages = ui.Of(r.Context()).Language.Code, p.languages("")
		if v.Proof, err = proof.Fresh(p.deps.People, r); err != nil {
			return err
		}
		return ui.Render(w, r, status, termsEditor(v, f))
	}
}

// OpenGiveaway opens one and commits to its draw, or shows what it will look like.
func (p *Pages) OpenGiveaway(w http.ResponseWriter, r *http.Request) (err error) {
	ctx := r.Context()
	f := ui.Sent(r)
	v := termsView{ID: f.Value("id")}
	if !id.Valid(id.Giveaway, v.ID) {
		v.ID = id.New(id.Giveaway)
	}
	t := readTerms(ctx, f)
	if f.OK() {
		v.Total = promised(t)
	}
	if f.Value("preview") != "" {
		v.Previewed = f.Errors["body"] == ""
		if v.Previewed {
			if v.Preview, err = preview(ctx, t.Body); err != nil {
				return err
			}
		}
		return p.showTerms(v)(w, r, previewStatus(f), f)
	}
	if !f.OK() {
		return p.showTerms(v)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err = proof.Check(p.deps.People, r); err == nil {
		_, err = p.deps.Giveaways.OpenAs(ctx, v.ID, t, p.actor(r))
	}
	if fault.Is(err, fault.Conflict) && fault.From(err).Reason == giveaway.Opened { // the button was pressed twice
		return ui.See(w, r, giveawayPath(v.ID))
	}
	if err != nil {
		return refusal.Again(w, r, f, err, p.showTerms(v))
	}
	return ui.See(w, r, giveawayPath(v.ID)+done("opened"))
}

// previewStatus is the status of a form that shows a preview beside what is wrong.
func previewStatus(f *ui.Form) int {
	if f.OK() {
		return http.StatusOK
	}
	return http.StatusUnprocessableEntity
}

// readTerms reads what a giveaway says, and refuses what no giveaway may.
func readTerms(ctx context.Context, f *ui.Form) giveaway.Terms {
	t := giveaway.Terms{Language: f.Value("language"), Title: line(ctx, f, "title", giveaway.MaxTitle, true), Body: body(ctx, f, giveaway.MaxBody)}
	var err error
	if t.Prize, err = amount(ctx, f.Value("prize")); err != nil || t.Prize <= 0 || t.Prize > giveaway.MaxPrize {
		f.Refuse("prize", ui.T(ctx, "publish.error_prize", "Most", ui.Amount(ctx, giveaway.MaxPrize)))
	}
	if t.Places, err = strconv.ParseInt(strings.TrimSpace(f.Value("winners")), 10, 64); err != nil || t.Places < 1 || t.Places > giveaway.MaxWinners {
		f.Refuse("winners", ui.T(ctx, "publish.error_winners", "Most", giveaway.MaxWinners))
	}
	if text := strings.TrimSpace(f.Value("least_spent")); text != "" {
		if t.LeastSpent, err = amount(ctx, text); err != nil || t.LeastSpent < 0 || t.LeastSpent > money.Max {
			f.Refuse("least_spent", ui.T(ctx, "publish.error_least"))
		}
	}
	t.OpensAt, t.ClosesAt = moment(ctx, f, "opens_at", false), moment(ctx, f, "closes_at", true)
	ends(ctx, f, "closes_at", t.OpensAt, t.ClosesAt, giveaway.Longest)
	return t
}

func amount(ctx context.Context, text string) (money.Amount, error) {
	return ui.Of(ctx).Language.ReadAmount(strings.TrimSpace(text))
}

// winner is an entry that won, with whose it is.
type winner struct {
	giveaway.Entry

	Email string
}

// giveawayView is what the page of a giveaway shows.
type giveawayView struct {
	giveaway.Giveaway

	Preview string // its text, as readers see it
	Winners []winner
	Decider string // who drew or canceled it
	Link    bool   // the reader may open accounts
	Done    string
	Proof   proof.Asked
}

// due reports whether its time for entries is over and nothing is drawn yet.
func (v giveawayView) due(ctx context.Context) bool {
	return v.State == giveaway.Closed || v.State == giveaway.Open && !ui.Of(ctx).Now.Before(v.ClosesAt)
}

// cancelable reports whether entries are taken, or will be.
func (v giveawayView) cancelable(ctx context.Context) bool {
	return v.State == giveaway.Open && ui.Of(ctx).Now.Before(v.ClosesAt)
}

// Giveaway shows one with its entries and, when it is drawn, who won.
func (p *Pages) Giveaway(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	g, err := p.deps.Giveaways.Find(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	who, _ := p.deps.People.Current(ctx)
	v := giveawayView{Giveaway: g, Link: who.Permissions.Has(staff.AccountsSee), Done: doneText(r, "opened", "drawn", "canceled")}
	if v.Preview, err = preview(ctx, g.Body); err != nil {
		return err
	}
	var won []giveaway.Entry
	if g.State == giveaway.Drawn {
		if won, err = p.deps.Giveaways.Winners(ctx, g.ID); err != nil {
			return err
		}
	}
	ids := []string{g.DecidedBy}
	for _, e := range won {
		ids = append(ids, e.AccountID)
	}
	accounts, err := p.deps.Accounts.Some(ctx, ids)
	if err != nil {
		return err
	}
	known := map[string]account.Listed{}
	for _, a := range accounts {
		known[a.ID] = a
	}
	for _, e := range won {
		v.Winners = append(v.Winners, winner{e, known[e.AccountID].Email})
	}
	v.Decider = deciderText(ctx, g.DecidedBy, known)
	return ui.Render(w, r, http.StatusOK, giveawayOf(v))
}

// showQuestion shows the question before a giveaway is drawn or canceled.
func (p *Pages) showQuestion(g giveaway.Giveaway, name string) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		v := giveawayView{Giveaway: g}
		if v.Proof, err = proof.Fresh(p.deps.People, r); err != nil {
			return err
		}
		form := drawForm(v, f)
		if name == "cancel" {
			form = cancelForm(v, f)
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "publish."+name+"_title")}, form)
	}
}

// AskDraw asks before a giveaway is drawn.
func (p *Pages) AskDraw(w http.ResponseWriter, r *http.Request) error {
	return p.askGiveaway(w, r, "draw")
}

// AskCancel asks why a giveaway is canceled.
func (p *Pages) AskCancel(w http.ResponseWriter, r *http.Request) error {
	return p.askGiveaway(w, r, "cancel")
}

func (p *Pages) askGiveaway(w http.ResponseWriter, r *http.Request, name string) error {
	g, err := p.deps.Giveaways.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.showQuestion(g, name)(w, r, http.StatusOK, ui.NewForm(nil))
}

// Draw draws a giveaway that is due. Who presses twice, or just after a worker, finds
// it drawn.
func (p *Pages) Draw(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	g, err := p.deps.Giveaways.Find(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	if err = proof.Check(p.deps.People, r); err == nil {
		_, _, err = p.deps.Giveaways.Draw(ctx, g.ID, p.actor(r))
	}
	if fault.Is(err, fault.Conflict) {
		if now, findErr := p.deps.Giveaways.Find(ctx, g.ID); findErr == nil && now.State == giveaway.Drawn {
			err = nil
		}
	}
	if err != nil {
		return refused(w, r, f, err, "publish.conflict_draw", p.showQuestion(g, "draw"))
	}
	return finish(w, r, giveawayPath(g.ID), "drawn")
}

// Cancel ends a giveaway without a draw.
func (p *Pages) Cancel(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	g, err := p.deps.Giveaways.Find(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	reason := line(ctx, f, "reason", giveaway.MaxReason, true)
	if !f.OK() {
		return p.showQuestion(g, "cancel")(w, r, http.StatusUnprocessableEntity, f)
	}
	if err = proof.Check(p.deps.People, r); err == nil {
		_, err = p.deps.Giveaways.Cancel(ctx, g.ID, reason, p.actor(r))
	}
	if err != nil {
		return refused(w, r, f, err, "publish.conflict_cancel", p.showQuestion(g, "cancel"))
	}
	return finish(w, r, giveawayPath(g.ID), "canceled")
}
