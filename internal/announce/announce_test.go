package announce_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const staff = "cli:root"

func now(t *testing.T, d *db.DB) (at time.Time) {
	t.Helper()
	if err := d.Read(t.Context(), func(tx *db.Tx) error { at = tx.Now; return nil }); err != nil {
		t.Fatal(err)
	}
	return at
}

// say makes an announcement that is shown from one moment to another, from now.
func say(t *testing.T, d *db.DB, text string, level announce.Level, from, to time.Duration) announce.Announcement {
	t.Helper()
	at := now(t, d)
	a, err := announce.NewStore(d).Add(t.Context(), announce.New{
		Level: level, Texts: map[string]string{"en": text, "tr": "tr " + text}, Starts: at.Add(from), Ends: at.Add(to),
	}, staff)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func texts(all []announce.Announcement, err error) []string {
	if err != nil {
		return []string{err.Error()}
	}
	shown := []string{}
	for _, a := range all {
		text, _ := a.Text("en")
		shown = append(shown, text)
	}
	return shown
}

// An announcement is shown from its beginning to its end, warnings first, until an
// account has dismissed it, which changes nothing for others.
func TestWhatIsShown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := announce.NewStore(d)
		people := account.NewStore(d)
		var ids []string
		for _, email := range []string{"ann@example.com", "ben@example.com"} {
			a, err := people.Create(t.Context(), email, "correct horse battery", account.Customer, staff)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, a.ID)
		}
		warning := say(t, d, "warning", announce.Warning, -time.Minute, time.Hour)
		say(t, d, "info", announce.Info, -time.Second, 3*time.Hour)
		say(t, d, "later", announce.Info, 2*time.Hour, 4*time.Hour)
		if got := texts(s.Current(t.Context())); !slices.Equal(got, []string{"warning", "info"}) {
			t.Errorf("now: %v", got)
		}
		for range 2 {
			if err := s.Dismiss(t.Context(), ids[0], warning.ID); err != nil {
				t.Error(err)
			}
		}
		if got := texts(s.CurrentFor(t.Context(), ids[0])); !slices.Equal(got, []string{"info"}) {
			t.Errorf("dismissed: %v", got)
		}
		if got := texts(s.CurrentFor(t.Context(), ids[1])); !slices.Equal(got, []string{"warning", "info"}) {
			t.Errorf("of another: %v", got)
		}
		d.AdvanceClock(2*time.Hour + time.Minute)
		if got := texts(s.Current(t.Context())); !slices.Equal(got, []string{"later", "info"}) {
			t.Errorf("after two hours: %v", got)
		}
		for _, none := range []string{"", "x", id.New(id.Notice)} {
			if err := s.Dismiss(t.Context(), ids[0], none); !fault.Is(err, fault.NotFound) {
				t.Errorf("%q: %v", none, err)
			}
		}
	})
}

// What is ended is shown no more, and one that never began was never shown.
func TestEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := announce.NewStore(d)
		shown := say(t, d, "shown", announce.Info, 0, time.Hour)
		later := say(t, d, "later", announce.Info, time.Hour, 2*time.Hour)
		for _, a := range []announce.Announcement{shown, later} {
			if _, err := s.End(t.Context(), a.ID, staff); err != nil {
				t.Error(err)
			}
			if _, err := s.End(t.Context(), a.ID, staff); !fault.Is(err, fault.Conflict) {
				t.Errorf("again: %v", err)
			}
		}
		d.AdvanceClock(90 * time.Minute)
		if got := texts(s.Current(t.Context())); len(got) != 0 {
			t.Errorf("shown: %v", got)
		}
		if all := texts(s.All(t.Context(), "", 10)); !slices.Equal(all, []string{"later", "shown"}) {
			t.Errorf("all: %v", all)
		}
		if _, err := account.VerifyLog(t.Context(), d, func(text string) { t.Error(text) }); err != nil {
			t.Error(err)
		}
	})
}

// A text is shown in the reader's language where it has one.
func TestLanguages(t *testing.T) {
	t.Parallel()
	n := announce.New{Texts: map[string]string{"en": "Hello", "tr": "Merhaba"}}
	for lang, want := range map[string][2]string{"en": {"Hello", "en"}, "tr": {"Merhaba", "tr"}, "de": {"Hello", "en"}} {
		if text, in := n.Text(lang); [2]string{text, in} != want {
			t.Errorf("%s: %s in %s", lang, text, in)
		}
	}
}

// What an announcement says has bounds, and no more are shown than can be read.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	s, at := announce.NewStore(d), now(t, d)
	for name, change := range map[string]func(*announce.New){
		"level":    func(n *announce.New) { n.Level = "loud" },
		"text":     func(n *announce.New) { n.Texts = map[string]string{"tr": "Merhaba"} },
		"text ":    func(n *announce.New) { n.Texts["en"] = strings.Repeat("ä", announce.MaxText+1) },
		"text  ":   func(n *announce.New) { n.Texts["en"] = "a\nb" },
		"language": func(n *announce.New) { n.Texts["English"] = "Hello" },
		"ends":     func(n *announce.New) { n.Ends = at.Add(-time.Second) },
	} {
		n := announce.New{Level: announce.Info, Texts: map[string]string{"en": "Hello"}, Ends: at.Add(time.Hour)}
		change(&n)
		if _, err := s.Add(t.Context(), n, staff); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range announce.MaxCurrent {
		say(t, d, "one", announce.Info, 0, time.Hour)
	}
	_, err := s.Add(t.Context(), announce.New{Level: announce.Info, Texts: map[string]string{"en": "Hello"}, Ends: at.Add(time.Hour)}, staff)
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("one too many: %v", err)
	}
}
