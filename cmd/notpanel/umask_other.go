//go:build !unix

package main

// limitFileModes does nothing where files have no modes.
func limitFileModes() {}
