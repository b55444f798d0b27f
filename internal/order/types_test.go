package order_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// typed is an order of a type and what must be booked for it: rate 2.00, min 10.
type typed struct {
	name   string
	of     catalog.Type
	fields []string // pairs; link is there unless named
	charge money.Amount
	stored string // the fields as kept
	refuse string // the text of the refusal; "" is none
}

func typedOrders() []typed {
	ten := strings.TrimSpace(strings.Repeat("a line, with a comma\r\n\r\n", 10))
	return []typed{
		{name: "package bills min", of: catalog.Package, fields: []string{"quantity", "7777"}, charge: 20_000},
		{name: "comments count", of: catalog.CustomComments, fields: []string{"comments", ten, "quantity", "3"}, charge: 20_000},
		{
			name: "comments never split on commas", of: catalog.CustomComments, fields: []string{"comments", "1,2,3,4,5,6,7,8,9,10,11"},
			refuse: "comments must have as many lines as the service takes: between 10 and 100000",
		},
		{name: "comments missing", of: catalog.CustomComments, refuse: "Missing required parameter: comments"},
		{name: "comments blank", of: catalog.CustomComments, fields: []string{"comments", "\n \n"}, refuse: "Missing required parameter: comments"},
		{name: "comments package bills min", of: catalog.CustomCommentsPackage, fields: []string{"comments", "one"}, charge: 20_000, stored: `[{"n":"comments","v":"one"}]`},
		{
			name: "mentions with hashtags", of: catalog.MentionsWithHashtags, fields: []string{"quantity", "100", "usernames", "a, b", "hashtags", "x\ny,z"},
			charge: 200_000, stored: `[{"n":"usernames","v":"a\nb"},{"n":"hashtags","v":"x\ny,z"}]`,
		},
		{name: "mentions list counts names", of: catalog.MentionsCustomList, fields: []string{"usernames", "a,b,c,d,e,f,g,h,i,j,k"}, charge: 22_000},
		{name: "mentions hashtag", of: catalog.MentionsHashtag, fields: []string{"quantity", "10", "hashtag", "x"}, charge: 20_000},
		{name: "mentions of followers", of: catalog.MentionsUserFollowers, fields: []string{"quantity", "10", "username", "https://example.com/u"}, charge: 20_000},
		{name: "mentions of likers", of: catalog.MentionsMediaLikers, fields: []string{"quantity", "10", "media", "https://example.com/m"}, charge: 20_000},
		{name: "media must be a URL", of: catalog.MentionsMediaLikers, fields: []string{"quantity", "10", "media", "m"}, refuse: "media must be an http or https URL"},
		{name: "comment likes", of: catalog.CommentLikes, fields: []string{"quantity", "10", "username", "u"}, charge: 20_000},
		{name: "replies count lines", of: catalog.CommentReplies, fields: []string{"username", "u", "comments", ten}, charge: 20_000},
		{name: "poll", of: catalog.Poll, fields: []string{"quantity", "10", "answer_number", "02"}, charge: 20_000, stored: `[{"n":"answer_number","v":"2"}]`},
		{name: "poll without a number", of: catalog.Poll, fields: []string{"quantity", "10", "answer_number", "0"}, refuse: "answer_number must be between 1 and 1000000000000000"},
		{name: "invites", of: catalog.InvitesFromGroups, fields: []string{"quantity", "10", "groups", "g1,g2"}, charge: 20_000},
		{name: "seo", of: catalog.SEO, fields: []string{"quantity", "10", "keywords", "k"}, charge: 20_000},
		{
			name: "traffic", of: catalog.WebTraffic, fields: []string{"quantity", "10", "country", "DE", "device", "Desktop", "type_of_traffic", "3"},
			charge: 20_000, stored: `[{"n":"country","v":"DE"},{"n":"device","v":"1"},{"n":"type_of_traffic","v":"3"}]`,
		},
		{
			name: "traffic needs its keyword", of: catalog.WebTraffic, fields: []string{"quantity", "10", "country", "DE", "device", "1", "type_of_traffic", "1"},
			refuse: "Missing required parameter: google_keyword",
		},
		{
			name: "traffic needs its referrer", of: catalog.WebTraffic, fields: []string{"quantity", "10", "country", "DE", "device", "1", "type_of_traffic", "2"},
			refuse: "Missing required parameter: referring_url",
		},
		{
			name: "traffic of an unknown device", of: catalog.WebTraffic, fields: []string{"quantity", "10", "country", "DE", "device", "9", "type_of_traffic", "3"},
			refuse: "device must be between 1 and 5",
		},
		{
			name: "subscription holds max times posts", of: catalog.Subscriptions, fields: []string{"link", "", "username", "u", "min", "10", "max", "100", "posts", "5", "delay", "0"},
			charge: 1_000_000, stored: `[{"n":"username","v":"u"},{"n":"min","v":"10"},{"n":"max","v":"100"},{"n":"delay","v":"0"},{"n":"posts","v":"5"}]`,
		},
		{
			name: "subscription without end", of: catalog.Subscriptions, fields: []string{"link", "", "username", "u", "min", "10", "max", "100", "delay", "0"},
			refuse: "Missing required parameter: posts",
		},
		{
			name: "subscription upside down", of: catalog.Subscriptions, fields: []string{"link", "", "username", "u", "min", "100", "max", "10", "posts", "5", "delay", "0"},
			refuse: "min must not be above max",
		},
		{
			name: "subscription takes no link", of: catalog.Subscriptions, fields: []string{"username", "u", "min", "10", "max", "100", "posts", "5", "delay", "0"},
			refuse: "link is not available for this service",
		},
		{name: "a field of another type", of: catalog.Default, fields: []string{"quantity", "10", "comments", "x"}, refuse: "comments is not available for this service"},
		{name: "no drip-feed here", of: catalog.Default, fields: []string{"quantity", "10", "runs", "2", "interval", "1"}, refuse: "runs is not available for this service"},
	}
}

