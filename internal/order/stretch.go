package order

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
)

// Stretch is a part of a wallet's statement without gaps: the lines behind one
// number up to another.
type Stretch struct {
	WalletID    string
	After, UpTo int64
}

// Stretch returns the lines of the scope's wallet that were booked from one moment
// on and before another. A zero time is no bound.
func (s *Store) Stretch(ctx context.Context, own Scope, from, until time.Time) (part Stretch, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		part = Stretch{UpTo: math.MaxInt64}
		if part.WalletID, err = ledger.WalletID(tx, own.AccountID, own.Mode); err != nil {
			return err
		}
		if !from.IsZero() {
			if part.After, err = ledger.Before(tx, part.WalletID, from); err != nil {
				return err
			}
		}
		if !until.IsZero() {
			part.UpTo, err = ledger.Before(tx, part.WalletID, until)
		}
		return err
	})
	if err != nil {
		return part, fmt.Errorf("statement of a time: %w", err)
	}
	return part, nil
}

// LatestOf returns up to limit lines of a stretch that come before a line, the newest
// first; 0 begins with the last.
func (s *Store) LatestOf(ctx context.Context, part Stretch, before int64, limit int) ([]Line, error) {
	if part.UpTo < math.MaxInt64 && (before == 0 || before > part.UpTo) {
		before = part.UpTo + 1
	}
	lines, err := s.lines(ctx, func(tx *db.Tx) ([]ledger.Entry, error) { return ledger.Latest(tx, part.WalletID, before, limit) })
	for i, l := range lines {
		if l.Seq <= part.After {
			return lines[:i], err
		}
	}
	return lines, err
}

// NextOf returns up to limit lines of a stretch that come after a line, the oldest
// first; 0 begins with the first. Each call is a read of its own: who reads a long
// statement holds up nobody who books.
func (s *Store) NextOf(ctx context.Context, part Stretch, after int64, limit int) ([]Line, error) {
	lines, err := s.Statement(ctx, part.WalletID, max(after, part.After), limit)
	for i, l := range lines {
		if l.Seq > part.UpTo {
			return lines[:i], err
		}
	}
	return lines, err
}
