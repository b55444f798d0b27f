package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxFile is more than a key's file ever holds, in bytes.
const maxFile = 1024

// LoadOrCreate returns the key in the file at path. Where there is no file and
// mayCreate is set, it makes one that only its owner can read, and reports that;
// otherwise the error is fs.ErrNotExist. Several processes that do so at once all
// return the same key. A file that others can read is refused.
func LoadOrCreate(path string, mayCreate bool) (k Key, created bool, err error) {
	k, err = load(path)
	if !mayCreate || !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	k = Generate()
	err = create(path, k)
	if errors.Is(err, fs.ErrExist) {
		k, err = load(path) // another process was first: its key counts
		return k, false, err
	}
	if err != nil {
		return Key{}, false, err
	}
	return k, true, nil
}

func load(path string) (Key, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Key{}, fmt.Errorf("secret key: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("secret key: %w", err)
	}
	// Windows reports 0666 for every file.
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return Key{}, fmt.Errorf("secret key: others may read %s: run `chmod 600 %s`", path, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return Key{}, fmt.Errorf("secret key: %w", err)
	}
	k, err := Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// create puts k into a new file at path, whole and on disk before it has its
// name, or returns fs.ErrExist. A link, unlike a rename, replaces nothing.
func create(path string, k Key) error {
	dir := filepath.Dir(path)
	temp, err := writeTemp(dir, k)
	if err != nil {
		return fmt.Errorf("make the secret key: %w", err)
	}
	defer func() { _ = os.Remove(temp) }()
	if err := os.Link(temp, path); err != nil {
		return fmt.Errorf("make the secret key (where the file system knows no links, set NOTPANEL_SECRET_KEY): %w", err)
	}
	return syncDir(dir)
}

// writeTemp writes k to a file of its own in dir, mode 0600.
func writeTemp(dir string, k Key) (name string, err error) {
	f, err := os.CreateTemp(dir, ".notpanel-key-*")
	if err != nil {
		return "", err //nolint:wrapcheck // the caller says what it was for
	}
	_, err = f.WriteString(k.Reveal() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDir makes the new name in dir last. What the database is about to store
// depends on the key.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // folders can't be synced there
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("make the secret key: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("make the secret key: %w", err)
	}
	return nil
}
