package requestlog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// latencyMost bounds how many requests a Latency is made of: the newest.
const latencyMost = 2000

// Latency is how long requests took.
type Latency struct {
	Requests int           // it is made of; 0: there were none
	Half     time.Duration // half of them took at most this long
	Most     time.Duration // and 95 of 100 this long
}

// Latency measures the newest requests with a usable key, of all nodes, back to a
// time span ago.
func (s *Store) Latency(ctx context.Context, back time.Duration) (l Latency, err error) {
	var took []int64
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		took, err = db.All(tx, func(row db.Scanner) (micros int64, err error) {
			err = row.Scan(&micros)
			return micros, err
		}, `SELECT duration FROM api_requests WHERE at >= $1 ORDER BY at DESC LIMIT $2`, db.At(tx.Now.Add(-back)), latencyMost)
		return err
	})
	if err != nil {
		return l, fmt.Errorf("measure requests: %w", err)
	}
	slices.Sort(took)
	return Latency{len(took), nearest(took, 50), nearest(took, 95)}, nil
}

// nearest is the smallest value that so many of 100 do not exceed.
func nearest(sorted []int64, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return time.Duration(sorted[rank-1]) * time.Microsecond
}
