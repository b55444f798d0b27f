package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Outcome is what became of a submission.
type Outcome int

// The outcomes.
const (
	Accepted Outcome = iota + 1 // the provider gave an id
	Refused                     // a definite no
	NotSent                     // no byte of the request left
	Unknown                     // it may exist there: never send again
)

// String names the outcome for logs and metrics.
func (o Outcome) String() string {
	switch o {
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case NotSent:
		return "not_sent"
	case Unknown:
		return "unknown"
	}
	return "outcome " + strconv.Itoa(int(o))
}

// Class says what a refusal means for the order.
type Class int

// The classes of refusals.
const (
	Unclassified  Class = iota + 1 // nobody has said yet what the text means
	TryLater                       // the same provider may take it later
	SourcePaused                   // funds or key: nothing is accepted there until the operator acts
	OtherSource                    // this provider can't, another might
	CustomerFault                  // nobody will take it as it is
)

// String names the class for logs.
func (c Class) String() string {
	switch c {
	case Unclassified:
		return "unclassified"
	case TryLater:
		return "try later"
	case SourcePaused:
		return "source paused"
	case OtherSource:
		return "other source"
	case CustomerFault:
		return "customer's fault"
	}
	return "class " + strconv.Itoa(int(c))
}

// Answer is what add came to.
type Answer struct {
	Outcome    Outcome
	Class      Class  // of a refusal
	UpstreamID string // of an acceptance; beside Unknown a hint only
	Status     int    // HTTP status, 0 without an answer
	Text       string // the provider's sentence, or ours for what happened; for staff
	Said       string // of a refusal: the provider's sentence, which staff may classify; "" where it gave none
	Kept       string // the beginning of the answer's body
	LinkActive bool   // the refusal says that an order for the link is running there
}

// Settles reports that a native provider's refusal, of a request whose outcome was
// unknown, says that the request id made no order. A limit, our key and a
// suspended account are refused before the id is looked for, so they say nothing.
func (a Answer) Settles() bool {
	if a.Outcome != Refused || a.Status != http.StatusBadRequest || a.Said == "" || a.Class == TryLater {
		return false
	}
	lower := strings.ToLower(a.Said)
	for _, before := range []string{"api key", "suspended", "unknown action", "content type", "content-type", "utf-8", "control character"} {
		if strings.Contains(lower, before) {
			return false
		}
	}
	return true
}

// textRules classify refusals by a part of their text, in lower case. The first
// match counts; uncertain texts come before all, because such an order may exist.
//
//nolint:gochecknoglobals // a table
var textRules = []struct {
	class Class // 0: uncertain
	parts []string
}{
	{0, []string{
		"internal", "server error", "timeout", "timed out", "exception", "sqlstate", "gateway",
		"already used with different parameters",
		"was placed", "been placed", "was created", "been created", "was accepted", "been accepted",
		"order placed", "order created", "order accepted",
	}},
	{TryLater, []string{"active order with this link", "wait until order", "link_duplicate", "rate limit", "too many requests", "maintenance", "temporarily"}},
	{SourcePaused, []string{"not enough funds", "not_enough_funds", "balance", "invalid api key", "account suspended"}},
	{OtherSource, []string{"incorrect service", "incorrect_service_id", "service not found", "disabled"}},
	{CustomerFault, []string{
		"bad link", "incorrect link", "neworder.error.link", "quantity less", "quantity more",
		"min_quantity", "max_quantity", "comments", "must be between",
	}},
}

// ClassOf classifies a refusal's text. uncertain is true for a text that does
// not say whether the order exists.
func ClassOf(text string) (class Class, uncertain bool) {
	lower := strings.ToLower(text)
	for _, rule := range textRules {
		for _, part := range rule.parts {
			if strings.Contains(lower, part) {
				return rule.class, rule.class == 0
			}
		}
	}
	return Unclassified, false
}

// linkActive reports the texts that say that an order for the link is running.
// After an unknown submission it may be our own.
func linkActive(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(lower, "active order with this link") || strings.Contains(lower, "wait until order") ||
		strings.Contains(lower, "link_duplicate")
}

// Classify decides what an answer to add means. What is not certainly an
// acceptance or a refusal is Unknown.
func Classify(status int, body []byte) Answer { return classifyAs(status, body, object.refusal) }

// ClassifyNative is Classify for a native provider. Its status beside an order is
// the order's, which may have failed by the time its request is repeated.
func ClassifyNative(status int, body []byte) Answer {
	return classifyAs(status, body, object.errorMember)
}

