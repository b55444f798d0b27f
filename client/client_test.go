package client_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/client"
)

// A key that was cut off or mistyped is refused before anything is sent.
func TestNewChecksTheKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{liveKey, testKey} {
		if _, err := client.New(key, "https://panel.example"); err != nil {
			t.Errorf("a good key: %v", err)
		}
	}
	for name, key := range map[string]string{
		"empty": "", "cut": liveKey[:len(liveKey)-1], "longer": liveKey + "0", "a blank": liveKey + " ", "no prefix": liveKey[8:], "another prefix": "np_demo_" + liveKey[8:],
		"mode changed": "np_test_" + liveKey[8:], "a digit changed": strings.Replace(liveKey, "C", "D", 1), "two swapped": strings.Replace(liveKey, "3a", "a3", 1),
		"checksum changed": liveKey[:len(liveKey)-1] + "I", "not base62": strings.Replace(liveKey, "C", "-", 1), "a letter beyond": strings.Replace(liveKey, "C7", "é", 1),
	} {
		_, err := client.New(key, "https://panel.example")
		if !errors.Is(err, client.ErrMalformedKey) {
			t.Errorf("%s: %v", name, err)
		}
		if key != "" && err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

// Plain http is for this machine alone.
func TestNewChecksTheBaseURL(t *testing.T) {
	t.Parallel()
	for base, good := range map[string]bool{
		"https://panel.example": true, "https://panel.example/": true, "https://panel.example:8443/sub/": true,
		"http://127.0.0.1:8080": true, "http://localhost": true, "http://[::1]:1": true, "http://127.9.9.9": true,
		"http://panel.example": false, "http://localhost.example": false, "http://10.0.0.1": false, "http://127.0.0.1.example": false,
		"": false, "panel.example": false, "ftp://panel.example": false, "https://": false, "https://user:pw@panel.example": false, "https://panel.example?key=1": false, "https://panel.example#x": false, "://": false,
	} {
		_, err := client.New(liveKey, base)
		if (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: the error shows the password", base)
		}
	}
}

func TestNewChecksOptions(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]client.Option{
		"time-out": client.WithTimeout(0), "retries": client.WithRetries(-1), "HTTP client": client.WithHTTPClient(nil), "user agent": client.WithUserAgent("a\r\nb: c"),
	} {
		if _, err := client.New(liveKey, "https://panel.example", option); err == nil {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

// The key shows nowhere: not where a client is printed, dumped or logged, and not in an
// error, even where somebody answers with the whole request.
func TestTheKeyIsNotShown(t *testing.T) {
	t.Parallel()
	echo := func(status int, kind string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			said, _ := json.Marshal(map[string]string{"error": "what is key=" + liveKey + "?"})
			if kind != "application/json" {
				said = []byte("what is key=" + liveKey + "?")
			}
			says(status, string(said), "Content-Type", kind, "Location", "https://example.com/?key="+liveKey)(w, r)
		}
	}
	f := &fake{answers: []http.HandlerFunc{
		echo(400, "application/json"), echo(400, "text/plain"), echo(400, "text/html"), echo(302, "text/html"), echo(200, "text/html"), echo(200, "application/json"), loses,
		says(200, `{"order":"ord_01","quantity":"1","created_at":"`+liveKey+`"}`),
	}}
	inBubble(t, f, []client.Option{client.WithRetries(0)}, func(t *testing.T, c *client.Client) {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("it", slog.Any("client", c))
		slog.New(slog.NewJSONHandler(&log, nil)).Info("it", slog.Any("client", c))
		encoded, err := json.Marshal(c)
		shown := []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c), fmt.Sprintf("%+v %#v", struct{ c *client.Client }{c}, struct{ C client.Webhooks }{*c.Webhooks}), log.String(), string(encoded), fmt.Sprint(err)}
		for range len(f.answers) - 1 {
			_, err := c.Add(t.Context(), anOrder)
			if err == nil {
				t.Fatal("no error")
			}
			shown = append(shown, err.Error(), fmt.Sprintf("%+v %#v", err, err))
		}
		_, err = c.Order(t.Context(), "1")
		if !errors.Is(err, client.ErrBadAnswer) || !strings.Contains(err.Error(), "[the key]") {
			t.Errorf("this error should have had the key to hide: %v", err)
		}
		for _, text := range append(shown, err.Error(), fmt.Sprintf("%+v %#v", err, err)) {
			if strings.Contains(text, liveKey[8:]) {
				t.Errorf("the key shows in %s", text)
			}
		}
		if !strings.Contains(shown[0], "127.0.0.1/api/v2") {
			t.Errorf("a client is printed as %s", shown[0])
		}
	})
}

