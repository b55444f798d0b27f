package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/money"
)

// Balance is what a provider says of our account there.
type Balance struct {
	Amount   string // as the provider writes it
	Currency string
}

// Listing is a service in a provider's list, as far as it could be read.
type Listing struct {
	ID          string
	Name        string
	Category    string
	Type        string // as written; "" means default
	Description string
	Cost        money.Amount // per 1,000
	Min, Max    int64
	Cancel      bool
	Problem     string // why it can't be sold; "" is none
}

// Report is what a provider says of an order.
type Report struct {
	Word       Word
	Said       string // the word as written
	StartCount *int64 // nil: unknown
	Remains    *int64 // nil: unknown or not a count
	Charge     *money.Amount
	Err        string // the provider's error for this order; then nothing else is set
}

// Word is a provider's state of an order. It is their word, not a state of ours.
type Word int

// The words that are understood.
const (
	WordUnknown    Word = iota // nobody knows it
	WordWaiting                // pending, awaiting, processing: no change
	WordInProgress             // being delivered
	WordCompleted
	WordPartial
	WordCanceled // canceled, refunded
	WordTrouble  // fail, error, rejected: a person must look
)

// words lists the spellings, without case, spaces, underscores and hyphens.
//
//nolint:gochecknoglobals // a table
var words = map[string]Word{
	"pending": WordWaiting, "awaiting": WordWaiting, "processing": WordWaiting,
	"inprogress": WordInProgress, "inprogess": WordInProgress, "active": WordInProgress,
	"completed": WordCompleted, "complete": WordCompleted, "success": WordCompleted,
	"partial":  WordPartial,
	"canceled": WordCanceled, "cancelled": WordCanceled, "refunded": WordCanceled,
	"fail": WordTrouble, "failed": WordTrouble, "error": WordTrouble, "rejected": WordTrouble,
}

// WordOf reads a status word as providers spell it.
func WordOf(said string) Word {
	return words[strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(said)))]
}

// errUnreadable says that an answer is not what the action's answer can be.
var errUnreadable = errors.New("the provider's answer can't be read")

// decode reads a JSON value of any shape, numbers as they were written. Text
// before it, as some servers print warnings there, is passed over.
func decode(body []byte) (any, error) {
	start := bytes.IndexAny(body, "{[")
	if start < 0 {
		return nil, errUnreadable
	}
	decoder := json.NewDecoder(bytes.NewReader(body[start:]))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, errUnreadable
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errUnreadable
	}
	return v, nil
}

// text returns a string or a number as text, "" for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// flag reads true, 1, "1" and "true".
func flag(v any) bool {
	if b, ok := v.(bool); ok {
		return b
	}
	t := strings.ToLower(text(v))
	return t == "1" || t == "true"
}

// count reads a whole number that is not negative; some servers write it as 157.0.
func count(v any) (int64, bool) {
	whole, fraction, _ := strings.Cut(text(v), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err == nil && n >= 0 && strings.Trim(fraction, "0") == ""
}

// failure returns the error that a whole answer is.
func failure(v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if said := errorOf(o); said != "" {
		return fmt.Errorf("the provider answered: %s", said)
	}
	return nil
}

// errorOf returns an answer's or an item's error as text, "" for the values that
// languages take for false.
func errorOf(o map[string]any) string {
	flat, err := json.Marshal(o["error"])
	if err != nil {
		return ""
	}
	said, truthy := errorText(flat)
	if !truthy {
		return ""
	}
	if said = storable(said); said == "" {
		return "error"
	}
	return said
}

func parseBalance(body []byte) (Balance, error) {
	v, err := decode(body)
	if err != nil {
		return Balance{}, err
	}
	if err := failure(v); err != nil {
		return Balance{}, err
	}
	o, ok := v.(map[string]any)
	amount := text(o["balance"])
	if !ok || amount == "" {
		return Balance{}, errUnreadable
	}
	return Balance{Amount: amount, Currency: strings.ToUpper(text(o["currency"]))}, nil
}

// parseServices reads a list, alone or wrapped as "services" or "data".
func parseServices(body []byte) ([]Listing, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	if o, ok := v.(map[string]any); ok {
		if err := failure(v); err != nil {
			return nil, err
		}
		if more := o["has_more"]; flag(more) {
			return nil, errors.New("the provider's list comes in pages, which is not supported")
		}
		if v = o["services"]; v == nil {
			v = o["data"]
		}
		list, _ := v.([]any)
		if total, ok := count(o["count"]); ok && total > int64(len(list)) {
			return nil, fmt.Errorf("the provider's list is not whole: %d of %d services", len(list), total)
		}
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errUnreadable
	}
	all := make([]Listing, 0, len(list))
	for _, one := range list {
		if o, ok := one.(map[string]any); ok {
			all = append(all, parseListing(o))
		}
	}
	return all, nil
}

// parseListing reads what it can and names the first thing that makes the
// service impossible to sell.
func parseListing(o map[string]any) Listing {
	l := Listing{
		ID: text(o["service"]), Name: cutName(text(o["name"])), Category: cutName(text(o["category"])), Type: text(o["type"]),
		Description: text(o["desc"]), Cancel: flag(o["cancel"]),
	}
	if l.ID == "" {
		l.ID = text(o["id"])
	}
	if l.Description == "" {
		l.Description = text(o["description"])
	}
	if l.Category == "" {
		l.Category = "Other"
	}
	var err error
	l.Cost, err = money.ParseUp(text(o["rate"]))
	var okMin, okMax bool
	l.Min, okMin = count(o["min"])
	l.Max, okMax = count(o["max"])
	switch {
	case l.ID == "" || !plausibleID(l.ID, false):
		l.Problem = "it has no number"
	case l.Name == "":
		l.Problem = "it has no name"
	case err != nil || l.Cost < 0:
		l.Problem = "its rate can't be read"
	case !okMin || !okMax || l.Min < 1 || l.Max < l.Min:
		l.Problem = "its limits can't be read"
	}
	return l
}

// parseStatus reads an object keyed by id, a list of rows, or, for one id, the
// report itself.
func parseStatus(body []byte, ids []string) (map[string]Report, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	reports := map[string]Report{}
	switch v := v.(type) {
	case []any:
		for _, row := range v {
			if o, ok := row.(map[string]any); ok {
				orderID := text(o["order"])
				if orderID == "" {
					orderID = text(o["id"])
				}
				reports[orderID] = parseReport(o)
			}
		}
	case map[string]any:
		if err := failure(v); err != nil {
			return nil, err
		}
		if _, single := v["status"].(string); single && len(ids) == 1 {
			return map[string]Report{ids[0]: parseReport(v)}, nil
		}
		for orderID, item := range v {
			switch item := item.(type) {
			case map[string]any:
				reports[orderID] = parseReport(item)
			case string:
				reports[orderID] = Report{Err: storable(item)}
			}
		}
	}
	return reports, nil
}

func parseReport(o map[string]any) Report {
	if said := errorOf(o); said != "" {
		return Report{Err: said}
	}
	said := text(o["status"])
	r := Report{Said: storable(said), Word: WordOf(said)}
	if n, ok := count(o["start_count"]); ok && n > 0 {
		r.StartCount = &n
	}
	if n, ok := count(o["remains"]); ok {
		r.Remains = &n
	}
	if charge, err := money.ParseUp(text(o["charge"])); err == nil && charge >= 0 {
		r.Charge = &charge
	}
	return r
}
