//go:build unix

package main

import "golang.org/x/sys/unix"

// limitFileModes lets nobody but the owner read what the program creates: the
// SQLite drivers make their files for everybody.
func limitFileModes() { unix.Umask(0o077) }
