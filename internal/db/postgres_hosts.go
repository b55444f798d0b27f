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

// hosts knows which servers of an address fell silent. Others are tried before them:
// a server that does not even refuse costs each new connection connectTimeout, while a
// standby that took its place may answer at once.
type hosts struct {
	mu     sync.Mutex
	names  map[string]string // the host of the address that an IP address stands for
	silent map[string]bool   // by host and port
}

func newHosts() *hosts {
	return &hosts{names: map[string]string{}, silent: map[string]bool{}}
}

// keepNames is a lookup that remembers which host it found where.
func (h *hosts) keepNames(lookup pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		found, err := lookup(ctx, host)
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, ip := range found {
			h.names[ip] = host
		}
		return found, err
	}
}

// order lets those that fell silent be tried last, and leaves the address's order otherwise.
func (h *hosts) order(_ context.Context, c *pgx.ConnConfig) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.silent) == 0 {
		return nil
	}
	all := slices.Concat([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks)
	isSilent := func(one *pgconn.FallbackConfig) bool {
		return h.silent[net.JoinHostPort(one.Host, strconv.Itoa(int(one.Port)))]
	}
	tried := slices.DeleteFunc(slices.Clone(all), isSilent)
	for _, one := range all {
		if isSilent(one) {
			tried = append(tried, one)
		}
	}
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = tried[0].Host, tried[0].Port, tried[0].TLSConfig, tried[1:]
	return nil
}

// heard notes whether a server that was dialled at an IP address and port answered.
func (h *hosts) heard(dialled string, answered bool) {
	ip, port, err := net.SplitHostPort(dialled)
	if err != nil {
		return // a socket of this machine
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	host, ok := h.names[ip]
	switch server := net.JoinHostPort(host, port); {
	case !ok:
	case answered:
		delete(h.silent, server)
	default:
		h.silent[server] = true
	}
}
