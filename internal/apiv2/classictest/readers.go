package classictest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Service is a line of services as strict clients hold it.
type Service struct {
	Service     int32   `json:"service"`
	Name        string  `json:"name"`
	Type        string  `json:"type"`
	Category    string  `json:"category"`
	Rate        string  `json:"rate"`
	Min         string  `json:"min"`
	Max         string  `json:"max"`
	Dripfeed    *bool   `json:"dripfeed"`
	Refill      *bool   `json:"refill"`
	Cancel      *bool   `json:"cancel"`
	Desc        *string `json:"desc"`
	Description *string `json:"description"`
}

// Status is an order's state as strict clients hold it: text throughout, but for
// the parts of a drip-feed or subscription.
type Status struct {
	Charge     *string `json:"charge"`
	StartCount *string `json:"start_count"`
	Status     *string `json:"status"`
	Remains    *string `json:"remains"`
	Currency   *string `json:"currency"`
	Runs       *string `json:"runs"`
	Posts      *string `json:"posts"`
	Expiry     *string `json:"expiry"`
	Orders     []int32 `json:"orders"`
	Error      *string `json:"error"`
}

// Services reads the catalogue.
func Services(body []byte) (all []Service, err error) {
	if err := strict(body, &all); err != nil {
		return nil, err
	}
	if all == nil {
		return nil, errors.New("the list is null")
	}
	return all, nil
}

// Diff compares a catalogue with the one before as panels do that subtract ids of
// sorted lists: what is missing is switched off there.
func Diff(before, now []Service) (added, gone []int32) {
	i, j := 0, 0
	for i < len(before) || j < len(now) {
		switch {
		case j >= len(now), i < len(before) && before[i].Service-now[j].Service < 0:
			gone = append(gone, before[i].Service)
			i++
		case i >= len(before), before[i].Service-now[j].Service > 0:
			added = append(added, now[j].Service)
			j++
		default:
			i++
			j++
		}
	}
	return added, gone
}

// OrderID reads the answer to add. Panels ask about ids above zero alone.
func OrderID(body []byte) (int32, error) {
	var answer struct {
		Order *int32 `json:"order"`
	}
	switch err := strict(body, &answer); {
	case err != nil:
		return 0, err
	case answer.Order == nil || *answer.Order <= 0:
		return 0, errors.New("no order above zero")
	}
	return *answer.Order, nil
}

// StatusOf reads an order's state.
func StatusOf(body []byte) (Status, error) {
	var s Status
	return s, strict(body, &s)
}

// StatusesOf reads the state of many, by the ids as they were sent.
func StatusesOf(body []byte) (map[string]Status, error) {
	var all map[string]Status
	return all, strict(body, &all)
}

// Row is a line of a batch: an id and a value that is a result or an error. An id
// that is no number can only be text.
type Row struct {
	ID    any
	Value json.RawMessage
}

// Rows reads a batch that is a list of two members each.
func Rows(body []byte, id, value string) (all []Row, err error) {
	var lines []map[string]json.RawMessage
	if err := strict(body, &lines); err != nil {
		return nil, err
	}
	for _, line := range lines {
		if len(line) != 2 || line[id] == nil || line[value] == nil {
			return nil, fmt.Errorf("a line has not just %s and %s", id, value)
		}
		row := Row{Value: line[value]}
		var number int32
		var text string
		switch {
		case json.Unmarshal(line[id], &number) == nil:
			row.ID = number
		case json.Unmarshal(line[id], &text) == nil:
			row.ID = text
		default:
			return nil, fmt.Errorf("%s is %s", id, line[id])
		}
		all = append(all, row)
	}
	return all, nil
}

// Names of a batch's members: the id and the value.
func (a Action) members() (id, value string) {
	switch a.Name {
	case "refill":
		return "order", "refill"
	case "cancel":
		return "order", "cancel"
	}
	return "refill", "status"
}

