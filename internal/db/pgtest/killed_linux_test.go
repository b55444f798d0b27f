package pgtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// helperVariable makes this test binary start a server, print its process id and
// folder, and wait to be killed.
const helperVariable = "NOTPANEL_PGTEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.PID(), s.folder.path)
	time.Sleep(time.Minute)
}

// A test binary that is killed takes its server with it, and the next start
// removes the folder that was left.
func TestKilledProgramLeavesNoServer(t *testing.T) {
	t.Parallel()
	need(t)
	helper := exec.CommandContext(t.Context(), os.Args[0])
	helper.Env = append(os.Environ(), helperVariable+"=1")
	helper.Stderr = os.Stderr
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var path string
	if _, err := fmt.Fscanln(bufio.NewReader(out), &pid, &path); err != nil {
		t.Fatal(err)
	}
	if !running(t, pid) {
		t.Fatalf("server %d does not run", pid)
	}

	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	eventually(t, fmt.Sprintf("server %d ended", pid), func() bool { return !running(t, pid) })

	// A test binary beside us may be removing it.
	eventually(t, path+" removed", func() bool {
		removeOrphans()
		_, err := os.Stat(path)
		return errors.Is(err, os.ErrNotExist)
	})
}

// running is false for a process that is gone or waits to be reaped.
func running(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	return !strings.HasPrefix(string(after), "Z")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
