// Package identity knows people in browsers: how they sign up and in, by what
// they prove who they are, where they are signed in, and how they change all
// that. It owns the tables tokens, sessions, totp, recovery_codes, passkeys,
// attempts, sign_ins and devices.
//
// It does not know pages, nor how mail is sent: it queues mails by a template's
// name, in the transaction of the act that they tell of. API keys are none of its
// business, except that it says who may make some.
package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/staff"
)

// Where the links in mails lead, each with ?token=. Their GET shows a button whose
// POST spends the token.
const (
	VerifyPath = "/verify-email"
	ResetPath  = "/reset-password"
	ChangePath = "/change-email"
)

// Mail is a mail to be written from a template, in the reader's language. Its Data
// may hold a link with a token, so it is not to be kept in clear.
type Mail struct {
	To       string
	Language string // empty: the panel's
	Template string
	Data     map[string]string
}

// Mailer queues mails in the transaction of the act that they tell of.
type Mailer interface {
	Queue(tx *db.Tx, m Mail) error
}

// The templates and their Data.
const (
	MailVerify        = "verify_email"          // link
	MailRegistered    = "already_registered"    // link: to the sign-in page
	MailReset         = "reset_password"        // link
	MailPassword      = "password_changed"      // time, address, agent
	MailChange        = "change_email"          // link; email: the new address
	MailChangeNotice  = "email_change_notice"   // email: the new address; time, address, agent
	MailChanged       = "email_changed"         // email: the new address; time, address, agent
	MailNewDevice     = "new_device"            // time, address, agent
	MailSecondFactor  = "second_factor_changed" // change: one of the Change… constants; time, address, agent
	MailRecoveryCode  = "recovery_code_used"    // left: how many are unused; time, address, agent
	MailCopied        = "data_exported"         // time, address, agent
	mailTime          = "time"                  // RFC 3339, UTC
	mailAddress       = "address"
	mailAgent         = "agent"
	mailLink          = "link"
	mailEmail         = "email"
	mailChange        = "change"
	mailLeft          = "left"
	timeFormat        = time.RFC3339
	signInPath        = "/login"
	defaultQueueWait  = 2 * time.Second
	maxAgent          = 200
	authenticatorName = "NotPanel"
)

// What mails of second_factor_changed name, and the audit log.
const (
	ChangeTOTPAdded      = "totp_added"
	ChangeTOTPRemoved    = "totp_removed"
	ChangePasskeyAdded   = "passkey_added"
	ChangePasskeyRemoved = "passkey_removed"
	ChangePasskeyCloned  = "passkey_cloned" // it signs in no more: its counter went back
	ChangeRecoveryCodes  = "recovery_codes_made"
)

// Options are what the panel is like. PublicURL, Mailer and Address are needed.
type Options struct {
	// PublicURL is where browsers find the panel. Links in mails begin with it, and
	// passkeys are bound to its host.
	PublicURL string
	// Name is how the panel is called in authenticator apps and for passkeys.
	// Empty: NotPanel.
	Name string
	// Mailer takes mails.
	Mailer Mailer
	// Address tells where a request comes from.
	Address func(*http.Request) netip.Addr
	// Failed answers a request whose session could not be read or kept. Nil: a bare
	// 503.
	Failed func(http.ResponseWriter, *http.Request, error)
	// Log is told what only an operator can mend. Nil: slog.Default.
	Log *slog.Logger
	// StaffWithoutSecondFactor lets staff work without one.
	StaffWithoutSecondFactor bool
}

// People is the one way to people's sign-ins. It is safe for use by many
// goroutines.
type People struct {
	db       *db.DB
	ring     *secret.Ring
	options  Options
	gate     *gate
	dummy    string // the hash that unknown addresses are compared with
	webauthn *webauthn.WebAuthn
	scs      *scs.SessionManager
}

