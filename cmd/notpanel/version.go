package main

import (
	"fmt"
	"runtime"
)

// versionCommand names the program's version.
type versionCommand struct{}

// Run prints the version, and with what and for what it was built.
func (*versionCommand) Run(t terminal) error {
	_, err := fmt.Fprintf(t.out, "notpanel %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
