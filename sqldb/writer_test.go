package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

var errRefused = errors.New("refused by the change")

// around returns 64 changes that insert one row each, with the bad one in the
// middle instead of the 33rd, and what the table holds if all but it are done.
func around(bad func(*sqldb.Tx) error) (fns []func(*sqldb.Tx) error, want string) {
	var rows []string
	for i := range 64 {
		if i == 32 {
			fns = append(fns, bad)
			continue
		}
		id := fmt.Sprintf("i%02d", i)
		fns = append(fns, func(tx *sqldb.Tx) error {
			tx.Attach(id)
			return insert(tx, id, i)
		})
		rows = append(rows, fmt.Sprintf("%s=%d", id, i))
	}
	return fns, strings.Join(rows, " ")
}

// ledger is a Finish that counts, and enters what it is given into the table
// history, so that a lost or doubled value shows.
type ledger struct {
	batches  [][]any
	finish   func(attached []any) error
	commits  int
	attempts int
}

func (l *ledger) options() sqldb.Options {
	o := options()
	o.Finish = func(tx *sqldb.Tx, attached []any) (func(), error) {
		l.attempts++
		for _, v := range attached {
			if _, err := tx.Exec(`insert into history (id) values ($1)`, v); err != nil {
				return nil, err
			}
		}
		if l.finish != nil {
			if err := l.finish(attached); err != nil {
				return nil, err
			}
		}
		return func() { l.commits++; l.batches = append(l.batches, attached) }, nil
	}
	return o
}

// recorded returns what Finish entered and committed.
func recorded(t testing.TB, db *sqldb.DB) (ids []string) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		var err error
		ids, err = sqldb.All(tx, func(r sqldb.Row) (id string, err error) { return id, r.Scan(&id) }, `select id from history order by id`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestBatch(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var l ledger
		db := sqldbtest.Open(t, url, l.options())
		fns, _ := around(func(tx *sqldb.Tx) error { tx.Attach("i32"); return insert(tx, "i32", 32) })
		answered := 0
		for i, err := range gather(t, db, fns...) {
			if err != nil {
				t.Errorf("change %d: %v", i, err)
			}
			answered++
		}
		if l.commits != 1 || len(l.batches[0]) != 64 {
			t.Fatalf("%d commits, %d values; want one of 64", l.commits, len(l.batches))
		}
		for i, v := range l.batches[0] {
			if v != fmt.Sprintf("i%02d", i) {
				t.Errorf("value %d is %v: not in the order of the changes", i, v)
			}
		}
		if n := len(strings.Fields(items(t, db))); n != 64 || len(recorded(t, db)) != 64 {
			t.Errorf("%d rows, %d recorded", n, len(recorded(t, db)))
		}
	})
}

