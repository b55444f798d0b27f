package access_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	operator "github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web"
)

const settingsAt = "/admin/settings"

// eachOffice runs a test on both engines; the environment says something of the
// panel.
func eachOffice(t *testing.T, test func(t *testing.T, b *bureau)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			b := &bureau{panel: start(t, engine, func(s *config.Serve) {
				s.StaffWithoutSecondFactor = true
				s.Name, s.SupportEmail, s.Accent = "Usual panel", "usual@panel.example", "#0b63ce"
				s.Dev = true // sign-up needs that mail can be sent
			})}
			b.owner = b.account("owner@example.com", account.Owner)
			b.customer = b.account("customer@example.com", account.Customer)
			test(t, b)
		})
	}
}

var shownVersion = regexp.MustCompile(`name="seen" value="(\d+)"`)

// opened is the form of a page with the version that it was shown with.
func (v *visitor) opened(path string, fields ...string) url.Values {
	v.p.t.Helper()
	got := v.ask(http.MethodGet, path, nil)
	found := shownVersion.FindStringSubmatch(got.body)
	if got.status != http.StatusOK || found == nil {
		v.p.t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	return form(append(fields, "seen", found[1])...)
}

// What is saved holds at once on the pages; it says where it comes from and goes back
// there, and the log has both.
func TestSettingsHoldAtOnce(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.SettingsChange)
		home := func() string { return b.nobody().ask(http.MethodGet, "/", nil).body }
		wants(t, "the page", v.ask(http.MethodGet, settingsAt, nil), http.StatusOK, "From the environment: NOTPANEL_NAME.")
		if got := home(); !strings.Contains(got, "Usual panel") {
			t.Error("the environment's name is not on the first page")
		}
		f := v.opened(settingsAt+"/contact", "name", "Paper & Ink", "legal_name", "Paper Ltd", "support", "usual@panel.example", "contact", "1 High Street\nTown")
		leads(t, "saved", v.ask(http.MethodPost, settingsAt+"/contact", f), settingsAt+"?done=saved")
		if got := home(); !strings.Contains(got, "Paper &amp; Ink") || strings.Contains(got, "Usual panel") || !strings.Contains(got, "Paper Ltd") {
			t.Error("what was saved is not on the first page")
		}
		for path, text := range map[string]string{"/contact": "1 High Street", "/terms": "Paper Ltd", "/developers": "Paper &amp; Ink", "/openapi.json": "Paper "} {
			if got := b.nobody().ask(http.MethodGet, path, nil); !strings.Contains(got.body, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
		page := v.ask(http.MethodGet, settingsAt, nil)
		wants(t, "its source", page, http.StatusOK, "Set here by clerk@example.com")
		wants(t, "what was left as it is", page, http.StatusOK, "From the environment: NOTPANEL_SUPPORT_EMAIL.")
		acts := b.acts("panel.set")
		if len(acts) != 3 || acts[2].Actor != clerk.ID || acts[2].Detail != "Paper & Ink (before: as the environment says)" {
			t.Errorf("the log has %+v", acts)
		}
		f = v.opened(settingsAt + "/usual/name")
		leads(t, "back to the environment", v.ask(http.MethodPost, settingsAt+"/usual/name", f), settingsAt+"?done=usual")
		if got := home(); !strings.Contains(got, "Usual panel") {
			t.Error("the environment's name does not hold again")
		}
		wants(t, "no such setting", v.ask(http.MethodGet, settingsAt+"/usual/signup", nil), http.StatusNotFound, "")
		b.Core.DB.AdvanceClock(11 * time.Minute)
		f = v.opened(settingsAt+"/contact", "name", "Unproved", "support", "usual@panel.example")
		wants(t, "without a proof", v.ask(http.MethodPost, settingsAt+"/contact", f), http.StatusUnprocessableEntity, `name="password"`)
		if strings.Contains(home(), "Unproved") {
			t.Error("it was saved without a proof")
		}
		b.proved()
	})
}

