package order

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"unicode"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Bounds of an order's fields, in characters.
const (
	MaxRequestID = 128
	MaxLink      = 1000
)

// Fields lists the fields of add that are part of a request: two requests with
// one request id are equal when these are.
//
//nolint:gochecknoglobals // a table
var Fields = []string{
	"service", "link", "quantity", "runs", "interval", "coupon", "max_charge",
	"username", "usernames", "hashtags", "hashtag", "media", "comments", "answer_number", "groups", "keywords",
	"min", "max", "delay", "posts", "old_posts", "expiry",
	"country", "device", "type_of_traffic", "google_keyword", "referring_url",
}

// Request is an order that somebody wants placed, with all that can be checked
// without the catalogue.
type Request struct {
	RequestID string
	Service   int64
	Link      string
	Quantity  int64         // 0: absent
	MaxCharge *money.Amount // nil: no limit

	fields map[string]string // the present known fields, in their normal form
}

// ParseRequest reads the fields of a native add. Its errors need no catalogue,
// so they may be answered before anything is looked up.
func ParseRequest(get func(name string) string) (Request, error) {
	r := Request{RequestID: get("request_id"), fields: map[string]string{}}
	for _, name := range Fields {
		if v := normal(name, get(name)); v != "" {
			r.fields[name] = v
		}
	}
	if err := r.parse(); err != nil {
		return Request{}, err
	}
	return r, nil
}

// wholeFields hold whole numbers. A comment "007" is no number.
//
//nolint:gochecknoglobals // a table
var wholeFields = map[string]bool{
	"service": true, "quantity": true, "runs": true, "interval": true, "answer_number": true,
	"min": true, "max": true, "delay": true, "posts": true, "old_posts": true, "device": true, "type_of_traffic": true,
}

// normal is the form in which two equal values are the same text: line ends are
// LF, whole numbers have no leading zeros.
func normal(name, v string) string {
	v = strings.ReplaceAll(strings.ReplaceAll(v, "\r\n", "\n"), "\r", "\n")
	if wholeFields[name] && v != "" && isDigits(v) {
		if v = strings.TrimLeft(v, "0"); v == "" {
			v = "0"
		}
	}
	return v
}

func isDigits(v string) bool {
	return strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func (r *Request) parse() (err error) {
	for _, name := range []string{"service", "request_id"} {
		if (name == "request_id" && r.RequestID == "") || (name == "service" && r.fields[name] == "") {
			return Missing(name)
		}
	}
	if r.Service, err = whole("service", r.fields["service"]); err != nil {
		return err
	}
	if err := checkRequestID(r.RequestID); err != nil {
		return err
	}
	r.Link = r.fields["link"]
	if err := checkLink(r.Link); err != nil {
		return err
	}
	if r.Quantity, err = whole("quantity", r.fields["quantity"]); err != nil {
		return err
	}
	return r.parseMaxCharge()
}

func (r *Request) parseMaxCharge() error {
	text := r.fields["max_charge"]
	if text == "" {
		return nil
	}
	limit, err := money.Parse(text)
	if err != nil || limit < 0 {
		return fault.Newf(fault.Invalid, "max_charge must be an amount between 0 and %d with at most 6 decimals, such as 0.50", money.Max/money.Unit)
	}
	r.MaxCharge = &limit
	return nil
}

// Missing says that a required parameter is absent.
func Missing(name string) error {
	return fault.New(fault.Invalid, "Missing required parameter: "+name)
}

// whole reads a whole number of at most 15 digits; absent is 0.
func whole(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	const most = 15
	if !isDigits(text) || len(text) > most {
		return 0, fault.Newf(fault.Invalid, "%s must be a whole number of at most %d digits", name, most)
	}
	var n int64
	for _, digit := range text {
		n = n*10 + int64(digit-'0')
	}
	return n, nil
}

func checkRequestID(v string) error {
	outside := func(r rune) bool { return r < 0x21 || r > 0x7E }
	if len(v) > MaxRequestID || strings.IndexFunc(v, outside) >= 0 {
		return fault.Newf(fault.Invalid, "request_id must have 1 to %d printable ASCII characters without spaces", MaxRequestID)
	}
	return nil
}

// checkLink accepts an absent link: whether one is needed, the service's type says.
func checkLink(v string) error {
	if v == "" {
		return nil
	}
	if len([]rune(v)) > MaxLink {
		return fault.Newf(fault.Invalid, "link must have at most %d characters", MaxLink)
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.IndexFunc(v, unicode.IsSpace) >= 0 {
		return fault.New(fault.Invalid, "link must be an http or https URL")
	}
	return nil
}

// Hash identifies the request's content: a SHA-256 over its present known
// fields, sorted by name. It does not depend on the catalogue, so a repeat is
// recognised whatever changed meanwhile.
func (r Request) Hash() string {
	names := make([]string, 0, len(r.fields))
	for name := range r.fields {
		names = append(names, name)
	}
	sort.Strings(names)
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(r.fields[name]), r.fields[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// size is about what the request takes in memory, in bytes.
func (r Request) size() int64 {
	n := len(r.RequestID)
	for name, v := range r.fields {
		n += len(name) + len(v)
	}
	return int64(n)
}

// priced is a request that the catalogue accepts.
type priced struct {
	service *catalog.Service
	rate    money.Amount
	charge  money.Amount
}

// price checks the request against a catalogue and computes its charge. Its
// errors may only be answered after the request id was looked for.
func (r Request) price(in *catalog.Snapshot) (priced, error) {
	service, ok := in.Service(r.Service)
	if !ok {
		return priced{}, fault.New(fault.NotFound, "Service not found")
	}
	if err := r.checkFields(service); err != nil {
		return priced{}, err
	}
	p := priced{service: service, rate: service.Rate}
	var err error
	if p.charge, err = money.Charge(p.rate, r.Quantity); err != nil {
		return priced{}, fault.Newf(fault.Invalid, "quantity must be %s", service.Limits())
	}
	if r.MaxCharge != nil && p.charge > *r.MaxCharge {
		return priced{}, fault.Newf(fault.Conflict, "charge would be %s, above max_charge %s", p.charge, *r.MaxCharge)
	}
	return p, nil
}

// checkFields holds the fields against the service's type. A known field that is
// not available is refused, never ignored: its sender counts on it.
func (r Request) checkFields(s *catalog.Service) error {
	for _, name := range []string{"link", "quantity"} {
		if r.fields[name] == "" {
			return Missing(name)
		}
	}
	if !s.Takes(r.Quantity) {
		return fault.Newf(fault.Invalid, "quantity must be %s", s.Limits())
	}
	for _, name := range Fields {
		switch name {
		case "service", "link", "quantity", "max_charge":
			continue
		}
		if r.fields[name] == "" {
			continue
		}
		if name == "coupon" {
			return fault.New(fault.Invalid, "coupon is not valid")
		}
		return fault.Newf(fault.Invalid, "%s is not available for this service", name)
	}
	return nil
}
