//go:build unix

package sqldb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// The test binary runs itself again for tests that need a process of their own: to be
// killed, and to fail to write.
func TestMain(m *testing.M) {
	switch os.Getenv("SQLDB_TEST_AS") {
	case "":
		os.Exit(m.Run())
	case "writer":
		writeUntilKilled(os.Getenv("SQLDB_TEST_URL"))
	case "some":
		writeSome(os.Getenv("SQLDB_TEST_URL"))
	case "six":
		writeSix(os.Getenv("SQLDB_TEST_URL"))
	case "six by process":
		sqldb.LockByProcess()
		writeSix(os.Getenv("SQLDB_TEST_URL"))
	case "broken disk":
		brokenDisk(os.Getenv("SQLDB_TEST_URL"))
	}
}

func again(t *testing.T, as, url string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SQLDB_TEST_AS="+as, "SQLDB_TEST_URL="+url)
	c.Stderr = os.Stderr
	return c
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// writeUntilKilled makes changes of two rows each from 16 sides, and prints
// each one's name once it is acknowledged.
func writeUntilKilled(url string) {
	db, err := sqldb.Open(context.Background(), url, options())
	must(err)
	for side := range 16 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d.%02d.%06d", os.Getpid(), side, i)
				must(db.Write(context.Background(), func(tx *sqldb.Tx) error { return pair(tx, id) }))
				fmt.Println(id) // one write of the kernel: nothing is left in a buffer
			}
		}()
	}
	select {}
}

