package deskdir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Lock files: one for each program that keeps a database in a folder. They are files of
// their own and never the database, which carries SQLite's locks. They stay when the
// program has ended, and mean nothing then.
const (
	DeskLock     = "desk.lock"     // serve, init
	PlazaLock    = "plaza.lock"    // plaza, alone or in serve
	ExecutorLock = "executor.lock" // executor
)

// isLock reports whether a file of a folder exists only to be locked.
func isLock(name string) bool {
	return name == DeskLock || name == PlazaLock || name == ExecutorLock
}

// Lock is a held lock. It ends with the process, however the process ends.
type Lock struct{ files []*os.File }

// AcquireLock reserves a folder for a command; no other process can then acquire the same
// lock. The lock file names the holder.
func AcquireLock(folder, name, command string) (*Lock, error) {
	l := &Lock{}
	return l, l.add(filepath.Join(folder, name), command)
}

// Database also locks a SQLite file outside the folder, so that two folders do not share
// it: only one desk may write to a SQLite database. PostgreSQL servers see to that
// themselves.
func (l *Lock) Database(url, own, command string) error {
	path, ok := sqldb.File(url)
	if !ok || path == own {
		return nil
	}
	return l.add(path+".lock", command)
}

func (l *Lock) add(path, command string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return errors.Join(fault.New(fault.Unavailable, "folder-unusable", "%s cannot be written. Check that the folder exists and is yours.", path).Because(err), l.Release())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = inUse(f, path)
		} else {
			err = fault.New(fault.Unsupported, "folder-not-lockable", "%s cannot be locked. Put the folder on a local disk.", path).Because(err)
		}
		return errors.Join(err, l.Release())
	}
	l.files = append(l.files, f)
	if err := f.Truncate(0); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), l.Release())
	}
	if _, err := fmt.Fprintf(f, "countersign %s, process %d\n", command, os.Getpid()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), l.Release())
	}
	return nil
}

// inUse names the holder of a lock.
func inUse(f *os.File, path string) error {
	by := "another process"
	if b, err := io.ReadAll(io.LimitReader(f, 1<<10)); err == nil && len(b) > 0 {
		by = strings.TrimSpace(string(b))
	}
	return fault.New(fault.Unavailable, "folder-in-use", "%s is in use by %s. Only one at a time may write there: end that one first.", filepath.Dir(path), by)
}

// Release ends the lock before the process does.
func (l *Lock) Release() error {
	var all error
	for _, f := range l.files {
		all = errors.Join(all, f.Close())
	}
	l.files = nil
	return all
}
