package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

// VerifyLog walks the audit log's chain, calls differs where it is broken and
// returns the number of rows.
func VerifyLog(ctx context.Context, d *db.DB, differs func(text string)) (rows int64, err error) {
	var hash string
	for {
		var page []logRow
		var headSeq int64
		var headHash string
		err := d.Read(ctx, func(tx *db.Tx) (err error) {
			page, err = db.All(tx, scanLog, `
				SELECT seq, at, actor, action, target, detail, hash
				FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2`, rows, logPage)
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
			rows, hash = r.seq, r.hash
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
}

func scanLog(s db.Scanner) (r logRow, err error) {
	err = s.Scan(&r.seq, db.Time(&r.at), &r.actor, &r.action, &r.target, &r.detail, &r.hash)
	return r, err
}
