package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/money"
)

// maxName is the length of a name that a service can be given, in characters.
const maxName = 200

// Change is what becomes different about a service. What is nil stays.
type Change struct {
	Service  int64         `json:"service"`
	Name     *string       `json:"name,omitempty"`
	Category *string       `json:"category,omitempty"`
	Rate     *money.Amount `json:"rate,omitempty"` // per 1,000, or of the package where it is flat
	Min      *int64        `json:"min,omitempty"`
	Max      *int64        `json:"max,omitempty"` // may be below min: careless providers list that
	Dripfeed *bool         `json:"dripfeed,omitempty"`
	Refill   *bool         `json:"refill,omitempty"`
	Cancel   *bool         `json:"cancel,omitempty"`
	Gone     *bool         `json:"gone,omitempty"` // neither listed nor sold; orders that there are go on
}

// ListForm is a way in which panels write their list of services.
type ListForm string

// The forms of a list.
const (
	ListArray ListForm = "array" // an array, as classic panels do
	ListPages ListForm = "pages" // {"services":[…],"count":N,"page":1,"limit":N,"has_more":true}
	ListData  ListForm = "data"  // {"data":[…]}
	ListEmpty ListForm = "empty" // {"status":"success","data":"Empty Data"}
	ListNone  ListForm = "none"  // an empty array
)

// Listing is how the services are listed in the classic dialect.
type Listing struct {
	Form  ListForm `json:"form"`
	Page  int      `json:"page,omitempty"`  // services on a page of ListPages
	First int      `json:"first,omitempty"` // the list is cut off behind so many, though all are sold; 0: it is whole
}

// shelf is the catalogue as it stands now. Its owner locks it.
type shelf struct {
	services []service // by number, those that are gone included
	listing  Listing
}

func newShelf() shelf { return shelf{services: catalogue(), listing: Listing{Form: ListArray}} }

// find returns a service, one that is gone included.
func (sh *shelf) find(number int64) (service, bool) {
	i, found := sh.index(number)
	if !found {
		return service{}, false
	}
	return sh.services[i], true
}

func (sh *shelf) index(number int64) (int, bool) {
	return slices.BinarySearchFunc(sh.services, number, func(s service, n int64) int { return cmp.Compare(s.number, n) })
}

// change changes a service.
func (sh *shelf) change(c Change) error {
	i, found := sh.index(c.Service)
	if !found {
		return fmt.Errorf("there is no service %d", c.Service)
	}
	if err := c.check(); err != nil {
		return err
	}
	s := &sh.services[i]
	set(&s.name, c.Name)
	set(&s.category, c.Category)
	set(&s.rate, c.Rate)
	set(&s.min, c.Min)
	set(&s.max, c.Max)
	set(&s.dripfeed, c.Dripfeed)
	set(&s.refill, c.Refill)
	set(&s.cancel, c.Cancel)
	set(&s.gone, c.Gone)
	return nil
}

func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}

func (c Change) check() error {
	for _, text := range []*string{c.Name, c.Category} {
		if text != nil && (*text == "" || utf8.RuneCountInString(*text) > maxName || !utf8.ValidString(*text)) {
			return errors.New("a name has between 1 and " + strconv.Itoa(maxName) + " characters")
		}
	}
	for _, bound := range []*int64{c.Min, c.Max} {
		if bound != nil && (*bound < 1 || *bound > maxQuantity) {
			return errors.New("min and max are between 1 and " + strconv.Itoa(maxQuantity))
		}
	}
	if c.Rate != nil && (*c.Rate < 0 || *c.Rate > money.Max) {
		return errors.New("a rate is between 0 and " + money.Max.String())
	}
	return nil
}

// list sets how the services are listed.
func (sh *shelf) list(l Listing) error {
	switch l.Form {
	case ListArray, ListData, ListEmpty, ListNone:
	case ListPages:
		if l.Page < 1 || l.Page > maxParts {
			return errors.New("page is the number of services on a page, between 1 and 1000")
		}
	default:
		return fmt.Errorf("there is no form %q of a list: array, pages, data, empty or none", l.Form)
	}
	if l.First < 0 {
		return errors.New("first is how many services are listed, 0 for all")
	}
	sh.listing = l
	return nil
}

// Change changes a service for everyone from now on, also after a restart in the
// same folder. It fails for services that there are not and for values that make
// no sense.
func (s *Simulator) Change(c Change) error { return s.book.change(c) }

// List sets how the classic dialect lists the services from now on, also after a
// restart in the same folder.
func (s *Simulator) List(l Listing) error { return s.book.list(l) }

// SetBalance makes the balance amount, between 0 and 500,000,000. Orders go on
// changing it.
func (s *Simulator) SetBalance(amount money.Amount) error { return s.book.setFunds(s.now(), amount) }

func (b *book) change(c Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	trial := shelf{services: slices.Clone(b.shelf.services)}
	if err := trial.change(c); err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	if err := b.keep(line{Change: &c}); err != nil {
		return err
	}
	return b.shelf.change(c)
}

func (b *book) list(l Listing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := new(shelf).list(l); err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	if err := b.keep(line{Listing: &l}); err != nil {
		return err
	}
	return b.shelf.list(l)
}

// service returns a service that is sold, by its number as text.
func (b *book) service(text string) (service, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return service{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sv, found := b.shelf.find(number)
	return sv, found && !sv.gone
}

// catalogue returns all services and how they are listed.
func (b *book) catalogue() ([]service, Listing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.shelf.services), b.shelf.listing
}