// Errors stand beside their fields in words that say what to do, and what was typed
// stays.
func TestSettingsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		v, _ := b.hired("clerk@example.com", staff.SettingsChange)
		got := v.ask(http.MethodPost, settingsAt+"/contact", v.opened(settingsAt+"/contact", "name", " ", "support", "no address", "contact", strings.Repeat("x\n", 9)))
		for _, text := range []string{"Write 1 to 40 characters", "Write an e-mail address", "at most eight lines", "no address"} {
			wants(t, "a bad form", got, http.StatusUnprocessableEntity, text)
		}
		light := v.ask(http.MethodPost, settingsAt+"/accent", v.opened(settingsAt+"/accent", "light", "#ffd400", "dark", ""))
		wants(t, "a light accent", light, http.StatusUnprocessableEntity, "#ffd400 on #ffffff has a contrast of 1.43 and needs 4.50. Take a darker colour.")
		dark := v.ask(http.MethodPost, settingsAt+"/accent", v.opened(settingsAt+"/accent", "light", "#0b63ce", "dark", "#0b63ce"))
		wants(t, "a dark accent", dark, http.StatusUnprocessableEntity, `id="dark-error"`)
		wants(t, "a dark accent", dark, http.StatusUnprocessableEntity, "Take a lighter colour.")
		wants(t, "no colour", v.ask(http.MethodPost, settingsAt+"/accent", v.opened(settingsAt+"/accent", "light", "", "dark", "#ffffff")), http.StatusUnprocessableEntity, `id="light-error"`)
		wants(t, "a long sentence", v.ask(http.MethodPost, settingsAt+"/maintenance", v.opened(settingsAt+"/maintenance", "maintenance", strings.Repeat("x", 501))), http.StatusUnprocessableEntity, "at most 500 characters")
		if all, err := b.Core.Panel.Load(t.Context()); err != nil || all.Version != 0 {
			t.Errorf("stored: %+v, %v", all, err)
		}
	})
}

// Of two who save at once the second is told who saved what, keeps what they typed, and
// puts it in its place by saving again.
func TestTheSecondToSaveIsTold(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		first, _ := b.hired("first@example.com", staff.SettingsChange)
		second, _ := b.hired("second@example.com", staff.SettingsChange)
		fields := []string{"support", "usual@panel.example", "name"}
		a, z := first.opened(settingsAt+"/contact", append(fields, "First")...), second.opened(settingsAt+"/contact", append(fields, "Second")...)
		leads(t, "the first", first.ask(http.MethodPost, settingsAt+"/contact", a), settingsAt+"?done=saved")
		got := second.ask(http.MethodPost, settingsAt+"/contact", z)
		wants(t, "the second", got, http.StatusUnprocessableEntity, "first@example.com saved “First” meanwhile.")
		wants(t, "what was typed", got, http.StatusUnprocessableEntity, `value="Second"`)
		z.Set("seen", shownVersion.FindStringSubmatch(got.body)[1])
		leads(t, "once more", second.ask(http.MethodPost, settingsAt+"/contact", z), settingsAt+"?done=saved")
		if acts := b.acts("panel.set"); len(acts) != 2 || acts[0].Detail != "Second (before: First)" {
			t.Errorf("the log has %+v", acts)
		}
	})
}

// upload sends a form with a file.
func (v *visitor) upload(path, field string, file []byte, fields url.Values) answer {
	v.p.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, "a file")
	if err == nil {
		_, err = part.Write(file)
	}
	for name, all := range fields {
		for _, value := range all {
			if err == nil {
				err = w.WriteField(name, value)
			}
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		v.p.t.Fatal(err)
	}
	return v.send(http.MethodPost, path, b.String(), "Content-Type", w.FormDataContentType())
}

func logoOf(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range min(width, height) {
		m.Set(i, i, color.RGBA{G: 120, A: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var logoPath = regexp.MustCompile(`<img src="(/brand/logo-[^"]+\.png)"`)

// A logo is taken by what it is, served as it was drawn anew from a path of its own
// that may be kept for good, and gone from the pages when it is taken away.
func TestALogoIsUploaded(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		v, _ := b.hired("clerk@example.com", staff.SettingsChange)
		at := settingsAt + "/logo"
		for text, file := range map[string][]byte{
			"Choose a picture.":  nil,
			"SVG can carry":      []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
			"at least 28 pixels": logoOf(t, 20, 20),
			"eight times":        logoOf(t, 400, 30),
			"is damaged":         logoOf(t, 100, 100)[:60],
			"larger than 256":    append(logoOf(t, 100, 100), make([]byte, brand.UploadMost)...),
		} {
			wants(t, text, v.upload(at, "logo", file, v.opened(at)), http.StatusUnprocessableEntity, text)
		}
		const hidden = "<script>hidden</script>"
		leads(t, "a picture", v.upload(at, "logo", append(logoOf(t, 300, 100), hidden...), v.opened(at)), settingsAt+"?done=saved")
		found := logoPath.FindStringSubmatch(b.nobody().ask(http.MethodGet, "/", nil).body)
		if found == nil {
			t.Fatal("the first page has no logo")
		}
		got := b.nobody().ask(http.MethodGet, found[1], nil)
		h := got.header
		if got.status != http.StatusOK || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(h.Get("Cache-Control"), "immutable") || strings.Contains(got.body, hidden) {
			t.Errorf("the logo: %d %v", got.status, h)
		}
		f := v.opened(at, "none", "1")
		leads(t, "taken away", v.ask(http.MethodPost, at, f), settingsAt+"?done=saved")
		if logoPath.MatchString(b.nobody().ask(http.MethodGet, "/", nil).body) {
			t.Error("the logo is there still")
		}
		if got := b.nobody().ask(http.MethodGet, found[1], nil); got.status != http.StatusOK {
			t.Errorf("for a page of a moment ago: %d", got.status)
		}
	})
}

// Closed sign-up takes nobody, also by a form that was open, and no page leads there.
func TestClosedSignUpTakesNobody(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		v, _ := b.hired("clerk@example.com", staff.SettingsChange)
		at := settingsAt + "/signup"
		leads(t, "closed", v.ask(http.MethodPost, at, v.opened(at, "signup", "closed")), settingsAt+"?done=saved")
		wants(t, "the form", b.nobody().ask(http.MethodGet, "/signup", nil), http.StatusOK, "takes no new accounts")
		filled := form("email", "new@example.com", "new_password", "a long password of mine")
		wants(t, "sent", b.nobody().ask(http.MethodPost, "/signup", filled), http.StatusConflict, "takes no new accounts")
		if _, err := b.Core.Accounts.Find(t.Context(), "new@example.com"); err == nil {
			t.Error("an account was made")
		}
		if strings.Contains(b.nobody().ask(http.MethodGet, "/", nil).body, `href="/signup"`) {
			t.Error("the first page leads to the sign-up")
		}
		leads(t, "opened", v.ask(http.MethodPost, at, v.opened(at, "signup", "open")), settingsAt+"?done=saved")
		wants(t, "after it", b.nobody().ask(http.MethodPost, "/signup", filled), http.StatusOK, "new@example.com")
	})
}

