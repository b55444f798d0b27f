package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Store changes the catalogue.
type Store struct {
	db    *db.DB
	guard account.Guard
}

// NewStore returns the catalogue of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// Under returns the store whose changes of what accounts pay a guard lets through.
func (s *Store) Under(g account.Guard) *Store {
	guarded := *s
	guarded.guard = g
	return &guarded
}

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

// one reads a service for staff, whatever its state.
func one(tx *db.Tx, serviceID int64) (*Service, error) {
	snapshot, err := LoadSome(tx, []int64{serviceID})
	if err != nil {
		return nil, err
	}
	if len(snapshot.Services) == 0 {
		return nil, fault.Newf(fault.NotFound, "no service %d: `notpanel service list` shows them", serviceID)
	}
	return snapshot.Services[0], nil
}

// Set changes a service and returns it as it is then. Every node sells by the
// new terms from its next request on. To set the rate ends what was announced of it.
func (s *Store) Set(ctx context.Context, serviceID int64, c Change, actor string) (changed *Service, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if changed, err = forChange(tx, serviceID); err != nil {
			return err
		}
		before := *changed
		detail, err := c.apply(changed)
		if err != nil {
			return err
		}
		if c.Category != nil {
			if changed.Category, err = categoryName(tx, *c.Category); err != nil {
				return err
			}
		}
		if err := noteChanges(tx, &before, changed, actor); err != nil {
			return err
		}
		if c.Rate != nil {
			if err := withdraw(tx, serviceID, actor); err != nil {
				return err
			}
		}
		if err := save(tx, changed); err != nil {
			return err
		}
		return account.Record(tx, actor, "service.set", strconv.FormatInt(serviceID, 10), detail)
	})
	return changed, err
}

// save writes what Set may change of a service.
func save(tx *db.Tx, v *Service) error {
	_, err := tx.Exec(`
		UPDATE services SET name = $2, description = $3, rate = $4, min_quantity = $5, max_quantity = $6, increment = $7,
			dripfeed = $8, refill = $9, refill_days = $10, refill_most = $11, cancel = $12, posts = $13,
			link_hosts = $14, link_form = $15, overlap = $16, pinned = $17, state = $18, pause_reason = $19, updated_at = $20, category_id = $21
		WHERE id = $1`,
		v.ID, v.Name, v.Description, v.Rate, v.Min, v.Max, v.Increment,
		v.Dripfeed, v.Refill, v.RefillDays, v.RefillMost, v.Cancel, v.Posts,
		strings.Join(v.LinkHosts, ","), string(v.LinkForm), string(v.Overlap), strings.Join(v.Pinned, ","),
		string(v.State), v.PauseReason, db.At(tx.Now), v.CategoryID)
	if err != nil {
		return fmt.Errorf("save service %d: %w", v.ID, err)
	}
	return nil
}
