package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// ear keeps what a process is told.
type ear struct {
	mu     sync.Mutex
	lines  []string
	missed int
	errs   int
}

func (e *ear) told(lines []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, lines...)
}

func (e *ear) miss() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.missed++
}

func (e *ear) trouble(error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.errs++
}

func (e *ear) heard() (lines []string, missed int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.lines), e.missed
}

// until waits, for as long as the test may take, until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("in vain: " + what)
		}
	}
}

// hear has an ear hear what other processes tell, until the test ends.
func hear(t *testing.T, db *sqldb.DB, e *ear) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); db.Hear(ctx, e.told, e.miss, e.trouble) }()
	t.Cleanup(func() { cancel(); <-done })
}

// TestTold: a process is told what its own changes told, each line of a commit once, after the
// commit and not at all if there was none.
func TestTold(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var e ear
		o := options()
		o.Told = e.told
		db := sqldbtest.Open(t, url, o)
		hear(t, db, &e)
		tell := func(fail error, lines ...string) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				for _, line := range lines {
					tx.Tell(line)
				}
				return fail
			})
		}
		if err := tell(nil, "a", "b", "a"); err != nil {
			t.Fatal(err)
		}
		no := errors.New("no")
		if err := tell(no, "never"); !errors.Is(err, no) {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { tx.Tell("c"); return insert(tx, "x", 1) }); err != nil {
			t.Fatal(err)
		}
		if got, _ := e.heard(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("told %v", got)
		}
	})
}

// TestHeardElsewhere: another process is told the same, after the commit, and not what it told
// itself. After its connection was cut it is told that lines were missed, once it hears again.
func TestHeardElsewhere(t *testing.T) {
	url := sqldbtest.Postgres(t)
	var here, there ear
	o := options()
	one := sqldbtest.Open(t, url, o)
	o.Told = here.told
	two := sqldbtest.Open(t, url, o)
	hear(t, two, &there)
	until(t, "it listens", func() bool { _, missed := there.heard(); return missed == 1 })
	tell := func(db *sqldb.DB, id string, lines ...string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, line := range lines {
				tx.Tell(line)
			}
			return insert(tx, id, 1)
		}); err != nil {
			t.Fatal(err)
		}
	}
	tell(one, "x", "a", "b")
	tell(two, "y", "own")
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("line %04d of a large commit", i))
	}
	tell(one, "z", many...)
	want := append([]string{"a", "b"}, many...)
	until(t, "it hears the other", func() bool { got, _ := there.heard(); return len(got) >= len(want) })
	if got, _ := there.heard(); !slices.Equal(got, want) {
		t.Errorf("heard %d lines, the first of them %v", len(got), got[:min(len(got), 5)])
	}
	if got, _ := here.heard(); !slices.Equal(got, []string{"own"}) {
		t.Errorf("its own process heard %v", got)
	}

	cut(t, url)
	until(t, "the loss is noticed", func() bool { there.mu.Lock(); defer there.mu.Unlock(); return there.errs > 0 })
	until(t, "it listens again", func() bool { _, missed := there.heard(); return missed == 2 })
	tell(one, "after", "c")
	until(t, "it hears again", func() bool { got, _ := there.heard(); return slices.Contains(got, "c") })

	// Too much for any message: everything is to be read again.
	tell(one, "huge", strings.Repeat("long ", 2000))
	until(t, "it learns that it missed something", func() bool { _, missed := there.heard(); return missed == 3 })
	tell(one, "more", func() (all []string) {
		for i := range 80_000 {
			all = append(all, fmt.Sprintf("%08d", i))
		}
		return all
	}()...)
	until(t, "it learns that it missed much", func() bool { _, missed := there.heard(); return missed == 4 })
}

// cut ends the connections that listen, as a network does.
func cut(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), `select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
		where query like 'listen "countersign ' || current_schema() || '%') ended`).Scan(&n); err != nil || n == 0 {
		t.Fatalf("%d connections were cut, %v", n, err)
	}
}
