package order

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"time"
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

// maxDigits bounds a whole number.
const maxDigits = 15

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
	RequestID string // "": one is made, and Fingerprint may find an earlier answer
	Service   int64
	Link      string
	Quantity  int64         // 0: absent
	MaxCharge *money.Amount // nil: no limit

	// Fingerprint recognises the same request without a request id; "" where it has one.
	Fingerprint string
	// ReplayWindow is how long a delivered answer is given again to an equal
	// request without a request id.
	ReplayWindow time.Duration

	lenient bool              // classic: what a type does not use is passed over
	fields  map[string]string // the present known fields, in their normal form
	targets map[string]target // what the fields name that say whom the order is for
}

// target is what a field names, read before the request waits for its turn.
type target struct {
	links []catalog.Link // one for each line of a list; names that can be no link are left out
	many  bool           // there are more than one order may have
}

// one is the link of a field that holds one.
func (t target) one() catalog.Link {
	if len(t.links) == 0 {
		return catalog.Link{}
	}
	return t.links[0]
}

// targetFields are the fields that may say whom an order is for, and whether they
// are lists. Texts that are to be written somewhere are none.
//
//nolint:gochecknoglobals // a table
var targetFields = []struct {
	name string
	list bool
}{{"link", false}, {"username", false}, {"usernames", true}, {"media", false}, {"groups", true}, {"referring_url", false}}

// Bounds of the lines of a list that are links, for to read one costs: their
// number, and what they take together in bytes. Names are not counted.
const (
	maxListed      = 1000
	maxListedBytes = 64 << 10
)

// readTargets reads what the fields say whom the order is for.
func readTargets(get func(name string) string) map[string]target {
	all := map[string]target{}
	for _, f := range targetFields {
		said := get(f.name)
		switch {
		case said == "":
		case f.list:
			all[f.name] = readList(said)
		default:
			all[f.name] = target{links: []catalog.Link{catalog.ReadLink(said)}}
		}
	}
	return all
}

// readList reads the lines of a list that can be links: those with a slash or a
// colon, for names have dots too.
func readList(said string) (t target) {
	size := 0
	for line := range strings.SplitSeq(splitLines(said, true), "\n") {
		if !strings.ContainsAny(line, `/\:`) {
			continue
		}
		size += len(line)
		if t.many = len(t.links) == maxListed || size > maxListedBytes; t.many {
			return t
		}
		if l := catalog.ReadLink(line); l.IsAddress() {
			t.links = append(t.links, l)
		}
	}
	return t
}

// ParseRequest reads the fields of a native add. Its errors need no catalogue,
// so they may be answered before anything is looked up.
func ParseRequest(get func(name string) string) (Request, error) {
	return parseRequest(get, false)
}

// ParseClassic reads the fields of a classic add: a request id is not needed, and
// what the service's type does not use may hold anything.
func ParseClassic(get func(name string) string) (Request, error) {
	return parseRequest(get, true)
}

func parseRequest(get func(name string) string, lenient bool) (Request, error) {
	r := Request{RequestID: get("request_id"), lenient: lenient, fields: map[string]string{}}
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
	if r.fields["service"] == "" {
		return Missing("service")
	}
	if r.RequestID == "" && !r.lenient {
		return Missing("request_id")
	}
	if r.Service, err = whole("service", r.fields["service"]); err != nil {
		return err
	}
	if r.RequestID != "" {
		if err := checkRequestID(r.RequestID); err != nil {
			return err
		}
	}
	r.Link = r.fields["link"]
	r.targets = readTargets(func(name string) string { return r.fields[name] })
	if err := r.checkLink("link"); err != nil {
		return err
	}
	if r.Quantity, err = whole("quantity", r.fields["quantity"]); err != nil && !r.lenient {
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
		return bad("max_charge", fmt.Sprintf("must be an amount between 0 and %d with at most 6 decimals, such as 0.50", money.Max/money.Unit))
	}
	r.MaxCharge = &limit
	return nil
}

// Missing says that a required parameter is absent.
func Missing(name string) error {
	return fault.New(fault.Invalid, "Missing required parameter: "+name).Because(fault.MissingField, name)
}

// bad says what a field's value must be.
func bad(name, must string) error {
	return fault.New(fault.Invalid, name+" "+must).Because(fault.BadField, name)
}

// whole reads a whole number of at most 15 digits; absent is 0.
func whole(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if !isDigits(text) || len(text) > maxDigits {
		return 0, bad(name, fmt.Sprintf("must be a whole number of at most %d digits", maxDigits))
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
		return bad("request_id", fmt.Sprintf("must have 1 to %d printable ASCII characters without spaces", MaxRequestID))
	}
	return nil
}

// checkLink accepts an absent link: whether one is needed, the service's type says.
func (r *Request) checkLink(name string) error {
	v := r.fields[name]
	if v == "" {
		return nil
	}
	reason := fault.BadField
	if name == "link" {
		reason = fault.BadLink
	}
	if len([]rune(v)) > MaxLink {
		return fault.Newf(fault.Invalid, "%s must have at most %d characters", name, MaxLink).Because(reason, name)
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.IndexFunc(v, unicode.IsSpace) >= 0 || r.targets[name].one().Err() != nil {
		return fault.Newf(fault.Invalid, "%s must be an http or https URL", name).Because(reason, name)
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

// About what a link that was read takes beside its text, and how often it holds that.
const (
	linkSize = 512
	readSize = 4
)

// size is about what the request takes in memory, in bytes.
func (r Request) size() int64 {
	n := len(r.RequestID)
	for name, v := range r.fields {
		n += len(name) + len(v)
		if t := r.targets[name]; len(t.links) > 0 {
			n += len(t.links)*linkSize + readSize*len(v)
		}
	}
	return int64(n)
}
