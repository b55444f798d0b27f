// Package browser drives Debian's Chromium through pages as a visitor does, with
// real clicks and keys, and watches what no test looks for: errors on the
// console, requests that fail or go to another host, violations of the content
// security policy. Whatever a test did not expect of these fails it.
//
// It knows nothing of the pages: a test says where they are.
//
//	func TestMain(m *testing.M) { browser.Main(m) }
//
//	func TestWrongPasswordKeepsTheAddress(t *testing.T) {
//		t.Parallel()
//		p := browser.New(t, panel.URL)
//		p.Viewport(390, 844, true)
//		p.Open("/login")
//		p.Fill("[name=email]", "buyer@example.com")
//		p.Fill("[name=password]", "not the password")
//		p.Expect("status 422: POST /login") // what the watch would object to
//		p.Submit("form [type=submit]")      // waits for the page that comes
//		if got := p.Value("[name=email]"); got != "buyer@example.com" {
//			t.Errorf("the address is %q", got)
//		}
//		p.WaitText("[role=alert]", "password")
//	}
//
// Where scripts answer a click within the page, Click and then Wait or WaitText.
// Passkeys and their virtual authenticator work at localhost, not at 127.0.0.1.
//
// The packages below it look after whole sites: site checks every page that it
// has in a list, pictures takes their pictures.
package browser
