package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// ServiceSource is a source of a service as staff see it.
type ServiceSource struct {
	ServiceID       int64
	Preference      int64 // 1 is the first choice
	ProviderID      string
	ProviderService string
	Cost            money.Amount  // per 1,000, in the panel's currency
	Foreign         *money.Amount // the same in the provider's; nil: that is the panel's
	Exchange        int64         // by which Cost was reckoned, in billionths; 0: by the rate of now
	GoneAt          time.Time     // since when the provider does not list it; zero: it does
}

const sourceColumns = `service_id, preference, provider_id, provider_service, cost, foreign_cost, exchange, gone_at`

func scanSource(r db.Scanner) (s ServiceSource, err error) {
	err = r.Scan(&s.ServiceID, &s.Preference, &s.ProviderID, &s.ProviderService, &s.Cost, &s.Foreign, &s.Exchange, db.Time(&s.GoneAt))
	return s, err
}

func sourcesOf(tx *db.Tx, serviceID int64) ([]ServiceSource, error) {
	all, err := db.All(tx, scanSource, `SELECT `+sourceColumns+` FROM sources WHERE service_id = $1 ORDER BY preference`, serviceID)
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return all, nil
}

// Sources returns the sources of a service, the first choice first.
func (s *Store) Sources(ctx context.Context, serviceID int64) (all []ServiceSource, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = sourcesOf(tx, serviceID)
		return err
	})
	if err == nil && len(all) == 0 {
		return nil, fault.Newf(fault.NotFound, "no service %d: `notpanel service list` shows them", serviceID)
	}
	return all, err
}

// AddSource gives a service another source, as its choice number
// added.Preference; zero is the last choice. A service that the sync paused for
// want of a source is sold again.
func (s *Store) AddSource(ctx context.Context, added ServiceSource, actor string) error {
	if added.Cost < 0 || added.ProviderService == "" {
		return fault.New(fault.Invalid, "a source needs the service's number at the provider and a cost that is not negative")
	}
	return s.changeSources(ctx, added.ServiceID, "service.source.add", actor, func(tx *db.Tx, all []ServiceSource) ([]ServiceSource, string, error) {
		var taken int64
		err := tx.QueryRow(`SELECT service_id FROM sources WHERE provider_id = $1 AND provider_service = $2`,
			added.ProviderID, added.ProviderService).Scan(&taken)
		if err == nil {
			return nil, "", fault.Newf(fault.Conflict, "service %s of that provider is a source of service %d already", added.ProviderService, taken)
		}
		if !errors.Is(err, db.ErrNoRows) {
			return nil, "", fmt.Errorf("look for the source: %w", err)
		}
		at := len(all)
		if added.Preference > 0 {
			at = min(at, int(added.Preference)-1)
		}
		detail := fmt.Sprintf("%s of %s at %s per 1,000, choice %d", added.ProviderService, added.ProviderID, added.Cost, at+1)
		return slices.Insert(all, at, added), detail, nil
	})
}

// RemoveSource takes a source from a service that has another. It is refused
// while orders wait to be sent there, for they would still be: with the order
// goes where it is sent.
func (s *Store) RemoveSource(ctx context.Context, serviceID int64, providerID, providerService, actor string) error {
	return s.changeSources(ctx, serviceID, "service.source.remove", actor, func(tx *db.Tx, all []ServiceSource) ([]ServiceSource, string, error) {
		i, err := findSource(all, providerID, providerService)
		if err != nil {
			return nil, "", err
		}
		if len(all) == 1 {
			return nil, "", fault.Newf(fault.Conflict, "it is the only source of service %d: pause or retire the service instead", serviceID)
		}
		var waiting int64
		err = tx.QueryRow(`
			SELECT COUNT(*) FROM orders WHERE service_id = $1 AND provider_id = $2 AND provider_service = $3
			AND state IN ('pending', 'queued', 'held', 'submitting', 'uncertain')`, serviceID, providerID, all[i].ProviderService).Scan(&waiting)
		if err != nil {
			return nil, "", fmt.Errorf("count the orders that wait: %w", err)
		}
		if waiting > 0 {
			return nil, "", fault.Newf(fault.Conflict, "orders that wait to be sent to it, or that may be there: %d. Let them end first; a source of lower preference gets no new ones", waiting)
		}
		return slices.Delete(all, i, i+1), all[i].ProviderService + " of " + providerID, nil
	})
}

