package site

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
)

// names finds what stands in the paths of an access.
func names(ctx context.Context, tab *browser.Tab, access Access) (*strings.Replacer, error) {
	if access == Owner {
		return namedByStaff(tab) //nolint:contextcheck // a tab has its own
	}
	return named(ctx, tab)
}

// namedByStaff finds the demo's provider and has its list read.
func namedByStaff(tab *browser.Tab) (*strings.Replacer, error) {
	if err := tab.Open("/admin/providers"); err != nil {
		return nil, fmt.Errorf("open the providers: %w", err)
	}
	providerID, err := idOf(tab, "a.row-link")
	if err != nil {
		return nil, err
	}
	list := "/admin/import/" + providerID
	for _, step := range []func() error{
		func() error { return tab.Open(list) },
		func() error { return tab.Submit("form[action$='/read'] [type=submit]") },
		func() error { return tab.Wait("#differences") },
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("read the provider's list: %w", err)
		}
	}
	others, err := found(tab)
	if err != nil {
		return nil, err
	}
	return strings.NewReplacer(append(others, aProvider, providerID)...), nil
}

// found are what staff find in the demo: the customer's account, and a top-up that
// waits.
func found(tab *browser.Tab) ([]string, error) {
	ids := map[string]string{
		"/admin/accounts?role=customer": "", "/admin/topups": "", "/admin/orders?show=waiting": "", "/admin/announcements": "", "/admin/posts": "",
	}
	for list := range ids {
		if err := tab.Open(list); err != nil {
			return nil, fmt.Errorf("open %s: %w", list, err)
		}
		var err error
		if ids[list], err = idOf(tab, "a.row-link"); err != nil {
			return nil, err
		}
	}
	if err := tab.Open("/giveaway"); err != nil {
		return nil, fmt.Errorf("open the giveaways: %w", err)
	}
	running, err := browser.Ask[string](tab, "find the giveaway that runs", `document.querySelector("section[id^='gvw_']").id`)
	if err != nil {
		return nil, fmt.Errorf("find the giveaway that runs: %w", err)
	}
	return []string{
		anOrder, ids["/admin/orders?show=waiting"], anAccount, ids["/admin/accounts?role=customer"], aTopup, ids["/admin/topups"],
		anAnnouncement, ids["/admin/announcements"], aPost, ids["/admin/posts"], anOpenGiveaway, running,
	}, nil
}

// named finds what the demo has made, and makes a webhook with a delivery that
// arrived and one that failed, and a top-up with a long reference. The ids stand in
// the links of the pages.
func named(ctx context.Context, tab *browser.Tab) (*strings.Replacer, error) {
	receiver, err := receive(ctx)
	if err != nil {
		return nil, err
	}
	defer receiver.close()
	const keys = "/dashboard/api"
	if err := tab.Open(keys); err != nil { //nolint:contextcheck // a tab has its own
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	keyID, err := idOf(tab, "a.row-link") //nolint:contextcheck // a tab has its own
	if err != nil {
		return nil, err
	}
	webhookID, err := addWebhook(tab, keys+"/keys/"+keyID+"/webhooks/new", receiver.url()) //nolint:contextcheck // a tab has its own
	if err != nil {
		return nil, fmt.Errorf("add a webhook: %w", err)
	}
	page := keys + "/webhooks/" + webhookID
	if err := test(tab, page, "200 OK"); err != nil { //nolint:contextcheck // a tab has its own
		return nil, err
	}
	receiver.failing.Store(true)
	if err := test(tab, page, "503 Service Unavailable"); err != nil { //nolint:contextcheck // a tab has its own
		return nil, err
	}
	deliveryID, err := idOf(tab, "#deliveries a.row-link") //nolint:contextcheck // a tab has its own
	if err != nil {
		return nil, err
	}
	if err := topUp(tab); err != nil { //nolint:contextcheck // a tab has its own
		return nil, fmt.Errorf("top up: %w", err)
	}
	massID, err := massOrder(tab) //nolint:contextcheck // a tab has its own
	if err != nil {
		return nil, fmt.Errorf("check a mass order: %w", err)
	}
	return strings.NewReplacer(aKey, keyID, aWebhook, webhookID, aDelivery, deliveryID, aMass, massID), nil
}

// drawn finds the demo's giveaway that was drawn.
func drawn(tab *browser.Tab) (giveawayID string, err error) {
	if err := tab.Open("/giveaway"); err != nil {
		return "", fmt.Errorf("open the giveaways: %w", err)
	}
	return idOf(tab, "#ended a.row-link")
}

// idOf is the last part of a link's path.
func idOf(tab *browser.Tab, css string) (string, error) {
	href, err := browser.Ask[string](tab, "find "+css, `document.querySelector("`+css+`").getAttribute("href")`)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", css, err)
	}
	return href[strings.LastIndexByte(href, '/')+1:], nil
}

