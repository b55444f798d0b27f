// Package orders is what a customer sees of orders that were placed: the list with
// its filters and its download, each order with what can still be done with it,
// drip-feeds, subscriptions, refills, and the stream that keeps pages as they are in
// the panel.
//
// It translates: package order decides what may be done, and the route table in web
// who comes here at all. Placing is not here.
package orders

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The pages, as they lead to each other.
const (
	listPath          = "/dashboard/orders"
	exportPath        = listPath + "/export.csv"
	newPath           = listPath + "/new"
	dripsPath         = "/dashboard/drip-feeds"
	subscriptionsPath = "/dashboard/subscriptions"
	refillsPath       = "/dashboard/refills"
	eventsPath        = "/dashboard/events"
	keyPath           = "/dashboard/api/keys/"
	servicePath       = "/services/"
)

// rows is how many a page of a list shows.
const rows = 25

// Deps are what the pages ask.
type Deps struct {
	People *identity.People
	Orders *order.Store
	Cancel *order.Canceller
	Refill *order.Refiller
	Keys   *apikey.Store
	// Snapshot returns what is sold now.
	Snapshot  func(context.Context) (*catalog.Snapshot, error)
	Downloads *download.Limit
	Now       clock.Clock
	Log       *slog.Logger
}

// Pages answers for the pages of this package.
type Pages struct {
	deps Deps
	live *live
}

// New returns the pages. Their streams tell of no change before Loop runs.
func New(d Deps) *Pages {
	return &Pages{deps: d, live: newLive(d.Orders, d.People)}
}

// person is who is signed in. The route table lets nobody else come here.
func (p *Pages) person(r *http.Request) identity.Person {
	who, _ := p.deps.People.Current(r.Context())
	return who
}

// scope is whose orders a request is about: the reader's, live or of test keys.
func (p *Pages) scope(r *http.Request) order.Scope {
	return order.Scope{AccountID: p.person(r).AccountID, Mode: modeIn(r.URL.Query())}
}

func modeIn(q url.Values) ledger.Mode {
	if q.Get("mode") == string(ledger.Test) {
		return ledger.Test
	}
	return ledger.Live
}

// cursorIn reads the number that a page goes on before; 0 is the newest page.
func cursorIn(q url.Values) int64 {
	n, err := strconv.ParseInt(q.Get("before"), 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// in adds the mode to a path where it is not the live one.
func in(mode ledger.Mode, path string, more ...string) string {
	q := url.Values{}
	if mode == ledger.Test {
		q.Set("mode", string(mode))
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// orderPath is an order's page, or what is done there.
func orderPath(o *order.Order, deed string) string {
	return in(o.Mode, listPath+"/"+strconv.FormatInt(o.Number, 10)+deed)
}

// naming names services in the reader's language.
type naming func(serviceID int64) string

func (p *Pages) naming(ctx context.Context) (naming, error) {
	s, err := p.deps.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return func(serviceID int64) string {
		v, found := s.Service(serviceID)
		if !found {
			return ui.T(ctx, "orders.service", "Number", serviceID)
		}
		return s.Wording(v, s.Language(ui.Of(ctx).Language.Code)).Name
	}, nil
}
