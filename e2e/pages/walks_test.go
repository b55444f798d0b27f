package pages_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
)

// code is what an authenticator app shows, some steps of half a minute from now.
// One that was used is no use again, but the next is taken already.
func code(t *testing.T, secret string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), clock.System().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func signIn(p *browser.Page, email, password string) {
	p.Fill("[name=email]", email)
	p.Fill("[name=password]", password)
	p.Submit("main form [type=submit]")
}

// enrol sets up an authenticator app and returns its secret and recovery codes.
func enrol(t *testing.T, p *browser.Page, scripts bool) (secret string, codes []string) {
	t.Helper()
	p.Open("/dashboard/account")
	click := p.Click
	if !scripts {
		click = p.Submit
	}
	click("[href='/dashboard/account/app']")
	secret = p.Text("#app-secret")
	p.Fill("[name=code]", code(t, secret, 0))
	click("form[action$='/app/confirm'] [type=submit]")
	p.Wait("#recovery-codes")
	codes = strings.Fields(p.Text("#recovery-codes"))
	if len(codes) != 10 {
		t.Fatalf("recovery codes: %q", codes)
	}
	p.Submit("[data-close]")
	return secret, codes
}

// signOut signs out by the menu, and stands before the sign-in again.
func signOut(t *testing.T, p *browser.Page) {
	t.Helper()
	p.Click("details.menu summary")
	p.Submit("form[action='/logout'] button")
	if got := p.Path(); got != "/" {
		t.Errorf("signed out at %s", got)
	}
	p.Open("/login")
}

// testSignUp signs up, confirms the address from the mail, which signs in, and signs in
// once more; with scripts and without.
func testSignUp(t *testing.T, scripts bool) {
	panel := start(t)
	p := browser.New(t, panel.at)
	p.Viewport(390, 844, true)
	p.JavaScript(scripts)
	p.Open("/signup")
	p.Expect("status 422: POST /signup")
	p.Fill("[name=email]", ann)
	p.Fill("[name=new_password]", "short")
	p.Submit("main form [type=submit]")
	p.WaitText("#new_password-error", "at least ten characters")
	if got := p.Value("[name=email]"); got != ann {
		t.Errorf("the address is %q", got)
	}
	if got := p.Value("[name=new_password]"); got != "" {
		t.Errorf("the password came back: %q", got)
	}
	if got := p.Eval("document.activeElement.name"); scripts && got != "new_password" {
		t.Errorf("the focus is on %q", got)
	}
	p.Fill("[name=new_password]", password)
	p.Submit("main form [type=submit]")
	p.WaitText("main", "Look into your inbox")

	p.Open("/_outbox")
	p.Submit("[href^='/verify-email']")
	p.WaitText("main", ann)
	p.Expect("status 422: POST /verify-email")
	p.Fill("[name=password]", "not the password")
	p.Submit("main form [type=submit]")
	p.WaitText("#password-error", "is not right")
	p.Fill("[name=password]", password)
	p.Submit("main form [type=submit]")
	if got := p.Path(); got != "/dashboard" {
		t.Errorf("the confirmed address leads to %s", got)
	}
	signOut(t, p)

	p.Expect("status 422: POST /login")
	signIn(p, ann, "not the password")
	p.WaitText("main [role=alert]", "is not right")
	if got := p.Value("[name=email]"); got != ann {
		t.Errorf("the address is %q", got)
	}
	p.Fill("[name=password]", password)
	p.Submit("main form [type=submit]")
	if got := p.Path(); got != "/dashboard" {
		t.Errorf("signed in at %s", got)
	}
	p.Open("/dashboard/account")
	p.WaitText("main", ann)
	signOut(t, p)
	if got := p.Path(); got != "/login" {
		t.Errorf("signed out at %s", got)
	}
}

func TestSignUpVerifySignIn(t *testing.T) {
	t.Parallel()
	testSignUp(t, true)
}

