package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// CategoryTaken says that another category has the name.
const CategoryTaken fault.Reason = "category_taken"

// AddCategory makes a category, which is the last.
func (s *Store) AddCategory(ctx context.Context, name, actor string) (categoryID string, err error) {
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return "", err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		categoryID = id.New(id.Category)
		added, err := tx.ExecOne(`
			INSERT INTO categories (id, name, position) SELECT $1, $2, COALESCE(MAX(position), 0) + 1 FROM categories WHERE TRUE
			ON CONFLICT (name) DO NOTHING`, categoryID, name)
		if err != nil {
			return fmt.Errorf("add a category: %w", err)
		}
		if !added {
			return fault.Newf(fault.Conflict, "there is a category %s already", name).Because(CategoryTaken)
		}
		return account.Record(tx, actor, "category.add", categoryID, name)
	})
	return categoryID, err
}

// RenameCategory gives a category another name. What providers list under the old
// one goes on going into it.
func (s *Store) RenameCategory(ctx context.Context, categoryID, name, actor string) error {
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		was, err := categoryName(tx, categoryID)
		if err != nil || was == name {
			return err
		}
		var taken int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM categories WHERE name = $1`, name).Scan(&taken); err != nil {
			return fmt.Errorf("look for the name: %w", err)
		}
		if taken > 0 {
			return fault.Newf(fault.Conflict, "there is a category %s already", name).Because(CategoryTaken)
		}
		if _, err := tx.Exec(`UPDATE categories SET name = $2 WHERE id = $1`, categoryID, name); err != nil {
			return fmt.Errorf("rename a category: %w", err)
		}
		_, err = tx.Exec(`
			INSERT INTO provider_categories (provider_id, theirs, category_id)
			SELECT DISTINCT s.provider_id, $2, v.category_id FROM services v JOIN sources s ON s.service_id = v.id WHERE v.category_id = $1
			ON CONFLICT (provider_id, theirs) DO NOTHING`, categoryID, was)
		if err != nil {
			return fmt.Errorf("keep what goes into a category: %w", err)
		}
		if err := noteRenamed(tx, categoryID, was, name, actor); err != nil {
			return err
		}
		return account.Record(tx, actor, "category.rename", categoryID, was+" → "+name)
	})
}

// noteRenamed tells the change feed of every service in the category. That is one
// write, however many they are: half a category under either name is nothing that
// a reader could follow.
func noteRenamed(tx *db.Tx, categoryID, was, name, actor string) error {
	ids, err := db.All(tx, func(r db.Scanner) (serviceID int64, err error) {
		err = r.Scan(&serviceID)
		return serviceID, err
	}, `SELECT id FROM services WHERE category_id = $1 ORDER BY id`, categoryID)
	if err != nil {
		return fmt.Errorf("services of a category: %w", err)
	}
	rows := make([]feedRow, len(ids))
	for i, serviceID := range ids {
		rows[i] = feedRow{serviceID, "category", was, name, tx.Now}
	}
	return note(tx, actor, rows...)
}

func categoryName(tx *db.Tx, categoryID string) (name string, err error) {
	err = tx.QueryRow(`SELECT name FROM categories WHERE id = $1`, categoryID).Scan(&name)
	if errors.Is(err, db.ErrNoRows) {
		return "", fault.New(fault.NotFound, "There is no such category")
	}
	if err != nil {
		return "", fmt.Errorf("read a category: %w", err)
	}
	return name, nil
}

// MoveCategory sets a category one place up or down in the catalogue's order. At
// the end it stays.
func (s *Store) MoveCategory(ctx context.Context, categoryID string, up bool, actor string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		all, err := db.All(tx, func(r db.Scanner) (one string, err error) {
			err = r.Scan(&one)
			return one, err
		}, `SELECT id FROM categories ORDER BY position, id`)
		if err != nil {
			return fmt.Errorf("read categories: %w", err)
		}
		from := slices.Index(all, categoryID)
		if from < 0 {
			return fault.New(fault.NotFound, "There is no such category")
		}
		to := from + 1
		if up {
			to = from - 1
		}
		if to < 0 || to == len(all) {
			return nil
		}
		all[from], all[to] = all[to], all[from]
		rows := make([][]any, len(all))
		for i, one := range all {
			rows[i] = []any{one, i + 1}
		}
		if err := tx.ExecMany(`UPDATE categories SET position = $2 WHERE id = $1 AND position <> $2`, rows); err != nil {
			return fmt.Errorf("order categories: %w", err)
		}
		return account.Record(tx, actor, "category.move", categoryID, fmt.Sprintf("place %d", to+1))
	})
}

// Happened is a change of a service as staff see it, with who made it.
type Happened struct {
	Noted

	Actor string
}

// History returns up to limit changes of a service, whatever its state, the newest
// first; before is the number to go on before, 0 for the newest.
func (s *Store) History(ctx context.Context, serviceID, before int64, limit int) (all []Happened, err error) {
	rest, args := ` ORDER BY seq DESC LIMIT $2`, []any{serviceID, limit}
	if before > 0 {
		rest, args = ` AND seq < $2 ORDER BY seq DESC LIMIT $3`, []any{serviceID, before, limit}
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (h Happened, err error) {
			err = r.Scan(&h.Seq, db.Time(&h.At), &h.Service, &h.Field, &h.Before, &h.After, db.Time(&h.EffectiveAt), &h.Actor)
			return h, err
		}, `
			SELECT seq, at, service_id, field, before, after, effective_at, actor FROM catalog_changes
			WHERE service_id = $1`+rest, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("history of service %d: %w", serviceID, err)
	}
	return all, nil
}

// One returns a service for staff, whatever its state.
func (s *Store) One(ctx context.Context, serviceID int64) (v *Service, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		v, err = one(tx, serviceID)
		return err
	})
	return v, err
}

// AnnouncedOf returns what is announced of a service; nil is nothing.
func (s *Store) AnnouncedOf(ctx context.Context, serviceID int64) (a *Announced, err error) {
	var found Announced
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT rate, effective_at FROM announced_rates WHERE service_id = $1`, serviceID).Scan(&found.Rate, db.Time(&found.EffectiveAt))
	})
	switch {
	case errors.Is(err, db.ErrNoRows):
		return nil, nil //nolint:nilnil // nothing is announced
	case err != nil:
		return nil, fmt.Errorf("what is announced: %w", err)
	}
	return &found, nil
}

