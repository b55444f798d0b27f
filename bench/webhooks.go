package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/webhook"
)

// What is delivered in a run: the events of some orders of each of some accounts.
// With 20 endpoints, 5 of an account, it is 10,000 deliveries.
const (
	hookAccounts = 4
	hookOrders   = 100 // an account's
	hookEvents   = 5   // an order's
	perReceiver  = hookOrders * hookEvents
	hookHealthy  = 10
	hookBad      = 10
)

const (
	// hookBackoff is the scale of the pauses between attempts.
	hookBackoff = 0.005
	loopback    = "127.0.0.0/8"
)

// hooks is a panel whose events are measured.
type hooks struct {
	*bench

	server *app.Server
	name   string
}

// webhooks measures deliveries on one engine.
func (b *bench) webhooks(ctx context.Context, e engine) error {
	url, err := e.newDatabase(ctx, "bench_webhooks")
	if err != nil {
		return err
	}
	set := settings(url)
	set.Dev, set.WebhookBackoff = true, hookBackoff
	return serving(ctx, set, func(server *app.Server) error {
		h := &hooks{bench: b, server: server, name: e.name}
		for _, measure := range []func(context.Context) error{h.delay, h.throughputs, h.besideBad} {
			if err := measure(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// listener is an account with a key for its endpoints.
type listener struct {
	buyer order.Buyer
	by    webhook.Owner
}

// listeners adds accounts. first counts those that are there.
func (h *hooks) listeners(ctx context.Context, n, first int) (all []listener, err error) {
	for i := range n {
		buyer, err := addBuyer(ctx, h.server.Core.DB, first+i)
		if err != nil {
			return nil, fmt.Errorf("add account %d: %w", first+i, err)
		}
		_, key, err := h.server.Core.Keys.Issue(ctx, apikey.NewKey{
			AccountID: buyer.AccountID, Name: "bench", Dialect: apikey.Native, Mode: apikey.Live,
		}, "bench")
		if err != nil {
			return nil, err
		}
		all = append(all, listener{buyer, webhook.Owner{AccountID: buyer.AccountID, KeyID: key.ID}})
	}
	return all, nil
}

// register makes an endpoint for each receiver, of one account after the other.
func (h *hooks) register(ctx context.Context, to []listener, all []*receiver) error {
	for i, r := range all {
		if _, _, err := h.server.Core.Webhooks.Add(ctx, to[i%len(to)].by, r.url(), "", "bench"); err != nil {
			return fmt.Errorf("add a webhook: %w", err)
		}
	}
	return nil
}

// tell lets everything happen to the orders of all accounts that a run delivers, as
// fast as it can be written, and returns when the first of it was about to be.
func (h *hooks) tell(ctx context.Context, to []listener) (began time.Time, err error) {
	types := []event.Type{event.OrderCreated, event.OrderInProgress, event.RefillCompleted, event.OrderCompleted, event.OrderRefunded}
	orders := make([]string, hookOrders*len(to))
	for i := range orders {
		orders[i] = id.New(id.Order)
	}
	began = clock.System()
	for sequence := range hookEvents {
		for some := range slices.Chunk(orders, hookOrders) {
			err := h.server.Core.DB.Write(ctx, func(tx *db.Tx) error {
				known := map[event.Scope]event.Listener{}
				events := make([]event.Event, len(some))
				for i, orderID := range some {
					scope := event.Scope{AccountID: to[i%len(to)].buyer.AccountID, Mode: ledger.Live}
					known[scope] = event.Listener{Currency: "USD", Webhooks: true}
					events[i] = event.Event{
						Scope: scope, Type: types[sequence], OrderID: orderID, Sequence: int64(sequence + 1),
						Data: hookData(orderID, sequence, types[sequence]),
					}
				}
				return event.Tell(tx, known, events...)
			})
			if err != nil {
				return began, fmt.Errorf("write events: %w", err)
			}
		}
	}
	return began, nil
}

// hookData is an order like many.
func hookData(orderID string, number int, t event.Type) event.Order {
	start, remains := "1234", "250"
	return event.Order{
		Order: orderID, Number: int64(23_500 + number), RequestID: "shop-" + orderID, Status: strings.TrimPrefix(string(t), "order."),
		Charge: "0.50", Refunded: "0.00", StartCount: &start, Remains: &remains, Link: "https://example.com/p/" + orderID, Service: 1,
	}
}

// run tells everything to receivers and returns how many deliveries a second those
// of them that count got, by the slowest one's clock.
func (h *hooks) run(ctx context.Context, to []listener, counted, all []*receiver) (perSecond float64, err error) {
	for _, r := range all {
		r.expect(perReceiver)
	}
	began, err := h.tell(ctx, to)
	if err != nil {
		return 0, err
	}
	last, err := whole(ctx, counted)
	return float64(len(counted)*perReceiver) / last.Sub(began).Seconds(), err
}

// settled waits until every delivery is written down, and fails if one was given up.
func (h *hooks) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		var waiting, failed int64
		err := h.server.Core.DB.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT (SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending')
				+ (SELECT COUNT(*) FROM webhook_events WHERE fanned_at IS NULL),
				(SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'failed')`).Scan(&waiting, &failed)
		})
		switch {
		case err != nil:
			return fmt.Errorf("%d deliveries wait: %w", waiting, err)
		case failed > 0:
			return fmt.Errorf("%d deliveries were given up", failed)
		case waiting == 0:
			tick.Stop()
			return nil
		}
		<-tick.C
	}
}

// throughputs measures receivers that are as far away as others are, and such as
// take no time, where nothing counts but what the sender itself does.
func (h *hooks) throughputs(ctx context.Context) error {
	return errors.Join(h.throughput(ctx, 10, answersIn), h.throughput(ctx, 20, 0))
}

// throughput measures how many deliveries a second reach 20 receivers, beside a
// client that has nothing to do but send. first counts the accounts that are there.
func (h *hooks) throughput(ctx context.Context, first int, answer time.Duration) error {
	const n = hookHealthy + hookBad
	how := fmt.Sprintf(" to 20 endpoints that answer in %s, %s", answer, h.name)
	name, floor := "deliveries"+how, "bare sender, 80 at once"+how
	receivers, err := newReceivers(ctx, n, first, answer)
	defer closeAll(receivers)
	if err != nil {
		return err
	}
	to, err := h.listeners(ctx, hookAccounts, first)
	if err != nil {
		return err
	}
	if err := h.register(ctx, to, receivers); err != nil {
		return err
	}
	h.say(name)
	rate, err := h.run(ctx, to, receivers, receivers)
	if err := errors.Join(err, inOrder(receivers), h.settled(ctx)); err != nil {
		return err
	}
	if err := h.bareSender(ctx, floor, receivers); err != nil {
		return err
	}
	h.add(name, rate, floor, nil)
	return nil
}

// bareSender sends receivers once more what they got, with the same client and
// signed in the same way.
func (h *hooks) bareSender(ctx context.Context, floor string, receivers []*receiver) error {
	const perEndpoint = 4 // as the sender has under way
	client := outbound.NewCustomerDev([]netip.Prefix{netip.MustParsePrefix(loopback)}).DeliveryClient()
	defer client.CloseIdleConnections()
	key := make([]byte, sha256.Size)
	errs := make([]error, len(receivers)*perEndpoint)
	var wg sync.WaitGroup
	h.say(floor)
	began := clock.System()
	for i, r := range receivers {
		all := r.arrivals
		r.expect(perReceiver)
		for j := range perEndpoint {
			wg.Go(func() {
				for k := j; k < len(all) && errs[i*perEndpoint+j] == nil; k += perEndpoint {
					errs[i*perEndpoint+j] = deliver(ctx, client, r.url(), key, all[k])
				}
			})
		}
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	last, err := whole(ctx, receivers)
	h.floor(floor, float64(len(receivers)*perReceiver)/last.Sub(began).Seconds())
	return err
}

func deliver(ctx context.Context, client *http.Client, url string, key []byte, a arrival) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(a.body)))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	seconds := strconv.FormatInt(clock.System().Unix(), 10)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "notpanel",
		"X-NotPanel-Event": string(event.OrderCompleted), "X-NotPanel-Delivery": id.New(id.Delivery) + ".1",
		"X-NotPanel-Signature": "t=" + seconds + ",v1=" + hex.EncodeToString(signed(key, seconds, a.body)),
		"Webhook-Id":           a.id, "Webhook-Timestamp": seconds,
		"Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(signed(key, a.id+"."+seconds, a.body)),
	} {
		q.Header.Set(name, value)
	}
	response, err := client.Do(q)
	if err != nil {
		return fmt.Errorf("send a delivery: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, _, err := outbound.ReadBody(response.Body, outbound.DeliveryAnswer); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %d: %w", response.StatusCode, err)
	}
	return nil
}

func signed(key []byte, before string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte(before + "." + string(body))) // it never fails
	return m.Sum(nil)
}

// besideBad measures ten receivers that are well, alone and beside ten that are
// not: 5 slow, 3 dead, 2 flapping. Then those recover, and all must arrive.
func (h *hooks) besideBad(ctx context.Context) error {
	alone := "10 healthy endpoints alone, " + h.name
	beside := "10 healthy endpoints beside 10 bad ones, " + h.name
	receivers, err := newReceivers(ctx, hookHealthy+hookBad, 2, answersIn)
	defer closeAll(receivers)
	if err != nil {
		return err
	}
	healthy, bad := receivers[:hookHealthy], receivers[hookHealthy:]
	to, err := h.listeners(ctx, hookAccounts, 30)
	if err != nil {
		return err
	}
	if err := h.register(ctx, to, healthy); err != nil {
		return err
	}
	h.say(alone)
	rate, err := h.run(ctx, to, healthy, healthy)
	if err := errors.Join(err, h.settled(ctx)); err != nil {
		return err
	}
	h.floor(alone, rate)
	slices.Reverse(to) // of which the first ones have an endpoint more
	if err := h.register(ctx, to, bad); err != nil {
		return err
	}
	for i, as := range []manner{slow, slow, slow, slow, slow, refusing, refusing, silent, flapping, flapping} {
		if err := bad[i].take(ctx, as); err != nil {
			return err
		}
	}
	h.say(beside)
	rate, err = h.run(ctx, to, healthy, receivers)
	if err != nil {
		return err
	}
	h.add(beside, rate, alone, nil)
	return h.recover(ctx, bad, receivers)
}

// recover lets bad receivers be well and proves that everything arrives.
func (h *hooks) recover(ctx context.Context, bad, all []*receiver) error {
	h.say("the recovery of 10 endpoints, " + h.name)
	for _, r := range bad {
		if err := r.take(ctx, well); err != nil {
			return err
		}
	}
	_, err := whole(ctx, all)
	return errors.Join(err, h.settled(ctx), inOrder(all))
}

// delay measures how long an order's event takes from its commit to its receiver
// while nothing else happens.
func (h *hooks) delay(ctx context.Context) error {
	name := "delay from commit to first byte, " + h.name
	receivers, err := newReceivers(ctx, 1, 3, 0)
	defer closeAll(receivers)
	if err != nil {
		return err
	}
	if _, _, err := seed(ctx, h.server, 0); err != nil {
		return err
	}
	to, err := h.listeners(ctx, 1, 0)
	if err != nil {
		return err
	}
	if err := h.register(ctx, to, receivers); err != nil {
		return err
	}
	epochs, err := h.server.Epochs.Current(ctx)
	if err != nil {
		return err
	}
	snapshot, err := h.server.Cache.At(ctx, epochs.Catalog)
	if err != nil {
		return err
	}
	committed := make(chan time.Time, 1)
	h.server.Core.DB.OnCommit(event.Bell, func() {
		select {
		case committed <- clock.System():
		default:
		}
	})
	h.say(name)
	const most = 500
	var delays []time.Duration
	for began := clock.System(); clock.System().Sub(began) < h.length && len(delays) < most; {
		request, err := order.ParseRequest(fields(fmt.Sprintf("d-%d", len(delays))))
		if err != nil {
			return err
		}
		receivers[0].expect(1)
		if _, err := h.server.Placer.Place(ctx, to[0].buyer, request, snapshot); err != nil {
			return err
		}
		if _, err := whole(ctx, receivers); err != nil {
			return err
		}
		delays = append(delays, (<-receivers[0].first).Sub(<-committed))
		if err := h.settled(ctx); err != nil {
			return err
		}
	}
	h.delays(name, delays)
	return nil
}
