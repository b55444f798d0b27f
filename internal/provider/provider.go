// Package provider knows the upstreams that orders are forwarded to: their
// addresses and keys, how they speak, and what their answers mean.
//
// It decides nothing about orders or money: an answer becomes an outcome or a
// word here, and package fulfil acts on it.
package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/secret"
)

// State says whether orders are sent to a provider.
type State string

// The states. A paused provider's orders wait; those it has are still followed.
const (
	Active State = "active"
	Paused State = "paused"
)

// Provider is an upstream.
type Provider struct {
	ID          string
	Name        string
	URL         string
	Currency    string // as its balance says; "" until asked
	State       State
	PauseReason string
	CreatedAt   time.Time

	Kind    Kind
	Profile Profile
	Settings

	SyncDueAt  time.Time     // when its list is read next; zero: not by itself
	SyncedAt   time.Time     // when its list was last brought in
	Alarm      string        // what the operator should look at, a line of each kind; "" is nothing
	Balance    *money.Amount // of our account there, in its currency; nil until read
	BalanceAt  time.Time
	UnknownRow int64 // uncertain outcomes in a row, for the breaker
	Probe      bool  // the breaker lets one order through

	keySealed     string
	headersSealed string
	profileErr    error // why the stored profile can't be used
}

// Settings are what an operator sets of a provider besides its address.
type Settings struct {
	Slots      int64          // calls of add at once, per node
	Markup     *money.Percent // of its services that have none of their own; nil: the import's
	More       money.Amount   // added to a raised cost; this and the next two are per 1,000, in the panel's currency
	Step       money.Amount   // rates are rounded up to a multiple of it; 0: they are not
	Least      money.Amount   // no rate is below it
	SyncEvery  time.Duration  // whole seconds between readings of its list; 0: not by itself
	BalanceLow *money.Amount  // below it the operator is told; nil: never
}

// Pricing is how the provider's costs become list prices.
func (s Settings) Pricing() catalog.Pricing {
	return catalog.Pricing{Markup: s.Markup, More: s.More, Step: s.Step, Least: s.Least}
}

// Store keeps providers.
type Store struct {
	db   *db.DB
	ring *secret.Ring

	// TellLow tells of a balance that fell below its mark, in the transaction that
	// keeps it; once for each fall. Nil tells nobody.
	TellLow func(tx *db.Tx, l Low) error
}

// Low is a balance below its mark.
type Low struct {
	ProviderID, Name string
	Balance, Mark    money.Amount
	Currency         string
}

// NewStore returns the providers of d, their keys sealed under ring.
func NewStore(d *db.DB, ring *secret.Ring) *Store { return &Store{db: d, ring: ring} }

const columns = `id, name, url, key_sealed, currency, state, pause_reason, created_at, kind, profile, headers_sealed, slots, markup,
	sync_every, sync_due_at, synced_at, alarm, balance, balance_at, balance_low, unknown_row, probe, rate_more, rate_step, rate_least`

func scan(s db.Scanner) (p Provider, err error) {
	var profile string
	var syncEvery int64
	err = s.Scan(&p.ID, &p.Name, &p.URL, &p.keySealed, &p.Currency, &p.State, &p.PauseReason, db.Time(&p.CreatedAt),
		&p.Kind, &profile, &p.headersSealed, &p.Slots, &p.Markup, &syncEvery, db.Time(&p.SyncDueAt), db.Time(&p.SyncedAt), &p.Alarm,
		&p.Balance, db.Time(&p.BalanceAt), &p.BalanceLow, &p.UnknownRow, &p.Probe,
		&p.More, &p.Step, &p.Least)
	if err != nil {
		return p, err
	}
	p.SyncEvery = time.Duration(syncEvery) * time.Second
	// One that a newer version wrote stops the calls to this provider, not the
	// reading of the others.
	p.Profile, p.profileErr = ParseProfile(profile)
	return p, nil
}

// Add stores a classic provider that differs in nothing. Its key is sealed.
func (s *Store) Add(ctx context.Context, name, address, key, actor string) (Provider, error) {
	return s.Create(ctx, New{Name: name, URL: address, Key: key}, actor)
}

// Find returns the provider with that id or name.
func (s *Store) Find(ctx context.Context, idOrName string) (p Provider, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		p, err = scan(tx.QueryRow(`SELECT `+columns+` FROM providers WHERE id = $1 OR name = $1`, idOrName))
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.Newf(fault.NotFound, "no provider %s: `notpanel provider list` shows them", idOrName)
	}
	return p, err
}

// List returns all providers, oldest first.
func (s *Store) List(ctx context.Context) (all []Provider, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM providers ORDER BY id`)
		return err
	})
	return all, err
}

// SetState pauses a provider, with a reason for the operator, or resumes it.
func (s *Store) SetState(ctx context.Context, providerID string, to State, reason, actor string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		// New orders go to a service's first source that takes orders.
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		pausedAt := tx.Now
		if to == Active {
			pausedAt = time.Time{}
			// Its orders did not age while it took none.
			_, err := tx.Exec(`
				UPDATE orders SET give_up_at = give_up_at + $2 - (SELECT paused_at FROM providers WHERE id = $1)
				WHERE provider_id = $1 AND state = 'pending' AND give_up_at IS NOT NULL
					AND EXISTS (SELECT 1 FROM providers WHERE id = $1 AND paused_at IS NOT NULL)`, providerID, db.At(tx.Now))
			if err != nil {
				return fmt.Errorf("let orders of %s wait longer: %w", providerID, err)
			}
		}
		changed, err := tx.ExecOne(`
			UPDATE providers SET state = $2, pause_reason = $3, paused_at = $4
			WHERE id = $1 AND state <> $2`, providerID, string(to), reason, db.At(pausedAt))
		if err != nil {
			return fmt.Errorf("set provider's state: %w", err)
		}
		if !changed {
			return nil
		}
		return account.Record(tx, actor, "provider."+string(to), providerID, reason)
	})
}

// SetCurrency stores the currency that a provider's balance is in.
func (s *Store) SetCurrency(ctx context.Context, providerID, currency string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE providers SET currency = $2 WHERE id = $1`, providerID, currency)
		return err
	})
}

// key opens a provider's sealed key.
func (s *Store) key(p Provider) (string, error) {
	if p.Kind == Manual {
		return "", fault.Newf(fault.Conflict, "%s is a manual provider: it is never called", p.Name)
	}
	plain, err := s.ring.Open(p.keySealed, "providers", "key", p.ID)
	if err != nil {
		return "", fmt.Errorf("open the key of provider %s: %w", p.Name, err)
	}
	return string(plain), nil
}
