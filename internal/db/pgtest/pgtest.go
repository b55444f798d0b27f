// Package pgtest runs a PostgreSQL server of its own for tests and benchmarks:
// own data folder, a free port on 127.0.0.1, stopped by its process id. The
// server ends with the program that started it, also when that is killed.
//
// It knows nothing of our schema, and it keeps no secret: whoever reaches the
// port on this machine is let in.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startTimeout = time.Minute // initdb takes 2 s of computing, more where many start at once
	startTries   = 4           // another program may take the free port first
	dialTimeout  = 2 * time.Second
	pollEvery    = 10 * time.Millisecond
)

// errEnded means that the server ended before it accepted connections.
var errEnded = errors.New("the server ended while starting")

// Options are what a server may be started with. The zero value is for tests.
type Options struct {
	// Durable keeps what PostgreSQL does for safety (fsync, full_page_writes,
	// synchronous_commit), for benchmarks that are to be believed. Without it
	// a crash of the machine loses data.
	Durable bool

	// Settings are server settings by name. They win over ours.
	Settings map[string]string
}

// Server is a running PostgreSQL server. Its methods may be called concurrently.
type Server struct {
	folder *folder
	port   int
	held   bool   // the port is kept for us, whoever else looks for one
	child  *child // nil before the first launch
	stop   func() error
}

// Available reports whether the programs of a PostgreSQL server are installed:
// the newest under /usr/lib/postgresql, otherwise those on the PATH.
func Available() bool {
	_, err := findPrograms()
	return err == nil
}

// prepare finds what every server needs, and takes away what others have left.
func prepare() (p programs, u *user, err error) {
	if p, err = findPrograms(); err == nil {
		u, err = serverUser()
	}
	if err != nil {
		return p, nil, fmt.Errorf("pgtest: %w", err)
	}
	removeOrphans()
	return p, u, nil
}

// Start makes a data folder and starts a server in it. It returns once the
// server accepts connections. The context bounds the start only.
func Start(ctx context.Context, opts Options) (*Server, error) {
	programs, user, err := prepare()
	if err != nil {
		return nil, err
	}
	f, err := newFolder(user)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	s := &Server{folder: f}
	s.stop = sync.OnceValue(func() error { return errors.Join(s.end(), f.remove()) })

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.start(ctx, programs, opts); err != nil {
		// The log goes with the folder.
		err = fmt.Errorf("pgtest: %w; end of the server's log:\n%s", err, f.logTail())
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// URL returns the connection string of a database.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// PID returns the id of the server's first process.
func (s *Server) PID() int { return s.child.process.Pid }

// CreateDatabase makes an empty database.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	return s.CreateDatabaseFrom(ctx, name, "template1")
}

// CreateDatabaseFrom makes a database that is a copy of template, which nobody
// may be connected to meanwhile. Copying files takes half the time of copying
// through the log, which is PostgreSQL's default.
func (s *Server) CreateDatabaseFrom(ctx context.Context, name, template string) error {
	return s.exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)+" STRATEGY FILE_COPY")
}

// DropDatabase removes a database and ends what is still connected to it.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE "+quote(name)+" WITH (FORCE)")
}

// CancelWaits ends the waits of all commits for a standby, as somebody does who wants
// work to go on: they are answered with success and a warning. It returns how many
// there were.
func (s *Server) CancelWaits(ctx context.Context) (ended int, err error) {
	err = s.ask(ctx, `SELECT COUNT(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS w`, &ended)
	return ended, err
}

// Stop ends the server, connected or not, and removes its folder. A second call
// returns what the first did.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) start(ctx context.Context, p programs, opts Options) error {
	if err := s.folder.initialize(ctx, p); err != nil {
		return err
	}
	return s.run(ctx, p, opts)
}

// run starts the server on the data that its folder has.
func (s *Server) run(ctx context.Context, p programs, opts Options) error {
	for try := 1; ; try++ {
		err := s.launch(ctx, p, opts)
		if err == nil {
			err = s.waitReady(ctx)
		}
		if !errors.Is(err, errEnded) || try == startTries {
			return err
		}
	}
}

func (s *Server) launch(ctx context.Context, p programs, opts Options) (err error) {
	if !s.held {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
	}
	args := s.folder.arguments(s.port, opts)
	// The server outlives the call.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.postgres, args...) //nolint:gosec // a program found by us
	s.child, err = s.folder.spawn(cmd)
	return err
}

func (s *Server) waitReady(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.child.ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w (%w)", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// answers returns nil when our server accepts connections. Another test's server
// may have got the port before ours, so the name is asked for.
func (s *Server) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	var name string
	if err := conn.QueryRow(ctx, "SHOW cluster_name").Scan(&name); err != nil {
		return err
	}
	if name != s.folder.name() {
		return fmt.Errorf("port %d belongs to %q", s.port, name)
	}
	return nil
}

// ask runs a query for one value.
func (s *Server) ask(ctx context.Context, query string, answer any) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	defer closeConn(ctx, conn)
	if err := conn.QueryRow(ctx, query).Scan(answer); err != nil {
		return fmt.Errorf("pgtest: %s: %w", query, err)
	}
	return nil
}

func (s *Server) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("pgtest: %s: %w", statement, err)
	}
	return nil
}

// end asks for a fast shutdown, and less kindly where that does not help.
func (s *Server) end() error {
	if s.child == nil {
		return nil
	}
	steps := []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, 20 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	for _, step := range steps {
		if err := s.child.process.Signal(step.signal); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-s.child.ended:
			return nil
		case <-time.After(step.wait):
		}
	}
	return fmt.Errorf("pgtest: server %d does not end", s.PID())
}

// A lost goodbye changes nothing: the answer is there.
func closeConn(ctx context.Context, conn *pgx.Conn) { _ = conn.Close(ctx) }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
