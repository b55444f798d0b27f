package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/incarnation"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patient is a panel in a folder of its own, and its settings.
type patient struct {
	t        *testing.T
	core     *app.Core
	folder   string
	settings config.Serve
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{t: t, folder: t.TempDir()}
	p.settings = config.Serve{
		Storage: config.InFile(filepath.Join(p.folder, "panel.db")), Outbound: config.Outbound{ProviderTimeout: time.Minute, OutboundAllow: "127.0.0.1"},
		Listen: "127.0.0.1:8080", OpsListen: "127.0.0.1:8081", AutoMigrate: true, Brand: config.Brand{SupportEmail: "help@panel.example"},
	}
	var err error
	p.core, err = app.OpenCore(t.Context(), p.settings.Storage, app.CoreOptions{Migrate: true})
	must(t, err)
	t.Cleanup(func() { _ = p.core.Close() })
	return p
}

func (p *patient) exec(statement string) {
	p.t.Helper()
	must(p.t, p.core.DB.Write(p.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(statement)
		return err
	}))
}

// closed is an address of this machine at which nothing listens.
func closed(t *testing.T) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	host, port, err = net.SplitHostPort(l.Addr().String())
	must(t, err)
	must(t, l.Close())
	return host, port
}

// certificate writes one for a host that ends at a time.
func (p *patient) certificate(host string, end time.Time) {
	p.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(p.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.Add(-1000 * time.Hour), NotAfter: end, DNSNames: []string{host}}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(p.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(p.t, err)
	p.settings.TLSCert, p.settings.TLSKey = filepath.Join(p.folder, "cert.pem"), filepath.Join(p.folder, "key.pem")
	must(p.t, os.WriteFile(p.settings.TLSCert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), 0o600))
	must(p.t, os.WriteFile(p.settings.TLSKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	p.settings.PublicURL = "https://panel.example"
}

// scheduled sets backups, the newest of which is of an age.
func (p *patient) scheduled(age time.Duration) {
	p.t.Helper()
	p.settings.Backups = config.Backups{BackupEvery: time.Hour, BackupFolder: p.t.TempDir(), BackupKeep: 3}
	p.core.DB.AdvanceClock(-age)
	_, _, err := backup.Make(p.t.Context(), backup.Source{DB: p.core.DB, Program: "test"}, p.settings.BackupFolder)
	p.core.DB.AdvanceClock(age)
	must(p.t, err)
}

// provider adds one at an address.
func (p *patient) provider(address string) {
	p.t.Helper()
	_, err := p.core.Providers.Add(p.t.Context(), "Upstream", address, "key", "test")
	must(p.t, err)
}

// A panel that is well has nothing bad, and what is bad is found, named and told what
// to do about.
func TestExamine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ail  func(t *testing.T, p *patient)
		want Verdict
		says string
		do   string
	}{
		"well":        {func(*testing.T, *patient) {}, OK, "the file is intact", ""},
		"a setting":   {func(_ *testing.T, p *patient) { p.settings.Listen = "here" }, Bad, "NOTPANEL_LISTEN must be", "correct this one"},
		"nobody":      {func(_ *testing.T, p *patient) { p.settings.SupportEmail = "" }, Warn, "names nobody", "NOTPANEL_SUPPORT_EMAIL"},
		"no mail":     {func(*testing.T, *patient) {}, Warn, "no mail server is set", "NOTPANEL_SMTP_URL"},
		"development": {func(_ *testing.T, p *patient) { p.settings.Dev = true }, Warn, "NOTPANEL_DEV is set", "take it away"},
		"no database": {func(t *testing.T, p *patient) {
			p.settings.Storage = config.InFile(filepath.Join(t.TempDir(), "other.db"))
		}, Bad, "there is no database", "NOTPANEL_DATABASE_URL"},
		"another kind of file": {func(t *testing.T, p *patient) {
			path := filepath.Join(t.TempDir(), "other.db")
			must(t, os.WriteFile(path, []byte("a letter, and not a database at all"), 0o600))
			p.settings.Storage = config.InFile(path)
		}, Bad, "is not a database", "NOTPANEL_DATABASE_URL"},
		"no folder": {func(t *testing.T, p *patient) {
			p.settings.Storage = config.InFile(filepath.Join(t.TempDir(), "none", "other.db"))
		}, Bad, "can't be written", "let this user write"},
		"no key": {func(t *testing.T, p *patient) { must(t, os.Remove(filepath.Join(p.folder, "panel.db.key"))) }, Bad, "key is missing", "bring the panel's own key back"},
		"another's key": {func(t *testing.T, p *patient) {
			other := newPatient(t)
			must(t, os.Rename(filepath.Join(other.folder, "panel.db.key"), filepath.Join(p.folder, "panel.db.key")))
		}, Bad, "this is not the", "bring the panel's own key back"},
		"an old schema": {func(_ *testing.T, p *patient) { p.exec(`DELETE FROM goose_db_version WHERE version_id > 5`) }, Warn, "older than this program", "make a backup"},
		"an old schema that stays": {func(_ *testing.T, p *patient) {
			p.settings.AutoMigrate = false
			p.exec(`DELETE FROM goose_db_version WHERE version_id > 5`)
		}, Bad, "older than this program", "notpanel migrate up"},
		"a newer schema": {func(_ *testing.T, p *patient) {
			p.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
		}, Bad, "99999", "newer one"},
		"a clock behind": {func(t *testing.T, p *patient) {
			p.core.DB.AdvanceClock(time.Hour)
			must(t, p.core.DB.Write(t.Context(), func(tx *db.Tx) error { return account.Record(tx, "test", "x", "x", "") }))
		}, Bad, "behind the last act", "set the clock right"},
		"brought back": {func(t *testing.T, p *patient) {
			must(t, p.core.DB.Write(t.Context(), func(tx *db.Tx) error { return incarnation.Begin(tx, "test", "") }))
		}, Warn, "sends nothing", "notpanel resume"},
		"no backups":  {func(*testing.T, *patient) {}, Warn, "makes none by itself", "NOTPANEL_BACKUP_EVERY"},
		"backups":     {func(_ *testing.T, p *patient) { p.scheduled(time.Minute) }, OK, "the newest is 1m0s old", ""},
		"old backups": {func(_ *testing.T, p *patient) { p.scheduled(100 * time.Hour) }, Bad, "the newest is 100h0m0s old", "no backup was made"},
		"backups to be": {func(t *testing.T, p *patient) {
			p.settings.Backups = config.Backups{BackupEvery: time.Hour, BackupFolder: t.TempDir(), BackupKeep: 3}
		}, Warn, "there is none", "notpanel backup"},
		"a provider away": {func(t *testing.T, p *patient) {
			host, port := closed(t)
			p.provider("http://" + net.JoinHostPort(host, port))
		}, Bad, "can't be reached", "nothing listens there"},
		"a private provider": {func(_ *testing.T, p *patient) {
			p.settings.OutboundAllow = ""
			p.provider("https://127.0.0.1:1")
		}, Bad, "can't be reached", "NOTPANEL_OUTBOUND_ALLOW"},
		"everything allowed": {func(_ *testing.T, p *patient) { p.settings.OutboundAllow = "169.254.0.0/16" }, Warn, "169.254.0.0/16", "your providers alone"},
		"a mail server away": {func(t *testing.T, p *patient) {
			host, port := closed(t)
			p.settings.Mail = config.Mail{SMTPURL: "smtp://" + net.JoinHostPort(host, port), MailFrom: "panel@panel.example"}
		}, Bad, "can't be reached", "nothing listens there"},
		"nothing speaks https":  {func(_ *testing.T, p *patient) { p.settings.PublicURL = "https://panel.example" }, Bad, "nothing speaks https", "NOTPANEL_TRUSTED_PROXIES"},
		"an open ops address":   {func(_ *testing.T, p *patient) { p.settings.OpsListen = "0.0.0.0:8081" }, Warn, "0.0.0.0:8081", "NOTPANEL_OPS_LISTEN"},
		"another's certificate": {func(_ *testing.T, p *patient) { p.certificate("other.example", now().Add(1000*time.Hour)) }, Bad, "it is not for panel.example", "NOTPANEL_PUBLIC_URL"},
		"an ended certificate":  {func(_ *testing.T, p *patient) { p.certificate("panel.example", now().Add(-time.Hour)) }, Bad, "it ended at", "renew it"},
		"an ending certificate": {func(_ *testing.T, p *patient) { p.certificate("panel.example", now().Add(time.Hour)) }, Warn, "it ends at", "renew it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			c.ail(t, p)
			found := Examine(context.WithoutCancel(t.Context()), p.settings)
			hit := false
			for _, f := range found {
				hit = hit || f.Verdict == c.want && strings.Contains(f.Says, c.says) && strings.Contains(f.Do, c.do)
				if f.Verdict == Bad && c.want != Bad {
					t.Errorf("%+v", f)
				}
				if (f.Verdict == OK) != (f.Do == "") {
					t.Errorf("it does not say what to do, or says it for nothing: %+v", f)
				}
			}
			if !hit {
				t.Errorf("no %s with %q and %q in %+v", c.want, c.says, c.do, found)
			}
		})
	}
}

