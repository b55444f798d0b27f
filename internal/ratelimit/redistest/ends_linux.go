package redistest

import "syscall"

// endsWithUs lets a program end with the thread that starts it.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
