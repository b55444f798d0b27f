package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// wholePrice is a discount that leaves nothing to pay.
const wholePrice = money.Percent(100 * money.Unit)

// DiscountMoved is why a discount is not set whose reader saw another one before it.
const DiscountMoved fault.Reason = "discount_moved"

// SetDiscount sets what a tier pays less than the list price. Every node sells
// at the new prices from its next request on; so with the other prices here.
func (s *Store) SetDiscount(ctx context.Context, d Discount, actor string) error {
	return s.setDiscount(ctx, d, nil, actor)
}

// ChangeDiscount is SetDiscount for who was shown what the tier pays less until now:
// where that has changed since, it is a conflict and nothing is set.
func (s *Store) ChangeDiscount(ctx context.Context, d Discount, shown money.Percent, actor string) error {
	return s.setDiscount(ctx, d, &shown, actor)
}

func (s *Store) setDiscount(ctx context.Context, d Discount, shown *money.Percent, actor string) error {
	if err := d.Check(); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		var before money.Percent
		err := tx.QueryRow(`SELECT percent FROM tier_discounts WHERE tier = $1`, string(d.Tier)).Scan(&before)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return fmt.Errorf("read a discount: %w", err)
		}
		if shown != nil && *shown != before {
			return fault.New(fault.Conflict, "Somebody has set another discount since").Because(DiscountMoved, money.Amount(before).String())
		}
		_, err = tx.Exec(`INSERT INTO tier_discounts (tier, percent) VALUES ($1, $2) ON CONFLICT (tier) DO UPDATE SET percent = $2`,
			string(d.Tier), int64(d.Percent))
		if err != nil {
			return fmt.Errorf("set discount: %w", err)
		}
		return account.Record(tx, actor, "price.tier", string(d.Tier), money.Amount(before).String()+" % → "+money.Amount(d.Percent).String()+" %")
	})
}

// Check says what is wrong with a discount.
func (d Discount) Check() error {
	switch d.Tier {
	case account.Standard, account.Reseller, account.Agency:
	default:
		return fault.Newf(fault.Invalid, "tier must be %s, %s or %s", account.Standard, account.Reseller, account.Agency)
	}
	if d.Percent < 0 || d.Percent > wholePrice {
		return fault.New(fault.Invalid, "percent must be between 0 and 100").Because(fault.BadField, "percent")
	}
	return nil
}

// Repriced is a service with what a tier pays for it, before and after.
type Repriced struct {
	*Service

	Before, After money.Amount
}

// Below reports whether it is sold for less than it costs then.
func (r Repriced) Below() bool { return r.After < r.Source.Cost }

// Effect is what a discount would change.
type Effect struct {
	Services int        // that are not retired
	WasBelow int        // of them sold below their cost now
	Below    []Repriced // sold below their cost then, what loses most first
	Sample   []Repriced // some of those that are sold, from all over the catalogue
}

// Effect tells what a discount would change, with a sample of so many services. Each
// price is the one that an order of the tier would pay.
func (s *Snapshot) Effect(d Discount, sample int) (e Effect, err error) {
	if err := d.Check(); err != nil {
		return e, err
	}
	var sold []Repriced
	for _, v := range s.Services {
		if v.State == Retired {
			continue
		}
		r := Repriced{Service: v}
		if r.Before, err = s.Price(v, Customer{Tier: string(d.Tier)}); err != nil {
			return e, err
		}
		if r.After, err = money.Markup(v.Rate, -d.Percent); err != nil {
			return e, err
		}
		e.Services++
		if r.Before < v.Source.Cost {
			e.WasBelow++
		}
		if r.Below() {
			e.Below = append(e.Below, r)
		}
		if v.State == Active {
			sold = append(sold, r)
		}
	}
	slices.SortStableFunc(e.Below, func(a, b Repriced) int { return cmp.Compare(a.After-a.Source.Cost, b.After-b.Source.Cost) })
	for i := range min(sample, len(sold)) {
		e.Sample = append(e.Sample, sold[i*len(sold)/min(sample, len(sold))])
	}
	return e, nil
}
