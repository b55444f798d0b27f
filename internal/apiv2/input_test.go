package apiv2

import (
	"bytes"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/fault"
)

const formType = "application/x-www-form-urlencoded"

// client is whom requests come from.
var client = netip.MustParseAddr("192.0.2.7")

// request makes a request for read.
func request(method, target, contentType string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Content-Type", contentType)
	return r
}

// What is in the body wins over the query, a first value over a later one.
func TestReadPrecedence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target, contentType, body string
		form                      form
		want                      map[string]string // what either returns
		problem                   bool
	}{
		"form":                 {"/", formType, "a=1&b=2&a=3", urlencoded, map[string]string{"a": "1", "b": "2", "c": ""}, false},
		"plus and percent":     {"/", formType, "a=1+2%2B3%20", urlencoded, map[string]string{"a": "1 2+3"}, false},
		"without value":        {"/", formType, "a&b=&=c", urlencoded, map[string]string{"a": "", "b": "", "": ""}, false},
		"body over query":      {"/?a=q&b=q", formType, "a=body", urlencoded, map[string]string{"a": "body", "b": "q"}, false},
		"empty in the body":    {"/?a=q", formType, "a=", urlencoded, map[string]string{"a": ""}, false},
		"query alone":          {"/?a=q&a=r&%zz=1&b=%zz&c=100%&d=%2", "", "", noBody, map[string]string{"a": "q", "b": "%zz", "c": "100%", "d": "%2"}, false},
		"blank body":           {"/?a=q", formType, " \r\n", noBody, map[string]string{"a": "q"}, false},
		"bad escape":           {"/", formType, "a=1&b=%", urlencoded, map[string]string{"a": "1", "b": ""}, true},
		"JSON":                 {"/", "application/json", `{"a":"x","n":12.50,"t":true,"u":null,"l":[1,"two",null,[3],{"a":4}],"orders":[1,2],"o":{"a":2},"a":"later"}`, jsonObject, map[string]string{"a": "x", "n": "12.50", "t": "true", "u": "", "l": "1\ntwo", "orders": "1,2", "o": ""}, false},
		"JSON by its look":     {"/", "", " {\"a\":\"x\"}", jsonObject, map[string]string{"a": "x"}, false},
		"JSON said to be form": {"/", formType, `{"a":"x"}`, jsonObject, map[string]string{"a": "x"}, false},
		"JSON after a mark":    {"/", "application/json", "\ufeff{\"a\":\"x\"}", jsonObject, map[string]string{"a": "x"}, false},
		"JSON without its end": {"/", "application/json", `{"a":"x","b":"y"`, jsonObject, map[string]string{"a": "x", "b": "y"}, true},
		"JSON list":            {"/", "application/json", `["a"]`, jsonObject, map[string]string{"a": ""}, true},
		"JSON cut short":       {"/", "application/json", `{"a":"x","b":{"c":`, jsonObject, map[string]string{"a": "x"}, true},
		"JSON deep":            {"/", "application/json", `{"a":"x","b":` + strings.Repeat("[", 100_000), jsonObject, map[string]string{"a": "x"}, true},
		"text":                 {"/", "text/plain", "a=1&b=%zz", otherForm, map[string]string{"a": "1"}, false},
		"no type":              {"/", "", "a=1", otherForm, map[string]string{"a": "1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := read(request("POST", c.target, c.contentType, strings.NewReader(c.body)), client, &room{})
			if err != nil {
				t.Fatal(err)
			}
			if in.form != c.form || (in.problem != nil) != c.problem {
				t.Errorf("form %d, problem %v", in.form, in.problem)
			}
			for field, want := range c.want {
				if got := in.either(field); got != want {
					t.Errorf("%q is %q, want %q", field, got, want)
				}
			}
		})
	}
}

