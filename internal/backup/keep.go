package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// kept is a backup in a folder.
type kept struct {
	path string
	at   time.Time
}

// clockSkew is how far ahead of this machine's clock a backup's time may be: the
// database's clock gave it.
const clockSkew = time.Minute

// ahead reports whether the backup's time is yet to come: it says nothing of its age.
func (b kept) ahead(now time.Time) bool { return b.at.After(now.Add(clockSkew)) }

// whole reports whether nothing of the backup's end is missing. The copy itself is not
// read: it may be many gigabytes.
func (b kept) whole() bool {
	file, err := Open(b.path)
	return err == nil && file.Close() == nil
}

// list returns the backups in a folder by the names that Make gives, the oldest first.
// Other files there are nobody's business.
func list(folder string) (all []kept, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("read the folder of backups: %w", err)
	}
	for _, e := range entries {
		if at, ok := madeAt(e.Name()); ok {
			all = append(all, kept{filepath.Join(folder, e.Name()), at})
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return a.at.Compare(b.at) })
	return all, nil
}

// Newest returns the newest backup in a folder. One whose time is yet to come is it only
// where there is no other: it would stand before all that are made until then.
func Newest(folder string, now time.Time) (path string, err error) {
	all, err := list(folder)
	if err != nil {
		return "", err
	}
	for _, b := range slices.Backward(all) {
		if !b.ahead(now) {
			return b.path, nil
		}
	}
	if len(all) == 0 {
		return "", fmt.Errorf("there is no backup in %s: `notpanel backup %s` makes one", folder, folder)
	}
	return all[len(all)-1].path, nil
}

// Keep removes what is older in a folder than its newest whole backups, and what was
// broken off there more than a day ago. A file that is no whole backup takes no other's
// place, and one whose time is yet to come neither counts nor is removed.
func Keep(folder string, newest int, now time.Time) (removed int, err error) {
	const brokenOff = 24 * time.Hour
	all, err := list(folder)
	if err != nil {
		return 0, err
	}
	old := olderThan(newest, slices.DeleteFunc(all, func(b kept) bool { return b.ahead(now) }))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return 0, fmt.Errorf("read the folder of backups: %w", err)
	}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), partial)
		if at, ours := madeAt(name); is && ours && now.Sub(at) > brokenOff {
			old = append(old, kept{path: filepath.Join(folder, e.Name())})
		}
	}
	for _, b := range old {
		removeErr := os.Remove(b.path)
		if removeErr != nil {
			err = errors.Join(err, fmt.Errorf("remove an old backup: %w", removeErr))
			continue
		}
		removed++
	}
	return removed, err
}

// olderThan returns what is older than the newest whole ones of all, which are sorted;
// nothing where there are no more than those.
func olderThan(newest int, all []kept) []kept {
	for i, b := range slices.Backward(all) {
		if newest == 0 {
			return all[:i+1]
		}
		if b.whole() {
			newest--
		}
	}
	return nil
}