func pair(tx *sqldb.Tx, id string) error {
	if err := insert(tx, id, 1); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into part (id, item) values ($1, $2)`, "part of "+id, id)
	return err
}

func TestKill(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		sqldbtest.Open(t, url, options())
		var acknowledged []string
		for range 3 {
			c := again(t, "writer", url)
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				acknowledged = append(acknowledged, lines.Text())
				if n == 300 {
					if err := c.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := c.Wait(); err == nil || c.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the writer ended with %v", err)
			}
		}
		db := sqldbtest.Open(t, url, options())
		have := map[string]bool{}
		for _, row := range strings.Fields(items(t, db)) {
			id, _, _ := strings.Cut(row, "=")
			have[id] = true
		}
		for _, id := range acknowledged {
			if !have[id] {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
		t.Logf("%d acknowledged, %d there", len(acknowledged), len(have))
		var half int
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`select (select count(*) from item) - (select count(*) from part)`).Scan(&half)
		})
		if err != nil || half != 0 {
			t.Errorf("%d changes are half done, %v", half, err)
		}
	})
}

func writeSome(url string) {
	db, err := sqldb.Open(context.Background(), url, options())
	must(err)
	var all sync.WaitGroup
	for side := range 8 {
		all.Go(func() {
			for i := range 25 {
				must(db.Write(context.Background(), func(tx *sqldb.Tx) error {
					return pair(tx, fmt.Sprintf("%d.%02d.%06d", os.Getpid(), side, i))
				}))
			}
		})
	}
	all.Wait()
	must(db.Close())
}

// TestTwoProcesses lets another process write to the same database.
func TestTwoProcesses(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		c := again(t, "some", url)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		writeOurs := func() {
			for i := range 200 {
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return pair(tx, fmt.Sprintf("ours.%06d", i)) })
				if err != nil {
					t.Error(err)
				}
			}
		}
		writeOurs()
		if err := c.Wait(); err != nil {
			t.Errorf("the other process: %v", err)
		}
		if n := len(strings.Fields(items(t, db))); n != 400 {
			t.Errorf("%d rows of 400", n)
		}
	})
}

// TestDiskBreaks makes writing fail, by the kernel's limit on the size of a
// file, in the middle of a batch of 64: once while a statement runs, once at
// the commit, and once for ever.
func TestDiskBreaks(t *testing.T) {
	out, err := again(t, "broken disk", sqldbtest.SQLite(t)).Output()
	if err != nil || string(out) != "done\n" {
		t.Errorf("%s%v", out, err)
	}
}

func brokenDisk(url string) {
	signal.Ignore(syscall.SIGXFSZ) // then the write itself fails, with EFBIG
	var l ledger
	db, err := sqldb.Open(context.Background(), url, l.options())
	must(err)
	var whole syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &whole))
	limit := func(n uint64) { must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: whole.Max})) }
	breaks := func() { limit(100_000) } // nothing is written beyond this in any file
	mends := func() { limit(whole.Cur) }
	big := func(tx *sqldb.Tx, id string) error {
		tx.Attach(id)
		_, err := tx.Exec(`insert into item (id, n, blob) values ($1, 1, zeroblob(4000000))`, id)
		return err
	}
	t := new(harness)

	must(db.Write(context.Background(), func(tx *sqldb.Tx) error {
		var n int // pages leave the cache during the statement instead of at the commit
		tx.QueryRow(`pragma cache_spill = 1`).Scan(&n)
		_, err := tx.Exec(`pragma cache_size = 10`)
		return err
	}))
	runs := 0
	fns, want := around(func(tx *sqldb.Tx) error {
		if runs++; runs == 1 {
			breaks()
		} else {
			mends()
		}
		return big(tx, "i32")
	})
	for i, err := range gather(t, db, fns...) {
		if err != nil {
			t.Errorf("while a statement runs: change %d: %v", i, err)
		}
	}
	if got := strings.ReplaceAll(items(t, db), "i32=1 ", ""); got != want || runs != 2 || len(recorded(t, db)) != 64 {
		t.Errorf("after %d runs there are %s, recorded %v", runs, items(t, db), recorded(t, db))
	}

	must(db.Write(context.Background(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`pragma cache_size = -65536`)
		return err
	}))
	runs = 0
	commits := l.commits
	for i, err := range gather(t, db,
		func(tx *sqldb.Tx) error { return big(tx, "c1") },
		func(tx *sqldb.Tx) error {
			if runs++; runs == 1 {
				breaks()
			} else {
				mends()
			}
			return big(tx, "c2")
		}) {
		if err != nil {
			t.Errorf("at the commit: change %d: %v", i, err)
		}
	}
	if runs != 2 || l.commits != commits+1 || len(recorded(t, db)) != 66 {
		t.Errorf("at the commit: %d runs, %d commits, recorded %d", runs, l.commits-commits, len(recorded(t, db)))
	}

	errs := gather(t, db,
		func(tx *sqldb.Tx) error { breaks(); return big(tx, "d1") },
		func(tx *sqldb.Tx) error { return big(tx, "d2") })
	for i, err := range errs {
		if !errors.Is(err, sqldb.ErrUnknown) {
			t.Errorf("for ever: change %d: %v", i, err)
		}
	}
	mends()
	if len(recorded(t, db)) != 66 {
		t.Errorf("for ever: recorded %d", len(recorded(t, db)))
	}
	must(db.Write(context.Background(), func(tx *sqldb.Tx) error {
		var s string
		if err := tx.QueryRow(`pragma integrity_check`).Scan(&s); err != nil || s != "ok" {
			return fmt.Errorf("integrity: %s %w", s, err)
		}
		return insert(tx, "later", 1)
	}))
	must(db.Close())
	if !t.failed {
		fmt.Println("done")
	}
}

// harness is what the functions shared with the tests need of a testing.TB.
type harness struct {
	testing.TB
	failed bool
}

func (h *harness) Helper()                  {}
func (h *harness) Context() context.Context { return context.Background() }
func (h *harness) Error(args ...any)        { h.failed = true; fmt.Println(args...) }
func (h *harness) Errorf(f string, a ...any) {
	h.failed = true
	fmt.Printf(f+"\n", a...)
}
func (h *harness) Fatal(args ...any) { fmt.Println(args...); os.Exit(1) }