// TestOneBadChange is the promise that one change's end does not touch the
// others of its batch: all of them are committed, exactly once, and nothing of it.
func TestOneBadChange(t *testing.T) {
	write := func(tx *sqldb.Tx) error {
		tx.Attach("bad")
		tx.Signal("bad")
		return insert(tx, "bad", 1)
	}
	cases := map[string]struct {
		only sqldb.Dialect
		bad  func(*sqldb.Tx) error
		want func(error) bool
	}{
		"its own error": {
			bad:  func(tx *sqldb.Tx) error { write(tx); return errRefused },
			want: func(err error) bool { return errors.Is(err, errRefused) },
		},
		"a statement's error": {
			bad:  func(tx *sqldb.Tx) error { write(tx); return insert(tx, "bad", 1) },
			want: sqldb.IsUnique,
		},
		"an error it lets pass": {
			bad:  func(tx *sqldb.Tx) error { write(tx); insert(tx, "bad", 1); return nil },
			want: sqldb.IsUnique,
		},
		"an error it lets pass before another statement": {
			bad:  func(tx *sqldb.Tx) error { insert(tx, "neg", -1); write(tx); return nil },
			want: sqldb.IsCheck,
		},
		"a panic": {
			bad: func(tx *sqldb.Tx) error { write(tx); panic("mistake") },
			want: func(err error) bool {
				return fault.KindOf(err) == fault.Internal && strings.Contains(err.Error(), "mistake") &&
					strings.Contains(err.Error(), "writer_test.go") && !strings.Contains(fault.TextOf(err), "mistake")
			},
		},
		"the end of its goroutine": {
			bad:  func(tx *sqldb.Tx) error { write(tx); runtime.Goexit(); return nil },
			want: func(err error) bool { return fault.As(err) != nil && fault.As(err).Type == "change-exited" },
		},
		"rows left open": {
			bad: func(tx *sqldb.Tx) error {
				rows, err := tx.Query(`select id from item`)
				if err != nil {
					return err
				}
				rows.Next()
				return errRefused
			},
			want: func(err error) bool { return errors.Is(err, errRefused) },
		},
		"a constraint checked at the commit": {
			bad: func(tx *sqldb.Tx) error {
				write(tx)
				_, err := tx.Exec(`insert into promise (id, item) values ('p', 'nobody')`)
				return err
			},
			want: sqldb.IsForeignKey,
		},
		"a commit of its own": {
			only: sqldb.SQLite,
			bad:  func(tx *sqldb.Tx) error { write(tx); tx.Exec(`commit`); return nil },
			want: func(err error) bool { return err != nil && !errors.Is(err, sqldb.ErrUnknown) },
		},
		"a rollback of its own": {
			only: sqldb.SQLite,
			bad: func(tx *sqldb.Tx) error {
				write(tx)
				tx.Exec(`rollback`)
				return insert(tx, "bad2", 1) // would commit by itself
			},
			want: func(err error) bool { return err != nil && !errors.Is(err, sqldb.ErrUnknown) },
		},
		"a full disk": {
			only: sqldb.SQLite,
			bad: func(tx *sqldb.Tx) error {
				write(tx)
				var n int
				tx.QueryRow(`pragma page_count`).Scan(&n)
				tx.QueryRow(fmt.Sprintf(`pragma max_page_count = %d`, n+8)).Scan(&n)
				_, err := tx.Exec(`insert into item (id, n, blob) values ('big', 1, zeroblob(1000000))`)
				return err
			},
			want: func(err error) bool { return sqldb.IsFull(err) && fault.Is(err, "database-full") },
		},
		"its connection killed": {
			only: sqldb.PostgreSQL,
			bad: func(tx *sqldb.Tx) error {
				write(tx)
				_, err := tx.Exec(`select pg_terminate_backend(pg_backend_pid())`)
				return err
			},
			want: func(err error) bool { return fault.Is(err, "database-unavailable") },
		},
		"ErrAgain for ever": {
			bad:  func(tx *sqldb.Tx) error { write(tx); return sqldb.ErrAgain },
			want: func(err error) bool { return errors.Is(err, sqldb.ErrAgain) },
		},
		"a serialization failure for ever": {
			only: sqldb.PostgreSQL,
			bad: func(tx *sqldb.Tx) error {
				write(tx)
				_, err := tx.Exec(`do $$ begin raise exception using errcode = '40001'; end $$`)
				return err
			},
			want: func(err error) bool { return errors.Is(err, sqldb.ErrAgain) },
		},
		"a value that Finish refuses": {
			bad:  func(tx *sqldb.Tx) error { tx.Attach("poison"); return insert(tx, "bad", 1) },
			want: func(err error) bool { return errors.Is(err, errRefused) },
		},
		"a value that Finish panics on": {
			bad:  func(tx *sqldb.Tx) error { tx.Attach("panic"); return insert(tx, "bad", 1) },
			want: func(err error) bool { return fault.KindOf(err) == fault.Internal },
		},
		"a value that Finish sends back": {
			bad:  func(tx *sqldb.Tx) error { tx.Attach("again"); return insert(tx, "bad", 1) },
			want: func(err error) bool { return errors.Is(err, sqldb.ErrAgain) },
		},
		"a value that has moved for ever": {
			bad:  func(tx *sqldb.Tx) error { tx.Attach("moved"); return insert(tx, "bad", 1) },
			want: func(err error) bool { return errors.Is(err, sqldb.ErrAgain) && errors.Is(err, errRefused) },
		},
		"a value that Finish trips over": {
			bad:  func(tx *sqldb.Tx) error { tx.Attach("i01"); return insert(tx, "bad", 1) },
			want: sqldb.IsUnique,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sqldbtest.Each(t, func(t *testing.T, url string) {
				var l ledger
				l.finish = func(attached []any) error {
					switch {
					case slices.Contains(attached, any("poison")):
						return errRefused
					case slices.Contains(attached, any("panic")):
						panic("finish")
					case slices.Contains(attached, any("again")):
						return sqldb.ErrAgain
					case slices.Contains(attached, any("moved")):
						return &sqldb.MovedError{Attached: slices.Index(attached, any("moved")), Err: errRefused}
					}
					return nil
				}
				db := sqldbtest.Open(t, url, l.options())
				if c.only != 0 && c.only != db.Dialect() {
					return // the other database has no such end
				}
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					_, err := tx.Exec(`create table promise (id text primary key, item text references item (id) deferrable initially deferred)`)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				woken, stop := db.Listen("bad")
				defer stop()
				fns, want := around(c.bad)
				for i, err := range gather(t, db, fns...) {
					if i != 32 && err != nil {
						t.Errorf("change %d: %v", i, err)
					}
					if i == 32 && !c.want(err) {
						t.Errorf("the bad change: %v", err)
					}
				}
				if got := items(t, db); got != want {
					t.Errorf("the table holds %s\nwant %s", got, want)
				}
				if ids := recorded(t, db); len(ids) != 63 {
					t.Errorf("%d recorded, want 63: %v", len(ids), ids)
				}
				n := 0
				for _, b := range l.batches {
					n += len(b)
				}
				if n != 63 {
					t.Errorf("%d values said to be committed, want 63", n)
				}
				select {
				case <-woken:
					t.Error("a change that was not made woke its listener")
				default:
				}
				if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "later", 1) }); err != nil {
					t.Errorf("a change afterwards: %v", err)
				}
			})
		})
	}
}

