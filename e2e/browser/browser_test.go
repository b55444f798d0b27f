package browser_test

import (
	"fmt"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/notpanel/notpanel/e2e/browser"
)

func TestMain(m *testing.M) { browser.Main(m) }

// policy is as strict as the panel's.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'"

// site serves files under their paths; ones that end in .js are scripts, .css
// styles, and the others pages whose body they are.
func site(t *testing.T, files map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, found := files[r.URL.Path]
		switch {
		case r.URL.Path == "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		case !found:
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, content)
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, content)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Page</title>%s`, content)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// recorder is a test that may fail without failing ours.
type recorder struct {
	testing.TB

	failures []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool     { return len(r.failures) > 0 }

// end ends that test and returns why it failed.
func (r *recorder) end() []string {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r.failures
}

// What a visitor would not see, but is wrong, fails the test and is named.
func TestTheWatchNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{
		"/console.js": `console.error("no price for", 7)`,
		"/throws.js":  `null.price`,
		"/rejects.js": `Promise.reject(new Error("nobody waits"))`,
		"/evals.js":   `new Function("return 1")`,
		"/styles.js":  `document.body.setAttribute("style", "color: red")`,
		"/fetches.js": `fetch("/missing.json")`,
		"/clicks.js":  `document.querySelector("button").click()`,
		"/breaks.js":  `fetch("http://127.0.0.1:1/closed").catch(() => {})`,
	}
	for name, c := range map[string]struct {
		body, want string
		also       []string // what comes with it
	}{
		"console error":    {`<script defer src="/console.js"></script>`, "console error: no price for 7", nil},
		"exception":        {`<script defer src="/throws.js"></script>`, "exception: TypeError: Cannot read properties of null", nil},
		"rejected promise": {`<script defer src="/rejects.js"></script>`, "exception: Error: nobody waits", nil},
		"inline style":     {`<p style="color: red">Red</p>`, "policy violation: style-src-attr blocked", []string{"policy"}},
		"inline script":    {`<script>1</script>`, "policy violation: script-src-elem blocked", []string{"policy"}},
		"event handler":    {`<button onclick="go()">Go</button><script defer src="/clicks.js"></script>`, "policy violation: script-src-attr blocked", []string{"policy"}},
		"eval":             {`<script defer src="/evals.js"></script>`, "policy violation: script-src blocked", []string{"exception: EvalError", "policy"}},
		"style by script":  {`<script defer src="/styles.js"></script>`, "policy violation: style-src-attr blocked", []string{"policy"}},
		"missing picture":  {`<img src="/missing.png" alt="Missing">`, "status 404: GET /missing.png", nil},
		"missing answer":   {`<script defer src="/fetches.js"></script>`, "status 404: GET /missing.json", nil},
		"another host":     {`<img src="https://fonts.example/a.png" alt="Foreign">`, "policy violation: img-src blocked https://fonts.example/a.png", []string{"foreign request: GET https://fonts.example/a.png", "policy"}},
		"another port":     {`<script defer src="/breaks.js"></script>`, "policy violation: connect-src blocked http://127.0.0.1:1/closed", []string{"policy"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"/": c.body}
			maps.Copy(files, scripts)
			r := &recorder{TB: t}
			browser.New(r, site(t, files)).Open("/")
			failures := r.end()
			if !slices.ContainsFunc(failures, func(f string) bool { return strings.Contains(f, c.want) }) {
				t.Errorf("not named: %s\namong %q", c.want, failures)
			}
			expecting := &recorder{TB: t}
			p := browser.New(expecting, site(t, files))
			for _, text := range append(c.also, c.want) {
				p.Expect(text)
			}
			p.Open("/")
			if failures := expecting.end(); len(failures) > 0 {
				t.Errorf("expected, and yet it failed: %q", failures)
			}
		})
	}
}

// A page without a policy asks another host: the request is named, and is not made.
func TestForeignRequestIsNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>Page</title><link rel="icon" href="data:,"><img src="https://pictures.example/a.png" alt="Foreign">`)
	}))
	t.Cleanup(server.Close)
	r := &recorder{TB: t}
	browser.New(r, server.URL).Open("/")
	if got := r.end(); len(got) != 1 || !strings.Contains(got[0], "foreign request: GET https://pictures.example/a.png") {
		t.Errorf("it says %q", got)
	}
}

// A good page passes, and a problem that was expected and did not come does not.
func TestExpectedProblemsHaveToCome(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{"/": `<h1>Good</h1>`})
	good := &recorder{TB: t}
	browser.New(good, base).Open("/")
	if got := good.end(); len(got) > 0 {
		t.Errorf("a good page: %q", got)
	}
	r := &recorder{TB: t}
	p := browser.New(r, base)
	p.Expect("status 401")
	p.Open("/")
	if got := r.end(); len(got) != 1 || got[0] != "expected, but did not happen: status 401" {
		t.Errorf("it says %q", got)
	}
}

