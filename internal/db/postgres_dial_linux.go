package db

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledgedFor makes the kernel give up a connection whose bytes the other side
// has not confirmed for so long.
func unacknowledgedFor(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) (err error) {
		if network == "unix" {
			return nil
		}
		controlled := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
		if controlled != nil {
			return controlled
		}
		return err
	}
}
