package orders

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// AskCancel asks whether an order is to be canceled, and says what that does.
func (p *Pages) AskCancel(w http.ResponseWriter, r *http.Request) error {
	return p.showCancel(w, r, http.StatusOK)
}

func (p *Pages) showCancel(w http.ResponseWriter, r *http.Request, status int) error {
	v, err := p.view(r.Context(), p.scope(r), refOf(r), 0)
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: title(r.Context(), v)}, cancelForm(v))
}

// CancelOrder cancels an order as far as its state allows. One that is canceled
// already, by a form that was sent twice, shows that it is.
func (p *Pages) CancelOrder(w http.ResponseWriter, r *http.Request) error {
	o, err := p.deps.Cancel.Cancel(r.Context(), p.scope(r), refOf(r), p.person(r).AccountID)
	if fault.Is(err, fault.Conflict) {
		v, viewErr := p.view(r.Context(), p.scope(r), refOf(r), 0)
		if viewErr != nil {
			return viewErr
		}
		if v.State != order.Canceled {
			return p.showCancel(w, r, http.StatusUnprocessableEntity)
		}
		o, err = v.Order, nil
	}
	if err != nil {
		return err
	}
	text := ui.T(r.Context(), "orders.canceled_done")
	if o.State != order.Canceled {
		text = ui.T(r.Context(), "orders.cancel_asked_done")
	}
	return ui.Finish(w, r, text, orderPath(o, ""), "")
}

// AskRefill wishes for a refill of an order.
func (p *Pages) AskRefill(w http.ResponseWriter, r *http.Request) error {
	_, err := p.deps.Refill.Request(r.Context(), p.scope(r), refOf(r), p.person(r).AccountID)
	return p.done(w, r, err, func(v view) bool {
		n := len(v.Refills) // a form that was sent twice asks for one refill
		return n > 0 && !v.Refills[n-1].State.Ended()
	})
}

// Pause lets a drip-feed make no runs until it is resumed.
func (p *Pages) Pause(w http.ResponseWriter, r *http.Request) error {
	_, err := p.deps.Orders.Pause(r.Context(), p.scope(r), refOf(r), p.person(r).AccountID)
	return p.done(w, r, err, func(v view) bool { return !v.State.Final() && !v.PausedAt.IsZero() })
}

// Resume lets a paused drip-feed go on.
func (p *Pages) Resume(w http.ResponseWriter, r *http.Request) error {
	_, err := p.deps.Orders.Resume(r.Context(), p.scope(r), refOf(r), p.person(r).AccountID)
	return p.done(w, r, err, func(v view) bool {
		return v.Kind == order.Drip && !v.State.Final() && v.PausedAt.IsZero() && v.CancelWishAt.IsZero()
	})
}

// done leads to the order's page, which shows the deed. What was refused is said
// there, unless it is as was asked already.
func (p *Pages) done(w http.ResponseWriter, r *http.Request, err error, already func(v view) bool) error {
	if err != nil {
		text, ok := refusedText(r.Context(), err)
		if !ok {
			return err
		}
		v, err := p.view(r.Context(), p.scope(r), refOf(r), 0)
		if err != nil {
			return err
		}
		if !already(v) {
			v.Refused = text
			return ui.Render(w, r, http.StatusUnprocessableEntity, orderPage(v))
		}
	}
	return ui.See(w, r, in(modeIn(r.URL.Query()), listPath+"/"+r.PathValue("number")))
}
