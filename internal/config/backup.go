package config

import (
	"errors"
	"os"
	"time"
)

// Backups say how often a serving panel copies its database to a folder.
type Backups struct {
	BackupEvery  time.Duration `env:"NOTPANEL_BACKUP_EVERY" default:"0s" help:"Make a backup this often, such as 6h; 0s makes none. On one node only."`
	BackupFolder string        `env:"NOTPANEL_BACKUP_FOLDER" type:"path" help:"The folder for them, best on another disk. The panel's key is not in them: keep it elsewhere."`
	BackupKeep   int           `env:"NOTPANEL_BACKUP_KEEP" default:"14" help:"How many of them are kept; older ones are removed."`
}

// CheckBackups checks the settings.
func (b Backups) CheckBackups() error {
	const shortest = 10 * time.Minute
	switch {
	case b.BackupEvery == 0:
		return nil
	case b.BackupEvery < shortest:
		return errors.New("NOTPANEL_BACKUP_EVERY must be 10m or more, or 0s for none")
	case b.BackupFolder == "":
		return errors.New("NOTPANEL_BACKUP_FOLDER is needed beside NOTPANEL_BACKUP_EVERY: name the folder to write backups into")
	case b.BackupKeep < 1:
		return errors.New("NOTPANEL_BACKUP_KEEP must be 1 or more")
	}
	if info, err := os.Stat(b.BackupFolder); err != nil || !info.IsDir() {
		return errors.New("NOTPANEL_BACKUP_FOLDER must be a folder that is there: make it, and let this user write it")
	}
	return nil
}