// Who lost the permission since they opened the form changes nothing.
func TestSettingsNeedThePermissionStill(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		by := staff.Actor{AccountID: b.customer.ID, Permissions: staff.SetOf(staff.SettingsChange)}
		err := b.Core.Panel.Close(t.Context(), "", operator.By{ID: by.AccountID, May: staff.Still(by, staff.SettingsChange)})
		if err == nil {
			t.Error("somebody without a role closed the panel")
		}
	})
}

// A closed panel shows customers the operator's sentence on every page but a few, staff
// all pages with a line that says so, and is ready; nothing is ordered until it opens.
func TestClosedPanelIsClosedToCustomers(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.SettingsChange)
		theirs, at := b.signedIn(b.customer.Email), settingsAt+"/maintenance"
		value, _, err := b.Core.Keys.Issue(t.Context(), apikey.NewKey{AccountID: b.customer.ID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "test")
		if err != nil {
			t.Fatal(err)
		}
		ids := ownedBy(t, b.panel, b.customer.ID)
		const says = "Back at noon. <b>Thank you</b>"
		leads(t, "closed", v.ask(http.MethodPost, at, v.opened(at, "maintenance", says)), settingsAt+"?done=closed")
		open := map[string]bool{}
		for _, pattern := range web.NeverClosed() {
			open[pattern] = true
		}
		for _, r := range routes(b.panel) {
			to, _ := path(r, ids)
			if open[r.method+" "+r.pattern] || r.access == string(web.Dev) {
				continue
			}
			for name, visitor := range map[string]*visitor{"nobody": b.nobody(), "a customer": theirs} {
				got := visitor.ask(r.method, to, url.Values{})
				if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "Back at noon. &lt;b&gt;Thank you") {
					t.Errorf("%s: %s %s: %d to %q", name, r.method, to, got.status, got.location)
				}
			}
		}
		for _, to := range []string{"/login", "/terms", "/contact", "/status", "/robots.txt"} {
			if got := b.nobody().ask(http.MethodGet, to, nil); got.status != http.StatusOK {
				t.Errorf("%s: %d", to, got.status)
			}
		}
		for _, to := range []string{"/admin", settingsAt, "/dashboard", "/services"} {
			wants(t, "staff at "+to, v.ask(http.MethodGet, to, nil), http.StatusOK, "Closed for maintenance: customers see no pages")
		}
		got := b.nobody().ask(http.MethodPost, "/api/v2", form("key", value, "action", "add", "service", "1", "link", "https://example.com/", "quantity", "1", "request_id", "r"))
		if got.status == http.StatusOK {
			t.Errorf("the API: %d %s", got.status, got.body)
		}
		if got := b.nobody().ask(http.MethodPost, "/api/v2", form("key", value, "action", "balance")); got.status != http.StatusOK {
			t.Errorf("the API's balance: %d %s", got.status, got.body)
		}
		end := at + "/end"
		leads(t, "opened", v.ask(http.MethodPost, end, v.opened(end)), settingsAt+"?done=opened")
		wants(t, "after it", theirs.ask(http.MethodGet, "/dashboard", nil), http.StatusOK, "Overview")
		if on, off := b.acts("panel.maintenance_on"), b.acts("panel.maintenance_off"); len(on) != 1 || len(off) != 1 || on[0].Actor != clerk.ID || on[0].Detail != says {
			t.Errorf("the log has %+v, %+v", on, off)
		}
		b.proved()
	})
}