// Each refusal is the error that it should be, with the panel's words.
func TestErrors(t *testing.T) {
	t.Parallel()
	all := []error{
		client.ErrInvalidKey, client.ErrInsufficientBalance, client.ErrNotFound, client.ErrInvalidRequest, client.ErrAccountSuspended, client.ErrRateLimited, client.ErrServer,
		client.ErrConnection, client.ErrTimeout, client.ErrBadAnswer,
	}
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		is      error
		message string
	}{
		"invalid key":               {says(400, `{"error":"Invalid API key"}`), client.ErrInvalidKey, "Invalid API key"},
		"invalid key, plain":        {says(401, `Invalid API key`, "Content-Type", "text/plain; charset=utf-8"), client.ErrInvalidKey, "Invalid API key"},
		"balance":                   {says(400, `{"error":"Insufficient balance"}`), client.ErrInsufficientBalance, "Insufficient balance"},
		"service":                   {says(400, `{"error":"Service not found"}`), client.ErrNotFound, "Service not found"},
		"webhook":                   {says(400, `{"error":"Webhook not found"}`), client.ErrNotFound, "Webhook not found"},
		"field":                     {says(400, `{"error":"quantity must be between 10 and 100000"}`), client.ErrInvalidRequest, "quantity must be between 10 and 100000"},
		"suspended":                 {says(403, `{"error":"Account suspended"}`), client.ErrAccountSuspended, "Account suspended"},
		"too large":                 {says(413, `{"error":"Request body too large"}`), client.ErrInvalidRequest, "Request body too large"},
		"limit":                     {says(429, `{"error":"Rate limit exceeded"}`), client.ErrRateLimited, "Rate limit exceeded"},
		"limit of a proxy":          {says(429, `<html>`, "Content-Type", "text/html"), client.ErrRateLimited, "Too Many Requests"},
		"fault":                     {says(500, `{"error":"Internal error"}`), client.ErrServer, "Internal error"},
		"not now":                   {says(503, `Temporarily unavailable`, "Content-Type", "text/plain"), client.ErrServer, "Temporarily unavailable"},
		"proxy":                     {says(502, `<html>`, "Content-Type", "text/html"), client.ErrServer, "Bad Gateway"},
		"a text with strange runes": {says(400, `{"error":"a\u001b[31m\nb"}`), client.ErrInvalidRequest, "a [31m b"},
		"a page":                    {says(404, `<html>`, "Content-Type", "text/html"), client.ErrBadAnswer, ""},
		"other JSON":                {says(400, `{"message":"no"}`), client.ErrBadAnswer, ""},
		"a page as success":         {says(200, `<html>`, "Content-Type", "text/html"), client.ErrBadAnswer, ""},
		"another shape":             {says(200, `{"balance":1.5,"currency":"USD"}`), client.ErrBadAnswer, ""},
		"a redirect":                {says(301, ``, "Location", "/"), client.ErrBadAnswer, ""},
		"lost":                      {loses, client.ErrConnection, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: []http.HandlerFunc{c.answer}}
			inBubble(t, f, []client.Option{client.WithRetries(0)}, func(t *testing.T, cl *client.Client) {
				_, err := cl.Balance(t.Context())
				for _, one := range all {
					if errors.Is(err, one) != errors.Is(c.is, one) {
						t.Errorf("%v: is %v: %v", err, one, errors.Is(err, one))
					}
				}
				refused, ok := errors.AsType[*client.APIError](err)
				if ok != (c.message != "") || (ok && (refused.Message != c.message || refused.AnswerID != "req_01" || !strings.Contains(err.Error(), "req_01"))) {
					t.Errorf("the refusal is %+v: %v", refused, err)
				}
			})
		})
	}
}

