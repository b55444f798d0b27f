package office

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func topupPath(paymentID string) string { return topupsPath + "/" + paymentID }

// topup is a top-up with whose it is.
type topup struct {
	payment.Payment

	Email string
}

// topupsView is a page of top-ups.
type topupsView struct {
	All    bool // the decided ones too, the newest first
	Topups []topup
	Next   string
	First  string
	Done   string
	Offer  payment.Offer
	Change bool // the reader may change the offer
}

// Topups lists the top-ups that wait, the oldest first, or all.
func (p *Pages) Topups(w http.ResponseWriter, r *http.Request) (err error) {
	ctx, asked := r.Context(), r.URL.Query()
	v := topupsView{
		All: asked.Get("show") == "all", Change: p.person(r).Permissions.Has(staff.SettingsChange),
		Done: doneText(r, "topups.done_", "approved", "rejected", "added", "offer"),
	}
	if v.Offer, err = p.deps.Payments.Offer(ctx); err != nil {
		return err
	}
	from := cut(asked.Get("from"))
	read, kept := p.deps.Payments.AllWaiting, url.Values{}
	if v.All {
		read = p.deps.Payments.All
		kept.Set("show", "all")
	}
	page, err := read(ctx, from, pageRows+1)
	if err != nil {
		return err
	}
	if from != "" {
		v.First = withQuery(topupsPath, kept)
	}
	if len(page) > pageRows {
		page = page[:pageRows]
		kept.Set("from", page[pageRows-1].ID)
		v.Next = withQuery(topupsPath, kept)
	}
	if v.Topups, err = p.named(ctx, page); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, topupsPage(v))
}

// named adds whose the top-ups are.
func (p *Pages) named(ctx context.Context, page []payment.Payment) (all []topup, err error) {
	var ids []string
	for _, one := range page {
		ids = append(ids, one.AccountID)
	}
	accounts, err := p.deps.Accounts.Some(ctx, ids)
	if err != nil {
		return nil, err
	}
	emails := map[string]string{}
	for _, a := range accounts {
		emails[a.ID] = a.Email
	}
	for _, one := range page {
		all = append(all, topup{one, emails[one.AccountID]})
	}
	return all, nil
}

// topupView is what the forms about one top-up show.
type topupView struct {
	topup

	Account account.Listed
	Proof   proof.Asked
}

func (p *Pages) topup(r *http.Request) (v topupView, err error) {
	paymentID := r.PathValue("id")
	if !id.Valid(id.Payment, paymentID) {
		return v, fault.New(fault.NotFound, "Top-up not found")
	}
	if v.Payment, err = p.deps.Payments.Find(r.Context(), paymentID); err != nil {
		return v, err
	}
	all, err := p.deps.Accounts.Some(r.Context(), []string{v.AccountID})
	if err != nil || len(all) == 0 {
		return v, err
	}
	v.Account, v.Email = all[0], all[0].Email
	return v, nil
}

// Topup shows a top-up; one that waits with the form that approves it.
func (p *Pages) Topup(w http.ResponseWriter, r *http.Request) error {
	v, err := p.topup(r)
	if err != nil {
		return err
	}
	return p.showTopup(v)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showTopup(v topupView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		if v.Proof, err = p.proofFor(r); err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "topups.one")}, topupForm(v, f))
	}
}

// Approve credits a top-up with what came.
func (p *Pages) Approve(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.topup(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	came := readCame(ctx, f)
	if !f.OK() {
		return p.showTopup(v)(w, r, http.StatusUnprocessableEntity, f)
	}
	err = p.prove(r)
	if err == nil {
		_, _, err = p.deps.Desk.Approve(ctx, v.ID, came, p.actor(r))
	}
	if err != nil {
		if now, errNow := p.topup(r); errNow == nil { // somebody else may have decided
			v = now
		}
		return again(w, r, f, err, p.showTopup(v))
	}
	return finishTopup(w, r, "approved")
}

// readCame reads how much came.
func readCame(ctx context.Context, f *ui.Form) money.Amount {
	came, err := ui.Of(ctx).Language.ReadAmount(f.Value("amount"))
	if err != nil || came <= 0 || came > money.Max {
		f.Refuse("amount", ui.T(ctx, "office.error_amount"))
	}
	return came
}

func finishTopup(w http.ResponseWriter, r *http.Request, what string) error {
	return ui.Finish(w, r, ui.T(r.Context(), "topups.done_"+what), topupsPath, done(what))
}

// AskReject asks why a top-up is rejected.
func (p *Pages) AskReject(w http.ResponseWriter, r *http.Request) error {
	v, err := p.topup(r)
	if err != nil {
		return err
	}
	return p.showReject(v)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showReject(v topupView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		if v.Proof, err = p.proofFor(r); err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "topups.reject_title")}, rejectForm(v, f))
	}
}

