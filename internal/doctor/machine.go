package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/secret"
)

func now() time.Time { return clock.System() }

func fingerprint(check string) string { return secret.CheckFingerprint(check) }

// What a disk must have left, in bytes.
const (
	little = 2 << 30
	none   = 200 << 20
)

// slowSync is when a disk takes so long for a commit that orders wait for it.
const slowSync = 20 * time.Millisecond

// checkDisk looks at the folders that the panel writes to.
func (d *doctor) checkDisk() {
	folders := map[string]string{}
	if path, isFile := d.settings.SQLitePath(); isFile {
		folders[filepath.Dir(path)] = "the database's folder"
	}
	if d.settings.BackupFolder != "" {
		folders[d.settings.BackupFolder] = "the backups' folder"
	}
	for _, folder := range slices.Sorted(keys(folders)) {
		d.checkFolder(folder, folders[folder]+" "+folder)
	}
}

func keys(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (d *doctor) checkFolder(folder, name string) {
	const about = "disk"
	if remote, is := remoteDisk(folder); is {
		d.bad(about, name+" is on "+remote+", where SQLite's locks and commits can't be relied on", "put it on a disk of this machine, or use PostgreSQL")
	}
	if free, known := freeSpace(folder); known {
		switch left := fmt.Sprintf("%s has %.1f GiB left", name, float64(free)/(1<<30)); {
		case free < none:
			d.bad(about, left, "make room now: orders are refused when it is full")
		case free < little:
			d.warn(about, left, "make room: the database grows by about 3 GiB for a million orders")
		default:
			d.ok(about, left)
		}
	}
	took, err := syncTime(folder)
	switch {
	case err != nil:
		d.bad(about, name+" can't be written: "+err.Error(), "let this user write there, and see that the disk is not full")
	case took > slowSync:
		d.warn(about, fmt.Sprintf("%s takes %s for a write that lasts", name, took.Round(time.Millisecond)), "use a faster disk: every order waits for it")
	default:
		d.ok(about, fmt.Sprintf("%s takes %s for a write that lasts", name, took.Round(time.Microsecond)))
	}
}

// syncTime is how long the middle one of some small writes takes until it lasts.
func syncTime(folder string) (time.Duration, error) {
	const tries, size = 9, 4096
	file, err := os.CreateTemp(folder, ".notpanel-doctor-*")
	if err != nil {
		return 0, err //nolint:wrapcheck // the finding says what it was for
	}
	defer func() { _ = os.Remove(file.Name()) }()
	var took []time.Duration
	for range tries {
		start := now()
		if _, err := file.Write(make([]byte, size)); err != nil {
			return 0, errors.Join(err, file.Close())
		}
		if err := file.Sync(); err != nil {
			return 0, errors.Join(err, file.Close())
		}
		took = append(took, now().Sub(start))
	}
	slices.Sort(took)
	return took[tries/2], file.Close()
}

func writable(folder string) error {
	_, err := syncTime(folder)
	return err
}

// checkClock compares this machine's clock with the database's, and with the last thing
// that is known to have happened.
func (d *doctor) checkClock(ctx context.Context) {
	const about, most = "clock", time.Second
	var there, last time.Time
	before := now()
	err := d.db.Read(ctx, func(tx *db.Tx) error {
		there = tx.Now
		return tx.QueryRow(`SELECT COALESCE(MAX(at), 0) FROM audit_log`).Scan(db.Time(&last))
	})
	if err != nil {
		d.bad(about, "the database does not say what time it has: "+err.Error(), "run `notpanel migrate status`")
		return
	}
	after := now()
	apart := max(before.Sub(there), there.Sub(after), 0)
	switch {
	case last.Sub(after) > most:
		d.bad(about, "it is behind the last act in the audit log, of "+last.UTC().Format(time.RFC3339), "set the clock right (timedatectl set-ntp true) before the panel is started")
	case apart > most:
		d.bad(about, fmt.Sprintf("this machine and the database are %s apart", apart.Round(time.Millisecond)), "let both take the time from the network (timedatectl set-ntp true)")
	default:
		d.ok(about, "this machine and the database agree, and nothing is from the future")
	}
}

// checkAddresses looks at what the panel listens on and is reached by.
func (d *doctor) checkAddresses() {
	s := d.settings
	if host, _ := config.ListenHost(s.OpsListen); s.OpsListen != "" && !config.IsLoopbackHost(host) {
		d.warn("addresses", "health and metrics are on "+s.OpsListen, "see that NOTPANEL_OPS_LISTEN can't be reached from the internet")
	}
	public, err := s.Public()
	if err != nil || public == nil {
		d.warn("addresses", "only this machine reaches the panel", "set NOTPANEL_PUBLIC_URL to its https address to serve others")
		return
	}
	if s.TLSCert == "" && public.Scheme == "https" && s.TrustedProxies == "" {
		d.bad("addresses", "nothing speaks https, and no proxy that does is trusted: every request to "+public.Host+" is refused",
			"set NOTPANEL_TRUSTED_PROXIES to the proxy's address, or NOTPANEL_TLS_CERT and NOTPANEL_TLS_KEY")
		return
	}
	if s.TLSCert != "" {
		d.checkCertificate(public)
		return
	}
	d.ok("addresses", "the panel is "+public.String()+", behind a proxy")
}

func (d *doctor) checkCertificate(public *url.URL) {
	const about, soon = "certificate", 14 * 24 * time.Hour
	pair, err := tls.LoadX509KeyPair(d.settings.TLSCert, d.settings.TLSKey)
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		d.bad(about, err.Error(), "look at NOTPANEL_TLS_CERT and NOTPANEL_TLS_KEY: the panel does not start without them")
		return
	}
	left := leaf.NotAfter.Sub(now())
	switch nameErr := leaf.VerifyHostname(public.Hostname()); {
	case nameErr != nil:
		d.bad(about, "it is not for "+public.Hostname(), "get one for the host of NOTPANEL_PUBLIC_URL")
	case left <= 0:
		d.bad(about, "it ended at "+leaf.NotAfter.UTC().Format(time.RFC3339), "renew it and start the panel anew: it is read at the start")
	case left < soon:
		d.warn(about, "it ends at "+leaf.NotAfter.UTC().Format(time.RFC3339), "renew it and start the panel anew: it is read at the start")
	default:
		d.ok(about, "it is for "+public.Hostname()+" until "+leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

// resolves reports whether a host's name is known here.
func resolves(ctx context.Context, host string) error {
	_, err := net.DefaultResolver.LookupHost(ctx, host)
	return err //nolint:wrapcheck // the finding says what it was for
}
