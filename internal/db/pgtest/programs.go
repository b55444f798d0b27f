package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// programs are the paths of the two that a server needs.
type programs struct{ initdb, postgres string }

// basebackup is the path of the one that a standby is made with. Debian has it in
// another package, in the same folder.
func (p programs) basebackup() (path string, err error) {
	if path = filepath.Join(filepath.Dir(p.postgres), "pg_basebackup"); exists(path) {
		return path, nil
	}
	if path, err = exec.LookPath("pg_basebackup"); err != nil {
		return "", errors.New("PostgreSQL's client program pg_basebackup is not installed")
	}
	return path, nil
}

var errNotInstalled = errors.New("PostgreSQL's server programs (initdb, postgres) are not installed")

func findPrograms() (programs, error) {
	// Debian keeps them off the PATH, a folder for each major version.
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return programs{}, err
	}
	slices.SortFunc(folders, func(a, b string) int { return cmp.Compare(majorVersion(b), majorVersion(a)) })
	for _, f := range folders {
		p := programs{filepath.Join(f, "initdb"), filepath.Join(f, "postgres")}
		if exists(p.initdb) && exists(p.postgres) {
			return p, nil
		}
	}
	initdb, err1 := exec.LookPath("initdb")
	postgres, err2 := exec.LookPath("postgres")
	if err1 != nil || err2 != nil {
		return programs{}, errNotInstalled
	}
	return programs{initdb, postgres}, nil
}

// majorVersion reads the 15 of /usr/lib/postgresql/15/bin; what is no number is
// older than all.
func majorVersion(folder string) int {
	v, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return -1
	}
	return v
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// freePort returns a port that was free a moment ago.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil || !ok {
		return 0, fmt.Errorf("no free port: %w", err)
	}
	return addr.Port, nil
}
