package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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

// Client speaks the classic dialect of the v2 API to one provider.
type Client struct {
	url     string
	key     string
	guard   *outbound.Guard
	timeout time.Duration // of add
}

// Client returns a client for p. The time-out is that of add; reads have 20 s, or
// the time-out of add where that is shorter.
func (s *Store) Client(p Provider, guard *outbound.Guard, addTimeout time.Duration) (*Client, error) {
	key, err := s.key(p)
	if err != nil {
		return nil, err
	}
	return &Client{url: p.URL, key: key, guard: guard, timeout: addTimeout}, nil
}

// AddRequest is an order on its way to the provider.
type AddRequest struct {
	Service  string
	Link     string
	Quantity string
}

// Add sends an order. It is called once for a submission and never repeats by
// itself; watch knows whether a byte went out and lets none out late.
func (c *Client) Add(ctx context.Context, watch *outbound.Submission, r AddRequest) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	form := url.Values{"service": {r.Service}, "link": {r.Link}, "quantity": {r.Quantity}}
	request, err := c.request(ctx, "add", form)
	if err != nil {
		return Answer{Outcome: NotSent, Text: "the request could not be made"}
	}
	response, err := c.guard.SubmissionClient(watch, c.timeout).Do(request)
	if err != nil {
		return lost(watch.Sent(), err)
	}
	defer func() { _ = response.Body.Close() }()
	body, truncated, err := outbound.ReadBody(response.Body, maxAnswer)
	body = c.withoutKey(body)
	answer := Classify(response.StatusCode, body)
	answer.Kept = kept(body)
	if err != nil || truncated {
		// A cut body may hide an error behind an id or an id behind an error.
		answer.Outcome, answer.Class, answer.Text = Unknown, 0, "the answer was cut short"
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

// request makes a form post.
func (c *Client) request(ctx context.Context, action string, form url.Values) (*http.Request, error) {
	form.Set("key", c.key)
	form.Set("action", action)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the provider's address is malformed")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	return request, nil
}

// ask makes a call that only looks, and returns the answer's body.
func (c *Client) ask(ctx context.Context, action string, form url.Values, limit int64) ([]byte, error) {
	timeout := min(readTimeout, c.timeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.request(ctx, action, form)
	if err != nil {
		return nil, err
	}
	response, err := c.guard.Client(timeout).Do(request)
	if errors.Is(err, outbound.ErrNotAllowed) {
		return nil, fmt.Errorf("%s: %w: a provider outside the public internet, or without https, needs its network in NOTPANEL_OUTBOUND_ALLOW",
			action, outbound.Strip(err))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, outbound.Strip(err))
	}
	defer func() { _ = response.Body.Close() }()
	body, truncated, err := outbound.ReadBody(response.Body, limit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", action, outbound.Strip(err))
	case truncated:
		return nil, fmt.Errorf("%s: the answer is larger than %d bytes", action, limit)
	case response.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%s: the provider answered with status %d: %w", action, response.StatusCode, ErrAnswer)
	}
	return c.withoutKey(body), nil
}

// withoutKey takes our key out of an answer that repeats it: answers are stored
// and logged. A shorter key might be met in a number by chance.
func (c *Client) withoutKey(body []byte) []byte {
	const shortest = 16
	if len(c.key) < shortest {
		return body
	}
	return bytes.ReplaceAll(body, []byte(c.key), []byte("[key]"))
}

// Balance returns what our account at the provider holds, as the provider
// writes it, and in which currency.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	body, err := c.ask(ctx, "balance", url.Values{}, maxAnswer)
	if err != nil {
		return Balance{}, err
	}
	return parseBalance(body)
}

// Services returns what the provider sells.
func (c *Client) Services(ctx context.Context) ([]Listing, error) {
	body, err := c.ask(ctx, "services", url.Values{}, maxServices)
	if err != nil {
		return nil, err
	}
	return parseServices(body)
}

// Status asks about up to 100 orders by the provider's ids. An id that the
// answer lacks is missing in the result.
func (c *Client) Status(ctx context.Context, upstreamIDs []string) (map[string]Report, error) {
	body, err := c.ask(ctx, "status", url.Values{"orders": {strings.Join(upstreamIDs, ",")}}, maxAnswer)
	if err != nil {
		return nil, err
	}
	reports, err := parseStatus(body, upstreamIDs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return reports, nil
}