func TestSignUpVerifySignInWithoutScripts(t *testing.T) {
	t.Parallel()
	testSignUp(t, false)
}

// The second step of a sign-in takes the app's code, and each recovery code once;
// a cancelled one leaves nobody signed in.
func testTwoFactors(t *testing.T, scripts bool) {
	panel := start(t)
	panel.account(ann, account.Customer)
	p := browser.New(t, panel.at)
	p.JavaScript(scripts)
	p.Open("/login?next=%2Fdashboard%2Fapi")
	signIn(p, ann, password)
	if got := p.Path(); got != "/dashboard/api" {
		t.Errorf("signed in at %s, want what was asked for", got)
	}
	secret, codes := enrol(t, p, scripts)
	p.WaitText("#second-factor", "10 left")
	signOut(t, p)

	p.Open("/login?next=%2Fdashboard%2Faccount")
	signIn(p, ann, password)
	p.WaitText("h1", "One more step")
	p.Expect("status 422: POST /login/second-factor")
	p.Fill("[name=code]", "000000")
	p.Submit("main form [type=submit]")
	p.WaitText("#code-error", "not right")
	p.Fill("[name=code]", code(t, secret, 1))
	p.Submit("main form [type=submit]")
	if got := p.Path(); got != "/dashboard/account" {
		t.Errorf("after the code at %s, want what was asked for", got)
	}
	signOut(t, p)

	signIn(p, ann, password)
	p.Submit("form[action$='/cancel'] button")
	if got := p.Path(); got != "/login" {
		t.Errorf("cancelled at %s", got)
	}
	p.Open("/login/second-factor")
	if got := p.Path(); got != "/login" {
		t.Errorf("the second step without the first is at %s", got)
	}
	signIn(p, ann, password)
	p.Fill("[name=code]", strings.ToUpper(strings.ReplaceAll(codes[0], "-", " ")))
	p.Submit("main form [type=submit]")
	p.Open("/dashboard/account")
	p.WaitText("#second-factor", "9 left")
	p.WaitText("#history", "Password and recovery code")
	signOut(t, p)

	signIn(p, ann, password)
	p.Fill("[name=code]", codes[0])
	p.Submit("main form [type=submit]")
	p.WaitText("#code-error", "used already")
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	testTwoFactors(t, true)
}

func TestSecondFactorWithoutScripts(t *testing.T) {
	t.Parallel()
	testTwoFactors(t, false)
}

// A passkey is added, signs in alone, answers the second step and proves who sends a
// form; one that is renamed and removed is gone.
func TestPasskey(t *testing.T) {
	t.Parallel()
	panel := start(t)
	panel.account(ann, account.Customer)
	p := browser.New(t, panel.at)
	device := p.Authenticator()
	p.Open("/login")
	signIn(p, ann, password)
	p.Open("/dashboard/account")
	p.Click("[href='/dashboard/account/passkeys/new']")
	if got := p.Value("[name=name]"); !strings.Contains(got, "Chrome") {
		t.Errorf("the name offered is %q", got)
	}
	p.Fill("[name=name]", "<Laptop>")
	p.Click("[data-passkey-make] button")
	p.Wait("#recovery-codes")
	if n := p.Passkeys(device); n != 1 {
		t.Errorf("the device keeps %d passkeys", n)
	}
	p.Submit("[data-close]")
	p.WaitText("#second-factor", "<Laptop>")
	signOut(t, p)

	p.Open("/login?next=%2Fdashboard%2Faccount")
	p.Submit("[data-passkey-get] button")
	if got := p.Path(); got != "/dashboard/account" {
		t.Errorf("signed in at %s", got)
	}
	p.WaitText("#history tbody tr:first-child", "Passkey")
	signOut(t, p)

	signIn(p, ann, password)
	p.WaitText("h1", "One more step")
	p.Submit("[data-passkey-get] button")
	p.Open("/dashboard/account")
	p.WaitText("#history tbody tr:first-child", "Password and passkey")

	p.Click("[href$='/rename']")
	p.Fill("[name=name]", "Key ring")
	p.Click("form[action$='/rename'] [type=submit]")
	p.WaitText("dialog", "new name")
	p.Submit("[data-close]")
	p.WaitText("#second-factor", "Key ring")
	p.Click("[href$='/remove']")
	p.WaitText("dialog", "only second factor")
	p.Click("form[action$='/remove'] [type=submit]")
	p.WaitText("dialog", "is removed")
	p.Submit("[data-close]")
	p.Gone("[href$='/remove']")
}

