package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/plain"
)

// DefaultSlots is how many calls of add run at once, per node, unless a provider
// is set otherwise.
const DefaultSlots = 8

// Bounds of settings.
const (
	maxSlots  = 256
	leastSync = time.Minute
	mostSync  = 30 * 24 * time.Hour
)

// New is a provider on its way into the panel.
type New struct {
	Name    string
	URL     string // of its API; "" for a manual one
	Key     string // ours there; "" for a manual one
	Kind    Kind   // "" is Classic
	Profile Profile
	Headers []Header
	Settings
}

// Create stores a provider, its key and headers sealed.
func (s *Store) Create(ctx context.Context, n New, actor string) (p Provider, err error) {
	p = Provider{
		ID: id.New(id.Provider), Name: strings.TrimSpace(n.Name), URL: n.URL, State: Active, Kind: n.Kind, Profile: n.Profile, Settings: n.Settings,
	}
	if p.Kind == "" {
		p.Kind = Classic
	}
	if p.Slots == 0 {
		p.Slots = DefaultSlots
	}
	if err := errors.Join(checkName(p.Name), p.Profile.validate(), p.Profile.validateFor(p.Kind), p.validate()); err != nil {
		return p, firstOf(err)
	}
	if p.Kind == Manual {
		if n.URL != "" || n.Key != "" || len(n.Headers) > 0 {
			return p, fault.New(fault.Invalid, "a manual provider is never called: it has no url, key or headers")
		}
	} else {
		if err := errors.Join(checkURL(n.URL), checkKey(n.Key)); err != nil {
			return p, firstOf(err)
		}
		p.keySealed = s.ring.Seal([]byte(n.Key), "providers", "key", p.ID)
	}
	if p.headersSealed, err = sealHeaders(s.ring, p.ID, n.Headers); err != nil {
		return p, err
	}
	profile, err := p.Profile.text()
	if err != nil {
		return p, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		p.CreatedAt = tx.Now
		if p.SyncEvery > 0 {
			p.SyncDueAt = tx.Now.Add(p.SyncEvery)
		}
		added, err := tx.ExecOne(`
			INSERT INTO providers (id, name, url, key_sealed, state, created_at, kind, profile, headers_sealed, slots, markup,
				sync_every, sync_due_at, balance_low, rate_more, rate_step, rate_least)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT (name) DO NOTHING`,
			p.ID, p.Name, p.URL, p.keySealed, string(p.State), db.At(tx.Now), string(p.Kind), profile, p.headersSealed,
			p.Slots, nullable(p.Markup), int64(p.SyncEvery/time.Second), db.At(p.SyncDueAt), nullable(p.BalanceLow), p.More, p.Step, p.Least)
		if err != nil {
			return fmt.Errorf("add provider: %w", err)
		}
		if !added {
			return fault.Newf(fault.Conflict, "a provider named %s exists already", p.Name)
		}
		return account.Record(tx, actor, "provider.add", p.ID, strings.TrimSpace(p.Name+" "+p.URL))
	})
	return p, err
}

// nullable is a number as it is stored, nil for none.
func nullable[N money.Amount | money.Percent](n *N) any {
	if n == nil {
		return nil
	}
	return int64(*n)
}

// firstOf is the first of several refusals: one fault has one text.
func firstOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

func checkName(name string) error {
	if name == "" || len(name) > 64 {
		return fault.New(fault.Invalid, "name must have 1 to 64 characters")
	}
	return plain.Line("name", name)
}

func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return fault.New(fault.Invalid, "url must be the full address of the provider's API, such as https://provider.example/api/v2")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fault.New(fault.Invalid, "url must hold no user, query or fragment: the key has a setting of its own")
	}
	return plain.Line("url", address)
}

func checkKey(key string) error {
	if key == "" || len(key) > 512 || strings.ContainsAny(key, "\r\n\x00") {
		return fault.New(fault.Invalid, "key must be one line of 1 to 512 characters")
	}
	return nil
}

func (s Settings) validate() error {
	switch {
	case s.Slots < 1 || s.Slots > maxSlots:
		return fault.Newf(fault.Invalid, "slots must be between 1 and %d", maxSlots)
	case s.SyncEvery != 0 && (s.SyncEvery < leastSync || s.SyncEvery > mostSync || s.SyncEvery%time.Second != 0):
		return fault.New(fault.Invalid, "sync_every must be 0 or whole seconds between 1m and 720h")
	case s.BalanceLow != nil && *s.BalanceLow < 0:
		return fault.New(fault.Invalid, "balance_low must not be negative")
	}
	return s.Pricing().Check()
}