// TestDiskFullForAll has no room for anybody: everybody is told, nothing is half done.
func TestDiskFullForAll(t *testing.T) {
	var l ledger
	db := sqldbtest.Open(t, sqldbtest.SQLite(t), l.options())
	pages := func(n int) {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(fmt.Sprintf(`pragma max_page_count = %d`, n)).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pages(1) // what there is, and no more
	var fns []func(*sqldb.Tx) error
	for i := range 64 {
		fns = append(fns, func(tx *sqldb.Tx) error {
			tx.Attach(fmt.Sprint(i))
			_, err := tx.Exec(`insert into item (id, n, blob) values ($1, 1, zeroblob(100000))`, fmt.Sprint(i))
			return err
		})
	}
	for i, err := range gather(t, db, fns...) {
		if !sqldb.IsFull(err) || errors.Is(err, sqldb.ErrUnknown) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if got := items(t, db); got != "" || len(recorded(t, db)) != 0 || l.commits != 0 {
		t.Errorf("done in spite of it: %s, %v", got, recorded(t, db))
	}
	pages(1 << 30)
	for i, err := range gather(t, db, fns...) {
		if err != nil {
			t.Errorf("change %d with room again: %v", i, err)
		}
	}
	if n := len(recorded(t, db)); n != 64 {
		t.Errorf("%d recorded", n)
	}
}

func TestContext(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		never := func(tx *sqldb.Tx) error { t.Error("a withdrawn change was begun"); return nil }

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Write(ctx, never); !errors.Is(err, context.Canceled) || errors.Is(err, sqldb.ErrUnknown) {
			t.Errorf("ended before: %v", err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		release := hold(t, db)
		answer := make(chan error, 1)
		go func() { answer <- db.Write(ctx, never) }()
		for sqldb.Waiting(db) == 0 {
			runtime.Gosched()
		}
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) || errors.Is(err, sqldb.ErrUnknown) {
			t.Errorf("ended while waiting: %v", err)
		}
		release()

		// In the middle of 64: the caller goes, the change is completed, and so
		// are the others. Nothing runs when the caller has its answer.
		ctx, cancel = context.WithCancel(t.Context())
		var over atomic.Bool
		fns, want := around(func(tx *sqldb.Tx) error {
			if err := insert(tx, "i32", 1); err != nil {
				return err
			}
			cancel()
			for !sqldb.Left(db) {
				runtime.Gosched()
			}
			err := insert(tx, "i32b", 1)
			for range 1000 {
				runtime.Gosched()
			}
			if over.Load() {
				t.Error("the change runs on after its caller's answer")
			}
			return err
		})
		bad := fns[32]
		release = hold(t, db)
		var all sync.WaitGroup
		for i, fn := range fns {
			all.Go(func() {
				if i != 32 {
					if err := db.Write(t.Context(), fn); err != nil {
						t.Errorf("change %d: %v", i, err)
					}
					return
				}
				err := db.Write(ctx, bad)
				if !errors.Is(err, context.Canceled) || !errors.Is(err, sqldb.ErrUnknown) || !fault.Is(err, "outcome-unknown") {
					t.Errorf("ended when begun: %v", err)
				}
				over.Store(true)
			})
		}
		for sqldb.Waiting(db) < 64 {
			runtime.Gosched()
		}
		release()
		all.Wait()
		if got := strings.ReplaceAll(items(t, db), "i32=1 i32b=1 ", ""); got != want || len(got) == len(items(t, db)) {
			t.Errorf("the table holds %s", items(t, db))
		}

		// One that is to run once more is dropped, since its caller has gone.
		ctx, cancel = context.WithCancel(t.Context())
		runs := 0
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			runs++
			cancel()
			for !sqldb.Left(db) {
				runtime.Gosched()
			}
			return sqldb.ErrAgain
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, sqldb.ErrUnknown) {
			t.Errorf("ended when to be run again: %v", err)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "last", 1) }); err != nil || runs != 1 {
			t.Errorf("it ran %d times, and the next change says %v", runs, err)
		}
	})
}

