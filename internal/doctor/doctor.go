// Package doctor looks whether a panel can work with its settings on this machine: its
// disk, clock, database, backups, what it reaches and its mail. Each finding says what
// to do about it.
//
// It changes nothing and sends nothing but the beginning of a connection.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
)

// Verdict is how a finding stands.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // it works, and will not always
	Bad  Verdict = "bad"  // it does not work
)

// Finding is one line of what the doctor says.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	About   string  `json:"about"`
	Says    string  `json:"says"`
	Do      string  `json:"do"` // "" where nothing is to be done
}

// patience bounds what one look may wait for.
const patience = 10 * time.Second

// doctor is one examination.
type doctor struct {
	settings config.Serve
	db       *db.DB // nil where it could not be opened
	found    []Finding
}

// Examine looks at everything and returns what it found, in order.
func Examine(ctx context.Context, settings config.Serve) []Finding {
	d := &doctor{settings: settings}
	if !d.checkSettings() {
		return d.found
	}
	d.checkAddresses()
	d.checkDisk()
	if d.open(ctx) {
		d.checkDatabase(ctx)
		d.checkClock(ctx)
		d.checkStanding(ctx)
	}
	d.checkBackups()
	d.checkRedis(ctx)
	d.checkOutbound(ctx)
	d.checkMail(ctx)
	if d.db != nil {
		if err := d.db.Close(); err != nil {
			d.bad("database", "it can't be closed: "+err.Error(), "look at the disk")
		}
	}
	return d.found
}

func (d *doctor) say(v Verdict, about, says, do string) {
	d.found = append(d.found, Finding{v, about, says, do})
}

func (d *doctor) ok(about, says string)       { d.say(OK, about, says, "") }
func (d *doctor) warn(about, says, do string) { d.say(Warn, about, says, do) }
func (d *doctor) bad(about, says, do string)  { d.say(Bad, about, says, do) }

// checkSettings reports whether the rest can be looked at.
func (d *doctor) checkSettings() bool {
	if err := d.settings.Validate(); err != nil {
		d.bad("settings", err.Error(), "correct this one and ask again: the panel does not start with it, and nothing else was looked at")
		return false
	}
	d.ok("settings", "all can be used")
	if d.settings.Dev {
		d.warn("settings", "NOTPANEL_DEV is set: mail is shown instead of sent", "take it away where customers come")
	}
	if d.settings.SupportEmail == "" && d.settings.Contact == "" {
		d.warn("settings", "the contact page names nobody", "set NOTPANEL_SUPPORT_EMAIL or NOTPANEL_CONTACT")
	}
	return true
}

// open opens the database with the panel's key.
func (d *doctor) open(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	opened, err := app.OpenDatabase(ctx, d.settings.Storage, app.CoreOptions{Database: db.Options{BusyWait: patience}})
	if err != nil {
		d.bad("database", err.Error(), "look at NOTPANEL_DATABASE_URL, and whether the server runs and lets this user in; on a new machine `notpanel serve` makes a new database")
		return false
	}
	d.db = opened
	var check string
	err = opened.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT secret_check FROM panel WHERE id = 1`).Scan(&check)
	})
	switch place := app.KeyPlace(d.settings.Storage); {
	case err != nil:
		d.bad("key", "the database does not say which key is its own: "+err.Error(), "run `notpanel migrate status`")
	case check == "":
		d.ok("key", "the database has none yet; the first start makes it in "+place)
	default:
		if _, err := app.RingFor(d.settings.Storage, fingerprint(check)); err != nil {
			d.bad("key", err.Error(), "bring the panel's own key back: without it no API key and no sealed secret can be used")
			break
		}
		d.ok("key", "it is the database's own; keep "+place+" apart from the backups")
	}
	return true
}

func (d *doctor) checkStanding(ctx context.Context) {
	core := app.Core{DB: d.db}
	standing, err := core.Standing(ctx)
	switch {
	case err != nil:
		d.bad("restore", err.Error(), "run `notpanel migrate status`")
	case standing.Waits:
		d.warn("restore", "the panel was brought back from a backup at "+standing.Since.UTC().Format(time.RFC3339)+" and sends nothing",
			"settle what `notpanel order list --state uncertain` shows, then `notpanel resume`")
	}
}

// checkBackups looks at the schedule's folder.
func (d *doctor) checkBackups() {
	s := d.settings
	if s.BackupEvery == 0 {
		d.warn("backups", "the panel makes none by itself", "set NOTPANEL_BACKUP_EVERY and NOTPANEL_BACKUP_FOLDER, or run `notpanel backup` from a timer")
		return
	}
	if err := backup.CheckTools(s.DatabaseURL); err != nil {
		d.bad("backups", err.Error(), "install it, or no backup can be made")
		return
	}
	schedule := backup.Schedule{Folder: s.BackupFolder, Now: now, Log: slog.New(slog.DiscardHandler)}
	age, found, err := schedule.Age()
	switch about := "backups"; {
	case err != nil:
		d.bad(about, err.Error(), "let this user read and write NOTPANEL_BACKUP_FOLDER")
	case !found:
		d.warn(about, "there is none in "+s.BackupFolder+" yet", "the panel makes the first minutes after it starts; `notpanel backup "+s.BackupFolder+"` makes one now")
	case age > 2*s.BackupEvery+time.Hour:
		d.bad(about, fmt.Sprintf("the newest is %s old, one is to be made every %s", age.Round(time.Minute), s.BackupEvery), "look for \"no backup was made\" in the panel's log")
	default:
		d.ok(about, fmt.Sprintf("the newest is %s old; `notpanel backup --verify %s` tries it", age.Round(time.Minute), s.BackupFolder))
	}
	if err := writable(s.BackupFolder); err != nil {
		d.bad("backups", "nothing can be written into "+s.BackupFolder+": "+err.Error(), "let this user write there, and see that the disk is not full")
	}
}
