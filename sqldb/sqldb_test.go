package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// tables is a table of each sort, in migrations of their own.
var tables = fstest.MapFS{
	"sqlite/00001_item.sql": {Data: []byte(`-- +goose Up
create table item (id text primary key, n bigint not null constraint item_n_positive check (n >= 0), blob blob);
create table history (id text primary key);
-- +goose StatementBegin
create trigger history_no_update before update on history begin select raise(abort, 'history is append-only'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger history_no_delete before delete on history begin select raise(abort, 'history is append-only'); end;
-- +goose StatementEnd
create table part (id text primary key, item text not null references item (id));
`)},
	"postgres/00001_item.sql": {Data: []byte(`-- +goose Up
create table item (id text primary key, n bigint not null constraint item_n_positive check (n >= 0), blob bytea);
create table history (id text primary key);
-- +goose StatementBegin
create function history_append_only() returns trigger language plpgsql as
$$ begin raise exception using errcode = 'CSAPP', message = 'history is append-only'; end $$;
-- +goose StatementEnd
create trigger history_append_only before update or delete or truncate on history
for each statement execute function history_append_only();
create table part (id text primary key, item text not null references item (id));
`)},
}

func options() sqldb.Options { return sqldb.Options{Migrations: tables, Line: "test"} }

func insert(tx *sqldb.Tx, id string, n int) error {
	_, err := tx.Exec(`insert into item (id, n) values ($1, $2)`, id, n)
	return err
}

// items returns what is in the table, as "id=n id=n …".
func items(t testing.TB, db *sqldb.DB) string {
	t.Helper()
	var all []string
	err := db.Read(context.Background(), func(tx *sqldb.Tx) error {
		var err error
		all, err = sqldb.All(tx, func(r sqldb.Row) (string, error) {
			var id string
			var n int
			err := r.Scan(&id, &n)
			return fmt.Sprintf("%s=%d", id, n), err
		}, `select id, n from item order by id`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// hold makes the writer wait inside a change, so that what is written next
// gathers behind it, and returns the function that lets it go on.
func hold(t testing.TB, db *sqldb.DB) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		var once sync.Once
		done <- db.Write(context.Background(), func(tx *sqldb.Tx) error {
			once.Do(func() { close(held) })
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// gather starts one Write for each function, in order, while the writer is
// held, then lets it go and returns the answers.
func gather(t testing.TB, db *sqldb.DB, fns ...func(*sqldb.Tx) error) []error {
	t.Helper()
	release := hold(t, db)
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	for i, fn := range fns {
		all.Add(1)
		before := sqldb.Waiting(db)
		go func() {
			defer all.Done()
			errs[i] = db.Write(context.Background(), fn)
		}()
		for sqldb.Waiting(db) == before {
			runtime.Gosched()
		}
	}
	release()
	all.Wait()
	return errs
}

func TestReadWrite(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		at := time.Date(2017, 11, 2, 18, 59, 0, 123456789, time.UTC)
		o := options()
		o.Now = func() time.Time { return at }
		db, err := sqldb.Open(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if got := tx.Now().String(); got != "2017-11-02T18:59:00.123456Z" {
				t.Errorf("now is %s", got)
			}
			n, err := tx.Exec(`insert into item (id, n, blob) values ($2, $1, $3)`, 7, "a", []byte{0, 1})
			if n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
			var n int
			var blob []byte
			if err := tx.QueryRow(`select n, blob from item where id = $1`, "a").Scan(&n, &blob); err != nil || n != 7 || string(blob) != "\x00\x01" {
				t.Errorf("read %d %x %v", n, blob, err)
			}
			if err := tx.QueryRow(`select n from item where id = $1`, "b").Scan(&n); !sqldb.IsNotFound(err) || !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("a missing row: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestReaderCannotWrite(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) })
		if !sqldb.IsReadOnly(err) {
			t.Errorf("a write by a reader: %v", err)
		}
		err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
			tx.Exec(`commit`) // its way out of the transaction is none out of the connection
			return insert(tx, "b", 1)
		})
		if !sqldb.IsReadOnly(err) {
			t.Errorf("a write by a reader that ended its transaction: %v", err)
		}
		if got := items(t, db); got != "" {
			t.Errorf("a reader wrote %s", got)
		}
	})
}

// TestCloseLeavesOneFile: a copy of the file alone is a copy of the database.
func TestCloseLeavesOneFile(t *testing.T) {
	url := sqldbtest.SQLite(t)
	db, err := sqldb.Open(t.Context(), url, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) }); err != nil {
		t.Fatal(err)
	}
	if got := items(t, db); got != "a=1" {
		t.Errorf("items are %q", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(url, "sqlite:")
	for _, more := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + more); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", more, err)
		}
	}
	if s, err := os.Stat(path); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want it ours alone", s.Mode(), err)
	}
}

// TestSettings are those that our promises rest on.
func TestSettings(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t), options())
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for pragma, want := range map[string]string{
			"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "cache_size": "-65536",
		} {
			var got string
			if err := tx.QueryRow(`pragma ` + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %s, want %s; %v", pragma, got, want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestFailedStatement: nothing can be done in a change after one, on either database.
func TestFailedStatement(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			first := insert(tx, "a", -1)
			if err := insert(tx, "b", 1); first == nil || err == nil {
				t.Errorf("a statement after a failed one: %v, then %v", first, err)
			}
			if _, err := tx.Query(`select 1`); err == nil {
				t.Error("a query after a failed statement")
			}
			if err := tx.QueryRow(`select 1`).Scan(new(int)); err == nil {
				t.Error("a row after a failed statement")
			}
			return nil
		})
		if !sqldb.IsCheck(err) {
			t.Error(err)
		}
	})
}