// Every type counts, bills and keeps its own fields, and says what it misses.
func TestTypesAreBilledByTheirFields(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p := newPlacer(t, d)
		balance := 100 * money.Unit
		for _, c := range typedOrders() {
			f.Exec(`UPDATE services SET type = $1`, string(c.of))
			fields := with(append([]string{"service", "1", "request_id", strings.ReplaceAll(c.name, " ", "-"), "quantity", ""}, c.fields...)...)
			r, err := parse(fields)
			if err == nil {
				var placed order.Placed
				placed, err = p.Place(context.Background(), f.Buyer, r, f.Snapshot())
				if err == nil && placed.Charge != c.charge {
					t.Errorf("%s: charged %s, want %s", c.name, placed.Charge, c.charge)
				}
				balance -= placed.Charge
				if err == nil && c.stored != "" {
					var stored string
					f.Read(func(tx *db.Tx) error {
						return tx.QueryRow(`SELECT fields FROM orders WHERE id = $1`, placed.OrderID).Scan(&stored)
					})
					if stored != c.stored {
						t.Errorf("%s: kept %s, want %s", c.name, stored, c.stored)
					}
				}
			}
			if text := textOf(err); text != c.refuse {
				t.Errorf("%s: %q, want %q", c.name, text, c.refuse)
			}
		}
		if got := f.Balance(f.Buyer.WalletID); got != balance {
			t.Errorf("balance %s, want %s", got, balance)
		}
		f.Audit()
	})
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.From(err).Text
}

// A classic client sends the fields of every type: what the type does not use is
// passed over, whatever it holds; runs that would be lost are not.
func TestClassicPassesOverWhatATypeDoesNotUse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p := newPlacer(t, d)
		for _, c := range []struct {
			of     catalog.Type
			fields []string
			charge money.Amount
			reason fault.Reason
		}{
			{catalog.Package, []string{"quantity", "lots", "comments", "x"}, 20_000, ""},
			{catalog.Default, []string{"quantity", "10", "comments", "x", "runs", "1", "interval", "5"}, 20_000, ""},
			{catalog.Default, []string{"quantity", "10", "runs", "0"}, 20_000, ""},
			{catalog.Default, []string{"quantity", "10", "runs", "3", "interval", "5"}, 0, fault.BadField},
			{catalog.Default, []string{"quantity", "lots"}, 0, fault.BadField},
			{catalog.Default, []string{"quantity", "9"}, 0, fault.QuantityLow},
			{catalog.Default, []string{"quantity", "100001"}, 0, fault.QuantityHigh},
			{catalog.Default, []string{"quantity", "1000000000000000"}, 0, fault.QuantityHigh},
			{catalog.Default, []string{"quantity", "99999999999999999999999999"}, 0, fault.QuantityHigh},
			{catalog.Default, []string{"quantity", "1000000000000000x"}, 0, fault.BadField},
			{catalog.Default, []string{"quantity", "10", "link", "nowhere"}, 0, fault.BadLink},
			{catalog.Subscriptions, []string{"username", "u", "min", "10", "max", "10", "delay", "0"}, 0, fault.BadPosts},
			{catalog.Subscriptions, []string{"username", "u", "min", "10", "max", "10", "delay", "0", "posts", "2"}, 40_000, ""},
		} {
			f.Exec(`UPDATE services SET type = $1`, string(c.of))
			fields := with(append([]string{"service", "1", "request_id", "", "quantity", ""}, c.fields...)...)
			r, err := order.ParseClassic(func(name string) string { return fields[name] })
			var placed order.Placed
			if err == nil {
				placed, err = p.Place(context.Background(), f.Buyer, r, f.Snapshot())
			}
			var reason fault.Reason
			if err != nil {
				reason = fault.From(err).Reason
			}
			if reason != c.reason || placed.Charge != c.charge {
				t.Errorf("%s %v: charged %s, %v; want %s, %s", c.of, c.fields, placed.Charge, err, c.charge, c.reason)
			}
		}
		f.Audit()
	})
}

