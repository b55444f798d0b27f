package panel_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/worker"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func usual() brand.Brand {
	b := brand.Default()
	b.Name, b.Support = "Usual", "usual@panel.example"
	return b
}

func live(t *testing.T, d *db.DB) *panel.Live {
	t.Helper()
	l, err := panel.NewLive(t.Context(), d, usual(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func set(key panel.Key, value string) map[panel.Key]*string {
	return map[panel.Key]*string{key: new(value)}
}

// save saves what a form sends that was shown now.
func save(t *testing.T, d *db.DB, values map[panel.Key]*string) {
	t.Helper()
	s := panel.NewStore(d)
	now, err := s.Load(t.Context())
	if err == nil {
		err = s.Save(t.Context(), panel.Change{Seen: now.Version, Values: values}, panel.By{ID: "a test"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func acts(t *testing.T, d *db.DB) (lines []string) {
	t.Helper()
	all, _, err := account.NewStore(d).Log(t.Context(), account.LogQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		lines = append(lines, a.Actor+" "+a.Action+" "+a.Target+": "+a.Detail)
	}
	return lines
}

func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		m.Set(x, height/2, color.RGBA{R: 200, A: 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is set here goes over what the environment says, and is gone when it goes back
// to it; each change is in the log with what was before.
func TestSettingsGoOverTheEnvironment(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := live(t, d)
		if now := l.Now(); now.Brand.Name != "Usual" || !now.SignUp || now.Closed || now.Alerts != "" {
			t.Errorf("at first: %+v", now)
		}
		save(t, d, map[panel.Key]*string{
			panel.Name: new("  Shop "), panel.Contact: new(" 1 High Street\r\n\r\nTown"), panel.Support: new(""),
			panel.SignUp: new(panel.Closed), panel.Alerts: new("ops@panel.example"), panel.Accent: new(panel.AccentValue("#0b63ce", "")),
		})
		if err := l.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := l.Now()
		if b := now.Brand; b.Name != "Shop" || b.Support != "" || strings.Join(b.Contact, "|") != "1 High Street|Town" || b.Accent == nil || b.Accent.Light.String() != "#0b63ce" {
			t.Errorf("set: %+v", b)
		}
		if now.SignUp || now.Alerts != "ops@panel.example" || now.Settings[panel.Name].ChangedBy != "a test" {
			t.Errorf("set: %+v", now)
		}
		save(t, d, map[panel.Key]*string{panel.Name: new("Shop"), panel.Support: nil})
		if err := l.Refresh(t.Context()); err != nil || l.Brand().Support != "usual@panel.example" || l.Brand().Name != "Shop" {
			t.Errorf("gone back: %+v, %v", l.Brand(), err)
		}
		log := acts(t, d)
		if len(log) != 7 || log[0] != "a test panel.set support: as the environment says (before: none)" ||
			log[6] != "a test panel.set name: Shop (before: as the environment says)" {
			t.Errorf("the log has\n%s", strings.Join(log, "\n"))
		}
		if _, err := account.VerifyLog(t.Context(), d, func(text string) { t.Error(text) }); err != nil {
			t.Error(err)
		}
	})
}

// A value that can't be used is refused with its field, and nothing of its form is
// stored.
func TestBadSettingsAreRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := panel.NewStore(d)
		for _, c := range []struct {
			key   panel.Key
			value string
		}{
			{panel.Name, ""},
			{panel.Name, strings.Repeat("a", 41)},
			{panel.Name, "a\u202eb"},
			{panel.LegalName, "a\nb"},
			{panel.Support, "not an address"},
			{panel.Contact, strings.Repeat("line\n", 9)},
			{panel.Accent, panel.AccentValue("#ffd400", "")},
			{panel.Accent, panel.AccentValue("", "#ffffff")},
			{panel.Accent, panel.AccentValue("#0b63ce", "#0b63ce")},
			{panel.SignUp, "perhaps"},
			{panel.Alerts, "x@y"},
			{panel.Logo, "bm8gcGljdHVyZQ=="},
			{panel.Maintenance, strings.Repeat("ş", 501)},
			{panel.Maintenance, "a\x00b"},
			{"other", "x"},
		} {
			values := set(panel.LegalName, "Shop Ltd")
			values[c.key] = &c.value
			err := s.Save(t.Context(), panel.Change{Values: values}, panel.By{ID: "a test"})
			if f := fault.From(err); f.Code != fault.Invalid || f.Reason != fault.BadField || f.Args[0] != string(c.key) {
				t.Errorf("%s %q: %v", c.key, c.value, err)
			}
		}
		if all, err := s.Load(t.Context()); err != nil || all.Version != 0 || len(all.Settings) != 0 || len(acts(t, d)) != 0 {
			t.Errorf("stored: %+v, %v", all, err)
		}
	})
}

// Of two who save forms that were shown at the same time, the second is told where
// both change one setting, and nothing of theirs is stored; others are no matter.
func TestTheSecondOfTwoIsTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := panel.NewStore(d)
		save(t, d, set(panel.Name, "First"))
		var all sync.WaitGroup
		var mu sync.Mutex
		var told []string
		for _, name := range []string{"Second", "Third"} {
			all.Go(func() {
				err := s.Save(t.Context(), panel.Change{Seen: 1, Values: map[panel.Key]*string{panel.Name: &name, panel.LegalName: new(name + " Ltd")}}, panel.By{ID: name})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					told = append(told, strings.Join(fault.From(err).Args, " "))
				}
			})
		}
		all.Wait()
		if len(told) != 1 || told[0] != "name legal_name" {
			t.Errorf("told: %q", told)
		}
		now, err := s.Load(t.Context())
		if err != nil || now.Settings[panel.LegalName].Value != now.Settings[panel.Name].Value+" Ltd" || now.Version != 2 {
			t.Errorf("%+v, %v", now, err)
		}
		err = s.Save(t.Context(), panel.Change{Seen: 1, Values: set(panel.SignUp, panel.Closed)}, panel.By{ID: "a test"})
		if err != nil {
			t.Errorf("another setting: %v", err)
		}
	})
}

