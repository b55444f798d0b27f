// Package e2e holds no code of the panel, only tests of the built program: they
// start it as its users do, speak to it over HTTP on this machine, kill it, and
// then count in the ledger what was booked.
package e2e
