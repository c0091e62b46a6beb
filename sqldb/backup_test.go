package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// A copy that is made while changes go on has each of them whole or not at all, has
// all that was acknowledged before, and the original keeps its locks.
func TestBackup(t *testing.T) {
	url := sqldbtest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	db := sqldbtest.Open(t, url, options())
	write := func(i int) error {
		return db.Write(t.Context(), func(tx *sqldb.Tx) error { return pair(tx, fmt.Sprintf("%06d", i)) })
	}
	for i := range 100 {
		if err := write(i); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 100; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := write(i); err != nil {
				t.Error(err)
				return
			}
		}
	})
	to := filepath.Join(t.TempDir(), "copy.db")
	err := sqldb.Backup(t.Context(), path, to)
	close(stop)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"-wal", "-shm", "-journal"} {
		if _, err := os.Stat(to + more); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", more, err)
		}
	}
	if s, err := os.Stat(to); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("the copy is %v, %v; want it ours alone", s.Mode(), err)
	}
	// Once more, over it.
	before, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqldb.Backup(t.Context(), path, to); !fault.Is(err, "exists") {
		t.Errorf("over a file: %v", err)
	}
	if after, err := os.ReadFile(to); err != nil || string(after) != string(before) {
		t.Errorf("it was changed: %v", err)
	}
	copied := sqldbtest.Open(t, "sqlite:"+to, options())
	var items, parts int
	err = copied.Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select (select count(*) from item), (select count(*) from part)`).Scan(&items, &parts)
	})
	if err != nil || items < 100 || items != parts {
		t.Errorf("%d rows and %d parts of them, %v", items, parts, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	folder := t.TempDir()
	if err := sqldb.Backup(t.Context(), filepath.Join(folder, "none.db"), filepath.Join(folder, "a.db")); !fault.Is(err, "database-missing") {
		t.Errorf("of nothing: %v", err)
	}
	url := sqldbtest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	db, err := sqldb.Open(t.Context(), url, options())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`insert into item (id, n, blob) values ($1, 1, $2)`, fmt.Sprintf("%06d", i), row)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := sqldb.Backup(over, path, filepath.Join(folder, "b.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// Pages that were overwritten on the disk.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096 * 4; i < 4096*5; i++ {
		b[i] = 0xff
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqldb.Backup(t.Context(), path, filepath.Join(folder, "c.db")); err == nil {
		t.Error("a damaged database was copied and called whole")
	}
}
