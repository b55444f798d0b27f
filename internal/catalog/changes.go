package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// announcedField is the field of the feed that tells of a rate ahead of its
// time: what is announced, "" where nothing is any more.
const announcedField = "announced_rate"

// feedRow is a row of the change feed before it has its number.
type feedRow struct {
	service       int64
	field         string
	before, after string
	effective     time.Time
}

// note adds rows to the change feed. It belongs into a transaction that has
// moved the catalogue's epoch: that lock gives the rows their numbers in turn,
// so that who has read up to a number has missed nothing before it.
func note(tx *db.Tx, actor string, rows ...feedRow) error {
	if len(rows) == 0 {
		return nil
	}
	var seq int64
	if err := tx.QueryRow(`SELECT COALESCE(MAX(seq), 0) FROM catalog_changes`).Scan(&seq); err != nil {
		return fmt.Errorf("change feed: %w", err)
	}
	args := make([][]any, len(rows))
	for i, r := range rows {
		args[i] = []any{seq + int64(i) + 1, db.At(tx.Now), r.service, r.field, r.before, r.after, db.At(r.effective), actor}
	}
	err := tx.ExecMany(`
		INSERT INTO catalog_changes (seq, at, service_id, field, before, after, effective_at, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, args)
	if err != nil {
		return fmt.Errorf("change feed: %w", err)
	}
	return nil
}

// noteChanges adds what differs between two states of a service to the change
// feed. Of a service that is new, which has none before (nil), it says only that
// it is there. A rate that changes ends what was announced of it.
func noteChanges(tx *db.Tx, before, after *Service, actor string) error {
	if before == nil {
		return note(tx, actor, feedRow{after.ID, "state", "", string(after.State), tx.Now})
	}
	was, is := sold(before), sold(after)
	var rows []feedRow
	for _, field := range feedFields {
		if was[field] == is[field] {
			continue
		}
		rows = append(rows, feedRow{after.ID, field, was[field], is[field], tx.Now})
	}
	if err := note(tx, actor, rows...); err != nil {
		return err
	}
	if before.Rate != after.Rate {
		return withdraw(tx, after.ID, actor)
	}
	return nil
}

// withdraw ends an announcement, if there is one, and says so in the feed.
func withdraw(tx *db.Tx, serviceID int64, actor string) error {
	var announced money.Amount
	err := tx.QueryRow(`DELETE FROM announced_rates WHERE service_id = $1 RETURNING rate`, serviceID).Scan(&announced)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("withdraw announced rate: %w", err)
	}
	return note(tx, actor, feedRow{serviceID, announcedField, announced.String(), "", tx.Now})
}

// feedFields are what customers are told of a service, in the order in which a
// change of several is told.
//
//nolint:gochecknoglobals // a table
var feedFields = []string{
	"state", "rate", "min", "max", "increment", "name", "category", "type", "dripfeed", "refill", "refill_days", "cancel", "posts",
}

// FeedFields lists the fields that the change feed tells of.
func FeedFields() []string { return append(slices.Clone(feedFields), announcedField) }

// sold is a service as customers see it, every field as text.
func sold(v *Service) map[string]string {
	whole := func(n int64) string { return strconv.FormatInt(n, 10) }
	return map[string]string{
		"state": string(v.State), "rate": v.Rate.String(), "min": whole(v.Min), "max": whole(v.Max), "increment": whole(v.Increment),
		"name": v.Name, "category": v.Category, "type": string(v.Type), "dripfeed": strconv.FormatBool(v.Dripfeed),
		"refill": strconv.FormatBool(v.Refill), "refill_days": whole(v.RefillDays), "cancel": strconv.FormatBool(v.Cancel), "posts": whole(v.Posts),
	}
}

// Noted is a row of the change feed. Rates in it are list prices.
type Noted struct {
	Seq           int64
	At            time.Time
	Service       int64
	Field         string
	Before, After string
	EffectiveAt   time.Time // after At for what is announced
}

// Changes returns up to limit rows of the feed that come after a number and that
// customers may see, the oldest first, and the number to go on from. Of a
// service that is not sold they see only that it stopped, or was, being sold.
func (s *Store) Changes(ctx context.Context, after int64, limit int) (rows []Noted, next int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		rows, err = db.All(tx, scanNoted, `
			SELECT c.seq, c.at, c.service_id, c.field, c.before, c.after, c.effective_at
			FROM catalog_changes c JOIN services v ON v.id = c.service_id
			WHERE c.seq > $1 AND (v.state = 'active' OR c.field = 'state' AND (c.before = 'active' OR c.after = 'active'))
			ORDER BY c.seq LIMIT $2`, after, limit)
		if err != nil {
			return fmt.Errorf("change feed: %w", err)
		}
		if len(rows) == limit {
			next = rows[limit-1].Seq
			return nil
		}
		next, err = newest(tx, after)
		return err
	})
	return rows, next, err
}

// NewestChange returns the number of the feed's last row, 0 where it is empty.
func (s *Store) NewestChange(ctx context.Context) (seq int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		seq, err = newest(tx, 0)
		return err
	})
	return seq, err
}

// newest returns the number of the feed's last row, but at least after.
func newest(tx *db.Tx, after int64) (seq int64, err error) {
	if err := tx.QueryRow(`SELECT COALESCE(MAX(seq), 0) FROM catalog_changes`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("change feed: %w", err)
	}
	return max(seq, after), nil
}

func scanNoted(s db.Scanner) (n Noted, err error) {
	err = s.Scan(&n.Seq, db.Time(&n.At), &n.Service, &n.Field, &n.Before, &n.After, db.Time(&n.EffectiveAt))
	return n, err
}
