package sdk_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/client"
)

// Webhooks are made, tested, looked at, rotated, replayed and removed; what comes is
// signed, with both secrets while one is rotated.
func TestGoWebhooks(t *testing.T) {
	t.Parallel()
	c := goClient(t, startDemo(t), "native")
	events, address := goReceiver(t)
	hook, err := c.Webhooks.Add(t.Context(), address, client.EventPing, client.EventOrderCompleted)
	if err != nil || hook.URL != address || len(hook.Events) != 2 {
		t.Fatalf("%+v, %v", hook, err)
	}
	old, err := client.NewVerifier([]string{hook.Secret})
	if err != nil {
		t.Fatal(err)
	}
	delivery := goPing(t, c, hook.ID)
	ping := receive(t, events, old)
	if ping.Type != client.EventPing || ping.Ping.Webhook != hook.ID {
		t.Errorf("the ping is %+v", ping)
	}
	rotated, err := c.Webhooks.Rotate(t.Context(), hook.ID, client.WithOverlap(1))
	if err != nil || rotated.Secret == hook.Secret || rotated.PreviousExpiresAt == nil {
		t.Fatalf("%+v, %v", rotated, err)
	}
	fresh, err := client.NewVerifier([]string{rotated.Secret})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Webhooks.Replay(t.Context(), delivery); err != nil || n != 1 {
		t.Errorf("replayed %d, %v", n, err)
	}
	if again := receive(t, events, old, fresh); again.ID != ping.ID {
		t.Errorf("the replay of %s is %s", ping.ID, again.ID)
	}
	if _, err := c.Webhooks.Rotate(t.Context(), hook.ID, client.WithOverlap(0)); err != nil {
		t.Error(err)
	}
	goWebhookLists(t, c, hook, delivery)
	if n, err := c.Webhooks.ReplaySince(t.Context(), hook.ID, time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("nothing failed, yet %d are replayed, %v", n, err)
	}
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

func goWebhookLists(t *testing.T, c *client.Client, hook client.NewWebhook, delivery string) {
	t.Helper()
	list, err := c.Webhooks.List(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != hook.ID || list[0].State != "active" || list[0].Last == nil || list[0].Last.Type != client.EventPing {
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

func goReceiver(t *testing.T) (deliveries <-chan delivered, address string) {
	t.Helper()
	came := make(chan delivered, 100)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- delivered{r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return came, "http://" + listener.Addr().String() + "/hook"
}

// receive waits for a delivery that all verifiers accept, in each of its two forms, and
// refuse when it is changed.
func receive(t *testing.T, deliveries <-chan delivered, verifiers ...*client.Verifier) client.Event {
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
	for _, v := range verifiers {
		for _, header := range []http.Header{d.header, own} {
			var err error
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
