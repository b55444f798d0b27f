package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// producers is how many place at once: as many as a busy panel has connections.
const producers = 256

// tally is how many calls there were, and how many a second.
type tally struct {
	calls int64
	rate  float64
}

// errNoMore ends a goroutine of together that has nothing left to do.
var errNoMore = errors.New("nothing left to do")

// together runs one in many goroutines for a while. The first error ends it.
func together(ctx context.Context, at int, length time.Duration, one func(ctx context.Context, worker, n int) error) (tally, error) {
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began := clock.System()
	for worker := range at {
		wg.Go(func() {
			for n := 0; failed.Load() == nil && clock.System().Sub(began) < length; n++ {
				if err := one(ctx, worker, n); err != nil {
					if !errors.Is(err, errNoMore) {
						failed.CompareAndSwap(nil, &err)
					}
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	t := tally{done.Load(), float64(done.Load()) / clock.System().Sub(began).Seconds()}
	if err := failed.Load(); err != nil {
		return t, *err
	}
	return t, nil
}

// caller sends requests to an address of the API on connections that it keeps. It
// asks for compressed answers, as clients do, and does not decompress them: what that
// costs is the client's.
type caller struct {
	address string
	client  *http.Client
}

func newCaller(address string, connections int) *caller {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true}
	return &caller{address, &http.Client{Transport: transport, Timeout: time.Minute}}
}

func (c *caller) close() { c.client.CloseIdleConnections() }

// send sends a form and returns the answer, whose status is 200.
func (c *caller) send(ctx context.Context, form string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, strings.NewReader(form))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Encoding", "gzip")
	response, err := c.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("send a request: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(response.Body)
		return nil, errors.Join(fmt.Errorf("answer %d %s", response.StatusCode, body), err, response.Body.Close())
	}
	return response, nil
}

// ask returns a whole answer.
func (c *caller) ask(ctx context.Context, form string) (http.Header, []byte, error) {
	response, err := c.send(ctx, form)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read an answer: %w", err)
	}
	return response.Header, body, nil
}

// weigh reads an answer and refuses one that is not as long as it should be, in
// bytes; 0 is any length.
func (c *caller) weigh(ctx context.Context, form string, length int64) error {
	response, err := c.send(ctx, form)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	if length > 0 && got != length {
		return fmt.Errorf("an answer of %d bytes, want %d", got, length)
	}
	return nil
}

// form writes the fields of a request, given as name and value in turn.
func form(key, action string, fields ...string) string {
	all := url.Values{"key": {key}, "action": {action}}
	for i := 0; i+1 < len(fields); i += 2 {
		all.Set(fields[i], fields[i+1])
	}
	return all.Encode()
}

// bareServer is a handler that reads the form and answers every request alike.
type bareServer struct {
	server *http.Server
	url    string
}

// newBareServer starts one that answers the bytes with headers.
func newBareServer(ctx context.Context, header http.Header, answer []byte) (*bareServer, error) {
	header = header.Clone()
	header.Del("Date") // the server writes its own
	return serveAt(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		maps.Copy(w.Header(), header)
		_, _ = w.Write(answer) // the asker is gone if this fails
	}))
}

// serveAt serves on a port of this machine.
func serveAt(ctx context.Context, h http.Handler) (*bareServer, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &bareServer{&http.Server{ReadHeaderTimeout: time.Second, Handler: h}, "http://" + l.Addr().String() + "/api/v2"}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

func (s *bareServer) close() { _ = s.server.Close() }

// rounds is how often two things that are compared take turns: what else the machine
// does meanwhile then slows both.
const rounds = 4

// inTurn measures things in turn, a part of the length each time, and returns the
// median rate of each.
func inTurn(length time.Duration, all ...func(time.Duration) (tally, error)) ([]float64, error) {
	rates := make([][]float64, len(all))
	for range rounds {
		for i, measure := range all {
			t, err := measure(length / rounds)
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], t.rate)
		}
	}
	medians := make([]float64, len(all))
	for i, r := range rates {
		slices.Sort(r)
		medians[i] = (r[(len(r)-1)/2] + r[len(r)/2]) / 2
	}
	return medians, nil
}
