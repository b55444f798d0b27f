//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
)

// The least numbers of requests per key and node, in each weather.
const (
	hot       = 5   // let in before the key ends, so that every node keeps it in memory
	atOthers  = 110 // refused after it by a node whose database is near; of a good key, let in there meanwhile
	atIll     = 6   // answered after it by the node whose database is far
	afterCure = 10  // refused by that node once its database is near again
	// askers is how many ask for one key at one node, each one call after the other
	// with a pause between them: a crowd that never rests would only measure itself.
	askers      = 4
	askingPause = 100 * time.Millisecond
)

// Of many thousand requests that arrive at any node after it was answered that a key
// has ended, none is let in: not while a node's database is slow or out of reach
// either. That node waits or says that it can't serve, the others let a good key in
// whenever it comes, and it serves again by itself.
func TestAKeyThatHasEndedIsLetInNowhere(t *testing.T) { //nolint:paralleltest // it has the machine to itself: nodes, servers and clients enough for it
	w := newWorld(t, db.Postgres)
	nodes, wires := w.cluster(3, "NOTPANEL_STAFF_WITHOUT_SECOND_FACTOR=1")
	from := w.source("Upstream", newUpstream(t).URL)
	must(t, w.providers.SetState(t.Context(), from.provider.ID, provider.Paused, "test", "test")) // what is placed waits
	owner, err := w.accounts.Create(t.Context(), "owner@example.com", password, account.Owner, "test")
	must(t, err)
	staff := nodes[1].signedIn(owner.Email)
	ill, total := wires[2], int64(0)
	for _, sky := range []struct {
		name string
		set  func()
		down bool // the node can't reach its database
	}{
		{"near", ill.pass, false},
		{"late by 50 ms each way", func() { ill.delay(50 * time.Millisecond) }, false},
		{"late by 300 ms each way", func() { ill.delay(300 * time.Millisecond) }, false},
		{"stalled", ill.stall, true},
		{"lost", ill.drop, true},
		{"cut off", ill.cut, true},
	} {
		e := &ending{w: w, name: sky.name, nodes: nodes, keys: w.endingKeys(from, nodes[0], staff), good: &watched{what: "a good key", fields: balanceOf(w.customer(0).key)}}
		total += e.run(func() {
			sky.set()
			if sky.down {
				eventually(t, "the node says that it is not ready", func() bool {
					status, body := nodes[2].ready(t.Context())
					return status == http.StatusServiceUnavailable && strings.Contains(body, `"database":false`)
				})
			}
		}, ill.pass)
	}
	if total < 10_000 {
		t.Errorf("%d requests that began after the end of their key were answered, want 10,000", total)
	}
}

// cluster serves nodes on one database, each of which reaches it by a wire of its own.
func (w *world) cluster(size int, env ...string) (nodes []*panel, wires []*wire) {
	w.t.Helper()
	at, err := url.Parse(w.url)
	must(w.t, err)
	var begun []*process
	for range size {
		link := newWire(w.t, at.Host)
		begun = append(begun, w.begin(append([]string{"NOTPANEL_DATABASE_URL=" + link.url(w.url)}, env...)...))
		wires = append(wires, link)
	}
	for _, p := range begun {
		nodes = append(nodes, serving(w.t, p))
	}
	return nodes, wires
}