// At a bare address, where browsers have no passkeys, the page says so instead of
// showing a button that fails.
func TestNoPasskeyButtonAtABareAddress(t *testing.T) {
	t.Parallel()
	panel := start(t)
	p := browser.New(t, panel.URL())
	p.Open("/login")
	p.WaitText("[data-passkey-bare]", "localhost")
	p.Gone("[data-passkey-get]")
}

// Whoever sets a new password by mail ends every session; each can be ended alone.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	panel := start(t)
	panel.account(ann, account.Customer)
	p := browser.New(t, panel.at)
	others := []*visitor{panel.visitor().signIn(ann, password), panel.visitor().signIn(ann, password), panel.visitor().signIn(ann, password)}
	p.Open("/login")
	signIn(p, ann, password)
	p.Open("/dashboard/account")
	p.Submit("#sessions tbody tr:nth-child(2) button")
	p.WaitText("main [role=status]", "signed out")
	left := 0
	for _, v := range others {
		if v.signedIn() {
			left++
		}
	}
	if left != 2 {
		t.Errorf("%d of the others are signed in, want 2", left)
	}
	p.Submit("form[action$='/revoke-others'] button")
	for _, v := range others {
		if v.signedIn() {
			t.Error("one of the others is still signed in")
		}
	}

	other := browser.New(t, panel.at)
	other.Open("/forgot-password")
	other.Fill("[name=email]", ann)
	other.Submit("main form [type=submit]")
	other.WaitText("main", "is on its way")
	other.Open("/_outbox")
	other.Submit("[href^='/reset-password']")
	other.Fill("[name=new_password]", another)
	other.Submit("main form [type=submit]")
	other.WaitText("main [role=status]", "new password is set")
	p.Open("/dashboard")
	if got := p.Path(); got != "/login" {
		t.Errorf("the session from before the reset is at %s", got)
	}
	signIn(other, ann, another)
	if got := other.Path(); got != "/dashboard" {
		t.Errorf("with the new password at %s", got)
	}
}

// Language, zone and theme belong to the account, wherever it signs in.
func TestPreferencesBelongToTheAccount(t *testing.T) {
	t.Parallel()
	panel := start(t)
	panel.account(ann, account.Customer)
	p := browser.New(t, panel.at)
	p.Open("/login")
	signIn(p, ann, password)
	p.Open("/dashboard/account")
	p.Click("[href='/dashboard/account/preferences']")
	p.Choose("[name=language]", "Türkçe")
	p.Choose("[name=time_zone]", "Istanbul")
	p.Choose("[name=theme]", "Dark")
	p.Click("form[action$='/preferences'] [type=submit]")
	p.WaitText("dialog .note", "Saved")
	p.Submit("[data-close]")
	p.WaitText("#preferences", "Istanbul")
	if got := p.Eval(`document.documentElement.lang + " " + document.documentElement.dataset.theme`); got != "tr dark" {
		t.Errorf("the page is %s", got)
	}
	other := browser.New(t, panel.at)
	other.Open("/login")
	signIn(other, ann, password)
	if got := other.Eval(`document.documentElement.lang + " " + document.documentElement.dataset.theme`); got != "tr dark" {
		t.Errorf("another browser's page is %s", got)
	}
}
