package dashboard

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/web/refusal"

	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	walletPath = "/dashboard/wallet"
	topupsPath = walletPath + "/topups"
)

const (
	// statementPage is how many lines a page of the statement shows.
	statementPage = 25
	// topupsShown is how many of the latest top-ups stand above it.
	topupsShown = 10
)

// walletView is what the wallet's page shows.
type walletView struct {
	Balance money.Amount
	Offer   payment.Offer
	Topups  []payment.Payment
	Lines   []order.Line
	Next    int64 // the line to go on before; 0: there are no more
	First   bool
}

// Wallet shows what the account has, its top-ups and its statement.
func (d *Dashboard) Wallet(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	accountID := d.person(r).AccountID
	var v walletView
	var err error
	if v.Balance, _, err = d.deps.Balances(ctx, accountID); err != nil {
		return err
	}
	if v.Offer, err = d.deps.Payments.Offer(ctx); err != nil {
		return err
	}
	before := lineIn(r)
	if v.First = before == 0; v.First {
		if v.Topups, err = d.deps.Payments.Of(ctx, accountID, "", topupsShown); err != nil {
			return err
		}
	}
	// One more tells whether there is another page.
	if v.Lines, err = d.deps.Orders.Latest(ctx, order.Scope{AccountID: accountID, Mode: ledger.Live}, before, statementPage+1); err != nil {
		return err
	}
	if len(v.Lines) > statementPage {
		v.Lines = v.Lines[:statementPage]
		v.Next = v.Lines[statementPage-1].Seq
	}
	return ui.Render(w, r, http.StatusOK, walletPage(v))
}

// lineIn reads the line of the statement that the page goes on before; 0 is the
// newest page.
func lineIn(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// NewTopup shows how to pay by transfer, and the form that says so.
func (d *Dashboard) NewTopup(w http.ResponseWriter, r *http.Request) error {
	offer, err := d.deps.Payments.Offer(r.Context())
	if err != nil {
		return err
	}
	return d.showTopup(offer)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showTopup(offer payment.Offer) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		how, err := content.Render([]byte(offer.Instructions), content.Options{})
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "topup.title")}, topupForm(offer, how.HTML, f))
	}
}

// AskTopup records that the account pays by transfer.
func (d *Dashboard) AskTopup(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	offer, err := d.deps.Payments.Offer(ctx)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	amount := readAmount(ctx, f, offer)
	reference := strings.TrimSpace(f.Value("reference"))
	switch n := utf8.RuneCountInString(reference); {
	case n == 0:
		f.Refuse("reference", ui.T(ctx, "topup.error_reference"))
	case n > payment.MaxReference:
		f.Refuse("reference", ui.T(ctx, "topup.error_reference_long", "Most", payment.MaxReference))
	}
	if !f.OK() {
		return d.showTopup(offer)(w, r, http.StatusUnprocessableEntity, f)
	}
	if _, err := d.deps.Payments.Request(ctx, d.person(r).AccountID, amount, reference); err != nil {
		return refusal.Again(w, r, f, err, d.showTopup(offer))
	}
	return ui.Finish(w, r, ui.T(ctx, "topup.asked"), walletPath, "")
}

// readAmount reads what is paid. What is wrong with it is said in the form.
func readAmount(ctx context.Context, f *ui.Form, offer payment.Offer) money.Amount {
	amount, err := ui.Of(ctx).Language.ReadAmount(f.Value("amount"))
	switch {
	case err != nil:
		f.Refuse("amount", ui.T(ctx, "topup.error_amount"))
	case amount < offer.Least || amount > offer.Most:
		f.Refuse("amount", ui.T(ctx, "topup.error_bounds", "Least", ui.Amount(ctx, offer.Least), "Most", ui.Amount(ctx, offer.Most)))
	}
	return amount
}

// WithdrawTopup ends a top-up that the account does not make after all. One that
// was decided meanwhile shows how.
func (d *Dashboard) WithdrawTopup(w http.ResponseWriter, r *http.Request) error {
	_, err := d.deps.Payments.Withdraw(r.Context(), d.person(r).AccountID, r.PathValue("id"))
	if err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	return ui.See(w, r, walletPath)
}

// shownAmount is what a top-up brought or, until it does, what was asked.
func shownAmount(p payment.Payment) money.Amount {
	if p.State == payment.Credited {
		return p.Amount
	}
	return p.Asked
}

// lineText says why money moved, in the reader's language. What staff wrote beside
// it is not for the customer.
func lineText(ctx context.Context, l order.Line) string {
	number := ui.Plain(l.Number)
	switch {
	case l.Kind == ledger.OrderCharge && l.OrderID != "":
		return ui.T(ctx, "wallet.line_order", "Number", number)
	case l.Kind == ledger.OrderRefund && l.OrderID != "":
		return ui.T(ctx, "wallet.line_refund", "Number", number)
	case l.Kind == ledger.Deposit:
		return ui.T(ctx, "wallet.line_deposit", "Reference", l.Reference)
	case l.Kind == ledger.Prize:
		return ui.T(ctx, "wallet.line_prize", "Title", l.Reference)
	case l.Kind == ledger.Credit && l.Amount < 0:
		return ui.T(ctx, "wallet.line_taken")
	case l.Kind == ledger.Credit:
		return ui.T(ctx, "wallet.line_credit")
	}
	return string(l.Kind)
}

// olderLines leads to the page of the statement behind this one.
func olderLines(v walletView) string {
	if v.Next == 0 {
		return ""
	}
	return walletPath + "?before=" + strconv.FormatInt(v.Next, 10) + "#statement"
}

func newestLines(v walletView) string {
	if v.First {
		return ""
	}
	return walletPath + "#statement"
}