// PreferSource makes a source a service's choice number preference.
func (s *Store) PreferSource(ctx context.Context, serviceID int64, providerID, providerService string, preference int64, actor string) error {
	if preference < 1 {
		return fault.New(fault.Invalid, "preference must be 1 or more: 1 is the first choice")
	}
	return s.changeSources(ctx, serviceID, "service.source.prefer", actor, func(_ *db.Tx, all []ServiceSource) ([]ServiceSource, string, error) {
		i, err := findSource(all, providerID, providerService)
		if err != nil {
			return nil, "", err
		}
		moved := all[i]
		all = slices.Delete(all, i, i+1)
		at := min(len(all), int(preference)-1)
		return slices.Insert(all, at, moved), fmt.Sprintf("%s of %s, choice %d", moved.ProviderService, providerID, at+1), nil
	})
}

// findSource names a source by its provider, and by its number there where the
// service has several of one provider.
func findSource(all []ServiceSource, providerID, providerService string) (int, error) {
	found := -1
	for i, one := range all {
		if one.ProviderID != providerID || providerService != "" && one.ProviderService != providerService {
			continue
		}
		if found >= 0 {
			return 0, fault.New(fault.Invalid, "the service has several sources of that provider: say its number there")
		}
		found = i
	}
	if found < 0 {
		return 0, fault.New(fault.NotFound, "the service has no such source: `notpanel service source list` shows them")
	}
	return found, nil
}

// sourceChange returns a service's sources as they are to be, in order of
// preference, and what to record.
type sourceChange func(tx *db.Tx, all []ServiceSource) (now []ServiceSource, detail string, err error)

func (s *Store) changeSources(ctx context.Context, serviceID int64, act, actor string, change sourceChange) error {
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		v, err := forChange(tx, serviceID)
		if err != nil {
			return err
		}
		all, err := sourcesOf(tx, serviceID)
		if err != nil {
			return err
		}
		now, detail, err := change(tx, all)
		if err != nil {
			return err
		}
		if err := writeSources(tx, serviceID, now); err != nil {
			return err
		}
		before := *v
		reason := vanished
		if slices.ContainsFunc(now, func(one ServiceSource) bool { return one.GoneAt.IsZero() }) {
			reason = ""
		}
		// Only the want of a source is settled here: other pauses of the sync end
		// with what the provider says.
		if reason != "" || v.PauseReason == vanished || v.PauseReason == unsellable {
			v.settle(reason)
		}
		if err := noteChanges(tx, &before, v, actor); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE services SET state = $2, pause_reason = $3, updated_at = $4 WHERE id = $1`,
			serviceID, string(v.State), v.PauseReason, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("set the service's state: %w", err)
		}
		return account.Record(tx, actor, act, whole64(serviceID), detail)
	})
	return err
}

// writeSources stores a service's sources anew: their preferences are unique, so
// that they can't change places one by one.
func writeSources(tx *db.Tx, serviceID int64, all []ServiceSource) error {
	if _, err := tx.Exec(`DELETE FROM sources WHERE service_id = $1`, serviceID); err != nil {
		return fmt.Errorf("write sources: %w", err)
	}
	rows := make([][]any, len(all))
	for i, one := range all {
		rows[i] = []any{serviceID, i + 1, one.ProviderID, one.ProviderService, one.Cost, nullAmount(one.Foreign), max(one.Exchange, 1), db.At(one.GoneAt)}
	}
	err := tx.ExecMany(`INSERT INTO sources (`+sourceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, rows)
	if err != nil {
		return fmt.Errorf("write sources: %w", err)
	}
	for i, one := range all {
		if one.Exchange == 0 {
			if err := noteExchange(tx, serviceID, int64(i+1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteExchange keeps, beside a source's cost, the rate that it was just reckoned by:
// an order must not take a cost of one rate for that of another.
func noteExchange(tx *db.Tx, serviceID, preference int64) error {
	_, err := tx.Exec(`
		UPDATE sources SET exchange = CASE WHEN foreign_cost IS NULL THEN 1000000000 ELSE COALESCE((
			SELECT x.rate FROM exchange_rates x JOIN providers p ON p.currency = x.currency WHERE p.id = sources.provider_id), exchange) END
		WHERE service_id = $1 AND preference = $2`, serviceID, preference)
	if err != nil {
		return fmt.Errorf("note the exchange rate: %w", err)
	}
	return nil
}