func TestClose(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db, err := sqldb.Open(t.Context(), url, options())
		if err != nil {
			t.Fatal(err)
		}
		release := hold(t, db)
		answer, closed := make(chan error, 1), make(chan error, 1)
		go func() { answer <- db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) }) }()
		for sqldb.Waiting(db) == 0 {
			runtime.Gosched()
		}
		go func() { closed <- db.Close() }()
		for !sqldb.Closing(db) {
			runtime.Gosched()
		}
		if err := db.Write(t.Context(), func(*sqldb.Tx) error { return nil }); !errors.Is(err, sqldb.ErrClosed) {
			t.Errorf("a change after Close: %v", err)
		}
		release()
		if err := <-answer; err != nil {
			t.Errorf("a change that waited when Close was called: %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		db = sqldbtest.Open(t, url, options())
		if got := items(t, db); got != "a=1" {
			t.Errorf("items are %q", got)
		}
	})
}

func TestUseAfterEnd(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		var kept *sqldb.Tx
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := insert(kept, "a", 1); err == nil {
			t.Error("a change wrote after its end")
		}
		if err := kept.QueryRow(`insert into item (id, n) values ('b', 1) returning n`).Scan(new(int)); err == nil {
			t.Error("a change wrote after its end")
		}
		if got := items(t, db); got != "" {
			t.Errorf("items are %q", got)
		}
	})
}

func TestSignalAndAttached(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var l ledger
		db := sqldbtest.Open(t, url, l.options())
		woken, stop := db.Listen("x")
		defer stop()
		other, stopOther := db.Listen("y")
		defer stopOther()
		for i, err := range gather(t, db,
			func(tx *sqldb.Tx) error { tx.Attach("a"); tx.Signal("x"); return nil },
			func(tx *sqldb.Tx) error { tx.Attach("b"); return errRefused },
			func(tx *sqldb.Tx) error {
				tx.Attach("c")
				if got := tx.Attached(); !slices.Equal(got, []any{"a", "c"}) {
					t.Errorf("attached so far: %v", got)
				}
				return nil
			},
		) {
			if (i == 1) != (err != nil) {
				t.Errorf("change %d: %v", i, err)
			}
		}
		select {
		case <-woken:
		default:
			t.Error("the signal had not come when Write returned")
		}
		select {
		case <-other:
			t.Error("woken by another's signal")
		default:
		}
	})
}

