//go:build !linux

package pgtest

import (
	"context"
	"errors"
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

// holdPort keeps no port: it was free a moment ago.
func holdPort(ctx context.Context) (port int, release func() error, err error) {
	port, err = freePort(ctx)
	return port, func() error { return nil }, err
}

// kill knows no other processes than the first here.
func (s *Server) kill(context.Context) error {
	return errors.ErrUnsupported
}
