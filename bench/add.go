package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/order"
)

// producers is how many place at once: as many as a busy panel has connections.
const producers = 256

// all measures every row.
func (b *bench) all(ctx context.Context) error {
	if b.wants("add") {
		if err := errors.Join(b.syncs(), b.bare(ctx)); err != nil {
			return err
		}
	}
	if err := b.sqlite(ctx); err != nil {
		return err
	}
	if !pgtest.Available() {
		b.say("nothing on PostgreSQL: no server on this machine (make setup installs it)")
		return nil
	}
	server, err := pgtest.Start(ctx, pgtest.Options{Durable: true})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return errors.Join(b.postgres(ctx, server), server.Stop())
}

func (b *bench) sqlite(ctx context.Context) error {
	if b.wants("webhooks") {
		if err := b.webhooks(ctx, "SQLite", "sqlite:"+filepath.Join(b.dir, "webhooks.db")); err != nil {
			return err
		}
	}
	if b.wants("export") {
		if err := b.export(ctx, "SQLite", "sqlite:"+filepath.Join(b.dir, "export.db")); err != nil {
			return err
		}
	}
	if b.wants("pages") {
		if err := b.pages(ctx, "SQLite", "sqlite:"+filepath.Join(b.dir, "pages.db")); err != nil {
			return err
		}
	}
	if !b.wants("add") {
		return nil
	}
	for _, c := range []struct {
		name      string
		ungrouped bool
	}{{"SQLite, one by one", true}, {"SQLite, grouped", false}} {
		url := "sqlite:" + filepath.Join(b.dir, strconv.FormatBool(c.ungrouped)+".db")
		if err := b.engine(ctx, c.name, url, 1, c.ungrouped, floorSync); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) postgres(ctx context.Context, server *pgtest.Server) error {
	if b.wants("webhooks") {
		const database = "bench_webhooks"
		if err := server.CreateDatabase(ctx, database); err != nil {
			return fmt.Errorf("webhooks: %w", err)
		}
		if err := b.webhooks(ctx, "PostgreSQL", server.URL(database)); err != nil {
			return err
		}
	}
	if b.wants("export") {
		const database = "bench_export"
		if err := server.CreateDatabase(ctx, database); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if err := b.export(ctx, "PostgreSQL", server.URL(database)); err != nil {
			return err
		}
	}
	if b.wants("pages") {
		const database = "bench_pages"
		if err := server.CreateDatabase(ctx, database); err != nil {
			return fmt.Errorf("pages: %w", err)
		}
		if err := b.pages(ctx, "PostgreSQL", server.URL(database)); err != nil {
			return err
		}
	}
	if !b.wants("add") {
		return nil
	}
	if err := b.pgbench(ctx, server); err != nil {
		return err
	}
	for _, c := range []struct {
		name      string
		accounts  int
		ungrouped bool
	}{
		{"PostgreSQL, hot account, one by one", 1, true},
		{"PostgreSQL, hot account, grouped", 1, false},
		{"PostgreSQL, 1,000 accounts, grouped", 1000, false},
	} {
		database := fmt.Sprintf("bench_%d_%t", c.accounts, c.ungrouped)
		if err := server.CreateDatabase(ctx, database); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if err := b.engine(ctx, c.name, server.URL(database), c.accounts, c.ungrouped, floorPgbench); err != nil {
			return err
		}
	}
	return nil
}

// engine measures add in process and over HTTP on one database.
func (b *bench) engine(ctx context.Context, name, url string, accounts int, ungrouped bool, reference string) error {
	settings := config.Serve{
		Storage:  config.Storage{DatabaseURL: url},
		Outbound: config.Outbound{ProviderTimeout: time.Second},
		Listen:   "127.0.0.1:0", AutoMigrate: true, Ungrouped: ungrouped,
	}
	server, err := app.NewServer(ctx, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	server.Start()
	err = b.adds(ctx, name, server, accounts, reference)
	return errors.Join(err, server.Stop(ctx))
}

func (b *bench) adds(ctx context.Context, name string, server *app.Server, accounts int, reference string) error {
	buyers, keys, err := seed(ctx, server, accounts)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.say("add in process, " + name)
	rate, err := b.inProcess(ctx, server, buyers)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.add("add in process, "+name, rate, reference)
	b.say("add over HTTP, " + name)
	rate, err = load(ctx, server.URL()+"/api/v2", keys, b.length)
	if err != nil {
		return fmt.Errorf("%s over HTTP: %w", name, err)
	}
	b.add("add over HTTP, "+name, rate, floorBare)
	return nil
}

// inProcess places orders from many goroutines and returns how many a second.
func (b *bench) inProcess(ctx context.Context, server *app.Server, buyers []order.Buyer) (float64, error) {
	epochs, err := server.Epochs.Current(ctx)
	if err != nil {
		return 0, err
	}
	snapshot, err := server.Cache.At(ctx, epochs.Catalog)
	if err != nil {
		return 0, err
	}
	return together(ctx, b.length, func(ctx context.Context, worker, n int) error {
		request, err := order.ParseRequest(fields(fmt.Sprintf("p-%d-%d", worker, n)))
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

// together runs one in producers goroutines for a while and returns the calls a
// second. The first error ends it.
func together(ctx context.Context, length time.Duration, one func(ctx context.Context, worker, n int) error) (float64, error) {
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, producers)
	began := clock.System()
	for worker := range producers {
		wg.Go(func() {
			for n := 0; clock.System().Sub(began) < length; n++ {
				if err := one(ctx, worker, n); err != nil {
					errs[worker] = err
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / clock.System().Sub(began).Seconds(), errors.Join(errs...)
}

// load sends add over HTTP on as many connections as there are producers.
func load(ctx context.Context, address string, keys []string, length time.Duration) (float64, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: producers, MaxConnsPerHost: producers}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	return together(ctx, length, func(ctx context.Context, worker, n int) error {
		requestID := fmt.Sprintf("h-%d-%d", worker, n)
		get := fields(requestID)
		form := url.Values{"key": {keys[(worker+n)%len(keys)]}, "action": {"add"}}
		for _, name := range []string{"service", "request_id", "link", "quantity"} {
			form.Set(name, get(name))
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
		if err != nil {
			return fmt.Errorf("make a request: %w", err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := client.Do(r)
		if err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("answer %d %s: %w", response.StatusCode, body, err)
		}
		return nil
	})
}
