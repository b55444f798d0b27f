package apiv2

import (
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/order"
)

// classicNames are the parameters that the classic dialect knows beside those of
// an order. All others are passed over, whatever they hold.
//
//nolint:gochecknoglobals // a table
var classicNames = []string{"action", "order", "orders", "refill", "refills", "request_id", "lang"}

// classicFields collects the known parameters from body and query, in the form
// that every dialect's handlers read.
func classicFields(in *input) map[string]string {
	fields := map[string]string{}
	for _, name := range slices.Concat(classicNames, order.Fields) {
		if v := in.either(name); !isAbsent(v) {
			fields[name] = v
		}
	}
	if fields["request_id"] == "" && in.repeatID != "" {
		fields["request_id"] = in.repeatID
	}
	if day, sent := fields["expiry"]; sent {
		fields["expiry"] = classicDay(day)
	}
	if strings.Trim(fields["posts"], "0") == "" {
		delete(fields, "posts") // 0 asks for no end, as absence does
	}
	if strings.HasPrefix(fields["runs"], "-") {
		delete(fields, "runs") // less than two are no drip-feed
	}
	return fields
}

// isAbsent reports the words that scripts send for a parameter that they do not
// have.
func isAbsent(v string) bool {
	switch v {
	case "", "undefined", "null", "NaN":
		return true
	}
	return false
}

// classicDay reads a day as d/m/Y or, where that is none, as m/d/Y, and writes it
// as Y-m-d. What is no day stays, to be refused where a day is needed.
func classicDay(text string) string {
	for _, layout := range []string{"2/1/2006", "1/2/2006", "2006-1-2"} {
		if day, err := time.Parse(layout, text); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	return text
}

// classicAction returns the action that is asked for, whatever it is called. The
// other names of status always mean many orders.
func classicAction(fields map[string]string) (action string, known bool) {
	action = strings.ToLower(fields["action"])
	switch action {
	case "services", "add", "status", "refill", "refill_status", "cancel", "balance":
		return action, true
	case "orders", "statuses", "multi_status", "multi-status":
		if one := fields["order"]; fields["orders"] == "" && one != "" {
			fields["orders"] = one
		}
		return "status", true
	}
	return "", false
}

// tokens returns the ids that a call names, each once, as they were sent. A list
// under the name for one is a list all the same.
func (c *call) tokens(one, many string) (tokens []string, isMany bool, err error) {
	const most = 100
	list, isMany := c.get(many), true
	if list == "" {
		list = c.get(one)
		isMany = strings.Contains(list, ",")
	}
	for token := range strings.SplitSeq(list, ",") {
		token = strings.TrimSpace(token)
		if token == "" || slices.Contains(tokens, token) {
			continue
		}
		if tokens = append(tokens, token); len(token) > maxID || len(tokens) > most {
			return nil, false, errRequest
		}
	}
	if len(tokens) == 0 {
		return nil, false, errRequest
	}
	return tokens, isMany, nil
}
