package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// A bell is heard once for a commit, whatever it was rung, and not at all for
// what was rolled back.
func TestRingIsHeardAfterTheCommitAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		heard := 0
		d.OnCommit("post", func() { heard++ })
		refused := errors.New("refused")
		for _, step := range []struct {
			name string
			ring string
			err  error
			want int
		}{
			{"rolled back", "post", refused, 0},
			{"another bell", "door", nil, 0},
			{"committed", "post", nil, 1},
			{"without a bell", "", nil, 1},
		} {
			err := d.Write(context.Background(), func(tx *db.Tx) error {
				if step.ring != "" {
					tx.Ring(step.ring)
					tx.Ring(step.ring)
				}
				return step.err
			})
			if !errors.Is(err, step.err) || heard != step.want {
				t.Errorf("%s: error %v, heard %d, want %d", step.name, err, heard, step.want)
			}
		}
	})
}
