//go:build unix

package db

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// FileLock keeps a second panel away from a SQLite file.
type FileLock struct{ file *os.File }

// LockFile locks FILE.lock beside the database of a sqlite: address until Unlock
// or the end of the process. Other addresses need no lock and get nil.
func LockFile(address string) (*FileLock, error) {
	path, ok := strings.CutPrefix(address, "sqlite:")
	if !ok {
		return nil, nil //nolint:nilnil // PostgreSQL serves many nodes
	}
	path = strings.TrimPrefix(path, "//")
	if err := makeFolder(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the database
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another panel serves %s already: stop it first, or use PostgreSQL for several nodes", path)
	}
	return &FileLock{file}, nil
}

// lockMigration waits until no other process changes the schema of a SQLite file.
func lockMigration(path string) (*FileLock, error) {
	file, err := os.OpenFile(path+".migrate", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the database
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the schema of %s: %w", path, err), file.Close())
	}
	return &FileLock{file}, nil
}

// Unlock gives the lock back. The file stays: removing it would let two panels
// lock two files of one name.
func (l *FileLock) Unlock() error { return l.file.Close() }
