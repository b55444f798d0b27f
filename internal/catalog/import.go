package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// Offer is a provider's service on its way into the catalogue.
type Offer struct {
	ProviderService string
	Category        string
	Name            string
	Type            Type
	Description     string
	Cost            money.Amount
	Rate            money.Amount
	Min, Max        int64
	Cancel          bool
}

// Imported counts what an import did.
type Imported struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Paused  int `json:"paused"`  // vanished from the provider's list
	Resumed int `json:"resumed"` // came back to it
}

// vanished is why the sync paused a service; only such a service comes back by itself.
const vanished = "the provider no longer lists it"

// importChunk is how many services one write of an import takes, so that orders
// placed meanwhile wait a moment only.
const importChunk = 250

// Import brings a provider's whole list into the catalogue. A service is known
// again by the provider and its number there; one that vanished is paused, and
// comes back by itself. Of a number listed twice the first entry stands.
func (s *Store) Import(ctx context.Context, providerID string, offers []Offer, actor string) (done Imported, err error) {
	listed := map[string]bool{}
	offers = slices.DeleteFunc(slices.Clone(offers), func(o Offer) bool {
		again := listed[o.ProviderService]
		listed[o.ProviderService] = true
		return again
	})
	for first := 0; first < len(offers); first += importChunk {
		chunk := offers[first:min(first+importChunk, len(offers))]
		err := s.importing(ctx, providerID, &done, func(im *importer) error { return im.takeAll(chunk, first) })
		if err != nil {
			return done, err
		}
	}
	err = s.importing(ctx, providerID, &done, func(im *importer) error {
		if err := im.pauseVanished(listed); err != nil {
			return err
		}
		detail := fmt.Sprintf("%d added, %d changed, %d paused, %d resumed", done.Added, done.Changed, im.done.Paused, done.Resumed)
		return account.Record(im.tx, actor, "provider.import", providerID, detail)
	})
	return done, err
}

// importing runs one write of an import and adds what it did to done.
func (s *Store) importing(ctx context.Context, providerID string, done *Imported, run func(*importer) error) error {
	var im *importer
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		im = &importer{tx: tx, providerID: providerID}
		// Moving the epoch first lets imports take turns: they number services.
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		if err := im.load(); err != nil {
			return err
		}
		return run(im)
	})
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	done.Added += im.done.Added
	done.Changed += im.done.Changed
	done.Paused += im.done.Paused
	done.Resumed += im.done.Resumed
	return nil
}

type importer struct {
	tx         *db.Tx
	providerID string
	done       Imported
	known      map[string]*Service // by the provider's number
	categories map[string]string   // name → id
	lastID     int64
}

func (im *importer) takeAll(offers []Offer, position int) error {
	for i, o := range offers {
		if err := im.take(o, int64(position+i)); err != nil {
			return fmt.Errorf("service %s: %w", o.ProviderService, err)
		}
	}
	return nil
}

func (im *importer) pauseVanished(listed map[string]bool) error {
	for number, v := range im.known {
		if listed[number] || v.State != Active {
			continue
		}
		if err := im.setState(v.ID, Paused, vanished); err != nil {
			return err
		}
		im.done.Paused++
	}
	return nil
}

func (im *importer) load() error {
	services, err := db.All(im.tx, scan, query+` WHERE s.provider_id = $1`, im.providerID)
	if err != nil {
		return err
	}
	im.known = map[string]*Service{}
	for _, v := range services {
		im.known[v.Source.ProviderService] = v
	}
	im.categories = map[string]string{}
	err = im.tx.Each(func(s db.Scanner) error {
		var categoryID, name string
		err := s.Scan(&categoryID, &name)
		im.categories[name] = categoryID
		return err
	}, `SELECT id, name FROM categories`)
	if err != nil {
		return err
	}
	return im.tx.QueryRow(`SELECT COALESCE(MAX(id), 0) FROM services`).Scan(&im.lastID)
}

func (im *importer) take(o Offer, position int64) error {
	categoryID, err := im.category(o.Category)
	if err != nil {
		return err
	}
	if v := im.known[o.ProviderService]; v != nil {
		return im.update(v, o, categoryID)
	}
	im.lastID++
	_, err = im.tx.Exec(`
		INSERT INTO services (id, category_id, position, name, type, description, rate, min_quantity, max_quantity,
			increment, cancel, state, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $12)`,
		im.lastID, categoryID, position, o.Name, string(o.Type), o.Description, o.Rate, o.Min, o.Max,
		o.Cancel, string(Active), db.At(im.tx.Now))
	if err != nil {
		return err
	}
	_, err = im.tx.Exec(`INSERT INTO sources (service_id, preference, provider_id, provider_service, cost) VALUES ($1, 1, $2, $3, $4)`,
		im.lastID, im.providerID, o.ProviderService, o.Cost)
	im.done.Added++
	return err
}

func (im *importer) update(v *Service, o Offer, categoryID string) error {
	back := v.State == Paused && v.PauseReason == vanished
	if back {
		im.done.Resumed++
		if err := im.setState(v.ID, Active, ""); err != nil {
			return err
		}
	}
	same := v.Category == o.Category && v.Name == o.Name && v.Description == o.Description && v.Rate == o.Rate &&
		v.Source.Cost == o.Cost && v.Min == o.Min && v.Max == o.Max && v.Cancel == o.Cancel
	if same {
		return nil
	}
	im.done.Changed++
	_, err := im.tx.Exec(`
		UPDATE services SET category_id = $2, name = $3, description = $4, rate = $5, min_quantity = $6, max_quantity = $7,
			cancel = $8, updated_at = $9 WHERE id = $1`,
		v.ID, categoryID, o.Name, o.Description, o.Rate, o.Min, o.Max, o.Cancel, db.At(im.tx.Now))
	if err != nil {
		return err
	}
	_, err = im.tx.Exec(`UPDATE sources SET cost = $2 WHERE service_id = $1 AND preference = 1`, v.ID, o.Cost)
	return err
}

func (im *importer) setState(serviceID int64, to State, reason string) error {
	_, err := im.tx.Exec(`UPDATE services SET state = $2, pause_reason = $3, updated_at = $4 WHERE id = $1`,
		serviceID, string(to), reason, db.At(im.tx.Now))
	return err
}

// category returns the id of a category, which is made where it is new.
func (im *importer) category(name string) (string, error) {
	if known, ok := im.categories[name]; ok {
		return known, nil
	}
	categoryID := id.New(id.Category)
	_, err := im.tx.Exec(`INSERT INTO categories (id, name, position) VALUES ($1, $2, $3)`, categoryID, name, len(im.categories)+1)
	im.categories[name] = categoryID
	return categoryID, err
}
