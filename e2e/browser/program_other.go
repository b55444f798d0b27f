//go:build !linux

package browser

import "os/exec"

// endWithUs does nothing here: when we are killed, the process goes on.
func endWithUs(*exec.Cmd) {}
