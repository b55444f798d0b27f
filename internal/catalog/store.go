package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// Store changes the catalogue.
type Store struct{ db *db.DB }

// NewStore returns the catalogue of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// List returns all services in catalogue order, whatever their state.
func (s *Store) List(ctx context.Context) (all []*Service, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		snapshot, err := Load(tx)
		if err == nil {
			all = snapshot.Services
		}
		return err
	})
	return all, err
}

// Change says what to set of a service; nil leaves a field as it is.
type Change struct {
	Name      *string
	Rate      *money.Amount
	Min, Max  *int64
	Increment *int64
	State     *State
}

// Set changes a service and returns it as it is then. Every node sells by the
// new terms from its next request on.
func (s *Store) Set(ctx context.Context, serviceID int64, c Change, actor string) (changed *Service, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		// Moving the epoch first lets changes take turns, also with an import:
		// what is read below stays so until it is written.
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		snapshot, err := LoadSome(tx, []int64{serviceID})
		if err != nil {
			return err
		}
		if len(snapshot.Services) == 0 {
			return fault.Newf(fault.NotFound, "no service %d: `notpanel service list` shows them", serviceID)
		}
		changed = snapshot.Services[0]
		before := *changed
		detail, err := c.apply(changed)
		if err != nil {
			return err
		}
		if err := noteChanges(tx, &before, changed, actor); err != nil {
			return err
		}
		_, err = tx.Exec(`
			UPDATE services SET name = $2, rate = $3, min_quantity = $4, max_quantity = $5, increment = $6,
				state = $7, pause_reason = $8, updated_at = $9 WHERE id = $1`,
			serviceID, changed.Name, changed.Rate, changed.Min, changed.Max, changed.Increment,
			string(changed.State), changed.PauseReason, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("set service: %w", err)
		}
		return account.Record(tx, actor, "service.set", strconv.FormatInt(serviceID, 10), detail)
	})
	return changed, err
}

// apply sets the fields and describes what changed.
func (c Change) apply(s *Service) (detail string, err error) {
	var said []string
	if c.Name != nil {
		s.Name = strings.TrimSpace(*c.Name)
		said = append(said, "name "+s.Name)
	}
	if c.Rate != nil {
		s.Rate = *c.Rate
		said = append(said, "rate "+s.Rate.String())
	}
	for _, limit := range []struct {
		name string
		from *int64
		to   *int64
	}{{"min", c.Min, &s.Min}, {"max", c.Max, &s.Max}, {"increment", c.Increment, &s.Increment}} {
		if limit.from != nil {
			*limit.to = *limit.from
			said = append(said, fmt.Sprintf("%s %d", limit.name, *limit.from))
		}
	}
	if c.State != nil {
		s.State, s.PauseReason = *c.State, ""
		said = append(said, "state "+string(s.State))
	}
	switch {
	case len(said) == 0:
		return "", fault.New(fault.Invalid, "nothing to change was given")
	case s.Name == "":
		return "", fault.New(fault.Invalid, "name must not be empty")
	case s.Rate < 0:
		return "", fault.New(fault.Invalid, "rate must not be negative")
	case s.Min < 1 || s.Max < s.Min || s.Increment < 1:
		return "", fault.Newf(fault.Invalid, "min %d, max %d and increment %d leave nothing to order", s.Min, s.Max, s.Increment)
	case s.State != Active && s.State != Paused && s.State != Retired:
		return "", fault.Newf(fault.Invalid, "state must be %s, %s or %s", Active, Paused, Retired)
	}
	if err := plain.Line("name", s.Name); err != nil && c.Name != nil {
		return "", err
	}
	// An imported service may be beyond it already: other changes must go through.
	if _, err := money.Charge(s.Rate, s.Max); err != nil && (c.Rate != nil || c.Max != nil) {
		return "", fault.Newf(fault.Invalid, "max %d at the rate %s costs more than %s, the most that an order may: lower max or rate",
			s.Max, s.Rate, money.Max)
	}
	return strings.Join(said, ", "), nil
}