func classifyAs(status int, body []byte, refusalOf func(object) (string, bool)) Answer {
	a := classify(status, body, refusalOf)
	if a.Outcome == Refused && mentionsOrder(firstObject(body), mentionDepth) {
		// An id that is given somewhere beside the refusal: the order may exist.
		a = Answer{Outcome: Unknown, UpstreamID: hint(body), Text: "an order id beside an error: " + a.Text}
	}
	a.Status, a.Text, a.Said = status, storable(a.Text), storable(a.Said)
	return a
}

func classify(status int, body []byte, refusalOf func(object) (string, bool)) Answer {
	if status >= http.StatusInternalServerError {
		return Answer{Outcome: Unknown, UpstreamID: hint(body), Text: "status " + strconv.Itoa(status)}
	}
	object, err := readObject(body)
	if err != nil {
		if class, ok := bareStatus(status); ok && !speaksOfOrder(body) {
			return Answer{Outcome: Refused, Class: class, Text: "status " + strconv.Itoa(status)}
		}
		return Answer{Outcome: Unknown, UpstreamID: hint(body), Text: "an answer that can't be read: " + err.Error()}
	}
	orderID, odd := object.orderID()
	refusal, failed := refusalOf(object)
	success := status >= 200 && status < 300
	switch {
	case odd:
		return Answer{Outcome: Unknown, Text: "an answer with an odd order id"}
	case orderID != "" && !failed && success:
		return Answer{Outcome: Accepted, UpstreamID: orderID}
	case orderID != "":
		return Answer{Outcome: Unknown, UpstreamID: orderID, Text: "an order id beside an error"}
	case refusal != "" && (success || status >= 400):
		return refused(status, refusal)
	}
	if class, ok := bareStatus(status); ok {
		return Answer{Outcome: Refused, Class: class, Text: "status " + strconv.Itoa(status)}
	}
	return Answer{Outcome: Unknown, Text: "an answer with neither order nor error"}
}

// namesOrder finds an order with a number behind it, as in "order":12 or "Order
// #12", in a body that is no readable JSON.
var namesOrder = regexp.MustCompile(`(?i)\border(?:[ _-]?id)?\W{0,12}\d`)

// speaksOfOrder reports a body that can't be read but may hold an order id: it
// is broken JSON, or it names an order. No status refuses for certain then.
func speaksOfOrder(body []byte) bool {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
	begun := bytes.HasPrefix(trimmed, []byte("{")) || bytes.HasPrefix(trimmed, []byte("["))
	return begun && !json.Valid(trimmed) || namesOrder.Match(body)
}

// maxSaid bounds the provider's sentence, in characters.
const maxSaid = 500

// storable makes a provider's sentence one line that every database takes.
func storable(text string) string { return cutLine(text, maxSaid) }

// refused classifies a refusal by its text, and by the status where the text
// says nothing known.
func refused(status int, text string) Answer {
	class, uncertain := ClassOf(text)
	if uncertain {
		return Answer{Outcome: Unknown, Text: text}
	}
	if bare, ok := bareStatus(status); ok && class == Unclassified {
		class = bare
	}
	return Answer{Outcome: Refused, Class: class, Text: text, Said: text, LinkActive: linkActive(text)}
}

// bareStatus gives the class of a status that refuses without a known text.
func bareStatus(status int) (Class, bool) {
	switch status {
	case http.StatusTooManyRequests:
		return TryLater, true
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return SourcePaused, true
	}
	return 0, false
}

// object is a JSON object's members, each value as it was written.
type object map[string]json.RawMessage

// readObject reads a body that is one JSON object and nothing else. A member
// that comes twice makes it unreadable: readers would differ about its value.
func readObject(body []byte) (object, error) {
	body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf"))
	if !json.Valid(body) {
		return nil, errors.New("not JSON")
	}
	o := object{}
	err := members(body, func(name string, value json.RawMessage) error {
		if _, twice := o[name]; twice {
			return errors.New("a member that comes twice")
		}
		o[name] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// members calls each for the members of a JSON object in their order.
func members(raw []byte, each func(name string, value json.RawMessage) error) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.New("not an object")
	}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return errors.New("not JSON")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return errors.New("not JSON")
		}
		if err := each(name, value); err != nil {
			return err
		}
	}
	return nil
}

// orderID returns the id that the answer gives, "" for none. odd is true where
// there is something in its place that no provider means as an id.
func (o object) orderID() (orderID string, odd bool) {
	denied := false // an order member that says that there is none
	for _, name := range []string{"order", "id"} {
		raw, ok := o[name]
		if !ok {
			continue
		}
		text, isNumber, ok := scalar(raw)
		switch {
		case !ok:
			return "", true
		case text == "" || strings.Trim(text, "0") == "":
			denied = true
			continue
		case denied || !plausibleID(text, isNumber):
			return "", true
		}
		return text, false
	}
	return "", false
}

