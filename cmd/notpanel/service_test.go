package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/order"
)

// A change of a service is there at once, and a loss is pointed out.
func TestServiceSet(t *testing.T) {
	t.Parallel()
	p, _ := setUpOrders(t, 0, order.Held)
	r := p.run("", "service", "set", "1", "--rate", "0.40", "--name", "Views", "--min", "10", "--max", "900", "--increment", "5", "--state", "paused", "--json")
	contains(t, r.err, "below its cost")
	got := read[serviceView](t, r.out)
	all := read[[]serviceView](t, p.ok("service", "list", "--json"))
	if len(all) != 1 || !cmp.Equal(all[0], got) {
		t.Errorf("printed %+v, listed %+v", got, all)
	}
	if got.Rate != "0.40" || got.Name != "Views" || got.Min != 10 || got.Max != 900 || got.Increment != 5 || got.State != "paused" {
		t.Errorf("got %+v", got)
	}
	p.fails(exitUsage, "service", "set", "1", "--min", "1000")
	// No order may cost more than can be computed.
	contains(t, p.fails(exitUsage, "service", "set", "1", "--max", "9000000000000000000"), "max 9000000000000000000 at the rate 0.40")
	p.ok("service", "set", "1", "--max", "1000000000")
	contains(t, p.fails(exitUsage, "service", "set", "1", "--rate", "1000.01"), "lower max or rate")
	p.ok("service", "set", "1", "--rate", "0.40")
	p.fails(exitUsage, "service", "set", "1", "--name", "a\u202eb")
	contains(t, p.ok("service", "list"), "Views", "paused", "0.40")
}

// Every setting of a service is set by its flag, shown, and kept from following
// the provider where the provider has it too; a false one is named.
func TestServiceSetSettings(t *testing.T) {
	t.Parallel()
	p, _ := setUpOrders(t, 0, order.Held)
	was := read[[]serviceView](t, p.ok("service", "list", "--json"))[0]
	want := was
	want.Dripfeed, want.Refill, want.RefillDays, want.RefillMost, want.Cancel = true, true, 30, 2, false
	want.LinkHosts, want.LinkForm, want.Overlap, want.Description = []string{"video.example", "b.example"}, "path", "queue", "Two\nlines"
	got := read[serviceView](t, p.ok("service", "set", "1", "--json", "--dripfeed", "--refill", "--refill-days", "30", "--refill-most", "2", "--no-cancel",
		"--link-hosts", "www.Video.example, b.example", "--link-form", "path", "--overlap", "queue", "--description", "Two\nlines"))
	for _, field := range []string{"description", "dripfeed", "refill", "refill_days", "cancel"} {
		if !slices.Contains(got.Pinned, field) {
			t.Errorf("%s follows the provider: %v", field, got.Pinned)
		}
	}
	want.Pinned = got.Pinned
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("set: %s", diff)
	}
	if listed := read[[]serviceView](t, p.ok("service", "list", "--json"))[0]; !cmp.Equal(listed, got) {
		t.Errorf("listed: %s", cmp.Diff(got, listed))
	}
	got = read[serviceView](t, p.ok("service", "set", "1", "--json", "--no-dripfeed", "--no-refill", "--cancel", "--link-hosts="))
	if got.Dripfeed || got.Refill || !got.Cancel || len(got.LinkHosts) > 0 {
		t.Errorf("set back: %+v", got)
	}
	for field, args := range map[string][]string{
		"refill_days": {"--refill-days", "9999"}, "refill_most": {"--refill-most", "1000"}, "posts": {"--posts", "3"},
		"link_hosts": {"--link-hosts", "video.example/name"}, "description": {"--description", "a\x1b[2Jb"},
	} {
		contains(t, p.fails(exitUsage, append([]string{"service", "set", "1"}, args...)...), field)
	}
	p.ok("audit")
}

// A rise that is announced is shown with its time, and gone when the rate is set.
func TestServiceSetAnnounces(t *testing.T) {
	t.Parallel()
	p, _ := setUpOrders(t, 0, order.Held)
	got := read[serviceView](t, p.ok("service", "set", "1", "--rate", "0.90", "--in", "72h", "--json"))
	if got.Rate != "0.60" || got.AnnouncedRate == nil || *got.AnnouncedRate != "0.90" || got.AnnouncedAt == nil {
		t.Fatalf("announced %+v", got)
	}
	at := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	contains(t, p.fails(exitUsage, "service", "set", "1", "--rate", "0.95", "--at", "2026-12-01"), `"2026-12-01" is no time such as 2026-12-01T00:00:00Z`)
	contains(t, p.ok("service", "set", "1", "--rate", "0.95", "--at", at), "0.60 (0.95 from "+at+")")
	if listed := read[[]serviceView](t, p.ok("service", "list", "--json"))[0]; *listed.AnnouncedRate != "0.95" || *listed.AnnouncedAt != at {
		t.Errorf("listed %+v", listed)
	}
	contains(t, p.fails(exitUsage, "service", "set", "1", "--rate", "0.50", "--in", "1h"), "rate must be above")
	contains(t, p.fails(exitUsage, "service", "set", "1", "--rate", "0.95", "--at", "2020-01-01T00:00:00Z"), "at must be in the future")
	if got = read[serviceView](t, p.ok("service", "set", "1", "--rate", "0.70", "--json")); got.Rate != "0.70" || got.AnnouncedRate != nil {
		t.Errorf("set %+v", got)
	}
	p.ok("audit")
}

