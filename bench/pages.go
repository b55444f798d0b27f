package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
)

const (
	// pagesTimes is how often each page is asked for.
	pagesTimes = 100
	// pagesLong is when a page that is slow is asked for no more.
	pagesLong = 20 * time.Second
)

// pages measures the pages of a panel with 1,000,000 orders, 100,000 accounts and
// 5,000 services, those of its largest customer and those of its staff: how long the
// server takes for each, one after the other.
func (b *bench) pages(ctx context.Context, e engine) error {
	c, err := b.crowdOf(ctx, e, crowdMany)
	if err != nil {
		return err
	}
	set := settings(c.url)
	set.StaffWithoutSecondFactor = true
	return serving(ctx, set, func(server *app.Server) error { return b.pagesOf(ctx, e.name, c, server) })
}

func (b *bench) pagesOf(ctx context.Context, name string, c *crowded, server *app.Server) error {
	b.say(fmt.Sprintf("pages with %d orders and %d accounts, %s", c.orders, crowdAccounts, name))
	client, err := signedIn(ctx, server, c.buyer)
	if err != nil {
		return err
	}
	if err := b.visit(ctx, name, server, client, customersPages()); err != nil {
		return err
	}
	// The same person becomes the owner, whom every page of staff lets in.
	err = server.Core.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE accounts SET role = 'owner' WHERE id = $1`, c.buyer.AccountID)
		return err
	})
	if err != nil {
		return err
	}
	one, err := server.Core.Orders.Oldest(ctx, false, 1)
	if err != nil || len(one) == 0 {
		return fmt.Errorf("no order waits for a person: %w", err)
	}
	return b.visit(ctx, name, server, client, append(staffPages(),
		"/admin/orders/"+one[0].ID, "/admin/accounts/"+c.buyer.AccountID, "/admin/accounts/"+c.buyer.AccountID+"/statement"))
}

// visit asks for each page, a first time to see that it is there.
func (b *bench) visit(ctx context.Context, name string, server *app.Server, client *http.Client, paths []string) error {
	for _, path := range paths {
		var all []time.Duration
		first := clock.System()
		for i := 0; i <= pagesTimes && (i < 2 || clock.System().Sub(first) < pagesLong); i++ {
			began := clock.System()
			if _, err := download(ctx, client, server.URL()+path); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if i > 0 {
				all = append(all, clock.System().Sub(began))
			}
		}
		b.delays(path+", "+name, all)
		b.say(fmt.Sprintf("pages, %s: %s, median %s", name, path, all[len(all)/2].Round(time.Millisecond/10)))
	}
	return nil
}

func customersPages() []string {
	return []string{
		"/", "/services", "/services?q=placement+4000", "/pricing", "/status",
		"/dashboard", "/dashboard/orders", "/dashboard/orders?before=250000", "/dashboard/orders?state=failed", "/dashboard/orders?state=in_progress",
		"/dashboard/orders?q=p%2F7777", "/dashboard/orders?from=2020-01-01", "/dashboard/orders/250000",
		"/dashboard/orders/new", "/dashboard/orders/new?q=placement+4000", "/dashboard/orders/new?service=1", "/dashboard/orders/mass",
		"/dashboard/drip-feeds", "/dashboard/subscriptions", "/dashboard/refills",
		"/dashboard/wallet", "/dashboard/wallet?before=250000", "/dashboard/notices", "/dashboard/api", "/dashboard/account",
	}
}

func staffPages() []string {
	return []string{
		"/admin", "/admin/orders", "/admin/orders?state=held", "/admin/orders?state=completed", "/admin/orders?state=failed", "/admin/orders?attention=1",
		"/admin/orders?q=q%2F7777", "/admin/orders?account=customer-4711%40example.com", "/admin/orders?account=" + browserPerson,
		"/admin/orders/bulk?state=completed", "/admin/orders/bulk?state=failed", "/admin/bulk",
		"/admin/accounts", "/admin/accounts?q=customer-9", "/admin/accounts?q=4711&state=suspended", "/admin/accounts?state=suspended",
		"/admin/services", "/admin/services?q=placement+4000", "/admin/services/1", "/admin/categories", "/admin/import", "/admin/providers", "/admin/texts",
		"/admin/topups", "/admin/staff", "/admin/log", "/admin/announcements", "/admin/posts", "/admin/giveaways",
	}
}
