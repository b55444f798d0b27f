package catalog_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Set changes what it is given and nothing else, keeps it from following the
// provider, says so in the log, and tells every node.
func TestSet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2"))
		v := *byNumber(t, d, providerID)["1"]
		other := *byNumber(t, d, providerID)["2"]
		pinned := ""
		for _, c := range []struct {
			detail string
			change catalog.Change
			apply  func()
			pinned string
		}{
			{"name Better", catalog.Change{Name: new("  Better ")}, func() { v.Name = "Better" }, "name"},
			{"rate 0.0125", catalog.Change{Rate: new(money.Amount(12_500))}, func() { v.Rate = 12_500 }, "name,rate"},
			{
				"min 100, max 200, increment 50",
				catalog.Change{Min: new(int64(100)), Max: new(int64(200)), Increment: new(int64(50))},
				func() { v.Min, v.Max, v.Increment = 100, 200, 50 }, "name,rate,min,max,increment",
			},
			{"state paused", catalog.Change{State: new(catalog.Paused)}, func() { v.State = catalog.Paused }, ""},
			{
				"description of 11 characters",
				catalog.Change{Description: new(" two\nlines ✓\n")},
				func() { v.Description = "two\nlines ✓" },
				"name,description,rate,min,max,increment",
			},
			{
				"dripfeed true, refill true, cancel false, refill_days 30, refill_most 5",
				catalog.Change{Dripfeed: new(true), Refill: new(true), Cancel: new(false), RefillDays: new(int64(30)), RefillMost: new(int64(5))},
				func() { v.Dripfeed, v.Refill, v.Cancel, v.RefillDays, v.RefillMost = true, true, false, 30, 5 },
				"name,description,rate,min,max,increment,dripfeed,refill,refill_days,cancel",
			},
			{
				"link_hosts video.example,xn--mnchen-3ya.example, link_form path, overlap queue",
				catalog.Change{
					LinkHosts: &[]string{"Video.example", "www.video.example", "", "münchen.example"},
					LinkForm:  new(catalog.FormPath), Overlap: new(catalog.OverlapQueue),
				},
				func() {
					v.LinkHosts, v.LinkForm, v.Overlap = []string{"video.example", "xn--mnchen-3ya.example"}, catalog.FormPath, catalog.OverlapQueue
				}, "",
			},
			{"link_hosts ", catalog.Change{LinkHosts: &[]string{}}, func() { v.LinkHosts = nil }, ""},
			{"posts 0", catalog.Change{Posts: new(int64(0))}, func() {}, ""},
		} {
			before := catalogEpoch(t, d)
			c.apply()
			if c.pinned != "" {
				pinned = c.pinned
			}
			v.Pinned = strings.Split(pinned, ",")
			if got := set(t, d, v.ID, c.change); !cmp.Equal(*got, v) {
				t.Errorf("%s returned %s", c.detail, cmp.Diff(*got, v))
			}
			if got := byNumber(t, d, providerID); !cmp.Equal(*got["1"], v) || !cmp.Equal(*got["2"], other) {
				t.Errorf("%s stored %s and %s", c.detail, cmp.Diff(*got["1"], v), cmp.Diff(*got["2"], other))
			}
			if moved := catalogEpoch(t, d) - before; moved != 1 {
				t.Errorf("%s moved the epoch by %d", c.detail, moved)
			}
			if action, target, said := logged(t, d); action != "service.set" || target != strconv.FormatInt(v.ID, 10) || said != c.detail {
				t.Errorf("the log says %s of %s: %s; want %s", action, target, said, c.detail)
			}
		}
	})
}

// A setting that makes no sense is refused by its name and changes nothing.
func TestSetRefusesSettings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("1", "2")
		all[1].Type = catalog.Package
		imported(t, d, providerID, all)
		before := list(t, d)
		hosts := func(all ...string) *[]string { return &all }
		for field, changes := range map[string][]catalog.Change{
			"description": {{Description: new("a\x1b[2J")}, {Description: new("\u202e")}, {Description: new(strings.Repeat("é", 10_001))}},
			"name":        {{Name: new(strings.Repeat("x", 301))}, {Name: new("two\nlines")}},
			"refill_days": {{RefillDays: new(int64(-1))}, {RefillDays: new(int64(3651))}},
			"refill_most": {{RefillMost: new(int64(-1))}, {RefillMost: new(int64(101))}},
			"posts":       {{Posts: new(int64(-1))}, {Posts: new(int64(1001))}, {Posts: new(int64(5))}},
			"link_hosts":  {{LinkHosts: hosts("video.example/a")}, {LinkHosts: hosts("*.example.com")}, {LinkHosts: hosts("video")}, {LinkHosts: hosts("a.example,b.example")}},
			"link_form":   {{LinkForm: new(catalog.LinkForm("all"))}, {LinkForm: new(catalog.LinkForm(""))}},
			"overlap":     {{Overlap: new(catalog.Overlap("maybe"))}},
			"max":         {{Rate: new(money.Max), Max: new(int64(1 << 50))}},
		} {
			for i, c := range changes {
				_, err := catalog.NewStore(d).Set(t.Context(), before[0].ID, c, staff)
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), field) {
					t.Errorf("%s %d: %v", field, i, err)
				}
			}
		}
		_, err := catalog.NewStore(d).Set(t.Context(), before[1].ID, catalog.Change{Dripfeed: new(true)}, staff)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "dripfeed") {
			t.Errorf("runs of a package: %v", err)
		}
		if diff := cmp.Diff(before, list(t, d)); diff != "" {
			t.Errorf("a refusal changed something: %s", diff)
		}
	})
}
