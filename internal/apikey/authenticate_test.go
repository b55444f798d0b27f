package apikey_test

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/secret"
)

// ended are the ways in which a value stops being usable.
var ended = map[string]func(t *testing.T, n *node, keyID string){
	"revoked": func(t *testing.T, n *node, keyID string) {
		t.Helper()
		if _, err := n.Revoke(t.Context(), keyID, staff); err != nil {
			t.Error(err)
		}
	},
	"rotated": func(t *testing.T, n *node, keyID string) {
		t.Helper()
		if _, _, err := n.Rotate(t.Context(), keyID, staff); err != nil {
			t.Error(err)
		}
	},
}

// A value that was revoked or replaced is refused by every request that arrives
// after that, on this node and on another, however many are under way.
func TestEndedValueIsRefusedAtTheNextRequest(t *testing.T) {
	t.Parallel()
	for name, end := range ended {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
				value, k := issue(t, nodes[0], live(accountID))
				var isOver atomic.Bool
				var served, refused sync.WaitGroup
				for i := range 8 {
					n, first := nodes[i%2], sync.OnceFunc(served.Done)
					served.Add(1)
					refused.Go(func() {
						defer first()
						for {
							over := isOver.Load()
							_, err := n.request(t.Context(), value)
							first()
							switch {
							case errors.Is(err, apikey.ErrUnusable):
								return
							case err != nil:
								t.Error(err)
								return
							case over:
								t.Error("it was accepted after its end")
								return
							}
						}
					})
				}
				served.Wait()
				end(t, nodes[0], k.ID)
				isOver.Store(true)
				for _, n := range nodes {
					if _, err := n.request(t.Context(), value); !errors.Is(err, apikey.ErrUnusable) {
						t.Errorf("the next request: %v, want ErrUnusable", err)
					}
				}
				refused.Wait()
			})
		})
	}
}

// Rotating gives a value that works at once, for the same key.
func TestRotatedKeyWorksWithItsNewValue(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
		old, k := issue(t, nodes[0], live(accountID))
		if err := nodes[0].NoteInURL(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		value, rotated, err := nodes[0].Rotate(t.Context(), k.ID, staff)
		if err != nil || value == old || rotated.ID != k.ID || rotated.RotatedAt.IsZero() || rotated.Prefix != apikey.DisplayPrefix(value) {
			t.Fatalf("rotated %+v, %v", rotated, err)
		}
		for _, n := range nodes {
			if p, err := n.request(t.Context(), value); err != nil || p.KeyID != k.ID {
				t.Errorf("the new value: %+v, %v", p, err)
			}
		}
		// The new value stands in no log.
		if got := nodes[1].stored(t, k.ID); !got.SeenInURLAt.IsZero() || !got.RotatedAt.Equal(rotated.RotatedAt) {
			t.Errorf("stored %+v", got)
		}
	})
}

// costs are the HMACs and look-ups that a call takes.
func costs(n *node, call func()) (hashes, lookups int64) {
	hashes, lookups = n.ring.APIKeyHashes(), n.Lookups()
	call()
	return n.ring.APIKeyHashes() - hashes, n.Lookups() - lookups
}

// unusable makes one value of each kind that is refused; some were usable and
// are in n's memory.
func unusable(t *testing.T, n *node, accountID string) map[string]string {
	t.Helper()
	usable, _ := issue(t, n, live(accountID))
	values := map[string]string{
		"missing":               "",
		"malformed":             "hello",
		"bytes":                 "\x00\xff\xfe",
		"unknown":               apikey.NewValue(apikey.Live),
		"unknown, test":         apikey.NewValue(apikey.Test),
		"another mode's prefix": strings.Replace(usable, "np_live_", "np_test_", 1),
		"without its prefix":    strings.TrimPrefix(usable, "np_live_"),
		"cut short":             usable[:len(usable)-1],
		"with a space":          usable + " ",
		"in other case":         strings.ToUpper(usable),
		"128 bytes":             usable + strings.Repeat("x", 128-len(usable)),
		"129 bytes":             usable + strings.Repeat("x", 129-len(usable)),
		"a megabyte":            strings.Repeat(usable, 1<<20/len(usable)),
		"the stored hash":       n.ring.HashAPIKey(usable)[0],
	}
	for name, end := range ended {
		for _, cached := range []string{"", ", cached"} {
			value, k := issue(t, n, live(accountID))
			if cached != "" {
				mustWork(t, n, value)
			}
			end(t, n, k.ID)
			values[name+cached] = value
		}
	}
	k := live(accountID)
	k.ExpiresAt = n.now().Add(time.Hour)
	values["expired"], _ = issue(t, n, k)
	values["expired, cached"], _ = issue(t, n, k)
	values["from elsewhere"], values["from elsewhere, cached"] = fromElsewhere(t, n)
	mustWork(t, n, usable)
	mustWork(t, n, values["expired, cached"])
	n.advance(2 * time.Hour)
	return values
}

