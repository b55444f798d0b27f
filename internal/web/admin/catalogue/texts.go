package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// textPage is how many refusals a page shows.
const textPage = 50

// texts is what the page of refusals shows.
type texts struct {
	Decided bool
	All     []provider.WaitingText
	Names   map[string]string
	First   bool
	Next    string
}

// Texts lists what providers answered in words that nobody knows.
func (p *Pages) Texts(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	q := r.URL.Query()
	v := texts{Decided: q.Get("show") == "decided"}
	before := provider.TextCursor{ProviderID: cut(q.Get("provider")), Text: q.Get("text")}
	if at, err := strconv.ParseInt(q.Get("at"), 10, 64); err == nil && at > 0 {
		before.At = time.UnixMicro(at).UTC()
	}
	v.First = before.At.IsZero()
	list := p.deps.Providers.OpenTexts
	if v.Decided {
		list = p.deps.Providers.DecidedTexts
	}
	var err error
	if v.All, err = list(ctx, before, textPage+1); err != nil {
		return err
	}
	if len(v.All) > textPage {
		v.All = v.All[:textPage]
		v.Next = v.after(v.All[textPage-1])
	}
	if _, v.Names, err = p.providerNames(ctx); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, textsPage(v))
}

// after is the address of the page behind a refusal.
func (v texts) after(t provider.WaitingText) string {
	q := url.Values{"provider": {t.ProviderID}, "text": {t.Text}, "at": {strconv.FormatInt(t.LastAt.UnixMicro(), 10)}}
	if v.Decided {
		q.Set("show", "decided")
		q.Set("at", strconv.FormatInt(t.DecidedAt.UnixMicro(), 10))
	}
	return textsPath + "?" + q.Encode()
}

func firstTexts(v texts) string {
	switch {
	case v.First:
		return ""
	case v.Decided:
		return textsPath + "?show=decided"
	}
	return textsPath
}

// AskDecide shows the form of what a refusal means.
func (p *Pages) AskDecide(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if q.Get("text") == "" {
		return ui.See(w, r, textsPath)
	}
	t, err := p.text(r.Context(), q.Get("provider"), q.Get("text"))
	if err != nil {
		return err
	}
	return p.showDecide(t)(w, r, http.StatusOK, ui.NewForm(url.Values{"as": {string(t.Decision)}}))
}

func (p *Pages) text(ctx context.Context, providerID, text string) (t provider.WaitingText, err error) {
	t, found, err := p.deps.Providers.TextOf(ctx, providerID, text)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "No provider has answered that")
	}
	return t, err
}

func (p *Pages) showDecide(t provider.WaitingText) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		of, err := p.deps.Providers.Find(r.Context(), t.ProviderID)
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "texts.decide")}, decideForm(t, of.Name, f))
	}
}

// Decide says what a refusal means, then and later. The orders that it holds move on
// by themselves.
func (p *Pages) Decide(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	t, err := p.text(ctx, f.Value("provider"), f.Value("text"))
	if err != nil {
		return err
	}
	as := provider.Decision(f.Value("as"))
	if as.Class() == provider.Unclassified {
		f.Refuse("as", ui.T(ctx, "texts.error_as"))
		return p.showDecide(t)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := p.deps.Providers.Decide(ctx, t.ProviderID, t.Text, as, p.by(r)); err != nil {
		return refusal.Again(w, r, f, err, p.showDecide(t))
	}
	return ui.Finish(w, r, ui.N(ctx, "texts.decided", t.Held), textsPath, "")
}

func decisionWord(ctx context.Context, d provider.Decision) string {
	switch d {
	case provider.DecideTryLater:
		return ui.T(ctx, "texts.try_later")
	case provider.DecideNextSource:
		return ui.T(ctx, "texts.next_source")
	case provider.DecideRefuse:
		return ui.T(ctx, "texts.refuse")
	case provider.Undecided:
	}
	return ui.T(ctx, "texts.undecided")
}
