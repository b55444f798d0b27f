package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
)

const keysPage = "/dashboard/api"

// walker goes through the pages with scripts, where forms come in a dialog, or
// without, where each is a page.
type walker struct {
	*browser.Page

	t       *testing.T
	panel   *panel
	account account.Account
	scripts bool
}

func walk(t *testing.T, scripts bool) *walker {
	t.Helper()
	panel := start(t)
	w := &walker{Page: browser.New(t, panel.at), t: t, panel: panel, account: panel.account(ann, account.Customer), scripts: scripts}
	w.JavaScript(scripts)
	w.Open("/login?next=" + url.QueryEscape(keysPage))
	signIn(w.Page, ann, password)
	return w
}

// follow follows a link to a form, or sends one.
func (w *walker) follow(css string) {
	w.t.Helper()
	if w.scripts {
		w.Click(css)
		return
	}
	w.Submit(css)
}

// send sends the form whose action ends so.
func (w *walker) send(action string) {
	w.t.Helper()
	w.follow("form[action$='" + action + "'] [type=submit]")
}

// close leaves what a form's answer has shown.
func (w *walker) close() { w.t.Helper(); w.Submit("#main [data-close], #dialog [data-close]") }

// keys are those that the account has.
func (w *walker) keys() []apikey.Key {
	w.t.Helper()
	all, err := w.panel.Core.Keys.List(w.t.Context(), w.account.ID, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// balance asks the API with a key.
func (w *walker) balance(value string) answer {
	w.t.Helper()
	return w.panel.visitor().post("/api/v2", "key", value, "action", "balance")
}

// A reseller makes a key, calls the API with it, gives it a new value and ends it,
// all by the pages: what the pages say holds at the API.
func testKeys(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.WaitText("#main", "No keys yet")
	w.follow("[href='" + keysPage + "/keys/new']")
	w.Fill("[name=name]", "Winter shop")
	w.Expect("status 422: POST " + keysPage + "/keys")
	w.Fill("[name=password]", "not the password")
	w.send("/keys")
	w.WaitText("#password-error", "The password is not right")
	if got := w.Value("[name=name]"); got != "Winter shop" || len(w.keys()) != 0 {
		t.Fatalf("after a wrong password: the name is %q, there are %d keys", got, len(w.keys()))
	}
	w.Fill("[name=password]", password)
	w.send("/keys")
	value := w.Text("#key-value")
	if got := w.balance(value); got.status != http.StatusOK || !strings.Contains(got.body, `"balance":"0.00"`) {
		t.Errorf("the key %s: %d %s", value, got.status, got.body)
	}
	w.WaitText("#key-first-line", "curl -s "+w.panel.URL()+"/api/v2 -d key="+value+" -d action=balance")
	w.close()
	w.WaitText("#main table", "Winter shop")
	if strings.Contains(w.Eval("document.documentElement.outerHTML"), value) {
		t.Error("the list holds the value")
	}

	w.Submit(".row-link")
	w.WaitText("#main dl", value[:len("np_live_")+4])
	w.follow("[href$='/rotate']")
	w.Fill("[name=password]", password)
	w.send("/rotate")
	rotated := w.Text("#key-value")
	if old, fresh := w.balance(value), w.balance(rotated); old.status != http.StatusBadRequest || fresh.status != http.StatusOK {
		t.Errorf("the old value: %d %s, the new one: %d", old.status, old.body, fresh.status)
	}
	w.Open(keysPage)
	w.Submit(".row-link")
	w.follow("[href$='/revoke']")
	w.WaitText("body", "ends at once and for good")
	w.send("/revoke")
	if scripts {
		w.WaitText("#dialog", "The key is revoked")
		w.close()
	}
	w.Open(keysPage)
	w.WaitText("#main table", "Revoked")
	if got := w.balance(rotated); got.status != http.StatusBadRequest || !strings.Contains(got.body, "Invalid API key") {
		t.Errorf("the revoked key: %d %s", got.status, got.body)
	}
}

func TestKeysAreMadeRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	testKeys(t, true)
}

func TestKeysAreMadeRotatedAndRevokedWithoutScripts(t *testing.T) {
	t.Parallel()
	testKeys(t, false)
}

// The eleventh key is refused in the form, in words.
func TestEleventhKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	for range apikey.MaxActive {
		_, _, err := w.panel.Core.Keys.Issue(t.Context(), apikey.NewKey{
			AccountID: w.account.ID, Dialect: apikey.Native, Mode: apikey.Test,
		}, "a test")
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Open(keysPage)
	w.Expect("status 422: POST " + keysPage + "/keys")
	w.Click("[href='" + keysPage + "/keys/new']")
	w.Fill("[name=password]", password)
	w.send("/keys")
	w.WaitText("#dialog [role=alert]", "You have 10 active keys")
	if n := len(w.keys()); n != apikey.MaxActive {
		t.Errorf("%d keys", n)
	}
}

// In Turkish from the sign-in to the key: words, numbers and the errors.
func TestWalkInTurkish(t *testing.T) {
	t.Parallel()
	panel := start(t)
	panel.account(ann, account.Customer)
	p := browser.New(t, panel.at)
	p.Language("tr")
	p.Viewport(390, 844, true)
	p.Open("/")
	if got := p.Eval("document.documentElement.lang"); got != "tr" {
		t.Errorf("the page is in %q", got)
	}
	p.Open("/login?next=" + url.QueryEscape(keysPage))
	p.WaitText("h1", "Giriş")
	p.Expect("status 422: POST /login")
	signIn(p, ann, "parola değil")
	p.WaitText("[role=alert]", "doğru değil")
	p.Fill("[name=password]", password)
	p.Submit("main form [type=submit]")
	p.WaitText("h1", "API anahtarları")
	p.Click("[href='" + keysPage + "/keys/new']")
	p.WaitText("#dialog", "Bu anahtarı ne kullanacak?")
	p.Fill("[name=name]", "Kış mağazası")
	p.Fill("[name=password]", password)
	p.Click("form[action$='/keys'] [type=submit]")
	p.WaitText("#dialog", "Bir daha göremeyeceksiniz")
	value := p.Text("#key-value")
	if got := panel.visitor().post("/api/v2", "key", value, "action", "balance"); got.status != http.StatusOK {
		t.Errorf("the key: %d %s", got.status, got.body)
	}
	p.Submit("#dialog [data-close]")
	p.WaitText("#main table", "Kış mağazası")
	p.Open("/dashboard")
	p.WaitText("#main", "Bakiye")
	p.WaitText("#main", "$0,00")
}
