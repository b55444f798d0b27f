//go:build !linux

package pgtest

import (
	"os"
	"path/filepath"
	"syscall"
)

// user is whom the server runs as; only Linux knows another than ourselves.
type user struct{ uid, gid int }

func serverUser() (*user, error) {
	return nil, nil //nolint:nilnil // nil is a value here: ourselves
}

// processAttributes asks for nothing: here a killed test leaves its server.
func processAttributes(*user) *syscall.SysProcAttr { return nil }

func lockFolder(path string) (*os.File, error) {
	return os.Create(filepath.Join(path, lockName)) //nolint:gosec // our own folder
}

// removeOrphans removes nothing: without a lock an orphan can't be told.
func removeOrphans() {}