// Texts returns what a service is called in each language that has words of its own.
func (s *Store) Texts(ctx context.Context, serviceID int64) (all map[string]Wording, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all = map[string]Wording{}
		return tx.Each(func(r db.Scanner) error {
			var lang string
			var t Wording
			err := r.Scan(&lang, &t.Name, &t.Description)
			all[lang] = t
			return err
		}, `SELECT lang, name, description FROM service_texts WHERE service_id = $1`, serviceID)
	})
	return all, err
}

// SourceCounts returns how many sources services have.
func (s *Store) SourceCounts(ctx context.Context, serviceIDs []int64) (counts map[int64]int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		counts = map[int64]int64{}
		return tx.Each(func(r db.Scanner) error {
			var serviceID, n int64
			err := r.Scan(&serviceID, &n)
			counts[serviceID] = n
			return err
		}, `SELECT service_id, COUNT(*) FROM sources WHERE service_id = ANY($1) GROUP BY service_id`, serviceIDs)
	})
	return counts, err
}

// ByNumber returns the services that have a source of a number at some provider.
func (s *Store) ByNumber(ctx context.Context, number string) (found map[int64]bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		found = map[int64]bool{}
		return tx.Each(func(r db.Scanner) error {
			var serviceID int64
			err := r.Scan(&serviceID)
			found[serviceID] = true
			return err
		}, `SELECT DISTINCT service_id FROM sources WHERE provider_service = $1`, number)
	})
	return found, err
}

// OfProvider returns the services that have a source of a provider.
func (s *Store) OfProvider(ctx context.Context, providerID string) (found map[int64]bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		found = map[int64]bool{}
		return tx.Each(func(r db.Scanner) error {
			var serviceID int64
			err := r.Scan(&serviceID)
			found[serviceID] = true
			return err
		}, `SELECT DISTINCT service_id FROM sources WHERE provider_id = $1`, providerID)
	})
	return found, err
}

// OfferWords are the fields of an offer as the change feed writes them.
func OfferWords(o Offer) map[string]string {
	v := o.service()
	words := map[string]string{}
	for _, f := range followedFields {
		words[f.name] = f.text(v)
	}
	if o.KeepRate {
		delete(words, fieldRate)
	}
	return words
}

// Words are a service's fields that follow, as the change feed writes them.
func (v *Service) Words() map[string]string {
	words := map[string]string{fieldState: string(v.State)}
	for _, f := range followedFields {
		words[f.name] = f.text(v)
	}
	return words
}

// Withdraw ends what is announced of a service. Its rate stays as it is.
func (s *Store) Withdraw(ctx context.Context, serviceID int64, actor string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		v, err := forChange(tx, serviceID)
		if err != nil {
			return err
		}
		if err := withdraw(tx, v.ID, actor); err != nil {
			return err
		}
		return account.Record(tx, actor, "service.withdraw", whole64(v.ID), "announced rate")
	})
}
