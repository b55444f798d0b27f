package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/worker"
)

// ListState says how far the reading of a provider's list is.
type ListState string

// The states. A list that was read stays until it is read again.
const (
	ListWanted  ListState = "wanted"
	ListReading ListState = "reading"
	ListRead    ListState = "read"
	ListFailed  ListState = "failed"
)

const (
	// ListFresh is how long a list that was read may be taken: costs change.
	ListFresh = time.Hour
	// listLease is how long a claimed reading belongs to its node, and listMost how
	// long it may take.
	listLease = 5 * time.Minute
	listMost  = 4 * time.Minute
	// listChunk is how many services of a list one write stores.
	listChunk = 100
	maxError  = 500 // characters
)

// Reasons for which a list is not taken.
const (
	ListGone   fault.Reason = "list_gone"   // another reading took its place, or there is none
	ListOld    fault.Reason = "list_old"    // it is older than ListFresh
	ListBusy   fault.Reason = "list_busy"   // it is not read yet
	ListMoved  fault.Reason = "list_moved"  // what it would change is no more what was shown
	ListManual fault.Reason = "list_manual" // people have no list
)

// List is a provider's list as it was read for a person.
type List struct {
	ID         string
	ProviderID string
	State      ListState
	Currency   string
	Error      string // why it could not be read, for staff
	Services   int64
	AskedAt    time.Time
	ReadAt     time.Time
}

// Fresh reports whether the list may still be taken.
func (l List) Fresh(now time.Time) bool { return l.State == ListRead && now.Sub(l.ReadAt) < ListFresh }

const listColumns = `id, provider_id, state, currency, error, services, asked_at, read_at`

func scanList(s db.Scanner) (l List, err error) {
	err = s.Scan(&l.ID, &l.ProviderID, &l.State, &l.Currency, &l.Error, &l.Services, db.Time(&l.AskedAt), db.Time(&l.ReadAt))
	return l, err
}

// WantList asks for a provider's list. A reading that is on its way is not begun
// twice; one that is there gives way.
func (s *Store) WantList(ctx context.Context, providerID, actor string) (l List, err error) {
	p, err := s.Find(ctx, providerID)
	if err != nil {
		return l, err
	}
	if p.Kind == Manual {
		return l, fault.Newf(fault.Conflict, "%s is a manual provider: it has no list", p.Name).Because(ListManual)
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		l, err = scanList(tx.QueryRow(`SELECT `+listColumns+` FROM provider_lists WHERE provider_id = $1 AND state IN ('wanted', 'reading') AND asked_at > $2`,
			p.ID, db.At(tx.Now.Add(-listLease))))
		if err == nil || !errors.Is(err, db.ErrNoRows) {
			return err
		}
		l = List{ID: id.New(id.List), ProviderID: p.ID, State: ListWanted, AskedAt: tx.Now}
		_, err = tx.Exec(`
			INSERT INTO provider_lists (provider_id, id, state, asked_at) VALUES ($1, $2, 'wanted', $3)
			ON CONFLICT (provider_id) DO UPDATE SET id = $2, state = 'wanted', asked_at = $3, currency = '', error = '', services = 0,
				lease_until = NULL, read_at = NULL`, p.ID, l.ID, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("ask for a list: %w", err)
		}
		return account.Record(tx, actor, "provider.list", p.ID, l.ID)
	})
	return l, err
}

// Listed returns the newest reading of a provider's list; found is false where there
// was none.
func (s *Store) Listed(ctx context.Context, providerID string) (l List, found bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		l, err = scanList(tx.QueryRow(`SELECT `+listColumns+` FROM provider_lists WHERE provider_id = $1`, providerID))
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return List{}, false, nil
	}
	return l, err == nil, err
}