// numericIDs reads ids into 32 bits, as a database column holds them.
func numericIDs(action Action, a Answer) error {
	if failed(a.Body) {
		return nil
	}
	switch {
	case action.Name == "services":
		all, err := Services(a.Body)
		for i, s := range all {
			if s.Service <= 0 || i > 0 && all[i-1].Service-s.Service >= 0 {
				return fmt.Errorf("service %d does not follow the one before it", s.Service)
			}
		}
		return err
	case action.Name == "add":
		_, err := OrderID(a.Body)
		return err
	case action.Name == "status" && action.Many:
		_, err := StatusesOf(a.Body)
		return err
	case action.Name == "status":
		_, err := StatusOf(a.Body)
		return err
	case action.Many:
		id, value := action.members()
		rows, err := Rows(a.Body, id, value)
		if err != nil {
			return err
		}
		return eachOnce(action.Tokens, rows)
	}
	return nil
}

// eachOnce holds the lines of a batch against the ids that were sent.
func eachOnce(tokens []string, rows []Row) error {
	if len(rows) != len(tokens) {
		return fmt.Errorf("%d lines for %d ids", len(rows), len(tokens))
	}
	for i, row := range rows {
		_, isNumber := row.ID.(int32)
		_, err := strconv.ParseInt(tokens[i], 10, 32)
		if fmt.Sprint(row.ID) != tokens[i] || isNumber != (err == nil) {
			return fmt.Errorf("line %d is about %v, not %s", i+1, row.ID, tokens[i])
		}
	}
	return nil
}

var (
	decimal = regexp.MustCompile(`^-?(0|[1-9]\d*)\.\d{2,6}$`)
	count   = regexp.MustCompile(`^(0|[1-9]\d*)$`)
	iso     = regexp.MustCompile(`^[A-Z]{3}$`)
)

// texts reads amounts and counts as text in their plain form.
func texts(action Action, a Answer) error {
	if failed(a.Body) {
		return nil
	}
	switch action.Name {
	case "services":
		all, err := Services(a.Body)
		for _, s := range all {
			if !decimal.MatchString(s.Rate) || !count.MatchString(s.Min) || !count.MatchString(s.Max) {
				return fmt.Errorf("service %d costs %q for %q to %q", s.Service, s.Rate, s.Min, s.Max)
			}
		}
		return err
	case "status":
		return eachStatus(action, a, func(s Status) error {
			for _, text := range []*string{s.Charge, s.StartCount, s.Status, s.Remains, s.Currency} {
				if text == nil || *text == "" {
					return errors.New("a member is missing or empty")
				}
			}
			if !decimal.MatchString(*s.Charge) || !count.MatchString(*s.StartCount) || !count.MatchString(*s.Remains) || !iso.MatchString(*s.Currency) {
				return fmt.Errorf("charge %q, start_count %q, remains %q, currency %q", *s.Charge, *s.StartCount, *s.Remains, *s.Currency)
			}
			return nil
		})
	case "balance":
		var b map[string]string
		if err := strict(a.Body, &b); err != nil {
			return err
		}
		if len(b) != 2 || !decimal.MatchString(b["balance"]) || !iso.MatchString(b["currency"]) {
			return fmt.Errorf("balance %q %q", b["balance"], b["currency"])
		}
	case "refill":
		if action.Many {
			return nil
		}
		var r map[string]string
		if err := strict(a.Body, &r); err != nil {
			return err
		}
		if len(r) != 1 || !count.MatchString(r["refill"]) {
			return errors.New("the refill is not a number's text")
		}
	}
	return nil
}

// eachStatus visits the states in an answer, errors left out.
func eachStatus(action Action, a Answer, visit func(Status) error) error {
	all := map[string]Status{}
	var err error
	if action.Many {
		all, err = StatusesOf(a.Body)
	} else {
		all[""], err = StatusOf(a.Body)
	}
	if err != nil {
		return err
	}
	for token, s := range all {
		if s.Error != nil {
			continue
		}
		if err := visit(s); err != nil {
			return fmt.Errorf("order %s: %w", token, err)
		}
	}
	return nil
}

