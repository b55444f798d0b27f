package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/webhook"
)

// hooked is a panel with a webhook of a customer, which a test was sent to.
type hooked struct {
	*panel

	webhook, delivery string
}

func newHooked(t *testing.T) hooked {
	t.Helper()
	p := newPanel(t)
	p.account("reseller@example.com")
	keyID, _ := p.key("--account", "reseller@example.com")
	core := p.core()
	core.Webhooks.CheckURL = func(_ context.Context, raw string) (string, error) { return raw, nil }
	owner, err := core.Accounts.Find(t.Context(), "reseller@example.com")
	if err != nil {
		t.Fatal(err)
	}
	by := webhook.Owner{AccountID: owner.ID, KeyID: keyID}
	e, _, err := core.Webhooks.Add(t.Context(), by, "https://shop.example/webhooks", "", "test")
	if err != nil {
		t.Fatal(err)
	}
	delivery, err := core.Webhooks.Test(t.Context(), by, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.tamper(`UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, finished_at = created_at`)
	return hooked{p, e.ID, delivery}
}

// The operator sees whose webhooks there are, what was sent, and sends it again.
func TestWebhookCommands(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	for _, step := range []struct {
		args []string
		says []string
	}{
		{[]string{"webhook", "list"}, []string{h.webhook, "reseller@example.com", "https://shop.example/webhooks", "active"}},
		{[]string{"webhook", "list", "--account", "reseller@example.com", "--json"}, []string{`"state": "active"`, `"failing_since": null`}},
		{[]string{"webhook", "log", h.webhook}, []string{h.delivery, "ping", "failed"}},
		{[]string{"webhook", "log", h.webhook, "--json"}, []string{`"request": "{\"id\":\"evt_`, `"attempts": []`}},
		{[]string{"webhook", "replay", h.webhook, "--since", "1h"}, []string{"1 delivery is sent again."}},
		{[]string{"webhook", "replay", h.webhook, "--since", "2026-03-01T12:00:00Z"}, []string{"0 deliveries are sent again."}},
		{[]string{"webhook", "log", h.webhook}, []string{"pending"}},
		{[]string{"webhook", "replay", h.delivery}, []string{h.delivery + " is sent again."}},
		{[]string{"webhook", "disable", h.webhook}, []string{"Nothing more is sent to " + h.webhook}},
		{[]string{"webhook", "list"}, []string{"disabled owner"}},
		{[]string{"webhook", "enable", h.webhook}, []string{"Events are sent to " + h.webhook}},
		{[]string{"webhook", "log", h.webhook, "--before", h.delivery}, []string{"Nothing was sent there yet."}},
		{[]string{"audit"}, nil},
	} {
		said := h.ok(step.args...)
		for _, want := range step.says {
			if !strings.Contains(said, want) {
				t.Errorf("%v says\n%s\nwithout %q", step.args, said, want)
			}
		}
	}
	if strings.Contains(h.ok("webhook", "list", "--json")+h.ok("webhook", "log", h.webhook, "--json"), "whsec_") {
		t.Error("a secret is shown")
	}
}

// What can't be is refused with what to do.
func TestWebhookCommandsRefuse(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.ok("webhook", "disable", h.webhook)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"webhook", "replay", h.webhook}, exitUsage, "--since is needed"},
		{[]string{"webhook", "replay", h.webhook, "--since", "yesterday"}, exitUsage, "--since must be a time"},
		{[]string{"webhook", "replay", h.delivery, "--since", "1h"}, exitUsage, "--since goes with a webhook"},
		{[]string{"webhook", "replay", h.webhook, "--since", "1h"}, exitFailed, "The webhook is disabled"},
		{[]string{"webhook", "replay", "dlv_1"}, exitFailed, "Delivery not found"},
		{[]string{"webhook", "log", "whk_1"}, exitFailed, "Webhook not found"},
		{[]string{"webhook", "log", h.webhook, "--limit", "0"}, exitUsage, "--limit must be between"},
		{[]string{"webhook", "log", h.webhook, "--before", "yesterday"}, exitUsage, "--before must be a delivery"},
		{[]string{"webhook", "list", "--account", "nobody@example.com"}, exitFailed, "nobody@example.com"},
		{[]string{"account", "threshold", "reseller@example.com", "-5"}, exitUsage, ""},
		{[]string{"account", "threshold", "reseller@example.com", "much"}, exitUsage, "no amount such as 25.00"},
		{[]string{"account", "threshold", "nobody@example.com", "5"}, exitFailed, "nobody@example.com"},
	} {
		if r := h.run("", c.args...); r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%v: code %d, says %s, want %d and %q", c.args, r.code, r.err, c.code, c.says)
		}
	}
}

// A provider that does not answer can't keep the panel from taking no more of what
// it sends.
func TestAProvidersWebhookEndsWithoutIt(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.ok("provider", "add", "--name", "Far", "--kind", "native", "--url", "http://127.0.0.1:1/api/v2", "--key", "k")
	core := p.core()
	far, err := core.Providers.Find(t.Context(), "Far")
	if err != nil {
		t.Fatal(err)
	}
	if err := core.Providers.SetHook(t.Context(), far, "whk_there", webhook.NewSecret(), "test"); err != nil {
		t.Fatal(err)
	}
	contains(t, p.fails(exitFailed, "provider", "webhook", "Far", "--off", "--outbound-allow", "127.0.0.0/8"), "whk_there is still there")
	if _, _, err := core.Providers.Hook(t.Context(), far.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the webhook is still taken: %v", err)
	}
}

// The threshold that was set is the one that counts.
func TestAccountThreshold(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.ok("account", "credit", "reseller@example.com", "20", "--reason", "test")
	for _, step := range []struct {
		amount, says string
		low          int64 // events of a fall to 9.00
	}{
		{"default", "falls below 5.00 USD, as all are", 0},
		{"10", "falls below 10.00 USD", 1},
		{"off", "not told of a low balance", 0},
	} {
		if said := h.ok("account", "threshold", "reseller@example.com", step.amount); !strings.Contains(said, step.says) {
			t.Errorf("says %s", said)
		}
		before := h.events(event.BalanceLow)
		h.ok("account", "credit", "reseller@example.com", "--reason", "test", "--", "-11")
		if got := h.events(event.BalanceLow) - before; got != step.low {
			t.Errorf("%s: %d events, want %d", step.amount, got, step.low)
		}
		h.ok("account", "credit", "reseller@example.com", "11", "--reason", "test")
	}
}

// events counts those of a type.
func (h hooked) events(of event.Type) (n int64) {
	h.t.Helper()
	err := h.core().DB.Read(h.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM webhook_events WHERE type = $1`, string(of)).Scan(&n)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// How long ago, and times, are both understood.
func TestReplaySince(t *testing.T) {
	t.Parallel()
	for text, ago := range map[string]time.Duration{"24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour} {
		c := webhookReplay{Since: text}
		at, err := c.since()
		if off := time.Since(at) - ago; err != nil || off < 0 || off > time.Minute {
			t.Errorf("%s is %s, %v", text, at, err)
		}
	}
}
