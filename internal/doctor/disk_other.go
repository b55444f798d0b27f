//go:build !linux

package doctor

// freeSpace is not known here.
func freeSpace(string) (free uint64, known bool) { return 0, false }

// remoteDisk is not known here.
func remoteDisk(string) (name string, is bool) { return "", false }
