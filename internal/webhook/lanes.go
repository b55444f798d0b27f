package webhook

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/notpanel/notpanel/internal/clock"
)

// Bounds of what is under way at once, on each node.
const (
	perEndpoint = 4 // to one endpoint that answers well and soon
	// perHost bounds a site, whose names below one that is for sale are the same: who
	// has it can make as many as they like.
	perHost = 16
	// perAccount keeps one account's endpoints from taking all places of a kind.
	perAccount = 32
	// inAll bounds each of two kinds of endpoints, so that those which fail or take
	// their time never hold the places of the others.
	inAll = 256
	// quickAgain is how many answers in a row must come well and soon until one that
	// was slow counts with those that are not.
	quickAgain = 20
)

// pool bounds what is under way to endpoints of one kind.
type pool struct {
	running  int
	accounts map[string]int // of them, by account
	waiting  []*lane        // those that found no place, the longest wait first
}

// lane is what this node sends to one endpoint.
type lane struct {
	id       string // of the endpoint
	queue    []job
	running  int
	waiting  bool // in a pool's list
	failing  bool // the last attempt failed: one at a time, until one succeeds
	failedAt time.Time
	slow     bool // it failed or took its time, and has not answered well for long
	quick    int  // answers in a row that came well and soon
	account  string
	host     string

	endpoint *Endpoint
	keys     [][]byte
	readAt   time.Time
	changes  int // of endpoints when it was read
}

// most is how many deliveries may be under way at once.
func (l *lane) most() int {
	if l.failing {
		return 1
	}
	return perEndpoint
}

// ready reports whether more could be under way if there were a place.
func (l *lane) ready() bool { return len(l.queue) > 0 && l.running < l.most() }

// answered notes how an attempt went.
func (l *lane) answered(ok bool, took time.Duration) {
	if l.failing = !ok; l.failing {
		l.failedAt = clock.System()
	}
	if l.failing || took > slowAfter {
		l.slow, l.quick = true, 0
		return
	}
	l.quick++
	l.slow = l.slow && l.quick < quickAgain
}

// site is what hosts are counted by: the name that was registered, or the address.
func site(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	registered, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return registered
}

// start starts as many of a lane's deliveries as may be under way. The lock is
// held.
func (s *Sender) start(l *lane) {
	for l.ready() && !s.stopped {
		p := s.pool(l)
		if !s.place(l, p, nil) {
			if !l.waiting {
				l.waiting, p.waiting = true, append(p.waiting, l)
			}
			return
		}
		s.begin(l, p)
	}
}

// place reports whether there is one more for a lane, once another that leaves, or
// nil, has given its own back.
func (s *Sender) place(l *lane, p *pool, leaving *lane) bool {
	all, account, host := p.running, p.accounts[l.account], s.hosts[l.host]
	if leaving != nil {
		all--
		if leaving.account == l.account {
			account--
		}
		if leaving.host == l.host {
			host--
		}
	}
	return all < inAll && account < perAccount && host < perHost
}

// begin gives a lane one more place.
func (s *Sender) begin(l *lane, p *pool) {
	l.running++
	p.running++
	p.accounts[l.account]++
	s.hosts[l.host]++
	s.sending.Go(func() { s.work(l, p) })
}

// pool is the one of a lane's kind.
func (s *Sender) pool(l *lane) *pool {
	if l.slow {
		return &s.slow
	}
	return &s.healthy
}

// neediest is the lane with the fewest places among those that wait in a pool and
// could go on; leaving is one that is about to give a place back, or nil. The lock
// is held.
func (s *Sender) neediest(p *pool, leaving *lane) (found *lane) {
	p.waiting = slices.DeleteFunc(p.waiting, func(w *lane) bool {
		w.waiting = w.ready() && s.pool(w) == p
		if w.waiting && w != leaving && s.place(w, p, leaving) && (found == nil || w.running < found.running) {
			found = w
		}
		return !w.waiting
	})
	return found
}

// yields reports whether a lane has to leave one of its places to another, so that
// one that always has something to send doesn't keep them for ever.
func (s *Sender) yields(l *lane, p *pool) bool {
	other := s.neediest(p, l)
	return other != nil && (other.running == 0 || other.running+1 < l.running)
}

// giveBack frees one of a lane's places for who needs it most. The lock is held.
func (s *Sender) giveBack(l *lane, p *pool) {
	l.running--
	p.running--
	fewer(p.accounts, l.account)
	fewer(s.hosts, l.host)
	for _, some := range []*pool{&s.healthy, &s.slow} {
		for w := s.neediest(some, nil); w != nil && !s.stopped; w = s.neediest(some, nil) {
			s.begin(w, some)
		}
	}
	s.start(l)
}

// fewer counts one down, and forgets who has none.
func fewer(counts map[string]int, name string) {
	if counts[name]--; counts[name] == 0 {
		delete(counts, name)
	}
}