// Said returns what a provider's list said of one of its services when it was last
// read; found is false where it was not, or lists it no more.
func (s *Store) Said(ctx context.Context, providerID, number string) (l Listing, of List, found bool, err error) {
	var text string
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		if of, err = scanList(tx.QueryRow(`SELECT `+listColumns+` FROM provider_lists WHERE provider_id = $1 AND state = 'read'`, providerID)); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT listing FROM provider_listings WHERE provider_id = $1 AND number = $2 AND list_id = $3 ORDER BY position LIMIT 1`,
			providerID, number, of.ID).Scan(&text)
	})
	if errors.Is(err, db.ErrNoRows) {
		return l, of, false, nil
	}
	if err != nil {
		return l, of, false, fmt.Errorf("what the provider said: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return l, of, false, fmt.Errorf("what the provider said: %w", err)
	}
	return l, of, true, nil
}

// Listings returns a list that was read, in its order.
func (s *Store) Listings(ctx context.Context, l List) (all []Listing, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (one Listing, err error) {
			var text string
			if err := r.Scan(&text); err != nil {
				return one, err
			}
			return one, json.Unmarshal([]byte(text), &one)
		}, `SELECT listing FROM provider_listings WHERE provider_id = $1 AND list_id = $2 ORDER BY position`, l.ProviderID, l.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a list: %w", err)
	}
	return all, nil
}

// usable returns the reading that a form saw, if it may still be taken.
func (s *Store) usable(ctx context.Context, providerID, listID string) (l List, err error) {
	var now time.Time
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		now = tx.Now
		l, err = scanList(tx.QueryRow(`SELECT `+listColumns+` FROM provider_lists WHERE provider_id = $1`, providerID))
		return err
	})
	switch {
	case errors.Is(err, db.ErrNoRows) || err == nil && l.ID != listID:
		return l, fault.New(fault.Conflict, "the list was read again since: look at what it says now").Because(ListGone)
	case err != nil:
		return l, fmt.Errorf("look for the list: %w", err)
	case l.State != ListRead:
		return l, fault.New(fault.Conflict, "the list is not read yet").Because(ListBusy)
	case !l.Fresh(now):
		return l, fault.New(fault.Conflict, "the list is too old to be taken: read it again").Because(ListOld)
	}
	return l, nil
}

// PreviewList tells what a list that was read would change, and returns it. listID
// is the reading that is meant.
func (im Importer) PreviewList(ctx context.Context, providerID, listID string, o ImportOptions) (ImportReport, []Listing, error) {
	o.DryRun = true
	return im.fromList(ctx, providerID, listID, o, "")
}

// TakeList brings a list that was read into the catalogue. The provider is not
// asked again: what was shown is what is taken.
func (im Importer) TakeList(ctx context.Context, providerID, listID string, o ImportOptions, actor string) (ImportReport, error) {
	o.DryRun = false
	report, _, err := im.fromList(ctx, providerID, listID, o, actor)
	return report, err
}

func (im Importer) fromList(
	ctx context.Context, providerID, listID string, o ImportOptions, actor string,
) (report ImportReport, listings []Listing, err error) {
	p, err := im.Providers.Find(ctx, providerID)
	if err != nil {
		return report, nil, err
	}
	l, err := im.Providers.usable(ctx, p.ID, listID)
	if err != nil {
		return report, nil, err
	}
	t, err := im.termsOf(ctx, p, o)
	if err != nil {
		return report, nil, err
	}
	if err := im.judgeCurrency(ctx, p, t, l.Currency, o.Currency, o.part()); err != nil {
		return report, nil, err
	}
	if listings, err = im.Providers.Listings(ctx, l); err != nil {
		return report, nil, err
	}
	report, err = im.take(ctx, p, t, listings, o, actor)
	return report, listings, err
}

// ListReader reads the lists that people ask for.
type ListReader struct {
	Importer

	Log *slog.Logger
}

// Loop returns the reader's loop. Each list is read by one node.
func (r ListReader) Loop() worker.Loop {
	return worker.Loop{Name: "provider-lists", Every: time.Second, Pass: r.pass, Backlog: r.backlog}
}

// wantedList says which readings are due at the time $1.
const wantedList = `(state = 'wanted' OR state = 'reading' AND lease_until <= $1)`

func (r ListReader) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = r.Providers.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(asked_at) FROM provider_lists WHERE `+wantedList, db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
	})
	return b, err
}

func (r ListReader) pass(ctx context.Context) (found int, err error) {
	var due []List
	err = r.Providers.db.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, scanList, `SELECT `+listColumns+` FROM provider_lists WHERE `+wantedList+` ORDER BY asked_at`, db.At(tx.Now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for lists to read: %w", err)
	}
	for _, l := range due {
		ran, oneErr := r.one(ctx, l)
		if ran {
			found++
		}
		err = errors.Join(err, oneErr)
	}
	return found, err
}

// one claims a reading, reads and stores it. That it could not be read is kept with
// it, for the person who waits.
func (r ListReader) one(ctx context.Context, l List) (ran bool, err error) {
	err = r.Providers.db.Write(ctx, func(tx *db.Tx) error {
		ran, err = tx.ExecOne(`UPDATE provider_lists SET state = 'reading', lease_until = $3 WHERE id = $2 AND `+wantedList,
			db.At(tx.Now), l.ID, db.At(tx.Now.Add(listLease)))
		return err
	})
	if err != nil || !ran {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, listMost)
	defer cancel()
	currency, listings, failure := r.read(limited, l.ProviderID)
	if ctx.Err() != nil {
		return true, r.giveBack(context.WithoutCancel(ctx), l) // the program stops: another begins anew
	}
	if failure != nil {
		r.Log.LogAttrs(ctx, slog.LevelWarn, "a provider's list could not be read", slog.String("provider", l.ProviderID), slog.Any("error", failure))
		return true, r.fail(ctx, l, failure)
	}
	return true, r.store(ctx, l, currency, listings)
}

