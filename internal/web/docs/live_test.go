package docs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
)

var update = flag.Bool("update", false, "write the answers beside the samples from what the API answers to curl")

// runner runs samples of a language.
type runner struct {
	packages string   // of Debian
	check    []string // succeeds where they are there
	ending   string   // of a sample's file
	run      []string // before the file's name
	driver   string   // what run runs in the file's place
}

// python is Debian's, which has the package requests.
const debianPython = "/usr/bin/python3"

// drivers run one sample after the other in one process, for to start one takes
// long: they read names of files, and print what the sample prints, values as JSON,
// and then a line that says whether it failed.
const (
	nodeDriver = `import { createInterface } from "node:readline";
const log = console.log;
console.log = (...all) => log(...all.map((v) => (typeof v === "string" ? v : JSON.stringify(v))));
for await (const file of createInterface({ input: process.stdin })) {
  let failed = "";
  await import(file).catch((e) => { log(String(e)); failed = "failed"; });
  log("` + endOfSample + `" + failed);
}
`
	pythonDriver = `import builtins, json, sys
p = print
builtins.print = lambda *all: p(*[v if isinstance(v, str) else json.dumps(v) for v in all])
for file in sys.stdin:
    failed = ""
    try:
        exec(compile(open(file.strip()).read(), file.strip(), "exec"), {"__name__": "__main__"})
    except BaseException as e:
        p(e)
        failed = "failed"
    p("` + endOfSample + `" + failed, flush=True)
`
	endOfSample = "-- end of sample "
)

var runners = map[string]runner{
	"curl":       {"curl", []string{"curl", "--version"}, ".sh", []string{"sh"}, ""},
	"go":         {"", nil, ".go", nil, ""},
	"javascript": {"nodejs, version 18 or newer", []string{"node", "--eval", "if (typeof fetch !== 'function') throw new Error('no fetch')"}, ".mjs", []string{"node"}, nodeDriver},
	"python":     {"python3-requests", []string{debianPython, "-c", "import requests"}, ".py", []string{debianPython}, pythonDriver},
	"php":        {"php-cli and php-curl", []string{"php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"}, ".php", []string{"php", "-d", "display_errors=stderr"}, ""},
}

// need skips the test where a language is missing, or fails it in CI.
func (r runner) need(t *testing.T) {
	t.Helper()
	if r.check == nil {
		return
	}
	output, err := exec.CommandContext(t.Context(), r.check[0], r.check[1:]...).CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s missing, `make setup` installs them: %v\n%s", r.packages, err, output)
	default:
		t.Skipf("%s missing, `make setup` installs them: %v\n%s", r.packages, err, output)
	}
}