// A provider that listens is found there.
func TestExamineReaches(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	p := newPatient(t)
	p.provider("http://" + l.Addr().String())
	for _, f := range Examine(t.Context(), p.settings) {
		if f.About == "provider Upstream" && f.Verdict == OK {
			return
		}
	}
	t.Error("it was not reached")
}

// What a PostgreSQL server says of itself is judged.
func TestPromisesOfPostgres(t *testing.T) {
	t.Parallel()
	good := promises{version: "17.1", fsync: "on", commit: "on", pages: "on", wanted: "ANY 1 (a, b)", connections: 100, standbys: 2, inStep: 2}
	with := func(change func(*promises)) promises {
		p := good
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		p    promises
		want Verdict
		says string
	}{
		"good":               {good, OK, "2 of them in step"},
		"no fsync":           {with(func(p *promises) { p.fsync = "off" }), Bad, "fsync is off"},
		"commits don't wait": {with(func(p *promises) { p.commit = "off" }), Bad, "synchronous_commit is off"},
		"torn pages":         {with(func(p *promises) { p.pages = "off" }), Bad, "full_page_writes is off"},
		"few connections":    {with(func(p *promises) { p.connections = 20 }), Warn, "max_connections is 20"},
		"a standby":          {with(func(p *promises) { p.standby = true }), Bad, "is a standby"},
		"nobody in step":     {with(func(p *promises) { p.standbys, p.inStep = 0, 0 }), Bad, "none is in step"},
		"nobody waited for":  {with(func(p *promises) { p.wanted, p.inStep = "", 0 }), Warn, "no commit waits"},
		"alone":              {with(func(p *promises) { p.wanted, p.standbys, p.inStep = "", 0, 0 }), Warn, "there is no standby"},
	} {
		hit := false
		for _, f := range c.p.findings() {
			hit = hit || f.Verdict == c.want && strings.Contains(f.Says, c.says)
		}
		if !hit {
			t.Errorf("%s: %+v", name, c.p.findings())
		}
	}
}

// A real server is asked all of it; that of the tests gives up what lasts for speed.
func TestExaminePostgres(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.settings.Storage = config.Storage{DatabaseURL: dbtest.NewURL(t, db.Postgres)}
	says := map[string]Verdict{}
	for _, f := range Examine(t.Context(), p.settings) {
		says[f.About+": "+f.Says] = f.Verdict
	}
	for want, verdict := range map[string]Verdict{
		"database: its schema is this program's": OK, "database: fsync is off: a power cut loses orders that were answered": Bad,
		"replication: there is no standby: a lost disk costs what came after the last backup": Warn, "clock: this machine and the database agree, and nothing is from the future": OK,
	} {
		if says[want] != verdict {
			t.Errorf("%s is not %s: %v", want, verdict, says)
		}
	}
}
