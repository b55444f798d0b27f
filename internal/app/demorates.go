package app

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// rates sets what the demo's tiers pay less and what nobody may order for, where
// nobody has said anything else.
func (d *Demo) rates(ctx context.Context) error {
	discounts, _, err := d.Core.Catalog.Prices(ctx)
	if err != nil {
		return err
	}
	if len(discounts) == 0 {
		for tier, percent := range map[account.Tier]money.Percent{account.Reseller: 5 * money.Percent(money.Unit), account.Agency: 12 * money.Percent(money.Unit)} {
			if err := d.Core.Catalog.SetDiscount(ctx, catalog.Discount{Tier: tier, Percent: percent}, demoActor); err != nil {
				return fmt.Errorf("set a discount: %w", err)
			}
		}
	}
	blocked, err := d.Core.Catalog.BlockPage(ctx, "", 1)
	if err != nil || len(blocked) > 0 {
		return err
	}
	for pattern, reason := range map[string]string{
		"downloads.example": "Spreads harmful programs", "shop.example/copies": "Complaint of the owner of the mark",
	} {
		if _, err := d.Core.Catalog.Block(ctx, pattern, reason, demoActor); err != nil {
			return fmt.Errorf("block a target: %w", err)
		}
	}
	return nil
}