// fromElsewhere makes two values that are refused for the address home; the
// second works elsewhere and is in n's memory.
func fromElsewhere(t *testing.T, n *node) (fresh, cached string) {
	t.Helper()
	// An account has ten active keys, so these are another's.
	other := newAccount(t, n.d, "elsewhere@example.com")
	k := live(other)
	k.Networks = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	fresh, _ = issue(t, n, k)
	cached, _ = issue(t, n, k)
	if _, err := n.Authenticate(t.Context(), cached, n.auth(t), netip.MustParseAddr("203.0.113.7")); err != nil {
		t.Errorf("from its network: %v", err)
	}
	return fresh, cached
}

func mustWork(t *testing.T, n *node, value string) {
	t.Helper()
	if _, err := n.request(t.Context(), value); err != nil {
		t.Errorf("a usable value: %v", err)
	}
}

// Nobody can tell by the answer or by its cost what is wrong with a value: each
// kind takes one HMAC and one look-up, however often it comes.
func TestEveryRefusalCostsTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		wantCosts(t, n, unusable(t, n, accountID), 1)
	})
}

// While there is an old secret every refusal takes two HMACs.
func TestEveryRefusalCostsTwoHashesWithAnOldSecret(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		_, old := newRing(t, nil)
		ring, _ := newRing(t, &old)
		n := newNode(d, ring)
		wantCosts(t, n, unusable(t, n, newAccount(t, d, "ann@example.com")), 2)
	})
}

func wantCosts(t *testing.T, n *node, values map[string]string, hashes int64) {
	t.Helper()
	auth := n.auth(t)
	for name, value := range values {
		for range 3 {
			h, l := costs(n, func() {
				p, err := n.Authenticate(t.Context(), value, auth, home)
				if err != error(apikey.ErrUnusable) || !reflect.DeepEqual(p, apikey.Principal{}) { //nolint:errorlint // the very same answer
					t.Errorf("%s: %+v, %v", name, p, err)
				}
			})
			if h != hashes || l != 1 {
				t.Errorf("%s: %d HMACs and %d look-ups, want %d and 1", name, h, l, hashes)
			}
		}
	}
}

// A usable key is looked up once for each change of keys or accounts, and
// otherwise found in memory.
func TestUsableKeyIsLookedUpOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		value, k := issue(t, n, live(accountID))
		_, other := issue(t, n, live(accountID))
		for _, change := range []func() error{
			func() error { return nil },
			func() error { return n.WriteUses(t.Context()) },
			func() error { return n.NoteInURL(t.Context(), k.ID) },
			func() error { _, err := n.Revoke(t.Context(), other.ID, staff); return err },
		} {
			before := n.auth(t)
			if err := change(); err != nil {
				t.Fatal(err)
			}
			auth := n.auth(t)
			wanted := int64(0) // in memory already
			if n.Lookups() == 0 || auth != before {
				wanted = 1
			}
			for range 4 {
				h, l := costs(n, func() {
					if p, err := n.Authenticate(t.Context(), value, auth, home); err != nil || p.KeyID != k.ID {
						t.Errorf("%+v, %v", p, err)
					}
				})
				if h != 1 || l != wanted {
					t.Errorf("%d HMACs and %d look-ups, want 1 and %d", h, l, wanted)
				}
				wanted = 0
			}
		}
		if n.Lookups() != 2 {
			t.Errorf("%d look-ups in all, want one at first and one after the change", n.Lookups())
		}
	})
}

