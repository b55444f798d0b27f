package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestLoadOrCreateMakesAFileForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "panel.db.key")
	k, created, err := LoadOrCreate(path, true)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != k.Reveal()+"\n" {
		t.Error("the file is not the key's base64 and a line end")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	again, created, err := LoadOrCreate(path, true)
	if err != nil || created || again.Reveal() != k.Reveal() {
		t.Errorf("read again: created %v, %v", created, err)
	}
	leavesNothingBehind(t, path)
}

// leavesNothingBehind fails when path's folder holds anything but path.
func leavesNothingBehind(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestLoadOrCreateMakesNothingUnlessItMay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	if _, created, err := LoadOrCreate(path, false); created || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("created %v, %v; want fs.ErrNotExist", created, err)
	}
	leavesNothingBehind(t, path)
}

func TestLoadOrCreateNeedsAFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "key")
	if _, created, err := LoadOrCreate(path, true); created || err == nil {
		t.Errorf("created %v, %v; want an error", created, err)
	}
}

func TestManyThatCreateAtOnceEndWithOneKey(t *testing.T) {
	t.Parallel()
	const callers = 32
	path := filepath.Join(t.TempDir(), "key")
	keys := make([]string, callers)
	made := make([]bool, callers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			<-start
			k, created, err := LoadOrCreate(path, true)
			if err != nil {
				t.Error(err)
			}
			keys[i], made[i] = k.Reveal(), created
		})
	}
	close(start)
	wg.Wait()
	count := 0
	for i := range callers {
		if keys[i] != keys[0] {
			t.Errorf("caller %d has another key than caller 0", i)
		}
		if made[i] {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d callers say that they made the file", count)
	}
	leavesNothingBehind(t, path)
}

func TestCreateReplacesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create(path, Generate()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create: %v, want fs.ErrExist", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "kept" {
		t.Error("the file was replaced")
	}
	leavesNothingBehind(t, path)
}

func TestAFileOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no such modes on Windows")
	}
	k := Generate()
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o601} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(k.Reveal()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := LoadOrCreate(path, true)
		if err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %v: %v; want the command to run", mode, err)
		}
	}
}

func TestAMalformedFileIsNamedNotRepeated(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hunter2\n", strings.Repeat("A", 5000)} {
		path := filepath.Join(t.TempDir(), "panel.key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := LoadOrCreate(path, true)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "panel.key") {
			t.Errorf("%v; want ErrMalformed naming the file", err)
		}
		if err != nil && text != "" && strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Error("the error repeats the value")
		}
	}
}
