//go:build linux

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/ratelimit/redistest"
)

// How long the torture is and what it rolls. A few kills show that it works, many
// that it always does: `make torture`.
var (
	kills = flag.Int("kills", 4, "how many panels TestTorture kills, half of them on each engine")
	seed  = flag.Uint64("seed", 8, "what TestTorture chooses by")
)

const (
	tortureMoney   = 1_000_000 * money.Unit
	tortureClients = 6
	// callLasts is longer than a call of add can be under way there: the time-out of
	// 1 s, and the 5 s in which its first byte must leave.
	callLasts = 6500 * time.Millisecond
	// clientPatience is how long a client waits for one node.
	clientPatience = 5 * time.Second
	proofEvery     = 10 // rounds
	// shortMost is how many of the other mishaps a short run has at least.
	shortMost = 6
)

// Whatever fails, however often: an order that was answered exists once, is charged
// once and is at the provider at most once, gives back what the provider did not
// deliver, and comes to its end; the nodes heal without a person, and the books are
// right.
func TestTorture(t *testing.T) { //nolint:paralleltest,tparallel // it has the machine to itself: nodes, servers and clients enough for it
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, engine)
			for number := range (*kills + 1) / 2 {
				s.round(number)
			}
			s.prove()
			t.Log(s.report())
		})
	}
}

// scene is panels, their customers, their providers and all that can fail there.
type scene struct {
	*world

	engine  db.Engine
	random  *rand.Rand
	cluster *pgtest.Cluster   // nil on SQLite
	redis   *redistest.Server // nil on SQLite: one node needs none
	disk    string            // a small one, "" where there is none
	line    *wire             // to the providers
	sources []*source         // the classic one, the native one
	ups     []*upstream
	load    *load
	settled map[string]int // what the person who watches has said, by what it was
	tallies []*tally
	turn    int // of the other faults

	places sync.RWMutex
	nodes  []*seat
}

// seat is a place for a panel, in which one runs after the other.
type seat struct {
	*panel

	env   []string
	wires []*wire // to the servers of its database
}

func newScene(t *testing.T, engine db.Engine) *scene {
	s := &scene{engine: engine, random: rand.New(rand.NewPCG(*seed, *seed)), settled: map[string]int{}}
	nodes := 1
	if engine == db.SQLite {
		s.disk = smallDisk(t)
		s.world = newWorldAt(t, migrated(t, s.disk))
	} else {
		nodes = 3
		s.world, s.cluster = newCluster(t)
		s.redis = redistest.Start(t)
	}
	for range 2 {
		up := newUpstream(t)
		up.fund()
		s.ups = append(s.ups, up)
	}
	s.line = newWire(t, strings.TrimPrefix(s.ups[0].URL, "http://"))
	s.sources = []*source{
		s.resell(provider.New{Name: "Classic", URL: "http://" + s.line.address + "/api/v2", Key: upstreamKey, Kind: provider.Classic}, "20%", number),
		s.resell(provider.New{Name: "Native", URL: s.ups[1].URL + "/api/v2", Key: nativeUpstreamKey, Kind: provider.Native}, "20%", number),
	}
	s.load = newLoad(s.customer(tortureMoney), nil)
	s.load.choose = s.choose
	for range nodes {
		s.nodes = append(s.nodes, s.newNode())
	}
	return s
}

// newNode starts a panel, on PostgreSQL with wires of its own to all servers.
func (s *scene) newNode() *seat {
	n := &seat{env: []string{"NOTPANEL_PROVIDER_TIMEOUT=1s"}}
	if s.cluster != nil {
		url := s.url
		_, rest, _ := strings.Cut(s.url, "@")
		hosts, _, _ := strings.Cut(rest, "/")
		for address := range strings.SplitSeq(hosts, ",") {
			w := newWire(s.t, address)
			n.wires = append(n.wires, w)
			url = strings.Replace(url, address, w.address, 1)
		}
		n.env = append(n.env, "NOTPANEL_DATABASE_URL="+url, "NOTPANEL_REDIS_URL="+s.redis.URL())
	}
	n.panel = s.serve(n.env...)
	return n
}

// What becomes of orders at their provider, the usual more often. Each gives back a
// share of the charge.
var destinies = []struct {
	words    string
	perTen   money.Amount // tenths of the charge that come back
	uncommon bool
}{
	{"complete", 0, false},
	{"complete", 0, false},
	{"partial:40", 6, false},
	{"cancel", 10, false},
	{"cancel-at:40", 6, false},
	{"500-accepted", 0, true},
	{"500-json-accepted,partial:40", 6, true},
	{"timeout-accepted", 0, true},
	{"garbage,cancel", 10, true},
	{"drop-body", 0, true},
}

