package main

import "golang.org/x/sys/unix"

// inMemory reports whether a folder lies on tmpfs.
func inMemory(dir string) (bool, error) {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	return err == nil && fs.Type == unix.TMPFS_MAGIC, err
}