// Forms are filled and sent by mouse and keys, and so also without scripts.
func TestFormsAreUsedAsByHand(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/": `<form action="/sent"><label>Name <input name="name" value="old text"></label>
			<label>Tier <select name="tier"><option>Standard</option><option>Reseller</option></select></label>
			<label>Agreed <input type="checkbox" name="agreed"></label>
			<button>Send</button></form><p id="state">waiting</p><script defer src="/app.js"></script>`,
		"/app.js": `document.querySelector("[name=name]").addEventListener("input", e => {
			document.querySelector("#state").textContent = e.isTrusted && e.target.value; });`,
		"/sent": `<h1>Sent</h1>`,
	})
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := browser.New(t, base)
			p.JavaScript(scripts)
			p.Open("/")
			p.Fill("[name=name]", "Çiğdem & co")
			p.Choose("[name=tier]", "Reseller")
			p.Click("[name=agreed]")
			if got := p.Value("[name=name]"); got != "Çiğdem & co" {
				t.Errorf("the field holds %q", got)
			}
			if scripts {
				p.WaitText("#state", "Çiğdem & co")
			} else if got := p.Text("#state"); got != "waiting" {
				t.Errorf("a script ran: %q", got)
			}
			p.Submit("button")
			if got, want := p.Path(), "/sent?name=%C3%87i%C4%9Fdem+%26+co&tier=Reseller&agreed=on"; got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
			if got := p.Text("h1"); got != "Sent" {
				t.Errorf("the page says %q", got)
			}
		})
	}
}

// A click waits until the element is enabled and nothing lies over it; keys go
// where the focus is.
func TestClickWaitsUntilItCanBeMade(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/":        `<link rel="stylesheet" href="/app.css"><div id="cover">Wait</div><button disabled>Go</button><input aria-label="Search"><p id="state">none</p><script defer src="/app.js"></script>`,
		"/app.css": `#cover { position: fixed; inset: 0; background: white } #gap { height: 3000px }`,
		"/app.js": `const button = document.querySelector("button"), state = document.querySelector("#state");
			setTimeout(() => button.disabled = false, 60);
			setTimeout(() => document.querySelector("#cover").remove(), 120);
			button.addEventListener("click", e => state.textContent = "clicked " + e.isTrusted);
			document.addEventListener("keydown", e => { if (e.key === "Escape") state.textContent = "escaped"; });`,
	})
	p := browser.New(t, base)
	p.Open("/")
	p.Click("button")
	p.WaitText("#state", "clicked true")
	p.Gone("#cover")
	p.Press(kb.Escape)
	p.WaitText("#state", "escaped")
	p.Press(kb.Tab)
	if got := p.Eval("document.activeElement.tagName"); got != "INPUT" {
		t.Errorf("the focus is on %s", got)
	}
}

// A picture shows the whole page in the size, the scheme and the motion asked for.
func TestPictureShowsTheWholePage(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/": `<link rel="stylesheet" href="/app.css"><h1>Tall</h1>`,
		"/app.css": `h1 { margin: 0 } body { margin: 0; height: 2500px; background: #fff } @media (prefers-color-scheme: dark) { body { background: #000 } }
			@media (prefers-reduced-motion: reduce) { body { height: 3000px } }`,
	})
	p := browser.New(t, base)
	p.Viewport(390, 844, true)
	p.Scheme("dark")
	p.ReducedMotion()
	p.Open("/")
	file := filepath.Join(t.TempDir(), "page.png")
	p.Screenshot(file)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X != 390 || size.Y != 3000 {
		t.Errorf("the picture is %v, want 390×3000", size)
	}
	if r, g, b, _ := picture.At(200, 2900).RGBA(); r+g+b != 0 {
		t.Errorf("the page is %v in a dark scheme", picture.At(200, 2900))
	}
}

// Tests share nothing; a second tab of the same visitor shares the session.
func TestCookiesBelongToOneVisitor(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/in" {
			http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: "abc", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		_, err := r.Cookie("__Host-session")
		fmt.Fprintf(w, `<!doctype html><title>Page</title><p>%v, %s</p>`, err == nil, r.Header.Get("Accept-Language"))
	}))
	t.Cleanup(server.Close)
	p := browser.New(t, server.URL)
	p.Language("tr")
	p.Open("/in")
	p.Open("/")
	if got := p.Text("p"); got != "true, tr" {
		t.Errorf("after signing in: %s", got)
	}
	if got := p.Cookies(); len(got) != 1 || got[0].Name != "__Host-session" || !got[0].HTTPOnly {
		t.Errorf("the cookies are %v", got)
	}
	beside, err := p.Tab().Beside()
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	if err := beside.Open("/"); err != nil {
		t.Fatal(err)
	}
	if got, err := beside.Text("p"); err != nil || !strings.HasPrefix(got, "true") {
		t.Errorf("in a second tab: %s, %v", got, err)
	}
	other := browser.New(t, server.URL)
	other.Open("/")
	if got := other.Text("p"); !strings.HasPrefix(got, "false") {
		t.Errorf("another visitor: %s", got)
	}
}

// A passkey is made on the virtual device and signs in.
func TestPasskeyDevice(t *testing.T) {
	t.Parallel()
	base := strings.Replace(site(t, map[string]string{
		"/": `<button id="make">Make</button><button id="use">Use</button><p id="state">none</p><script defer src="/app.js"></script>`,
		"/app.js": `const state = document.querySelector("#state"), challenge = new Uint8Array(32);
			const told = (act, name) => act.then(c => state.textContent = name + " " + c.type, e => state.textContent = String(e));
			document.querySelector("#make").addEventListener("click", () => told(navigator.credentials.create({publicKey: {
				challenge, rp: {name: "Panel"}, user: {id: challenge, name: "buyer", displayName: "Buyer"},
				pubKeyCredParams: [{type: "public-key", alg: -7}],
				authenticatorSelection: {residentKey: "required", userVerification: "required"}}}), "made"));
			document.querySelector("#use").addEventListener("click", () => told(navigator.credentials.get({publicKey: {
				challenge, userVerification: "required"}}), "used"));`,
	}), "127.0.0.1", "localhost", 1)
	p := browser.New(t, base)
	device := p.Authenticator()
	p.Open("/")
	p.Click("#make")
	p.WaitText("#state", "made public-key")
	if n := p.Passkeys(device); n != 1 {
		t.Errorf("the device keeps %d passkeys, want 1", n)
	}
	p.Click("#use")
	p.WaitText("#state", "used public-key")
}
