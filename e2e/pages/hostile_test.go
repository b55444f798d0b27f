package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/identity"
)

// says wants a status and a text in the page.
func says(t *testing.T, what string, a answer, status int, text string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Errorf("%s: %d without %q, want %d with it\n%s", what, a.status, text, status, a.body[:min(len(a.body), 400)])
	}
}

// A session that somebody planted is not the one that the sign-in begins: neither a
// made-up one nor one that the panel gave.
func TestPlantedSessionIsNotAdopted(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	thief := p.visitor()
	thief.post("/login/passkey/options") // an own session in which nobody is signed in
	given := thief.cookies[identity.SessionCookie]
	if given == "" {
		t.Fatal("no session to plant")
	}
	for name, planted := range map[string]string{"made up": strings.Repeat("A", 43), "given": given} {
		v := p.visitor()
		v.cookies[identity.SessionCookie] = planted
		v.signIn(ann, password)
		if v.cookies[identity.SessionCookie] == planted {
			t.Errorf("%s: the sign-in kept the planted cookie", name)
		}
		if thief.cookies[identity.SessionCookie] = planted; thief.signedIn() {
			t.Errorf("%s: who planted it is signed in", name)
		}
	}
}

// The first step of a sign-in has another session than the second leaves.
func TestEachStepOfASignInHasItsSession(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	v := p.visitor().signIn(ann, password)
	_, codes := v.enrol()
	v = p.visitor()
	if a := v.post("/login", "email", ann, "password", password, "next", "/services"); a.to() != "/login/second-factor?next=%2Fservices" {
		t.Errorf("the first step leads to %q", a.to())
	}
	first := v.cookies[identity.SessionCookie]
	if v.signedIn() {
		t.Error("signed in by the first step alone")
	}
	if a := v.post("/login/second-factor", "code", codes[0], "next", "/services"); a.status != http.StatusSeeOther || a.to() != "/services" {
		t.Errorf("the second step: %d to %q", a.status, a.to())
	}
	if v.cookies[identity.SessionCookie] == first || !v.signedIn() {
		t.Error("the second step kept the session of the first, or did not sign in")
	}
}

var (
	secretIn = regexp.MustCompile(`id="app-secret">([A-Z2-7 ]+)<`)
	codesIn  = regexp.MustCompile(`(?s)id="recovery-codes">(.*?)</pre>`)
)

// enrol sets up an authenticator app by the forms.
func (v *visitor) enrol() (secret string, codes []string) {
	t := v.p.t
	t.Helper()
	found := secretIn.FindStringSubmatch(v.get("/dashboard/account/app").body)
	if found == nil {
		t.Fatal("the page shows no secret")
	}
	made := codesIn.FindStringSubmatch(v.post("/dashboard/account/app/confirm", "code", code(t, found[1], 0)).body)
	if made == nil {
		t.Fatal("no recovery codes")
	}
	return found[1], strings.Fields(made[1])
}

// Nothing that is sent as the place to come back to leads to another host.
func TestSignInLeadsToNoOtherHost(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	for _, next := range []string{
		"//evil.example", `/\evil.example`, "https:evil.example", "https://evil.example", "/%09/evil.example", "/..//evil.example",
		"/\t/evil.example", "/\n/evil.example", "\t//evil.example", `\\evil.example`, "javascript:alert(1)", "evil.example", "///evil.example",
		"/%5cevil.example", "/%2f/evil.example",
	} {
		v := p.visitor()
		if a := v.get("/login?" + url.Values{"next": {next}}.Encode()); !strings.Contains(a.body, `name="next" value="/dashboard"`) {
			t.Errorf("%q: the form carries it on", next)
		}
		if a := v.post("/login", "email", ann, "password", password, "next", next); a.status != http.StatusSeeOther || a.to() != "/dashboard" {
			t.Errorf("%q: the sign-in leads to %q", next, a.to())
		}
		if a := v.post("/preferences", "next", next); a.to() != "/" {
			t.Errorf("%q: the preferences lead to %q", next, a.to())
		}
	}
}

// hostile is a text that would run where it is not escaped: in text, in an attribute,
// in a URL.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}`

// field is a form's field, as pages have it.
var field = regexp.MustCompile(`<(?:input|select|textarea)[^>]* name="([^"]+)"`)

