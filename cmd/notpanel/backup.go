package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
)

// backupCommand makes a backup, or tries one.
type backupCommand struct {
	storage
	output

	Path   string `arg:"" optional:"" help:"The file to write, or a folder for a file named by the time. Nothing is written over."`
	Verify string `type:"path" placeholder:"FILE" help:"Restore this backup into a place beside, prove its books, and take the place away again. A folder means the newest backup in it."`
}

// backupReport is what was written.
type backupReport struct {
	Path string `json:"path"`
	backup.Manifest

	KeyPlace string `json:"key_place"`
}

// Run makes the backup beside a serving panel, or tries one.
func (c *backupCommand) Run(ctx context.Context, t terminal) error {
	switch {
	case (c.Path == "") == (c.Verify == ""):
		return &usageError{"name the file or folder to write the backup to, or one to try: --verify FILE"}
	case c.Verify != "":
		return c.verify(ctx, t)
	}
	if _, err := os.Stat(c.Path); err != nil && strings.HasSuffix(c.Path, string(os.PathSeparator)) {
		return &usageError{"there is no folder " + c.Path + ": make it first, or name a file"}
	}
	return c.database(ctx, false, func(d *db.DB) error {
		if err := c.warnOfWaiting(ctx, &app.Core{DB: d}); err != nil {
			return err
		}
		next, done := t.progress()
		next("copying the database")
		path, m, err := backup.Make(ctx, backup.Source{DB: d, URL: c.DatabaseURL, Program: version}, c.Path)
		done()
		if err != nil {
			return err
		}
		r := backupReport{Path: path, Manifest: m, KeyPlace: app.KeyPlace(c.Storage)}
		if c.JSON {
			return t.json(r)
		}
		fmt.Fprintf(t.out, "Wrote %s: %s, SHA-256 %s.\n", path, size(m.Length), m.SHA256)
		fmt.Fprintln(t.out, keyAdvice(r))
		return nil
	})
}

// keyAdvice says what must be kept beside the backup.
func keyAdvice(r backupReport) string {
	if r.Key == "" {
		return "The database has no key yet."
	}
	return fmt.Sprintf("The panel's key is not in it: keep %s as well, in another place than the backups. Without the key %s\n"+
		"nobody's API key works in a restored panel, and what is sealed (providers' keys, webhook secrets, second factors) can't be read.", r.KeyPlace, r.Key)
}

// size is a number of bytes for people.
func size(bytes int64) string {
	const unit = 1024
	names := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	value, i := float64(bytes), 0
	for value >= unit && i < len(names)-1 {
		value, i = value/unit, i+1
	}
	if i == 0 {
		return fmt.Sprint(bytes, " ", names[0])
	}
	return fmt.Sprintf("%.1f %s", value, names[i])
}

// errBadBackup says that a trial found something.
var errBadBackup = errors.New("the books of this backup do not agree: keep it, make another at once and prove the panel itself with `notpanel audit`")

// verifyReport is what a trial found.
type verifyReport struct {
	Path string `json:"path"`
	backup.Manifest
	backup.Started

	Audit auditReport `json:"audit"`
}

func (c *backupCommand) verify(ctx context.Context, t terminal) (err error) {
	if err := c.Load(); err != nil {
		return &usageError{err.Error()}
	}
	path := c.Verify
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if path, err = backup.Newest(path, clock.System()); err != nil {
			return err
		}
	}
	next, done := t.progress()
	defer done()
	next("reading the backup")
	file, err := backup.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Check(ctx); err != nil {
		return err
	}
	r := verifyReport{Path: path, Manifest: file.Manifest}
	if err := c.try(ctx, t, file, &r); err != nil {
		return err
	}
	done()
	if c.JSON {
		err = t.json(r)
	} else {
		fmt.Fprintf(t.out, "%s: made %s with key %s; %d orders would wait for a person after a restore.\n", path, r.MadeAt.Format(time.RFC3339), r.Key, r.Orders)
		proof := auditCommand{}
		err = proof.print(t, r.Audit, true)
	}
	if err == nil && !r.Audit.OK {
		return errBadBackup
	}
	return err
}

// try restores the backup into a place of its own and proves what is in it.
func (c *backupCommand) try(ctx context.Context, t terminal, file *backup.File, r *verifyReport) (err error) {
	url, remove, err := file.Aside(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
	err = file.Restore(ctx, backup.Into{URL: url, Change: func(ctx context.Context, d *db.DB, finish func(*db.Tx) error) error {
		r.Started, err = backup.Incarnation{Actor: actor, Detail: "a trial", Finish: finish}.Start(ctx, d)
		return err
	}})
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, url, db.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	r.Audit, err = prove(ctx, t, d)
	return err
}