// TestAgain: what is sent back is run again and done once.
func TestAgain(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var l ledger
		refusals := 2
		l.finish = func(attached []any) error {
			if refusals--; refusals >= 0 {
				return fmt.Errorf("the head moved: %w", sqldb.ErrAgain)
			}
			return nil
		}
		db := sqldbtest.Open(t, url, l.options())
		runs := 0
		fns, want := around(func(tx *sqldb.Tx) error {
			if runs++; runs < 7 {
				insert(tx, "bad", 1)
				return sqldb.ErrAgain
			}
			tx.Attach("i32")
			return insert(tx, "i32", 32)
		})
		for i, err := range gather(t, db, fns...) {
			if err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		}
		if got := strings.ReplaceAll(items(t, db), "i32=32 ", ""); got != want {
			t.Errorf("the table holds %s", items(t, db))
		}
		if n := len(recorded(t, db)); n != 64 {
			t.Errorf("%d recorded", n)
		}
	})
}

// TestMoved: the change whose value has moved runs again by itself, the others
// together.
func TestMoved(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var l ledger
		l.finish = func(attached []any) error {
			if i := slices.Index(attached, any("old")); i >= 0 {
				return &sqldb.MovedError{Attached: i, Err: errRefused}
			}
			return nil
		}
		o, held := l.options(), 0
		o.Hold = func(tx *sqldb.Tx) error { held++; return tx.QueryRow(`select count(*) from item`).Scan(new(int)) }
		db := sqldbtest.Open(t, url, o)
		runs := 0
		fns, want := around(func(tx *sqldb.Tx) error {
			if held != runs {
				t.Errorf("run %d with the lock held %d times", runs, held)
			}
			if runs++; runs < 3 {
				tx.Attach("old")
				return insert(tx, "bad", 1)
			}
			tx.Attach("i32")
			return insert(tx, "i32", 32)
		})
		for i, err := range gather(t, db, fns...) {
			if err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		}
		if got := strings.ReplaceAll(items(t, db), "i32=32 ", ""); got != want || runs != 3 {
			t.Errorf("after %d runs the table holds %s", runs, items(t, db))
		}
		if l.commits != 2 || len(l.batches[0]) != 63 || len(l.batches[1]) != 1 {
			t.Errorf("%d commits", l.commits)
		}
	})
}

// TestDeadlock lets two nodes take the same two rows in opposite order.
func TestDeadlock(t *testing.T) {
	url := sqldbtest.Postgres(t)
	a, b := sqldbtest.Open(t, url, options()), sqldbtest.Open(t, url, options())
	err := a.Write(t.Context(), func(tx *sqldb.Tx) error { return errors.Join(insert(tx, "x", 0), insert(tx, "y", 0)) })
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Add(2)
	cross := func(db *sqldb.DB, first, second string) error {
		var once sync.Once
		return db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(`update item set n = n + 1 where id = $1`, first); err != nil {
				return err
			}
			once.Do(func() { both.Done(); both.Wait() })
			_, err := tx.Exec(`update item set n = n + 1 where id = $1`, second)
			return err
		})
	}
	answer := make(chan error, 1)
	go func() { answer <- cross(a, "x", "y") }()
	if err := errors.Join(cross(b, "y", "x"), <-answer); err != nil {
		t.Error(err)
	}
	if got := items(t, a); got != "x=2 y=2" {
		t.Errorf("items are %s", got)
	}
}

// TestCommitUnknown breaks the connection while a commit is under way, once
// after the server has it and once before. Nobody can tell which; it is not
// repeated, and whoever asked is told.
func TestCommitUnknown(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		t.Run(fmt.Sprintf("arrives=%v", arrives), func(t *testing.T) {
			url := sqldbtest.Postgres(t)
			straight := sqldbtest.Open(t, url, options())
			p := startProxy(t, url, arrives)
			db := sqldbtest.Open(t, p.url, options())
			var refusedErr error
			runs := 0
			errs := gather(t, db,
				func(tx *sqldb.Tx) error { runs++; p.armed.Store(true); return insert(tx, "a", 1) },
				func(tx *sqldb.Tx) error { insert(tx, "b", 1); return errRefused },
				func(tx *sqldb.Tx) error { return insert(tx, "c", 1) },
			)
			refusedErr = errs[1]
			for _, i := range []int{0, 2} {
				if !errors.Is(errs[i], sqldb.ErrUnknown) {
					t.Errorf("change %d: %v", i, errs[i])
				}
			}
			if !errors.Is(refusedErr, errRefused) || errors.Is(refusedErr, sqldb.ErrUnknown) {
				t.Errorf("the refused change: %v", refusedErr)
			}
			want := map[bool]string{true: "a=1 c=1", false: ""}[arrives]
			if got := items(t, straight); got != want || runs != 1 {
				t.Errorf("items are %q, want %q; the change ran %d times", got, want, runs)
			}
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "d", 1) }); err != nil {
				t.Errorf("a change afterwards: %v", err)
			}
		})
	}
}

