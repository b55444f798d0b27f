package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

// clusterSize is a primary and two standbys: with one of them lost, a commit still
// finds one to wait for.
const clusterSize = 3

// Cluster is a primary with two standbys that follow it by streaming. A commit is
// answered once one of the two has it, so that a lost primary costs no answered
// commit. It promotes nobody by itself: who holds it does.
//
// URL may be called at any time; all else by one goroutine.
type Cluster struct {
	programs programs
	opts     Options
	servers  []*Server
	release  []func() error // the servers' ports
	primary  *Server
	lost     *Server // nil while all run
	stop     func() error
}

// StartCluster starts a primary and two standbys, and returns once both are in
// step. The context bounds the start only. Whatever the options say, commits wait
// for a standby: what is tested with a cluster is what a killed primary loses.
func StartCluster(ctx context.Context, opts Options) (*Cluster, error) {
	programs, user, err := prepare()
	if err != nil {
		return nil, err
	}
	c := &Cluster{programs: programs}
	c.stop = sync.OnceValue(c.end)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range clusterSize {
		if err := c.add(ctx, user); err != nil {
			return nil, errors.Join(fmt.Errorf("pgtest: %w", err), c.Stop())
		}
	}
	c.opts = c.settings(opts)
	if err := c.start(ctx); err != nil {
		err = fmt.Errorf("pgtest: %w; ends of the servers' logs:\n%s", err, c.logTails())
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// URL returns the connection string of a database: it names all servers, and who
// connects gets the one that can be written to.
func (c *Cluster) URL(database string) string {
	hosts := make([]string, len(c.servers))
	for i, s := range c.servers {
		hosts[i] = "127.0.0.1:" + strconv.Itoa(s.port)
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/" + database + "?sslmode=disable&target_session_attrs=read-write"
}

// Primary returns the server that can be written to, or the one that could until
// KillPrimary.
func (c *Cluster) Primary() *Server { return c.primary }

// Standbys returns the servers that follow the primary.
func (c *Cluster) Standbys() (all []*Server) {
	for _, s := range c.servers {
		if s != c.primary && s != c.lost {
			all = append(all, s)
		}
	}
	return all
}

// KillPrimary kills all processes of the primary at once, as a machine does that
// loses its power, and returns when they are gone. Nobody is promoted.
func (c *Cluster) KillPrimary(ctx context.Context) error {
	if c.lost != nil {
		return errors.New("pgtest: a server is lost already")
	}
	c.lost = c.primary
	if err := c.lost.kill(ctx); err != nil {
		return fmt.Errorf("pgtest: kill the primary: %w", err)
	}
	return nil
}

// RestartPrimary kills the primary as KillPrimary does and starts it again, with what
// it had written.
func (c *Cluster) RestartPrimary(ctx context.Context) error {
	if err := c.KillPrimary(ctx); err != nil {
		return err
	}
	s := c.lost
	c.lost = nil
	if err := s.run(ctx, c.programs, c.opts); err != nil {
		return fmt.Errorf("pgtest: start the primary again: %w; end of its log:\n%s", err, s.folder.logTail())
	}
	return nil
}

// Promote makes the standby that has the most of what the lost primary wrote the
// new one, and lets the other follow it. It returns when promoted; the other is in
// step a moment later.
func (c *Cluster) Promote(ctx context.Context) error {
	best, err := c.furthest(ctx)
	if err != nil {
		return err
	}
	// The other has no more than it, so it can follow.
	if err := best.exec(ctx, `SELECT pg_promote()`); err != nil {
		return err
	}
	c.primary = best
	return c.Connect(ctx)
}

// Disconnect takes the stream from all standbys: no commit is answered until they
// are connected again, and nothing of it reaches them.
func (c *Cluster) Disconnect(ctx context.Context) error {
	for _, s := range c.Standbys() {
		if err := s.follow(ctx, ""); err != nil {
			return err
		}
	}
	return c.waitInStep(ctx, 0)
}

// Connect lets all standbys follow the primary.
func (c *Cluster) Connect(ctx context.Context) error {
	for _, s := range c.Standbys() {
		if err := s.follow(ctx, follows(c.primary.port)); err != nil {
			return err
		}
	}
	return nil
}

// Rebuild makes the lost server anew as a standby of the primary and returns when
// all are in step.
func (c *Cluster) Rebuild(ctx context.Context) error {
	if c.lost == nil {
		return errors.New("pgtest: no server is lost")
	}
	if err := c.standby(ctx, c.lost); err != nil {
		return fmt.Errorf("pgtest: %w; end of the server's log:\n%s", err, c.lost.folder.logTail())
	}
	c.lost = nil
	return c.WaitInStep(ctx)
}

// WaitInStep returns when commits wait for every standby that is there.
func (c *Cluster) WaitInStep(ctx context.Context) error {
	return c.waitInStep(ctx, len(c.Standbys()))
}

// Stop ends all servers and removes their folders. A second call returns what the
// first did.
func (c *Cluster) Stop() error { return c.stop() }

func (c *Cluster) end() (err error) {
	for _, s := range c.servers {
		err = errors.Join(err, s.Stop())
	}
	for _, release := range c.release {
		err = errors.Join(err, release())
	}
	return err
}

// add makes a server's folder and keeps a port for it, which it has again whenever
// it is made anew: the cluster's address never changes.
func (c *Cluster) add(ctx context.Context, u *user) error {
	port, release, err := holdPort(ctx)
	if err != nil {
		return err
	}
	c.release = append(c.release, release)
	f, err := newFolder(u)
	if err != nil {
		return err
	}
	s := &Server{folder: f, port: port, held: true}
	s.stop = sync.OnceValue(func() error { return errors.Join(s.end(), f.remove()) })
	c.servers = append(c.servers, s)
	return nil
}

// settings are those of every server, for each may become the primary. A standby
// is known by its cluster_name.
func (c *Cluster) settings(opts Options) Options {
	names := make([]string, len(c.servers))
	for i, s := range c.servers {
		names[i] = quote(s.folder.name())
	}
	own := opts.Settings
	opts.Settings = map[string]string{
		"synchronous_standby_names": "ANY 1 (" + strings.Join(names, ", ") + ")",
		"synchronous_commit":        "on",
		"full_page_writes":          "on",
		"wal_keep_size":             "256MB",
		// A killed server leaves none behind in the machine's own folder.
		"dynamic_shared_memory_type": "mmap",
	}
	maps.Copy(opts.Settings, own)
	return opts
}

func (c *Cluster) start(ctx context.Context) error {
	c.primary = c.servers[0]
	if err := c.primary.start(ctx, c.programs, c.opts); err != nil {
		return err
	}
	for _, s := range c.servers[1:] {
		if err := c.standby(ctx, s); err != nil {
			return err
		}
	}
	return c.WaitInStep(ctx)
}

func (c *Cluster) standby(ctx context.Context, s *Server) error {
	if err := s.folder.copyFrom(ctx, c.programs, c.primary.port); err != nil {
		return err
	}
	return s.run(ctx, c.programs, c.opts)
}

// furthest returns the standby that has received the most.
func (c *Cluster) furthest(ctx context.Context) (best *Server, err error) {
	most := int64(-1)
	for _, s := range c.Standbys() {
		var received int64
		// One that was started after the primary's end has received nothing and has what it
		// replays.
		err := s.ask(ctx, `SELECT (GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint`, &received)
		if err != nil {
			return nil, err
		}
		if received > most {
			best, most = s, received
		}
	}
	if best == nil {
		return nil, errors.New("pgtest: there is no standby")
	}
	return best, nil
}

func (c *Cluster) waitInStep(ctx context.Context, want int) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var have int
		err := c.primary.ask(ctx, `SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'`, &have)
		if err == nil && have == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pgtest: %d standbys in step, want %d: %w", have, want, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

func (c *Cluster) logTails() string {
	var all strings.Builder
	for _, s := range c.servers {
		all.WriteString(s.folder.name() + ":\n" + s.folder.logTail())
	}
	return all.String()
}

// follows is how a standby reaches the server that it follows.
func follows(port int) string {
	return "host=127.0.0.1 port=" + strconv.Itoa(port) + " user=postgres sslmode=disable"
}

// follow lets a standby follow another primary, or none.
func (s *Server) follow(ctx context.Context, primary string) error {
	if err := s.exec(ctx, "ALTER SYSTEM SET primary_conninfo = '"+primary+"'"); err != nil {
		return err
	}
	return s.exec(ctx, "SELECT pg_reload_conf()")
}