// What is typed into any field of any form comes back as text or not at all.
func TestNoFieldReflectsScript(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	out, in := p.visitor(), p.visitor().signIn(ann, password)
	for _, f := range []struct {
		v          *visitor
		page, path string
	}{
		{out, "/login", "/login"},
		{out, "/login", "/login/passkey"},
		{out, "/signup", "/signup"},
		{out, "/forgot-password", "/forgot-password"},
		{out, "/forgot-password", "/preferences"},
		{out, "", "/verify-email"},
		{out, "", "/change-email"},
		{out, "", "/reset-password"},
		{in, "/dashboard/account/email", "/dashboard/account/email"},
		{in, "/dashboard/account/password", "/dashboard/account/password"},
		{in, "/dashboard/account/preferences", "/dashboard/account/preferences"},
		{in, "/dashboard/account/app", "/dashboard/account/app/confirm"},
		{in, "/dashboard/account/app/remove", "/dashboard/account/app/remove"},
		{in, "/dashboard/account/recovery-codes", "/dashboard/account/recovery-codes"},
		{in, "/dashboard/account/passkeys/new", "/dashboard/account/passkeys"},
	} {
		fields := []string{"token", hostile, "next", hostile}
		if f.page != "" {
			for _, name := range field.FindAllStringSubmatch(f.v.get(f.page).body, -1) {
				fields = append(fields, name[1], hostile)
			}
		}
		for _, a := range []answer{f.v.post(f.path, fields...), f.v.get(f.path + "?" + url.Values{"next": {hostile}, "token": {hostile}, "done": {hostile}, "lang": {hostile}}.Encode())} {
			if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") || strings.Contains(a.to(), "<") {
				t.Errorf("%s answers %d with the script in it", f.path, a.status)
			}
			if a.status >= http.StatusInternalServerError {
				t.Errorf("%s broke: %d", f.path, a.status)
			}
			if got := a.header.Get("Cache-Control"); a.status != http.StatusNotFound && !strings.Contains(got, "no-store") {
				t.Errorf("%s: Cache-Control is %q", f.path, got)
			}
		}
	}
}

// A passkey's name, what a browser calls itself and what stands in mails are text.
func TestStoredTextIsText(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	v := p.visitor()
	v.header.Set("User-Agent", hostile)
	v.signIn(ann, password)
	v.enrol()
	for _, page := range []string{"/dashboard/account", "/_outbox"} {
		if a := v.get(page); a.status != http.StatusOK || strings.Contains(a.body, "<script>alert") || !strings.Contains(a.body, "&lt;script&gt;") {
			t.Errorf("%s: %d, and the name of the browser is not there as text", page, a.status)
		}
	}
}

// Who guesses a password is stopped, and told for how long, alike for who is known
// and who is not; the right one is refused as long.
func TestGuessedPasswordsAreStopped(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	for _, email := range []string{ann, "nobody@example.com"} {
		v := p.visitor()
		for range 10 {
			says(t, email, v.post("/login", "email", email, "password", "a wrong guess"), http.StatusUnprocessableEntity, "The e-mail address or the password is not right, or")
		}
		says(t, email, v.post("/login", "email", email, "password", password), http.StatusTooManyRequests, "Too many attempts: try again in 1")
	}
}

// Who guesses the code of a sign-in begins anew after five, and is stopped after ten.
func TestGuessedCodesAreStopped(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	p.visitor().signIn(ann, password).enrol()
	v := p.visitor()
	for range 2 {
		v.post("/login", "email", ann, "password", password)
		for range 4 {
			says(t, "a wrong code", v.post("/login/second-factor", "code", "000000"), http.StatusUnprocessableEntity, "The code is not right")
		}
		if a := v.post("/login/second-factor", "code", "000000"); a.to() != "/login?done=again" {
			t.Errorf("the fifth: %d to %q", a.status, a.to())
		}
		says(t, "afterwards", v.get("/login?done=again"), http.StatusOK, "wrong too often")
	}
	v.post("/login", "email", ann, "password", password)
	says(t, "the eleventh", v.post("/login/second-factor", "code", "000000"), http.StatusTooManyRequests, "Too many attempts: try again in")
}

