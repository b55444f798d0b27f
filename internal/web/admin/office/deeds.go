package office

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// deed is something that is asked about before it is done to an account: its texts
// are office.NAME_title, _lead, _do.
type deed struct {
	name   string
	kind   string // of its button
	reason bool   // it wants a reason
	proven bool   // it wants a fresh proof
	do     func(ctx context.Context, accountID, reason string, by staff.Actor) error
}

// Deeds that are done to an account.
const (
	suspendDeed = "suspend"
	resumeDeed  = "resume"
	verifyDeed  = "verify"
	signOutDeed = "sign-out"
	resetDeed   = "reset-2fa"
)

// accountDone are what a page of an account says was done.
func accountDone() []string {
	return []string{"suspend", "resume", "verify", "sign_out", "reset_2fa", "tier", "note", "rate", "rate_removed", "key", "credit"}
}

// key is the deed's name in the keys of the language files.
func (d deed) key() string { return strings.ReplaceAll(d.name, "-", "_") }

// text is the key of one of its texts.
func (d deed) text(which string) string { return "office." + d.key() + "_" + which }

func (p *Pages) deeds() []deed {
	without := func(do func(context.Context, string, staff.Actor) error) func(context.Context, string, string, staff.Actor) error {
		return func(ctx context.Context, accountID, _ string, by staff.Actor) error { return do(ctx, accountID, by) }
	}
	return []deed{
		{suspendDeed, "danger", true, false, p.deps.Desk.Suspend},
		{resumeDeed, "primary", true, false, p.deps.Desk.Resume},
		{verifyDeed, "primary", false, true, without(p.deps.Desk.VerifyEmail)},
		{signOutDeed, "danger", false, false, without(p.deps.Desk.SignOut)},
		{resetDeed, "danger", false, true, without(p.deps.Desk.ResetSecondFactor)},
	}
}

// Deeds returns the names of what is asked about before it is done to an account.
func Deeds() []string { return []string{suspendDeed, resumeDeed, verifyDeed, signOutDeed, resetDeed} }

func (p *Pages) deed(name string) deed {
	for _, d := range p.deeds() {
		if d.name == name {
			return d
		}
	}
	panic("office: there is no deed " + name)
}

// deedView is what the question before a deed shows.
type deedView struct {
	deed

	Account account.Listed
	Proof   proof.Asked
}

// Ask returns the page that asks before a deed.
func (p *Pages) Ask(name string) func(http.ResponseWriter, *http.Request) error {
	d := p.deed(name)
	return func(w http.ResponseWriter, r *http.Request) error {
		found, err := p.find(r)
		if err != nil {
			return err
		}
		return p.showDeed(d, found)(w, r, http.StatusOK, ui.NewForm(nil))
	}
}

func (p *Pages) showDeed(d deed, of account.Listed) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		v := deedView{deed: d, Account: of}
		if d.proven {
			if v.Proof, err = p.proofFor(r); err != nil {
				return err
			}
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), d.text("title"))}, deedForm(v, f))
	}
}

// Do returns what does a deed.
func (p *Pages) Do(name string) func(http.ResponseWriter, *http.Request) error {
	d := p.deed(name)
	return func(w http.ResponseWriter, r *http.Request) error {
		found, err := p.find(r)
		if err != nil {
			return err
		}
		f := ui.Sent(r)
		reason := strings.TrimSpace(f.Value("reason"))
		if d.reason {
			checkReason(r.Context(), f, reason, account.MaxReason)
		}
		if !f.OK() {
			return p.showDeed(d, found)(w, r, http.StatusUnprocessableEntity, f)
		}
		if d.proven {
			err = p.prove(r)
		}
		if err == nil {
			err = d.do(r.Context(), found.ID, reason, p.actor(r))
		}
		if err != nil {
			return again(w, r, f, err, p.showDeed(d, found))
		}
		return finishAccount(w, r, found.ID, d.key())
	}
}

// checkReason refuses a reason that is missing or too long.
func checkReason(ctx context.Context, f *ui.Form, reason string, most int) {
	switch n := utf8.RuneCountInString(reason); {
	case n == 0:
		f.Refuse("reason", ui.T(ctx, "office.error_reason"))
	case n > most:
		f.Refuse("reason", ui.T(ctx, "office.error_long", "Most", most))
	}
}

// finishAccount ends a form about an account.
func finishAccount(w http.ResponseWriter, r *http.Request, accountID, what string) error {
	return ui.Finish(w, r, ui.T(r.Context(), "office.done_"+what), accountPath(accountID), done(what))
}

// AskTier asks for an account's tier.
func (p *Pages) AskTier(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	return showTier(found)(w, r, http.StatusOK, ui.NewForm(nil))
}

func showTier(of account.Listed) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "office.tier_title")}, tierForm(of, f))
	}
}

