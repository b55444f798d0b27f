package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Backups that can't be made as they are set are refused by the setting's name.
func TestBackupsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, c := range map[string]struct {
		set  Backups
		says string
	}{
		"none":         {Backups{}, ""},
		"as set":       {Backups{time.Hour, folder, 1}, ""},
		"too often":    {Backups{time.Minute, folder, 1}, "NOTPANEL_BACKUP_EVERY"},
		"negative":     {Backups{-time.Hour, folder, 1}, "NOTPANEL_BACKUP_EVERY"},
		"nowhere":      {Backups{time.Hour, "", 1}, "NOTPANEL_BACKUP_FOLDER is needed"},
		"no folder":    {Backups{time.Hour, filepath.Join(folder, "none"), 1}, "NOTPANEL_BACKUP_FOLDER must be"},
		"none to keep": {Backups{time.Hour, folder, 0}, "NOTPANEL_BACKUP_KEEP"},
	} {
		if err := c.set.CheckBackups(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
