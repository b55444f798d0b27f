package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/secret"
)

// A rotated key works with its new value and not with its old one.
func TestKeyRotateChangesValue(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	keyID, old := p.key("--account", "a@example.com")
	core := p.core()
	keys := apikey.NewAuthenticator(core.DB, core.Ring, clock.System)
	if _, err := keys.Authenticate(t.Context(), old, 0, netip.Addr{}); err != nil {
		t.Fatalf("the first value: %v", err)
	}

	rotated := read[keyView](t, p.ok("key", "rotate", keyID, "--json"))
	if rotated.ID != keyID || rotated.Key == old || rotated.RotatedAt == nil {
		t.Errorf("rotated %+v", rotated)
	}
	fresh := apikey.NewAuthenticator(core.DB, core.Ring, clock.System)
	if _, err := fresh.Authenticate(t.Context(), old, 0, netip.Addr{}); !errors.Is(err, apikey.ErrUnusable) {
		t.Errorf("the old value: %v", err)
	}
	if who, err := fresh.Authenticate(t.Context(), rotated.Key, 0, netip.Addr{}); err != nil || who.KeyID != keyID {
		t.Errorf("the new value: %+v, %v", who, err)
	}

	p.ok("key", "revoke", keyID)
	contains(t, p.fails(exitFailed, "key", "rotate", keyID), "revoked already")
}

// In text the value stands alone on the first line, with a word that it won't
// be shown again.
func TestKeyCreatePrintsValueOnce(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	printed := p.ok("key", "create", "--account", "a@example.com", "--mode", "test")
	value, rest, _ := strings.Cut(printed, "\n")
	if !apikey.WellFormed(value) || !strings.HasPrefix(value, "np_test_") {
		t.Errorf("first line %q", value)
	}
	contains(t, rest, "not shown again", "key_")
	if again := p.ok("key", "list") + p.ok("key", "list", "--json"); strings.Contains(again, value) {
		t.Error("key list shows the value")
	}
}

// A key is made with settings, shown with them, and changed one by one.
func TestKeySettings(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	keyID, _ := p.key("--account", "a@example.com", "--dialect", "classic", "--per-minute", "600", "--networks", "203.0.113.5, 10.0.0.0/8",
		"--daily-cap", "25", "--classic-ids", "string", "--allow-get", "--replay-window", "120", "--descriptions")
	all := func() keyView { return read[[]keyView](t, p.ok("key", "list", "--json"))[0] }
	twentyFive := "25.00"
	want := settingsView{
		PerMinute: 600, Networks: []string{"10.0.0.0/8", "203.0.113.5/32"}, DailyCap: &twentyFive,
		ClassicIDs: "string", AllowGET: true, ReplayWindow: 120, Descriptions: true,
	}
	if got := all(); !reflect.DeepEqual(got.settingsView, want) || got.Dialect != "classic" {
		t.Errorf("made %+v", got)
	}
	contains(t, p.ok("key", "list"), "600 a minute, from 10.0.0.0/8 203.0.113.5/32, at most 25.00 a day, ids as text, orders by GET, replay 120 s, descriptions")

	set := read[keyView](t, p.ok("key", "set", keyID, "--json", "--networks", "", "--daily-cap", "none", "--no-allow-get", "--replay-window", "3m"))
	want.Networks, want.DailyCap, want.AllowGET, want.ReplayWindow = []string{}, nil, false, 180
	if !reflect.DeepEqual(set.settingsView, want) || !reflect.DeepEqual(all(), set) {
		t.Errorf("set %+v, listed %+v", set, all())
	}
	contains(t, p.fails(exitUsage, "key", "set", keyID, "--dialect", "native"), "classic_ids, replay_window, descriptions: for classic keys only")
	contains(t, p.fails(exitUsage, "key", "create", "--account", "a@example.com", "--allow-get"), "allow_get: for classic keys only")
	want.ClassicIDs, want.ReplayWindow, want.Descriptions = "number", 0, false
	set = read[keyView](t, p.ok("key", "set", keyID, "--json", "--dialect", "native", "--expires", "30d",
		"--classic-ids", "number", "--replay-window", "0", "--no-descriptions"))
	if set.Dialect != "native" || set.ExpiresAt == nil || !reflect.DeepEqual(set.settingsView, want) {
		t.Errorf("set %+v", set)
	}
	contains(t, p.ok("key", "set", keyID, "--per-minute", "0", "--expires", "never", "--no-descriptions"), keyID)
	if got := all(); !reflect.DeepEqual(got.settingsView, settingsView{Networks: []string{}, ClassicIDs: "number"}) || got.ExpiresAt != nil {
		t.Errorf("in the end %+v", got)
	}

	contains(t, p.fails(exitUsage, "key", "set", keyID), "nothing to change")
	contains(t, p.fails(exitUsage, "key", "set", keyID, "--networks", "everywhere"), "no CIDR")
	contains(t, p.fails(exitUsage, "key", "set", keyID, "--per-minute=-1"), "between 0 and")
	contains(t, p.fails(exitFailed, "key", "set", "key_none", "--allow-get"), "no key")
}