// A link that the operator blocked, or that the service does not work on, is
// refused in every spelling.
func TestTargetsAreHeldAgainstTheRules(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		f.Exec(`INSERT INTO blocked_targets (pattern, reason, created_at) VALUES ('blocked.example', 'asked for it', 1)`)
		f.Exec(`UPDATE services SET link_hosts = 'example.com,blocked.example'`)
		p := newPlacer(t, d)
		for link, reason := range map[string]fault.Reason{
			"https://blocked.example/a":       fault.Blocked,
			"http://WWW.Blocked.Example.:80/": fault.Blocked,
			"https://sub.blocked.example":     fault.Blocked,
			"https://notblocked.example/":     fault.BadLink,
			"https://example.com.evil.test/":  fault.BadLink,
		} {
			_, err := p.Place(context.Background(), f.Buyer, f.Request("r", link, 100), f.Snapshot())
			if err == nil || fault.From(err).Reason != reason {
				t.Errorf("%s: %v, want %s", link, err, reason)
			}
		}
		_, err := p.Place(context.Background(), f.Buyer, f.Request("r", "https://shop.example.com/", 100), f.Snapshot())
		ordertest.Must(t, err)
	})
}

// Whatever field names a blocked target, with a scheme or without: it is refused,
// the field is named, and nothing is charged. What is to be written is no target.
func TestBlockedTargetsInEveryField(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		f.Exec(`INSERT INTO blocked_targets (pattern, reason, created_at) VALUES ('blocked.example', 'asked for it', 1), ('site.example/@name', 'asked for it', 1)`)
		f.Exec(`UPDATE services SET link_hosts = 'example.com,blocked.example,site.example'`)
		p := newPlacer(t, d)
		traffic := []string{"country", "DE", "device", "1", "type_of_traffic", "2"}
		subscription := []string{"link", "", "quantity", "", "min", "10", "max", "10", "posts", "2", "delay", "0"}
		many := strings.Repeat("https://example.com/a\n", 1001)
		for i, c := range []struct {
			of     catalog.Type
			field  string
			text   string
			reason fault.Reason
			more   []string
		}{
			{of: catalog.Subscriptions, field: "username", text: "https://blocked.example/x", reason: fault.Blocked, more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "blocked.example/x", reason: fault.Blocked, more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "blocked.example", reason: fault.Blocked, more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "https://elsewhere.example/x", reason: fault.BadLink, more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "elsewhere.example/x", reason: fault.BadLink, more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "www.example.com/x", more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "a.name", more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "a.name#1234", more: subscription},
			{of: catalog.Subscriptions, field: "username", text: "@name", more: subscription},
			{of: catalog.MentionsUserFollowers, field: "username", text: "site.example/@Name", reason: fault.Blocked},
			{of: catalog.MentionsUserFollowers, field: "username", text: "https://elsewhere.example/x"},
			{of: catalog.CommentLikes, field: "username", text: "//BLOCKED.example", reason: fault.Blocked},
			{of: catalog.MentionsCustomList, field: "usernames", text: "a,b,c,d,e,f,g,h,i,ｂlocked.example/x", reason: fault.Blocked},
			{of: catalog.MentionsCustomList, field: "usernames", text: "a,b,c,d,e,f,g,h,i,j.k"},
			{of: catalog.MentionsCustomList, field: "usernames", text: many, reason: fault.BadField},
			{of: catalog.MentionsCustomList, field: "usernames", text: strings.Repeat("https://example.com/"+strings.Repeat("a", 880)+"\n", 80), reason: fault.BadField},
			{of: catalog.MentionsCustomList, field: "usernames", text: strings.Repeat("a.b\n", 1001)},
			{of: catalog.MentionsMediaLikers, field: "media", text: "https://blocked.example/m", reason: fault.Blocked},
			{of: catalog.MentionsMediaLikers, field: "media", text: "https://xn--zz--.blocked.example/m", reason: fault.BadField},
			{of: catalog.InvitesFromGroups, field: "groups", text: "Rock / Pop\nhttps://blocked.example/g", reason: fault.Blocked},
			{of: catalog.InvitesFromGroups, field: "groups", text: "HTTPS:blocked.example?x=1", reason: fault.Blocked},
			{of: catalog.InvitesFromGroups, field: "groups", text: "Rock / Pop\nhttps://elsewhere.example/g"},
			{of: catalog.WebTraffic, field: "referring_url", text: "https://blocked.example/", reason: fault.Blocked, more: traffic},
			{of: catalog.WebTraffic, field: "referring_url", text: "https://elsewhere.example/", more: traffic},
			{of: catalog.CustomComments, field: "comments", text: strings.Repeat("see blocked.example/x\n", 10)},
			{of: catalog.SEO, field: "keywords", text: "blocked.example/x"},
			{of: catalog.MentionsHashtag, field: "hashtag", text: "blocked.example/x"},
		} {
			f.Exec(`UPDATE services SET type = $1`, string(c.of))
			fields := with(append([]string{"service", "1", "request_id", strconv.Itoa(i), "quantity", "10", c.field, c.text}, c.more...)...)
			if c.of == catalog.MentionsCustomList || c.of == catalog.CustomComments {
				fields["quantity"] = ""
			}
			r, err := parse(fields)
			ordertest.Must(t, err)
			before := f.Balance(f.Buyer.WalletID)
			_, err = p.Place(context.Background(), f.Buyer, r, f.Snapshot())
			if c.reason == "" {
				if err != nil {
					t.Errorf("%s %q: %v", c.field, c.text, err)
				}
				continue
			}
			refused := fault.From(err)
			if err == nil || refused.Reason != c.reason || len(refused.Args) != 1 || refused.Args[0] != c.field || !strings.HasPrefix(refused.Text, c.field+" ") {
				t.Errorf("%s %.40q: %v, want %s of the field", c.field, c.text, err, c.reason)
			}
			if after := f.Balance(f.Buyer.WalletID); after != before {
				t.Errorf("%s %.40q: it was charged", c.field, c.text)
			}
		}
		f.Audit()
	})
}

