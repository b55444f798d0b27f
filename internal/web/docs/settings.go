package docs

import (
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/webhook"
)

// Settings are what the pages say of the panel that shows them.
type Settings struct {
	Panel    string // its name
	BaseURL  string // its address without a slash at the end, such as https://panel.example
	Support  string // mail address for "Need help?"; empty: none
	Currency string // such as USD
	Limits   Limits
}

// Limits are requests a minute; 0 is no limit.
type Limits struct {
	Address int64 // from one address
	Key     int64 // with a native key that has no limit of its own
	Tiers   []Tier
}

// Tier is a class of customers.
type Tier struct {
	Name      string // as customers read it
	PerMinute int64  // with all live keys of an account; 0 is no limit
}

// LimitsOf tells the limits that hold. Tiers are named in the order given.
func LimitsOf(l ratelimit.Limits, tiers ...Tier) Limits {
	out := Limits{Address: l.Address, Key: l.Key}
	for _, t := range tiers {
		t.PerMinute = l.Tiers[strings.ToLower(t.Name)]
		out.Tiers = append(out.Tiers, t)
	}
	return out
}

// Secure reports whether the panel is reached by https.
func (s Settings) Secure() bool { return strings.HasPrefix(s.BaseURL, "https://") }

// Endpoint is the API's address.
func (s Settings) Endpoint() string { return s.BaseURL + "/api/v2" }

// ClassicKey is the limit of a classic key that has none of its own.
func (l Limits) ClassicKey() int64 { return l.Key * ratelimit.ClassicTimes }

// values are what a page's template may name.
type values struct {
	Settings

	Max     bounds
	Actions string // names, separated by commas
	Words   string // that status answers, separated by commas
	Events  string // that a webhook may be told of, with commas between as the API writes them
}

// bounds are the numbers of the program that no setting changes.
type bounds struct {
	Keys, BodyMiB, Fields, IDs, ID, RequestID, Link, Line int64
	Runs, Interval, Posts, OldPosts, Delay                int64
	ListedLinks, ListedKiB                                int64
	List, ListUsual, Orders, OrdersUsual                  int64
	TestOrders, TestDays, EnoughOrders, FactsOf, Refills  int64
	SiteTimes, UndeliveredMinutes                         int64
	Webhooks, WebhookTests, WebhookURL, AnswerKiB         int64
	OverlapHours, OverlapUsual, LogDays                   int64
	Deliveries, DeliveriesUsual                           int64
	PlayMoney                                             money.Amount
}

func (s Settings) values() values {
	const mebi, kibi = 1 << 20, 1 << 10
	return values{
		Settings: s,
		Max: bounds{
			Keys: apikey.MaxActive, BodyMiB: apiv2.MaxBody / mebi, Fields: apiv2.MaxFields, IDs: apiv2.MaxIDs, ID: apiv2.MaxID,
			RequestID: order.MaxRequestID, Link: order.MaxLink, Line: order.MaxLine,
			Runs: order.MaxRuns, Interval: order.MaxInterval, Posts: catalog.MaxPosts, OldPosts: catalog.MaxOldPosts, Delay: catalog.MaxDelay,
			ListedLinks: order.MaxListedLinks, ListedKiB: order.MaxListedBytes / kibi,
			List: apiv2.ListMost, ListUsual: apiv2.ListUsual, Orders: apiv2.OrdersMost, OrdersUsual: apiv2.OrdersUsual,
			TestOrders: order.MaxTestOrders, TestDays: int64(ledger.PlayKept / (24 * time.Hour)),
			EnoughOrders: catalog.EnoughOrders, FactsOf: order.FactsOf, Refills: catalog.UsualRefills,
			SiteTimes: ratelimit.SiteTimes, UndeliveredMinutes: int64(order.UndeliveredFor / time.Minute),
			Webhooks: webhook.MaxPerKey, WebhookTests: webhook.TestsPerMin, WebhookURL: outbound.MaxURL, AnswerKiB: outbound.DeliveryAnswer / kibi,
			OverlapHours: int64(webhook.MaxOverlap / time.Hour), OverlapUsual: int64(webhook.UsualOverlap / time.Hour),
			LogDays: int64(webhook.Kept / (24 * time.Hour)), Deliveries: apiv2.DeliveriesMost, DeliveriesUsual: apiv2.DeliveriesUsual,
			PlayMoney: ledger.PlayMoney,
		},
		Actions: strings.Join(apiv2.Actions(), ", "),
		Words:   strings.Join(apiv2.StatusWords(), ", "),
		Events:  strings.Join(eventNames(), ","),
	}
}

// eventNames are the events that a webhook may be told of.
func eventNames() (names []string) {
	for _, t := range event.Types() {
		names = append(names, string(t))
	}
	return names
}

// functions are what a page's template may call, in a language.
func functions(language string) template.FuncMap {
	texts := map[string]string{"en": "no limit", "tr": "sınırsız"}
	return template.FuncMap{
		"n": func(n int64) string { return grouped(n, language) },
		"limit": func(n int64) string {
			if n > 0 {
				return grouped(n, language)
			}
			return texts[language]
		},
	}
}

// grouped writes a number with a mark between its thousands.
func grouped(n int64, language string) string {
	mark := ","
	if language != English {
		mark = "."
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + mark + digits[i:]
	}
	return digits
}
