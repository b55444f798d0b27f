//go:build linux

package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// sideBySide is how many tests run at once. Most of them wait for the rhythm of
// a loop, so there may be more of them than processors.
const sideBySide = "6"

// program is the path of the built program.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the program once, for all tests.
func run(m *testing.M) (code int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", sideBySide)
	}
	folder, err := os.MkdirTemp("", "notpanel-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program = filepath.Join(folder, "notpanel")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "github.com/notpanel/notpanel/cmd/notpanel")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		return 1
	}
	return dbtest.Run(m)
}