// fate is what is asked of the provider for an order, always the same.
func (s *scene) fate(requestID string) (words string, back money.Amount, native bool) {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, *seed, requestID)
	roll := rand.New(rand.NewPCG(h.Sum64(), *seed))
	native = roll.IntN(2) == 0
	for {
		f := destinies[roll.IntN(len(destinies))]
		if !f.uncommon || roll.IntN(30) == 0 { // a provider that always lies is not sent to
			return f.words, f.perTen * charge / 10, native
		}
	}
}

// choose makes the order that stands under a request id.
func (s *scene) choose(requestID string) (from *source, at string) {
	words, _, native := s.fate(requestID)
	if native {
		return s.sources[1], link(requestID, "", words)
	}
	return s.sources[0], link(requestID, "", words)
}

// begin lets clients place orders, whatever becomes of the nodes, until stopped.
func (s *scene) begin() (stop func()) {
	end := make(chan struct{})
	var working sync.WaitGroup
	for i := range tortureClients {
		working.Go(func() {
			for first := i; !over(end) && !s.t.Failed(); first++ {
				s.order(s.load.begin(s.load.next.Add(1)), first)
				pause(s.t.Context())
			}
		})
	}
	return sync.OnceFunc(func() {
		close(end)
		working.Wait()
	})
}

// order asks one node after the other for an order until it is answered.
func (s *scene) order(requestID string, first int) {
	for i := first; s.t.Context().Err() == nil; i++ {
		if s.ask(requestID, s.at(i)) {
			return
		}
		s.load.again.Add(1)
		pause(s.t.Context())
	}
}

func (s *scene) ask(requestID string, n *panel) bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), clientPatience)
	defer cancel()
	return s.load.place(ctx, requestID, n)
}

// at is the panel that runs at a place now.
func (s *scene) at(i int) *panel {
	s.places.RLock()
	defer s.places.RUnlock()
	return s.nodes[i%len(s.nodes)].panel
}

// again puts a new panel into a place.
func (s *scene) again(n *seat) {
	p := s.serve(n.env...)
	s.places.Lock()
	defer s.places.Unlock()
	n.panel = p
}

// round is a kill under load and, in turn, other mishaps after it.
func (s *scene) round(number int) {
	s.t.Helper()
	stop := s.begin()
	defer stop()
	s.some(int64(10 + s.random.IntN(30)))
	s.suffer(mishap{"a panel killed", (*scene).kill})
	others, rounds := s.mishaps(), (*kills+1)/2
	for total := max(min(len(others), shortMost), rounds); s.turn < total*(number+1)/rounds; s.turn++ {
		s.suffer(others[s.turn%len(others)])
	}
	stop()
	if number%proofEvery == proofEvery-1 {
		s.rest()
		s.load.booked(s.world)
		s.audit()
	}
}

// suffer lets one fault happen and waits until every node places orders again.
func (s *scene) suffer(f mishap) {
	s.t.Helper()
	ended := f.happens(s)
	for i, n := range s.nodes {
		requestID := s.load.begin(s.load.next.Add(1))
		eventually(s.t, fmt.Sprintf("after %s node %d places orders", f.name, i+1), func() bool { return s.ask(requestID, s.at(i)) })
		eventually(s.t, fmt.Sprintf("after %s node %d is ready", f.name, i+1), func() bool {
			status, _ := n.ready(s.t.Context())
			return status == 200
		})
		if !n.running() {
			s.t.Errorf("%s ended node %d", f.name, i+1)
		}
	}
	s.tally(f.name).note(time.Since(ended))
}

// some waits until more orders were answered.
func (s *scene) some(more int64) {
	s.t.Helper()
	enough := s.load.answered.Load() + more
	eventually(s.t, "some orders are answered", func() bool { return s.load.answered.Load() >= enough })
}

// tally counts a fault.
type tally struct {
	name    string
	times   int
	slowest time.Duration // until every node placed orders again
}

func (y *tally) note(took time.Duration) {
	y.times++
	y.slowest = max(y.slowest, took)
}

func (s *scene) tally(name string) *tally {
	for _, y := range s.tallies {
		if y.name == name {
			return y
		}
	}
	y := &tally{name: name}
	s.tallies = append(s.tallies, y)
	return y
}

// report is what happened, as docs/reliability.md has it.
func (s *scene) report() string {
	var text strings.Builder
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format, args...) }
	printf("%s, seed %d:\n\n| fault | times | slowest return |\n|---|---:|---:|\n", s.engine, *seed)
	for _, y := range s.tallies {
		printf("| %s | %d | %.1f s |\n", y.name, y.times, y.slowest.Seconds())
	}
	printf("\n%d orders answered, %d calls repeated; settled by a person: %d as accepted, %d as not\n",
		len(s.load.acks), s.load.again.Load(), s.settled["accepted"], s.settled["not accepted"])
	return text.String()
}