func TestReadIsOneSnapshot(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			count := func() (n int) {
				if err := tx.QueryRow(`select count(*) from item`).Scan(&n); err != nil {
					t.Error(err)
				}
				return n
			}
			before := count()
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) }); err != nil {
				t.Error(err)
			}
			if after := count(); after != before {
				t.Errorf("the read saw a commit made meanwhile: %d rows, then %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := items(t, db); got != "a=1" {
			t.Errorf("items are %q", got)
		}
	})
}

func TestReadEndsWithContext(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Read(ctx, func(tx *sqldb.Tx) error {
			cancel()
			var n int
			return tx.QueryRow(`select count(*) from item`).Scan(&n)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a read after its context ended: %v", err)
		}
		if got := items(t, db); got != "" {
			t.Errorf("items are %q", got)
		}
	})
}

func TestErrorsByCode(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) }); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			q  string
			is func(error) bool
		}{
			{`insert into item (id, n) values ('a', 1)`, sqldb.IsUnique},
			{`insert into item (id, n) values ('b', -1)`, sqldb.IsCheck},
			{`insert into item (id, n) values ('b', null)`, sqldb.IsNotNull},
			{`insert into part (id, item) values ('p', 'nobody')`, sqldb.IsForeignKey},
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(c.q)
				return err
			})
			n := 0
			for _, is := range []func(error) bool{sqldb.IsUnique, sqldb.IsCheck, sqldb.IsNotNull, sqldb.IsForeignKey, sqldb.IsAppendOnly, sqldb.IsFull, sqldb.IsReadOnly, sqldb.IsNotFound} {
				if is(err) {
					n++
				}
			}
			if !c.is(err) || n != 1 {
				t.Errorf("%s: %v, of %d kinds", c.q, err, n)
			}
		}
	})
}

func TestAppendOnly(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`insert into history (id) values ('a')`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sqldbtest.RefusesChange(t, db, "history", "id")
	})
}

func TestMigrations(t *testing.T) {
	if err := sqldb.CheckMigrations(tables); err != nil {
		t.Error(err)
	}
	for name, fsys := range map[string]fstest.MapFS{
		"a number missing": {"sqlite/00002_a.sql": {}, "postgres/00002_a.sql": {}},
		"only one folder":  {"sqlite/00001_a.sql": {}},
		"different names":  {"sqlite/00001_a.sql": {}, "postgres/00001_b.sql": {}},
		"one more":         {"sqlite/00001_a.sql": {}, "postgres/00001_a.sql": {}, "postgres/00002_b.sql": {}},
		"a way back":       {"sqlite/00001_a.sql": {Data: []byte("-- +goose Down")}, "postgres/00001_a.sql": {}},
		"no transaction":   {"sqlite/00001_a.sql": {Data: []byte("-- +goose NO TRANSACTION")}, "postgres/00001_a.sql": {}},
	} {
		if sqldb.CheckMigrations(fsys) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	sqldbtest.Each(t, func(t *testing.T, url string) {
		// Several owners, several openings at once, and again later.
		second := fstest.MapFS{
			"sqlite/00001_other.sql":   {Data: []byte("-- +goose Up\ncreate table other (id text primary key);")},
			"postgres/00001_other.sql": {Data: []byte("-- +goose Up\ncreate table other (id text primary key);")},
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				db, err := sqldb.Open(t.Context(), url, options())
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				if err := db.Migrate(t.Context(), "other", second); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		second["sqlite/00002_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nalter table other add column n bigint;")}
		second["postgres/00002_more.sql"] = second["sqlite/00002_more.sql"]
		db := sqldbtest.Open(t, url, options())
		if err := db.Migrate(t.Context(), "other", second); err != nil {
			t.Fatal(err)
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`insert into other (id, n) values ('a', 1)`)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "sqlite::memory:", "mysql://x", "/tmp/a.db", "postgres://%zz"} {
		db, err := sqldb.Open(t.Context(), url, sqldb.Options{})
		if err == nil {
			db.Close()
		}
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", url, err)
		}
	}
	_, err := sqldb.Open(t.Context(), "sqlite:"+t.TempDir()+"/missing/a.db", sqldb.Options{})
	if !fault.Is(err, "database-unavailable") {
		t.Errorf("a missing folder: %v", err)
	}
	_, err = sqldb.Open(t.Context(), "postgres://nobody:secretword@127.0.0.1:1/x", sqldb.Options{})
	if !fault.Is(err, "database-unavailable") || strings.Contains(err.Error(), "secretword") {
		t.Errorf("no server: %v", err)
	}
}

// TestReadersPrepareSideBySide: as many readers as there may be have begun, and then each reads
// by a statement that nobody has prepared. All of them end.
func TestReadersPrepareSideBySide(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		const readers = 40
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for none of these to wait for another takes no time
		defer cancel()
		var all sync.WaitGroup
		begun := make(chan struct{}, readers)
		proceed := make(chan struct{})
		for i := range readers {
			all.Go(func() {
				if err := db.Read(ctx, func(tx *sqldb.Tx) error {
					begun <- struct{}{}
					<-proceed
					var n int
					return tx.QueryRow(fmt.Sprintf("select %d", i)).Scan(&n)
				}); err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
			})
		}
		// More than these do not begin at the same time.
		for range sqldb.SideBySide(db) {
			<-begun
		}
		close(proceed)
		all.Wait()
	})
}
