package notify

import (
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// whole is each template with all that it can hold.
func whole(template string) map[string]string {
	all := map[string]string{
		"link": canaryLink, "reset": "https://panel.example/reset", "new": "other@example.com", "address": "203.0.113.7", "agent": "Firefox, Linux",
		"what": TOTPOn, "left": "1", "name": "Shop", "prefix": "np_live_ab12", "time": "2026-11-07T14:05:09Z", "zone": "Europe/Istanbul",
		"host": "shop.example", "webhook": "whk_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", "amount": "50.00 USD", "reference": "Invoice 7", "reason": "Nothing came.",
		"balance": "4.20 USD", "threshold": "10.00 USD",
		"count": "3", "line1": "Order 7 is completed.",
	}
	data := map[string]string{}
	for _, name := range append(kinds()[template].needs, "time", "zone") {
		data[name] = all[name]
	}
	return data
}

func names() (all []string) {
	for name := range kinds() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func render(t *testing.T, m Mail, who Identity) rendered {
	t.Helper()
	r, err := newRenderer(languages(t), func() Identity { return who })
	if err != nil {
		t.Fatal(err)
	}
	if m.To == "" {
		m.To = "reader@example.com"
	}
	if _, err := m.check(); err != nil {
		t.Fatal(err)
	}
	got, err := r.render(m, time.Date(2026, 11, 7, 14, 5, 9, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Every mail is there in every language, whole in both parts, with no key or
// placeholder left in it.
func TestEveryMailInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, l := range languages(t).All() {
		subjects := map[string]bool{}
		for _, name := range names() {
			data := whole(name)
			got := render(t, Mail{Language: l.Code, Template: name, Data: data}, Identity{Name: "Örnek", URL: "https://panel.example", Support: "help@panel.example"})
			for part, text := range map[string]string{"subject": got.subject, "text": got.text, "HTML": got.html} {
				if text == "" || strings.Contains(text, "mail."+name) || strings.Contains(text, "mail.fact") || strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
					t.Errorf("%s, %s, %s: %s", l.Code, name, part, text)
				}
			}
			if subjects[got.subject] {
				t.Errorf("%s, %s: %q is another mail's subject too", l.Code, name, got.subject)
			}
			subjects[got.subject] = true
			for name, value := range data {
				if name == "new" {
					value = "o…@example.com"
				}
				if slices.Contains([]string{"what", "left", "time", "zone"}, name) {
					continue
				}
				if !strings.Contains(got.text, value) || !strings.Contains(got.html, strings.ReplaceAll(value, "&", "&amp;")) {
					t.Errorf("%s: %s is not in both parts:\n%s", l.Code, name, got.text)
				}
			}
			if !strings.Contains(got.html, `<html lang="`+l.Code+`" dir="`+l.Dir+`">`) {
				t.Errorf("%s: %.80s", l.Code, got.html)
			}
		}
	}
}

func TestWordsOfMails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language, template string
		data               map[string]string
		want               []string
	}{
		{"en", NewDevice, whole(NewDevice), []string{"New sign-in to your account at Örnek", "Time: 7 Nov 2026, 17:05:09 +03", "IP address: 203.0.113.7", "Device: Firefox, Linux"}},
		{"tr", NewDevice, whole(NewDevice), []string{"Örnek hesabınıza yeni bir giriş", "Zaman: 7 Kas 2026 17:05:09 +03", "IP adresi: 203.0.113.7", "Cihaz: Firefox, Linux"}},
		{"en", RecoveryCodeUsed, map[string]string{"left": "1"}, []string{"1 recovery code is left.", "Time: 7 Nov 2026, 14:05:09 UTC"}},
		{"en", RecoveryCodeUsed, map[string]string{"left": "0"}, []string{"0 recovery codes are left."}},
		{"tr", RecoveryCodeUsed, map[string]string{"left": "3"}, []string{"3 kurtarma kodu kaldı."}},
		{"en", SecondFactorChanged, map[string]string{"what": ResetByOperator}, []string{"The people who run Örnek removed the second step"}},
		{"ja", PasswordChanged, nil, []string{"Your password at Örnek was changed"}},
		{"en", PasswordChanged, map[string]string{"link": "https://panel.example/x"}, []string{"Open your account:\nhttps://panel.example/x\n"}},
		{"en", EmailChanged, map[string]string{"new": "ümit@example.com"}, []string{"the e-mail address ü…@example.com."}},
	} {
		got := render(t, Mail{Language: c.language, Template: c.template, Data: c.data}, Identity{Name: "Örnek"})
		for _, want := range c.want {
			if !strings.Contains(got.subject+"\n"+got.text, want) {
				t.Errorf("%s, %s lacks %q:\n%s\n%s", c.language, c.template, want, got.subject, got.text)
			}
		}
	}
	for _, what := range changes() {
		for _, l := range languages(t).All() {
			if got := render(t, Mail{Language: l.Code, Template: SecondFactorChanged, Data: map[string]string{"what": what}}, Identity{}); strings.Contains(got.text, what) {
				t.Errorf("%s: no text for %s", l.Code, what)
			}
		}
	}
}

// What others wrote can't leave its line, become markup or become a link.
func TestValuesOfOthersStayText(t *testing.T) {
	t.Parallel()
	evil := "Fire\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script> \u202ehttp://evil.example/ " + strings.Repeat("x", 300)
	for _, name := range []string{"agent", "address"} {
		data := whole(NewDevice)
		data[name] = evil
		got := render(t, Mail{Language: "en", Template: NewDevice, Data: data}, Identity{Name: "Örnek"})
		for _, not := range []string{"\nBcc:", "<script", "http://evil", "\u202e", strings.Repeat("x", 200)} {
			if strings.Contains(got.html, not) {
				t.Errorf("%s: %q is in the HTML", name, not)
			}
			if not != "<script" && strings.Contains(got.text, not) {
				t.Errorf("%s: %q is in the text", name, not)
			}
		}
	}
	// Whoever names the panel can't write headers either.
	server := Server{From: mail.Address{Address: "panel@panel.example"}}
	name := "Panel\r\nBcc: victim@example.com"
	r := render(t, Mail{Language: "en", Template: PasswordChanged}, Identity{Name: name})
	m, err := server.message("mail_1", "reader@example.com", name, r, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	var raw strings.Builder
	if _, err := m.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	if got := parse(t, raw.String()); got.header.Get("Bcc") != "" || got.subject != "Your password at Panel Bcc: victim@example.com was changed" {
		t.Errorf("%v", got.header)
	}
	if _, err := server.message("mail_1", "reader@example.com\r\nBcc: victim@example.com", name, r, time.Unix(0, 0)); err == nil {
		t.Error("an address with a header in it")
	}
}

// What can't be sent is refused where it is queued, by an error that does not
// repeat it, and nothing is stored.
func TestQueueRefusesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, nil)
		link := func(link string) Mail {
			return Mail{To: "reader@example.com", Template: VerifyEmail, Data: map[string]string{"link": link}}
		}
		to := func(to string) Mail { m := verify("x"); m.To = to; return m }
		with := func(template, name, value string) Mail {
			data := whole(template)
			data[name] = value
			return Mail{To: "reader@example.com", Template: template, Data: data}
		}
		for name, m := range map[string]Mail{
			"no template":            {To: "reader@example.com", Template: "letter"},
			"no link":                link(""),
			"a script":               link("javascript:" + canary),
			"a path":                 link("/verify?" + canary),
			"a link in two lines":    link("https://panel.example/\r\n" + canary),
			"a link that quotes":     link("https://panel.example/\"" + canary),
			"a link with a user":     link("https://" + canary + "@panel.example/"),
			"a long link":            link("https://panel.example/" + canary + strings.Repeat("x", 2000)),
			"no address":             to(""),
			"a header":               to("reader@example.com\r\nBcc: victim@example.com"),
			"two addresses":          to("reader@example.com,victim@example.com"),
			"a name":                 to("Reader <reader@example.com>"),
			"a long address":         to(strings.Repeat("x", 250) + "@example.com"),
			"no time":                with(PasswordChanged, "time", canary),
			"an unknown change":      with(SecondFactorChanged, "what", canary),
			"no number":              with(RecoveryCodeUsed, "left", canary),
			"the value of a key":     with(KeyCreated, "prefix", "np_live_"+canary),
			"a key in the name":      with(KeyCreated, "name", "my np_test_"+canary),
			"a value without an end": with(KeyCreated, "name", strings.Repeat("x", 1001)),
			"a value not in UTF-8":   with(KeyCreated, "name", "\xff"),
		} {
			err := d.Write(t.Context(), func(tx *db.Tx) error { return f.store.Queue(tx, m) })
			if err == nil || strings.Contains(err.Error(), canary) && name != "no time" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if rows := f.rows(); len(rows) != 0 {
			t.Errorf("%+v", rows)
		}
	})
}
