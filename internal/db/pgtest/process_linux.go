package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// user is whom the server runs as.
type user struct{ uid, gid int }

// serverUser returns nil for ourselves. PostgreSQL refuses to run as root; then
// it is the account postgres, which Debian's package makes.
func serverUser() (*user, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is a value here: ourselves
	}
	account, err := osuser.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, err1 := strconv.Atoi(account.Uid)
	gid, err2 := strconv.Atoi(account.Gid)
	return &user{uid, gid}, errors.Join(err1, err2)
}

// processAttributes lets a program run as the user and end with the thread that
// starts it, by the signal for an immediate shutdown.
func processAttributes(u *user) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if u != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)} //nolint:gosec // ids come from the system
	}
	return attr
}

// lockFolder takes the folder's lock, which the kernel releases when we end. The
// file has its name only once it is locked: no other program finds it unlocked
// while we live.
func lockFolder(path string) (*os.File, error) {
	name := filepath.Join(path, lockName)
	lock, err := os.OpenFile(name+".new", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, err
	}
	if err := tryLock(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, os.Rename(name+".new", name)
}

// removeOrphans removes the folders of programs that were killed. What it can't
// remove is left to the next one.
func removeOrphans() {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), folderPattern, lockName))
	if err != nil {
		return
	}
	for _, name := range locks {
		lock, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW, 0) //nolint:gosec // opened for its lock alone
		if err != nil {
			continue
		}
		if tryLock(lock) == nil {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		_ = lock.Close()
	}
}

func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// holdPort returns a port that nobody else gets until it is released: a socket that
// is bound to it and never listens. The kernel lets a server listen there beside
// it, for PostgreSQL asks for the address to be reused, and gives it to nobody who
// looks for any free port.
func holdPort(context.Context) (port int, release func() error, err error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	release = func() error { return syscall.Close(socket) }
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, nil, errors.Join(err, release())
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, nil, errors.Join(err, release())
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		return 0, nil, errors.Join(err, release())
	}
	address, ok := bound.(*syscall.SockaddrInet4)
	if !ok {
		return 0, nil, errors.Join(fmt.Errorf("bound to %T", bound), release())
	}
	return address.Port, release, nil
}

// kill ends all processes of the server before any of them can say goodbye. The
// first is stopped first: then it neither starts others nor notices their end.
func (s *Server) kill(ctx context.Context) error {
	segment := s.folder.sharedMemory()
	if err := s.child.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := wait(ctx, func() bool { return state(s.PID()) == 'T' }); err != nil {
		return err
	}
	children, err := childrenOf(s.PID())
	if err != nil {
		return err
	}
	for _, p := range append([]*os.Process{s.child.process}, children...) {
		if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	<-s.child.ended
	for _, p := range children {
		if err := wait(ctx, func() bool { return state(p.Pid) == 0 }); err != nil {
			return err
		}
		_ = p.Release()
	}
	if segment >= 0 { // the kernel would keep it for good
		_, err = unix.SysvShmCtl(segment, unix.IPC_RMID, nil)
	}
	return err
}

// state is the letter by which the kernel tells what a process does: R, S, T for
// stopped. It is 0 for one that is gone or waits to be reaped.
func state(pid int) byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold anything.
	fields := stat[bytes.LastIndexByte(stat, ')')+1:]
	if len(fields) < 2 || fields[1] == 'Z' || fields[1] == 'X' {
		return 0
	}
	return fields[1]
}

// childrenOf returns the processes that a stopped process has started. They can't
// be mistaken for others later: the handles are the kernel's own.
func childrenOf(pid int) (children []*os.Process, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, name := range stats {
		stat, err := os.ReadFile(name) //nolint:gosec // the kernel's
		if err != nil {
			continue // it has ended since
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		childID, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return nil, err
		}
		child, err := os.FindProcess(childID)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

// sharedMemory is the id of the System V segment by which a server knows that it is
// alone, or -1: the last number of the seventh line of postmaster.pid.
func (f *folder) sharedMemory() int {
	content, err := os.ReadFile(filepath.Join(f.data(), "postmaster.pid"))
	if err != nil {
		return -1
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 7 {
		return -1
	}
	numbers := strings.Fields(lines[6])
	if len(numbers) != 2 {
		return -1
	}
	id, err := strconv.Atoi(numbers[1])
	if err != nil {
		return -1
	}
	return id
}

// wait looks until it holds.
func wait(ctx context.Context, holds func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