// flags reads the flags of services, all of which are there.
func flags(action Action, a Answer) error {
	if action.Name != "services" || failed(a.Body) {
		return nil
	}
	all, err := Services(a.Body)
	for _, s := range all {
		if s.Dripfeed == nil || s.Refill == nil || s.Cancel == nil {
			return fmt.Errorf("service %d lacks a flag", s.Service)
		}
	}
	return err
}

// The words that clients know. Any other one is pending for ever to them.
//
//nolint:gochecknoglobals // tables
var (
	types = []string{
		"Default", "Package", "Custom Comments", "Custom Comments Package", "Mentions with Hashtags", "Mentions Custom List",
		"Mentions Hashtag", "Mentions User Followers", "Mentions Media Likers", "Comment Likes", "Comment Replies", "Poll",
		"Invites from Groups", "Subscriptions", "SEO", "Web Traffic",
	}
	states        = []string{"Pending", "Processing", "In progress", "Completed", "Partial", "Canceled"}
	drips         = []string{"In progress", "Completed", "Canceled"}
	subscriptions = []string{"Active", "Completed", "Expired", "Canceled"}
	refills       = []string{"Pending", "In progress", "Completed", "Rejected"}
)

// exactWords reads types and states as an enumeration.
func exactWords(action Action, a Answer) error {
	if failed(a.Body) {
		return nil
	}
	switch action.Name {
	case "services":
		all, err := Services(a.Body)
		for _, s := range all {
			if !slices.Contains(types, s.Type) {
				return fmt.Errorf("type %q", s.Type)
			}
		}
		return err
	case "status":
		return eachStatus(action, a, func(s Status) error {
			known := states
			switch {
			case s.Runs != nil:
				known = drips
			case s.Posts != nil:
				known = subscriptions
			}
			if s.Status == nil || !slices.Contains(known, *s.Status) {
				return errors.New("a word that nobody knows")
			}
			return nil
		})
	case "refill_status":
		return refillWords(action, a)
	}
	return nil
}

func refillWords(action Action, a Answer) error {
	if !action.Many {
		var one map[string]string
		if err := strict(a.Body, &one); err != nil {
			return err
		}
		if len(one) != 1 || !slices.Contains(refills, one["status"]) {
			return fmt.Errorf("word %q", one["status"])
		}
		return nil
	}
	rows, err := Rows(a.Body, "refill", "status")
	if err != nil {
		return err
	}
	for _, row := range rows {
		var word string
		if json.Unmarshal(row.Value, &word) == nil && !slices.Contains(refills, word) {
			return fmt.Errorf("word %q", word)
		}
	}
	return nil
}

// nestedErrors reads the lines of batches: a value that is the right thing, or an
// object with an error. A flat error would pass for success.
func nestedErrors(action Action, a Answer) error {
	if failed(a.Body) || !action.Many || action.Name == "status" {
		return nil
	}
	id, value := action.members()
	rows, err := Rows(a.Body, id, value)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if failed(row.Value) {
			continue
		}
		var number int32
		var word string
		switch {
		case action.Name == "refill_status" && json.Unmarshal(row.Value, &word) == nil && word != "":
		case action.Name == "cancel" && string(row.Value) == "1":
		case action.Name == "refill" && json.Unmarshal(row.Value, &number) == nil && number > 0:
		default:
			return fmt.Errorf("the %s of %v is %s", value, row.ID, row.Value)
		}
	}
	return nil
}

// Refund is what a panel gives back to its own customer for a state: everything
// of a canceled order, the share of what remains of a partial one. Amounts are
// millionths.
func Refund(charge int64, quantity int64, s Status) (int64, error) {
	if s.Status == nil || s.Remains == nil {
		return 0, errors.New("no status or remains")
	}
	switch *s.Status {
	case "Canceled":
		return charge, nil
	case "Partial":
		remains, err := strconv.ParseInt(*s.Remains, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("remains: %w", err)
		}
		if remains >= quantity {
			return charge, nil
		}
		return charge/quantity*remains + charge%quantity*remains/quantity, nil
	}
	return 0, nil
}