// Change is what changes of a provider; what is nil stays. Its kind never does.
type Change struct {
	URL, Key   *string
	Profile    *Profile
	SetHeaders []Header // added, or in place of one of the same name
	Drop       []string // names of headers to take away
	Slots      *int64
	Markup     **money.Percent
	More       *money.Amount
	Step       *money.Amount
	Least      *money.Amount
	SyncEvery  *time.Duration
	BalanceLow **money.Amount
	// SameAccount says that a new address or key is of the account that the old one
	// was of: orders that are asked for again there are still known.
	SameAccount bool
}

// refuseUnsettled refuses to ask another account about orders that this one may
// have: it would order them anew. The provider's row is locked, so none begins.
func refuseUnsettled(tx *db.Tx, providerID string) error {
	var open int64
	err := tx.QueryRow(`SELECT COUNT(*) FROM submissions WHERE provider_id = $1 AND outcome IN ('sending', 'unknown')`, providerID).Scan(&open)
	if err != nil {
		return fmt.Errorf("look for open submissions: %w", err)
	}
	if open == 0 {
		return nil
	}
	return fault.Newf(fault.Conflict,
		"%d orders with an unknown outcome are asked for again there: settle them first, or add --same-account if the new address and key are of the same account", open)
}

// Set changes a provider. The audit log gets what was changed, of secrets only
// that they were. A time between syncs that changes begins to run now.
func (s *Store) Set(ctx context.Context, providerID string, c Change, actor string) (p Provider, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		p, err = scan(tx.QueryRow(`SELECT `+columns+` FROM providers WHERE id = $1 FOR NO KEY UPDATE`, providerID))
		if errors.Is(err, db.ErrNoRows) {
			return fault.Newf(fault.NotFound, "no provider %s", providerID)
		}
		if err != nil {
			return fmt.Errorf("read provider: %w", err)
		}
		changed, err := s.apply(&p, c, tx.Now)
		if err != nil || len(changed) == 0 {
			return err
		}
		if p.Kind == Native && !c.SameAccount && (c.URL != nil || c.Key != nil) {
			if err := refuseUnsettled(tx, p.ID); err != nil {
				return err
			}
		}
		profile, err := p.Profile.text()
		if err != nil {
			return err
		}
		_, err = tx.Exec(`
			UPDATE providers SET url = $2, key_sealed = $3, profile = $4, headers_sealed = $5, slots = $6, markup = $7, sync_every = $8,
				sync_due_at = $9, balance_low = $10, rate_more = $11, rate_step = $12, rate_least = $13
			WHERE id = $1`,
			p.ID, p.URL, p.keySealed, profile, p.headersSealed, p.Slots, nullable(p.Markup), int64(p.SyncEvery/time.Second),
			db.At(p.SyncDueAt), nullable(p.BalanceLow), p.More, p.Step, p.Least)
		if err != nil {
			return fmt.Errorf("set provider: %w", err)
		}
		return account.Record(tx, actor, "provider.set", p.ID, strings.Join(changed, ", "))
	})
	return p, err
}

// apply carries a change out on p and names what changed.
func (s *Store) apply(p *Provider, c Change, now time.Time) (changed []string, err error) {
	if p.Kind == Manual && (c.URL != nil || c.Key != nil || c.Profile != nil || len(c.SetHeaders) > 0) {
		return nil, fault.New(fault.Invalid, "a manual provider is never called: it has no url, key, profile or headers")
	}
	if p.profileErr != nil && c.Profile == nil {
		return nil, p.profileErr // it would be written over with less
	}
	if c.URL != nil {
		if err := checkURL(*c.URL); err != nil {
			return nil, err
		}
		if err := s.checkMove(*p, c); err != nil {
			return nil, err
		}
		p.URL, changed = *c.URL, append(changed, "url "+*c.URL)
	}
	if c.Key != nil {
		if err := checkKey(*c.Key); err != nil {
			return nil, err
		}
		p.keySealed, changed = s.ring.Seal([]byte(*c.Key), "providers", "key", p.ID), append(changed, "key")
	}
	if c.Profile != nil {
		if err := errors.Join(c.Profile.validate(), c.Profile.validateFor(p.Kind)); err != nil {
			return nil, firstOf(err)
		}
		text, err := c.Profile.text()
		if err != nil {
			return nil, err
		}
		p.Profile, changed = *c.Profile, append(changed, "profile "+text)
	}
	headers, err := s.applyHeaders(p, c)
	if err != nil {
		return nil, err
	}
	changed = append(append(changed, headers...), applySettings(p, c, now)...)
	return changed, p.validate()
}

