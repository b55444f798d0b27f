package pages_test

import (
	"context"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
)

const simulatedKey = "simulated key"

// simulate starts a provider whose orders end after a time. Start it before the panel,
// which then stops first.
func simulate(t *testing.T, pace time.Duration) *app.Simulator {
	t.Helper()
	sim, err := app.StartSimulator(t.Context(), app.SimulatorOptions{Listen: "127.0.0.1:0", Key: simulatedKey, Pace: pace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Stop)
	return sim
}

// The services of a simulated provider that the walks sell at 2.00 per 1,000. The
// first has a refill.
func listings() catalog.Offer {
	return catalog.Offer{
		ProviderService: "113", Category: "Listings", Name: "Directory listing impressions", Type: catalog.Default, Cost: 600_000, Rate: 2 * money.Unit,
		Min: 100, Max: 100_000, Dripfeed: true, Refill: true, Cancel: true,
	}
}

func banners() catalog.Offer {
	return catalog.Offer{
		ProviderService: "101", Category: "Adverts", Name: "Banner impressions, run of site", Type: catalog.Default, Cost: 350_000, Rate: 2 * money.Unit,
		Min: 1_000, Max: 1_000_000, Cancel: true,
	}
}

// sellFrom sells a service of a simulated provider under the next number.
func (p *panel) sellFrom(sim *app.Simulator, name string, offer catalog.Offer) {
	p.t.Helper()
	upstream, err := p.Core.Providers.Add(p.t.Context(), name, sim.URL()+"/api/v2", simulatedKey, "a test")
	if err == nil {
		_, err = p.Core.Catalog.Import(p.t.Context(), upstream.ID, []catalog.Offer{offer}, "a test")
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// proved wants books that agree, as `notpanel audit` proves them.
func (p *panel) proved() {
	p.t.Helper()
	ctx := context.WithoutCancel(p.t.Context())
	differs := func(text string) { p.t.Errorf("the audit: %s", text) }
	for _, prove := range []func(context.Context, *db.DB, func(string)) (int, error){
		ledger.Audit, order.Audit, payment.Audit, giveaway.Audit,
	} {
		if _, err := prove(ctx, p.Core.DB, differs); err != nil {
			p.t.Error(err)
		}
	}
	if err := ledger.AuditRules(ctx, p.Core.DB, differs); err != nil {
		p.t.Error(err)
	}
	if _, err := account.VerifyLog(ctx, p.Core.DB, differs); err != nil {
		p.t.Error(err)
	}
}

// until looks again and again until something is so, as it will be by itself.
func (w *walker) until(what string, is func() bool) {
	w.t.Helper()
	const patience = 30 * time.Second
	tick, over := time.NewTicker(100*time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer over.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-over.C:
			w.t.Fatalf("after %s not: %s", patience, what)
		}
	}
}
