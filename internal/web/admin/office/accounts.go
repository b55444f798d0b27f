package office

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/desk"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

// maxSearch is how many characters of a search are read.
const maxSearch = 254

// accountsView is a page of accounts.
type accountsView struct {
	Form     *ui.Form
	Accounts []account.Listed
	Next     string // the path of the next page
	First    string // of the first one; "": this is it
	Filtered bool
}

// Accounts lists accounts.
func (p *Pages) Accounts(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	q := desk.Query{
		Text: cut(asked.Get("q")), State: account.State(asked.Get("state")), Tier: account.Tier(asked.Get("tier")),
		Role: account.Role(asked.Get("role")), After: cut(asked.Get("after")), Limit: pageRows,
	}
	page, next, err := p.deps.Desk.Accounts(r.Context(), q)
	if err != nil {
		return err
	}
	v := accountsView{Form: ui.NewForm(asked), Accounts: page, Filtered: q.Text != "" || q.State != "" || q.Tier != "" || q.Role != ""}
	kept := url.Values{}
	for _, name := range []string{"q", "state", "tier", "role"} {
		if value := cut(asked.Get(name)); value != "" {
			kept.Set(name, value)
		}
	}
	if q.After != "" {
		v.First = withQuery(accountsPath, kept)
	}
	if next != "" {
		kept.Set("after", next)
		v.Next = withQuery(accountsPath, kept)
	}
	return ui.Render(w, r, http.StatusOK, accountsPage(v))
}

// cut is the beginning of a text that came in to be looked for, without what no text
// has that is kept.
func cut(text string) string {
	runes := []rune(plain.Readable(text))
	return string(runes[:min(len(runes), maxSearch)])
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// What a page of an account shows of each of its lists.
const (
	someRows   = 10
	notesShown = 50
	keysShown  = 50
)

// accountView is what the page of an account shows.
type accountView struct {
	account.Listed

	Test     money.Amount
	Standing identity.Standing
	May      staff.Set // of the reader
	Reach    bool      // the reader may change this account
	Self     bool
	Done     string
	Notes    []account.Note
	NoteForm *ui.Form
	Rates    []ownRate
	Keys     []apikey.Key
	Hooks    []*webhook.Endpoint
	Orders   []*order.Order
	Lines    []order.Line
	Topups   []payment.Payment
}

// may reports whether the reader may do something to this account.
func (v accountView) may(needs staff.Permission) bool { return v.Reach && v.May.Has(needs) }

// viewable reports whether the reader may look at the pages as this account.
func (v accountView) viewable() bool {
	return v.May.Has(staff.AccountsView) && v.Role == account.Customer && v.State == account.Active && !v.Self
}

// ownRate is a rate of the account's own with its service.
type ownRate struct {
	catalog.OwnRate

	Name string
	List money.Amount // what everybody pays
	Tier money.Amount // what it would pay by its tier
}

// Account shows an account.
func (p *Pages) Account(w http.ResponseWriter, r *http.Request) error {
	return p.showAccount(w, r, http.StatusOK, ui.NewForm(nil))
}

// find returns the account that a path names.
func (p *Pages) find(r *http.Request) (found account.Listed, err error) {
	accountID := r.PathValue("id")
	if !id.Valid(id.Account, accountID) {
		return found, fault.New(fault.NotFound, "Account not found")
	}
	all, err := p.deps.Accounts.Some(r.Context(), []string{accountID})
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "Account not found")
	}
	if err != nil {
		return found, err
	}
	return all[0], nil
}

func (p *Pages) showAccount(w http.ResponseWriter, r *http.Request, status int, note *ui.Form) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	v := accountView{Listed: found, NoteForm: note, Done: doneText(r, "office.done_", accountDone()...)}
	if err := p.standing(r, &v); err != nil {
		return err
	}
	if err := p.belongings(r, &v); err != nil {
		return err
	}
	if err := p.movements(r, &v); err != nil {
		return err
	}
	return ui.Render(w, r, status, accountPage(v))
}

// standing reads how the account signs in and how far the reader reaches it.
func (p *Pages) standing(r *http.Request, v *accountView) (err error) {
	ctx, who := r.Context(), p.person(r)
	if v.Standing, err = p.deps.People.StandingOf(ctx, v.ID, someRows); err != nil {
		return err
	}
	v.May, v.Self = who.Permissions, v.ID == who.AccountID
	v.Reach = who.Role == account.Owner || !v.Self && v.Role != account.Owner && who.Permissions.Covers(v.Standing.Permissions)
	if _, v.Test, err = p.deps.Accounts.Balances(ctx, v.ID); err != nil {
		return err
	}
	v.Notes, err = p.deps.Accounts.Notes(ctx, v.ID, notesShown)
	return err
}

// belongings reads what an account has: rates, keys and webhooks.
func (p *Pages) belongings(r *http.Request, v *accountView) error {
	ctx := r.Context()
	own, err := p.deps.Catalog.OwnRates(ctx, v.ID)
	if err != nil {
		return err
	}
	if len(own) > 0 {
		snapshot, err := p.deps.Snapshot(ctx)
		if err != nil {
			return err
		}
		services := map[int64]*catalog.Service{}
		for _, s := range snapshot.Services {
			services[s.ID] = s
		}
		for _, rate := range own {
			one := ownRate{OwnRate: rate}
			if s := services[rate.Service]; s != nil {
				one.Name, one.List = s.Name, s.Rate
				if one.Tier, err = snapshot.Price(s, catalog.Customer{Tier: string(v.Tier)}); err != nil {
					return err
				}
			}
			v.Rates = append(v.Rates, one)
		}
	}
	if v.Keys, err = p.deps.Keys.Latest(ctx, v.ID, keysShown); err != nil {
		return err
	}
	v.Hooks, err = p.deps.Webhooks.All(ctx, v.ID, "", keysShown)
	return err
}

// movements reads the latest of an account's orders, money and top-ups.
func (p *Pages) movements(r *http.Request, v *accountView) (err error) {
	ctx := r.Context()
	live := order.Scope{AccountID: v.ID, Mode: ledger.Live}
	if v.Orders, _, err = p.deps.Orders.Own(ctx, live, order.Page{Limit: someRows}); err != nil {
		return err
	}
	if v.Lines, err = p.deps.Orders.Latest(ctx, live, 0, someRows+1); err != nil {
		return err
	}
	v.Topups, err = p.deps.Payments.Of(ctx, v.ID, "", someRows)
	return err
}

// statementView is a page of an account's statement.
type statementView struct {
	account.Listed

	Lines []order.Line
	Next  string
	First string
}

func statementPath(accountID string) string { return accountPath(accountID) + "/statement" }

// Statement shows how an account's money moved.
func (p *Pages) Statement(w http.ResponseWriter, r *http.Request) error {
	found, err := p.find(r)
	if err != nil {
		return err
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 1 {
		before = 0
	}
	v := statementView{Listed: found}
	live := order.Scope{AccountID: found.ID, Mode: ledger.Live}
	if v.Lines, err = p.deps.Orders.Latest(r.Context(), live, before, pageRows+1); err != nil {
		return err
	}
	if before > 0 {
		v.First = statementPath(found.ID)
	}
	if len(v.Lines) > pageRows {
		v.Lines = v.Lines[:pageRows]
		v.Next = statementPath(found.ID) + "?before=" + strconv.FormatInt(v.Lines[pageRows-1].Seq, 10)
	}
	return ui.Render(w, r, http.StatusOK, statementPage(v))
}