var (
	anyID     = regexp.MustCompile(`(ord|ref|whk|dlv|evt)_[0-9A-Z]{26}`)
	anySecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`)
	anySecond = regexp.MustCompile(`(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\dZ`)
)

// told puts the pages' ids in the place of real ones; times are to the minute.
func (p *live) told(e example, text string) string {
	for _, given := range anyID.FindAllString(text, -1) {
		if p.knows(given) {
			continue
		}
		for _, told := range e.creates {
			if p.real[told] == "" {
				p.real[told] = given
				break
			}
		}
		if !p.knows(given) {
			p.Errorf("%s: the answer has %s, which creates does not name", e.id, given)
		}
	}
	for told, given := range p.real {
		text = strings.ReplaceAll(text, given, told)
	}
	text = anySecret.ReplaceAllString(text, webhookSecret)
	return anySecond.ReplaceAllString(text, "$1:00Z")
}

func (p *live) knows(given string) bool {
	for _, known := range p.real {
		if known == given {
			return true
		}
	}
	return false
}

// filled makes a sample runnable: with a key and real ids.
func (p *live) filled(e example, code string) string {
	key := "live"
	if e.dialect == apikey.Classic {
		key = "classic"
	}
	if !e.noKey {
		code = strings.ReplaceAll(code, Placeholder, p.values[key])
	}
	return anyID.ReplaceAllStringFunc(code, func(told string) string {
		given, ok := p.real[told]
		if !ok {
			p.Errorf("%s asks about %s before it was made", e.id, told)
		}
		return given
	})
}

// ready prepares the panel for a sample: limits that count from zero, or used up.
func (p *live) ready(e example) {
	p.at(asked)
	limits := usualLimits(p)
	p.limit(limits)
	if e.status == http.StatusTooManyRequests {
		for range limits.Key {
			p.call("live", "action", "orders")
		}
	}
}

// printed is what a sample printed.
type printed struct {
	text   string
	failed bool
}

func (p *live) run(t *testing.T, args []string) printed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = p.environment()
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return printed{string(output), err != nil}
}

// environment is that of a sample.
func (p *live) environment() []string {
	return append(os.Environ(), KeyVariable+"="+p.values["live"], "NO_PROXY=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
}

// lastJSON is the last value among what was printed.
func lastJSON(text string) string {
	starts := regexp.MustCompile(`(?m)^[{\[]`).FindAllStringIndex(text, -1)
	if len(starts) == 0 {
		return ""
	}
	return strings.TrimSpace(text[starts[len(starts)-1][0]:])
}

// Every sample runs as it stands on its page, in each language, and gets the answer
// beside it.
func TestSamplesRun(t *testing.T) {
	t.Parallel()
	for _, l := range spoken() {
		t.Run(l.id, func(t *testing.T) {
			t.Parallel()
			if *update && l.id != "curl" {
				t.Skip("answers are written from curl")
			}
			r := runners[l.id]
			r.need(t)
			p := newLive(t, usualLimits(t))
			run := p.open(t, l, r, examples())
			for _, e := range examples() {
				p.ready(e)
				got := run(e)
				if *update {
					p.keep(t, e, got)
					continue
				}
				p.compare(t, l.id, e, got)
			}
			p.audit()
		})
	}
}

// open returns what runs a sample.
func (p *live) open(t *testing.T, l tongue, r runner, all []example) func(e example) printed {
	t.Helper()
	folder := t.TempDir()
	if l.id == "go" {
		command := p.goProgram(t, folder, all)
		return func(e example) printed { return p.run(t, command(e)) }
	}
	store := func(e example) (file string) {
		file = filepath.Join(folder, e.id+r.ending)
		must(t, os.WriteFile(file, []byte(p.filled(e, l.write(e, p.docs.settings.Endpoint()))), 0o600))
		return file
	}
	if r.driver == "" {
		return func(e example) printed { return p.run(t, append(slices.Clone(r.run), store(e))) }
	}
	driver := filepath.Join(folder, "driver"+r.ending)
	must(t, os.WriteFile(driver, []byte(r.driver), 0o600))
	drive := p.drive(t, append(slices.Clone(r.run), driver))
	return func(e example) printed { return drive(store(e)) }
}

// drive starts a driver, which ends with the test.
func (p *live) drive(t *testing.T, args []string) func(file string) printed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = p.environment()
	to, err := cmd.StdinPipe()
	must(t, err)
	from, err := cmd.StdoutPipe()
	must(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	return func(file string) (got printed) {
		t.Helper()
		_, err := to.Write([]byte(file + "\n"))
		must(t, err)
		for lines.Scan() {
			if how, ended := strings.CutPrefix(lines.Text(), endOfSample); ended {
				got.failed = how != ""
				return got
			}
			got.text += lines.Text() + "\n"
		}
		t.Fatalf("%v ended: %s%s", args, got.text, &stderr)
		return got
	}
}

// goProgram makes a package of each sample, and a program that runs one. What is
// not known before it runs comes by the environment.
func (p *live) goProgram(t *testing.T, folder string, all []example) func(e example) []string {
	t.Helper()
	var imports, cases strings.Builder
	for i, e := range all {
		code := golang(e, p.docs.settings.Endpoint())
		must(t, os.MkdirAll(filepath.Join(folder, fmt.Sprintf("s%d", i)), 0o700))
		code = strings.Replace(code, "package main\n", fmt.Sprintf("package s%d\n", i), 1)
		code = strings.Replace(code, "func main() {", "func Main() {", 1)
		code += "\nvar Given func(string) string\n"
		code = regexp.MustCompile(`\{("[^"\n]*(?:`+Placeholder+`|(?:ord|ref|whk|dlv|evt)_[0-9A-Z]{26})[^"\n]*")\}`).ReplaceAllString(code, "{Given($1)}")
		must(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("s%d", i), "sample.go"), []byte(code), 0o600))
		fmt.Fprintf(&imports, "\t\"samples/s%d\"\n", i)
		fmt.Fprintf(&cases, "\tcase %q:\n\t\ts%d.Given = given\n\t\ts%d.Main()\n", e.id, i, i)
	}
	main := "package main\n\nimport (\n\t\"os\"\n\t\"strings\"\n\n" + imports.String() + ")\n\n" +
		"func given(text string) string {\n\tpairs := strings.Split(os.Args[2], \" \")\n\treturn strings.NewReplacer(pairs...).Replace(text)\n}\n\n" +
		"func main() {\n\tswitch os.Args[1] {\n" + cases.String() + "\t}\n}\n"
	must(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(main), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module samples\n\ngo 1.26\n"), 0o600))
	program := filepath.Join(folder, "samples")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return func(e example) []string {
		pairs := []string{}
		for _, told := range append(anyID.FindAllString(golang(e, ""), -1), Placeholder) {
			pairs = append(pairs, told, p.filled(e, told))
		}
		return []string{program, e.id, strings.Join(pairs, " ")}
	}
}

// keep writes what curl got as the answer of the page.
func (p *live) keep(t *testing.T, e example, got printed) {
	t.Helper()
	status, headers := http.StatusOK, []Field(nil)
	if e.status != 0 {
		status = e.status
	}
	for _, name := range e.headers {
		found := regexp.MustCompile(`(?im)^` + name + `: (.*?)\r?$`).FindStringSubmatch(got.text)
		if found == nil {
			t.Fatalf("%s: no %s in\n%s", e.id, name, got.text)
		}
		headers = append(headers, Field{name, found[1]})
	}
	body := []byte(p.told(e, lastJSON(got.text)))
	if e.first {
		body = firstOf(t, body)
	}
	out, err := writeAnswer(status, headers, body)
	if err != nil {
		t.Fatalf("%s: %v\n%s", e.id, err, got.text)
	}
	must(t, os.WriteFile("answers/"+e.id+".txt", out, 0o600))
}

// firstOf is a list with its first entry alone.
func firstOf(t *testing.T, body []byte) []byte {
	t.Helper()
	var all []json.RawMessage
	must(t, json.Unmarshal(body, &all))
	out, err := json.Marshal(all[:1])
	must(t, err)
	return out
}

// compare holds what a sample printed against its page.
func (p *live) compare(t *testing.T, language string, e example, got printed) {
	t.Helper()
	want, err := e.answer()
	must(t, err)
	refused := want.Status != http.StatusOK && language != "curl"
	if got.failed != refused {
		t.Errorf("%s: failed %v\n%s", e.id, got.failed, got.text)
		return
	}
	if refused {
		said := errorOf(t, want.Text)
		if !strings.Contains(got.text, said) || !strings.Contains(got.text, strconv.Itoa(want.Status)) {
			t.Errorf("%s: it should tell of %d %q:\n%s", e.id, want.Status, said, got.text)
		}
		return
	}
	body := p.told(e, lastJSON(got.text))
	if e.first {
		body = string(firstOf(t, []byte(body)))
	}
	if body == "" {
		t.Errorf("%s: no JSON in\n%s", e.id, got.text)
		return
	}
	if diff := cmp.Diff(decode(t, want.Text), decode(t, body)); diff != "" {
		t.Errorf("%s (-page +answer):\n%s", e.id, diff)
	}
	p.compareHeaders(t, language, e, want, got)
}

func (p *live) compareHeaders(t *testing.T, language string, e example, want Answer, got printed) {
	t.Helper()
	for _, h := range want.Headers {
		line := regexp.MustCompile(`(?im)^` + h.Name + `: ` + regexp.QuoteMeta(h.Value) + `\r?$`)
		if language == "curl" && !line.MatchString(got.text) {
			t.Errorf("%s: no %s: %s in\n%s", e.id, h.Name, h.Value, got.text)
		}
		if left := "Left in this minute: " + h.Value; language != "curl" && h.Name == "X-RateLimit-Remaining" && !strings.Contains(got.text, left) {
			t.Errorf("%s: no %q in\n%s", e.id, left, got.text)
		}
	}
}

// errorOf is the text of a refusal.
func errorOf(t *testing.T, body string) string {
	t.Helper()
	var said struct{ Error string }
	if err := json.Unmarshal([]byte(body), &said); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return said.Error
}

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// The sample of the first order is sent again after a lost answer and after a 503
// that names a time, and the order is placed once.
func TestFirstOrderIsRepeatedAndPlacedOnce(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(examples(), func(e example) bool { return e.careful })
	e := examples()[i]
	for _, l := range spoken() {
		t.Run(l.id, func(t *testing.T) {
			t.Parallel()
			r := runners[l.id]
			r.need(t)
			p := newLive(t, usualLimits(t))
			var calls atomic.Int64
			p.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch calls.Add(1) {
				case 1:
					p.api.Load().ServeHTTP(nowhere{http.Header{}}, r)
					panic(http.ErrAbortHandler)
				case 2:
					w.Header().Set("Retry-After", "1")
					http.Error(w, `{"error":"Temporarily unavailable"}`, http.StatusServiceUnavailable)
				default:
					p.api.Load().ServeHTTP(w, r)
				}
			})
			got := p.open(t, l, r, []example{e})(e)
			if n := calls.Load(); got.failed || n != 3 {
				t.Errorf("%d calls:\n%s", n, got.text)
			}
			answer, err := e.answer()
			must(t, err)
			if diff := cmp.Diff(decode(t, answer.Text), decode(t, p.told(e, lastJSON(got.text)))); diff != "" {
				t.Error(diff)
			}
			var orders int
			must(t, p.d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT COUNT(*) FROM orders WHERE request_id = 'shop-4711'`).Scan(&orders)
			}))
			if orders != 1 {
				t.Errorf("%d orders", orders)
			}
			p.audit()
		})
	}
}

