package docs

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
)

// Placeholder stands in every sample in the place of the key.
const Placeholder = "YOUR_API_KEY"

// KeyVariable is the environment variable that holds the key in the samples that
// take it from there.
const KeyVariable = "PANEL_API_KEY"

// Sample is a call in every language and the answer to it, or what a receiver of
// webhooks does.
type Sample struct {
	ID     string
	Action string  // "" of what a receiver does: it has no fields and no answer
	Fields []Field // beside key and action, in their order
	Code   []Code
	Answer Answer
	// Try is whether the call can be made as it is, with a test key.
	Try bool
}

// Field is a field of a request.
type Field struct{ Name, Value string }

// Code is a sample in a language.
type Code struct {
	Language string // "curl", "go", "javascript", "python" or "php"
	Label    string // for a tab
	Text     string
	HTML     string // the same with colours
}

// Answer is what the API answered to a sample.
type Answer struct {
	Status  int
	Headers []Field // those that the sample is about
	Text    string  // JSON with line ends and spaces for people
	HTML    string  // the same with colours
	// First tells that of a list only the first entry is shown.
	First bool
}

// example describes a sample, once for all languages.
type example struct {
	id     string
	action string
	fields []Field
	// creates are the ids that the answer is to have, in the order in which they
	// appear there.
	creates []string
	status  int      // 0 is 200
	headers []string // of the answer, that the sample shows
	dialect apikey.Dialect
	noKey   bool // the key of the sample is one that nobody has
	careful bool // it repeats what may be repeated
	fromEnv bool // it takes the key from the environment
	first   bool // see Answer.First
	try     bool
}

// These are the ids of the pages.
func orderID(n int) string    { return fmt.Sprintf("ord_01KA7Q2M5V8X3C6N9P4R7T0W%02d", n) }
func refillID(n int) string   { return fmt.Sprintf("ref_01KB3F8H1J4M7Q0S5V2X9Z6C%02d", n) }
func webhookID(n int) string  { return fmt.Sprintf("whk_01KB5K7N0Q3S6V9X2Z5B8D1F%02d", n) }
func deliveryID(n int) string { return fmt.Sprintf("dlv_01KB5M2T9W4Y7B1D6F8H3J5K%02d", n) }
func eventID(n int) string    { return fmt.Sprintf("evt_01KB5M2T9W4Y7B1D6F8H3J5K%02d", n) }

// webhookSecret stands in the answers in the place of every webhook's secret.
const webhookSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" //nolint:gosec // nobody's

// Numbers of the ids that are there before the samples run, by the state of their
// order, and of those that samples make.
const (
	exCompleted = 1 + iota
	exInProgress
	exPartial
	exPending
	exOther
	exPlaced
	exDripFeed
	exComments
	exSubscription
	exRun
)

// Numbers of the webhooks and deliveries of the samples.
const (
	exHook      = 1 // there before the samples run, told of orders 1 and 3
	exAddedHook = 2
	exPing      = 9 // the delivery of the test
)

func pairs(all ...string) (fields []Field) {
	for i := 0; i+1 < len(all); i += 2 {
		fields = append(fields, Field{all[i], all[i+1]})
	}
	return fields
}

// placing are the fields of the order that the pages place.
func placing() []Field {
	return pairs("request_id", "shop-4711", "service", "1", "quantity", "1000", "link", "https://example.com/landing?from=ad#offer")
}

// rateHeaders are those that tell what is left.
func rateHeaders(more ...string) []string {
	return append([]string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}, more...)
}