func applySettings(p *Provider, c Change, now time.Time) (changed []string) {
	if c.Slots != nil {
		p.Slots, changed = *c.Slots, append(changed, fmt.Sprintf("slots %d", *c.Slots))
	}
	if c.Markup != nil {
		p.Markup, changed = *c.Markup, append(changed, "markup none")
		if p.Markup != nil { // a percentage counts in millionths, as an amount does
			changed[len(changed)-1] = "markup " + money.Amount(*p.Markup).String() + "%"
		}
	}
	for _, sum := range []struct {
		name string
		to   *money.Amount
		from *money.Amount
	}{{"rate_more", &p.More, c.More}, {"rate_step", &p.Step, c.Step}, {"rate_least", &p.Least, c.Least}} {
		if sum.from != nil {
			*sum.to, changed = *sum.from, append(changed, sum.name+" "+sum.from.String())
		}
	}
	if c.SyncEvery != nil {
		p.SyncEvery, p.SyncDueAt, changed = *c.SyncEvery, time.Time{}, append(changed, "sync_every "+c.SyncEvery.String())
		if p.SyncEvery > 0 {
			p.SyncDueAt = now.Add(p.SyncEvery)
		}
	}
	if c.BalanceLow != nil {
		p.BalanceLow, changed = *c.BalanceLow, append(changed, "balance_low none")
		if p.BalanceLow != nil {
			changed[len(changed)-1] = "balance_low " + p.BalanceLow.String()
		}
	}
	return changed
}

// checkMove refuses to send a provider's secrets to another host unless whoever moves
// it knows them: who may change an address must not learn a key by it.
func (s *Store) checkMove(p Provider, c Change) error {
	if hostOf(p.URL) == hostOf(*c.URL) {
		return nil
	}
	if c.Key == nil {
		return fault.New(fault.Invalid, "the key would go to another host: give it again together with the address").Because(fault.BadField, "key")
	}
	kept, err := openHeaders(s.ring, p)
	if err != nil {
		return err
	}
	for _, h := range kept {
		same := func(name string) bool { return http.CanonicalHeaderKey(strings.TrimSpace(name)) == h.Name }
		if !slices.ContainsFunc(c.Drop, same) && !slices.ContainsFunc(c.SetHeaders, func(set Header) bool { return same(set.Name) }) {
			return fault.Newf(fault.Invalid, "the header %s would go to another host: give it again together with the address, or take it out first", h.Name).
				Because(fault.BadField, "url")
		}
	}
	return nil
}

// hostOf is whom an address reaches, and how.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// applyHeaders seals the headers anew where they change.
func (s *Store) applyHeaders(p *Provider, c Change) (changed []string, err error) {
	if len(c.SetHeaders)+len(c.Drop) == 0 {
		return nil, nil
	}
	headers, err := openHeaders(s.ring, *p)
	if err != nil {
		return nil, err
	}
	for _, name := range c.Drop {
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		i := slices.IndexFunc(headers, func(h Header) bool { return h.Name == name })
		if i < 0 {
			return nil, fault.Newf(fault.NotFound, "%s has no header %s", p.Name, cutName(name))
		}
		headers, changed = slices.Delete(headers, i, i+1), append(changed, "without header "+name)
	}
	for _, h := range c.SetHeaders {
		headers, changed = append(headers, h), append(changed, "header "+h.Name)
	}
	p.headersSealed, err = sealHeaders(s.ring, p.ID, headers)
	return changed, err
}

// SetAddress changes where a provider is reached and with which key; the account
// there is the same.
func (s *Store) SetAddress(ctx context.Context, providerID, address, key, actor string) error {
	_, err := s.Set(ctx, providerID, Change{URL: &address, Key: &key, SameAccount: true}, actor)
	return err
}

// HeaderNames returns the names of a provider's headers. Their values never leave
// the panel but to the provider.
func (s *Store) HeaderNames(p Provider) (names []string, err error) {
	headers, err := openHeaders(s.ring, p)
	for _, h := range headers {
		names = append(names, h.Name)
	}
	return names, err
}

// Try asks a provider that is not stored yet for its balance: it says whether
// address, key and headers are good. A manual one is good as it is.
func (s *Store) Try(ctx context.Context, n New, guard *outbound.Guard, timeout time.Duration) (b Balance, err error) {
	if n.Kind == Manual {
		return b, nil
	}
	if err := errors.Join(checkURL(n.URL), checkKey(n.Key), n.Profile.validate()); err != nil {
		return b, firstOf(err)
	}
	client := &Client{
		url: n.URL, key: n.Key, native: n.Kind == Native, profile: n.Profile, headers: n.Headers, guard: guard, timeout: timeout,
	}
	return client.Balance(ctx)
}