func TestReadMultipart(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"key", " k \r\n"}, {"a", "1"}, {"a", "2"}, {"comments", "one\r\ntwo"}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("link", "x.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte("a file is no field"))
	_ = w.Close()

	whole := b.String()
	in, err := read(request("POST", "/", w.FormDataContentType(), strings.NewReader(whole)), client, &room{})
	if err != nil || in.problem != nil {
		t.Fatal(err, in.problem)
	}
	for field, want := range map[string]string{"key": "k", "a": "1", "comments": "one\r\ntwo", "link": ""} {
		if got := in.get(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	// Wherever it is cut, nobody takes it for whole; the key is found if it is there.
	for cut := len(whole) - len("--\r\n"); cut > 0; cut-- {
		in, err := read(request("POST", "/", w.FormDataContentType(), strings.NewReader(whole[:cut])), client, &room{})
		if err != nil {
			t.Fatal(err)
		}
		if in.problem == nil {
			t.Fatalf("cut at %d is taken for whole", cut)
		}
	}
}

// More parts than fields may be: told, not silently dropped.
func TestReadMultipartOfTooManyParts(t *testing.T) {
	t.Parallel()
	for parts, problem := range map[int]bool{maxFields: false, maxFields + 1: true} {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for range parts {
			if err := w.WriteField("a", "1"); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Close()
		in, err := read(request("POST", "/", w.FormDataContentType(), &b), client, &room{})
		if err != nil || (in.problem != nil) != problem {
			t.Errorf("%d parts: %v, %v", parts, err, in.problem)
		}
	}
}

// unsized hides a body's length, as chunked sending does.
type unsized struct{ io.Reader }

// The limit of a body is exact, with and without a Content-Length.
func TestReadLimit(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"sized":   func(r io.Reader) io.Reader { return r },
		"chunked": func(r io.Reader) io.Reader { return unsized{r} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for size, tooLarge := range map[int]bool{100: false, smallBody: false, smallBody + 1: false, maxBody: false, maxBody + 1: true, 3 * maxBody: true} {
				large := &room{}
				body := "key=k&a=" + strings.Repeat("x", size-len("key=k&a="))
				in, err := read(request("POST", "/", formType, wrap(strings.NewReader(body))), client, large)
				if fault.Is(err, fault.TooLarge) != tooLarge {
					t.Errorf("%d bytes: %v", size, err)
				}
				if !tooLarge && len(in.get("a")) != size-len("key=k&a=") {
					t.Errorf("%d bytes: %d read", size, len(in.get("a")))
				}
				if in.get("key") != "k" {
					t.Errorf("%d bytes: the form of the answer can't be found", size)
				}
				if held := large.taken; held != in.reserved || (size <= smallBody && held != 0) || held > maxBody {
					t.Errorf("%d bytes: %d reserved", size, held)
				}
			}
		})
	}
}

// numbered returns addresses that have nothing in common.
func numbered(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}) }

// Large bodies share their memory: when it is used up the next is told to come
// again, small ones are served, and what is given back can be taken again.
func TestLargeBodiesShareMemory(t *testing.T) {
	t.Parallel()
	large := &room{}
	body := "key=k&a=" + strings.Repeat("x", maxBody-len("key=k&a="))
	var held []*input
	for {
		in, err := read(request("POST", "/", formType, strings.NewReader(body)), numbered(len(held)), large)
		if err != nil {
			if !fault.Is(err, fault.Unavailable) || in.reserved == 0 || in.get("key") != "k" {
				t.Fatalf("one body too many: %v, %d reserved, %v", err, in.reserved, in.body)
			}
			large.give(in)
			break
		}
		if held = append(held, in); len(held) > 2*roomForBodies/maxBody {
			t.Fatal("there is no end of room")
		}
	}
	if len(held) < roomForBodies/maxBody {
		t.Errorf("there is room for %d bodies", len(held))
	}
	if _, err := read(request("POST", "/", formType, strings.NewReader(body[:smallBody])), client, large); err != nil {
		t.Errorf("a small body: %v", err)
	}
	large.give(held[0])
	if _, err := read(request("POST", "/", formType, strings.NewReader(body)), client, large); err != nil {
		t.Errorf("after one was given back: %v", err)
	}
}

// stalls is a body of which a part arrives; its owner does what comes then.
type stalls struct {
	arrives io.Reader
	then    func()
}