// Who may not any more changes nothing.
func TestWhoMayNotChangesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := panel.NewStore(d)
		no := fault.New(fault.Forbidden, "no")
		by := panel.By{ID: "a test", May: func(*db.Tx) error { return no }}
		if err := s.Close(t.Context(), "", by); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%v", err)
		}
		if all, err := s.Load(t.Context()); err != nil || all.Version != 0 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// An uploaded picture is drawn anew: what else was in its file is in no file that is
// served. Another node has it before it follows, and the one before is there still.
func TestALogoIsDrawnAnew(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const hidden = "<script>hidden</script>"
		logo, err := brand.NewLogo(append(photo(t, 600, 300), hidden...))
		if err != nil {
			t.Fatal(err)
		}
		if logo.Type != "image/png" || bytes.Contains(logo.Body, []byte(hidden)) || logo.Width() != 56 {
			t.Errorf("%s, %d wide, %d bytes", logo.Type, logo.Width(), len(logo.Body))
		}
		l, other := live(t, d), live(t, d)
		save(t, d, set(panel.Logo, panel.LogoValue(logo)))
		if a, found, err := other.Asset(t.Context(), logo.Name); err != nil || !found || !bytes.Equal(a.Body, logo.Body) {
			t.Errorf("another node has it: %t, %v", found, err)
		}
		if err := l.Refresh(t.Context()); err != nil || l.Brand().Logo == nil || l.Brand().Logo.Name != logo.Name {
			t.Errorf("%+v, %v", l.Brand(), err)
		}
		save(t, d, set(panel.Logo, ""))
		if err := l.Refresh(t.Context()); err != nil || l.Brand().Logo != nil {
			t.Errorf("taken away: %+v, %v", l.Brand(), err)
		}
		if _, found, err := l.Asset(t.Context(), logo.Name); err != nil || !found {
			t.Errorf("for a page of a moment ago: %t, %v", found, err)
		}
		if _, found, err := l.Asset(t.Context(), "logo-none.png"); err != nil || found {
			t.Errorf("one that never was: %t, %v", found, err)
		}
		if log := acts(t, d); len(log) != 2 || !strings.Contains(log[0], "none (before: "+logo.Name+", ") {
			t.Errorf("the log has %q", log)
		}
	})
}

// A node follows what another process changed, and at once what it changed itself.
func TestNodesFollow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := worker.NewGroup(slog.New(slog.DiscardHandler), clock.System)
		defer g.Stop()
		l := live(t, d)
		l.Run(g)
		save(t, d, set(panel.Name, "Followed"))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for l.Brand().Name != "Followed" {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("it does not follow")
			}
		}
	})
}

// What a release can't use is left as the environment says, and the rest holds.
func TestAValueThatCantBeUsedHoldsNothingUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		save(t, d, set(panel.LegalName, "Shop Ltd"))
		save(t, d, set(panel.Accent, panel.AccentValue("#0b63ce", "")))
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE panel_settings SET value = 'no colour' WHERE name = 'accent'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if b := live(t, d).Brand(); b.Accent != nil || b.LegalName != "Shop Ltd" {
			t.Errorf("%+v", b)
		}
	})
}

// Closing says what customers read, and is over once; the log has both.
func TestMaintenanceIsSwitched(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, l := panel.NewStore(d), live(t, d)
		by := panel.By{ID: "a test"}
		open := func() error { return d.Read(t.Context(), panel.MustBeOpen) }
		if err := open(); err != nil {
			t.Errorf("at first: %v", err)
		}
		if err := s.Reopen(t.Context(), by); !fault.Is(err, fault.Conflict) {
			t.Errorf("opened while open: %v", err)
		}
		if err := s.Close(t.Context(), "Back at 12:00.\nThank you.", by); err != nil {
			t.Fatal(err)
		}
		if err := open(); !panel.IsClosed(err) {
			t.Errorf("closed: %v", err)
		}
		if err := l.Refresh(t.Context()); err != nil || !l.Now().Closed || l.Now().Says != "Back at 12:00.\nThank you." || l.Now().Since.IsZero() {
			t.Errorf("%+v, %v", l.Now(), err)
		}
		if err := s.Reopen(t.Context(), by); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(open(), l.Refresh(t.Context())); err != nil || l.Now().Closed {
			t.Errorf("open again: %v", err)
		}
		log := acts(t, d)
		if len(log) != 2 || !strings.HasPrefix(log[1], "a test panel.maintenance_on maintenance: Back at") || !strings.HasPrefix(log[0], "a test panel.maintenance_off") {
			t.Errorf("the log has %q", log)
		}
	})
}
