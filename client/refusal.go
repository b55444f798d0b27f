package client

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxMessage bounds the text of a refusal, in bytes.
const maxMessage = 1000

// refusal is the error of an answer with a status of 400 and above.
func (c *Client) refusal(a answer) error {
	text, ofPanel := c.messageOf(a)
	if text == "" && a.status < http.StatusInternalServerError && a.status != http.StatusTooManyRequests {
		return a.bad("the answer is a refusal that is no JSON (" + contentType(a.header) + ")")
	}
	if text == "" {
		text = http.StatusText(a.status)
	}
	e := &APIError{
		Status: a.status, Message: text, AnswerID: a.header.Get("X-Request-Id"),
		kind: kindOf(a.status, text), ofPanel: ofPanel, wait: retryAfter(a.header),
	}
	if a.status == http.StatusTooManyRequests {
		return limited(e, a.header)
	}
	return e
}

// messageOf is the text of a refusal: the panel's in JSON, a line of plain text, or
// "". Whoever wrote it, it does not show the key.
func (c *Client) messageOf(a answer) (text string, ofPanel bool) {
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.body, &body) == nil && body.Error != "" {
		text, ofPanel = body.Error, true
	} else if contentType(a.header) == "text/plain" {
		text = strings.TrimSpace(string(a.body))
	}
	text = c.withoutKey(text)
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	return strings.Map(printable, strings.ToValidUTF8(text, "?")), ofPanel
}

// withoutKey is a text of others in which the key may not stand.
func (c *Client) withoutKey(text string) string {
	return strings.ReplaceAll(text, c.key(), "[the key]")
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// kindOf says which of the package's errors a refusal is. A status of 0 is one of
// many in a batch.
func kindOf(status int, text string) error {
	switch {
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status >= http.StatusInternalServerError:
		return ErrServer
	case text == "Invalid API key":
		return ErrInvalidKey
	case text == "Insufficient balance":
		return ErrInsufficientBalance
	case text == "Account suspended":
		return ErrAccountSuspended
	case strings.HasSuffix(text, " not found"):
		return ErrNotFound
	default:
		return ErrInvalidRequest
	}
}

// oneOfMany is the error of one line in the answer to a batch.
func oneOfMany(text string) error {
	return &APIError{Message: text, kind: kindOf(0, text), ofPanel: true}
}

// limited adds what the headers tell of limits.
func limited(e *APIError, h http.Header) error {
	l := &RateLimitError{
		APIError: e, DeniedBy: h.Get("X-RateLimit-DeniedBy"), RetryAfter: e.wait,
		Limit: figure(h, "X-RateLimit-Limit"), Remaining: figure(h, "X-RateLimit-Remaining"),
		TierRemaining: figure(h, "X-RateLimit-Tier-Remaining"),
	}
	if seconds := figure(h, "X-RateLimit-Reset"); seconds != nil {
		l.Reset = new(time.Unix(*seconds, 0))
	}
	return l
}

func figure(h http.Header, name string) *int64 {
	n, err := strconv.ParseInt(h.Get(name), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// wrong is the error of a call that is not even sent.
func wrong(text string) error {
	return &APIError{Message: text, kind: ErrInvalidRequest}
}
