package provider

import (
	"bufio"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wired is a request as it came over the wire.
type wired struct {
	Method, Query, Type, Body string
	Header                    http.Header
}

// ear is a provider that keeps every request and answers the same to all, or by
// the answers' next.
type ear struct {
	url string

	mu      sync.Mutex
	heard   []wired
	answers []string
}

func listen(t *testing.T, answers ...string) *ear {
	t.Helper()
	e := &ear{answers: answers}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL + "/api"
	return e
}

// ServeHTTP keeps the request and gives the next answer; the last one stays.
func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, wired{r.Method, r.URL.RawQuery, r.Header.Get("Content-Type"), string(body), r.Header})
	_, _ = io.WriteString(w, e.answers[0])
	if len(e.answers) > 1 {
		e.answers = e.answers[1:]
	}
}

// said are the requests' parameters, without the key.
func (e *ear) said() (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.heard {
		all = append(all, strings.ReplaceAll(w.Query+w.Body, "key="+upstreamKey+"&", ""))
	}
	return all
}

// bent is a client of a provider with a profile.
func (e *ear) bent(t *testing.T, p Profile) *Client {
	t.Helper()
	if err := p.validate(); err != nil {
		t.Fatal(err)
	}
	c := client(t, e.url, patient)
	c.profile = p
	return c
}

// The parameters go where the profile says, in their order, add only by POST
// unless it is told otherwise.
func TestRequestsByProfile(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	order := AddRequest{Service: "1", RequestID: "r", Fields: []Field{{"link", "https://a.example/?x=1&y=ü"}, {"comments", "one, two\r\nthree\rfour"}}}
	const adds = "key=" + upstreamKey + "&action=add&service=1&link=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D%C3%BC&comments=one%2C+two%0Athree%0Afour"
	const asks = "key=" + upstreamKey + "&action=balance"
	for name, c := range map[string]struct {
		profile  Profile
		add, ask wired
	}{
		"classic":  {Profile{}, wired{"POST", "", form, adds, nil}, wired{"POST", "", form, asks, nil}},
		"GET":      {Profile{Method: "GET"}, wired{"POST", "", form, adds, nil}, wired{"GET", asks, "", "", nil}},
		"all GET":  {Profile{Method: "GET", AddGet: true}, wired{"GET", adds, "", "", nil}, wired{"GET", asks, "", "", nil}},
		"add GET":  {Profile{AddGet: true, Encoding: "json"}, wired{"GET", adds, "", "", nil}, wired{"POST", "", "application/json", `{"key":"` + upstreamKey + `","action":"balance"}`, nil}},
		"in query": {Profile{Encoding: "query"}, wired{"POST", adds, "", "", nil}, wired{"POST", asks, "", "", nil}},
		"names": {
			Profile{Names: map[string]string{"key": "api", "action": "method", "link": "url"}},
			wired{"POST", "", form, strings.NewReplacer("key=", "api=", "action=", "method=", "link=", "url=").Replace(adds), nil},
			wired{"POST", "", form, "api=" + upstreamKey + "&method=balance", nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, `{"order":7,"balance":"1"}`)
			client := e.bent(t, c.profile)
			if a := client.Add(t.Context(), watch(), order); a.Outcome != Accepted {
				t.Fatalf("%+v", a)
			}
			if _, err := client.Balance(t.Context()); err != nil {
				t.Fatal(err)
			}
			e.heard[0].Header, e.heard[1].Header = nil, nil
			if diff := cmp.Diff([]wired{c.add, c.ask}, e.heard); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequestsInJSONAndMultipart(t *testing.T) {
	t.Parallel()
	order := AddRequest{Service: "1", Fields: []Field{{"link", `https://a.example/<"&>`}, {"comments", "a\nb\u2028"}}}
	e := listen(t, `{"order":7}`)
	e.bent(t, Profile{Encoding: EncodeJSON}).Add(t.Context(), watch(), order)
	var got map[string]string
	if err := json.Unmarshal([]byte(e.heard[0].Body), &got); err != nil {
		t.Fatalf("%s: %v", e.heard[0].Body, err)
	}
	want := map[string]string{"key": upstreamKey, "action": "add", "service": "1", "link": `https://a.example/<"&>`, "comments": "a\nb\u2028"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	e.bent(t, Profile{Encoding: EncodeMultipart}).Add(t.Context(), watch(), order)
	media, params, err := mime.ParseMediaType(e.heard[1].Type)
	if err != nil || media != "multipart/form-data" || strings.Count(e.heard[1].Body, params["boundary"]) != 6 ||
		!strings.Contains(e.heard[1].Body, "name=\"link\"\r\n\r\nhttps://a.example/<\"&>\r\n") {
		t.Errorf("%s %v: %s", media, err, e.heard[1].Body)
	}
}

// The request id goes to native providers only; our headers and agent to all.
func TestRequestIDIsForNativeProviders(t *testing.T) {
	t.Parallel()
	e := listen(t, `{"order":"ord_1"}`)
	c := e.bent(t, Profile{UserAgent: "Agent/1"})
	c.headers = []Header{{"X-Client", "a-secret-of-ours-16"}, {"Accept", "*/*"}}
	c.Add(t.Context(), watch(), AddRequest{Service: "1", RequestID: "ord_X.1"})
	c.native = true
	c.Add(t.Context(), watch(), AddRequest{Service: "1", RequestID: "ord_X.1"})
	if diff := cmp.Diff([]string{"action=add&service=1", "action=add&service=1&request_id=ord_X.1"}, e.said()); diff != "" {
		t.Error(diff)
	}
	h := e.heard[0].Header
	if h.Get("X-Client") != "a-secret-of-ours-16" || h.Get("Accept") != "*/*" || h.Get("User-Agent") != "Agent/1" {
		t.Errorf("%v", h)
	}
}

// The value of a header that a server repeats is not stored.
func TestHeaderIsTakenOutOfAnswers(t *testing.T) {
	t.Parallel()
	e := listen(t, `{"error":"Bad link for a-secret-of-ours-16"}`)
	c := e.bent(t, Profile{})
	c.headers = []Header{{"X-Client", "a-secret-of-ours-16"}}
	got := c.Add(t.Context(), watch(), ordered)
	if got.Text != "Bad link for [header]" || strings.Contains(got.Kept+got.Said, "secret") {
		t.Errorf("%+v", got)
	}
}

// An add by GET on a connection that dies is not made again: Go repeats a GET by
// itself on connections that were kept.
func TestAddByGetIsSentOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	lines := 0
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				mu.Lock()
				lines++
				mu.Unlock()
			}
			_ = conn.Close()
		}
	}()
	c := client(t, "http://"+listener.Addr().String()+"/", patient)
	c.profile = Profile{AddGet: true}
	w := watch()
	got := c.Add(t.Context(), w, ordered)
	mu.Lock()
	defer mu.Unlock()
	if got.Outcome != Unknown || lines != 1 || !w.Sent() {
		t.Errorf("%v, %d requests", got.Outcome, lines)
	}
	secretive(t, "the answer", got)
}

