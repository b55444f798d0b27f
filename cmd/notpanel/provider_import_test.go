package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// upstream is a provider whose list and currency a test changes.
type upstream struct {
	mu       sync.Mutex
	services string
	currency string
}

func (u *upstream) sells(services ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.services = "[" + strings.Join(services, ",") + "]"
}

// newUpstream adds a provider by that name to the panel.
func newUpstream(p *panel, name, currency string) *upstream {
	p.t.Helper()
	u := &upstream{currency: currency}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		defer u.mu.Unlock()
		switch r.FormValue("action") {
		case "balance":
			_, _ = io.WriteString(w, `{"balance": "7.50", "currency": "`+u.currency+`"}`)
		case "services":
			_, _ = io.WriteString(w, u.services)
		}
	}))
	p.t.Cleanup(server.Close)
	p.ok("provider", "add", "--name", name, "--url", server.URL+"/api/v2", "--key", "k")
	return u
}

func theirs(number, kind, rate string) string {
	return `{"service": ` + number + `, "name": "Service ` + number + `", "category": "Adverts", "type": "` + kind + `", "rate": "` + rate + `", "min": 10, "max": 1000}`
}

var allowLoopback = []string{"--outbound-allow", "127.0.0.0/8"}

func asks(args ...string) []string { return append(args, allowLoopback...) }

// A preview shows what an import then does, and does nothing.
func TestProviderImportDryRun(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	u := newUpstream(p, "Theirs", "USD")
	u.sells(theirs("7", "Default", "1"), theirs("8", "Poll", "2"), theirs("9", "Dance", "2"))
	preview := p.ok(asks("provider", "import", "Theirs", "--markup", "20%", "--dry-run")...)
	contains(t, preview, "Nothing was changed; this would be: 2 added", "1 left out", "rate: 1.20", "Dance")
	contains(t, p.ok("service", "list"), "There are no services")
	contains(t, p.fails(exitUsage, asks("provider", "import", "Theirs")...), "no mark-up is known")
	p.ok(asks("provider", "import", "Theirs", "--markup", "20%")...)
	u.sells(theirs("7", "Default", "3"))
	report := read[provider.ImportReport](t, p.ok(asks("provider", "import", "Theirs", "--dry-run", "--json")...))
	if !report.DryRun || report.Changed != 1 || report.Paused != 1 || len(report.Differences) != 2 || report.Differences[0].Fields[0].After != "3.60" {
		t.Errorf("%+v", report)
	}
	contains(t, p.ok("service", "list"), "1.20")
	contains(t, p.ok(asks("provider", "import", "Theirs", "--only", "7")...), "0 added, 1 changed, 0 paused", "rate: 1.20 → 3.60")
	contains(t, p.fails(exitFailed, asks("provider", "import", "Theirs", "--category", "Design, SMS")...), "lists nothing of what was named")
}

// A sync follows and adds nothing; a list that shrank is accepted by a person.
func TestProviderSync(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	u := newUpstream(p, "Theirs", "USD")
	all := []string{theirs("1", "Default", "1"), theirs("2", "Default", "1"), theirs("3", "Default", "1"), theirs("4", "Default", "1")}
	u.sells(all...)
	p.ok(asks("provider", "import", "Theirs", "--markup", "20%")...)
	u.sells(theirs("1", "Default", "2"), theirs("5", "Default", "1"))
	contains(t, p.fails(exitFailed, asks("provider", "sync", "Theirs", "--accept-shrink")...), "nothing to accept")
	contains(t, p.ok(asks("provider", "sync", "Theirs")...), "0 added, 1 changed, 0 paused", "1 service", "ALARM: 3 of 4")
	contains(t, p.ok(asks("provider", "sync", "Theirs", "--accept-shrink")...), "3 paused")
	u.sells(all...)
	contains(t, p.ok(asks("provider", "sync", "Theirs")...), "3 resumed")
}

