package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
)

const (
	exported      = 1_000_000
	exportPlacers = 32
)

// export measures a download of a million orders of one account while others are
// placed: how many lines a second, how many orders meanwhile beside how many without,
// and by how much the heap grows at most.
func (b *bench) export(ctx context.Context, e engine) error {
	url, err := e.newDatabase(ctx, "bench_export")
	if err != nil {
		return err
	}
	return serving(ctx, settings(url), func(server *app.Server) error { return b.exports(ctx, e.name, server) })
}

func (b *bench) exports(ctx context.Context, name string, server *app.Server) error {
	buyers, _, err := seed(ctx, server, 1)
	if err != nil {
		return err
	}
	b.say(fmt.Sprintf("export of %d orders, %s (their seed first)", exported, name))
	request, err := order.ParseRequest(fields("seed"))
	if err != nil {
		return err
	}
	place, err := placerFor(ctx, server, buyers[0])
	if err != nil {
		return err
	}
	if err := place(ctx, request); err != nil {
		return err
	}
	if err := copies(ctx, server.Core.DB, buyers[0], exported); err != nil {
		return err
	}
	client, err := signedIn(ctx, server, buyers[0])
	if err != nil {
		return err
	}
	alone := b.placeOn(ctx, place, "alone")
	<-time.After(b.length)
	aloneRate, err := alone()
	if err != nil {
		return err
	}
	meanwhile := b.placeOn(ctx, place, "meanwhile")
	heap := watchHeap()
	began := clock.System()
	lines, err := download(ctx, client, server.URL()+"/dashboard/orders/export.csv")
	took := clock.System().Sub(began)
	grown := heap()
	rate, placeErr := meanwhile()
	if err := errors.Join(err, placeErr); err != nil {
		return err
	}
	if lines < exported {
		return fmt.Errorf("the download has %d lines, want %d", lines, exported)
	}
	placedAlone := "add in process, 32 at once, " + name
	b.floor(placedAlone, aloneRate)
	b.add(fmt.Sprintf("add during it (heap at most %+.1f MiB), %s", float64(grown)/(1<<20), name), rate, placedAlone, nil)
	b.add("export of 1,000,000 orders, lines, "+name, float64(lines)/took.Seconds(), "", nil)
	return nil
}

// placerFor returns what places orders of a buyer.
func placerFor(ctx context.Context, server *app.Server, buyer order.Buyer) (func(context.Context, order.Request) error, error) {
	epochs, err := server.Epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := server.Cache.At(ctx, epochs.Catalog)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r order.Request) error {
		_, err := server.Placer.Place(ctx, buyer, r, snapshot)
		return err
	}, nil
}

// placeOn places orders from some goroutines until the function that it returns is
// called, which tells how many a second.
func (*bench) placeOn(ctx context.Context, place func(context.Context, order.Request) error, prefix string) func() (float64, error) {
	ctx, stop := context.WithCancel(ctx)
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, exportPlacers)
	began := clock.System()
	for worker := range exportPlacers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				request, err := order.ParseRequest(fields(fmt.Sprintf("%s-%d-%d", prefix, worker, n)))
				if err == nil {
					err = place(context.WithoutCancel(ctx), request)
				}
				if err != nil {
					errs[worker] = err
					return
				}
				done.Add(1)
			}
		})
	}
	return func() (float64, error) {
		stop()
		wg.Wait()
		return float64(done.Load()) / clock.System().Sub(began).Seconds(), errors.Join(errs...)
	}
}

// copies makes an account's first order many: orders that have ended, with numbers and
// request ids of their own. They move no money.
func copies(ctx context.Context, d *db.DB, buyer order.Buyer, n int) error {
	const at = 50_000
	same := "account_id, mode, wallet_id, key_id, request_hash, service_id, quantity, rate, cost, catalog_epoch, charge, step, provider_id, provider_service, equal_key, created_at, updated_at"
	for from := 0; from < n; from += at {
		err := d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+strconv.Itoa(at)+`)
				INSERT INTO orders (id, number, request_id, link, state, kind, `+same+`)
				SELECT 'ord_bench_' || (CAST($1 AS BIGINT) + n.i), CAST($1 AS BIGINT) + n.i + 1, 'c-' || (CAST($1 AS BIGINT) + n.i),
					'https://example.com/p/' || (CAST($1 AS BIGINT) + n.i), 'completed', 'single', o.`+strings.ReplaceAll(same, ", ", ", o.")+`
				FROM n, orders o WHERE o.account_id = $2 AND o.mode = 'live' AND o.number = 1`, from, buyer.AccountID)
			return err
		})
		if err != nil {
			return fmt.Errorf("copy orders: %w", err)
		}
	}
	return d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE wallets SET last_number = $2 WHERE id = $1`, buyer.WalletID, n+1)
		return err
	})
}

// watchHeap looks at what the heap holds until the function that it returns is called,
// which tells by how much it grew at most.
func watchHeap() func() int64 {
	held := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc) //nolint:gosec // far below
	}
	runtime.GC()
	before, most := held(), int64(0)
	stop, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				most = max(most, held()-before)
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-over
		return most
	}
}
