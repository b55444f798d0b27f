package fulfil

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/provider"
)

const (
	// breakerAt is how many orders in a row may have an unknown outcome, or not reach
	// their provider, before sending to it stops.
	breakerAt = 3
	// probeEvery is how often a stopped provider's balance is read.
	probeEvery = 10 * time.Second
)

// countOutcome counts outcomes in a row that are no answer; a definite one begins anew.
func countOutcome(tx *db.Tx, providerID string, outcome provider.Outcome) (err error) {
	switch outcome {
	case provider.Unknown, provider.NotSent:
		_, err = tx.Exec(`UPDATE providers SET unknown_row = unknown_row + 1, probe = FALSE WHERE id = $1`, providerID)
	case provider.Accepted, provider.Refused:
		_, err = tx.Exec(`UPDATE providers SET unknown_row = 0, probe = FALSE WHERE id = $1 AND unknown_row > 0`, providerID)
	}
	if err != nil {
		return fmt.Errorf("count outcomes of %s: %w", providerID, err)
	}
	return nil
}

// room is how many orders may be sent to a provider whose row is locked: all that
// are free; one at a time after an unknown outcome; after three in a row none, until
// a probe found it alive, and then one.
func room(tx *db.Tx, providerID string, free int, unknownRow int64, probed bool) (int, error) {
	if unknownRow == 0 {
		return free, nil
	}
	var sending int
	err := tx.QueryRow(`SELECT COUNT(*) FROM submissions WHERE provider_id = $1 AND outcome = 'sending'`, providerID).Scan(&sending)
	if err != nil {
		return 0, fmt.Errorf("submissions to %s: %w", providerID, err)
	}
	if sending > 0 || unknownRow >= breakerAt && !probed {
		return 0, nil
	}
	return min(free, 1), nil
}

// probe reads the balance of a provider that sending has stopped to. A good answer
// lets one order through.
func (f *Forwarder) probe(ctx context.Context, p provider.Provider) {
	f.mu.Lock()
	due := f.now().After(f.probed[p.ID].Add(probeEvery))
	if due {
		f.probed[p.ID] = f.now()
	}
	f.mu.Unlock()
	if !due {
		return
	}
	f.calls.Go(func() {
		ctx := context.WithoutCancel(ctx)
		client, err := f.providers.Client(p, f.guard, f.timeout)
		if err == nil {
			_, err = client.Balance(ctx)
		}
		if err == nil {
			err = f.db.Write(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE providers SET probe = TRUE WHERE id = $1 AND unknown_row >= $2`, p.ID, breakerAt)
				return err
			})
		}
		if err != nil {
			f.log.LogAttrs(ctx, slog.LevelWarn, "provider is not back", slog.String("provider", p.Name), slog.Any("error", err))
			return
		}
		f.wakeUp()
	})
}
