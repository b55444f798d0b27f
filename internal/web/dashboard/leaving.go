package dashboard

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/closing"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	exportPath = accountPath + "/export"
	closePath  = accountPath + "/close"
	// closedPath is the page of the sign-in, which says that it was done.
	closedPath = "/login?done=closed"
)

// closeView is what the form of closing shows.
type closeView struct {
	closing.Standing

	LastOwner bool
	Email     string
}

// possible reports that nothing stands against it but the question.
func (v closeView) possible() bool { return v.Open == 0 && !v.LastOwner }

// AskClose says what closing the account does, and asks whether it is meant.
func (d *Dashboard) AskClose(w http.ResponseWriter, r *http.Request) error {
	return d.showClose(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showClose(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	ctx, who := r.Context(), d.person(r)
	v := closeView{Email: who.Email}
	var err error
	if v.Standing, err = d.deps.Closer.Look(ctx, who.AccountID); err != nil {
		return err
	}
	if v.LastOwner, err = d.deps.IsLastOwner(ctx, who.AccountID); err != nil {
		return err
	}
	p, err := proof.Fields(d.deps.People, r)
	if err != nil {
		return err
	}
	// A balance is given up for what is shown with it, not for one from before.
	f.Values.Del("give_up")
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(ctx, "close.title")}, closeForm(v, f, p))
}

// Close closes the account of who is signed in. It asks for the password each time,
// and for the balance to be given up as it was shown.
func (d *Dashboard) Close(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	giveUp, err := money.Parse(f.Value("balance"))
	if err != nil {
		return fault.Wrap(fault.Invalid, "The form names no balance", err)
	}
	if giveUp > 0 && f.Value("give_up") != "on" {
		f.Refuse("give_up", ui.T(ctx, "close.error_give_up"))
		return d.showClose(w, r, http.StatusUnprocessableEntity, f)
	}
	err = d.deps.People.Prove(ctx, proof.Of(r))
	if err == nil {
		err = d.deps.Closer.Close(ctx, giveUp)
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showClose)
	}
	if err := d.deps.People.SignOut(ctx); err != nil {
		return err
	}
	if ui.Partial(r) {
		w.Header().Set("HX-Redirect", closedPath)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return ui.See(w, r, closedPath)
}

// openText says how many orders are open.
func openText(ctx context.Context, open int64) string {
	if open >= order.CountMost {
		return ui.T(ctx, "close.open_many", "Count", ui.Int(ctx, order.CountMost))
	}
	return ui.N(ctx, "close.open", open)
}
