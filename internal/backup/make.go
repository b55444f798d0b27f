package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/secret"
)

// Source is a database to make a backup of.
type Source struct {
	DB *db.DB
	// URL is its address, for pg_dump.
	URL string
	// Program is the version of this program.
	Program string
}

// Make writes a backup to path, or into it where it is a folder, and returns where it
// is. Others go on reading and writing; the backup is of one moment, after its begin.
// Nothing is ever written over.
func Make(ctx context.Context, from Source, path string) (written string, m Manifest, err error) {
	m = Manifest{Engine: from.DB.Engine(), Program: from.Program}
	if m.Schema, err = schemaOf(ctx, from.DB); err != nil {
		return "", m, err
	}
	err = from.DB.Read(ctx, func(tx *db.Tx) error {
		var check string
		err := tx.QueryRow(`SELECT secret_check FROM panel WHERE id = 1`).Scan(&check)
		m.Key, m.MadeAt = secret.CheckFingerprint(check), tx.Now
		return err
	})
	if err != nil {
		return "", m, fmt.Errorf("read the panel's settings: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, nameOf(m.MadeAt))
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", m, fmt.Errorf("find the backup's folder: %w", err)
	}
	m, err = write(ctx, path, m, func(file *os.File) error {
		if from.DB.Engine() == db.Postgres {
			return dump(ctx, from.URL, file)
		}
		return from.DB.CopyTo(ctx, file.Name())
	})
	return path, m, err
}

// schemaOf is the name of the last step of the schema that the database has.
func schemaOf(ctx context.Context, d *db.DB) (last string, err error) {
	all, err := d.Migrations(ctx)
	if err != nil {
		return "", fmt.Errorf("read the schema's version: %w", err)
	}
	for _, m := range all {
		if m.Applied {
			last = m.Name
		}
	}
	return filepath.Base(last), nil
}

// dump lets PostgreSQL's own program write what it reads in one snapshot.
func dump(ctx context.Context, address string, file *os.File) error {
	cmd, err := tool(ctx, "pg_dump", address, "--format=custom", "--no-owner", "--no-privileges")
	if err != nil {
		return err
	}
	cmd.Stdout = file
	return run(cmd)
}

// tool is a program of PostgreSQL's client on the database of an address. It gets the
// password by the environment.
func tool(ctx context.Context, name, address string, args ...string) (*exec.Cmd, error) {
	path, err := findTool(name)
	if err != nil {
		return nil, err
	}
	a := db.ParseAddress(address)
	cmd := exec.CommandContext(ctx, path, append(args, "--no-password", "--dbname="+a.WithoutPassword())...) //nolint:gosec // a program found by us
	cmd.Env = os.Environ()
	if a.Password() != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+a.Password())
	}
	return cmd, nil
}

// run runs a program and returns what it complained of.
func run(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(said.String()))
	}
	return nil
}

// findTool finds a program of PostgreSQL's client, the newest where there are several:
// it reads older servers, and older ones don't read newer servers.
func findTool(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // Debian has a folder for each major version
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return majorOf(a) - majorOf(b) }), nil
	}
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is missing: install PostgreSQL's client, as new as the server (Debian: postgresql-client)", name)
	}
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	return path, nil
}

// majorOf reads the 15 of /usr/lib/postgresql/15/bin/pg_dump.
func majorOf(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return -1
	}
	return n
}

// CheckTools reports what is missing on this machine to make backups of a database at
// an address.
func CheckTools(address string) error {
	if strings.HasPrefix(address, "sqlite:") {
		return nil
	}
	_, err := findTool("pg_dump")
	return err
}