// endingKeys are keys of as many customers, and the ways in which each comes to its
// end: by another program, on the command line, on the pages of other nodes.
func (w *world) endingKeys(from *source, page *panel, staff *visitor) []*watched {
	w.t.Helper()
	ctx := w.t.Context()
	key := func(what string, end func(c *customer)) *watched {
		c := w.customer(0)
		return &watched{what: what, fields: balanceOf(c.key), end: func() { end(c) }, status: http.StatusBadRequest, text: unusable}
	}
	suspended := key("of an account that staff suspended on a page", func(c *customer) {
		staff.post("/admin/accounts/"+c.account.ID+"/suspend", "reason", "Chargeback")
	})
	suspended.status, suspended.text = http.StatusForbidden, "Account suspended"
	capped := w.customer(1_000_000 * money.Unit)
	var placed atomic.Int64
	return []*watched{
		key("revoked by another program", func(c *customer) {
			_, err := w.keys.Revoke(ctx, c.keyID, "test")
			must(w.t, err)
		}),
		key("revoked on the command line", func(c *customer) { w.command("key", "revoke", c.keyID) }),
		key("revoked on a page", func(c *customer) { page.signedIn(c.account.Email).post("/dashboard/api/keys/" + c.keyID + "/revoke") }),
		key("revoked by staff", func(c *customer) { staff.post("/admin/accounts/" + c.account.ID + "/keys/" + c.keyID + "/revoke") }),
		key("rotated", func(c *customer) { w.command("key", "rotate", c.keyID) }),
		key("bound to another network", func(c *customer) { w.command("key", "set", c.keyID, "--networks", "192.0.2.0/24") }),
		suspended,
		{
			what: "capped", fields: func() url.Values {
				one := strconv.FormatInt(placed.Add(1), 10)
				return adding(capped.key, from, one, link(capped.keyID+one, "", "complete"))
			}, end: func() {
				// An order that a node far from its database is placing may hold the key's row.
				eventually(w.t, "the key is capped", func() bool {
					_, err := w.keys.Set(ctx, capped.keyID, apikey.Change{DailyCap: new(money.Amount)}, "test")
					if !fault.Is(err, fault.Unavailable) {
						must(w.t, err)
					}
					return err == nil
				})
			}, status: http.StatusBadRequest, text: "The key's daily spend cap is reached", mayWait: true,
		},
	}
}

func balanceOf(key string) func() url.Values {
	return func() url.Values { return form(key, "balance") }
}

// watched is a key and what became of the requests with it, by node.
type watched struct {
	what   string
	fields func() url.Values
	end    func() // returns when it was answered that the key has ended; nil: it does not
	status int    // of the refusal after that
	text   string

	mayWait bool // others may lock what it needs, for as long as their database takes

	ended    atomic.Bool
	letIn    [3]atomic.Int64
	unserved [3]atomic.Int64
	refused  [3]atomic.Int64 // of those that began after the end
	waited   [3]atomic.Int64 // of the same: those that were not served

	mu    sync.Mutex
	wrong []string
	took  [3][]time.Duration
}

// ask sends one request after the other to a node.
func (k *watched) ask(ctx context.Context, i int, n *panel) {
	rest := time.NewTicker(askingPause)
	defer rest.Stop()
	for ctx.Err() == nil {
		after, began := k.ended.Load(), time.Now()
		a, err := n.try(ctx, k.fields())
		if ctx.Err() == nil || err == nil {
			k.note(i, after, a, err, time.Since(began))
		}
		<-rest.C
	}
}