// What is bought abroad is priced by its exchange rate, and anew by another.
func TestExchange(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	newUpstream(p, "Abroad", "EUR").sells(theirs("1", "Default", "1"))
	contains(t, p.ok("exchange", "list"), "No exchange rate")
	contains(t, p.fails(exitFailed, asks("provider", "import", "Abroad", "--markup", "20")...), "exchange set")
	contains(t, p.ok("exchange", "set", "eur", "1.5"), "One EUR is worth 1.5 USD: 0 sources")
	p.ok(asks("provider", "import", "Abroad", "--markup", "20")...)
	contains(t, p.ok("exchange", "set", "EUR", "2"), "1 source", "rate: 1.80 → 2.40", "cost: 1.50 → 2.00")
	contains(t, p.ok("service", "source", "list", "1"), "Abroad", "2.00", "1.00")
	contains(t, p.ok("exchange", "list", "--json"), `"EUR"`, `"2"`)
	contains(t, p.fails(exitUsage, "exchange", "set", "USD", "1"), "own currency")
	contains(t, p.fails(exitUsage, "exchange", "set", "EUR", "0"), "no exchange rate")
	p.fails(exitUsage, "exchange", "set", "€", "1")
	contains(t, p.ok("audit"), "all agree")
}

// Sources are added with what the provider asks for them, moved and removed.
func TestServiceSources(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	newUpstream(p, "First", "USD").sells(theirs("1", "Default", "1"))
	newUpstream(p, "Second", "USD").sells(theirs("7", "Default", "0.80"), theirs("8", "Poll", "1"))
	p.ok(asks("provider", "import", "First", "--markup", "20")...)
	add := func(there string, more ...string) []string {
		return asks(append([]string{"service", "source", "add", "1", "--provider", "Second", "--there", there}, more...)...)
	}
	contains(t, p.fails(exitFailed, add("8")...), "of the type Poll")
	contains(t, p.fails(exitFailed, add("9")...), "lists no service 9")
	contains(t, p.ok(add("7")...), "First", "Second", "0.80")
	contains(t, p.fails(exitFailed, add("7")...), "source of service 1 already")
	contains(t, p.ok(add("70", "--cost", "0.9", "--preference", "1")...), "0.90")
	contains(t, p.ok("service", "list"), "70")
	contains(t, p.fails(exitUsage, "service", "source", "prefer", "1", "3", "--provider", "Second"), "say its number there")
	p.ok("service", "source", "prefer", "1", "1", "--provider", "First")
	p.ok("service", "source", "remove", "1", "--provider", "Second", "--there", "70")
	got := read[[]sourceView](t, p.ok("service", "source", "list", "1", "--json"))
	if len(got) != 2 || got[0].Provider != "First" || got[1].Provider != "Second" || got[1].ProviderService != "7" || got[1].Preference != 2 {
		t.Errorf("%+v", got)
	}
	contains(t, p.fails(exitFailed, "service", "source", "list", "2"), "no service 2")
	contains(t, p.ok("audit"), "all agree")
}

// Pinned fields stay, and a service can have a mark-up of its own.
func TestServicePinFollowAndMarkup(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	u := newUpstream(p, "Theirs", "USD")
	u.sells(theirs("1", "Default", "1"))
	p.ok(asks("provider", "import", "Theirs", "--markup", "20")...)
	contains(t, p.ok("service", "pin", "1", "rate", "name"), "pinned: name, rate")
	u.sells(theirs("1", "Default", "2"))
	p.ok(asks("provider", "sync", "Theirs")...)
	contains(t, p.ok("service", "list"), "1.20", "2.00")
	contains(t, p.ok("service", "follow", "1", "rate", "name"), "pinned: nothing")
	contains(t, p.ok("service", "markup", "1", "50%"), "costs 2.00 and sells at 3.00 USD")
	contains(t, p.ok("service", "markup", "1"), "sells at 2.40")
	contains(t, p.fails(exitUsage, "service", "pin", "1", "colour"), "no field that follows")
}

// Beside an order of which nobody knew whether it arrived, staff see what the
// panel's account held around it.
func TestOrderShowsBalancesBesideAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 2, order.Uncertain)
	p.tamper(`UPDATE orders SET ever_unknown = TRUE WHERE id = $1`, ids[0])
	p.ok(asks("provider", "balance", "Theirs")...)
	p.tamper(`INSERT INTO submissions (id, order_id, provider_id, equal_key, token, generation, outcome, began_at, lease_until)
		SELECT 'sub_1', id, provider_id, '', '', 1, 'unknown', (SELECT MAX(at) + 1 FROM provider_balances), 1 FROM orders WHERE id = $1`, ids[0])
	contains(t, p.ok("order", "show", ids[0]), "Balance at the provider", "12.345")
	contains(t, p.ok("order", "show", ids[0], "--json"), `"balance": "12.345"`)
	if out := p.ok("order", "show", ids[1]); strings.Contains(out, "Balance at") {
		t.Errorf("an order that was never unknown: %s", out)
	}
}
