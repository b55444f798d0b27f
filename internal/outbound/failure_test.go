package outbound

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

const canary = "np_live_canary"

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// writeBomb writes gzip that unpacks to size zero bytes.
func writeBomb(w io.Writer, size int64) {
	z := gzip.NewWriter(w)
	_, _ = io.CopyN(z, zeros{}, size)
	_ = z.Close()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestClass(t *testing.T) {
	t.Parallel()
	opError := func(err error) error {
		return &url.Error{Op: "Post", URL: "https://h/?key=" + canary, Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{opError(fmt.Errorf("%w: private", ErrNotAllowed)), "not allowed"},
		{opError(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}), "not allowed"},
		{opError(&net.DNSError{Err: "i/o timeout", Name: "h", IsTimeout: true}), "not allowed"},
		{opError(syscall.ECONNREFUSED), "connection refused"},
		{opError(syscall.ECONNRESET), "connection broken"},
		{opError(syscall.EHOSTUNREACH), "unreachable"},
		{opError(syscall.ETIMEDOUT), "timeout"},
		{opError(io.EOF), "connection broken"},
		{opError(ErrTooLate), "too late"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "canceled"},
		{&dialError{tls: true, err: io.EOF}, "TLS"},
		{&dialError{tls: true, err: context.DeadlineExceeded}, "timeout"},
		{errors.New("malformed HTTP response"), "no usable answer"},
		{ErrUnasked, "no usable answer"},
	} {
		if got := Class(c.err); got != c.want {
			t.Errorf("Class(%v) = %q, want %q", c.err, got, c.want)
		}
		if got := Class(Strip(c.err)); got != c.want {
			t.Errorf("stripped: Class(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestStripHidesEverythingThatMayHoldAKey(t *testing.T) {
	t.Parallel()
	inURL := &url.Error{Op: "Get", URL: "https://h/?key=" + canary, Err: io.EOF}
	parse := &url.Error{Op: "parse", URL: "https://h:" + canary, Err: url.InvalidHostError(canary)}
	echoed := fmt.Errorf("malformed HTTP response %q", canary)
	for name, err := range map[string]error{
		"URL":              inURL,
		"URL inside":       fmt.Errorf("add: %w", inURL),
		"joined":           errors.Join(errors.New(canary), inURL),
		"not a URL":        parse,
		"echoed":           echoed,
		"echoed in a URL":  &url.Error{Op: "Post", URL: "https://h/", Err: echoed},
		"joined to one":    errors.Join(Strip(inURL), inURL),
		"wrapped stripped": fmt.Errorf("%s: %w", canary, Strip(inURL)),
	} {
		stripped := Strip(err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, stripped); strings.Contains(text, canary) {
				t.Errorf("%s with %s: %s", name, verb, text)
			}
		}
		if errors.Unwrap(stripped) != nil {
			t.Errorf("%s: can be unwrapped", name)
		}
	}
	if Strip(nil) != nil {
		t.Error("Strip(nil) is an error")
	}
	if !errors.Is(Strip(fmt.Errorf("add: %w", inURL)), io.EOF) {
		t.Error("errors.Is no longer finds the cause")
	}
}

func TestStripKeepsWhatHelpsTheOperator(t *testing.T) {
	t.Parallel()
	g := NewOperator(nil)
	g.resolver = newFakeDNS(t, map[string][]string{"private.example": {"10.0.0.1"}}, nil)
	for address, parts := range map[string][]string{
		"https://private.example/?key=" + canary: {"not allowed", "10.0.0.1"},
		"http://nowhere.example/?key=" + canary:  {"not allowed", "nowhere.example"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = call(g.Client(patience), request)
		text := Strip(err).Error()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
		if strings.Contains(text, canary) {
			t.Errorf("%q holds the key", text)
		}
	}
}