// A key in the query is in no error.
func TestKeyInQueryIsInNoError(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	c := client(t, "http://"+listener.Addr().String()+"/secret-path", patient)
	c.profile = Profile{Method: "GET"}
	_, err = c.Balance(t.Context())
	if err == nil {
		t.Fatal("nobody answered")
	}
	secretive(t, "the error", err)
}

func TestParseProfile(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		`{}`, ` {} `, `{"names":null}`, `{"method":"GET","add_get":true,"encoding":"multipart","names":{"order":"id","orders":"id","link":"url"},
		"batch_status":"none","batch_parameter":"ids","cancel_by":"order","refill_by":"orders","user_agent":"A/1","package_price":"flat"}`,
	} {
		if _, err := ParseProfile(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		``:                                     "one JSON object",
		`[]`:                                   "one JSON object",
		`{} {}`:                                "one JSON object",
		`{"method":"GET","method":"POST"}`:     "comes twice",
		`{"Method":"GET"}`:                     `no field "Method"`,
		`{"timeout":5}`:                        `no field "timeout"`,
		`{"method":"PUT"}`:                     "profile.method",
		`{"method":5}`:                         "can't be read",
		`{"encoding":"xml"}`:                   "profile.encoding",
		`{"cancel_by":"id"}`:                   "profile.cancel_by",
		`{"refill_by":"id"}`:                   "profile.refill_by",
		`{"package_price":"free"}`:             "profile.package_price",
		`{"user_agent":"a\nb"}`:                "profile.user_agent",
		`{"batch_status":"a b"}`:               "profile.batch_status",
		`{"batch_parameter":"key"}`:            "profile.batch_parameter",
		`{"names":{"nothing":"x"}}`:            `no parameter "nothing"`,
		`{"names":{"link":"a b"}}`:             "profile.names.link",
		`{"names":{"link":""}}`:                "profile.names.link",
		`{"names":{"link":"quantity"}}`:        "can't both be sent as quantity",
		`{"names":{"link":"x","service":"x"}}`: "can't both be sent as x",
		`{"names":{"link":"x","link":"y"}}`:    "comes twice",
		`{"names":[]}`:                         "profile.names must be",
	} {
		if _, err := ParseProfile(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", bad, err, want)
		}
	}
}

func TestParseHeader(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]Header{
		"X-Client: abc":              {"X-Client", "abc"},
		"authorization:Bearer a:b,c": {"Authorization", "Bearer a:b,c"},
	} {
		if got, err := ParseHeader(line); err != nil || got != want {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
	for _, bad := range []string{"", "X", "X:", ": b", "X Y: b", "Host: b", "content-length: 1", "Idempotency-Key: b-secret", "User-Agent: b", "X: b-secret\r\nY: c", "X: b-secret\x7f"} {
		_, err := ParseHeader(bad)
		if err == nil {
			t.Errorf("%q is taken", bad)
			continue
		}
		if strings.Contains(err.Error(), "b-secret") {
			t.Errorf("%v", err)
		}
	}
}
