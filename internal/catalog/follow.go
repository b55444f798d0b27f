package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// The fields that follow the provider and have rules of their own.
const (
	fieldRate  = "rate"
	fieldState = "state"
	fieldMin   = "min"
	fieldMax   = "max"
)

// followedField is a field of a service that is taken over from its provider.
type followedField struct {
	name string
	// itself says that the field is what the service is, so that only its first
	// source gives it; the others are terms, which hold where orders go.
	itself bool
	take   func(to, from *Service)
	text   func(v *Service) string
}

// followedFields lists the fields that follow, but for the state, in the order
// in which differences are told.
//
//nolint:gochecknoglobals // a table
var followedFields = []followedField{
	{"name", true, func(to, from *Service) { to.Name = from.Name }, func(v *Service) string { return v.Name }},
	{"category", true, func(to, from *Service) { to.Category = from.Category }, func(v *Service) string { return v.Category }},
	{"description", true, func(to, from *Service) { to.Description = from.Description }, func(v *Service) string { return v.Description }},
	{"type", true, func(to, from *Service) { to.Type = from.Type }, func(v *Service) string { return string(v.Type) }},
	{fieldRate, false, func(to, from *Service) { to.Rate = from.Rate }, func(v *Service) string { return v.Rate.String() }},
	{fieldMin, false, func(to, from *Service) { to.Min = from.Min }, func(v *Service) string { return whole64(v.Min) }},
	{fieldMax, false, func(to, from *Service) { to.Max = from.Max }, func(v *Service) string { return whole64(v.Max) }},
	{"increment", false, func(to, from *Service) { to.Increment = from.Increment }, func(v *Service) string { return whole64(v.Increment) }},
	{"dripfeed", false, func(to, from *Service) { to.Dripfeed = from.Dripfeed }, func(v *Service) string { return strconv.FormatBool(v.Dripfeed) }},
	{"refill", false, func(to, from *Service) { to.Refill = from.Refill }, func(v *Service) string { return strconv.FormatBool(v.Refill) }},
	{"refill_days", false, func(to, from *Service) { to.RefillDays = from.RefillDays }, func(v *Service) string { return whole64(v.RefillDays) }},
	{"cancel", false, func(to, from *Service) { to.Cancel = from.Cancel }, func(v *Service) string { return strconv.FormatBool(v.Cancel) }},
}

func whole64(n int64) string { return strconv.FormatInt(n, 10) }

// Followed returns the names of the fields that follow the provider unless they
// are pinned.
func Followed() []string {
	names := make([]string, 0, len(followedFields)+1)
	for _, f := range followedFields {
		names = append(names, f.name)
	}
	return append(names, fieldState)
}

func (v *Service) pinned(field string) bool { return slices.Contains(v.Pinned, field) }

// pin keeps fields of a service from following the provider. Fields that follow
// nobody are passed over.
func pin(v *Service, fields ...string) {
	known := Followed()
	var pinned []string
	for _, name := range known {
		if v.pinned(name) || slices.Contains(fields, name) {
			pinned = append(pinned, name)
		}
	}
	v.Pinned = pinned
}

// unpin lets fields follow the provider again.
func unpin(v *Service, fields ...string) {
	v.Pinned = slices.DeleteFunc(slices.Clone(v.Pinned), func(name string) bool { return slices.Contains(fields, name) })
}

// Pin keeps fields of a service as they are, whatever the provider says of them.
// It returns the service.
func (s *Store) Pin(ctx context.Context, serviceID int64, fields []string, actor string) (*Service, error) {
	return s.setPinned(ctx, serviceID, fields, "service.pin", actor, pin)
}

// Follow lets fields of a service follow the provider, from the next sync or
// import on. It returns the service.
func (s *Store) Follow(ctx context.Context, serviceID int64, fields []string, actor string) (*Service, error) {
	return s.setPinned(ctx, serviceID, fields, "service.follow", actor, unpin)
}

func (s *Store) setPinned(ctx context.Context, serviceID int64, fields []string, act, actor string, how func(*Service, ...string)) (v *Service, err error) {
	if len(fields) == 0 {
		return nil, fault.Newf(fault.Invalid, "name one or more of the fields %s", strings.Join(Followed(), ", "))
	}
	for _, name := range fields {
		if !slices.Contains(Followed(), name) {
			return nil, fault.Newf(fault.Invalid, "%s is no field that follows the provider: those are %s", name, strings.Join(Followed(), ", "))
		}
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		v, err = forChange(tx, serviceID)
		if err != nil {
			return err
		}
		how(v, fields...)
		if _, err := tx.Exec(`UPDATE services SET pinned = $2, updated_at = $3 WHERE id = $1`, serviceID, strings.Join(v.Pinned, ","), db.At(tx.Now)); err != nil {
			return fmt.Errorf("set what is pinned: %w", err)
		}
		return account.Record(tx, actor, act, whole64(serviceID), strings.Join(fields, ", "))
	})
	return v, err
}

// SetMarkup gives a service a mark-up of its own, or with nil its provider's
// again, and prices it anew unless its rate is pinned. It returns the service.
func (s *Store) SetMarkup(ctx context.Context, serviceID int64, markup *money.Percent, actor string) (v *Service, err error) {
	if markup != nil && *markup < 0 {
		return nil, fault.New(fault.Invalid, "markup must not be negative: it would sell below cost")
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		v, err = forChange(tx, serviceID)
		if err != nil {
			return err
		}
		before := *v
		v.Markup = markup
		leading, err := leadingSource(tx, serviceID)
		if err != nil {
			return err
		}
		provided, err := providerPricing(tx, leading.ProviderID)
		if err != nil {
			return err
		}
		if rate, known, err := followedRate(v, leading.Cost, provided); err != nil {
			return fault.Newf(fault.Invalid, "the cost of %s raised by that is out of range", leading.Cost)
		} else if known && !v.pinned(fieldRate) {
			v.Rate = rate
		}
		if err := noteChanges(tx, &before, v, actor); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE services SET markup = $2, rate = $3, updated_at = $4 WHERE id = $1`, serviceID, nullPercent(markup), v.Rate, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("set markup: %w", err)
		}
		detail := "the provider's"
		if markup != nil {
			detail = money.Amount(*markup).String() + " %"
		}
		return account.Record(tx, actor, "service.markup", whole64(serviceID), detail)
	})
	return v, err
}

// leadingSource is the source on whose terms a service is sold.
func leadingSource(tx *db.Tx, serviceID int64) (ServiceSource, error) {
	all, err := sourcesOf(tx, serviceID)
	if err != nil {
		return ServiceSource{}, err
	}
	for _, one := range all {
		if one.GoneAt.IsZero() {
			return one, nil
		}
	}
	return all[0], nil // a service has one at least
}

func nullPercent(p *money.Percent) any {
	if p == nil {
		return nil
	}
	return int64(*p)
}

func nullAmount(a *money.Amount) any {
	if a == nil {
		return nil
	}
	return int64(*a)
}

// forChange reads a service that is to be changed. It moves the catalogue's
// epoch first, so that changes and imports take turns: what is read stays so
// until it is written.
func forChange(tx *db.Tx, serviceID int64) (*Service, error) {
	if err := epoch.MoveCatalog(tx); err != nil {
		return nil, err
	}
	return one(tx, serviceID)
}
