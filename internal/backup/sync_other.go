//go:build !unix

package backup

// SyncFolder does nothing where folders can't be synced.
func SyncFolder(string) error { return nil }
