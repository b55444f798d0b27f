package catalog

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/worker"
)

// Announced is a rate that customers were told of and that does not hold yet.
type Announced struct {
	Rate        money.Amount
	EffectiveAt time.Time
}

// allAnnounced reads what was announced, by service.
func allAnnounced(tx *db.Tx) (map[int64]Announced, error) {
	all := map[int64]Announced{}
	err := tx.Each(func(r db.Scanner) error {
		var serviceID int64
		var a Announced
		err := r.Scan(&serviceID, &a.Rate, db.Time(&a.EffectiveAt))
		all[serviceID] = a
		return err
	}, `SELECT service_id, rate, effective_at FROM announced_rates`)
	if err != nil {
		return nil, fmt.Errorf("announced rates: %w", err)
	}
	return all, nil
}

// furthest bounds how far ahead a rate may be announced.
const furthest = 366 * 24 * time.Hour

// Announce tells customers of a higher rate ahead of its time. It takes the place
// of what was announced before, and from now on the rate does not follow the
// provider. Whoever sets the rate meanwhile ends the announcement.
func (s *Store) Announce(ctx context.Context, serviceID int64, rate money.Amount, at time.Time, actor string) (v *Service, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		if v, err = one(tx, serviceID); err != nil {
			return err
		}
		if err := announceable(v, rate, at, tx.Now); err != nil {
			return err
		}
		if err := withdraw(tx, serviceID, actor); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO announced_rates (service_id, rate, effective_at) VALUES ($1, $2, $3)`, serviceID, rate, db.At(at))
		if err != nil {
			return fmt.Errorf("announce rate: %w", err)
		}
		if err := note(tx, actor, feedRow{serviceID, announcedField, "", rate.String(), at}); err != nil {
			return err
		}
		pin(v, "rate")
		if err := save(tx, v); err != nil {
			return err
		}
		detail := fmt.Sprintf("rate %s from %s", rate, at.UTC().Format(time.RFC3339))
		return account.Record(tx, actor, "service.announce", strconv.FormatInt(serviceID, 10), detail)
	})
	return v, err
}

func announceable(v *Service, rate money.Amount, at, now time.Time) error {
	switch {
	case !at.After(now):
		return fault.New(fault.Invalid, "at must be in the future")
	case at.After(now.Add(furthest)):
		return fault.New(fault.Invalid, "at must be within a year")
	case rate <= v.Rate:
		return fault.Newf(fault.Invalid, "rate must be above the present %s to be announced: a lower one may hold at once", v.Rate)
	}
	return chargeable(rate, v.Max)
}

// Announced returns what is announced, by service.
func (s *Store) Announced(ctx context.Context) (all map[int64]Announced, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all = map[int64]Announced{}
		return tx.Each(func(r db.Scanner) error {
			var serviceID int64
			var a Announced
			err := r.Scan(&serviceID, &a.Rate, db.Time(&a.EffectiveAt))
			all[serviceID] = a
			return err
		}, `SELECT service_id, rate, effective_at FROM announced_rates`)
	})
	return all, err
}

// announcer is who applies announced rates, in the feed and in the audit log.
const announcer = "panel"

// ApplyAnnounced lets the announced rates hold whose time has come and returns
// how many they were.
func (s *Store) ApplyAnnounced(ctx context.Context) (found int, err error) {
	due, err := s.announcedDue(ctx)
	if err != nil || due.Count == 0 {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		found = 0
		return applyDue(tx, &found)
	})
	return found, err
}

// applyDue applies so many due rates as one write may hold.
func applyDue(tx *db.Tx, found *int) error {
	const most = 50
	rates := map[int64]money.Amount{}
	var serviceIDs []int64
	err := tx.Each(func(r db.Scanner) error {
		var serviceID int64
		var rate money.Amount
		err := r.Scan(&serviceID, &rate)
		rates[serviceID], serviceIDs = rate, append(serviceIDs, serviceID)
		return err
	}, `SELECT service_id, rate FROM announced_rates WHERE effective_at <= $1 ORDER BY effective_at, service_id LIMIT $2`, db.At(tx.Now), most)
	if err != nil {
		return fmt.Errorf("announced rates: %w", err)
	}
	snapshot, err := LoadSome(tx, serviceIDs)
	if err != nil {
		return err
	}
	for _, v := range snapshot.Services {
		if err := applyOne(tx, v, rates[v.ID]); err != nil {
			return err
		}
		*found++
	}
	return nil
}

func applyOne(tx *db.Tx, v *Service, rate money.Amount) error {
	// What has come true is not withdrawn: it goes before the change is noted.
	if _, err := tx.Exec(`DELETE FROM announced_rates WHERE service_id = $1`, v.ID); err != nil {
		return fmt.Errorf("announced rates: %w", err)
	}
	before := *v
	v.Rate = rate
	if err := noteChanges(tx, &before, v, announcer); err != nil {
		return err
	}
	if err := save(tx, v); err != nil {
		return err
	}
	return account.Record(tx, announcer, "service.set", strconv.FormatInt(v.ID, 10), "rate "+rate.String()+" as announced")
}

func (s *Store) announcedDue(ctx context.Context) (due worker.Backlog, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(effective_at) FROM announced_rates WHERE effective_at <= $1`, db.At(tx.Now)).
			Scan(&due.Count, db.Time(&due.Oldest))
	})
	return due, err
}

// AnnouncedRates is the loop that lets announced rates hold when their time comes.
func (s *Store) AnnouncedRates() worker.Loop {
	return worker.Loop{Name: "announced-rates", Every: 2 * time.Second, Pass: s.ApplyAnnounced, Backlog: s.announcedDue}
}
