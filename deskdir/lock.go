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

// Lock files: one for each program that keeps a database in a folder. They are
// files of their own and never the database, on which SQLite's locks are. They
// stay when the program has ended and mean nothing then.
const (
	DeskLock     = "desk.lock"     // serve, init
	PlazaLock    = "plaza.lock"    // plaza, alone or in serve
	ExecutorLock = "executor.lock" // executor
)

// isLock reports whether a file of a folder is only there to be locked.
func isLock(name string) bool {
	return name == DeskLock || name == PlazaLock || name == ExecutorLock
}

// Lock is a held lock. It ends with the process, however that happens.
type Lock struct{ files []*os.File }

// AcquireLock has a command use a folder, and no other process for the same. The
// lock file says who holds it.
func AcquireLock(folder, name, command string) (*Lock, error) {
	l := &Lock{}
	return l, l.add(filepath.Join(folder, name), command)
}

// Database adds the lock of a SQLite file that lies elsewhere than in the
// folder, so that two folders do not share it: an SQLite desk is the only one that
// writes to its database. Servers of PostgreSQL look after that themselves.
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

// inUse says who holds a lock.
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
