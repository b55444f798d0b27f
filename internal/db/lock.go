package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lockedPath returns the file that a sqlite: address means, however it is
// spelled, and makes its folder. Other addresses are not ours to lock.
func lockedPath(address string) (path string, ok bool, err error) {
	if path, ok = strings.CutPrefix(address, "sqlite:"); !ok {
		return "", false, nil
	}
	path = strings.TrimPrefix(path, "//")
	if err := makeFolder(path); err != nil {
		return "", false, err
	}
	path, err = realFile(path)
	return path, err == nil, err
}

// RunFile names the file beside the database of a sqlite: address that says which
// panel served it last. Other addresses have none.
func RunFile(address string) (path string, ok bool, err error) {
	path, ok, err = lockedPath(address)
	return path + ".run", ok, err
}

// realFile follows links as SQLite does: a file has one write-ahead log, and so
// one lock, whatever name it is opened by. A file that is not there yet is the
// one that would be made.
func realFile(path string) (string, error) {
	const mostLinks = 40 // as Linux follows
	for range mostLinks {
		real, err := filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return real, err
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(folder, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // no link: nothing is there yet
		}
		if path = target; !filepath.IsAbs(target) {
			path = filepath.Join(folder, target)
		}
	}
	return "", fmt.Errorf("%s: too many links", path)
}
