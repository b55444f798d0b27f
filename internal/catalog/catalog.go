// Package catalog owns what is sold: categories, services, their limits and
// prices, and the snapshot of all that in memory.
//
// It does not know orders. Prices are per 1,000 units.
package catalog

import (
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// State says whether a service is sold.
type State string

// The states of a service. A service is never deleted: orders name it.
const (
	Active  State = "active"
	Paused  State = "paused"
	Retired State = "retired"
)

// Type names the fields that a service's orders have.
type Type string

// Default is an order of a quantity for a link.
const Default Type = "Default"

// Service is something that can be ordered.
type Service struct {
	ID          int64
	Category    string
	Name        string
	Type        Type
	Description string
	Rate        money.Amount // list price per 1,000
	Min         int64
	Max         int64
	Increment   int64
	Cancel      bool // its orders can be canceled while they run
	State       State
	PauseReason string
	Source      Source
}

// Source is where a service's orders go and what they cost there.
type Source struct {
	ProviderID      string
	ProviderService string
	Cost            money.Amount // per 1,000
}

// Limits describes the quantities that a service takes, for an error's text.
func (s *Service) Limits() string {
	text := "between " + strconv.FormatInt(s.Min, 10) + " and " + strconv.FormatInt(s.Max, 10)
	if s.Increment > 1 {
		text += " in steps of " + strconv.FormatInt(s.Increment, 10)
	}
	return text
}

// Takes reports whether quantity is within the service's limits.
func (s *Service) Takes(quantity int64) bool {
	return quantity >= s.Min && quantity <= s.Max && quantity%s.Increment == 0
}

// Snapshot is the catalogue as it was at an epoch.
type Snapshot struct {
	Epoch    int64
	Services []*Service // all states, in catalogue order

	byID map[int64]*Service
}

// Service returns a service that is sold now.
func (s *Snapshot) Service(serviceID int64) (*Service, bool) {
	found, ok := s.byID[serviceID]
	if !ok || found.State != Active {
		return nil, false
	}
	return found, true
}

const query = `
	SELECT v.id, c.name, v.name, v.type, v.description, v.rate, v.min_quantity, v.max_quantity, v.increment,
		v.cancel, v.state, v.pause_reason, s.provider_id, s.provider_service, s.cost
	FROM services v
	JOIN categories c ON c.id = v.category_id
	JOIN sources s ON s.service_id = v.id AND s.preference = 1`

const inOrder = ` ORDER BY c.position, c.id, v.position, v.id`

func scan(s db.Scanner) (*Service, error) {
	v := &Service{}
	err := s.Scan(&v.ID, &v.Category, &v.Name, &v.Type, &v.Description, &v.Rate, &v.Min, &v.Max, &v.Increment,
		&v.Cancel, &v.State, &v.PauseReason, &v.Source.ProviderID, &v.Source.ProviderService, &v.Source.Cost)
	return v, err
}

// Load reads the whole catalogue and its epoch from one transaction.
func Load(tx *db.Tx) (*Snapshot, error) {
	return load(tx, query+inOrder)
}

// LoadSome reads only the named services: what the placing path needs when the
// catalogue moved under it.
func LoadSome(tx *db.Tx, serviceIDs []int64) (*Snapshot, error) {
	return load(tx, query+` WHERE v.id = ANY($1)`+inOrder, serviceIDs)
}

func load(tx *db.Tx, text string, args ...any) (*Snapshot, error) {
	s := &Snapshot{byID: map[int64]*Service{}}
	err := tx.QueryRow(`SELECT catalog FROM epochs WHERE id = 1`).Scan(&s.Epoch)
	if err != nil {
		return nil, fmt.Errorf("catalogue's epoch: %w", err)
	}
	if s.Services, err = db.All(tx, scan, text, args...); err != nil {
		return nil, fmt.Errorf("load catalogue: %w", err)
	}
	for _, v := range s.Services {
		s.byID[v.ID] = v
	}
	return s, nil
}
