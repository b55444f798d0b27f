package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// setup is a panel whose add is measured.
type setup struct {
	name      string // after the engine's
	database  string
	url       string // of the database, once it was made
	accounts  int
	ungrouped bool

	toFloor, toBare *mark  // in process, and over HTTP
	beside          string // the setup that grouping is compared with; "" is none
	gain, gainHTTP  *mark  // by how much it should be faster than that one
}

// The beginnings of the rows' names.
const (
	addInProcess = "add in process, "
	addOverHTTP  = "add over HTTP, "
)

// setups are the panels of an engine, those that others are compared with first.
func setups(e engine) []setup {
	const oneByOne, hotOneByOne = ", one by one", ", hot account, one by one"
	return either(e, []setup{
		{name: oneByOne, database: "one", accounts: 1, ungrouped: true},
		{name: ", grouped", database: "hot", accounts: 1, toBare: least(0.2), beside: oneByOne, gain: least(5), gainHTTP: least(2.5)},
	}, []setup{
		{name: hotOneByOne, database: "one", accounts: 1, ungrouped: true},
		{name: ", hot account, grouped", database: "hot", accounts: 1, toBare: least(0.2), beside: hotOneByOne, gain: least(20), gainHTTP: least(8)},
		{name: ", 1,000 accounts, grouped", database: "many", accounts: 1000, toFloor: least(2.5)},
	})
}

// placing measures add on one engine.
func (b *bench) placing(ctx context.Context, e engine) error {
	reference := floorSync
	if e.server != nil {
		reference = floorPgbench
		if err := b.pgbench(ctx, e.server); err != nil {
			return err
		}
	}
	for _, s := range setups(e) {
		var err error
		if s.url, err = e.newDatabase(ctx, "bench_"+s.database); err != nil {
			return err
		}
		if err := b.panel(ctx, e.name, reference, s); err != nil {
			return fmt.Errorf("%s%s: %w", e.name, s.name, err)
		}
	}
	return nil
}

// unlimited are limits that are counted and never reached: the panels that are
// measured look at every one of them.
func unlimited() config.Limits {
	const high = 1_000_000_000
	n := strconv.Itoa(high)
	return config.Limits{LimitIP: high, LimitKey: high, LimitPages: high, LimitTiers: "standard=" + n + ",reseller=" + n + ",agency=" + n}
}

// settings are those of a panel in this process.
func settings(url string) config.Serve {
	return config.Serve{
		Storage:  config.Storage{DatabaseURL: url},
		Outbound: config.Outbound{ProviderTimeout: time.Minute, OutboundAllow: loopback},
		Limits:   unlimited(),
		Listen:   "127.0.0.1:0", AutoMigrate: true,
	}
}

// panel measures add in process and over HTTP on one database.
func (b *bench) panel(ctx context.Context, engineName, reference string, s setup) error {
	set := settings(s.url)
	set.Ungrouped = s.ungrouped
	return serving(ctx, set, func(server *app.Server) error { return b.adds(ctx, engineName, server, reference, s) })
}

// serving runs work on a panel in this process that serves meanwhile.
func serving(ctx context.Context, set config.Serve, work func(*app.Server) error) error {
	server, err := app.NewServer(ctx, set, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	server.Start()
	return errors.Join(work(server), server.Stop(ctx))
}

func (b *bench) adds(ctx context.Context, engineName string, server *app.Server, reference string, s setup) error {
	buyers, keys, err := seed(ctx, server, s.accounts)
	if err != nil {
		return err
	}
	name := addInProcess + engineName + s.name
	b.say(name)
	warm, err := inProcess(ctx, server, buyers, "w", b.length/rounds)
	if err != nil {
		return err
	}
	if server.Core.DB.Engine() == db.Postgres {
		// Of tables that were empty a moment ago the server knows nothing, and looks for a
		// request id through all orders of its account.
		if err := vacuum(ctx, s.url); err != nil {
			return err
		}
	}
	within, err := inProcess(ctx, server, buyers, "p", b.length)
	if err != nil {
		return err
	}
	b.add(name, within.rate, reference, s.toFloor)
	if s.beside != "" {
		b.add(name, within.rate, addInProcess+engineName+s.beside, s.gain)
	}
	name = addOverHTTP + engineName + s.name
	b.say(name)
	over, err := placeOver(ctx, server.URL()+"/api/v2", keys, "h", b.length)
	if err != nil {
		return fmt.Errorf("over HTTP: %w", err)
	}
	b.add(name, over.rate, floorBare, s.toBare)
	if s.beside != "" {
		b.add(name, over.rate, addOverHTTP+engineName+s.beside, s.gainHTTP)
	}
	return booked(ctx, server.Core.DB, warm.calls+within.calls+over.calls, s.accounts)
}

// booked proves that the database holds as many orders as were answered, and that
// they were paid for.
func booked(ctx context.Context, d *db.DB, answered int64, accounts int) error {
	var orders, unpaid int64
	var charged, left money.Amount
	err := d.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT (SELECT COUNT(*) FROM orders), (SELECT CAST(COALESCE(SUM(charge), 0) AS BIGINT) FROM orders),
				(SELECT COUNT(*) FROM orders o WHERE NOT EXISTS (SELECT 1 FROM transfers t WHERE t.kind = 'order' AND t.ref = o.id AND t.amount = o.charge)),
				(SELECT CAST(SUM(balance) AS BIGINT) FROM wallets WHERE mode = 'live')`).Scan(&orders, &charged, &unpaid, &left)
	})
	if err != nil {
		return fmt.Errorf("count orders: %w", err)
	}
	if orders != answered || unpaid != 0 || left+charged != money.Amount(accounts)*wealth {
		return fmt.Errorf("%d orders were answered: the database has %d, %d of them unpaid, for %s, and %s is left", answered, orders, unpaid, charged, left)
	}
	return nil
}

// inProcess places orders from many goroutines.
func inProcess(ctx context.Context, server *app.Server, buyers []order.Buyer, prefix string, length time.Duration) (tally, error) {
	epochs, err := server.Epochs.Current(ctx)
	if err != nil {
		return tally{}, err
	}
	snapshot, err := server.Cache.At(ctx, epochs.Catalog)
	if err != nil {
		return tally{}, err
	}
	return together(ctx, producers, length, func(ctx context.Context, worker, n int) error {
		request, err := order.ParseRequest(fields(fmt.Sprintf("%s-%d-%d", prefix, worker, n)))
		if err != nil {
			return err
		}
		_, err = server.Placer.Place(ctx, buyers[(worker+n)%len(buyers)], request, snapshot)
		return err
	})
}

// fields are those of an order like many.
func fields(requestID string) func(string) string {
	all := map[string]string{
		"service": "1", "request_id": requestID, "link": "https://example.com/p/" + requestID, "quantity": "1000",
	}
	return func(name string) string { return all[name] }
}

// addForm is the same as a request.
func addForm(key, requestID string) string {
	return form(key, "add", "service", "1", "request_id", requestID, "link", "https://example.com/p/"+requestID, "quantity", "1000")
}

// placeOver sends add over HTTP on as many connections as there are producers.
func placeOver(ctx context.Context, address string, keys []string, prefix string, length time.Duration) (tally, error) {
	c := newCaller(address, producers)
	defer c.close()
	return together(ctx, producers, length, func(ctx context.Context, worker, n int) error {
		response, err := c.send(ctx, addForm(keys[(worker+n)%len(keys)], fmt.Sprintf("%s-%d-%d", prefix, worker, n)))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return errors.Join(err, response.Body.Close())
	})
}