// Discounts and own rates are set, listed and taken away; a loss is pointed out.
func TestPrices(t *testing.T) {
	t.Parallel()
	p, _ := setUpOrders(t, 0, order.Held)
	gift := p.run("", "price", "tier", "reseller", "100")
	contains(t, gift.err, "warning: reseller pays less than their cost for 1 of 1 services")
	cheap := p.run("", "price", "tier", "reseller", "12.5%")
	contains(t, cheap.out, "12.50 % less")
	if strings.Contains(cheap.err, "warning") {
		t.Errorf("warned of nothing: %s", cheap.err)
	}
	r := p.run("", "price", "set", "A@example.com", "1", "0.40")
	contains(t, r.err, "below its cost of 0.50")
	contains(t, r.out, "pays 0.40 USD per 1,000 of service 1")
	all := read[[]priceView](t, p.ok("price", "list", "--json"))
	if len(all) != 2 || *all[0].Tier != "reseller" || *all[0].Percent != "12.50" || all[0].Account != nil ||
		*all[1].Account != "a@example.com" || *all[1].Service != 1 || *all[1].Rate != "0.40" || all[1].Tier != nil {
		t.Errorf("listed %+v", all)
	}
	contains(t, p.ok("price", "list"), "reseller", "12.50", "a@example.com", "0.40")
	contains(t, p.fails(exitUsage, "price", "tier", "agency", "101"), "percent must be between 0 and 100")
	if own := read[priceView](t, p.ok("price", "set", "a@example.com", "1", "0.55", "--json")); *own.Rate != "0.55" || *own.Account != "a@example.com" {
		t.Errorf("set %+v", own)
	}
	p.ok("price", "remove", "a@example.com", "1")
	if strings.Contains(p.ok("price", "list"), "a@example.com") {
		t.Error("the rate is still listed")
	}
	p.ok("audit")
}

// A target is blocked under its one spelling and let go by any.
func TestBlock(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	contains(t, p.ok("block", "add", "https://www.Shop.example/Name/", "--reason", "policy"), "shop.example/name")
	p.ok("block", "add", "münchen.example", "--reason", "policy")
	all := read[[]blockView](t, p.ok("block", "list", "--json"))
	if len(all) != 2 || all[0].Pattern != "shop.example/name" || all[0].Reason != "policy" || all[1].Pattern != "xn--mnchen-3ya.example" {
		t.Errorf("listed %+v", all)
	}
	contains(t, p.fails(exitUsage, "block", "add", "shop", "--reason", "x"), "pattern must be a host")
	if b := read[blockView](t, p.ok("block", "add", "shop.example/name", "--reason", "again", "--json")); b.Reason != "again" || b.CreatedAt == nil || *b.CreatedAt != *all[0].CreatedAt {
		t.Errorf("blocked %+v, before %+v", b, all[0])
	}
	contains(t, p.ok("block", "remove", "SHOP.example/name"), "off the block-list")
	if strings.Contains(p.ok("block", "list"), "shop") {
		t.Error("the target is still listed")
	}
	p.ok("audit")
}

// Services and categories get names in other languages, and lose them again.
func TestLanguages(t *testing.T) {
	t.Parallel()
	p, _ := setUpOrders(t, 0, order.Held)
	got := read[wordingView](t, p.ok("service", "text", "1", "de", "--name", "Banner", "--description", "Sofort", "--json"))
	if got != (wordingView{1, "de", "Banner", "Sofort"}) {
		t.Errorf("said %+v", got)
	}
	contains(t, p.ok("category", "text", "Adverts", "pt-BR", "--name", "Anúncios"), "Anúncios")
	contains(t, p.ok("category", "list"), "Adverts", "pt-br: Anúncios")
	categories := read[[]categoryView](t, p.ok("category", "list", "--json"))
	if len(categories) != 1 || categories[0].Texts["pt-br"] != "Anúncios" {
		t.Errorf("listed %+v", categories)
	}
	contains(t, p.ok("service", "text", "1", "de", "--name=", "--description="), "no words of its own")
	contains(t, p.ok("category", "text", categories[0].Category, "pt-BR", "--name="), "no name of its own")
	contains(t, p.fails(exitUsage, "service", "text", "1", "german", "--name", "x"), "lang must be")
	p.ok("audit")
}
