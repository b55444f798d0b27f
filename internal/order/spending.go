package order

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// errCap refuses an order beyond what a key may spend in a day.
var errCap = fault.New(fault.Conflict, "The key's daily spend cap is reached").Because(fault.SpendCap)

// dayOf numbers the day of UTC, from 1970 on.
func dayOf(now time.Time) int64 { return now.Unix() / (24 * 60 * 60) }

// lookUpSpending reads what the keys that have a cap have spent today. Their
// account's wallet is locked, so nobody else adds to it meanwhile.
func (b *batch) lookUpSpending() error {
	b.spends = map[string]bool{}
	var args [][]any
	for _, one := range b.all {
		if one.buyer.DailyCap == nil || b.spends[one.buyer.KeyID] {
			continue
		}
		b.spends[one.buyer.KeyID] = true
		args = append(args, []any{one.buyer.KeyID, dayOf(b.tx.Now)})
	}
	err := b.tx.QueryMany(func(i int, s db.Scanner) error {
		var spent money.Amount
		err := s.Scan(&spent)
		if keyID, ok := args[i][0].(string); ok {
			b.spent[keyID] = spent
		}
		return err
	}, `SELECT spent FROM key_spending WHERE key_id = $1 AND day = $2`, args)
	if err != nil {
		return fmt.Errorf("look up spending: %w", err)
	}
	clear(b.spends)
	return nil
}

// checkCap refuses a charge that the key's cap does not allow. Refunds give
// nothing back of it.
func (b *batch) checkCap(buyer Buyer, charge money.Amount) error {
	if buyer.DailyCap != nil && b.spent[buyer.KeyID]+charge > *buyer.DailyCap {
		return errCap
	}
	return nil
}

// spend counts a charge for its key.
func (b *batch) spend(buyer Buyer, charge money.Amount) {
	if buyer.DailyCap == nil {
		return
	}
	b.spent[buyer.KeyID] += charge
	b.spends[buyer.KeyID] = true
}

func (b *batch) writeSpending() error {
	keys := make([]string, 0, len(b.spends))
	for keyID := range b.spends {
		keys = append(keys, keyID)
	}
	sort.Strings(keys)
	rows := make([][]any, len(keys))
	for i, keyID := range keys {
		rows[i] = []any{keyID, dayOf(b.tx.Now), b.spent[keyID]}
	}
	err := b.tx.ExecMany(`
		INSERT INTO key_spending (key_id, day, spent) VALUES ($1, $2, $3)
		ON CONFLICT (key_id, day) DO UPDATE SET spent = excluded.spent`, rows)
	if err != nil {
		return fmt.Errorf("write spending: %w", err)
	}
	return nil
}

// ForgetSpending drops some of what keys spent on days before yesterday: a cap is
// of the day. The table has no more rows than keys that have one, but for those.
func ForgetSpending(ctx context.Context, d *db.DB) (forgotten int, err error) {
	err = d.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`
			DELETE FROM key_spending WHERE (key_id, day) IN (SELECT key_id, day FROM key_spending WHERE day < $1 LIMIT $2)`,
			dayOf(tx.Now)-1, forgetMost)
		forgotten = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget spending: %w", err)
	}
	return forgotten, nil
}
