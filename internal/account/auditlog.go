package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
)

// Record adds an act of staff or of the command line to the audit log, in the
// transaction of the act. Each row's hash covers the row before it, so that a
// row can't be changed or taken out unnoticed. It locks the log's head: call it
// last, after the epoch was moved, so that no two transactions wait for each other.
func Record(tx *db.Tx, actor, action, target, detail string) error {
	var seq int64
	var before string
	err := tx.QueryRow(`SELECT seq, hash FROM audit_head WHERE id = 1 FOR NO KEY UPDATE`).Scan(&seq, &before)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	seq++
	hash := chainHash(before, seq, tx.Now, actor, action, target, detail)
	_, err = tx.Exec(`INSERT INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		seq, db.At(tx.Now), actor, action, target, detail, hash)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	_, err = tx.Exec(`UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1`, seq, hash)
	return err
}

func chainHash(before string, seq int64, at time.Time, fields ...string) string {
	var b strings.Builder
	for _, f := range append([]string{before, strconv.FormatInt(seq, 10), strconv.FormatInt(clock.Micros(at), 10)}, fields...) {
		fmt.Fprintf(&b, "%d:%s", len(f), f)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// logPage is how many rows one short read of the proof takes.
const logPage = 500

// VerifyLog walks the audit log's chain, calls differs where it is broken, or
// where a row says that something was made that is not there, and returns the
// number of rows.
func VerifyLog(ctx context.Context, d *db.DB, differs func(text string)) (rows int64, err error) {
	var hash string
	after := int64(math.MinInt64) // a row before the first is one too many
	for {
		var page []logRow
		var headSeq int64
		var headHash string
		err := d.Read(ctx, func(tx *db.Tx) (err error) {
			page, err = db.All(tx, scanLog, `
				SELECT seq, at, actor, action, target, detail, hash, CASE action
					WHEN 'account.create' THEN (SELECT COUNT(*) FROM accounts x WHERE x.id = target)
					WHEN 'key.create' THEN (SELECT COUNT(*) FROM api_keys x WHERE x.id = target)
					WHEN 'provider.add' THEN (SELECT COUNT(*) FROM providers x WHERE x.id = target)
					WHEN 'account.credit' THEN (SELECT COUNT(*) FROM transfers x WHERE x.kind = 'credit' AND x.ref = substr(detail, 1, 30))
					ELSE 1 END
				FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2`, after, logPage)
			if err != nil {
				return err
			}
			return tx.QueryRow(`SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&headSeq, &headHash)
		})
		if err != nil {
			return rows, fmt.Errorf("verify the audit log: %w", err)
		}
		for _, r := range page {
			if r.seq != rows+1 || r.hash != chainHash(hash, r.seq, r.at, r.actor, r.action, r.target, r.detail) {
				differs(fmt.Sprintf("audit log: row %d does not follow from row %d", r.seq, rows))
			}
			if r.made == 0 {
				differs(fmt.Sprintf("audit log: row %d is the %s of %s, which is not there", r.seq, r.action, r.target))
			}
			rows, hash = r.seq, r.hash
			after = r.seq
		}
		if len(page) == logPage {
			continue
		}
		if rows != headSeq || hash != headHash {
			differs(fmt.Sprintf("audit log: it ends at row %d, its head says %d", rows, headSeq))
		}
		return rows, nil
	}
}

type logRow struct {
	seq                                 int64
	at                                  time.Time
	actor, action, target, detail, hash string

	made int64 // 0: what the row says was made is not there
}

func scanLog(s db.Scanner) (r logRow, err error) {
	err = s.Scan(&r.seq, db.Time(&r.at), &r.actor, &r.action, &r.target, &r.detail, &r.hash, &r.made)
	return r, err
}
