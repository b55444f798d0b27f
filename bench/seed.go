package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// wealth lets no account run dry during a run.
const wealth money.Amount = 100_000_000 * money.Unit

// seed makes a service of a paused provider, so that orders stay where they are
// placed, and accounts with money and a key each.
func seed(ctx context.Context, server *app.Server, accounts int) (buyers []order.Buyer, keys []string, err error) {
	core := server.Core
	p, err := core.Providers.Add(ctx, "Nobody", "https://provider.example/api/v2", "key", "bench")
	if err != nil {
		return nil, nil, err
	}
	if err := core.Providers.SetState(ctx, p.ID, provider.Paused, "bench", "bench"); err != nil {
		return nil, nil, err
	}
	if err := addService(ctx, core, p.ID); err != nil {
		return nil, nil, err
	}
	for i := range accounts {
		buyer, key, err := addCustomer(ctx, core, i)
		if err != nil {
			return nil, nil, fmt.Errorf("add account %d: %w", i, err)
		}
		buyers, keys = append(buyers, buyer), append(keys, key)
	}
	return buyers, keys, nil
}

// addService adds a service with everything that customers may do to its orders.
func addService(ctx context.Context, core *app.Core, providerID string) error {
	_, err := core.Catalog.Import(ctx, providerID, []catalog.Offer{{
		ProviderService: "1", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default,
		Cost: money.Unit / 3, Rate: money.Unit / 2, Min: 10, Max: 1_000_000, Cancel: true, Refill: true,
	}}, "bench")
	return err
}

// addCustomer adds an account and a key that nothing is left out of: it is for some
// networks only, and has a day's cap that nobody reaches.
func addCustomer(ctx context.Context, core *app.Core, i int) (buyer order.Buyer, text string, err error) {
	if buyer, err = addBuyer(ctx, core.DB, i); err != nil {
		return buyer, "", err
	}
	buyer.DailyCap = new(wealth)
	text, key, err := core.Keys.Issue(ctx, apikey.NewKey{
		AccountID: buyer.AccountID, Name: "bench", Dialect: apikey.Native, Mode: apikey.Live,
		Settings: apikey.Settings{Networks: []netip.Prefix{netip.MustParsePrefix(loopback)}, DailyCap: buyer.DailyCap},
	}, "bench")
	buyer.KeyID = key.ID
	return buyer, text, err
}

// addBuyer writes the account's row itself: a thousand passwords take long to hash.
func addBuyer(ctx context.Context, d *db.DB, i int) (b order.Buyer, err error) {
	accountID := id.New(id.Account)
	err = d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at, email_verified_at)
			VALUES ($1, $2, 'none', $3, $4, $5, $6, $6)`,
			accountID, fmt.Sprintf("bench-%d@example.com", i), string(account.Active), string(account.Standard), string(account.Customer), db.At(tx.Now))
		if err != nil {
			return err
		}
		if err := ledger.CreateWallets(tx, accountID); err != nil {
			return err
		}
		walletID, err := ledger.WalletID(tx, accountID, ledger.Live)
		b = order.Buyer{Scope: order.Scope{AccountID: accountID, Mode: ledger.Live}, WalletID: walletID, KeyID: "key_bench"}
		return err
	})
	if err != nil {
		return b, err
	}
	_, err = account.NewStore(d).Credit(ctx, accountID, wealth, "bench", "bench")
	return b, err
}