// maxUpstreamID bounds a provider's order id, in characters.
const maxUpstreamID = 64

// noIDs are words that careless servers write where there is no id.
//
//nolint:gochecknoglobals // a table
var noIDs = map[string]bool{"null": true, "nil": true, "none": true, "undefined": true, "nan": true, "false": true, "true": true, "array": true}

// PlausibleID reports whether text can be a provider's order id. One with a comma
// can't: ids are asked about in lists.
func PlausibleID(text string) bool {
	return strings.Trim(text, "0") != "" && plausibleID(text, false)
}

// plausibleID knows what can't be an id: a number that is negative, a fraction or
// has an exponent, a word for nothing, a piece of JSON or HTML, and what is not
// printable or too long.
func plausibleID(text string, isNumber bool) bool {
	if isNumber && strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return false
	}
	return len(text) <= maxUpstreamID && text[0] != '-' && !noIDs[strings.ToLower(text)] &&
		strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`,"'<>{}[]()\`, r) }) < 0
}

// scalar returns a string, a number's digits, or "" for null and false. ok is
// false for lists, objects and true.
func scalar(raw json.RawMessage) (text string, isNumber, ok bool) {
	switch {
	case raw[0] == '"':
		if json.Unmarshal(raw, &text) != nil {
			return "", false, false
		}
		return strings.TrimSpace(text), false, true
	case string(raw) == "null", string(raw) == "false":
		return "", false, true
	case raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'):
		return string(raw), true, true
	}
	return "", false, false
}

// refusal reports whether the answer says that it failed, and with which text;
// the text is "" where it gives no reason.
func (o object) refusal() (text string, failed bool) {
	if text, failed := o.errorMember(); failed {
		return text, true
	}
	for name, words := range map[string][]string{"success": {"false", "0"}, "status": {"false", "fail", "failed", "error"}} {
		if raw, ok := o[name]; ok && slices.Contains(words, strings.ToLower(strings.Trim(string(raw), `"`))) {
			text, _, _ := scalar(o.first("message", "msg"))
			return text, true
		}
	}
	return "", false
}

// errorMember reports whether the answer has an error member that says something.
func (o object) errorMember() (text string, failed bool) {
	raw, ok := o["error"]
	if !ok {
		return "", false
	}
	return errorText(raw)
}

// first returns the first of the members that is there, or null.
func (o object) first(names ...string) json.RawMessage {
	for _, name := range names {
		if raw, ok := o[name]; ok {
			return raw
		}
	}
	return json.RawMessage("null")
}

// errorText flattens the value of an error member. truthy is false for the
// values that languages take for false.
func errorText(raw json.RawMessage) (text string, truthy bool) {
	switch string(raw) {
	case "null", "false", "0", `""`, "[]", "{}":
		return "", false
	}
	if text, _, ok := scalar(raw); ok {
		return text, true
	}
	return string(raw), true
}

// firstObject returns the JSON object that begins first in a body, whatever is
// around it, or nil.
func firstObject(body []byte) json.RawMessage {
	start := bytes.IndexByte(body, '{')
	if start < 0 {
		return nil
	}
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body[start:])).Decode(&first); err != nil {
		return nil
	}
	return first
}

// hint finds an order id in an answer that decides nothing, for people to look
// at. It is never acted on.
func hint(body []byte) string {
	o, err := readObject(firstObject(body))
	if err != nil {
		return ""
	}
	orderID, _ := o.orderID()
	return orderID
}

// mentionDepth is how deep an order id is looked for beside an error.
const mentionDepth = 4

// mentionsOrder reports that something in a JSON value may be an order's id.
func mentionsOrder(raw json.RawMessage, depth int) (found bool) {
	if len(raw) == 0 || depth == 0 {
		return false
	}
	if raw[0] == '[' {
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return false
		}
		return slices.ContainsFunc(items, func(item json.RawMessage) bool { return mentionsOrder(item, depth-1) })
	}
	if raw[0] != '{' {
		return false
	}
	_ = members(raw, func(name string, value json.RawMessage) error {
		switch strings.ToLower(name) {
		case "order", "order_id", "orderid":
			found = found || mayBeID(value, depth == mentionDepth)
		case "id":
			found = found || depth == mentionDepth && mayBeID(value, true)
		}
		found = found || mentionsOrder(value, depth-1)
		return nil
	})
	return found
}

// mayBeID reports any number but zero, and a text that may be an id; in the place
// of the order's own id that is any text.
func mayBeID(raw json.RawMessage, own bool) bool {
	text, isNumber, ok := scalar(raw)
	return ok && strings.Trim(text, "0") != "" && (own || isNumber || plausibleID(text, false))
}