// Opening a mailed link does nothing, however often; the page's button does it once.
// The token is in no log, and in no address that is told to another page.
func TestMailedLinksAreSpentByTheirButton(t *testing.T) {
	t.Parallel()
	p := start(t)
	v := p.visitor()
	says(t, "sign-up", v.post("/signup", "email", ann, "new_password", password), http.StatusOK, "Look into your inbox")
	verify := p.token(identity.VerifyPath)
	spend := func(path, token string, fields ...string) {
		t.Helper()
		for range 3 {
			a := v.get(path + "?token=" + token)
			says(t, path, a, http.StatusOK, ann[3:])
			if got := a.header.Get("Referrer-Policy"); got != "same-origin" {
				t.Errorf("%s: Referrer-Policy is %q", path, got)
			}
		}
		fields = append(fields, "token", token)
		if a := v.post(path, fields...); a.status != http.StatusSeeOther {
			t.Errorf("%s: %d", path, a.status)
		}
		says(t, path+" again", v.post(path, fields...), http.StatusGone, "no longer works")
		says(t, path+" again", v.get(path+"?token="+token), http.StatusGone, "no longer works")
	}
	says(t, "a wrong password", v.post(identity.VerifyPath, "token", verify, "password", another), http.StatusUnprocessableEntity, "The password is not right")
	spend(identity.VerifyPath, verify, "password", password)

	says(t, "forgot", v.post("/forgot-password", "email", ann), http.StatusOK, "is on its way")
	reset := p.token(identity.ResetPath)
	says(t, "a weak one", v.post(identity.ResetPath, "token", reset, "new_password", "short"), http.StatusUnprocessableEntity, "Choose another password")
	spend(identity.ResetPath, reset, "new_password", another)

	in := p.visitor().signIn(ann, another)
	if a := in.post("/dashboard/account/email", "email", "new@example.com"); a.to() != "/dashboard/account?done=email" {
		t.Errorf("the change of the address: %d to %q", a.status, a.to())
	}
	change := p.token(identity.ChangePath)
	for _, a := range []answer{v.get(identity.ChangePath + "?token=" + change), v.post(identity.ChangePath, "token", change)} {
		says(t, "nobody's change", a, http.StatusForbidden, "Sign in first as the account that asked")
		says(t, "nobody's change", a, http.StatusForbidden, `href="/login?next=%2Fchange-email%3Ftoken%3D`+change+`"`)
	}
	if a := p.visitor().post("/login", "email", ann, "password", another, "next", identity.ChangePath+"?token="+change); a.to() != identity.ChangePath+"?token="+change {
		t.Errorf("the sign-in leads to %q", a.to())
	}
	v = in
	spend(identity.ChangePath, change)
	in.signIn("new@example.com", another)
	for _, secret := range []string{verify, reset, change, password, another} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// Sign-up and reset answer alike for an address that has an account and one that
// has none.
func TestAnswersDontTellWhoIsKnown(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	for _, path := range []string{"/signup", "/forgot-password"} {
		known := p.visitor().post(path, "email", ann, "new_password", password)
		unknown := p.visitor().post(path, "email", "bob@example.com", "new_password", password)
		if known.status != http.StatusOK || strings.ReplaceAll(known.body, ann, "") != strings.ReplaceAll(unknown.body, "bob@example.com", "") {
			t.Errorf("%s: %d for the known address, %d for the unknown, or another text", path, known.status, unknown.status)
		}
	}
	// Who has just signed up with an address finds out nothing by signing in.
	known, unknown := p.visitor(), p.visitor()
	taken := known.post("/login", "email", ann, "password", another)
	free := unknown.post("/login", "email", "bob@example.com", "password", password)
	says(t, "the free address", free, http.StatusUnprocessableEntity, "the address is not confirmed yet")
	if taken.status != free.status || strings.ReplaceAll(taken.body, ann, "") != strings.ReplaceAll(free.body, "bob@example.com", "") ||
		len(known.cookies)+len(unknown.cookies) != 0 {
		t.Errorf("%d for the known address, %d for the free one, or another text", taken.status, free.status)
	}
}

// A form that another site sends is refused, and does nothing.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	for name, headers := range map[string]http.Header{
		"cross-site":                  {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":                   {"Sec-Fetch-Site": {"same-site"}},
		"another origin":              {"Sec-Fetch-Site": {""}, "Origin": {"https://evil.example"}},
		"no origin":                   {"Sec-Fetch-Site": {""}, "Origin": {"null"}},
		"cross-site, said to be ours": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://panel.example"}},
	} {
		v := p.visitor()
		v.header = headers
		for _, path := range []string{"/login", "/signup", "/forgot-password", "/verify-email", "/login/passkey/options", "/preferences"} {
			says(t, name+": "+path, v.post(path, "email", ann, "password", password), http.StatusForbidden, "Not allowed")
		}
		if v.cookies[identity.SessionCookie] != "" {
			t.Errorf("%s: signed in", name)
		}
		in := p.visitor().signIn(ann, password)
		in.header = headers
		for _, path := range []string{"/logout", "/dashboard/account/password", "/dashboard/account/sessions/revoke-others"} {
			says(t, name+": "+path, in.post(path, "password", password, "new_password", another), http.StatusForbidden, "Not allowed")
		}
		in.header = http.Header{}
		if !in.signedIn() {
			t.Errorf("%s: signed out", name)
		}
	}
}

// A request for another host is answered with 421.
func TestForeignHostIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	v := p.visitor()
	v.header.Set("Host", "evil.example")
	says(t, "a page", v.get("/login"), http.StatusMisdirectedRequest, "This host is not served here")
	says(t, "a form", v.post("/forgot-password", "email", ann), http.StatusMisdirectedRequest, "This host is not served here")
}