// SetTier moves an account to a tier.
func (p *Pages) SetTier(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	if err := p.deps.Desk.SetTier(r.Context(), found.ID, account.Tier(f.Value("tier")), p.actor(r)); err != nil {
		return again(w, r, f, err, showTier(found))
	}
	return finishAccount(w, r, found.ID, "tier")
}

// AddNote adds a note about an account.
func (p *Pages) AddNote(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	switch n := utf8.RuneCountInString(strings.TrimSpace(f.Value("note"))); {
	case n == 0:
		f.Refuse("note", ui.T(r.Context(), "office.error_note"))
	case n > account.MaxNote:
		f.Refuse("note", ui.T(r.Context(), "office.error_long", "Most", account.MaxNote))
	}
	if !f.OK() {
		return p.showAccount(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := p.deps.Desk.AddNote(r.Context(), found.ID, f.Value("note"), p.actor(r)); err != nil {
		return again(w, r, f, err, p.showAccount)
	}
	return ui.See(w, r, accountPath(found.ID)+done("note")+"#notes")
}

// View lets who may look at the pages as an account.
func (p *Pages) View(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	if err := p.deps.People.View(r.Context(), found.ID); err != nil {
		return err
	}
	return ui.See(w, r, "/dashboard")
}

// NewRate asks for a rate of an account's own.
func (p *Pages) NewRate(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	f := ui.NewForm(nil)
	if service := number(r.URL.Query().Get("service")); service > 0 { // one that it has is changed
		f.Values.Set("service", ui.Plain(service))
		if rate, err := money.Parse(r.URL.Query().Get("rate")); err == nil {
			f.Values.Set("rate", ui.Of(r.Context()).Language.Decimal(rate.String()))
		}
	}
	return showRate(found)(w, r, http.StatusOK, f)
}

// ratePath is where a rate of an account's own is changed.
func ratePath(accountID string, rate catalog.OwnRate) string {
	return accountPath(accountID) + "/rates/new?" + url.Values{"service": {ui.Plain(rate.Service)}, "rate": {rate.Rate.String()}}.Encode()
}

func showRate(of account.Listed) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "office.rate_title")}, rateForm(of, f))
	}
}

// SetRate gives an account a rate of its own.
func (p *Pages) SetRate(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	found, err := p.find(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	own := catalog.OwnRate{AccountID: found.ID, Service: number(f.Value("service"))}
	if own.Rate, err = ui.Of(ctx).Language.ReadAmount(f.Value("rate")); err != nil || own.Rate < 0 || own.Rate > money.Max {
		f.Refuse("rate", ui.T(ctx, "office.error_rate"))
	}
	snapshot, err := p.deps.Snapshot(ctx)
	if err != nil {
		return err
	}
	service := serviceIn(snapshot, own.Service)
	if service == nil {
		f.Refuse("service", ui.T(ctx, "office.error_service"))
	}
	if f.OK() && own.Rate < service.Source.Cost && f.Value("below") == "" {
		f.Values.Set("ask", "below") // what it costs is named, and asked once more
		f.Refuse("rate", ui.T(ctx, "office.error_below", "Cost", ui.Amount(ctx, service.Source.Cost)))
	}
	if !f.OK() {
		return showRate(found)(w, r, http.StatusUnprocessableEntity, f)
	}
	if _, err := p.deps.Desk.SetOwnRate(ctx, own, p.actor(r)); err != nil {
		return again(w, r, f, err, showRate(found))
	}
	return finishAccount(w, r, found.ID, "rate")
}

func serviceIn(s *catalog.Snapshot, serviceID int64) *catalog.Service {
	for _, v := range s.Services {
		if v.ID == serviceID {
			return v
		}
	}
	return nil
}

// RemoveRate takes a rate of an account's own away.
func (p *Pages) RemoveRate(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	if err := p.deps.Desk.RemoveOwnRate(r.Context(), found.ID, number(r.PathValue("service")), p.actor(r)); err != nil {
		return err
	}
	return ui.See(w, r, accountPath(found.ID)+done("rate_removed")+"#rates")
}

// AskRevokeKey asks before a key of an account ends.
func (p *Pages) AskRevokeKey(w http.ResponseWriter, r *http.Request) error {
	return p.showRevoke(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showRevoke(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	k, err := p.deps.Keys.Own(r.Context(), found.ID, r.PathValue("key"))
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "office.key_title")}, revokeForm(found, k, f))
}

// RevokeKey ends a key of an account.
func (p *Pages) RevokeKey(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	if err := p.deps.Desk.RevokeKey(r.Context(), found.ID, r.PathValue("key"), p.actor(r)); err != nil {
		return again(w, r, ui.Sent(r), err, p.showRevoke)
	}
	return finishAccount(w, r, found.ID, "key")
}
