package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// mapped says which of our categories a provider's go into.
type mapped struct {
	ours  map[string]string // names by id
	ids   map[string]string // by name
	into  map[string]string // our ids by the provider's names
	fresh map[string]string // of into, what is not stored yet; "" takes the entry away
}

func readMapped(tx *db.Tx, providerID string) (*mapped, error) {
	m := &mapped{ours: map[string]string{}, ids: map[string]string{}, into: map[string]string{}, fresh: map[string]string{}}
	err := tx.Each(func(r db.Scanner) error {
		var id, name string
		err := r.Scan(&id, &name)
		m.ours[id], m.ids[name] = name, id
		return err
	}, `SELECT id, name FROM categories`)
	if err != nil {
		return nil, fmt.Errorf("read categories: %w", err)
	}
	err = tx.Each(func(r db.Scanner) error {
		var theirs, id string
		err := r.Scan(&theirs, &id)
		m.into[theirs] = id
		return err
	}, `SELECT theirs, category_id FROM provider_categories WHERE provider_id = $1`, providerID)
	if err != nil {
		return nil, fmt.Errorf("read which categories go into which: %w", err)
	}
	return m, nil
}

// of is the name of our category for the provider's. A nil mapped knows of none.
func (m *mapped) of(theirs string) string {
	if m == nil {
		return theirs
	}
	if name, ok := m.ours[m.into[theirs]]; ok {
		return name
	}
	return theirs
}

// set lets categories of the provider go into ours.
func (m *mapped) set(wanted map[string]string) error {
	for theirs, ours := range wanted {
		id := ours
		if _, known := m.ours[id]; !known && ours != "" {
			if id = m.ids[ours]; id == "" {
				return fault.Newf(fault.NotFound, "there is no category %s here", cutName(ours))
			}
		}
		switch {
		case id == "" && m.into[theirs] != "":
			delete(m.into, theirs)
			m.fresh[theirs] = ""
		case id != "" && id != m.into[theirs] && m.ours[id] != theirs:
			m.into[theirs], m.fresh[theirs] = id, id
		case id != "" && m.ours[id] == theirs && m.into[theirs] != "":
			delete(m.into, theirs)
			m.fresh[theirs] = ""
		}
	}
	return nil
}

// keep stores what is new and returns how much that was.
func (m *mapped) keep(tx *db.Tx, providerID string) (kept int, err error) {
	for _, theirs := range slices.Sorted(maps.Keys(m.fresh)) {
		id := m.fresh[theirs]
		if id == "" {
			_, err = tx.Exec(`DELETE FROM provider_categories WHERE provider_id = $1 AND theirs = $2`, providerID, theirs)
		} else {
			_, err = tx.Exec(`
				INSERT INTO provider_categories (provider_id, theirs, category_id) VALUES ($1, $2, $3)
				ON CONFLICT (provider_id, theirs) DO UPDATE SET category_id = $3`, providerID, theirs, id)
		}
		if err != nil {
			return 0, fmt.Errorf("keep which categories go into which: %w", err)
		}
	}
	return len(m.fresh), nil
}

// Mapping returns which of our categories, by id, a provider's go into.
func (s *Store) Mapping(ctx context.Context, providerID string) (into map[string]string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		m, err := readMapped(tx, providerID)
		if err == nil {
			into = m.into
		}
		return err
	})
	return into, err
}

// SetMapping lets a provider's categories go into ours, given by name or id, from the
// next import or sync on; "" is the category of the same name.
func (s *Store) SetMapping(ctx context.Context, providerID string, into map[string]string, actor string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		m, err := readMapped(tx, providerID)
		if err != nil {
			return err
		}
		if err := m.set(into); err != nil {
			return err
		}
		kept, err := m.keep(tx, providerID)
		if err != nil || kept == 0 {
			return err
		}
		return account.Record(tx, actor, "provider.categories", providerID, fmt.Sprintf("%d go into others", kept))
	})
}
