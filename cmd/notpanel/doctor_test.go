package main

import (
	"path/filepath"
	"testing"

	"github.com/notpanel/notpanel/internal/doctor"
)

// The doctor exits with 0 while nothing is bad and with 1 otherwise, each line says
// what to do, and wrong settings are a finding and no wrong use.
func TestDoctorExitCodes(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	contains(t, p.ok("doctor"), "ok    database: ", "warn  mail: ", "      → set NOTPANEL_SMTP_URL")
	for _, wrong := range []string{"--listen=here", "--limit-ip=-1", "--provider-timeout=1h", "--backup-every=1s"} {
		r := p.run("", "doctor", wrong, "--json")
		if found := read[[]doctor.Finding](t, r.out); r.code != exitFailed || len(found) != 1 || found[0].Verdict != doctor.Bad {
			t.Errorf("%s: exit %d: %+v", wrong, r.code, found)
		}
	}
	p.fails(exitUsage, "doctor", "--lisen=127.0.0.1:1")
	p.fails(exitUsage, "serve", "--listen=here")
	other := &panel{t, t.TempDir(), "sqlite:" + filepath.Join(t.TempDir(), "none.db")}
	r := other.run("", "doctor")
	if r.code != exitFailed {
		t.Errorf("exit %d", r.code)
	}
	contains(t, r.out, "bad   database: there is no database")
	contains(t, r.err, "something does not work")
	if files := other.files(); len(files) != 0 {
		t.Errorf("it made %v", files)
	}
}