// Another member's sessions and passkeys are out of reach by their ids.
func TestAnothersSessionsAreOutOfReach(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	p.account("bob@example.com", account.Customer)
	first, second, bob := p.visitor().signIn(ann, password), p.visitor().signIn(ann, password), p.visitor().signIn("bob@example.com", password)
	found := regexp.MustCompile(`/dashboard/account/sessions/([^/"]+)/revoke"`).FindStringSubmatch(first.get("/dashboard/account").body)
	if found == nil {
		t.Fatal("no session to end")
	}
	bob.post("/dashboard/account/sessions/" + found[1] + "/revoke")
	bob.post("/dashboard/account/sessions/revoke-others")
	if !second.signedIn() {
		t.Error("another member ended the session")
	}
	first.post("/dashboard/account/sessions/" + found[1] + "/revoke")
	if second.signedIn() {
		t.Error("the session did not end")
	}
}

// What changes the account asks for the password once the last proof is old: a form
// that did not ask is shown with the question, and nothing is changed.
func TestOldProofIsAskedForAgain(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	v := p.visitor().signIn(ann, password)
	p.Core.DB.AdvanceClock(11 * 60 * 1e9)
	says(t, "the form", v.get("/dashboard/account/email"), http.StatusOK, `name="password"`)
	says(t, "no proof", v.post("/dashboard/account/email", "email", "new@example.com"), http.StatusUnprocessableEntity, "Confirm your password first")
	says(t, "wrong proof", v.post("/dashboard/account/email", "email", "new@example.com", "password", "a wrong guess"), http.StatusUnprocessableEntity, "The password is not right")
	if strings.Contains(v.get("/_outbox").body, identity.ChangePath) {
		t.Error("a link was mailed without a proof")
	}
	if a := v.post("/dashboard/account/email", "email", "new@example.com", "password", password); a.to() != "/dashboard/account?done=email" {
		t.Errorf("with the proof: %d to %q", a.status, a.to())
	}
	says(t, "fresh again", v.get("/dashboard/account/app"), http.StatusOK, "app-secret")
}

// A dialog whose session has ended leads the whole page to the sign-in, not into
// itself.
func TestDialogWithoutSessionLeadsThePage(t *testing.T) {
	t.Parallel()
	v := start(t).visitor()
	v.header.Set("HX-Request", "true")
	v.header.Set("HX-Request-Type", "partial")
	a := v.get("/dashboard/account/email")
	if got := a.header.Get("HX-Redirect"); a.status != http.StatusNoContent || got != "/login?next=%2Fdashboard%2Faccount%2Femail" {
		t.Errorf("%d, HX-Redirect %q", a.status, got)
	}
}

// A panel without a mail server says so where a mail would be needed, and stores
// nothing.
func TestWithoutMailNobodyIsLeftWaiting(t *testing.T) {
	t.Parallel()
	p := startWith(t, func(s *config.Serve) { s.Dev = false })
	v := p.visitor()
	says(t, "the form", v.get("/signup"), http.StatusOK, "send mail at the moment")
	says(t, "sign-up", v.post("/signup", "email", ann, "new_password", password), http.StatusConflict, "send mail at the moment")
	says(t, "reset", v.post("/forgot-password", "email", ann), http.StatusConflict, "send mail at the moment")
	if _, err := p.Core.Accounts.Find(t.Context(), ann); err == nil {
		t.Error("the account was made all the same")
	}
	if a := v.get("/_outbox"); a.status != http.StatusNotFound {
		t.Errorf("the outbox answers %d outside of development", a.status)
	}
}

// Staff without a second factor reach its enrolment and nothing else; with one they
// reach the rest.
func TestStaffEnrolFirst(t *testing.T) {
	t.Parallel()
	p := startWith(t, func(s *config.Serve) { s.StaffWithoutSecondFactor = false })
	p.account(ann, account.Owner)
	v := p.visitor()
	v.post("/login", "email", ann, "password", password)
	if a := v.get("/dashboard"); a.to() != "/dashboard/account#second-factor" {
		t.Errorf("the dashboard: %d to %q", a.status, a.to())
	}
	says(t, "the account", v.get("/dashboard/account"), http.StatusOK, "Set up a second factor first")
	if a := v.get("/dashboard/account/email"); a.to() != "/dashboard/account#second-factor" {
		t.Errorf("the address: %d to %q", a.status, a.to())
	}
	v.enrol()
	if !v.signedIn() {
		t.Error("the dashboard is closed after the enrolment")
	}
}
