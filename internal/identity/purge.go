package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	historyFor = 180 * 24 * time.Hour
	purgeEvery = 10 * time.Minute
	purgeBatch = 500
)

// Purge is the loop that deletes what is past its time: sessions, tokens, counted
// attempts, the sign-in history, devices.
func (p *People) Purge() worker.Loop {
	return worker.Loop{Name: "people", Every: purgeEvery, Pass: p.purge}
}

func (p *People) purge(ctx context.Context) (found int, err error) {
	for _, old := range []struct {
		statement string
		age       time.Duration
	}{
		{`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)`, 0},
		{`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE seen_at <= $1 LIMIT $2)`, idleFor},
		{`DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE expires_at <= $1 LIMIT $2)`, 0},
		{`DELETE FROM attempts WHERE bucket IN (SELECT bucket FROM attempts WHERE ends_at <= $1 LIMIT $2) AND ends_at <= $1`, 0},
		{`DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE at <= $1 LIMIT $2)`, historyFor},
		{`DELETE FROM devices WHERE (account_id, hash) IN (SELECT account_id, hash FROM devices WHERE seen_at <= $1 LIMIT $2)`, deviceFor},
	} {
		err := p.db.Write(ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(old.statement, db.At(tx.Now.Add(-old.age)), purgeBatch)
			found += int(n)
			return err
		})
		if err != nil {
			return found, fmt.Errorf("purge what is old: %w", err)
		}
	}
	return found, nil
}
