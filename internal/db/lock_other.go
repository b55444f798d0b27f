//go:build !unix

package db

import (
	"fmt"
	"os"
)

// FileLock keeps a second panel away from a SQLite file.
type FileLock struct {
	file *os.File
	path string
}

// LockFile makes FILE.lock beside the database of a sqlite: address. Where there
// is no lock that ends with its process, a crash leaves the file behind, and the
// error says what to do. Other addresses need no lock and get nil.
func LockFile(address string) (*FileLock, error) {
	path, ok, err := lockedPath(address)
	if !ok {
		return nil, err // nil for PostgreSQL, which serves many nodes
	}
	path += ".lock"
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("another panel serves this file already; if none does, remove %s: %w", path, err)
	}
	return &FileLock{file, path}, nil
}

// lockMigration locks nothing where there is no lock that ends with its process:
// the panel's own lock keeps a second one away.
func lockMigration(string) (*FileLock, error) { return &FileLock{}, nil }

// Unlock gives the lock back.
func (l *FileLock) Unlock() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	return os.Remove(l.path)
}
