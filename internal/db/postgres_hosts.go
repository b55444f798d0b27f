package db

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// hosts knows which servers of an address fell silent. Where the address asks for the
// primary, others are tried before them: a server that does not even refuse costs each
// new connection connectTimeout, while a standby that took its place answers at once.
type hosts struct {
	mu     sync.Mutex
	names  map[string][]string // the hosts of the address that an IP address stands for
	silent map[string]bool     // by host and port
	fell   func()              // called when one falls silent that served
}

func newHosts() *hosts {
	return &hosts{names: map[string][]string{}, silent: map[string]bool{}, fell: func() {}}
}

// onSilence sets what is done when a server falls silent that served.
func (h *hosts) onSilence(fell func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fell = fell
}

// keepNames is a lookup that remembers which host it found where.
func (h *hosts) keepNames(lookup pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		found, err := lookup(ctx, host)
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, ip := range found {
			if !slices.Contains(h.names[ip], host) {
				h.names[ip] = append(h.names[ip], host)
			}
		}
		return found, err
	}
}

// order lets those that fell silent be tried last, and leaves the address's order
// otherwise. Where any server will do, a standby would be taken for good.
func (h *hosts) order(_ context.Context, c *pgx.ConnConfig) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.ValidateConnect == nil {
		return nil
	}
	all := slices.Concat([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks)
	var tried, last []*pgconn.FallbackConfig
	for _, one := range all {
		if h.silent[net.JoinHostPort(one.Host, strconv.Itoa(int(one.Port)))] {
			last = append(last, one)
		} else {
			tried = append(tried, one)
		}
	}
	tried = append(tried, last...)
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = tried[0].Host, tried[0].Port, tried[0].TLSConfig, tried[1:]
	return nil
}

// serves notes that a server, dialled at an IP address and port, serves.
func (h *hosts) serves(dialled string) { h.mark(dialled, false) }

// fallsSilent notes that a server is silent: that a connection to it was not to be had or,
// where one that had served is dead, that all others to it are.
func (h *hosts) fallsSilent(dialled string, served bool) {
	if fell := h.mark(dialled, true); fell != nil && served {
		fell()
	}
}

// mark notes whether a server is silent. Where it was not known to be, it returns what is
// to be done.
func (h *hosts) mark(dialled string, silent bool) (fell func()) {
	ip, port, err := net.SplitHostPort(dialled)
	if err != nil {
		return nil // a socket of this machine
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, host := range h.names[ip] {
		server := net.JoinHostPort(host, port)
		if silent && !h.silent[server] {
			fell = h.fell
		}
		h.silent[server] = silent
	}
	return fell
}
