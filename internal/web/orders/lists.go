package orders

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// parents is what the pages of drip-feeds and subscriptions show.
type parents struct {
	path    string
	kind    order.Kind
	mode    ledger.Mode
	lines   []line
	before  int64
	next    int64
	hasTest bool
}

// DripFeeds shows the account's drip-feeds.
func (p *Pages) DripFeeds(w http.ResponseWriter, r *http.Request) error {
	return p.parents(w, r, order.Drip, dripsPath)
}

// Subscriptions shows the account's subscriptions.
func (p *Pages) Subscriptions(w http.ResponseWriter, r *http.Request) error {
	return p.parents(w, r, order.Subscription, subscriptionsPath)
}

func (p *Pages) parents(w http.ResponseWriter, r *http.Request, kind order.Kind, path string) error {
	ctx, scope := r.Context(), p.scope(r)
	l := parents{path: path, kind: kind, mode: scope.Mode, before: cursorIn(r.URL.Query())}
	name, err := p.naming(ctx)
	if err != nil {
		return err
	}
	found, next, err := p.deps.Orders.Own(ctx, scope, order.Page{Before: l.before, Kind: kind, Limit: rows})
	if err != nil {
		return err
	}
	l.lines, l.next = lines(found, name), next
	if l.hasTest, err = p.deps.Orders.HasTest(ctx, scope.AccountID); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, parentsPage(l))
}

// older and newest lead to the pages beside.
func (l parents) older() string  { return beside(l.path, l.mode, l.next, l.next != 0) }
func (l parents) newest() string { return beside(l.path, l.mode, 0, l.before != 0) }

// beside is a page of a list, "" where there is none.
func beside(path string, mode ledger.Mode, before int64, is bool) string {
	if !is {
		return ""
	}
	return in(mode, path, "before", cursor(before))
}

// testPath is the same list of the other mode.
func testPath(path string, mode ledger.Mode) string {
	if mode == ledger.Test {
		return path
	}
	return in(ledger.Test, path)
}

// testSwitch is the list of orders of the other mode.
func testSwitch(f filter) string { return testPath(listPath, f.mode) }

// refills is what the page of refills shows.
type refills struct {
	mode    ledger.Mode
	lines   []order.OwnRefill
	name    naming
	before  int64
	next    int64
	hasTest bool
}

// Refills shows the account's refills.
func (p *Pages) Refills(w http.ResponseWriter, r *http.Request) (err error) {
	ctx, scope := r.Context(), p.scope(r)
	l := refills{mode: scope.Mode, before: cursorIn(r.URL.Query())}
	if l.name, err = p.naming(ctx); err != nil {
		return err
	}
	// One more tells whether there is another page.
	if l.lines, err = p.deps.Refill.Own(ctx, scope, l.before, rows+1); err != nil {
		return err
	}
	if len(l.lines) > rows {
		l.lines = l.lines[:rows]
		l.next = l.lines[rows-1].Number
	}
	if l.hasTest, err = p.deps.Orders.HasTest(ctx, scope.AccountID); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, refillsPage(l))
}

func (l refills) older() string  { return beside(refillsPath, l.mode, l.next, l.next != 0) }
func (l refills) newest() string { return beside(refillsPath, l.mode, 0, l.before != 0) }

// listTitle is what a list of parents is called.
func listTitle(ctx context.Context, kind order.Kind) string {
	if kind == order.Drip {
		return ui.T(ctx, "nav.drip_feeds")
	}
	return ui.T(ctx, "nav.subscriptions")
}
