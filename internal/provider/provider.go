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
	"net/url"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
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

	keySealed string
}

// Store keeps providers.
type Store struct {
	db   *db.DB
	ring *secret.Ring
}

// NewStore returns the providers of d, their keys sealed under ring.
func NewStore(d *db.DB, ring *secret.Ring) *Store { return &Store{db: d, ring: ring} }

const columns = `id, name, url, key_sealed, currency, state, pause_reason, created_at`

func scan(s db.Scanner) (p Provider, err error) {
	err = s.Scan(&p.ID, &p.Name, &p.URL, &p.keySealed, &p.Currency, &p.State, &p.PauseReason, db.Time(&p.CreatedAt))
	return p, err
}

// Add stores a provider. Its key is sealed.
func (s *Store) Add(ctx context.Context, name, address, key, actor string) (Provider, error) {
	p := Provider{ID: id.New(id.Provider), Name: strings.TrimSpace(name), URL: address, State: Active}
	u, err := url.Parse(address)
	switch {
	case p.Name == "" || len(p.Name) > 64:
		return p, fault.New(fault.Invalid, "name must have 1 to 64 characters")
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return p, fault.New(fault.Invalid, "url must be the full address of the provider's API, such as https://provider.example/api/v2")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return p, fault.New(fault.Invalid, "url must hold no user, query or fragment: the key has a setting of its own")
	case key == "" || len(key) > 512 || strings.ContainsAny(key, "\r\n\x00"):
		return p, fault.New(fault.Invalid, "key must be one line of 1 to 512 characters")
	}
	for field, text := range map[string]string{"name": p.Name, "url": address} {
		if err := plain.Line(field, text); err != nil {
			return p, err
		}
	}
	p.keySealed = s.ring.Seal([]byte(key), "providers", "key", p.ID)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		p.CreatedAt = tx.Now
		added, err := tx.ExecOne(`
			INSERT INTO providers (id, name, url, key_sealed, state, created_at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING`,
			p.ID, p.Name, p.URL, p.keySealed, string(p.State), db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("add provider: %w", err)
		}
		if !added {
			return fault.Newf(fault.Conflict, "a provider named %s exists already", p.Name)
		}
		return account.Record(tx, actor, "provider.add", p.ID, p.Name+" "+p.URL)
	})
	return p, err
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
		changed, err := tx.ExecOne(`UPDATE providers SET state = $2, pause_reason = $3 WHERE id = $1 AND state <> $2`,
			providerID, string(to), reason)
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

// SetAddress changes where a provider is reached and with which key.
func (s *Store) SetAddress(ctx context.Context, providerID, address, key, actor string) error {
	sealed := s.ring.Seal([]byte(key), "providers", "key", providerID)
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE providers SET url = $2, key_sealed = $3 WHERE id = $1`, providerID, address, sealed)
		if err != nil {
			return fmt.Errorf("set provider's address: %w", err)
		}
		return account.Record(tx, actor, "provider.address", providerID, address)
	})
}

// key opens a provider's sealed key.
func (s *Store) key(p Provider) (string, error) {
	plain, err := s.ring.Open(p.keySealed, "providers", "key", p.ID)
	if err != nil {
		return "", fmt.Errorf("open the key of provider %s: %w", p.Name, err)
	}
	return string(plain), nil
}
