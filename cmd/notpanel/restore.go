package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/incarnation"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/webhook"
)

// restoreCommand reads a backup into a new place.
type restoreCommand struct {
	storage
	output

	File       string `arg:"" optional:"" type:"existingfile" help:"The backup. --database-url names the new place: a file that is not there, or an empty database."`
	Mark       bool   `help:"Instead of a file: what --database-url names was brought back by other means (a replica, a base backup, a copied file). No panel may be serving it."`
	RevokeKeys bool   `help:"Revoke all API keys: those that were revoked after the backup was made hold again otherwise."`
}

// restoreReport is what was brought back.
type restoreReport struct {
	Place  string     `json:"place"`
	MadeAt *time.Time `json:"made_at"` // null with --mark: nobody knows
	backup.Started
}

// Run brings the panel back.
func (c *restoreCommand) Run(ctx context.Context, t terminal) error {
	if (c.File == "") != c.Mark {
		return &usageError{"name the backup to restore, or say --mark for a database that was brought back by other means"}
	}
	r := restoreReport{}
	err := c.mark(ctx, &r)
	if c.File != "" {
		err = c.restore(ctx, t, &r)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return t.json(r)
	}
	c.print(t, r)
	return nil
}

func (c *restoreCommand) restore(ctx context.Context, t terminal, r *restoreReport) (err error) {
	if err := c.Load(); err != nil {
		return &usageError{err.Error()}
	}
	next, done := t.progress()
	defer done()
	next("reading the backup")
	file, err := backup.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Check(ctx); err != nil {
		return err
	}
	var ring *secret.Ring
	if file.Key != "" {
		if ring, err = app.RingFor(c.Storage, file.Key); err != nil {
			return err
		}
	}
	next("restoring")
	r.Place, r.MadeAt = c.place(), &file.MadeAt
	return file.Restore(ctx, backup.Into{
		URL: c.DatabaseURL, Options: options(false).Database,
		Change: func(ctx context.Context, d *db.DB, finish func(*db.Tx) error) error {
			n := c.incarnation("the backup of " + file.MadeAt.UTC().Format(time.RFC3339))
			n.Finish = finish
			if c.RevokeKeys && ring != nil {
				keys := apikey.NewStore(d, ring)
				keys.Ended = webhook.KeyRevoked
				n.RevokeKeys = keys.RevokeEvery
			}
			r.Started, err = n.Start(ctx, d)
			return err
		},
	})
}

func (c *restoreCommand) incarnation(detail string) backup.Incarnation {
	return backup.Incarnation{Actor: actor, Detail: detail}
}

// place names where the panel is now, without a password.
func (c *restoreCommand) place() string {
	if path, isFile := c.SQLitePath(); isFile {
		return path
	}
	return db.ParseAddress(c.DatabaseURL).Place()
}

// mark begins a new incarnation of a database that is there.
func (c *restoreCommand) mark(ctx context.Context, r *restoreReport) (err error) {
	if !c.Mark {
		return nil
	}
	if err := c.Load(); err != nil {
		return &usageError{err.Error()}
	}
	lock, err := db.LockFile(c.DatabaseURL)
	if err != nil {
		return err
	}
	if lock != nil {
		defer func() { err = errors.Join(err, lock.Unlock()) }()
	}
	core, err := app.OpenCore(ctx, c.Storage, app.CoreOptions{Migrate: true, Database: options(false).Database})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	n := c.incarnation("brought back by other means")
	if c.RevokeKeys {
		n.RevokeKeys = core.Keys.RevokeEvery
	}
	if core.DB.Engine() == db.SQLite {
		n.Finish = func(tx *db.Tx) error { return tx.SetRunID(0) }
	}
	r.Place = c.place()
	r.Started, err = n.Start(ctx, core.DB)
	return err
}

func (c *restoreCommand) print(t terminal, r restoreReport) {
	fmt.Fprintf(t.out, "%s is a restored panel now. %s, %s and %s wait for a person: they may have been sent after the backup was made.\n",
		r.Place, count(r.Orders, "order"), count(r.DripFeeds, "drip-feed"), count(r.Refills, "refill"))
	if r.Works > 0 {
		fmt.Fprintf(t.out, "%s of staff for many orders ended where it was: see `/admin/bulk`.\n", count(r.Works, "work"))
	}
	switch {
	case c.RevokeKeys:
		fmt.Fprintf(t.out, "%s revoked.\n", count(r.KeysRevoked, "API key"))
	case r.MadeAt != nil:
		fmt.Fprintf(t.out, "API keys that were revoked after %s hold again: `notpanel key list` shows all, and --revoke-keys would have revoked them.\n", r.MadeAt.UTC().Format(time.RFC3339))
	default:
		fmt.Fprintln(t.out, "API keys that were revoked since the copy was made hold again: `notpanel key list` shows all.")
	}
	fmt.Fprintln(t.out, `Everybody is signed out. Nothing is sent, not even mail, until you say so:
  notpanel audit                          proves the books
  notpanel order list --state uncertain   what may have been sent; settle each, or many at /admin/orders
  notpanel resume                         lets the panel work`)
}

// resumeCommand lets a restored panel work.
type resumeCommand struct{ storage }

// Run ends the waiting on every node.
func (c *resumeCommand) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		waiting, err := core.Orders.Waiting(ctx)
		if err != nil {
			return err
		}
		var waited bool
		err = core.DB.Write(ctx, func(tx *db.Tx) error {
			waited, err = incarnation.Resume(tx, actor)
			return err
		})
		if err != nil {
			return err
		}
		if !waited {
			return errors.New("this panel waits for nobody: it is no restored copy, or was resumed before")
		}
		fmt.Fprintf(t.out, "Resumed: every node sends again within seconds. %s still wait for a person (`notpanel order list --state uncertain`); drip-feeds stay paused (`notpanel order resume ID`).\n",
			count(waiting.Uncertain, "uncertain order"))
		return nil
	})
}
