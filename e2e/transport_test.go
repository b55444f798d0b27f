//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// step is a call that a client is to make. How its parameters become a request is
// the client's affair: that is what the tests are about.
type step struct {
	URL    string              `json:"url"`
	Way    way                 `json:"way"`
	Fields map[string]any      `json:"fields,omitempty"` // texts and numbers
	IDs    map[string][]any    `json:"ids,omitempty"`    // joined with commas
	Lines  map[string][]string `json:"lines,omitempty"`  // joined with CR LF
	Absent []string            `json:"absent,omitempty"` // sent as whatever the language has for nothing
}

// way is where the parameters go.
type way string

const (
	inBody  way = "post"
	byGET   way = "get"
	inQuery way = "query" // of a POST with an empty body
)

// reply is what a client made of an answer.
type reply struct {
	Status  int             `json:"status"`
	Headers map[string]any  `json:"headers"` // names in lower case
	Body    string          `json:"body"`
	Parsed  json.RawMessage `json:"parsed"`  // what its own reader made of the body; nil is nothing
	Again   json.RawMessage `json:"again"`   // the same by its second reader, where it has one
	Refused string          `json:"refused"` // how it told of a status that is no success; "" is not at all
	Unread  string          `json:"unread"`  // how it told of a body that is not JSON
}

// transport is a client as resellers use it.
type transport struct {
	name   string
	needs  *tool
	driver []string // a program of the folder transports; nil: see calls
	calls  func(t *testing.T) caller

	form               string // what it sends in a body
	asArray            string // an error among ids, when they are joined
	refusal4, refusal5 string // what it calls a status from 400 on, and from 500 on
	unread             string // what it calls a body that is not JSON
	textParsed         bool   // such a body is its own meaning there
}

// caller makes calls.
type caller func(step) reply

const (
	folder = "transports"
	// python is Debian's, which has the packages; another may come first in the path.
	python = "/usr/bin/python3"

	urlencoded = "application/x-www-form-urlencoded"
	multipart  = "multipart/form-data"
	object     = "application/json"
)

var transports = []transport{
	axios("json", object), axios("params", urlencoded), axios("string", urlencoded), axios("multipart", multipart),
	{name: "fetch", needs: node, driver: []string{"node", "fetch.js"}, form: urlencoded, asArray: "[object Object]", unread: "SyntaxError"},
	inPHP("string", urlencoded), inPHP("array", multipart),
	inPython("requests", withRequests, "HTTPError", "data", urlencoded), inPython("requests", withRequests, "HTTPError", "json", object),
	inPython("httpx", withHTTPX, "HTTPStatusError", "data", urlencoded), inPython("httpx", withHTTPX, "HTTPStatusError", "json", object),
	{name: "curl", needs: curl, calls: curlCaller, form: urlencoded, asArray: inGo, refusal4: "exit status 22", refusal5: "exit status 22", unread: goSyntax},
	{name: "net-http", calls: netHTTPCaller, form: urlencoded, asArray: inGo, unread: goSyntax},
}

const (
	inGo     = "map[error:Incorrect order ID]"
	goSyntax = "*json.SyntaxError"
)

func axios(body, form string) transport {
	return transport{
		name: "axios-" + body, needs: withAxios, driver: []string{"node", "axios.js", body}, form: form,
		asArray: "[object Object]", refusal4: "ERR_BAD_REQUEST", refusal5: "ERR_BAD_RESPONSE", textParsed: true,
	}
}

// inPHP starts PHP so that its warnings don't get between the answers.
func inPHP(body, form string) transport {
	return transport{
		name: "php-curl-" + body, needs: php, driver: []string{"php", "-d", "display_errors=stderr", "curl.php", body}, form: form,
		asArray: "Array", unread: "Syntax error",
	}
}

func inPython(library string, needs *tool, refusal, body, form string) transport {
	return transport{
		name: library + "-" + body, needs: needs, driver: []string{python, "with_" + library + ".py", body}, form: form,
		asArray: "{'error': 'Incorrect order ID'}", refusal4: refusal, refusal5: refusal, unread: "JSONDecodeError",
	}
}

// refusedAs is how the client tells of a status.
func (tr transport) refusedAs(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return tr.refusal5
	case status >= http.StatusBadRequest:
		return tr.refusal4
	}
	return ""
}

// tool is a program, with its libraries, that some machines lack.
type tool struct {
	packages string
	check    []string

	once    sync.Once
	missing string // "" is nothing
}

var (
	node         = &tool{packages: "nodejs, version 18 or newer", check: []string{"node", "--eval", "if (typeof fetch !== 'function') throw new Error('no fetch')"}}
	withAxios    = &tool{packages: "nodejs and npm's axios", check: []string{"node", "--input-type=module", "--eval", "import 'axios'"}}
	php          = &tool{packages: "php-cli and php-curl", check: []string{"php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"}}
	withRequests = &tool{packages: "python3-requests", check: []string{python, "-c", "import requests"}}
	withHTTPX    = &tool{packages: "python3-httpx", check: []string{python, "-c", "import httpx"}}
	curl         = &tool{packages: "curl", check: []string{"curl", "--version"}}
)

