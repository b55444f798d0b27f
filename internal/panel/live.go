package panel

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// every is how often a node looks whether another one changed something.
	every = 2 * time.Second
	// askAgain is how soon after a look for a file that is not there the next one is
	// made: who asks for files that never were costs no more than this.
	askAgain = time.Second
	// assetsKept are the files of so many brands: a page of a moment ago asks for
	// those of the one before.
	assetsKept = 4
)

// Current is what holds now. It is never changed.
type Current struct {
	Stored

	Brand  brand.Brand
	SignUp bool   // people may make accounts
	Alerts string // who is warned of what staff should know; "" is nobody
	Closed bool   // for maintenance
	Says   string // to customers, while it is closed; "" is our sentence
	Since  time.Time
}

// Live has what holds now on this node: what the database says, over what the
// environment says. It follows the database within seconds, and Refresh at once.
type Live struct {
	store *Store
	usual brand.Brand
	log   *slog.Logger

	now atomic.Pointer[Current]

	mu     sync.Mutex // who reads the database
	assets [][]brand.Asset
	asked  time.Time // when a file was last looked for that is not there
}

// NewLive reads the settings. Usual is what the environment says.
func NewLive(ctx context.Context, d *db.DB, usual brand.Brand, log *slog.Logger) (*Live, error) {
	l := &Live{store: NewStore(d), usual: usual, log: log}
	return l, l.Refresh(ctx)
}

// Now returns what holds now.
func (l *Live) Now() *Current { return l.now.Load() }

// Usual returns what the environment says.
func (l *Live) Usual() brand.Brand { return l.usual }

// Brand returns whose panel it is now.
func (l *Live) Brand() brand.Brand { return l.Now().Brand }

// Refresh makes what was committed before it hold on this node.
func (l *Live) Refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refresh(ctx)
}

func (l *Live) refresh(ctx context.Context) error {
	known := int64(-1)
	if now := l.Now(); now != nil {
		known = now.Version
	}
	all, moved, err := l.store.after(ctx, known)
	if err != nil || !moved {
		return err
	}
	now := l.build(ctx, all)
	l.now.Store(now)
	l.assets = append(l.assets, now.Brand.Assets())
	if len(l.assets) > assetsKept {
		l.assets = l.assets[1:]
	}
	return nil
}

// build lays what is stored over the environment. What can't be used, perhaps because
// this release is older than the one that stored it, is left as the environment says.
func (l *Live) build(ctx context.Context, all Stored) *Current {
	c := &Current{Stored: all, Brand: l.usual, SignUp: true}
	for _, key := range Keys() {
		s := all.Settings[key]
		if !s.Here {
			continue
		}
		change, err := read(key, s.Value)
		if err != nil {
			l.log.LogAttrs(ctx, slog.LevelError, "a setting can't be used; the environment's stands in its place",
				slog.String("setting", string(key)), slog.Any("error", err))
			continue
		}
		change(c)
	}
	if c.Closed {
		c.Since = all.Settings[Maintenance].ChangedAt
	}
	return c
}

// Loop follows what other nodes and commands change.
func (l *Live) Loop() worker.Loop {
	return worker.Loop{Name: "settings", Every: every, Pass: func(ctx context.Context) (int, error) { return 0, l.Refresh(ctx) }}
}

// Run starts the loop in g; a change on this node wakes it.
func (l *Live) Run(g *worker.Group) { l.store.db.OnCommit(Bell, g.Go(l.Loop())) }

// Asset returns a file of the brand by its name: of the one that holds, of those of a
// moment ago, and of one that another node has shown first.
func (l *Live) Asset(ctx context.Context, name string) (a brand.Asset, found bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, found = l.asset(name); found || clock.System().Sub(l.asked) < askAgain {
		return a, found, nil
	}
	l.asked = clock.System()
	if err := l.refresh(ctx); err != nil {
		return a, false, fmt.Errorf("look for %q: %w", name, err)
	}
	a, found = l.asset(name)
	return a, found, nil
}

func (l *Live) asset(name string) (a brand.Asset, found bool) {
	for _, all := range l.assets {
		for _, a := range all {
			if a.Name == name {
				return a, true
			}
		}
	}
	return a, false
}

// Value returns what holds of a setting, in the form in which it is stored; of the
// environment's logo nothing.
func (c *Current) Value(key Key) string {
	if s := c.Settings[key]; s.Here {
		return s.Value
	}
	switch key {
	case Name:
		return c.Brand.Name
	case LegalName:
		return c.Brand.LegalName
	case Support:
		return c.Brand.Support
	case Contact:
		return strings.Join(c.Brand.Contact, "\n")
	case Accent:
		if a := c.Brand.Accent; a != nil {
			return AccentValue(a.Light.String(), a.Dark.String())
		}
	case SignUp:
		return Open
	case Logo, Alerts, Maintenance:
	}
	return ""
}
