package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// sampleShown is how many services a change of a discount is shown by.
	sampleShown = 5
	// belowShown is how many of those are named that it sells below cost.
	belowShown = 10
)

// tierRow is a tier with what it pays less and how much it may ask.
type tierRow struct {
	Tier     account.Tier
	Discount money.Percent
	Requests int64 // a minute; 0: without a limit
	Below    int   // services that it pays less for than they cost
	Services int
}

// tierList is what the page of tiers shows.
type tierList struct {
	Rows    []tierRow
	Done    string
	Changes bool // the reader may change it
}

func tiers() []account.Tier {
	return []account.Tier{account.Standard, account.Reseller, account.Agency}
}

// Tiers lists the tiers with what each pays less.
func (p *Pages) Tiers(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	now, err := p.deps.Snapshot(ctx)
	if err != nil {
		return err
	}
	v := tierList{Changes: p.may(r, staff.CatalogueChange)}
	if done := account.Tier(r.URL.Query().Get("done")); slices.Contains(tiers(), done) {
		v.Done = ui.T(ctx, "tiers.done", "Tier", tierWord(ctx, done), "Percent", percentWord(ctx, now.Discount(done)))
	}
	for _, t := range tiers() {
		row := tierRow{Tier: t, Discount: now.Discount(t), Requests: p.deps.Limits[string(t)]}
		effect, err := now.Effect(catalog.Discount{Tier: t, Percent: row.Discount}, 0)
		if err != nil {
			return err
		}
		row.Below, row.Services = effect.WasBelow, effect.Services
		v.Rows = append(v.Rows, row)
	}
	return ui.Render(w, r, http.StatusOK, tiersPage(v))
}

// discountView is what is shown of a discount before it is saved.
type discountView struct {
	catalog.Effect

	Tier    account.Tier
	Was, Is money.Percent
}

// sure is what a form carries that was sent by who saw this.
func (v discountView) sure() string {
	return strconv.FormatInt(int64(v.Was), 10) + "-" + strconv.FormatInt(int64(v.Is), 10)
}

// named are those of the services below cost that are named.
func (v discountView) named() []catalog.Repriced { return v.Below[:min(len(v.Below), belowShown)] }

func tierOf(r *http.Request) (account.Tier, error) {
	t := account.Tier(r.PathValue("tier"))
	if !slices.Contains(tiers(), t) {
		return "", fault.New(fault.NotFound, "There is no such tier")
	}
	return t, nil
}

func tierPath(t account.Tier) string { return tiersPath + "/" + string(t) }

// AskDiscount shows the form of what a tier pays less.
func (p *Pages) AskDiscount(w http.ResponseWriter, r *http.Request) error {
	t, err := tierOf(r)
	if err != nil {
		return err
	}
	now, err := p.deps.Snapshot(r.Context())
	if err != nil {
		return err
	}
	is := now.Discount(t)
	return showDiscount(t)(w, r, http.StatusOK, ui.NewForm(url.Values{"percent": {percentText(r.Context(), &is)}}))
}

func showDiscount(t account.Tier) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "tiers.set")}, discountForm(t, f))
	}
}

// SetDiscount sets what a tier pays less: first it says what that changes, and when
// that is sent it is saved.
func (p *Pages) SetDiscount(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	t, err := tierOf(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	percent, ok := percentIn(ctx, f, "percent")
	next := catalog.Discount{Tier: t, Percent: percent}
	if !ok || next.Check() != nil {
		f.Refuse("percent", ui.T(ctx, "tiers.error_percent"))
		return showDiscount(t)(w, r, http.StatusUnprocessableEntity, f)
	}
	now, err := p.deps.Snapshot(ctx)
	if err != nil {
		return err
	}
	v := discountView{Tier: t, Was: now.Discount(t), Is: percent}
	if v.Effect, err = now.Effect(next, sampleShown); err != nil {
		return err
	}
	switch {
	case f.Value("sure") != v.sure(): // not shown, or something else is by now
		if f.Value("sure") != "" {
			f.Error = ui.T(ctx, "tiers.error_moved", "Percent", percentWord(ctx, v.Was))
			return confirmDiscount(v)(w, r, http.StatusUnprocessableEntity, f)
		}
		return confirmDiscount(v)(w, r, http.StatusOK, f)
	case len(v.Below) > 0 && f.Value("below") != yes:
		f.Refuse("below", ui.N(ctx, "tiers.error_below", int64(len(v.Below))))
		return confirmDiscount(v)(w, r, http.StatusUnprocessableEntity, f)
	}
	err = p.deps.Catalog.ChangeDiscount(ctx, next, v.Was, p.by(r))
	if fault.From(err).Reason == catalog.DiscountMoved {
		f.Error = ui.T(ctx, "tiers.error_again")
		return showDiscount(t)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return refusal.Again(w, r, f, err, confirmDiscount(v))
	}
	return ui.Finish(w, r, ui.T(ctx, "tiers.done", "Tier", tierWord(ctx, t), "Percent", percentWord(ctx, percent)), tiersPath, "?done="+string(t))
}

func confirmDiscount(v discountView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "tiers.set")}, discountQuestion(v, f))
	}
}

func tierWord(ctx context.Context, t account.Tier) string { return ui.T(ctx, "site.tier."+string(t)) }

// percentWord writes a discount.
func percentWord(ctx context.Context, p money.Percent) string {
	text := money.Amount(p).String()
	if whole, cents, _ := strings.Cut(text, "."); strings.Trim(cents, "0") == "" {
		text = whole
	}
	return ui.T(ctx, "catalogue.percent", "N", ui.Of(ctx).Language.Decimal(text))
}

func requestsText(ctx context.Context, n int64) string {
	if n == 0 {
		return ui.T(ctx, "site.pricing.no_limit")
	}
	return ui.Int(ctx, n)
}