// note judges an answer. While a key comes to its end both answers are right.
func (k *watched) note(i int, after bool, a answer, err error, took time.Duration) {
	refusal := k.end != nil && a.status == k.status && a.body == `{"error":"`+k.text+`"}`
	switch {
	case err == nil && a.status == http.StatusServiceUnavailable:
		k.unserved[i].Add(1)
		if after {
			k.waited[i].Add(1)
		}
	case err == nil && a.status == http.StatusOK && !after:
		k.letIn[i].Add(1)
	case err == nil && refusal && after:
		k.refused[i].Add(1)
	case err == nil && refusal:
	default:
		k.mu.Lock()
		defer k.mu.Unlock()
		k.wrong = append(k.wrong, fmt.Sprintf("node %d, after its end %t: status %d, %s (%v)", i, after, a.status, a.body, err))
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.took[i] = append(k.took[i], took)
}

// median is how long the middle one of a node's answers took since the last call; zero
// where there was none.
func (k *watched) median(i int) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.took[i]
	k.took[i] = nil
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// ending is the end of several keys while they are used at every node. The last
// node is the one whose database may go away.
type ending struct {
	w     *world
	name  string
	nodes []*panel
	keys  []*watched
	good  *watched
}

// run lets all keys be used, changes the weather, ends the keys, and cures the node
// when enough was answered. It returns how many requests with an ended key were
// answered, of those that began after its end was.
func (e *ending) run(fall, cure func()) (answered int64) {
	t := e.w.t
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asking sync.WaitGroup
	all, last := append([]*watched{e.good}, e.keys...), len(e.nodes)-1
	crowd := func(from, to int) {
		for _, k := range all {
			for i := from; i <= to; i++ {
				for range askers {
					asking.Go(func() { k.ask(ctx, i, e.nodes[i]) })
				}
			}
		}
	}
	crowd(0, last)
	e.until("every node lets all keys in", all, func(k *watched, i int) bool { return k.letIn[i].Load() >= hot })
	usual, atLast := e.good.median(0), e.good.median(last)

	fall()
	for _, k := range e.keys {
		k.end()
		k.ended.Store(true)
	}
	crowd(last, last) // those that were there may wait for what they asked before
	var begun [3]int64
	for i := range begun {
		begun[i] = e.good.letIn[i].Load()
	}
	e.until("the others let a good key in as often as it comes", []*watched{e.good}, func(k *watched, i int) bool {
		return i == last || k.letIn[i].Load()-begun[i] >= atOthers
	})
	e.until("the ended keys were refused often", e.keys, func(k *watched, i int) bool {
		answered := k.refused[i].Load()
		if i == last || k.mayWait {
			answered += k.waited[i].Load()
		}
		return i == last && answered >= atIll || answered >= atOthers
	})
	t.Logf("%s: the middle one of a good key's answers took %s at another node (%s before), %s at the ill one (%s before)",
		e.name, e.good.median(0), usual, e.good.median(last), atLast)

	cure()
	goodBefore, refusedBefore := e.good.letIn[last].Load(), map[*watched]int64{}
	for _, k := range e.keys {
		refusedBefore[k] = k.refused[last].Load()
	}
	e.until("the node has healed", e.keys, func(k *watched, _ int) bool {
		return k.refused[last].Load()-refusedBefore[k] >= afterCure && e.good.letIn[last].Load()-goodBefore >= afterCure
	})
	eventually(t, "the node says that it is ready", func() bool {
		status, _ := e.nodes[last].ready(t.Context())
		return status == http.StatusOK
	})
	stop()
	asking.Wait()
	return e.judge(all, last)
}

// until waits until something holds for each key at each node.
func (e *ending) until(what string, keys []*watched, holds func(k *watched, i int) bool) {
	e.w.t.Helper()
	eventually(e.w.t, e.name+": "+what, func() bool {
		for _, k := range keys {
			for i := range e.nodes {
				if !holds(k, i) {
					return false
				}
			}
		}
		return true
	})
}

// judge fails the test for each answer that was wrong.
func (e *ending) judge(all []*watched, last int) (answered int64) {
	t := e.w.t
	t.Helper()
	var refused, waited [3]int64
	for _, k := range all {
		for _, text := range k.wrong[:min(len(k.wrong), 5)] {
			t.Errorf("%s, key %s: %s", e.name, k.what, text)
		}
		for i := range e.nodes {
			refused[i] += k.refused[i].Load()
			waited[i] += k.waited[i].Load()
			answered += k.refused[i].Load() + k.waited[i].Load()
			if unserved := k.unserved[i].Load(); i != last && k == e.good && unserved > 0 {
				t.Errorf("%s: node %d did not serve a good key %d times", e.name, i, unserved)
			}
			// A node whose database is near serves, however busy the machine.
			if i != last && !k.mayWait && k.unserved[i].Load()*100 > k.refused[i].Load()+k.letIn[i].Load() {
				t.Errorf("%s, key %s: node %d did not serve %d times", e.name, k.what, i, k.unserved[i].Load())
			}
		}
	}
	t.Logf("%s: after the end refused %v, not served %v", e.name, refused, waited)
	return answered
}

// visitor is a browser at a node. It keeps cookies as browsers do at a loopback
// address, and follows nothing.
type visitor struct {
	n       *panel
	cookies []*http.Cookie
}

// signedIn signs an account in that has no second factor.
func (n *panel) signedIn(email string) *visitor {
	n.t.Helper()
	v := &visitor{n: n}
	v.post("/login", "email", email, "password", password)
	return v
}

// post sends a form as a browser does from a page of the panel, and expects to be led
// on.
func (v *visitor) post(path string, fields ...string) {
	n := v.n
	n.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.url+path, strings.NewReader(values.Encode()))
	must(n.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	client := *n.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	must(n.t, err)
	must(n.t, response.Body.Close())
	v.cookies = append(v.cookies, response.Cookies()...)
	if to := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || strings.HasPrefix(to, "/login") {
		n.t.Fatalf("POST %s: status %d to %q", path, response.StatusCode, to)
	}
}
