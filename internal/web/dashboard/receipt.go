package dashboard

import (
	"context"
	"net/http"
	"strconv"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// receiptView is what a receipt shows.
type receiptView struct {
	order.Receipt

	Issuer    []string // the operator's legal name and address, a line each
	Email     string
	AccountID string
}

// Receipt shows a top-up that was credited, or a credit, to be printed. It names who
// runs the panel as the legal texts do.
func (d *Dashboard) Receipt(w http.ResponseWriter, r *http.Request) error {
	line, err := strconv.ParseInt(r.PathValue("line"), 10, 64)
	if err != nil || line < 1 {
		return fault.New(fault.NotFound, "Receipt not found")
	}
	who := d.person(r)
	v := receiptView{Email: who.Email, AccountID: who.AccountID}
	v.Receipt, err = d.deps.Orders.Receipt(r.Context(), order.Scope{AccountID: who.AccountID, Mode: ledger.Live}, line)
	if err != nil {
		return err
	}
	whose := d.deps.Brand()
	if whose.LegalName != "" {
		v.Issuer = append(v.Issuer, whose.LegalName)
	}
	v.Issuer = append(v.Issuer, whose.Contact...)
	return ui.Render(w, r, http.StatusOK, receiptPage(v))
}

// receiptFor says what the money was.
func receiptFor(ctx context.Context, v receiptView) string {
	if v.Kind == ledger.Deposit {
		return ui.T(ctx, "receipt.deposit")
	}
	return ui.T(ctx, "wallet.line_credit")
}
