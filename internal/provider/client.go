package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/outbound"
)

const (
	// readTimeout bounds the calls that only look.
	readTimeout = 20 * time.Second
	// Bounds of answers, in bytes.
	maxServices = 32 << 20
	maxAnswer   = 1 << 20
	// keptAnswer is how much of an answer is stored for people to look at.
	keptAnswer = 2 << 10

	userAgent = "Mozilla/5.0 (compatible; NotPanel)"
)

// ErrAnswer says that the provider was reached and answered, but not with what
// was asked for.
var ErrAnswer = errors.New("the provider's answer is of no use")

// Client speaks to one provider: the classic dialect of the v2 API as the
// provider's profile bends it, or the native one.
type Client struct {
	url     string
	key     string
	native  bool
	profile Profile
	headers []Header
	guard   *outbound.Guard
	timeout time.Duration // of add
}

// Client returns a client for p. The time-out is that of add and refill; the
// other calls have 20 s, or that where it is shorter. A manual provider has none.
func (s *Store) Client(p Provider, guard *outbound.Guard, addTimeout time.Duration) (*Client, error) {
	key, err := s.key(p)
	if err != nil {
		return nil, err
	}
	headers, err := openHeaders(s.ring, p)
	if err != nil {
		return nil, err
	}
	if p.profileErr != nil {
		return nil, fmt.Errorf("the profile of provider %s: %w", p.Name, p.profileErr)
	}
	return &Client{
		url: p.URL, key: key, native: p.Kind == Native, profile: p.Profile, headers: headers, guard: guard, timeout: addTimeout,
	}, nil
}

// AddRequest is an order on its way to the provider.
type AddRequest struct {
	Service string
	// RequestID is sent to a native provider only: others would refuse it, or take
	// it for something else.
	RequestID string
	// Fields are link, quantity and what else the service's type has, in the order
	// in which they are sent. A list's entries stand on lines of their own.
	Fields []Field
}

func (r AddRequest) fields(native bool) []Field {
	fields := []Field{{"service", r.Service}}
	for _, f := range r.Fields {
		fields = append(fields, Field{f.Name, newlines(f.Value)})
	}
	if native && r.RequestID != "" {
		fields = append(fields, Field{"request_id", r.RequestID})
	}
	return fields
}

// Add sends an order. It is called once for a submission and never repeats by
// itself; watch knows whether a byte went out and lets none out late.
//
// It is a POST unless the profile's add_get says otherwise. A GET of it is safe
// from Go's own repetition for the same reasons: a connection of its own that is
// not kept, no body to send again, and a watch that lets one connection through.
// What stands between us and the provider may repeat a GET all the same.
func (c *Client) Add(ctx context.Context, watch *outbound.Submission, r AddRequest) Answer {
	if c.native {
		return c.submit(ctx, watch, "add", r.fields(c.native), ClassifyNative)
	}
	return c.submit(ctx, watch, "add", r.fields(c.native), Classify)
}

// submit makes a call that must not be made twice and says what became of it.
func (c *Client) submit(
	ctx context.Context, watch *outbound.Submission, action string, fields []Field, classify func(status int, body []byte) Answer,
) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := c.request(ctx, action, fields, acts)
	if err != nil {
		return Answer{Outcome: NotSent, Text: "the request could not be made"}
	}
	response, err := c.guard.SubmissionClient(watch, c.timeout).Do(request)
	if err != nil {
		return lost(watch.Sent(), err)
	}
	defer func() { _ = response.Body.Close() }()
	body, truncated, err := outbound.ReadBody(response.Body, maxAnswer)
	body = c.withoutSecrets(body)
	answer := classify(response.StatusCode, body)
	answer.Kept = kept(body)
	if err != nil || truncated {
		// A cut body may hide an error behind an id or an id behind an error.
		answer.Outcome, answer.Class, answer.Said, answer.Text = Unknown, 0, "", "the answer was cut short"
	}
	return answer
}

// lost is the answer when there is none.
func lost(sent bool, err error) Answer {
	if !sent {
		return Answer{Outcome: NotSent, Text: outbound.Class(err)}
	}
	return Answer{Outcome: Unknown, Text: "no answer: " + outbound.Class(err)}
}

// kept cuts an answer for storing and makes it storable text.
func kept(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), keptAnswer)]), "\uFFFD")
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// ask makes a call that may be repeated, and returns the answer's body.
func (c *Client) ask(ctx context.Context, action string, fields []Field, e effect, limit int64) (body []byte, err error) {
	_, body, err = c.call(ctx, action, fields, e, limit)
	return body, err
}

// call is ask that returns the answer's status too.
func (c *Client) call(ctx context.Context, action string, fields []Field, e effect, limit int64) (status int, body []byte, err error) {
	timeout := min(readTimeout, c.timeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.request(ctx, action, fields, e)
	if err != nil {
		return 0, nil, err
	}
	response, err := c.guard.Client(timeout).Do(request)
	if errors.Is(err, outbound.ErrNotAllowed) {
		return 0, nil, fmt.Errorf("%s: %w: a provider outside the public internet, or without https, needs its network in NOTPANEL_OUTBOUND_ALLOW",
			action, outbound.Strip(err))
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", action, outbound.Strip(err))
	}
	defer func() { _ = response.Body.Close() }()
	body, truncated, err := outbound.ReadBody(response.Body, limit)
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("%s: %w", action, outbound.Strip(err))
	case truncated:
		return 0, nil, fmt.Errorf("%s: the answer is larger than %d bytes", action, limit)
	case response.StatusCode == http.StatusTooManyRequests:
		return 0, nil, fmt.Errorf("%s: the provider answered with status %d", action, response.StatusCode)
	case response.StatusCode >= http.StatusInternalServerError, response.StatusCode >= 300 && response.StatusCode < 400:
		return 0, nil, fmt.Errorf("%s: the provider answered with status %d: %w", action, response.StatusCode, ErrAnswer)
	}
	return response.StatusCode, c.withoutSecrets(body), nil
}

// withoutSecrets takes our key and the values of our headers out of an answer
// that repeats them: answers are stored and logged. A shorter one might be met in
// a number by chance.
func (c *Client) withoutSecrets(body []byte) []byte {
	const shortest = 16
	if len(c.key) >= shortest {
		body = bytes.ReplaceAll(body, []byte(c.key), []byte("[key]"))
	}
	for _, h := range c.headers {
		if len(h.Value) >= shortest {
			body = bytes.ReplaceAll(body, []byte(h.Value), []byte("[header]"))
		}
	}
	return body
}

// Balance returns what our account at the provider holds, as the provider
// writes it, and in which currency.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	body, err := c.ask(ctx, "balance", nil, looks, maxAnswer)
	if err != nil {
		return Balance{}, err
	}
	return parseBalance(body)
}

// maxPages is how many pages of a list are read.
const maxPages = 200

// Services returns what the provider sells: the whole list or an error. The error
// is ErrNoChange where the provider says that it has nothing to tell.
func (c *Client) Services(ctx context.Context) ([]Listing, error) {
	var all listings
	for page := 1; page <= maxPages; page++ {
		var fields []Field
		if page > 1 {
			fields = []Field{{"page", strconv.Itoa(page)}}
		}
		body, err := c.ask(ctx, "services", fields, looks, maxServices-all.size)
		if err != nil {
			return nil, err
		}
		all.size += int64(len(body))
		if more, err := all.add(body); err != nil {
			return nil, err
		} else if !more {
			return all.whole()
		}
	}
	return nil, fmt.Errorf("the provider's list has more than %d pages", maxPages)
}
