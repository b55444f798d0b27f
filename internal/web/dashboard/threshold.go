package dashboard

import (
	"context"
	"net/http"
	"net/url"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const thresholdPath = walletPath + "/threshold"

// thresholdText says below what an account is told.
func thresholdText(ctx context.Context, low money.Amount) string {
	if low == 0 {
		return ui.T(ctx, "threshold.never")
	}
	return ui.T(ctx, "threshold.below", "Amount", ui.Amount(ctx, low))
}

// AskThreshold shows the form of the balance below which the account is told.
func (d *Dashboard) AskThreshold(w http.ResponseWriter, r *http.Request) error {
	low, err := d.deps.LowBalance(r.Context(), d.person(r).AccountID)
	if err != nil {
		return err
	}
	typed := ui.Of(r.Context()).Language.Decimal(low.String())
	return showThreshold(w, r, http.StatusOK, ui.NewForm(url.Values{"amount": {typed}}))
}

func showThreshold(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "threshold.title")}, thresholdForm(f))
}

// SetThreshold stores it.
func (d *Dashboard) SetThreshold(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	low, err := ui.Of(ctx).Language.ReadAmount(f.Value("amount"))
	if err != nil || low < 0 {
		f.Refuse("amount", ui.T(ctx, "threshold.error"))
		return showThreshold(w, r, http.StatusUnprocessableEntity, f)
	}
	accountID := d.person(r).AccountID
	if _, err := d.deps.SetLowBalance(ctx, accountID, &low, accountID); err != nil {
		return refusal.Again(w, r, f, err, showThreshold)
	}
	return ui.Finish(w, r, ui.T(ctx, "threshold.done"), walletPath, "")
}
