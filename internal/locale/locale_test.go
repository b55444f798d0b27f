package locale_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/money"
)

func load(t *testing.T) *locale.Set {
	t.Helper()
	s, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// message is an entry of a language file: its forms by name.
type message map[string]string

// entries reads all files of a language.
func entries(t *testing.T, code string) map[string]message {
	t.Helper()
	all := map[string]message{}
	names, err := filepath.Glob("texts/" + code + "/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of %s: %v", code, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(content, &raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key, value := range raw {
			if _, twice := all[key]; twice {
				t.Errorf("%s: %s is there twice", name, key)
			}
			m := message{}
			if err := json.Unmarshal(value, &m); err != nil {
				var text string
				if err := json.Unmarshal(value, &text); err != nil {
					t.Fatalf("%s: %s: %v", name, key, err)
				}
				m["other"] = text
			}
			all[key] = m
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

// placeholders are what a text names, sorted and each once.
func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Every language has every text of the English one, made from the text as it is
// now and with the same placeholders.
func TestLanguagesAreComplete(t *testing.T) {
	t.Parallel()
	english := entries(t, locale.English)
	for _, l := range load(t).All()[1:] {
		others := entries(t, l.Code)
		for _, key := range slices.Sorted(maps.Keys(english)) {
			en, other := english[key]["other"], others[key]
			switch {
			case other == nil:
				t.Errorf("%s: %s is missing", l.Code, key)
			case other["other"] == "":
				t.Errorf("%s: %s is empty", l.Code, key)
			case other["description"] != en:
				t.Errorf("%s: %s was made from %q, it is %q now", l.Code, key, other["description"], en)
			case !slices.Equal(placeholders(en), placeholders(other["other"])):
				t.Errorf("%s: %s names %v, English %v", l.Code, key, placeholders(other["other"]), placeholders(en))
			}
		}
		for key := range others {
			if english[key] == nil {
				t.Errorf("%s: %s is not there in English", l.Code, key)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	s := load(t)
	tr, ok := s.Find("tr")
	if !ok {
		t.Fatal("no Turkish")
	}
	en := s.English()
	at := time.Date(2026, 11, 7, 14, 5, 9, 0, time.UTC)
	for _, c := range []struct{ name, got, want string }{
		{"number", en.Number(1234567), "1,234,567"},
		{"small number", en.Number(999), "999"},
		{"negative number", en.Number(-1000), "−1,000"},
		{"number, Turkish", tr.Number(1234567), "1.234.567"},
		{"money", en.Money(12*money.Unit+money.Unit/2, "USD"), "$12.50"},
		{"money to the millionth", en.Money(1, "USD"), "$0.000001"},
		{"negative money", en.Money(-1234*money.Unit, "USD"), "−$1,234.00"},
		{"money in letters", en.Money(money.Unit, "CHF"), "CHF\u00a01.00"},
		{"unknown currency", en.Money(money.Unit, "XQQ"), "XQQ\u00a01.00"},
		{"money, Turkish", tr.Money(1234*money.Unit+money.Unit/2, "TRY"), "₺1.234,50"},
		{"day", en.Day(at), "7 Nov 2026"},
		{"day, Turkish", tr.Day(at), "7 Kas 2026"},
		{"moment", en.Moment(at), "7 Nov 2026, 14:05:09 UTC"},
		{"now", en.Ago(at, at.Add(3*time.Second)), "just now"},
		{"minutes", en.Ago(at, at.Add(3*time.Minute+50*time.Second)), "3 min ago"},
		{"an hour", en.Ago(at, at.Add(time.Hour)), "1 hour ago"},
		{"hours", en.Ago(at, at.Add(23*time.Hour)), "23 hours ago"},
		{"ahead", en.Ago(at.Add(2*24*time.Hour), at), "in 2 days"},
		{"long ago", en.Ago(at, at.Add(31*24*time.Hour)), "7 Nov 2026"},
		{"days, Turkish", tr.Ago(at, at.Add(5*24*time.Hour)), "5 gün önce"},
		{"span", en.Span(95 * time.Second), "95 s"},
		{"long span", en.Span(50 * time.Hour), "2 d"},
		{"a text that is not there", en.Text("no.such"), "no.such"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestLanguageIsMatched(t *testing.T) {
	t.Parallel()
	s := load(t)
	for accept, want := range map[string]string{
		"": "en", "tr": "tr", "tr-TR,tr;q=0.9,en;q=0.8": "tr", "ja": "en", "en-GB": "en", "de, tr;q=0.5": "tr", ";;;": "en",
	} {
		if got := s.Match(accept); got.Code != want {
			t.Errorf("%q: %s, want %s", accept, got.Code, want)
		}
	}
}

// Amounts are read as they are written, and as programs write them; what may mean
// two amounts is neither.
func TestReadAmount(t *testing.T) {
	t.Parallel()
	s := load(t)
	tr, ok := s.Find("tr")
	if !ok {
		t.Fatal("no Turkish")
	}
	en := s.English()
	const none = money.Amount(-1)
	for _, c := range []struct {
		text     string
		en, turk money.Amount
	}{
		{"25", 25 * money.Unit, 25 * money.Unit},
		{" 25.00 ", 25 * money.Unit, 25 * money.Unit},
		{"0.5", money.Unit / 2, money.Unit / 2},
		{"25,50", none, 25_500_000},
		{"0,000001", none, 1},
		{"1,000", none, money.Unit}, // no thousand in Turkish
		{"1.000", money.Unit, none},
		{"1.0000", money.Unit, money.Unit},
		{"1.000,50", none, none},
		{"1,000.50", none, none},
		{"1,2,3", none, none},
		{",5", none, none},
		{"5,", none, none},
		{"", none, none},
		{"a few", none, none},
		{"1e3", none, none},
	} {
		for name, of := range map[string]struct {
			language *locale.Language
			want     money.Amount
		}{"English": {en, c.en}, "Turkish": {tr, c.turk}} {
			got, err := of.language.ReadAmount(c.text)
			if err != nil {
				got = none
			}
			if got != of.want {
				t.Errorf("%q in %s: %s (%v), want %s", c.text, name, got, err, of.want)
			}
		}
	}
}
