package sqldb_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// others are the migrations of a second owner of the same database.
var others = fstest.MapFS{"sqlite/00001_other.sql": {Data: []byte("-- +goose Up\ncreate table other (id text primary key);\n")}}

// locked reports whether anybody holds a lock on the file, as the kernel lists them.
func locked(t testing.TB, path string) bool {
	t.Helper()
	s, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), fmt.Sprintf(":%d ", s.Sys().(*syscall.Stat_t).Ino))
}

// TestLocksStay: the database stays locked from its opening to its closing, whatever
// else this process does with it. Without a lock another program that opens and
// closes the file believes that it is the last, and deletes the write-ahead log.
func TestLocksStay(t *testing.T) {
	url := sqldbtest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	db := sqldbtest.Open(t, url, options())
	held := func(after string) {
		t.Helper()
		for _, file := range []string{path, path + "-shm"} {
			if !locked(t, file) {
				t.Errorf("%s is not locked after %s", file, after)
			}
		}
	}
	held("it was opened")
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) }); err != nil {
		t.Fatal(err)
	}
	items(t, db)
	held("a change and a read")
	for range 2 { // once with something to do, once without
		if err := db.Migrate(t.Context(), "other", others); err != nil {
			t.Fatal(err)
		}
		held("the migrations of a second owner")
	}
	second, err := sqldb.Open(t.Context(), url, options())
	if err != nil {
		t.Fatal(err)
	}
	items(t, second)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	held("it was opened and closed once more")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	held("somebody here read the file without the driver")
}

// writeSix makes three changes, waits for a line, and makes three more.
func writeSix(url string) {
	db, err := sqldb.Open(context.Background(), url, options())
	must(err)
	in := bufio.NewScanner(os.Stdin)
	for i := range 6 {
		if i == 3 {
			fmt.Println("three")
			in.Scan()
		}
		must(db.Write(context.Background(), func(tx *sqldb.Tx) error { return insert(tx, fmt.Sprint("row-", i), i) }))
		if i == 0 { // as jobs do it in an open store
			must(db.Migrate(context.Background(), "other", others))
			must(db.Migrate(context.Background(), "other", others))
		}
	}
	fmt.Println("six")
	in.Scan()
}

// closeAsOld does what SQLite before 3.51 does when it closes a database: if it gets
// the lock that nobody gets beside others, it takes itself for the last one and
// deletes the write-ahead log. Newer ones look twice.
func closeAsOld(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 0x40000002, Len: 510} // SQLite's SHARED_FIRST and SHARED_SIZE
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &all); err != nil {
		return // somebody holds the database open
	}
	for _, file := range []string{path + "-wal", path + "-shm"} {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// TestOtherOpensAndCloses: a program that opens the database of a running process,
// reads and closes it takes nothing away, also when that process is killed then.
func TestOtherOpensAndCloses(t *testing.T) {
	for _, as := range []string{"six", "six by process"} {
		t.Run(as, func(t *testing.T) { otherOpensAndCloses(t, as) })
	}
}

func otherOpensAndCloses(t *testing.T, as string) {
	url := sqldbtest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	c := again(t, as, url)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	until := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("it said %q, want %q", lines.Text(), want)
		}
	}
	until("three")
	visitor, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := visitor.QueryRow("select count(*) from item").Scan(&n); err != nil || n != 3 {
		t.Errorf("the visitor reads %d rows, %v", n, err)
	}
	if err := visitor.Close(); err != nil {
		t.Fatal(err)
	}
	closeAsOld(t, path)
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("the visitor took the write-ahead log along: %v", err)
	}
	fmt.Fprintln(in)
	until("six")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	if got := items(t, sqldbtest.Open(t, url, options())); got != "row-0=0 row-1=1 row-2=2 row-3=3 row-4=4 row-5=5" {
		t.Errorf("after the kill there are %s", got)
	}
}
