package browser

import (
	"os/exec"
	"syscall"
)

// endWithUs makes the kernel kill the process when we end, however we end.
func endWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
