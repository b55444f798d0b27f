package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
)

const (
	folderPattern = "notpanel-pgtest-*"
	lockName      = "lock"
	logTailBytes  = 4 << 10
)

// folder is where one server lives: its data, its log, and a lock that lasts as
// long as the program that made it.
type folder struct {
	path string
	user *user
	lock *os.File
	log  *os.File
}

// newFolder makes a folder that the user may write. A nil user is ourselves.
func newFolder(u *user) (*folder, error) {
	path, err := os.MkdirTemp("", folderPattern)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, user: u}
	if err := f.fill(); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *folder) fill() error {
	var err error
	if f.lock, err = lockFolder(f.path); err != nil {
		return err
	}
	f.log, err = os.OpenFile(filepath.Join(f.path, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if f.user == nil {
		return nil
	}
	return os.Chown(f.path, f.user.uid, f.user.gid)
}

func (f *folder) name() string { return filepath.Base(f.path) }

func (f *folder) data() string { return filepath.Join(f.path, "data") }

func (f *folder) initialize(ctx context.Context, p programs) error {
	// Sorting by bytes, as SQLite does.
	cmd := exec.CommandContext(ctx, p.initdb, //nolint:gosec // a program found by us
		"--pgdata", f.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	// Interrupted, it ends its own children first.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return f.finish(cmd)
}

// copyFrom makes the data of a standby that follows the server at a port.
func (f *folder) copyFrom(ctx context.Context, p programs, port int) error {
	if err := os.RemoveAll(f.data()); err != nil {
		return err
	}
	program, err := p.basebackup()
	if err != nil {
		return err
	}
	return f.finish(exec.CommandContext(ctx, program, //nolint:gosec // a program found by us
		"--pgdata", f.data(), "--dbname", follows(port), "--write-recovery-conf",
		"--checkpoint=fast", "--wal-method=stream", "--no-sync"))
}

// finish runs a program to its end.
func (f *folder) finish(cmd *exec.Cmd) error {
	c, err := f.spawn(cmd)
	if err != nil {
		return err
	}
	<-c.ended
	if c.exit != nil {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), c.exit)
	}
	return nil
}

func (f *folder) arguments(port int, opts Options) []string {
	settings := map[string]string{
		"cluster_name":            f.name(),
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "", // a path below a long TMPDIR is too long for a socket
		"max_connections":         "500",
		"shared_buffers":          "64MB",
	}
	if !opts.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, opts.Settings)
	args := []string{"-D", f.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// child is a program that we started.
type child struct {
	process *os.Process
	ended   chan struct{} // closed when it has ended
	exit    error         // how; read it after ended
}

// spawn starts a program as the folder's user.
//
// The program is to end when we do, however we end. The kernel ties that to the
// thread that started it, not to the process: so the thread is kept for as long
// as the program runs.
func (f *folder) spawn(cmd *exec.Cmd) (*child, error) {
	cmd.Dir = f.path // ours may be closed to the user
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = f.log, f.log
	cmd.SysProcAttr = processAttributes(f.user)

	started, c := make(chan error), &child{ended: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here too
		err := cmd.Start()
		started <- err
		if err == nil {
			c.exit = cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	c.process = cmd.Process
	return c, nil
}

// logTail returns the end of what initdb and the server had to say.
func (f *folder) logTail() string {
	end, err := f.log.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	tail := make([]byte, min(end, logTailBytes))
	if _, err := f.log.ReadAt(tail, end-int64(len(tail))); err != nil {
		return err.Error()
	}
	return string(tail)
}

func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	for _, file := range []*os.File{f.log, f.lock} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}