// New returns the people of d.
func New(d *db.DB, ring *secret.Ring, o Options) (*People, error) {
	if o.Mailer == nil || o.Address == nil {
		return nil, errors.New("people need a mailer and a finder of addresses")
	}
	if o.Name == "" {
		o.Name = authenticatorName
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	dummy, err := account.HashPassword(newToken())
	if err != nil {
		return nil, err
	}
	p := &People{db: d, ring: ring, options: o, dummy: dummy, gate: newGate(runtime.NumCPU(), defaultQueueWait)}
	if p.webauthn, err = relyingParty(o); err != nil {
		return nil, err
	}
	p.scs = newManager(p)
	return p, nil
}

// relyingParty binds passkeys to the public URL's host. Browsers know none on bare
// addresses: on loopback they are bound to localhost.
func relyingParty(o Options) (*webauthn.WebAuthn, error) {
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Host == "" {
		return nil, errors.New("people need the public URL: passkeys and mailed links depend on it")
	}
	host, origins := public.Hostname(), []string{public.Scheme + "://" + public.Host}
	if addr, err := netip.ParseAddr(host); err == nil {
		host = "localhost"
		if addr.IsLoopback() {
			local := public.Scheme + "://localhost"
			if port := public.Port(); port != "" {
				local += ":" + port
			}
			origins = append(origins, local)
		}
	}
	w, err := webauthn.New(&webauthn.Config{RPID: host, RPDisplayName: o.Name, RPOrigins: origins})
	if err != nil {
		return nil, fmt.Errorf("passkeys of %s: %w", o.PublicURL, err)
	}
	return w, nil
}

// PasskeyHost is the host at which browsers find the panel's passkeys. A page that is
// read at another one can't offer them.
func (p *People) PasskeyHost() string { return p.webauthn.Config.RPID }

// link returns a link for a mail.
func (p *People) link(path, token string) string {
	return p.options.PublicURL + path + "?token=" + url.QueryEscape(token)
}

// Visitor is who sends a request, as far as the request tells.
type Visitor struct {
	Address netip.Addr
	Agent   string // at most 200 bytes
	device  string // hash of the device cookie, "" without one
}

// facts are what mails tell of a visitor.
func (v Visitor) facts(now time.Time) map[string]string {
	return map[string]string{mailTime: now.UTC().Format(timeFormat), mailAddress: v.address(), mailAgent: v.Agent}
}

func (v Visitor) address() string {
	if !v.Address.IsValid() {
		return ""
	}
	return v.Address.String()
}

// Person is who is signed in, as of the beginning of the request. The e-mail address
// is theirs: nobody signs in before it is verified.
type Person struct {
	AccountID string
	Email     string
	Role      account.Role
	Tier      account.Tier
	State     account.State

	account.Preferences

	Permissions staff.Set // what they may do beside ordering
	Viewer      *Viewer   // staff who look at the pages as this customer; nil: it is the person
	SessionID   string
	FreshAt     time.Time // when password and second factor were last proved in this session
	TOTP        bool      // has an authenticator app
	Passkeys    int64
	Cloned      int64 // of the passkeys, how many prove nothing any more: there may be copies
	Recovery    int64 // how many recovery codes are unused

	now time.Time // when this was read
}

// HasSecondFactor reports whether a sign-in needs more than the password. It does
// too where only recovery codes are left to give.
func (p Person) HasSecondFactor() bool { return p.TOTP || p.Passkeys > 0 }

// Reader names who reads, for what is bounded by reader: staff who look on take
// nothing of the customer's.
func (p Person) Reader() string {
	if p.Viewer != nil {
		return p.SessionID
	}
	return p.AccountID
}

// UsablePasskeys is how many of the passkeys prove something.
func (p Person) UsablePasskeys() int64 { return p.Passkeys - p.Cloned }

// Fresh reports whether the proof is new enough for changes to the account itself.
func (p Person) Fresh() bool { return !p.FreshAt.IsZero() && p.now.Sub(p.FreshAt) < freshFor }

// RequiresSecondFactor reports whether who has a role may work only with a second
// factor.
func (p *People) RequiresSecondFactor(role account.Role) bool {
	return role != account.Customer && !p.options.StaffWithoutSecondFactor
}

// MustEnrol reports whether a person reaches nothing but the enrolment of a second
// factor.
func (p *People) MustEnrol(who Person) bool {
	return p.RequiresSecondFactor(who.Role) && !who.HasSecondFactor()
}
