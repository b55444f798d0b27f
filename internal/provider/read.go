package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
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
	Type        catalog.Type // "" where nobody knows the one it names
	Description string
	Cost        money.Amount // per 1,000, of a package as the provider prices them
	Min, Max    int64
	Increment   int64 // 0: it names none
	Dripfeed    bool
	Refill      bool
	RefillDays  int64 // 0: not told
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
	Posts      int64    // of a subscription: those ordered so far
	PostsTold  bool     // it says something of a subscription's posts, that there are none perhaps
	Orders     []string // the provider's ids of a subscription's posts
	Expiry     string   // of a subscription, as written
	Err        string   // the provider's error for this order; then nothing else is set
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
	WordPaused   // of subscriptions only: they wait, nothing has ended
	WordExpired  // of subscriptions only: they have ended
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
	"paused": WordPaused, "expired": WordExpired,
	"fail": WordTrouble, "failed": WordTrouble, "error": WordTrouble, "rejected": WordTrouble,
}

// WordOf reads a status word as providers spell it.
func WordOf(said string) Word { return words[bareWord(said)] }

// bareWord is a word without case, spaces, underscores and hyphens.
func bareWord(said string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(said)))
}

// errUnreadable says that an answer is not what the action's answer can be.
var errUnreadable = errors.New("the provider's answer can't be read")

// decode reads a JSON value of any shape, numbers as they were written. Text
// before it, as some servers print warnings there, is passed over.
func decode(body []byte) (any, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
	// A body that begins as JSON is read as it is: what stands inside a broken one
	// is no answer.
	candidates := 1
	if len(body) > 0 && body[0] != '{' && body[0] != '[' {
		candidates = mostCandidates
	}
	for range candidates {
		start := bytes.IndexAny(body, "{[")
		if start < 0 {
			break
		}
		body = body[start:]
		if v, err := decodeWhole(body); err == nil {
			return v, nil
		}
		body = body[1:]
	}
	return nil, errUnreadable
}

// mostCandidates is how many brackets of a warning are taken for the beginning of
// the answer.
const mostCandidates = 16

func decodeWhole(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
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

// count reads a whole number that is not negative; some servers write it as
// 157.0 or 1.57e2.
func count(v any) (int64, bool) {
	written := strings.ToLower(text(v))
	mantissa, exponent, ok := strings.Cut(written, "e")
	shift, err := 0, error(nil)
	if ok {
		shift, err = strconv.Atoi(exponent)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	const most = 40 // digits: far more than an int64 has
	digits := whole + fraction
	shift -= len(fraction)
	if err != nil || whole == "" || len(digits) > most || shift > most || shift < -most || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	switch {
	case shift >= 0:
		digits += strings.Repeat("0", shift)
	case strings.Trim(digits[max(len(digits)+shift, 0):], "0") != "":
		return 0, false
	default:
		digits = digits[:max(len(digits)+shift, 0)]
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

// failure returns the error that a whole answer is.
func failure(v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if said := errorOf(o); said != "" {
		return &saidError{said}
	}
	return nil
}

// saidError is an error in the provider's own words.
type saidError struct{ text string }

// Error returns who said what.
func (e *saidError) Error() string { return "the provider answered: " + e.text }

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

// parseStatus reads an object keyed by id, a list of rows, or, for one id, the
// report itself.
func parseStatus(body []byte, ids []string, words func(string) Word) (map[string]Report, error) {
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
				reports[orderID] = parseReport(o, words)
			}
		}
	case map[string]any:
		if err := failure(v); err != nil {
			return nil, err
		}
		if _, single := v["status"].(string); single && len(ids) == 1 {
			if named := text(v["order"]); named == "" || named == ids[0] {
				reports[ids[0]] = parseReport(v, words)
			}
			return reports, nil
		}
		for orderID, item := range v {
			switch item := item.(type) {
			case map[string]any:
				reports[orderID] = parseReport(item, words)
			case string:
				reports[orderID] = Report{Err: storable(item)}
			}
		}
	}
	return reports, nil
}

func parseReport(o map[string]any, words func(string) Word) Report {
	if said := errorOf(o); said != "" {
		return Report{Err: said}
	}
	said := text(o["status"])
	r := Report{Said: storable(said), Word: words(said), Expiry: cutLine(text(o["expiry"]), maxExpiry)}
	if n, ok := count(o["start_count"]); ok && n > 0 {
		r.StartCount = &n
	}
	if n, ok := count(o["remains"]); ok {
		r.Remains = &n
	}
	if charge, err := money.ParseUp(text(o["charge"])); err == nil && charge >= 0 {
		r.Charge = &charge
	}
	if n, ok := count(o["posts"]); ok {
		r.Posts, r.PostsTold = n, true
	}
	if _, list := o["orders"]; list {
		r.Orders, r.PostsTold = idsOf(o["orders"]), true
	}
	return r
}

// maxExpiry bounds a subscription's end as a provider writes it, in characters.
const maxExpiry = 40

// maxPosts bounds the posts of a subscription that are read.
const maxPosts = 10_000

// idsOf reads a list of ids, each once; what can't be one is passed over.
func idsOf(v any) (ids []string) {
	list, _ := v.([]any)
	if commas, ok := v.(string); ok {
		for one := range strings.SplitSeq(commas, ",") {
			list = append(list, one)
		}
	}
	seen := map[string]bool{}
	for _, one := range list {
		orderID := text(one)
		if o, ok := one.(map[string]any); ok {
			if orderID = text(o["order"]); orderID == "" {
				orderID = text(o["id"])
			}
		}
		if len(ids) < maxPosts && orderID != "" && PlausibleID(orderID) && !seen[orderID] {
			seen[orderID] = true
			ids = append(ids, orderID)
		}
	}
	return ids
}