// examples lists the samples of all pages.
func examples() []example {
	const bad = 400
	comments := "Clear and to the point\nThe second half is even better"
	return []example{
		{id: "balance", action: "balance", try: true},
		{id: "balance-env", action: "balance", fromEnv: true},
		{id: "services", action: "services", first: true, try: true},
		{id: "unusable-key", action: "balance", status: bad, noKey: true},
		{id: "first-order", action: "add", fields: placing(), creates: []string{orderID(exPlaced)}, careful: true, try: true},
		{id: "first-status", action: "status", fields: pairs("order", orderID(exPlaced))},
		{id: "headers", action: "status", fields: pairs("orders", "1,2,3"), headers: rateHeaders("X-RateLimit-Tier-Remaining")},
		{id: "limited", action: "status", fields: pairs("orders", "1,2,3"), status: 429, headers: rateHeaders("X-RateLimit-DeniedBy", "Retry-After")},
		{
			id: "error", action: "add", status: bad, try: true,
			fields: pairs("request_id", "shop-4712", "service", "1", "quantity", "5", "link", "https://example.com/landing"),
		},
		{id: "service", action: "service", fields: pairs("service", "2"), try: true},
		{id: "changes", action: "changes", fields: pairs("limit", "1"), try: true},
		{id: "add", action: "add", fields: placing(), creates: []string{orderID(exPlaced)}, try: true},
		{
			id: "add-max-charge", action: "add", status: bad, try: true,
			fields: pairs("request_id", "shop-4713", "service", "1", "quantity", "1000", "link", "https://example.com/landing", "max_charge", "1.50"),
		},
		{
			id: "add-drip-feed", action: "add", creates: []string{orderID(exDripFeed)}, try: true,
			fields: pairs("request_id", "shop-4714", "service", "1", "quantity", "500", "link", "https://example.com/landing", "runs", "4", "interval", "60"),
		},
		{
			id: "add-comments", action: "add", creates: []string{orderID(exComments)}, try: true,
			fields: pairs("request_id", "shop-4715", "service", "3", "link", "https://example.com/article", "comments", comments),
		},
		{
			id: "add-subscription", action: "add", creates: []string{orderID(exSubscription)}, try: true,
			fields: pairs("request_id", "shop-4716", "service", "4", "username", "trade-weekly", "min", "100", "max", "200", "posts", "10", "delay", "0"),
		},
		{id: "status", action: "status", fields: pairs("order", orderID(exInProgress))},
		{id: "status-many", action: "status", fields: pairs("orders", orderID(exInProgress)+",3,no-such-order")},
		{id: "status-drip-feed", action: "status", fields: pairs("order", orderID(exOther)), creates: []string{orderID(exRun)}},
		{id: "order", action: "order", fields: pairs("request_id", "shop-4703")},
		{id: "orders", action: "orders", fields: pairs("limit", "1", "status", "in_progress"), try: true},
		{id: "refill", action: "refill", fields: pairs("order", orderID(exCompleted)), creates: []string{refillID(1)}},
		{id: "refill-many", action: "refill", fields: pairs("orders", "3,2"), creates: []string{refillID(2)}},
		{id: "refill-status", action: "refill_status", fields: pairs("refill", refillID(1))},
		{id: "refill-status-many", action: "refill_status", fields: pairs("refills", "1,7")},
		{id: "cancel", action: "cancel", fields: pairs("order", orderID(exPending))},
		{id: "cancel-many", action: "cancel", fields: pairs("orders", orderID(exPlaced)+",1,no-such-order")},
		{id: "transactions", action: "transactions", fields: pairs("limit", "2"), try: true},
		{
			id: "webhook-add", action: "webhook.add", creates: []string{webhookID(exAddedHook)},
			fields: pairs("url", "https://shop.example/webhooks", "events", "order.completed,order.partial,order.canceled"),
		},
		{id: "webhook-list", action: "webhook.list", try: true},
		{id: "webhook-deliveries", action: "webhook.deliveries", fields: pairs("id", webhookID(exHook), "limit", "1")},
		{id: "webhook-replay", action: "webhook.replay", fields: pairs("delivery", deliveryID(exPartial))},
		{id: "webhook-replay-since", action: "webhook.replay", fields: pairs("id", webhookID(exHook), "since", "2026-03-01T12:00:00Z")},
		{id: "webhook-test", action: "webhook.test", fields: pairs("id", webhookID(exHook)), creates: []string{deliveryID(exPing)}},
		{id: "webhook-rotate", action: "webhook.rotate", fields: pairs("id", webhookID(exHook), "overlap", "24")},
		{id: "webhook-remove", action: "webhook.remove", fields: pairs("id", webhookID(exAddedHook))},
		{
			id: "classic-add", action: "add", dialect: apikey.Classic,
			fields: pairs("service", "1", "quantity", "1000", "link", "https://example.com/landing"),
		},
		{id: "classic-status", action: "status", dialect: apikey.Classic, fields: pairs("order", "3")},
		{
			id: "classic-error", action: "add", dialect: apikey.Classic,
			fields: pairs("service", "1", "quantity", "5", "link", "https://example.com/landing"),
		},
	}
}

// SampleIDs lists the samples in the order in which they can be run: what one asks
// about, another before it has made.
func SampleIDs() (all []string) {
	for _, e := range examples() {
		all = append(all, e.id)
	}
	return all
}

// Sample returns a sample for the panel; fault.NotFound where there is none.
func (d *Docs) Sample(id string) (Sample, error) {
	if slices.Contains(ReceiverIDs(), id) {
		return receiver(id)
	}
	all := examples()
	i := slices.IndexFunc(all, func(e example) bool { return e.id == id })
	if i < 0 {
		return Sample{}, fault.New(fault.NotFound, "There is no sample "+strconv.Quote(id))
	}
	e := all[i]
	answer, err := e.answer()
	if err != nil {
		return Sample{}, err
	}
	answer.suit(d.settings)
	s := Sample{ID: e.id, Action: e.action, Fields: e.fields, Answer: answer, Try: e.try}
	for _, l := range spoken() {
		text := l.write(e, d.settings.Endpoint())
		s.Code = append(s.Code, Code{Language: l.id, Label: l.label, Text: text, HTML: content.Highlight(text, l.highlight)})
	}
	return s, nil
}

// tongue is a language that samples are written in.
type tongue struct {
	id, label, highlight string
	write                func(e example, endpoint string) string
}

func spoken() []tongue {
	return []tongue{
		{"curl", "curl", "sh", curl},
		{"go", "Go", "go", golang},
		{"javascript", "JavaScript", "javascript", javaScript},
		{"python", "Python", "python", python},
		{"php", "PHP", "php", php},
	}
}

// CodeLanguages lists the languages of samples as Code names them, in the order of
// the tabs.
func CodeLanguages() (all []string) {
	for _, l := range spoken() {
		all = append(all, l.id)
	}
	return all
}

// body are the fields of the request, the key first.
func (e example) body() []Field {
	return append([]Field{{"key", Placeholder}, {"action", e.action}}, e.fields...)
}
