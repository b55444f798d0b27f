// Package config holds the program's settings: flags and environment, their
// defaults and what makes them invalid. It reads nothing but them and the files
// that they name.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/secret"
)

// Storage says where the panel's data is and which key its secrets are under.
// Every command has it.
type Storage struct {
	DatabaseURL string `name:"database-url" env:"NOTPANEL_DATABASE_URL" default:"sqlite:notpanel.db" help:"The database: sqlite:PATH or postgres://USER@HOST/NAME. A password belongs into the environment or NOTPANEL_DATABASE_URL_FILE."`

	secretKey, secretKeyOld string
	fixed                   bool
}

// InFile returns the storage of a program that keeps its own file: no
// environment names another database for it.
func InFile(path string) Storage { return Storage{DatabaseURL: "sqlite:" + path, fixed: true} }

// Load reads the settings that come by environment or file only, for secrets on
// a command line can be read by every user of the machine, and checks them.
func (s *Storage) Load() (err error) {
	if file := os.Getenv("NOTPANEL_DATABASE_URL_FILE"); file != "" && !s.fixed {
		if os.Getenv("NOTPANEL_DATABASE_URL") != "" {
			return errors.New("NOTPANEL_DATABASE_URL and NOTPANEL_DATABASE_URL_FILE are both set: set one")
		}
		if s.DatabaseURL, err = line(file); err != nil {
			return fmt.Errorf("NOTPANEL_DATABASE_URL_FILE: %w", err)
		}
	}
	for _, setting := range []struct {
		name string
		to   *string
	}{{"NOTPANEL_SECRET_KEY", &s.secretKey}, {"NOTPANEL_SECRET_KEY_OLD", &s.secretKeyOld}} {
		*setting.to = os.Getenv(setting.name)
		if file := os.Getenv(setting.name + "_FILE"); file != "" {
			if *setting.to != "" {
				return fmt.Errorf("%s and %s_FILE are both set: set one", setting.name, setting.name)
			}
			if *setting.to, err = line(file); err != nil {
				return fmt.Errorf("%s_FILE: %w", setting.name, err)
			}
		}
		if *setting.to == "" {
			continue
		}
		if _, err := secret.Parse(*setting.to); err != nil {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	return s.check()
}

func (s *Storage) check() error {
	path, isFile := s.SQLitePath()
	switch {
	case path == ":memory:":
		return errors.New("a database in memory would end with each command: name a file, such as sqlite:notpanel.db")
	case isFile && path != "", strings.HasPrefix(s.DatabaseURL, "postgres://"), strings.HasPrefix(s.DatabaseURL, "postgresql://"):
		return nil
	}
	return errors.New("--database-url (NOTPANEL_DATABASE_URL) must be sqlite:PATH or postgres://USER@HOST/NAME")
}

// SQLitePath returns the file of a SQLite database.
func (s *Storage) SQLitePath() (path string, ok bool) {
	path, ok = strings.CutPrefix(s.DatabaseURL, "sqlite:")
	return strings.TrimPrefix(path, "//"), ok
}

// SecretKey returns the panel's key as given, "" when it is kept in a file.
func (s *Storage) SecretKey() string { return s.secretKey }

// SecretKeyOld returns the key before a change of keys, "" for none.
func (s *Storage) SecretKeyOld() string { return s.secretKeyOld }

// line reads a file's only line.
func line(file string) (string, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", fmt.Errorf("read a setting: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// Outbound says how the panel reaches others.
type Outbound struct {
	OutboundAllow   string        `env:"NOTPANEL_OUTBOUND_ALLOW" help:"Networks beside the public ones that providers may be in, such as 10.0.0.0/8; comma-separated."`
	ProviderTimeout time.Duration `env:"NOTPANEL_PROVIDER_TIMEOUT" default:"60s" help:"How long an order's sending may take. Reads take 20s at most, and never longer than this."`
}

// Allow returns the networks of OutboundAllow.
func (o Outbound) Allow() ([]netip.Prefix, error) {
	allow, err := outbound.ParseAllow(o.OutboundAllow)
	if err != nil {
		return nil, fmt.Errorf("NOTPANEL_OUTBOUND_ALLOW: %w", err)
	}
	const shortest, longest = 100 * time.Millisecond, 10 * time.Minute
	if o.ProviderTimeout < shortest || o.ProviderTimeout > longest {
		return nil, fmt.Errorf("NOTPANEL_PROVIDER_TIMEOUT must be between %s and %s", shortest, longest)
	}
	return allow, nil
}

// Validate checks the settings.
func (o Outbound) Validate() error {
	_, err := o.Allow()
	return err
}

// Rules hold orders back that a person should look at before they are sent.
type Rules struct {
	MarginFloor   string        `env:"NOTPANEL_MARGIN_FLOOR" default:"0%" help:"Orders of which less than this share of the price would be left after the cost are held."`
	HoldSameLink  int64         `env:"NOTPANEL_HOLD_SAME_LINK" default:"0" help:"Hold orders for a target that so many accounts ordered for within a day; 0 is off."`
	HoldUnfunded  time.Duration `env:"NOTPANEL_HOLD_UNFUNDED" default:"0s" help:"Hold orders of accounts younger than this that never paid in; 0s is off."`
	HoldPerMinute int64         `env:"NOTPANEL_HOLD_PER_MINUTE" default:"0" help:"Hold what an account orders beyond this within a minute; 0 is off."`
}

// Floor checks the rules and returns MarginFloor as a share.
func (r Rules) Floor() (floor money.Percent, err error) {
	if r.MarginFloor != "" {
		floor, err = money.ParsePercent(r.MarginFloor)
	}
	if err != nil || floor < 0 || floor > 100*money.Percent(money.Unit) {
		return 0, errors.New("NOTPANEL_MARGIN_FLOOR must be a share between 0% and 100%")
	}
	if r.HoldSameLink < 0 || r.HoldUnfunded < 0 || r.HoldPerMinute < 0 {
		return 0, errors.New("NOTPANEL_HOLD_SAME_LINK, NOTPANEL_HOLD_UNFUNDED and NOTPANEL_HOLD_PER_MINUTE must not be negative")
	}
	return floor, nil
}

// Serve are the settings of a serving panel.
type Serve struct {
	Storage  `embed:""`
	Outbound `embed:""`
	Rules    `embed:""`
	Limits   `embed:""`
	Brand    `embed:""`
	Mail     `embed:""`
	Telegram `embed:""`
	Backups  `embed:""`

	Listen         string `env:"NOTPANEL_LISTEN" default:"127.0.0.1:8080" help:"Address of the API."`
	OpsListen      string `env:"NOTPANEL_OPS_LISTEN" default:"127.0.0.1:8081" help:"Address of health, readiness and metrics; empty turns them off."`
	PublicURL      string `name:"public-url" env:"NOTPANEL_PUBLIC_URL" help:"The panel's address as its users type it, such as https://panel.example. Needed when it listens beyond this machine."`
	TrustedProxies string `env:"NOTPANEL_TRUSTED_PROXIES" help:"Addresses or networks of reverse proxies whose X-Forwarded-* headers are believed; comma-separated."`
	TLSCert        string `name:"tls-cert" env:"NOTPANEL_TLS_CERT" help:"Certificate file, for https without a proxy." type:"path"`
	TLSKey         string `name:"tls-key" env:"NOTPANEL_TLS_KEY" help:"Key file of the certificate." type:"path"`
	AutoMigrate    bool   `env:"NOTPANEL_AUTO_MIGRATE" default:"true" negatable:"" help:"Bring the database's schema up to date at start."`
	Dev            bool   `env:"NOTPANEL_DEV" help:"Development: refused beyond this machine."`

	StaffWithoutSecondFactor bool `env:"NOTPANEL_STAFF_WITHOUT_SECOND_FACTOR" help:"Let staff work without a second factor."`

	WebhookBackoff float64 `env:"NOTPANEL_WEBHOOK_BACKOFF" default:"1" hidden:"" help:"By how much the pauses between attempts to deliver an event are multiplied, for tests."`

	// Program is the version of this program. It is no setting: backups name it.
	Program string `kong:"-"`

	// Ungrouped gives each write a commit of its own. It is no setting: the
	// benchmark shows with it what grouping gains.
	Ungrouped bool `kong:"-"`
}

// Public returns PublicURL parsed; nil where it is not set.
func (s *Serve) Public() (*url.URL, error) {
	if s.PublicURL == "" {
		return nil, nil //nolint:nilnil // not set is no error
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("NOTPANEL_PUBLIC_URL must be a scheme and a host, such as https://panel.example")
	}
	if u.Scheme == "http" && !IsLoopbackHost(u.Hostname()) {
		return nil, errors.New("NOTPANEL_PUBLIC_URL must begin with https: API keys travel in every request")
	}
	return u, nil
}

// Proxies returns the networks of TrustedProxies.
func (s *Serve) Proxies() ([]netip.Prefix, error) {
	proxies, err := outbound.ParseAllow(s.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("NOTPANEL_TRUSTED_PROXIES: %w", err)
	}
	return proxies, nil
}

// Validate loads what Load does and checks what can be checked before anything
// is opened.
func (s *Serve) Validate() error {
	if err := s.Load(); err != nil {
		return err
	}
	host, ok := ListenHost(s.Listen)
	if !ok {
		return errors.New("NOTPANEL_LISTEN must be HOST:PORT, such as 127.0.0.1:8080")
	}
	if s.OpsListen != "" {
		if _, ok := ListenHost(s.OpsListen); !ok {
			return errors.New("NOTPANEL_OPS_LISTEN must be HOST:PORT or empty")
		}
	}
	if _, err := s.Public(); err != nil {
		return err
	}
	if _, err := s.Proxies(); err != nil {
		return err
	}
	if _, err := s.Allow(); err != nil {
		return err
	}
	if _, err := s.Floor(); err != nil {
		return err
	}
	if err := s.Limits.Validate(); err != nil {
		return err
	}
	if _, err := s.Branding(); err != nil {
		return err
	}
	if _, err := s.MailServer(); err != nil {
		return err
	}
	if _, _, err := s.TelegramBot(); err != nil {
		return err
	}
	if err := s.CheckBackups(); err != nil {
		return err
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New("NOTPANEL_TLS_CERT and NOTPANEL_TLS_KEY belong together: set both or none")
	}
	if IsLoopbackHost(host) {
		return nil
	}
	if s.Dev {
		return errors.New("NOTPANEL_DEV is refused on an address beyond this machine: listen on 127.0.0.1")
	}
	if s.PublicURL == "" {
		return errors.New("NOTPANEL_PUBLIC_URL is needed to listen beyond this machine: set it to the panel's https address")
	}
	if strings.HasPrefix(strings.ToLower(s.PublicURL), "http:") {
		return errors.New("NOTPANEL_PUBLIC_URL must begin with https to listen beyond this machine: API keys travel in every request")
	}
	return nil
}

// ListenHost returns the host of an address to listen on, such as
// 127.0.0.1:8080; not ok for what is none.
func ListenHost(address string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return host, err == nil
}

// IsLoopbackHost reports whether a host can only be this machine.
func IsLoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