// read asks a provider for its currency and its list, whatever the currency is
// worth: that is judged when it is taken.
func (r ListReader) read(ctx context.Context, providerID string) (currency string, listings []Listing, err error) {
	p, err := r.Providers.Find(ctx, providerID)
	if err != nil {
		return "", nil, err
	}
	client, err := r.Providers.Client(p, r.Guard, r.Timeout)
	if err != nil {
		return "", nil, err
	}
	balance, err := client.Balance(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("ask %s for its currency: %w", p.Name, err)
	}
	if listings, err = client.Services(ctx); err != nil {
		return "", nil, fmt.Errorf("read the services of %s: %w", p.Name, err)
	}
	if len(listings) == 0 {
		return "", nil, fault.Newf(fault.Conflict, "%s lists no services", p.Name)
	}
	return cutName(balance.Currency), listings, nil
}

func (r ListReader) giveBack(ctx context.Context, l List) error {
	return r.Providers.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE provider_lists SET state = 'wanted', lease_until = NULL WHERE id = $1 AND state = 'reading'`, l.ID)
		return err
	})
}

func (r ListReader) fail(ctx context.Context, l List, why error) error {
	return r.Providers.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE provider_lists SET state = 'failed', lease_until = NULL, error = $2 WHERE id = $1`, l.ID, cutLine(why.Error(), maxError))
		return err
	})
}

// store keeps a list some services a write and then says that it is whole. What an
// earlier reading left goes with it.
func (r ListReader) store(ctx context.Context, l List, currency string, listings []Listing) error {
	position := 0
	for some := range slices.Chunk(listings, listChunk) {
		rows := make([][]any, len(some))
		for i, one := range some {
			one.Description = cutText(one.Description, maxDescription)
			text, err := json.Marshal(one)
			if err != nil {
				return fmt.Errorf("keep a list: %w", err)
			}
			rows[i] = []any{l.ProviderID, l.ID, position, cutName(one.ID), string(text)}
			position++
		}
		err := r.Providers.db.Write(ctx, func(tx *db.Tx) error {
			return tx.ExecMany(`
				INSERT INTO provider_listings (provider_id, list_id, position, number, listing) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (provider_id, list_id, position) DO UPDATE SET number = $4, listing = $5`, rows)
		})
		if err != nil {
			return fmt.Errorf("keep a list: %w", err)
		}
	}
	err := r.Providers.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`
			UPDATE provider_lists SET state = 'read', lease_until = NULL, currency = $2, services = $3, read_at = $4 WHERE id = $1 AND state = 'reading'`,
			l.ID, currency, len(listings), db.At(tx.Now))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a list: %w", err)
	}
	return r.forget(ctx, l.ProviderID)
}

// forget deletes what readings left that are not the newest.
func (r ListReader) forget(ctx context.Context, providerID string) error {
	for {
		var gone int64
		err := r.Providers.db.Write(ctx, func(tx *db.Tx) (err error) {
			gone, err = tx.Exec(`
				DELETE FROM provider_listings WHERE provider_id = $1 AND (list_id, position) IN (
					SELECT x.list_id, x.position FROM provider_listings x WHERE x.provider_id = $1
						AND x.list_id <> (SELECT id FROM provider_lists WHERE provider_id = $1) LIMIT $2)`, providerID, 2*listChunk)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget a list: %w", err)
		}
		if gone == 0 {
			return nil
		}
	}
}

// Categories returns the categories that listings name, in their order, each once.
func Categories(all []Listing) (names []string) {
	known := map[string]bool{}
	for _, l := range all {
		if !known[l.Category] {
			known[l.Category] = true
			names = append(names, l.Category)
		}
	}
	return names
}

// Words are the fields of a listing as the catalogue writes them, for comparing:
// what the provider says beside what is sold.
func (im Importer) Words(ctx context.Context, p Provider, l Listing, of List) (map[string]string, error) {
	t, err := im.termsOf(ctx, p, ImportOptions{knownOnly: true})
	if err != nil {
		return nil, err
	}
	if err := im.judgeCurrency(ctx, p, t, of.Currency, "", true); err != nil {
		return nil, err
	}
	o, problem := t.offer(l)
	if problem != "" {
		return nil, fault.New(fault.Conflict, problem)
	}
	return catalog.OfferWords(o), nil
}