// A key works until its expiry and not at it, from memory or not. When that is the
// database's clock says: that of a node may be minutes off.
func TestKeyExpires(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		var expires time.Time
		if err := n.d.Read(t.Context(), func(tx *db.Tx) error {
			expires = tx.Now.Add(day).Truncate(time.Microsecond)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		k := live(accountID)
		k.ExpiresAt = expires
		value, _ := issue(t, n, k)
		auth := n.auth(t)
		clocks := map[string]func() time.Time{
			"the database's clock": func() time.Time { return n.now() },
			"ten minutes ahead":    func() time.Time { return n.now().Add(10 * time.Minute) },
			"ten minutes behind":   func() time.Time { return n.now().Add(-10 * time.Minute) },
			"without a monotonic":  func() time.Time { return n.now().Round(0) },
		}
		remembering := map[string]*apikey.Authenticator{}
		for name, now := range clocks {
			remembering[name] = apikey.NewAuthenticator(n.d, n.ring, now)
		}
		for _, step := range []struct {
			by     time.Duration
			usable bool
		}{{0, true}, {day - time.Minute, true}, {time.Minute, false}, {day, false}} {
			n.advance(step.by)
			for name, now := range clocks {
				for from, a := range map[string]*apikey.Authenticator{"memory": remembering[name], "the database": apikey.NewAuthenticator(n.d, n.ring, now)} {
					_, err := a.Authenticate(t.Context(), value, auth, home)
					if step.usable && err != nil || !step.usable && !errors.Is(err, apikey.ErrUnusable) {
						t.Errorf("%s later, %s, from %s: %v", step.by, name, from, err)
					}
				}
			}
		}
		if n := remembering["ten minutes ahead"].Lookups(); n != 3 {
			t.Errorf("%d look-ups, want one at first and one each time that it had expired", n)
		}
	})
}

// Keys that were issued under the secret before still work while it is set, and
// no longer; one that was used meanwhile is hashed anew and works on.
func TestOldSecretStillRecognisesItsKeys(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		oldRing, old := newRing(t, nil)
		both, current := newRing(t, &old)
		alone, err := secret.NewRing(current, nil)
		if err != nil {
			t.Fatal(err)
		}
		accountID := newAccount(t, d, "ann@example.com")
		before, _ := issue(t, newNode(d, oldRing), live(accountID))
		unused, _ := issue(t, newNode(d, oldRing), live(accountID))
		after, _ := issue(t, newNode(d, both), live(accountID))
		for _, c := range []struct {
			name   string
			ring   *secret.Ring
			value  string
			usable bool
		}{
			{"old key, new secret", alone, before, false},
			{"old key, both secrets", both, before, true},
			{"new key, both secrets", both, after, true},
			{"old key that was used, new secret", alone, before, true},
			{"old key that was not, new secret", alone, unused, false},
			{"new key, new secret", alone, after, true},
			{"new key, old secret", oldRing, after, false},
		} {
			name, n := c.name, newNode(d, c.ring)
			for range 2 {
				_, err := n.request(t.Context(), c.value)
				if c.usable && err != nil || !c.usable && !errors.Is(err, apikey.ErrUnusable) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if c.usable && n.Lookups() != 1 {
				t.Errorf("%s: %d look-ups for two requests", name, n.Lookups())
			}
		}
	})
}

// What an account may do is known at its next request, on every node.
func TestAccountsStandingIsKnownAtTheNextRequest(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
		value, _ := issue(t, nodes[0], live(accountID))
		accounts := account.NewStore(nodes[0].d)
		want := func(state account.State, tier account.Tier) {
			t.Helper()
			for _, n := range nodes {
				if p, err := n.request(t.Context(), value); err != nil || p.State != state || p.Tier != tier {
					t.Errorf("the request is for %+v, %v; want %s and %s", p, err, state, tier)
				}
			}
		}
		want(account.Active, account.Standard)
		if _, err := accounts.SetState(t.Context(), accountID, account.Suspended, staff); err != nil {
			t.Fatal(err)
		}
		want(account.Suspended, account.Standard)
		if _, err := accounts.SetTier(t.Context(), accountID, account.Agency, staff); err != nil {
			t.Fatal(err)
		}
		want(account.Suspended, account.Agency)
		if _, err := accounts.SetState(t.Context(), accountID, account.Active, staff); err != nil {
			t.Fatal(err)
		}
		want(account.Active, account.Agency)
	})
}