// proxy stands before PostgreSQL and, once armed, cuts the connection at the
// next commit.
type proxy struct {
	url   string
	armed atomic.Bool
}

func startProxy(t *testing.T, url string, arrives bool) *proxy {
	t.Helper()
	host := url[strings.Index(url, "@")+1:]
	host = host[:strings.IndexByte(host, '/')]
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: strings.Replace(url, host, ln.Addr().String(), 1)}
	var open sync.WaitGroup
	t.Cleanup(func() { ln.Close(); open.Wait() })
	open.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", host)
			if err != nil {
				client.Close()
				continue
			}
			cut := make(chan struct{})
			open.Go(func() { // to the server
				b := make([]byte, 1<<16)
				for {
					n, err := client.Read(b)
					if err != nil {
						server.Close()
						return
					}
					if strings.Contains(string(b[:n]), "commit\x00") && p.armed.CompareAndSwap(true, false) {
						close(cut)
						if arrives {
							server.Write(b[:n]) // it will answer; nobody hears it
						} else {
							server.Close()
						}
						return
					}
					if _, err := server.Write(b[:n]); err != nil {
						server.Close()
						return
					}
				}
			})
			open.Go(func() { // back
				defer server.Close()
				defer client.Close()
				b := make([]byte, 1<<16)
				for {
					n, err := server.Read(b)
					select {
					case <-cut:
						return
					default:
					}
					if err != nil {
						return
					}
					if _, err := client.Write(b[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	return p
}

// TestRandomBatches compares the result of batches of random behaviour with the result of
// each change by itself.
func TestRandomBatches(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var l ledger
		db := sqldbtest.Open(t, url, l.options())
		batch := 0
		rapid.Check(t, func(r *rapid.T) {
			batch++
			ends := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 12).Draw(r, "ends")
			var fns []func(*sqldb.Tx) error
			var want, wantRecorded []string
			for i, end := range ends {
				id := fmt.Sprintf("b%06d.%02d", batch, i)
				runs := 0
				fns = append(fns, func(tx *sqldb.Tx) error {
					runs++
					if err := insert(tx, id, i); err != nil {
						return err
					}
					tx.Attach(id)
					switch {
					case end == 1:
						return errRefused
					case end == 2:
						panic("mistake")
					case end == 3:
						insert(tx, id, i)
						return nil
					case end == 4 && runs < 4:
						return sqldb.ErrAgain
					case end == 5 && db.Dialect() == sqldb.SQLite && runs < 3:
						tx.Exec(`rollback`)
						return nil
					case end == 5 && runs < 3:
						tx.Exec(`select pg_terminate_backend(pg_backend_pid())`)
						return nil
					}
					return nil
				})
				if end == 0 || end >= 4 {
					want = append(want, fmt.Sprintf("%s=%d", id, i))
					wantRecorded = append(wantRecorded, id)
				}
			}
			for i, err := range gather(t, db, fns...) {
				if (err == nil) != (ends[i] == 0 || ends[i] >= 4) {
					r.Errorf("change %d, which ends with %d: %v", i, ends[i], err)
				}
			}
			var got []string
			for _, row := range strings.Fields(items(t, db)) {
				if strings.HasPrefix(row, fmt.Sprintf("b%06d.", batch)) {
					got = append(got, row)
				}
			}
			var gotRecorded []string
			for _, id := range recorded(t, db) {
				if strings.HasPrefix(id, fmt.Sprintf("b%06d.", batch)) {
					gotRecorded = append(gotRecorded, id)
				}
			}
			if !slices.Equal(got, want) || !slices.Equal(gotRecorded, wantRecorded) {
				r.Errorf("after %v the tables hold %v and %v", ends, got, gotRecorded)
			}
		})
	})
}
