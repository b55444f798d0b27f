package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Version is the SDK's own, as the panel's operator sees it in User-Agent.
const Version = "0.1.0"

// What holds unless an option says otherwise.
const (
	DefaultTimeout = 30 * time.Second
	DefaultRetries = 4
)

// connectionsKept is how many idle connections to the panel are kept, for programs
// that ask from many goroutines.
const connectionsKept = 16

// Client asks one panel with one key. It may be used by many goroutines at once, and
// keeps its connections: make one and share it.
//
// The key goes into the bodies of requests and nowhere else. It is in no error, and
// in nothing that printing or logging a Client shows.
type Client struct {
	// Webhooks are the endpoints to which the panel sends the events of this key.
	Webhooks *Webhooks

	key       func() string // a function, so that no dump of the struct shows it
	endpoint  string
	http      *http.Client
	timeout   time.Duration
	retries   int
	userAgent string
	lists     serviceLists
}

// Option changes how a [Client] works.
type Option func(*Client) error

// WithTimeout bounds one attempt, from the connection to the last byte of the
// answer; usually it is [DefaultTimeout]. All attempts together and the pauses
// between them are bounded by the context of the call.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) error {
		if d <= 0 {
			return fmt.Errorf("notpanel: the time-out must be above zero, not %v", d)
		}
		c.timeout = d
		return nil
	}
}

// WithRetries sets how often a call is repeated at most, usually [DefaultRetries]. 0
// is never. Before repeats the client waits half a second, then twice as long each
// time up to 16 s, always a random part less, and at least what Retry-After says.
// Where that is more than a minute, or longer than the call's context lasts, the
// error is returned at once.
func WithRetries(most int) Option {
	return func(c *Client) error {
		if most < 0 {
			return fmt.Errorf("notpanel: retries must be 0 or more, not %d", most)
		}
		c.retries = most
		return nil
	}
}

// WithHTTPClient sets what sends the requests, for a proxy or certificates of your
// own. The client is copied; the copy never follows redirects.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		if h == nil {
			return errors.New("notpanel: the HTTP client is nil")
		}
		own := *h
		c.http = &own
		return nil
	}
}

// WithUserAgent puts the name of your program in front of the SDK's own in the
// header User-Agent.
func WithUserAgent(name string) Option {
	return func(c *Client) error {
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
			return errors.New("notpanel: the user agent must be printable ASCII")
		}
		c.userAgent = strings.TrimSpace(name + " " + c.userAgent)
		return nil
	}
}

// New returns a client of the panel at a base URL such as https://panel.example, to
// which /api/v2 is added. Nothing is sent yet.
//
// It refuses a key that is cut off or mistyped ([ErrMalformedKey]), and a base URL
// over plain http unless its host is this machine: the key would travel in the open.
func New(key, baseURL string, options ...Option) (*Client, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	endpoint, err := endpointOf(baseURL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		key: func() string { return key }, endpoint: endpoint, http: defaultHTTP(),
		timeout: DefaultTimeout, retries: DefaultRetries, userAgent: "notpanel-go/" + Version,
	}
	c.Webhooks = &Webhooks{c}
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

func defaultHTTP() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Client{} // the program has put one of its own there
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost = connectionsKept
	return &http.Client{Transport: transport}
}

// endpointOf is the address of a panel's API. Its errors don't repeat the text,
// which may hold a password.
func endpointOf(baseURL string) (string, error) {
	u, err := url.Parse(baseURL)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "", errors.New("notpanel: the base URL must be one like https://panel.example")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("notpanel: the base URL must have no user, query or fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("notpanel: the base URL must be https: over http, %s would get the key in the open", u.Hostname())
	}
	return u.JoinPath("api", "v2").String(), nil
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// String names the panel, not the key.
func (c *Client) String() string { return "notpanel client of " + c.endpoint }

// GoString is String, for %#v.
func (c *Client) GoString() string { return c.String() }
