package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/outbound"
)

// CancelResult is what a provider says to the wish to cancel an order.
type CancelResult struct {
	Accepted bool
	Text     string // why not; "" where it gave no reason
}

// Cancel wishes orders away by the provider's ids, up to 100. An id that the
// answer lacks is missing in the result. The call may be repeated: what is
// canceled twice is canceled. What was learnt before an error comes with it.
func (c *Client) Cancel(ctx context.Context, upstreamIDs []string) (map[string]CancelResult, error) {
	if c.profile.CancelBy == byOrder {
		return c.cancelAlone(ctx, byOrder, upstreamIDs)
	}
	results, err := c.cancel(ctx, byOrders, upstreamIDs)
	said, refused := errors.AsType[*saidError](err)
	switch {
	case !refused || !definite(said.text):
		return results, err
	case c.profile.CancelBy == "" && !c.native && incorrectRequest(said.text):
		return c.cancelAlone(ctx, byOrder, upstreamIDs)
	case len(upstreamIDs) > 1:
		// One id may have spoiled the whole answer.
		return c.cancelAlone(ctx, byOrders, upstreamIDs)
	}
	return map[string]CancelResult{upstreamIDs[0]: {Text: said.text}}, nil
}

// cancelAlone wishes each order away in a call of its own.
func (c *Client) cancelAlone(ctx context.Context, by string, upstreamIDs []string) (map[string]CancelResult, error) {
	results := map[string]CancelResult{}
	for _, orderID := range upstreamIDs {
		one, err := c.cancel(ctx, by, []string{orderID})
		if said, refused := errors.AsType[*saidError](err); refused && definite(said.text) {
			one, err = map[string]CancelResult{orderID: {Text: said.text}}, nil
		}
		if err != nil {
			return results, err
		}
		if r, ok := one[orderID]; ok {
			results[orderID] = r
		}
	}
	return results, nil
}

func (c *Client) cancel(ctx context.Context, by string, upstreamIDs []string) (map[string]CancelResult, error) {
	body, err := c.ask(ctx, "cancel", []Field{{by, strings.Join(upstreamIDs, ",")}}, acts, maxAnswer)
	if err != nil {
		return nil, err
	}
	return parseCancel(body, upstreamIDs)
}

// definite reports a refusal that says something of the orders: not of our key
// or funds, of a limit, or of a fault there.
func definite(said string) bool {
	class, uncertain := ClassOf(said)
	return !uncertain && class != TryLater && class != SourcePaused
}

