package db

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLite's result codes that say that the file, and not what was written, is at fault.
const (
	sqliteBusy     = 5
	sqliteNoMemory = 7
	sqliteReadOnly = 8
	sqliteIO       = 10
	sqliteDamaged  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26

	sqlitePrimaryCode = 0xff // the part of an extended code that is one of these
)

// trialWait bounds the wait of a trial for its turn.
const trialWait = 5 * time.Second

// What a database's failure is called where no text of an error may stand.
const (
	diskFull    = "disk full"
	readOnly    = "read only"
	damaged     = "damaged"
	ioError     = "input/output error"
	unreachable = "not reachable"
)

// troubleOf names the failure of a database in fixed words; "" is one of the data,
// of the caller or of a moment.
func troubleOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresTrouble(pg.Code)
	}
	if code, ok := sqliteCode(err); ok {
		return sqliteTrouble(code & sqlitePrimaryCode)
	}
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, errClosed), errors.Is(err, context.Canceled), !IsDown(err):
		return ""
	default:
		return unreachable
	}
}

func sqliteTrouble(code int) string {
	switch code {
	case sqliteFull:
		return diskFull
	case sqliteReadOnly:
		return readOnly
	case sqliteDamaged, sqliteNotADB:
		return damaged
	case sqliteIO, sqliteCantOpen, sqliteNoMemory:
		return ioError
	default:
		return ""
	}
}

func postgresTrouble(code string) string {
	switch {
	case code == "53100":
		return diskFull
	case code == pgReadOnly:
		return readOnly
	case code == pgDataDamaged, code == pgIndexDamaged:
		return damaged
	case strings.HasPrefix(code, pgSystemClass):
		return ioError
	case strings.HasPrefix(code, pgShutdownClass), strings.HasPrefix(code, pgConnectionClass), strings.HasPrefix(code, pgResourceClass):
		return unreachable
	default:
		return ""
	}
}

// noteTrouble remembers why a write failed, for Trouble.
func (d *DB) noteTrouble(err error) {
	if err == nil {
		return
	}
	if why := troubleOf(err); why != "" {
		d.trouble.Store(&why)
	}
}

// trial is a write that tries whether writes succeed.
type trial struct {
	ended chan struct{} // closed when it has
	why   string        // it failed; read it after ended
}

// Trouble returns why writes fail, in fixed words, or "". Once one has failed, it
// tries whether they succeed again: another write that went well says little, for it
// may have changed nothing. An end of ctx ends the wait and not the trial; then it
// returns what was known.
func (d *DB) Trouble(ctx context.Context) string {
	known := d.trouble.Load()
	if known == nil {
		return ""
	}
	t := d.tryWriting() //nolint:contextcheck // the trial outlasts who asks
	select {
	case <-t.ended:
		return t.why
	case <-ctx.Done():
		return *known
	}
}

// tryWriting returns the trial that runs, or a new one.
func (d *DB) tryWriting() *trial {
	d.tries.Lock()
	defer d.tries.Unlock()
	if d.trial != nil {
		select {
		case <-d.trial.ended:
		default:
			return d.trial
		}
	}
	t := &trial{ended: make(chan struct{})}
	d.trial = t
	go func() {
		defer close(t.ended)
		ctx, cancel := context.WithTimeout(context.Background(), trialWait)
		defer cancel()
		err := d.Write(ctx, func(tx *Tx) error {
			_, err := tx.Exec(`UPDATE write_trials SET at = $1`, At(tx.Now))
			return err
		})
		switch known := d.trouble.Load(); {
		case err == nil:
			d.trouble.Store(nil)
		case troubleOf(err) != "":
			t.why = troubleOf(err)
		case known != nil:
			t.why = *known
		}
	}()
	return t
}
