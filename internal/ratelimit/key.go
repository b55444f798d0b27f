package ratelimit

import (
	"sync"
	"time"
)

// maxKeys bounds the keys that are counted in one minute. Keys are few to an
// account and dear to make, so nobody fills the table on purpose; requests of
// those that find no place in it are not limited, rather than refused for others'
// traffic.
const maxKeys = 200_000

// Cost says how a request counts at its key and tier.
type Cost int

// The costs.
const (
	// One is the cost of a request, of a batch too.
	One Cost = iota
	// Poll is One, but may take no more than four fifths of the key's limit, so that
	// asking about orders leaves room to place some.
	Poll
	// Nothing is counted and nothing refused; the verdict says what is left.
	Nothing
)

// Use is a request with a usable key.
type Use struct {
	KeyID, AccountID string
	// Tier is the name of the account's tier.
	Tier string
	// Test keys have their own limit only: they neither use the tier's nor are
	// held back by it.
	Test bool
	// Classic keys have three times the default limit.
	Classic bool
	// PerMinute is the key's own limit; 0 is the default.
	PerMinute int64
	// Cost is how the request counts.
	Cost Cost
}

// keyCount is what a key has used in this minute.
type keyCount struct{ all, polls int64 }

// keys counts at keys and tiers. One lock holds both, for they decide together.
type keys struct {
	mu     sync.Mutex
	minute int64
	keys   map[string]keyCount // by key id
	tiers  map[string]int64    // by account id
}

func newKeys() keys {
	return keys{keys: map[string]keyCount{}, tiers: map[string]int64{}}
}

// take decides about one request. Limits of 0 are none.
func (k *keys) take(u Use, keyLimit, tierLimit int64, now time.Time) Verdict {
	v := verdict(now)
	if keyLimit == 0 && tierLimit == 0 {
		return v
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turn(minuteOf(now))
	used, tierUsed := k.keys[u.KeyID], k.tiers[u.AccountID]
	keyLeft, tierLeft := left(u.Cost, used, keyLimit), max(0, tierLimit-tierUsed)
	switch {
	case u.Cost == Nothing:
	case keyLimit > 0 && keyLeft == 0:
		v.DeniedBy = ByKey
	case tierLimit > 0 && tierLeft == 0:
		v.DeniedBy = ByTier
	case k.hasRoom(u):
		k.count(u, used, tierUsed, keyLimit > 0, tierLimit > 0)
		keyLeft, tierLeft = keyLeft-1, tierLeft-1
	}
	v.tell(keyLimit, keyLeft, tierLimit, tierLeft)
	return v
}

// tell sets what is left of the limits of a key and its tier.
func (v *Verdict) tell(keyLimit, keyLeft, tierLimit, tierLeft int64) {
	if keyLimit > 0 {
		v.Limit, v.Remaining = keyLimit, keyLeft
	}
	if tierLimit > 0 {
		v.TierLimit, v.TierRemaining = tierLimit, tierLeft
		if keyLimit == 0 || tierLeft < keyLeft {
			v.Limit, v.Remaining = tierLimit, tierLeft
		}
	}
}

// used returns what a key and an account used in the minute of now.
func (k *keys) used(keyID, accountID string, now time.Time) (byKey, byTier int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.minute != minuteOf(now) {
		return 0, 0
	}
	return k.keys[keyID].all, k.tiers[accountID]
}

// left returns how many more requests of a cost the key's limit allows. A limit
// that was lowered within the minute can be overdrawn: nothing is left then.
func left(c Cost, used keyCount, limit int64) int64 {
	remaining := limit - used.all
	if c == Poll {
		remaining = min(remaining, pollShare(limit)-used.polls)
	}
	return max(0, remaining)
}

// pollShare is how much of a key's limit polls may take.
func pollShare(limit int64) int64 {
	const share, of = 4, 5
	return max(1, limit/of*share+limit%of*share/of)
}

// turn empties the tables when another minute has begun. A clock that was set
// back begins one too.
func (k *keys) turn(minute int64) {
	if minute == k.minute {
		return
	}
	k.minute = minute
	clear(k.keys)
	clear(k.tiers)
}

func (k *keys) hasRoom(u Use) bool {
	if len(k.keys) < maxKeys && len(k.tiers) < maxKeys {
		return true
	}
	_, keyKnown := k.keys[u.KeyID]
	_, accountKnown := k.tiers[u.AccountID]
	return keyKnown && (accountKnown || u.Test)
}

func (k *keys) count(u Use, used keyCount, tierUsed int64, byKey, byTier bool) {
	if byKey {
		used.all++
		if u.Cost == Poll {
			used.polls++
		}
		k.keys[u.KeyID] = used
	}
	if byTier {
		k.tiers[u.AccountID] = tierUsed + 1
	}
}
