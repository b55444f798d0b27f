// Package backup makes copies of the whole database in one file each, reads them
// back, and says what a database that was brought back must change before it works.
//
// A copy's file is what the database's own means wrote (a SQLite file, or what pg_dump
// makes), then a manifest with its length and SHA-256, then a line that closes both.
// The closing line is written last and the file gets its name after that, so that half
// a backup is never taken for one. The panel's key is never in it.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// format is the number of the file's form.
const format = 1

// The closing line: its first word, the manifest's length in bytes, the manifest's
// SHA-256.
const (
	closing       = "notpanel-backup"
	closingFormat = "\n" + closing + " %06d %064x\n"
	closingSize   = int64(1 + len(closing) + 1 + 6 + 1 + 64 + 1)
	maxManifest   = 64 << 10
)

// ErrBroken says that a file is no whole backup. It is wrapped with what is wrong.
var ErrBroken = errors.New("this is no whole backup")

// Manifest says what is in a backup.
type Manifest struct {
	Format  int       `json:"format"`
	Engine  db.Engine `json:"engine"`
	Length  int64     `json:"length"` // of the copy, in bytes; it is the file's beginning
	SHA256  string    `json:"sha256"` // of the copy
	MadeAt  time.Time `json:"made_at"`
	Program string    `json:"program"` // the version that made it
	Schema  string    `json:"schema"`  // the last step that the schema has
	// Key is the fingerprint of the panel's key; "" where the database had none yet.
	Key string `json:"key"`
}

// File is an open backup whose closing line and manifest are whole.
type File struct {
	Manifest

	file *os.File
}

// Open opens a backup and checks that nothing of its end is missing. Whether the copy
// itself is as it was written, Check says.
func Open(path string) (*File, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	m, err := readManifest(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return &File{Manifest: m, file: file}, nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
}

func readManifest(file *os.File) (m Manifest, err error) {
	info, err := file.Stat()
	if err != nil {
		return m, fmt.Errorf("read the backup: %w", err)
	}
	if !info.Mode().IsRegular() {
		return m, broken("it is no file")
	}
	end := make([]byte, closingSize)
	if _, err := file.ReadAt(end, max(info.Size()-closingSize, 0)); err != nil {
		return m, broken("its end is missing")
	}
	var length int64
	var sum []byte
	if n, _ := fmt.Sscanf(string(end), "\n"+closing+" %d %x\n", &length, &sum); n != 2 || fmt.Sprintf(closingFormat, length, sum) != string(end) {
		return m, broken("it does not close as backups do: it was cut off, or is something else")
	}
	before := info.Size() - closingSize - length
	if length <= 0 || length > maxManifest || before < 0 {
		return m, broken("its manifest can't be %d bytes long, or is cut off", length)
	}
	text := make([]byte, length)
	if _, err := file.ReadAt(text, before); err != nil {
		return m, fmt.Errorf("read the backup: %w", err)
	}
	if got := sha256.Sum256(text); !bytes.Equal(got[:], sum) {
		return m, broken("its manifest is not as it was written")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, broken("its manifest can't be read")
	}
	if m.Format != format {
		return m, fmt.Errorf("the backup has form %d, this program reads %d: use a newer program", m.Format, format)
	}
	if m.Length != before {
		return m, broken("it holds %d bytes of the %d that were written", before, m.Length)
	}
	return m, nil
}

// Check reads the whole copy and compares its SHA-256.
func (f *File) Check(ctx context.Context) error {
	sum, err := sumOf(ctx, f.Copy())
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if sum != f.SHA256 {
		return fmt.Errorf("%s: %w", f.file.Name(), broken("the copy in it is not as it was written"))
	}
	return nil
}

// Copy returns the copy from its beginning.
func (f *File) Copy() io.Reader { return io.NewSectionReader(f.file, 0, f.Length) }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

func sumOf(ctx context.Context, r io.Reader) (string, error) {
	hash := sha256.New()
	_, err := io.Copy(hash, untilEnd{ctx, r})
	return hex.EncodeToString(hash.Sum(nil)), err
}

// untilEnd reads until ctx ends.
type untilEnd struct {
	ctx context.Context //nolint:containedctx // of one copying
	r   io.Reader
}

func (u untilEnd) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err //nolint:wrapcheck // a reader hands on what it gets
	}
	return u.r.Read(p) //nolint:wrapcheck // as above
}

// partial is the end of a file's name while it is written.
const partial = ".partial"

// write makes the backup at path from what fill writes to an empty file. What is left
// of it after a failure is removed; what a crash leaves has another name.
func write(ctx context.Context, path string, m Manifest, fill func(file *os.File) error) (_ Manifest, err error) {
	if err := free(path); err != nil {
		return m, err
	}
	temp := path + partial
	file, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrExist) {
		return m, fmt.Errorf("%s is there: another backup is being made, or was broken off; then remove it", temp)
	}
	if err != nil {
		return m, fmt.Errorf("make the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(temp))
		}
	}()
	if err := fill(file); err != nil {
		return m, err
	}
	if m, err = finish(ctx, file, m); err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	if err := free(path); err != nil {
		return m, err
	}
	return m, errors.Join(file.Close(), rename(temp, path))
}

// finish adds the manifest and the closing line to the copy and waits until the disk
// has all of it.
func finish(ctx context.Context, file *os.File, m Manifest) (Manifest, error) {
	length, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return m, err //nolint:wrapcheck // wrapped by write
	}
	m.Format, m.Length = format, length
	if m.SHA256, err = sumOf(ctx, io.NewSectionReader(file, 0, length)); err != nil {
		return m, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return m, err //nolint:wrapcheck // wrapped by write
	}
	end := fmt.Sprintf(closingFormat, len(text), sha256.Sum256(text))
	_, err = file.WriteString(string(text) + end)
	return m, errors.Join(err, file.Sync())
}

// free refuses a path at which something is.
func free(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	}
	return fmt.Errorf("%s is there already: nothing is written over it", path)
}

// rename gives a file its name, for good.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("name the file: %w", err)
	}
	return SyncFolder(filepath.Dir(to))
}

// nameOf is what a backup is called by the time it was made.
func nameOf(at time.Time) string {
	return namePrefix + at.UTC().Format(nameTime) + nameEnd
}

const (
	namePrefix = "notpanel-"
	nameTime   = "2006-01-02T150405Z"
	nameEnd    = ".backup"
)

// madeAt reads the time out of a name of nameOf.
func madeAt(name string) (at time.Time, ok bool) {
	name, ok = strings.CutPrefix(name, namePrefix)
	if !ok {
		return at, false
	}
	if name, ok = strings.CutSuffix(name, nameEnd); !ok {
		return at, false
	}
	at, err := time.Parse(nameTime, name)
	return at, err == nil
}
