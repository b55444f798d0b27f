package fulfil

import (
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// addRequest is an order as its provider is sent it.
func addRequest(c claim) provider.AddRequest {
	o := c.order
	r := provider.AddRequest{Service: o.ProviderService, RequestID: c.submission.requestID()}
	if o.Link != "" {
		r.Fields = append(r.Fields, provider.Field{Name: "link", Value: o.Link})
	}
	if o.Kind != order.Subscription {
		r.Fields = append(r.Fields, provider.Field{Name: "quantity", Value: strconv.FormatInt(o.Quantity, 10)})
	}
	for _, v := range o.Fields {
		text := v.Text
		if v.Name == "expiry" && c.provider.Kind != provider.Native {
			text = dayFirst(text)
		}
		r.Fields = append(r.Fields, provider.Field{Name: v.Name, Value: text})
	}
	if o.Kind == order.Subscription && o.Fields.Get("posts") == "" {
		// Without a number the provider would go on for ever; no more is paid for.
		r.Fields = append(r.Fields, provider.Field{Name: "posts", Value: strconv.FormatInt(o.Runs, 10)})
	}
	return r
}

// dayFirst writes a day as classic providers read it: 31/12/2026.
func dayFirst(day string) string {
	if t, err := time.Parse(time.DateOnly, strings.TrimSpace(day)); err == nil {
		return t.Format("02/01/2006")
	}
	return day
}

// dayOf reads a day as providers write it, the day before the month unless that
// can't be, and returns it as YYYY-MM-DD. Their other words are for nobody: the
// customer sees this one.
func dayOf(text string) (day string, ok bool) {
	for _, layout := range []string{"2/1/2006", "1/2/2006", "2006-1-2"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t.Format(time.DateOnly), true
		}
	}
	return "", false
}
