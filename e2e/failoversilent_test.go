//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// A primary whose machine falls silent refuses nobody: connections to it stay open and
// nothing comes back, and new ones wait. Nodes give it up by themselves, and place again
// once a standby is promoted. What it was asked for last was promised to nobody.
func TestPrimaryFallsSilentUnderLoad(t *testing.T) {
	t.Parallel()
	w, cluster := newCluster(t)
	up := newUpstream(t)
	must(t, up.sim.SetBalance(1_000_000*money.Unit)) // a node that places again at once has seconds to place thousands
	f := &failover{world: w, cluster: cluster, load: newLoad(w.customer(100_000*money.Unit), w.source("Upstream", up.URL))}
	first := cluster.Primary()
	lines := wiresTo(t, w.url)
	through := *w // the nodes' way to the database
	for target, line := range lines {
		through.url = strings.Replace(through.url, target, line.address, 1)
	}
	f.nodes = []*panel{through.serve(), through.serve()}
	f.credits = &credits{w: w, to: w.customer(0)}

	stop := f.begin()
	defer stop()
	f.some(60)
	silent := time.Now()
	lines["127.0.0.1:"+portOf(first.URL("panel"))].drop()
	for i, n := range f.nodes {
		eventually(t, fmt.Sprintf("node %d says that it has no database", i+1), func() bool {
			status, body := n.ready(t.Context())
			return status == http.StatusServiceUnavailable && strings.Contains(body, `"database":false`)
		})
	}
	must(t, cluster.KillPrimary(t.Context())) // it is fenced; its wire says nothing of that
	must(t, cluster.Promote(t.Context()))
	promoted := time.Now()
	placing := f.placeAgain(1, promoted)
	t.Logf("silent for %s when a standby was promoted; after that the nodes placed again in %s and were ready in %s",
		milliseconds(promoted.Sub(silent)), placing, f.readyAgain(promoted))
	stop()
	w.heal()
	f.load.repeat(t, f.nodes[1])
	f.load.booked(w)
	f.credits.booked()
	f.rests(up)
	if twice := up.sentTwice(); len(twice) > 0 {
		t.Errorf("sent more than once: %s", twice)
	}
	must(t, cluster.Rebuild(context.WithoutCancel(t.Context())))
}

// wiresTo stretches a wire to each server of an address, by its host and port.
func wiresTo(t testing.TB, url string) map[string]*wire {
	t.Helper()
	_, rest, _ := strings.Cut(url, "@")
	hosts, _, _ := strings.Cut(rest, "/")
	lines := map[string]*wire{}
	for host := range strings.SplitSeq(hosts, ",") {
		lines[host] = newWire(t, host)
	}
	return lines
}

// portOf is the port of an address with one host.
func portOf(url string) string {
	_, rest, _ := strings.Cut(url, "@127.0.0.1:")
	port, _, _ := strings.Cut(rest, "/")
	if _, err := strconv.Atoi(port); err != nil {
		return ""
	}
	return port
}
