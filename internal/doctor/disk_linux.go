package doctor

import "golang.org/x/sys/unix"

// freeSpace is what this user may still write there, in bytes.
func freeSpace(folder string) (free uint64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true //nolint:gosec // a block's size is positive
}

// remoteDisk names the network that a folder is on.
func remoteDisk(folder string) (name string, is bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return "", false
	}
	name, is = map[uint32]string{unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB"}[uint32(s.Type)] //nolint:gosec // as the kernel names them
	return name, is
}
