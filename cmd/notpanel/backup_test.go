package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// moved is the command line on a new place with the panel's key beside it.
func (p *panel) moved() *panel {
	p.t.Helper()
	other := noPanel(p.t)
	key, err := os.ReadFile(filepath.Join(p.dir, "panel.db.key"))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other.dir, "panel.db.key"), key, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return other
}

// A backup names the key that it does not hold, is tried without the key, and goes
// into a new place only together with it. Every command there says that nothing is
// sent, until the panel is resumed.
func TestBackupRestoreResume(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	p.ok("account", "credit", "a@example.com", "5", "--reason", "x")
	keyID, _ := p.key("--account", "a@example.com")
	folder := t.TempDir()

	said := p.ok("backup", folder)
	contains(t, said, "SHA-256", "The panel's key is not in it", filepath.Join(p.dir, "panel.db.key"))
	r := read[struct {
		backupReport
	}](t, p.ok("backup", "--json", filepath.Join(folder, "second.backup")))
	key, err := os.ReadFile(filepath.Join(p.dir, "panel.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(r.Path)
	if err != nil || strings.Contains(string(content), strings.TrimSpace(string(key))) {
		t.Errorf("the backup holds the panel's key (%v)", err)
	}

	// Tried by whoever has the file.
	nobody := noPanel(t)
	contains(t, nobody.ok("backup", "--verify", folder), "all agree", r.Key)
	if files, _ := os.ReadDir(folder); len(files) != 2 {
		t.Errorf("the trial left something behind: %v", files)
	}

	// Not without the key, and not with another.
	contains(t, nobody.fails(exitFailed, "restore", r.Path), "panel.db.key")
	other := newPanel(t)
	other.account("b@example.com")
	stranger := other.moved()
	contains(t, stranger.fails(exitFailed, "restore", r.Path), "not the backup's key", r.Key)
	if files := stranger.files(); len(files) > 2 {
		t.Errorf("a refused restore left %v", files)
	}

	back := p.moved()
	contains(t, back.ok("restore", r.Path), "restored panel", "hold again", "notpanel resume")
	contains(t, back.fails(exitFailed, "restore", r.Path), "there already")
	audit := back.run("", "audit", "--json")
	contains(t, audit.err, "nothing is sent until `notpanel resume`")
	if report := read[auditReport](t, audit.out); audit.code != 0 || !report.OK || report.Wallets != 2 {
		t.Errorf("%+v", report)
	}
	contains(t, back.ok("key", "list", "--account", "a@example.com"), keyID)
	contains(t, back.ok("resume"), "Resumed")
	contains(t, back.fails(exitFailed, "resume"), "waits for nobody")
	if again := back.run("", "audit"); again.code != 0 || strings.Contains(again.err, "resume") {
		t.Errorf("after it was resumed: %s%s", again.out, again.err)
	}

	revoked := p.moved()
	contains(t, revoked.ok("restore", "--revoke-keys", r.Path), "1 API key revoked")
}

// A database that was brought back by other means is marked, and is a restored panel
// from then on.
func TestRestoreMark(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	contains(t, p.ok("restore", "--mark"), "restored panel")
	contains(t, p.run("", "account", "list").err, "nothing is sent")
	p.ok("resume")
	p.ok("audit")
}

// Files that are no whole backups, and wrong usage, are told from each other.
func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	path := filepath.Join(t.TempDir(), "a.backup")
	p.ok("backup", path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.backup")
	if err := os.WriteFile(cut, content[:len(content)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, p.fails(exitFailed, "backup", path), "there already")
	contains(t, p.fails(exitFailed, "backup", "--verify", cut), "no whole backup")
	contains(t, p.moved().fails(exitFailed, "restore", cut), "no whole backup")
	contains(t, p.fails(exitFailed, "backup", "--verify", t.TempDir()), "there is no backup")
	p.fails(exitUsage, "backup")
	contains(t, p.fails(exitUsage, "backup", filepath.Join(t.TempDir(), "missing")+"/"), "there is no folder")
	p.fails(exitUsage, "backup", path, "--verify", path)
	p.fails(exitUsage, "restore")
	p.fails(exitUsage, "restore", path, "--mark")
	contains(t, noPanel(t).fails(exitFailed, "backup", path), "there is no database")
	if !json.Valid([]byte(p.ok("backup", "--json", "--verify", path))) {
		t.Error("not JSON")
	}
}

// The same on PostgreSQL, whose own programs write and read the copy; a trial leaves no
// database behind.
func TestBackupOfPostgres(t *testing.T) {
	t.Setenv("NOTPANEL_SECRET_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	p := &panel{t, t.TempDir(), dbtest.NewURL(t, db.Postgres)}
	p.account("a@example.com")
	p.ok("account", "credit", "a@example.com", "5", "--reason", "x")
	folder := t.TempDir()
	contains(t, p.ok("backup", folder), "the value of NOTPANEL_SECRET_KEY", "The panel's key is not in it")
	databases := func() (names string) {
		err := p.core().DB.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database`).Scan(&names)
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := databases()
	contains(t, p.ok("backup", "--verify", folder), "2 wallets", "all agree")
	if after := databases(); after != before {
		t.Errorf("databases before a trial: %s; after it: %s", before, after)
	}
	path, err := backup.Newest(folder, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	contains(t, p.fails(exitFailed, "restore", path), "there is something in")
	url, drop, err := db.BesideDatabase(t.Context(), p.url, "restored_by_command")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = drop(context.WithoutCancel(t.Context())) })
	back := &panel{t, t.TempDir(), url}
	contains(t, back.ok("restore", path), "restored panel")
	if r := back.run("", "audit"); r.code != 0 || !strings.Contains(r.err, "nothing is sent") || !strings.Contains(r.out, "2 wallets") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	back.ok("resume")
}