func addWebhook(tab *browser.Tab, form, address string) (webhookID string, err error) {
	for _, step := range []func() error{
		func() error { return tab.Open(form) },
		func() error { return tab.Fill("[name=url]", address) },
		func() error { return tab.Click("form[action$='/webhooks'] [type=submit]") },
		func() error { return tab.Wait("#webhook-secret") },
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	return idOf(tab, "main a[data-close]")
}

// topUp asks for a top-up whose reference is as long as may be, without a space: no
// page may grow by it.
func topUp(tab *browser.Tab) error {
	for _, step := range []func() error{
		func() error { return tab.Open("/dashboard/wallet/topups/new") },
		func() error { return tab.Fill("[name=amount]", "999.99") },
		func() error { return tab.Fill("[name=reference]", strings.Repeat("REF/2026-", 15)+"1045") },
		func() error { return tab.Click("form[action$='/topups'] [type=submit]") },
		func() error { return tab.WaitText("main", "Your top-up waits") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// test sends a test and waits for the answer in the log.
func test(tab *browser.Tab, page, answer string) error {
	if err := tab.Open(page); err != nil {
		return fmt.Errorf("open a webhook: %w", err)
	}
	if err := tab.Submit("form[action$='/test'] [type=submit]"); err != nil {
		return fmt.Errorf("test a webhook: %w", err)
	}
	if err := tab.WaitText("#deliveries table", answer); err != nil {
		return fmt.Errorf("test a webhook: %w", err)
	}
	return nil
}

// receiver is a server on this machine that takes deliveries, or fails.
type receiver struct {
	listener net.Listener
	server   *http.Server
	failing  atomic.Bool
}

func receive(ctx context.Context) (*receiver, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("receive webhooks: %w", err)
	}
	r := &receiver{listener: listener}
	r.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if r.failing.Load() {
			http.Error(w, "The shop is being updated", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok"))
	})}
	go func() { _ = r.server.Serve(listener) }() // until close
	return r, nil
}

// url is long, as some are: no page may grow by it.
func (r *receiver) url() string {
	return "http://" + r.listener.Addr().String() + "/webhooks/notpanel/" + strings.Repeat("winter-shop/", 6) + strings.Repeat("x", 60)
}

func (r *receiver) close() { _ = r.server.Close() }

// massOrder checks lines of which some are bad, one with a link as long as may be.
// Nothing is ordered.
func massOrder(tab *browser.Tab) (massID string, err error) {
	long := "https://example.com/" + strings.Repeat("page-", 40)
	for _, step := range []func() error{
		func() error { return tab.Open("/dashboard/orders/mass") },
		func() error {
			return tab.Fill("[name=lines]", "1 | "+long+" | 5000\n2 | https://example.com | 1\n13 | nowhere | 100\n14 | https://example.com/logo")
		},
		func() error { return tab.Submit("form[enctype] [type=submit]") },
		func() error { return tab.WaitText("main", "Place 2 orders") },
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	at, err := browser.Ask[string](tab, "find the mass order", "location.pathname")
	if err != nil {
		return "", fmt.Errorf("find the mass order: %w", err)
	}
	return path.Base(at), nil
}