// nowhere is the way of an answer that does not arrive.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// A refusal that repeating won't change is told at once.
func TestFirstOrderStopsAtARefusal(t *testing.T) {
	t.Parallel()
	e := examples()[slices.IndexFunc(examples(), func(e example) bool { return e.careful })]
	e.fields = pairs("request_id", "shop-4799", "service", "1", "quantity", "5", "link", "https://example.com/x")
	for _, l := range spoken() {
		t.Run(l.id, func(t *testing.T) {
			t.Parallel()
			r := runners[l.id]
			r.need(t)
			p := newLive(t, usualLimits(t))
			var calls atomic.Int64
			p.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				p.api.Load().ServeHTTP(w, r)
			})
			got := p.open(t, l, r, []example{e})(e)
			if n := calls.Load(); n != 1 || !strings.Contains(got.text, "quantity must be between 10 and 100000") || got.failed != (l.id != "curl") {
				t.Errorf("%d calls:\n%s", n, got.text)
			}
		})
	}
}

// The samples look as their language's own tools would leave them.
func TestSamplesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, e := range examples() {
		for _, l := range spoken() {
			code := l.write(e, "https://panel.example/api/v2")
			if strings.Count(code, Placeholder) != 1 && !e.fromEnv || strings.Contains(code, "\n\n\n\n") || !bytes.HasSuffix([]byte(code), []byte("\n")) {
				t.Errorf("%s in %s:\n%s", e.id, l.id, code)
			}
			for line := range strings.SplitSeq(code, "\n") {
				if strings.TrimRight(line, " \t") != line || len(line) > 130 {
					t.Errorf("%s in %s: %q", e.id, l.id, line)
				}
			}
			if l.id == "go" {
				wellFormedGo(t, e.id, code)
			}
		}
	}
}

func wellFormedGo(t *testing.T, id, code string) {
	t.Helper()
	formatted, err := format.Source([]byte(code))
	must(t, err)
	if diff := cmp.Diff(string(formatted), code); diff != "" {
		t.Errorf("%s (-gofmt +sample):\n%s", id, diff)
	}
}
