package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// ExchangeRate is what a currency is worth in the panel's.
type ExchangeRate struct {
	Currency  string
	Rate      money.Exchange
	UpdatedAt time.Time
}

// ExchangeRates returns all that are stored, by currency.
func (s *Store) ExchangeRates(ctx context.Context) (all []ExchangeRate, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (e ExchangeRate, err error) {
			err = r.Scan(&e.Currency, &e.Rate, db.Time(&e.UpdatedAt))
			return e, err
		}, `SELECT currency, rate, updated_at FROM exchange_rates ORDER BY currency`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read exchange rates: %w", err)
	}
	return all, nil
}

// ExchangeRate returns what a currency is worth, if that is stored.
func (s *Store) ExchangeRate(ctx context.Context, currency string) (rate money.Exchange, found bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT rate FROM exchange_rates WHERE currency = $1`, currency).Scan(&rate)
	})
	if errors.Is(err, db.ErrNoRows) {
		return 0, false, nil
	}
	return rate, err == nil, err
}

// SetExchange stores what one unit of a currency is worth and prices anew what
// providers in it sell: costs, and the rates that follow them. That goes on some
// services a write; called again, it ends what was cut short.
func (s *Store) SetExchange(ctx context.Context, currency string, rate money.Exchange, actor string) (taken Taken, err error) {
	if rate <= 0 {
		return taken, fault.New(fault.Invalid, "an exchange rate must be above zero")
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		var own string
		if err := tx.QueryRow(`SELECT currency FROM panel WHERE id = 1`).Scan(&own); err != nil {
			return fmt.Errorf("the panel's currency: %w", err)
		}
		if own == currency {
			return fault.Newf(fault.Invalid, "%s is the panel's own currency", own)
		}
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`
			INSERT INTO exchange_rates (currency, rate, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (currency) DO UPDATE SET rate = $2, updated_at = $3`, currency, int64(rate), db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("store the exchange rate: %w", err)
		}
		return account.Record(tx, actor, "exchange.set", currency, rate.String())
	})
	if err != nil {
		return taken, err
	}
	after := int64(0)
	for {
		last := after
		err := s.chunk(ctx, &importer{actor: actor}, &taken, true, func(im *importer) (err error) {
			after, err = im.planExchange(currency, last)
			return err
		})
		if err != nil || after == last {
			return taken, err
		}
	}
}

// planExchange plans the new costs and rates of the services behind after whose
// provider counts in a currency, and returns the last of them.
func (im *importer) planExchange(currency string, after int64) (last int64, err error) {
	var rate money.Exchange
	if err := im.tx.QueryRow(`SELECT rate FROM exchange_rates WHERE currency = $1`, currency).Scan(&rate); err != nil {
		return after, fmt.Errorf("read the exchange rate: %w", err)
	}
	ids, err := db.All(im.tx, func(r db.Scanner) (serviceID int64, err error) {
		err = r.Scan(&serviceID)
		return serviceID, err
	}, `
		SELECT DISTINCT s.service_id FROM sources s JOIN providers p ON p.id = s.provider_id
		WHERE p.currency = $1 AND s.foreign_cost IS NOT NULL AND s.service_id > $2 ORDER BY s.service_id LIMIT `+whole64(importChunk), currency, after)
	if err != nil {
		return after, fmt.Errorf("read services: %w", err)
	}
	if len(ids) == 0 {
		return after, nil
	}
	all, err := sources(im.tx, ` WHERE p.currency = $1 AND s.foreign_cost IS NOT NULL AND s.service_id = ANY($2)`, currency, ids)
	if err != nil {
		return after, err
	}
	terms := map[string]Pricing{}
	for _, h := range all {
		if _, known := terms[h.source.ProviderID]; !known {
			if terms[h.source.ProviderID], err = providerPricing(im.tx, h.source.ProviderID); err != nil {
				return after, err
			}
		}
		im.planCost(h, rate, terms[h.source.ProviderID])
	}
	return ids[len(ids)-1], nil
}

// planCost plans what a source costs at an exchange rate. A service that can't be
// priced any more is not sold.
func (im *importer) planCost(h *held, exchange money.Exchange, provided Pricing) {
	after, to := h.service, h.at
	cost, err := exchange.Cost(*h.at.foreign)
	if err == nil {
		to.cost = cost
	}
	if h.leads() && !h.at.gone {
		rate, known, rateErr := followedRate(&after, to.cost, provided)
		if after.pinned(fieldRate) {
			known, rateErr = false, nil
		}
		if known {
			after.Rate = rate
		}
		switch {
		case err != nil || rateErr != nil:
			after.settle(tooDear)
		case after.PauseReason == tooDear:
			after.settle("")
		}
	}
	im.note(h, &after, to)
}
