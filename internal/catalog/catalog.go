// Package catalog owns what is sold: categories, services, their limits and
// prices, and the snapshot of all that in memory.
//
// It does not know orders. Prices are per 1,000 units.
package catalog

import (
	"fmt"
	"strconv"
	"strings"

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

// Overlap says what becomes of an order while an earlier one of the same service
// and target is not finished. It is decided when the order is to be sent.
type Overlap string

// The rules for overlapping orders.
const (
	OverlapAllow  Overlap = "allow"
	OverlapQueue  Overlap = "queue"  // it waits until the earlier one has ended
	OverlapRefuse Overlap = "refuse" // it is canceled and refunded
)

// Service is something that can be ordered.
type Service struct {
	ID          int64
	CategoryID  string
	Category    string
	Name        string
	Type        Type
	Description string
	Rate        money.Amount // list price per 1,000
	Min         int64
	Max         int64
	Increment   int64
	Dripfeed    bool  // may be delivered in runs
	Refill      bool  // what was lost again may be refilled
	RefillDays  int64 // after the order's end; 0: for as long as the order exists
	RefillMost  int64 // refills of one order
	Cancel      bool  // its orders can be canceled while they run
	Posts       int64 // of a subscription that names no number; 0: it has to
	LinkHosts   []string
	LinkForm    LinkForm
	Overlap     Overlap
	Pinned      []string       // fields that do not follow the provider
	Markup      *money.Percent // nil: the provider's
	State       State
	PauseReason string
	Source      Source // where its next order goes
}

// Source is where a service's orders go and what they cost there.
type Source struct {
	Preference      int64 // 1 is the first choice
	ProviderID      string
	ProviderService string
	Cost            money.Amount // per 1,000, in the panel's currency
	Exchange        int64        // billionths of the panel's currency for one unit of the provider's
}

// Least is the smallest quantity that a service takes: the first step at its min
// or above.
func (s *Service) Least() int64 { return s.Min + (s.Increment-s.Min%s.Increment)%s.Increment }

// Most is the largest quantity that a service takes: the last step up to its max.
func (s *Service) Most() int64 { return s.Max - s.Max%s.Increment }

// Limits describes the quantities that a service takes, for an error's text.
func (s *Service) Limits() string {
	text := "between " + strconv.FormatInt(s.Least(), 10) + " and " + strconv.FormatInt(s.Most(), 10)
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

	byID      map[int64]*Service
	discounts map[string]money.Percent // by tier
	rates     map[ownRate]money.Amount
	owners    map[string]bool // accounts with rates of their own
	blocked   blockList
	texts     map[string]texts    // by language; the whole catalogue's alone
	facts     map[int64]Facts     // by service; the whole catalogue's alone
	announced map[int64]Announced // by service; the whole catalogue's alone
	index     index
}

// ownRate names a rate that an account has of its own.
type ownRate struct {
	accountID string
	service   int64
}

// Customer is whose price is asked for.
type Customer struct {
	AccountID string
	Tier      string
}

// Price returns what a customer pays for 1,000: a rate of the account's own, or
// the list price less the tier's discount, rounded up to a millionth once.
func (s *Snapshot) Price(v *Service, c Customer) (money.Amount, error) {
	if rate, own := s.rates[ownRate{c.AccountID, v.ID}]; own {
		return rate, nil
	}
	return money.Markup(v.Rate, -s.discounts[c.Tier])
}

// Service returns a service that is sold now.
func (s *Snapshot) Service(serviceID int64) (*Service, bool) {
	found, ok := s.byID[serviceID]
	if !ok || found.State != Active {
		return nil, false
	}
	return found, true
}

// A service's next order goes to its first source that the provider still lists
// and whose provider takes orders.
const query = selected + joined + ` AND s.preference = (
		SELECT y.preference FROM sources y JOIN providers z ON z.id = y.provider_id WHERE y.service_id = v.id
		ORDER BY y.gone_at IS NOT NULL, z.state <> 'active', y.preference LIMIT 1)` + priced

// What scan reads, of a service with one of its sources.
const selected = `
	SELECT v.id, v.category_id, c.name, v.name, v.type, v.description, v.rate, v.min_quantity, v.max_quantity, v.increment,
		v.dripfeed, v.refill, v.refill_days, v.refill_most, v.cancel, v.posts, v.link_hosts, v.link_form, v.overlap, v.pinned, v.markup,
		v.state, v.pause_reason, s.preference, s.provider_id, s.provider_service, s.cost, s.exchange`

const joined = `
	FROM services v
	JOIN categories c ON c.id = v.category_id
	JOIN sources s ON s.service_id = v.id`

const priced = `
	JOIN providers p ON p.id = s.provider_id`

const inOrder = ` ORDER BY c.position, c.id, v.position, v.id`

func scan(s db.Scanner) (*Service, error) {
	v := &Service{}
	var hosts, pinned string
	err := s.Scan(&v.ID, &v.CategoryID, &v.Category, &v.Name, &v.Type, &v.Description, &v.Rate, &v.Min, &v.Max, &v.Increment,
		&v.Dripfeed, &v.Refill, &v.RefillDays, &v.RefillMost, &v.Cancel, &v.Posts, &hosts, &v.LinkForm, &v.Overlap, &pinned, &v.Markup,
		&v.State, &v.PauseReason, &v.Source.Preference, &v.Source.ProviderID, &v.Source.ProviderService, &v.Source.Cost, &v.Source.Exchange)
	v.LinkHosts, v.Pinned = listOf(hosts), listOf(pinned)
	return v, err
}

// listOf reads a list that is stored with commas between.
func listOf(stored string) []string {
	if stored == "" {
		return nil
	}
	return strings.Split(stored, ",")
}

// Load reads the whole catalogue and its epoch from one transaction.
func Load(tx *db.Tx) (*Snapshot, error) {
	s, err := load(tx, query+inOrder)
	if err != nil {
		return nil, err
	}
	if err := s.loadTexts(tx); err != nil {
		return nil, err
	}
	if s.facts, err = AllFacts(tx); err != nil {
		return nil, err
	}
	if s.announced, err = allAnnounced(tx); err != nil {
		return nil, err
	}
	return s, s.loadRates(tx, `SELECT account_id, service_id, rate FROM account_rates`)
}

// LoadSome reads only the named services: what the placing path needs when the
// catalogue moved under it.
func LoadSome(tx *db.Tx, serviceIDs []int64) (*Snapshot, error) {
	s, err := load(tx, query+` WHERE v.id = ANY($1)`+inOrder, serviceIDs)
	if err != nil {
		return nil, err
	}
	return s, s.loadRates(tx, `SELECT account_id, service_id, rate FROM account_rates WHERE service_id = ANY($1)`, serviceIDs)
}

func load(tx *db.Tx, text string, args ...any) (*Snapshot, error) {
	s := &Snapshot{byID: map[int64]*Service{}, discounts: map[string]money.Percent{}, rates: map[ownRate]money.Amount{}, owners: map[string]bool{}}
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
	err = tx.Each(func(r db.Scanner) error {
		var tier string
		var percent money.Percent
		err := r.Scan(&tier, &percent)
		s.discounts[tier] = percent
		return err
	}, `SELECT tier, percent FROM tier_discounts`)
	if err != nil {
		return nil, fmt.Errorf("load discounts: %w", err)
	}
	s.blocked, err = loadBlocked(tx)
	return s, err
}

func (s *Snapshot) loadRates(tx *db.Tx, text string, args ...any) error {
	err := tx.Each(func(r db.Scanner) error {
		var of ownRate
		var rate money.Amount
		err := r.Scan(&of.accountID, &of.service, &rate)
		s.rates[of], s.owners[of.accountID] = rate, true
		return err
	}, text, args...)
	if err != nil {
		return fmt.Errorf("load own rates: %w", err)
	}
	return nil
}
