//go:build unix

package db

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FileLock keeps a second panel away from a SQLite file.
type FileLock struct{ file *os.File }

// LockFile locks FILE.lock beside the database of a sqlite: address until Unlock
// or the end of the process. FILE is the real one where links lead to it. Other addresses need no lock and get nil.
func LockFile(address string) (*FileLock, error) {
	path, ok, err := lockedPath(address)
	if !ok {
		return nil, err // nil for PostgreSQL, which serves many nodes
	}
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the database
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w: this user must be able to write its folder", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another panel serves %s already: stop it first, or use PostgreSQL for several nodes", path)
	}
	return &FileLock{file}, nil
}

// lockMigration waits until no other process changes the schema of a SQLite file.
func lockMigration(path string) (*FileLock, error) {
	path, err := realFile(path)
	if err != nil {
		return nil, err
	}
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
