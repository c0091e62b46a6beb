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

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

func insertion(id string, n int) sqldb.Statement {
	return sqldb.Statement{SQL: `insert into item (id, n) values ($1, $2)`, Args: []any{id, n}}
}

func TestStatementsTogether(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		var touched []int64
		err := db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
			touched, err = tx.ExecAll([]sqldb.Statement{insertion("a", 1), insertion("b", 2), insertion("c", 3),
				{SQL: `update item set n = n + 10 where n >= $1`, Args: []any{2}}, {SQL: `delete from item where id = 'nobody'`}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(touched, []int64{1, 1, 1, 2, 0}) {
			t.Errorf("touched %v", touched)
		}
		if got := items(t, db); got != "a=1 b=12 c=13" {
			t.Errorf("the table has %s", got)
		}
	})
}

// One that fails, fails the change with all of them, whatever the closure makes
// of it, and the next change finds a sound connection.
func TestStatementsTogetherFail(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		for _, bad := range []sqldb.Statement{insertion("a", 1), {SQL: `insert into nothing values (1)`}, {SQL: `insert into item (id, n) values ($1, $2)`, Args: []any{"d", struct{}{}}}} {
			for _, passed := range []bool{false, true} {
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					_, err := tx.ExecAll([]sqldb.Statement{insertion("a", 1), bad, insertion("b", 2)})
					if err == nil {
						t.Errorf("%v: no error", bad)
					}
					if _, again := tx.Exec(`delete from item`); again == nil {
						t.Errorf("%v: another statement ran after it", bad)
					}
					if passed {
						return nil
					}
					return err
				})
				if err == nil {
					t.Errorf("%v: the change was committed", bad)
				}
			}
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "z", 1) }); err != nil {
			t.Fatal(err)
		}
		if got := items(t, db); got != "z=1" {
			t.Errorf("the table has %s", got)
		}
	})
}

// Changes without a statement share a batch with changes that fail and changes
// that do not: a savepoint is made only where it is needed, and none is missed.
func TestSavepointsWhereNeeded(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		var mu sync.Mutex
		var finished []string
		o := options()
		o.Finish = func(_ *sqldb.Tx, attached []any) (func(), error) {
			return func() {
				mu.Lock()
				defer mu.Unlock()
				for _, v := range attached {
					finished = append(finished, v.(string))
				}
			}, nil
		}
		db := sqldbtest.Open(t, url, o)
		hold := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { db.Write(context.Background(), func(*sqldb.Tx) error { <-hold; return nil }) })
		refused := errors.New("refused")
		for i := range 40 {
			all.Go(func() {
				err := db.Write(context.Background(), func(tx *sqldb.Tx) error {
					tx.Attach(fmt.Sprintf("%d", i))
					switch i % 5 {
					case 0: // attaches only
						return nil
					case 1: // and is refused
						return refused
					case 2: // writes
						return insert(tx, fmt.Sprintf("%02d", i), i)
					case 3: // writes, and is refused
						if err := insert(tx, fmt.Sprintf("%02d", i), i); err != nil {
							return err
						}
						return refused
					default: // fails in the database
						return insert(tx, "twice", i)
					}
				})
				if want := i%5 == 1 || i%5 == 3; want != errors.Is(err, refused) {
					t.Errorf("change %d: %v", i, err)
				}
			})
		}
		close(hold)
		all.Wait()
		var want []string
		for i := range 40 {
			if i%5 == 2 {
				want = append(want, fmt.Sprintf("%02d=%d", i, i))
			}
		}
		got := strings.Fields(items(t, db))
		if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) || !strings.HasPrefix(got[len(want)], "twice=") {
			t.Errorf("the table has %v, want %v and one of those that collide", got, want)
		}
		if len(finished) != 17 {
			t.Errorf("%d changes were finished, want 17: %v", len(finished), finished)
		}
	})
}

func TestReadOne(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 7) }); err != nil {
			t.Fatal(err)
		}
		number := func(tx *sqldb.Tx, id string) (n int, err error) {
			return n, tx.QueryRow(`select n from item where id = $1`, id).Scan(&n)
		}
		err := db.ReadOne(t.Context(), func(tx *sqldb.Tx) error {
			n, err := number(tx, "a")
			if n != 7 {
				t.Errorf("read %d", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = db.ReadOne(t.Context(), func(tx *sqldb.Tx) error { _, err := number(tx, "nobody"); return err })
		if !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("no row: %v", err)
		}
		// Two statements would be two moments.
		err = db.ReadOne(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := number(tx, "a"); err != nil {
				return err
			}
			_, err := number(tx, "a")
			return err
		})
		if err == nil {
			t.Error("a second statement was run")
		}
		for _, q := range []string{`insert into item (id, n) values ('b', 1)`, `delete from item`} {
			if err := db.ReadOne(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(q); return err }); err == nil {
				t.Errorf("a reader could %s", q)
			}
		}
		// Rows that are left open do not keep their connection.
		for range 40 {
			err := db.ReadOne(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Query(`select id from item`); return err })
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := items(t, db); got != "a=7" {
			t.Errorf("the table has %s", got)
		}
	})
}
