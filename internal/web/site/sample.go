package site

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// What samples say where the reader says something else.
const (
	sampleKey     = "YOUR_API_KEY"
	sampleRequest = "shop-4711"
	sampleOrder   = "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"
)

// pair is a field of a call with its value.
type pair struct{ name, value string }

// sampleValues are what samples send in fields that have no number of the
// service's own.
//
//nolint:gochecknoglobals // a table
var sampleValues = map[string]string{
	"link": "https://example.com/landing", "comments": "First line\nSecond line", "usernames": "trade-weekly\nnews-desk", "hashtags": "launch, sale",
	"hashtag": "launch", "username": "trade-weekly", "media": "https://example.com/post/1", "answer_number": "2", "groups": "https://example.com/group/1",
	"delay": "30", "posts": "5", "keywords": "garden chairs, oak tables", "country": "DE", "device": "1", "type_of_traffic": "3",
}

// call returns the fields of an order of a service, as its owner would send them.
func call(v *catalog.Service, schema catalog.Schema) []pair {
	fields := []pair{
		{"key", sampleKey}, {"action", "add"}, {"request_id", sampleRequest}, {"service", strconv.FormatInt(v.ID, 10)},
	}
	if schema.Counting == catalog.ByQuantity {
		fields = append(fields, pair{"quantity", strconv.FormatInt(quantity(v), 10)})
	}
	if schema.Link {
		fields = append(fields, pair{"link", sampleValues["link"]})
	}
	for _, f := range schema.Fields {
		if needed(v, f) {
			fields = append(fields, pair{f.Name, fieldValue(v, schema, f)})
		}
	}
	return fields
}

// needed reports that an order of a service must have a field.
func needed(v *catalog.Service, f catalog.Field) bool {
	return f.Required || v.Type == catalog.Subscriptions && f.Name == "posts" && v.Posts == 0
}

// quantity is how many units a sample orders: a round number where the service
// takes it.
func quantity(v *catalog.Service) int64 {
	const round = 1000
	if v.Takes(round) {
		return round
	}
	return v.Least()
}

func fieldValue(v *catalog.Service, schema catalog.Schema, f catalog.Field) string {
	switch {
	case schema.Counting == catalog.ByPosts && (f.Name == "min" || f.Name == "max"):
		return strconv.FormatInt(v.Min, 10)
	case schema.Counting == catalog.ByLines && f.Name == schema.List:
		return enough(sampleValues[f.Name], v.Min)
	}
	return sampleValues[f.Name]
}

// enough repeats lines until there are as many as a service takes at least, up to
// what a reader still looks at.
func enough(lines string, least int64) string {
	const most = 5
	all := strings.Split(lines, "\n")
	for i := len(all); int64(i) < min(least, most); i++ {
		all = append(all, all[i%2]+" "+strconv.Itoa(i+1))
	}
	return strings.Join(all, "\n")
}

// curl writes a call as one command of a shell.
func curl(panel string, fields []pair) string {
	var b strings.Builder
	b.WriteString("curl " + panel + "/api/v2")
	for _, f := range fields {
		b.WriteString(" \\\n  ")
		if plain(f.value) {
			b.WriteString("-d " + f.name + "=" + f.value)
			continue
		}
		b.WriteString("--data-urlencode '" + f.name + "=" + strings.ReplaceAll(f.value, "'", `'\''`) + "'")
	}
	return b.String()
}

// plain reports that a value means nothing to a shell and needs no encoding.
func plain(value string) bool {
	const means = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	return value != "" && strings.Trim(value, means) == ""
}

// answer is what the API says to a call that was taken.
type answer struct {
	Order    string `json:"order"`
	Status   string `json:"status"`
	Charge   string `json:"charge"`
	Currency string `json:"currency"`
}

// answerTo writes what the API answers to the sample's call.
func answerTo(v *catalog.Service, units int64, currency string) (string, error) {
	charge, err := money.Charge(v.Rate, units)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(answer{Order: sampleOrder, Status: "pending", Charge: charge.String(), Currency: currency}, "", "  ")
	return string(text), err
}

// shown returns the service that samples and worked examples are about: the first
// that is bought by its quantity.
func shown(now *catalog.Snapshot) (v *catalog.Service, schema catalog.Schema, found bool) {
	for _, v := range now.Services {
		if v.State != catalog.Active {
			continue
		}
		if schema, ok := catalog.SchemaOf(v.Type); ok && schema.Counting == catalog.ByQuantity && v.Least() <= v.Most() {
			return v, schema, true
		}
	}
	return nil, schema, false
}
