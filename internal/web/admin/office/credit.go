package office

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// number reads a number of a form or path; 0 names nothing.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func creditPath(accountID string) string { return accountPath(accountID) + "/credit" }

// creditView is what the form of a credit shows, and the question behind it.
type creditView struct {
	Account account.Listed
	Proof   proof.Asked
	// Ref names the credit: however often the form is sent, it is booked once.
	Ref string
	// Amount is what is asked about; it is negative when it is taken.
	Amount money.Amount
	Reason string
}

// after is the balance that there would be.
func (v creditView) after() money.Amount { return v.Account.Balance + v.Amount }

// AskCredit shows the form by which money is given or taken.
func (p *Pages) AskCredit(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	return showCredit(found)(w, r, http.StatusOK, ui.NewForm(nil))
}

func showCredit(of account.Listed) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "office.credit_title")}, creditForm(creditView{Account: of}, f))
	}
}

// Credit gives or takes money: first it says what will be booked and what there will
// be then, and when that is sent it books, once.
func (p *Pages) Credit(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	found, err := p.find(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	v := creditView{Account: found, Ref: f.Value("ref"), Reason: strings.TrimSpace(f.Value("reason"))}
	v.Amount = creditAmount(ctx, f)
	checkReason(ctx, f, v.Reason, account.MaxReason)
	asked := v.Ref != ""
	if f.OK() && !asked && v.after() < 0 {
		f.Refuse("amount", ui.T(ctx, "office.error_taken", "Balance", ui.Amount(ctx, found.Balance)))
	}
	if !f.OK() {
		return showCredit(found)(w, r, http.StatusUnprocessableEntity, f)
	}
	if !asked || !id.Valid(id.Transfer, v.Ref) {
		v.Ref = account.CreditRef()
		return p.confirmCredit(v)(w, r, http.StatusOK, f)
	}
	err = p.prove(r)
	if err == nil {
		_, err = p.deps.Desk.Credit(ctx, account.NewCredit{Account: found.ID, Amount: v.Amount, Reason: v.Reason, Ref: v.Ref}, p.actor(r))
	}
	if fault.Is(err, fault.InsufficientFunds) {
		f.Refuse("amount", ui.T(ctx, "office.error_taken", "Balance", ui.Amount(ctx, found.Balance)))
		return showCredit(found)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return again(w, r, f, err, p.confirmCredit(v))
	}
	return finishAccount(w, r, found.ID, "credit")
}

func (p *Pages) confirmCredit(v creditView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) (err error) {
		if v.Proof, err = p.proofFor(r); err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "office.credit_title")}, creditQuestion(v, f))
	}
}

// creditAmount reads how much is given or, as a negative amount, taken.
func creditAmount(ctx context.Context, f *ui.Form) money.Amount {
	amount, err := ui.Of(ctx).Language.ReadAmount(f.Value("amount"))
	if err != nil || amount <= 0 || amount > money.Max {
		f.Refuse("amount", ui.T(ctx, "office.error_amount"))
		return 0
	}
	switch f.Value("way") {
	case "give":
		return amount
	case "take":
		return -amount
	}
	f.Refuse("way", ui.T(ctx, "office.error_way"))
	return 0
}