func TestEleventhKeyIsRefused(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	p.account("b@example.com")
	var first string
	for i := range apikey.MaxActive {
		if keyID, _ := p.key("--account", "a@example.com"); i == 0 {
			first = keyID
		}
	}
	contains(t, p.fails(exitFailed, "key", "create", "--account", "a@example.com"), "at most 10", "revoke")
	p.key("--account", "b@example.com")
	p.ok("key", "revoke", first)
	p.key("--account", "a@example.com")
	if keys := read[[]keyView](t, p.ok("key", "list", "--json")); len(keys) != apikey.MaxActive+2 {
		t.Errorf("%d keys", len(keys))
	}
}

// The list tells which keys work, and which stood in a URL.
func TestKeyListShowsStates(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	p.key("--account", "a@example.com", "--expires", "30d")
	p.key("--account", "a@example.com", "--expires", "1ns")
	revoked, _ := p.key("--account", "a@example.com")
	seen, _ := p.key("--account", "a@example.com")
	p.ok("key", "revoke", revoked)
	core := p.core()
	if err := apikey.NewAuthenticator(core.DB, core.Ring, clock.System).NoteInURL(t.Context(), seen); err != nil {
		t.Fatal(err)
	}

	keys := read[[]keyView](t, p.ok("key", "list", "--json"))
	for i, want := range []string{"active", "expired", "revoked", "active"} {
		if keys[i].State != want {
			t.Errorf("key %d is %s, want %s", i, keys[i].State, want)
		}
	}
	if keys[0].ExpiresAt == nil || !strings.HasSuffix(*keys[0].ExpiresAt, "Z") || keys[0].Warning != "" {
		t.Errorf("the first: %+v", keys[0])
	}
	if keys[3].SeenInURLAt == nil || keys[3].Warning == "" {
		t.Errorf("the one in a URL: %+v", keys[3])
	}
	contains(t, p.ok("key", "list"), "was sent in a URL: rotate it", "expired", "revoked", "LAST USED")
	contains(t, p.ok("key", "set", seen, "--dialect", "classic"), "let its client post")
}

// Who copies the database, with its key file beside it, has no API key and no
// provider's key to read.
func TestNoKeyIsReadableInTheFiles(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	keyID, first := p.key("--account", "a@example.com")
	rotated := read[keyView](t, p.ok("key", "rotate", keyID, "--json")).Key
	const theirs = "provider-key-0123456789"
	if r := p.run(theirs+"\n", "provider", "add", "--name", "N", "--url", "https://provider.example/api/v2", "--key", "-"); r.code != 0 {
		t.Fatal(r.err)
	}

	core := p.core() // open: what is not in the file yet is in its log
	files, err := filepath.Glob(filepath.Join(p.dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v (%v)", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{first, rotated, theirs, "a good password"} {
			if bytes.Contains(content, []byte(value)) {
				t.Errorf("%s is readable in %s", value, file)
			}
		}
	}
	if n, err := core.Providers.Find(t.Context(), "N"); err != nil || n.Name != "N" {
		t.Errorf("the provider is not there: %v", err)
	}
}

// A command with another key than the database's does nothing and says which
// key it has and which it needs.
func TestOtherSecretKeyIsRefused(t *testing.T) {
	p := newPanel(t)
	p.account("a@example.com")
	p.ok("account", "list")
	content, err := os.ReadFile(filepath.Join(p.dir, "panel.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	t.Setenv("NOTPANEL_SECRET_KEY", other)
	for _, args := range [][]string{{"account", "list"}, {"key", "create", "--account", "a@example.com"}, {"audit"}} {
		said := p.fails(exitFailed, args...)
		contains(t, said, "not the database's key", fingerprint(t, strings.TrimSpace(string(content))), fingerprint(t, other))
	}
}

func fingerprint(t *testing.T, key string) string {
	t.Helper()
	k, err := secret.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.NewRing(k, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ring.Fingerprint()
}
