package sdk_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/notpanel/notpanel/client"
)

// Webhooks are made, tested, looked at, rotated, replayed and removed; what comes is
// signed, with both secrets while one is rotated.
func TestGoWebhooks(t *testing.T) {
	t.Parallel()
	c := goClient(t, startDemo(t), "native")
	events, address, failing := goReceiver(t)
	hook, err := c.Webhooks.Add(t.Context(), address, client.EventOrderCompleted, client.EventOrderCreated)
	if err != nil || hook.URL != address || len(hook.Events) != 2 {
		t.Fatalf("%+v, %v", hook, err)
	}
	delivery := goPing(t, c, hook.ID)
	ping := receive(t, events, hook.Secret)
	if ping.Type != client.EventPing || ping.Ping.Webhook != hook.ID {
		t.Errorf("the ping is %+v", ping)
	}
	goEnded(t, c, hook.ID, delivery)
	rotated, err := c.Webhooks.Rotate(t.Context(), hook.ID, client.WithOverlap(1))
	if err != nil || rotated.Secret == hook.Secret || rotated.PreviousExpiresAt == nil {
		t.Fatalf("%+v, %v", rotated, err)
	}
	if n, err := c.Webhooks.Replay(t.Context(), delivery); err != nil || n != 1 {
		t.Errorf("replayed %d, %v", n, err)
	}
	if again := receive(t, events, hook.Secret, rotated.Secret); again.ID != ping.ID {
		t.Errorf("the replay of %s is %s", ping.ID, again.ID)
	}
	if _, err := c.Webhooks.Rotate(t.Context(), hook.ID, client.WithOverlap(0)); err != nil {
		t.Error(err)
	}
	goWebhookLists(t, c, hook, delivery)
	goFailures(t, c, hook.ID, events, failing)
	if err := c.Webhooks.Remove(t.Context(), hook.ID); err != nil {
		t.Error(err)
	}
	if err := c.Webhooks.Remove(t.Context(), hook.ID); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("what is gone can't be removed: %v", err)
	}
}

func goPing(t *testing.T, c *client.Client, id string) (delivery string) {
	t.Helper()
	delivery, err := c.Webhooks.Test(t.Context(), id)
	if err != nil || !strings.HasPrefix(delivery, "dlv_") {
		t.Fatalf("a test: %q, %v", delivery, err)
	}
	return delivery
}

// goEnded waits until it is on record how the newest delivery ended: one that is sent
// again before that counts as not ended yet.
func goEnded(t *testing.T, c *client.Client, id, delivery string) client.Delivery {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		page, err := c.Webhooks.Deliveries(t.Context(), id, "", 1)
		if err != nil || len(page.Deliveries) != 1 || page.Deliveries[0].Delivery != delivery {
			t.Fatalf("the newest delivery is %+v, %v", page, err)
		}
		if d := page.Deliveries[0]; d.State != client.DeliveryPending {
			return d
		}
	}
}

// goFailures has a ping fail, and sends again what failed.
func goFailures(t *testing.T, c *client.Client, id string, events <-chan delivered, failing *atomic.Bool) {
	t.Helper()
	begun := time.Now().Add(-time.Hour)
	if n, err := c.Webhooks.ReplaySince(t.Context(), id, begun); err != nil || n != 0 {
		t.Errorf("nothing failed, yet %d are replayed, %v", n, err)
	}
	failing.Store(true)
	delivery := goPing(t, c, id)
	<-events
	d := goEnded(t, c, id, delivery)
	if d.State != client.DeliveryFailed || *d.Attempts[0].Status != http.StatusInternalServerError || d.NextAttemptAt != nil {
		t.Errorf("the ping that failed is %+v", d)
	}
	failing.Store(false)
	if n, err := c.Webhooks.ReplaySince(t.Context(), id, begun); err != nil || n != 1 {
		t.Errorf("one failed, and %d are replayed, %v", n, err)
	}
	<-events
}

func goWebhookLists(t *testing.T, c *client.Client, hook client.AddedWebhook, delivery string) {
	t.Helper()
	list, err := c.Webhooks.List(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != hook.ID || list[0].State != "active" || list[0].LastDelivery == nil || list[0].LastDelivery.Type != client.EventPing {
		t.Errorf("the list is %+v, %v", list, err)
	}
	found := false
	for d, err := range c.Webhooks.AllDeliveries(t.Context(), hook.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Delivery == delivery {
			found = d.Type == client.EventPing && len(d.Attempts) > 0 && strings.Contains(d.Request, hook.ID)
		}
	}
	if !found {
		t.Errorf("%s is not among the deliveries", delivery)
	}
}

// delivered is a delivery as it came over the wire.
type delivered struct {
	header http.Header
	body   []byte
}

// goReceiver receives deliveries; while failing is set it answers 500.
func goReceiver(t *testing.T) (deliveries <-chan delivered, address string, failing *atomic.Bool) {
	t.Helper()
	came := make(chan delivered, 100)
	failing = &atomic.Bool{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- delivered{r.Header, body}
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return came, "http://" + listener.Addr().String() + "/hook", failing
}

// receive waits for a delivery that is signed with each of the secrets, in both forms: we
// accept it, and so does Standard Webhooks' library; changed, it is refused.
func receive(t *testing.T, deliveries <-chan delivered, secrets ...string) client.Event {
	t.Helper()
	var d delivered
	select {
	case d = <-deliveries:
	case <-time.After(time.Minute):
		t.Fatal("no delivery comes")
	}
	own := d.header.Clone()
	own.Del("webhook-signature")
	var event client.Event
	for _, secret := range secrets {
		theirs, err := standardwebhooks.NewWebhook(secret)
		if err == nil {
			err = theirs.Verify(d.body, d.header)
		}
		if err != nil {
			t.Errorf("Standard Webhooks' library: %v", err)
		}
		v, err := client.NewVerifier([]string{secret})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range []http.Header{d.header, own} {
			if event, err = v.Verify(d.body, header); err != nil {
				t.Errorf("%v of %v %s", err, header, d.body)
			}
			if _, err := v.Verify(append(slices.Clone(d.body), ' '), header); !errors.Is(err, client.ErrBadSignature) {
				t.Errorf("changed: %v", err)
			}
		}
	}
	return event
}