// incorrectRequest reports the words for a request whose parameters the provider
// does not know.
func incorrectRequest(said string) bool {
	lower := strings.ToLower(said)
	for _, part := range []string{"incorrect request", "invalid request", "bad request", "missing", "required", "incorrect order id"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return false
}

// parseCancel reads a list of rows, an object keyed by id, or, for one id, the
// row itself. An error may stand in the place of the result, or beside it.
func parseCancel(body []byte, ids []string) (map[string]CancelResult, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	results := map[string]CancelResult{}
	switch v := v.(type) {
	case []any:
		for _, row := range v {
			o, _ := row.(map[string]any)
			orderID := text(o["order"])
			if orderID == "" {
				orderID = text(o["id"])
			}
			if r, ok := cancelRow(o); ok && orderID != "" {
				results[orderID] = r
			}
		}
	case map[string]any:
		if err := failure(v); err != nil {
			return nil, err
		}
		if r, ok := cancelRow(v); ok && len(ids) == 1 {
			if named := text(v["order"]); named == "" || named == ids[0] {
				results[ids[0]] = r
			}
			return results, nil
		}
		for orderID, item := range v {
			if o, ok := item.(map[string]any); ok {
				if r, ok := cancelRow(o); ok {
					results[orderID] = r
				}
			}
		}
	}
	return results, nil
}

// cancelRow reads what is said of one order. ok is false where that is nothing.
func cancelRow(o map[string]any) (r CancelResult, ok bool) {
	if said := errorOf(o); said != "" {
		return CancelResult{Text: said}, true
	}
	if inner, nested := o["cancel"].(map[string]any); nested {
		if said := errorOf(inner); said != "" {
			return CancelResult{Text: said}, true
		}
		return CancelResult{}, false
	}
	reason := storable(text(o["message"]))
	if b, is := o["cancel"].(bool); is {
		return CancelResult{Accepted: b, Text: reasonUnless(b, reason)}, true
	}
	if said := strings.ToLower(text(o["cancel"])); said != "" {
		no := said == "false" || said == "no" || strings.Trim(said, "0") == ""
		return CancelResult{Accepted: !no, Text: reasonUnless(!no, reason)}, true
	}
	for _, name := range []string{"success", "status"} {
		switch strings.ToLower(text(o[name])) {
		case "success", "ok", "true", "1":
			return CancelResult{Accepted: true}, true
		case "fail", "failed", "error", "false", "0":
			return CancelResult{Text: reason}, true
		}
		if b, is := o[name].(bool); is {
			return CancelResult{Accepted: b, Text: reasonUnless(b, reason)}, true
		}
	}
	return CancelResult{}, false
}

func reasonUnless(accepted bool, reason string) string {
	if accepted {
		return ""
	}
	return reason
}

// Refill asks for a refill of an order by the provider's id. The call must not be
// repeated while its outcome is Unknown. The answer's UpstreamID is the refill's:
// an acceptance may come without one.
//
// Watch lets the first byte out in time or not at all, as with Add.
func (c *Client) Refill(ctx context.Context, watch *outbound.Submission, upstreamID string) Answer {
	by := c.profile.RefillBy
	if by == "" {
		by = byOrder
	}
	return c.submit(ctx, watch, "refill", []Field{{by, upstreamID}}, func(status int, body []byte) Answer {
		return classifyRefill(status, body, upstreamID)
	})
}

// classifyRefill decides what an answer to refill means. What is not certainly an
// acceptance or a refusal is Unknown.
func classifyRefill(status int, body []byte, orderID string) Answer {
	a := refillAnswer(status, body, orderID)
	a.Status, a.Text, a.Said = status, storable(a.Text), storable(a.Said)
	return a
}

func refillAnswer(status int, body []byte, orderID string) Answer {
	if status >= http.StatusInternalServerError {
		return Answer{Outcome: Unknown, Text: "status " + strconv.Itoa(status)}
	}
	object, err := refillObject(body)
	if err != nil {
		if class, ok := bareStatus(status); ok && !speaksOfOrder(body) {
			return Answer{Outcome: Refused, Class: class, Text: "status " + strconv.Itoa(status)}
		}
		return Answer{Outcome: Unknown, Text: "an answer that can't be read: " + err.Error()}
	}
	if named, _, ok := scalar(object.first("order")); !ok || named != "" && named != orderID {
		return Answer{Outcome: Unknown, Text: "an answer about another order"}
	}
	r := object.refill()
	refusal, failed := object.refusal()
	if r.failed {
		refusal, failed = r.refusal, true
	}
	success := status >= 200 && status < 300
	switch {
	case r.odd:
		return Answer{Outcome: Unknown, Text: "an answer with an odd refill id"}
	case r.given && (failed || !success):
		return Answer{Outcome: Unknown, UpstreamID: r.id, Text: "a refill beside an error: " + refusal}
	case r.given, !failed && success && !r.denied && object.saysSuccess():
		return Answer{Outcome: Accepted, UpstreamID: r.id}
	case refusal != "" && (success || status >= 400):
		return refused(status, refusal)
	}
	if class, ok := bareStatus(status); ok {
		return Answer{Outcome: Refused, Class: class, Text: "status " + strconv.Itoa(status)}
	}
	return Answer{Outcome: Unknown, Text: "an answer with neither refill nor error"}
}

// refillObject reads an answer that is one object, or a list of one.
func refillObject(body []byte) (object, error) {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
	if !bytes.HasPrefix(trimmed, []byte("[")) {
		return readObject(trimmed)
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(trimmed, &rows); err != nil {
		return nil, errors.New("not JSON")
	}
	if len(rows) != 1 {
		return nil, errors.New("a list of several")
	}
	return readObject(rows[0])
}

// refillMember is what stands in an answer's member refill.
type refillMember struct {
	given   bool   // there is a refill
	id      string // its id, where it has one
	denied  bool   // there is none
	odd     bool   // nobody means this as an id
	failed  bool   // an error stands in its place
	refusal string // that error
}

func (o object) refill() (r refillMember) {
	raw, ok := o["refill"]
	if !ok {
		if raw, ok = o["refill_id"]; !ok {
			return r
		}
	}
	if raw[0] == '{' {
		inner, err := readObject(raw)
		if err != nil {
			return refillMember{odd: true}
		}
		r.refusal, r.failed = inner.refusal()
		r.odd = !r.failed
		return r
	}
	if string(raw) == "true" {
		return refillMember{given: true}
	}
	text, isNumber, ok := scalar(raw)
	switch {
	case !ok:
		return refillMember{odd: true}
	case strings.Trim(text, "0") == "":
		return refillMember{denied: true}
	case strings.EqualFold(text, "true"):
		return refillMember{given: true}
	case !plausibleID(text, isNumber):
		return refillMember{odd: true}
	}
	return refillMember{given: true, id: text}
}

// saysSuccess reports an answer that says in words that it did what was asked.
func (o object) saysSuccess() bool {
	for name, words := range map[string][]string{"success": {"true", "1", "success"}, "status": {"success", "ok", "true"}} {
		raw, ok := o[name]
		for _, word := range words {
			if ok && strings.EqualFold(strings.Trim(string(raw), `"`), word) {
				return true
			}
		}
	}
	return false
}

// OrderByRequestID looks up at a native provider which order a request id made.
// Only an answer that is certain is none: an error leaves everything open.
func (c *Client) OrderByRequestID(ctx context.Context, requestID string) (upstreamID string, found bool, err error) {
	if !c.native {
		return "", false, errors.New("only a native provider knows request ids")
	}
	status, body, err := c.call(ctx, "order", []Field{{"request_id", requestID}}, looks, maxAnswer)
	if err != nil {
		return "", false, err
	}
	return parseLookup(status, body, requestID)
}

// parseLookup reads the answer to a look-up: an order that carries the request id
// that was asked for, or the one sentence that says that there is none, as the
// panel itself says it: what stands before it answers 404.
func parseLookup(status int, body []byte, requestID string) (upstreamID string, found bool, err error) {
	o, err := readObject(body)
	if err != nil {
		return "", false, errUnreadable
	}
	orderID, odd := o.orderID()
	refusal, failed := o.errorMember() // status is the order's: it may well be failed
	named, _, ok := scalar(o.first("request_id"))
	switch {
	case odd || !ok || named != "" && named != requestID:
		return "", false, errUnreadable
	case status == http.StatusOK && orderID != "" && !failed && strings.HasPrefix(orderID, "ord_"):
		return orderID, true, nil
	case status == http.StatusBadRequest && orderID == "" && failed && len(o) == 1 && strings.EqualFold(strings.TrimSpace(refusal), "order not found"):
		return "", false, nil
	case failed:
		return "", false, &saidError{storable(refusal)}
	}
	return "", false, errUnreadable
}
