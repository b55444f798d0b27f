// Package app is the composition root: it builds everything from the settings,
// runs it until it is told to stop, and ends it in order.
package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/report"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/webhook"
)

// Core is the domain on an open database: what the server and every command use.
type Core struct {
	DB            *db.DB
	Ring          *secret.Ring
	Currency      string
	Accounts      *account.Store
	Keys          *apikey.Store
	Catalog       *catalog.Store
	Providers     *provider.Store
	Orders        *order.Store
	Settler       *fulfil.Settler
	Requests      *requestlog.Store
	Mails         *notify.Store
	Webhooks      *webhook.Store
	Payments      *payment.Store
	Giveaways     *giveaway.Store
	Blog          *blog.Store
	Announcements *announce.Store
	Staff         *staff.Store
	Bulk          *bulk.Store
	Notices       *notice.Store
	Report        *report.Store
	Panel         *panel.Store
}

// CoreOptions say how a Core is opened.
type CoreOptions struct {
	// Migrate makes a database that is not there and brings the schema up to
	// date; without it a missing or outdated one is refused and nothing is made.
	Migrate bool
	// Database are the database's own options.
	Database db.Options
}

// OpenCore opens the database, checks its schema and the panel's key.
func OpenCore(ctx context.Context, s config.Storage, o CoreOptions) (*Core, error) {
	if err := s.Load(); err != nil {
		return nil, err
	}
	d, err := OpenDatabase(ctx, s, o)
	if err != nil {
		return nil, err
	}
	c, err := buildCore(ctx, d, s, o)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return c, nil
}

func buildCore(ctx context.Context, d *db.DB, s config.Storage, o CoreOptions) (*Core, error) {
	if o.Migrate {
		if _, err := d.Migrate(ctx); err != nil {
			return nil, fmt.Errorf("bring the schema up to date: %w", err)
		}
	} else if err := d.CheckSchema(ctx); err != nil {
		return nil, err
	}
	ring, err := openRing(ctx, d, s)
	if err != nil {
		return nil, err
	}
	c := &Core{
		DB: d, Ring: ring,
		Accounts: account.NewStore(d), Keys: apikey.NewStore(d, ring), Catalog: catalog.NewStore(d),
		Providers: provider.NewStore(d, ring), Orders: order.NewStore(d), Settler: fulfil.NewSettler(d),
		Requests: requestlog.NewStore(d),
		Mails:    notify.NewStore(ring),
		Webhooks: webhook.NewStore(d, ring),
		Payments: payment.NewStore(d), Giveaways: giveaway.NewStore(d, ring),
		Blog: blog.NewStore(d), Announcements: announce.NewStore(d),
		Staff: staff.NewStore(d), Bulk: bulk.NewStore(d),
		Notices: notice.NewStore(d, ring),
		Report:  report.NewStore(d),
		Panel:   panel.NewStore(d),
	}
	c.Keys.Tell, c.Keys.Ended = tellOfKey(c.Mails), webhook.KeyRevoked
	c.Webhooks.Tell, c.Giveaways.Tell = tellOfWebhook(c.Mails), tellOfPrize
	err = d.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT currency FROM panel WHERE id = 1`).Scan(&c.Currency)
	})
	if err != nil {
		return nil, fmt.Errorf("read the panel's settings: %w", err)
	}
	c.Payments.Tell = tellOfPayment(c.Mails, c.Currency)
	return c, nil
}

// Close closes the database.
func (c *Core) Close() error { return c.DB.Close() }