// A subscription's last day must be still to come when it is placed.
func TestExpiryIsStillToCome(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		f.Exec(`UPDATE services SET type = 'Subscriptions'`)
		p := newPlacer(t, d)
		var today time.Time
		f.Read(func(tx *db.Tx) error { today = tx.Now; return nil })
		for days, want := range map[int]string{
			-3650: "expiry must be a day that is still to come", -1: "expiry must be a day that is still to come",
			2: "", 365: "",
		} {
			r, err := parse(map[string]string{
				"service": "1", "request_id": "in" + strconv.Itoa(days), "username": "u", "min": "10", "max": "10", "posts": "2", "delay": "0",
				"expiry": today.AddDate(0, 0, days).UTC().Format(time.DateOnly),
			})
			ordertest.Must(t, err)
			before := f.Balance(f.Buyer.WalletID)
			_, err = p.Place(context.Background(), f.Buyer, r, f.Snapshot())
			if got := textOf(err); got != want || err != nil && fault.From(err).Reason != fault.BadField {
				t.Errorf("in %d days: %q, want %q", days, got, want)
			}
			if after := f.Balance(f.Buyer.WalletID); (after == before) != (want != "") {
				t.Errorf("in %d days: %s before and %s after", days, before, after)
			}
		}
		f.Audit()
	})
}

// A customer pays the tier's price, or a rate of the account's own, rounded up
// once; a repeat of a request is answered with what it was charged then.
func TestOwnPrices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p := newPlacer(t, d)
		f.Exec(`INSERT INTO tier_discounts (tier, percent) VALUES ('reseller', 12500000)`)
		buyer := f.Buyer
		buyer.Tier = "reseller"
		place := func(b order.Buyer, requestID string) money.Amount {
			placed, err := p.Place(context.Background(), b, f.Request(requestID, "https://example.com/", 1000), f.Snapshot())
			ordertest.Must(t, err)
			return placed.Charge
		}
		if got := place(buyer, "tier"); got != 1_750_000 {
			t.Errorf("with the tier's discount: %s, want 1.75", got)
		}
		f.Exec(`INSERT INTO account_rates (account_id, service_id, rate) VALUES ($1, 1, 1234567)`, buyer.AccountID)
		if got := place(buyer, "own"); got != 1_234_567 {
			t.Errorf("at a rate of its own: %s", got)
		}
		if got := place(buyer, "tier"); got != 1_750_000 {
			t.Errorf("the repeat: %s, want 1.75", got)
		}
		f.Audit()
	})
}