// need skips the test where a tool is missing, or fails it in CI.
func need(t *testing.T, tl *tool) {
	t.Helper()
	if tl == nil {
		return
	}
	tl.once.Do(func() {
		if output, err := command(t, tl.check...).CombinedOutput(); err != nil {
			tl.missing = fmt.Sprintf("%s missing, `make setup` installs them: %v\n%s", tl.packages, err, output)
		}
	})
	switch {
	case tl.missing == "":
	case os.Getenv("CI") == "true":
		t.Fatal(tl.missing)
	default:
		t.Skip(tl.missing)
	}
}

// command is a program in the folder of the transports, with nothing of the tests'
// environment that could steer it, such as a proxy.
func command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8"}
	return cmd
}

// open starts the client, if it is here. It runs until the test ends.
func (tr transport) open(t *testing.T) caller {
	t.Helper()
	need(t, tr.needs)
	if tr.driver == nil {
		return tr.calls(t)
	}
	cmd := command(t, tr.driver...)
	var said output
	cmd.Stderr = &said
	to, err := cmd.StdinPipe()
	must(t, err)
	from, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		must(t, to.Close())
		late := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(tr.driver, " "), err, &said)
		}
	})
	answers := bufio.NewReader(from)
	return func(s step) (r reply) {
		t.Helper()
		line, err := json.Marshal(s)
		must(t, err)
		if _, err = to.Write(append(line, '\n')); err == nil {
			line, err = answers.ReadBytes('\n')
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(tr.driver, " "), err, &said)
		}
		return decode[reply](t, string(line))
	}
}

// values are the parameters as a Go program writes them.
func (s step) values() url.Values {
	v := url.Values{}
	for name, value := range s.Fields {
		v.Set(name, fmt.Sprint(value))
	}
	for name, ids := range s.IDs {
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = fmt.Sprint(id)
		}
		v.Set(name, strings.Join(texts, ","))
	}
	for name, lines := range s.Lines {
		v.Set(name, strings.Join(lines, "\r\n"))
	}
	for _, name := range s.Absent {
		v.Set(name, "")
	}
	return v
}

// read parses a body as Go programs do.
func (r *reply) read() {
	var v any
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		r.Unread = fmt.Sprintf("%T", err)
		return
	}
	r.Parsed = json.RawMessage(r.Body)
}

// netHTTPCaller calls with the standard library.
func netHTTPCaller(t *testing.T) caller {
	client := newClient(t)
	return func(s step) (r reply) {
		t.Helper()
		var response *http.Response
		var err error
		switch s.Way {
		case inBody:
			response, err = client.PostForm(s.URL, s.values())
		case byGET:
			response, err = client.Get(s.URL + "?" + s.values().Encode())
		case inQuery:
			response, err = client.Post(s.URL+"?"+s.values().Encode(), "", http.NoBody)
		}
		must(t, err)
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		r.Status, r.Body, r.Headers = response.StatusCode, string(body), lowered(response.Header)
		r.read()
		return r
	}
}

// curlCaller runs curl for each call, with -d for what needs no encoding and
// --data-urlencode for the rest.
func curlCaller(t *testing.T) caller {
	return func(s step) (r reply) {
		t.Helper()
		args := []string{"curl", "--silent", "--show-error", "--include", "--fail-with-body", "--max-time", "60"}
		switch s.Way {
		case inBody:
		case byGET:
			args = append(args, "-G")
		case inQuery:
			args = append(args, "-G", "-X", http.MethodPost)
		}
		values := s.values()
		for _, name := range slices.Sorted(maps.Keys(values)) {
			how, value := "-d", values.Get(name)
			if url.QueryEscape(value) != value {
				how = "--data-urlencode"
			}
			args = append(args, how, name+"="+value)
		}
		cmd := command(t, append(args, s.URL)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		printed, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 22 {
			r.Refused = exit.Error()
		} else if err != nil {
			t.Fatalf("curl: %v\n%s", err, &stderr)
		}
		head, body, found := bytes.Cut(printed, []byte("\r\n\r\n"))
		line, headers, _ := bytes.Cut(head, []byte("\r\n"))
		if _, err = fmt.Sscanf(string(line), "HTTP/1.1 %d", &r.Status); err != nil || !found {
			t.Fatalf("curl printed %q", printed)
		}
		named, err := textproto.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(headers), strings.NewReader("\r\n\r\n")))).ReadMIMEHeader()
		must(t, err)
		r.Headers, r.Body = lowered(http.Header(named)), string(body)
		r.read()
		return r
	}
}

func lowered(h http.Header) map[string]any {
	all := map[string]any{}
	for name := range h {
		all[strings.ToLower(name)] = h.Get(name)
	}
	return all
}

// The lock of npm's packages names no host: what is installed is told by its sum.
func TestLockOfTransportsNamesNoRegistry(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	must(t, err)
	lock := decode[struct {
		Packages map[string]struct{ Version, Resolved, Integrity string }
	}](t, string(content))
	for name, p := range lock.Packages {
		if name != "" && (p.Resolved != "" || p.Version == "" || p.Integrity == "") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if len(lock.Packages) < 2 {
		t.Errorf("the lock has %d packages", len(lock.Packages))
	}
}