// A refusal for a limit has all figures that the panel tells, and no others.
func TestRateLimitFigures(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{
		says(429, `{"error":"Rate limit exceeded"}`, "Retry-After", "17", "X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1767225660", "X-RateLimit-Tier-Remaining", "200", "X-RateLimit-DeniedBy", "key"),
		says(429, `{"error":"Rate limit exceeded"}`),
	}}
	inBubble(t, f, []client.Option{client.WithRetries(0)}, func(t *testing.T, c *client.Client) {
		_, err := c.Balance(t.Context())
		l, ok := errors.AsType[*client.RateLimitError](err)
		if !ok || *l.Limit != 100 || *l.Remaining != 0 || *l.TierRemaining != 200 || !l.Reset.Equal(time.Unix(1767225660, 0)) || l.DeniedBy != "key" || l.RetryAfter != 17*time.Second || l.Status != 429 {
			t.Errorf("got %+v", l)
		}
		_, err = c.Balance(t.Context())
		l, ok = errors.AsType[*client.RateLimitError](err)
		if !ok || l.Limit != nil || l.Remaining != nil || l.TierRemaining != nil || l.Reset != nil || l.DeniedBy != "" || l.RetryAfter != 0 {
			t.Errorf("got %+v", l)
		}
	})
}

// An answer that never ends is cut, packed or not.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(bytes.Repeat([]byte(" "), 33<<20))
	_ = zip.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}))
	t.Cleanup(server.Close)
	c, err := client.New(liveKey, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Balance(t.Context())
	if strange, ok := errors.AsType[*client.AnswerError](err); !ok || !strings.Contains(strange.Reason, "32 MiB") {
		t.Errorf("got %v", err)
	}
}

// A redirect is not followed, whatever the program's own HTTP client would do: the key
// would go elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	visited := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	own := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	c, err := client.New(liveKey, server.URL, client.WithHTTPClient(own))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Balance(t.Context()); !errors.Is(err, client.ErrBadAnswer) || visited {
		t.Errorf("visited %v, %v", visited, err)
	}
}

// A certificate that nobody vouches for is not tried again and again.
func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	c, err := client.New(liveKey, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = c.Add(t.Context(), anOrder)
	lost, ok := errors.AsType[*client.ConnectionError](err)
	if !ok || lost.Sent || time.Since(begun) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}

// transport is a transport that tells nothing of its connections.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Where nobody knows whether something was sent, it may have been.
func TestTransportThatTellsNothing(t *testing.T) {
	t.Parallel()
	asked := 0
	own := &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, errors.New("something broke")
	})}
	c, err := client.New(liveKey, "https://panel.example", client.WithHTTPClient(own))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Cancel(t.Context(), "8")
	if lost, ok := errors.AsType[*client.ConnectionError](err); !ok || !lost.Sent || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"0.50": "1/2", "-0.066": "-33/500", "1000000000.000001": "1000000000000001/1000000", "3": "3/1"} {
		got, err := client.Amount(text).Rat()
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1/3", "1e9", "0x10", "1_000", "NaN", "Inf", "1.2.3", "--1", "1-", strings.Repeat("9", 41)} {
		if got, err := client.Amount(text).Rat(); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	sum := new(big.Rat)
	for range 10 {
		tenth, _ := client.Amount("0.10").Rat()
		sum.Add(sum, tenth)
	}
	if sum.FloatString(2) != "1.00" {
		t.Errorf("ten tenths are %s", sum)
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for status, final := range map[client.Status]bool{
		client.StatusPending: false, client.StatusProcessing: false, client.StatusInProgress: false, "a new word": false, "": false,
		client.StatusCompleted: true, client.StatusPartial: true, client.StatusCanceled: true, client.StatusFailed: true, client.StatusRefunded: true,
	} {
		if status.Final() != final {
			t.Errorf("%q: %v", status, status.Final())
		}
	}
}

// The SDK needs the standard library and nothing else.
func TestImports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if path, _ := strconv.Unquote(i.Path.Value); strings.Contains(strings.Split(path, "/")[0], ".") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
