package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds an answer, as it is after decompression.
const maxAnswer = 32 << 20

// request is a call of an action.
type request struct {
	action string
	fields url.Values
	// once is set where the action may not be carried out twice: it is not repeated
	// when the panel may have got it.
	once bool
	etag string // of the answer that is there already

	// Set by send: doubt where it was perhaps carried out, though it failed; lost where
	// there was such an attempt, whatever came after.
	doubt, lost bool
}

func newRequest(action string, fields ...string) *request {
	q := &request{action: action, fields: url.Values{}}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] != "" {
			q.fields.Set(fields[i], fields[i+1])
		}
	}
	return q
}

// only marks a request that may not be carried out twice.
func (q *request) only() *request {
	q.once = true
	return q
}

// answer is a good answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request, repeating it as it may be, and reads the answer. A value that
// lacks what every answer of the action has is a bad answer; complete may be nil.
func ask[T any](ctx context.Context, c *Client, q *request, complete func(*T) bool) (T, error) {
	var value T
	_, err := c.send(ctx, q, func(a answer) error {
		var err error
		value, err = decode(a, complete)
		return err
	})
	return value, err
}

func decode[T any](a answer, complete func(*T) bool) (value T, err error) {
	if err := json.Unmarshal(a.body, &value); err != nil {
		var none T
		return none, a.bad("the answer is not what the API says: " + err.Error())
	}
	if strings.TrimSpace(string(a.body)) == "null" || (complete != nil && !complete(&value)) {
		return value, a.bad("the answer lacks what the API says")
	}
	return value, nil
}

func (a answer) bad(reason string) error {
	return &AnswerError{Status: a.status, Reason: reason, AnswerID: a.header.Get("X-Request-Id")}
}

// send sends a request until there is an answer that read accepts, or no repeat is
// left or allowed.
func (c *Client) send(ctx context.Context, q *request, read func(answer) error) (answer, error) {
	for repeats := 0; ; repeats++ {
		got, err := c.attempt(ctx, q)
		if err == nil {
			err = read(got)
		}
		if err == nil {
			return got, nil
		}
		if strange, ok := errors.AsType[*AnswerError](err); ok {
			strange.Reason = c.withoutKey(strange.Reason) // it may repeat a part of the answer
		}
		switch {
		case leavesDoubt(err):
			q.doubt, q.lost = true, true
		case settles(err):
			q.doubt = false
		}
		if repeats >= c.retries || ctx.Err() != nil || !mayRepeat(err, q.once) {
			return answer{}, err
		}
		if err := pause(ctx, repeats, err); err != nil {
			return answer{}, err
		}
	}
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, q *request) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var asked, connected atomic.Bool
	limited = httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := c.prepare(limited, q)
	if err != nil {
		return answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// A transport that tells nothing of its connections may have sent it.
		return answer{}, c.trouble(err, connected.Load() || !asked.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, c.trouble(err, true)
	}
	got := answer{resp.StatusCode, resp.Header, body}
	return got, c.judge(got, q)
}

func (c *Client) prepare(ctx context.Context, q *request) (*http.Request, error) {
	form := url.Values{"key": {c.key()}, "action": {q.action}}
	maps.Copy(form, q.fields)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("notpanel: the request can't be made")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if q.etag != "" {
		req.Header.Set("If-None-Match", q.etag)
	}
	return req, nil
}

// trouble is the error of an attempt without a whole answer.
func (c *Client) trouble(err error, sent bool) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	timeout := errors.Is(err, context.DeadlineExceeded)
	if n, ok := errors.AsType[net.Error](err); ok {
		timeout = timeout || n.Timeout()
	}
	return &ConnectionError{Sent: sent, Err: err, timeout: timeout}
}

// judge says what is wrong with an answer before it is read.
func (c *Client) judge(a answer, q *request) error {
	switch {
	case len(a.body) > maxAnswer:
		return a.bad("the answer has more than 32 MiB")
	case a.status == http.StatusNotModified && q.etag != "":
		return nil
	case a.status >= http.StatusBadRequest:
		return c.refusal(a)
	case a.status >= http.StatusMultipleChoices:
		return a.bad("the answer is a redirect, which is not followed")
	case !json.Valid(a.body):
		return a.bad("the answer is no JSON (" + contentType(a.header) + ")")
	}
	return nil
}

// leavesDoubt reports whether a request that failed so may have been carried out.
func leavesDoubt(err error) bool {
	if lost, ok := errors.AsType[*ConnectionError](err); ok {
		return lost.Sent
	}
	if strange, ok := errors.AsType[*AnswerError](err); ok {
		return strange.Status < http.StatusBadRequest
	}
	return errors.Is(err, ErrServer)
}

// settles reports whether an error tells that the request was not carried out, this
// time or before. The panel looks for the request id of an order before it refuses
// it; but a key that is refused now may have placed the order a moment ago.
func settles(err error) bool {
	refused, ok := errors.AsType[*APIError](err)
	return ok && refused.ofPanel && refused.Status == http.StatusBadRequest && !errors.Is(err, ErrInvalidKey)
}

// mayRepeat reports whether a request that failed so may succeed, and is safe to
// repeat.
func mayRepeat(err error, once bool) bool {
	if lost, ok := errors.AsType[*ConnectionError](err); ok {
		_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
		return !untrusted && (!once || !lost.Sent)
	}
	refused, ok := errors.AsType[*APIError](err)
	if !ok {
		return false
	}
	switch refused.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return !once
	default:
		return false
	}
}

// contentType is a Content-Type without its parameters.
func contentType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind != "" {
		return kind
	}
	return "without a type"
}

// now is the time of this machine.
func now() time.Time {
	return time.Now() //nolint:forbidigo // the SDK has no clock of the panel's
}