// Reject ends a top-up whose money did not come.
func (p *Pages) Reject(w http.ResponseWriter, r *http.Request) error {
	v, err := p.topup(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	reason := strings.TrimSpace(f.Value("reason"))
	checkReason(r.Context(), f, reason, payment.MaxReason)
	if !f.OK() {
		return p.showReject(v)(w, r, http.StatusUnprocessableEntity, f)
	}
	err = p.prove(r)
	if err == nil {
		_, err = p.deps.Desk.Reject(r.Context(), v.ID, reason, p.actor(r))
	}
	if err != nil {
		return again(w, r, f, err, p.showReject(v))
	}
	return finishTopup(w, r, "rejected")
}

// NewTopup shows the form for a transfer that nobody asked for.
func (p *Pages) NewTopup(w http.ResponseWriter, r *http.Request) error {
	f := ui.NewForm(nil)
	if of := cut(r.URL.Query().Get("account")); of != "" {
		f.Values.Set("account", of)
	}
	return p.showNewTopup(w, r, http.StatusOK, f)
}

func (p *Pages) showNewTopup(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	asked, err := p.proofFor(r)
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "topups.new_title")}, newTopupForm(asked, f))
}

// AddTopup credits a transfer that nobody asked for.
func (p *Pages) AddTopup(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	came := readCame(ctx, f)
	reference := strings.TrimSpace(f.Value("reference"))
	if n := utf8.RuneCountInString(reference); n == 0 || n > payment.MaxReference {
		f.Refuse("reference", ui.T(ctx, "topups.error_reference", "Most", payment.MaxReference))
	}
	of, err := p.deps.Accounts.Find(ctx, strings.TrimSpace(cut(f.Value("account"))))
	switch {
	case fault.Is(err, fault.NotFound):
		f.Refuse("account", ui.T(ctx, "office.error_account"))
	case err != nil:
		return err
	}
	if !f.OK() {
		return p.showNewTopup(w, r, http.StatusUnprocessableEntity, f)
	}
	err = p.prove(r)
	if err == nil {
		_, _, err = p.deps.Desk.AddTopup(ctx, of.ID, came, reference, p.actor(r))
	}
	if err != nil {
		return again(w, r, f, err, p.showNewTopup)
	}
	return finishTopup(w, r, "added")
}

// AskOffer shows how customers pay by transfer.
func (p *Pages) AskOffer(w http.ResponseWriter, r *http.Request) error {
	return p.showOffer("")(w, r, http.StatusOK, ui.NewForm(nil))
}

// offerView is what the form of the offer shows.
type offerView struct {
	payment.Offer

	Proof   proof.Asked
	Preview string // what was typed, as customers read it; "": not asked for
}

func (p *Pages) showOffer(preview string) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		v := offerView{Preview: preview}
		if v.Offer, err = p.deps.Payments.Offer(r.Context()); err != nil {
			return err
		}
		if v.Proof, err = p.proofFor(r); err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "topups.offer_title")}, offerForm(v, f))
	}
}

// SetOffer shows what was typed as customers will read it, or sets it.
func (p *Pages) SetOffer(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	if f.Value("preview") != "" {
		how, err := content.Render([]byte(f.Value("instructions")), content.Options{})
		if err != nil {
			return err
		}
		return p.showOffer(how.HTML)(w, r, http.StatusOK, f)
	}
	offer := payment.Offer{Instructions: f.Value("instructions")}
	language := ui.Of(ctx).Language
	for _, bound := range []struct {
		name string
		into *money.Amount
	}{{"least", &offer.Least}, {"most", &offer.Most}} {
		amount, err := language.ReadAmount(f.Value(bound.name))
		if *bound.into = amount; err != nil || amount <= 0 || amount > money.Max {
			f.Refuse(bound.name, ui.T(ctx, "office.error_amount"))
		}
	}
	if f.OK() && offer.Most < offer.Least {
		f.Refuse("most", ui.T(ctx, "topups.error_most"))
	}
	if utf8.RuneCountInString(offer.Instructions) > payment.MaxInstructions {
		f.Refuse("instructions", ui.T(ctx, "office.error_long", "Most", payment.MaxInstructions))
	}
	if !f.OK() {
		return p.showOffer("")(w, r, http.StatusUnprocessableEntity, f)
	}
	err := p.prove(r)
	if err == nil {
		err = p.deps.Payments.SetOffer(ctx, offer, p.actor(r).AccountID)
	}
	if err != nil {
		return again(w, r, f, err, p.showOffer(""))
	}
	return finishTopup(w, r, "offer")
}