// A database that can't be asked makes nobody's key invalid.
func TestUnreachableDatabaseIsNotAnInvalidKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		value, _ := issue(t, n, live(accountID))
		auth := n.auth(t)
		if err := n.d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Authenticate(t.Context(), value, auth, home); !fault.Is(err, fault.Unavailable) || errors.Is(err, apikey.ErrUnusable) {
			t.Errorf("Authenticate = %v, want Unavailable", err)
		}
	})
}

// The last use of every key that was used is stored, later ones only, and nobody
// has to look anything up anew for it. A write that fails loses none.
func TestWriteUsesStoresTheLastUse(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
		n, late := nodes[0], nodes[1]
		value, used := issue(t, n, live(accountID))
		second, usedToo := issue(t, n, live(accountID))
		_, unused := issue(t, n, live(accountID))
		mustWork(t, n, value)
		mustWork(t, n, second)
		n.advance(time.Hour)
		mustWork(t, n, value)
		if _, err := n.request(t.Context(), apikey.NewValue(apikey.Live)); err == nil {
			t.Error("an unknown value was accepted")
		}
		auth := n.auth(t)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := n.WriteUses(gone); err == nil {
			t.Error("it was written for nobody")
		}
		if err := n.WriteUses(t.Context()); err != nil {
			t.Fatal(err)
		}
		lastUse := n.stored(t, used.ID).LastUsedAt
		if off := clock.System().Add(time.Hour).Sub(lastUse); off.Abs() > time.Minute {
			t.Errorf("the last use was stored %s off", off)
		}
		if at := n.stored(t, usedToo.ID).LastUsedAt; at.IsZero() || at.After(lastUse) {
			t.Errorf("the other key was used at %s", at)
		}
		if at := n.stored(t, unused.ID).LastUsedAt; !at.IsZero() {
			t.Errorf("a key that nobody used was used at %s", at)
		}

		// A node that is behind, in time or with its writing, takes nothing back.
		mustWork(t, late, value)
		if err := errors.Join(late.WriteUses(t.Context()), n.WriteUses(t.Context())); err != nil {
			t.Error(err)
		}
		if at := n.stored(t, used.ID).LastUsedAt; !at.Equal(lastUse) {
			t.Errorf("the last use went from %s to %s", lastUse, at)
		}
		if n.auth(t) != auth {
			t.Error("writing uses moved the epoch")
		}
	})
}

// Two nodes that write uses of the same keys at once don't get in each other's way.
func TestWriteUsesOnTwoNodes(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
		var values []string
		for range apikey.MaxActive {
			value, _ := issue(t, nodes[0], live(accountID))
			values = append(values, value)
		}
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() {
				for range 10 {
					for _, value := range values {
						mustWork(t, n, value)
					}
					if err := n.WriteUses(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// A key whose value came in a URL is marked with the time, anew after an hour at
// most, and works on.
func TestNoteInURL(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		value, k := issue(t, n, live(accountID))
		_, other := issue(t, n, live(accountID))
		auth := n.auth(t)
		var seen []time.Time
		for _, wait := range []time.Duration{0, 30 * time.Minute, 45 * time.Minute} {
			n.advance(wait)
			if err := n.NoteInURL(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, n.stored(t, k.ID).SeenInURLAt)
		}
		if seen[0].IsZero() || !seen[1].Equal(seen[0]) || seen[2].Sub(seen[0]) < time.Hour {
			t.Errorf("seen at %v", seen)
		}
		if at := n.stored(t, other.ID).SeenInURLAt; !at.IsZero() {
			t.Errorf("another key is marked at %s", at)
		}
		if n.auth(t) != auth {
			t.Error("the mark moved the epoch")
		}
		mustWork(t, n, value)
	})
}