func (s stalls) Read(p []byte) (int, error) {
	n, err := s.arrives.Read(p)
	if err != nil {
		s.then()
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

// Who announces a large body takes room for what arrived of it.
func TestAnnouncedBodyTakesNoRoom(t *testing.T) {
	t.Parallel()
	large := &room{}
	arrives := strings.Repeat("x", smallBody+smallBody/2)
	r := request("POST", "/", formType, stalls{strings.NewReader(arrives), func() {
		if large.taken > smallBody+1 {
			t.Errorf("%d bytes are taken for a body of %d so far", large.taken, len(arrives))
		}
	}})
	r.ContentLength = maxBody
	in, err := read(r, client, large)
	if !fault.Is(err, fault.Invalid) || in.reserved == 0 {
		t.Errorf("%v, %d reserved", err, in.reserved)
	}
}

// No address takes the room of all, and what one has given back is not kept.
func TestAddressHoldsAShareOfTheRoom(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", maxBody)
	for _, c := range []struct {
		greedy, other string
		shared        bool
	}{
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8:1:1::1", "2001:db8:1:2::1", true},
		{"2001:db8:1::1", "2001:db8:2::1", false},
	} {
		large := &room{}
		var held []*input
		for range roomForBodies / maxBody {
			in, err := read(request("POST", "/", formType, strings.NewReader(body)), netip.MustParseAddr(c.greedy), large)
			held = append(held, in)
			if err != nil {
				break
			}
		}
		if large.taken > roomForAddress || len(held) < roomForAddress/maxBody {
			t.Errorf("%s took %d bytes for %d bodies", c.greedy, large.taken, len(held))
		}
		in, err := read(request("POST", "/", formType, strings.NewReader(body)), netip.MustParseAddr(c.other), large)
		if fault.Is(err, fault.Unavailable) != c.shared {
			t.Errorf("%s beside %s: %v", c.other, c.greedy, err)
		}
		for _, in := range append(held, in) {
			large.give(in)
		}
		if large.taken != 0 || len(large.held) != 0 {
			t.Errorf("%d bytes and %d holders are left", large.taken, len(large.held))
		}
	}
}

// The answer to a body without room is 503 in the form of its caller, and every
// request gives back what it took.
func TestLargeBodyWithoutRoom(t *testing.T) {
	t.Parallel()
	a := New(Deps{Log: slog.New(slog.DiscardHandler)})
	a.large.taken = roomForBodies
	filler := "&note=" + strings.Repeat("x", smallBody)
	for form, want := range map[string]string{
		"key=k&action=balance":              `{"error":"Temporarily unavailable"}`,
		"key=k&action=add&request_id=first": `{"error":"Temporarily unavailable"}`,
		"key=k&action=add":                  "Temporarily unavailable",
		"key=k&action=status&order=5":       "Temporarily unavailable",
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, request("POST", "/api/v2", formType, strings.NewReader(form+filler)))
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != want || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", form, w.Code, w.Body)
		}
	}
	if taken := a.large.taken; taken != roomForBodies {
		t.Errorf("%d bytes taken, want %d", taken, roomForBodies)
	}
}

// Of a body that was not read whole nobody knows whether it is a poll, unless what
// was read says so: text misleads nobody.
func TestFormOfWhatWasNotReadWhole(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("x", smallBody)
	late := func() io.Reader { return strings.NewReader("note=" + filler + "&key=k&action=status&order=1") }
	breaks := func(s string) io.Reader { return stalls{strings.NewReader(s), func() {}} }
	encoded := request("POST", "/", formType, strings.NewReader("key=k&action=balance"))
	encoded.Header.Set("Content-Encoding", "gzip")
	for name, c := range map[string]struct {
		r     *http.Request
		plain bool
	}{
		"encoded":                        {encoded, true},
		"too large":                      {request("POST", "/", formType, strings.NewReader("note="+filler+strings.Repeat("x", maxBody)+"&action=status")), true},
		"too large, known to be no poll": {request("POST", "/", formType, strings.NewReader("key=k&action=services&note="+strings.Repeat("x", maxBody))), false},
		"no room":                        {request("POST", "/", formType, late()), true},
		"no room, JSON":                  {request("POST", "/", "application/json", strings.NewReader(`{"comments":"`+filler+`&","action":"status","order":1}`)), true},
		"cut":                            {request("POST", "/", formType, breaks("key=k&")), true},
		"cut within the action":          {request("POST", "/", formType, breaks("key=k&action=sta")), true},
		"cut within another":             {request("POST", "/", formType, breaks("key=k&action=services&no")), false},
		"cut within a poll's ids":        {request("POST", "/", formType, breaks("action=STATUS&order")), true},
		"cut, action in the query":       {request("POST", "/?action=balance", formType, breaks("key=k")), true},
	} {
		full := &room{taken: roomForBodies}
		if strings.HasPrefix(name, "too large") {
			full.taken = 0
		}
		in, err := read(c.r, client, full)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if got := beforeKey(in, fault.From(err)); got.plain != c.plain {
			t.Errorf("%s: %d %s, plain %v", name, got.status, got.body, got.plain)
		}
	}
}

// A GET of the poll's form and a body that can't be read keep their forms.
func TestFormBeforeTheKeyIsKnown(t *testing.T) {
	t.Parallel()
	poll := &input{body: map[string]string{"action": "STATUS", "order": "7"}}
	add := &input{body: map[string]string{"action": "Add"}}
	for _, c := range []struct {
		in     *input
		code   fault.Code
		status int
		plain  bool
	}{
		{poll, fault.Unauthorized, 401, true},
		{poll, fault.Unavailable, 503, true},
		{poll, fault.Internal, 500, true},
		{poll, fault.TooLarge, 413, true},
		{poll, fault.RateLimited, 429, true},
		{poll, fault.MethodNotAllowed, 405, false},
		{add, fault.Unauthorized, 400, false},
		{add, fault.Unavailable, 503, true},
		{add, fault.Internal, 500, true},
		{add, fault.TooLarge, 413, false},
		{&input{}, fault.Unavailable, 503, false},
	} {
		got := beforeKey(c.in, fault.New(c.code, "text"))
		if got.status != c.status || got.plain != c.plain {
			t.Errorf("%v %s: status %d, plain %v", c.in.body, c.code, got.status, got.plain)
		}
	}
}
