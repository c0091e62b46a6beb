package sqldb_test

import (
	"errors"
	"fmt"
	"testing"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// What is left for later runs in its order, before the next statement, and is
// there for it to see.
func TestLater(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		count := func(tx *sqldb.Tx) (n int, err error) {
			return n, tx.QueryRow(`select count(*) from item`).Scan(&n)
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			var told []int64
			check := func(n int64) error { told = append(told, n); return nil }
			tx.Later(insertion("a", 1), check)
			tx.Later(sqldb.Statement{SQL: `update item set n = n + 1`}, check)
			if n, err := count(tx); n != 1 || err != nil {
				t.Errorf("a row was asked for and found %d, %v", n, err)
			}
			tx.Later(insertion("b", 5), nil)
			if n, err := tx.Exec(`update item set n = n + 1`); n != 2 || err != nil {
				t.Errorf("an update touched %d rows, %v", n, err)
			}
			tx.Later(sqldb.Statement{SQL: `update item set n = n + 1`}, check)
			all, err := sqldb.All(tx, func(r sqldb.Row) (n int, err error) { return n, r.Scan(&n) }, `select n from item order by id`)
			if fmt.Sprint(all) != "[4 7]" || err != nil {
				t.Errorf("the rows have %v, %v", all, err)
			}
			if fmt.Sprint(told) != "[1 1 2]" {
				t.Errorf("told %v", told)
			}
			tx.Later(insertion("c", 1), check) // with nothing after it
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := items(t, db); got != "a=4 b=7 c=1" {
			t.Errorf("the table has %s", got)
		}
	})
}

// A change whose later statement fails, or whose check does not like what it
// touched, is not made, whether it is alone or shares its commit, and whether
// the statement went with Finish or not. The others are.
func TestLaterFails(t *testing.T) {
	for _, attach := range []bool{false, true} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("attach=%v together=%v", attach, together), func(t *testing.T) {
				sqldbtest.Each(t, func(t *testing.T, url string) {
					var l ledger
					db := sqldbtest.Open(t, url, l.options())
					disliked := errors.New("disliked")
					change := func(id string, s sqldb.Statement, checked error) func(*sqldb.Tx) error {
						return func(tx *sqldb.Tx) error {
							if attach {
								tx.Attach(id)
							}
							tx.Later(insertion(id, 1), nil)
							tx.Later(s, func(int64) error { return checked })
							return nil
						}
					}
					fns := []func(*sqldb.Tx) error{
						change("a", insertion("a2", 2), nil),
						change("b", insertion("b", 2), nil), // twice
						change("c", insertion("c2", 2), disliked),
						change("d", insertion("d2", 2), nil),
						func(tx *sqldb.Tx) error { tx.Later(insertion("e", 1), nil); return errRefused },
						func(*sqldb.Tx) error { return nil },
					}
					var errs []error
					if together {
						errs = gather(t, db, fns...)
					} else {
						for _, fn := range fns {
							errs = append(errs, db.Write(t.Context(), fn))
						}
					}
					if errs[0] != nil || errs[3] != nil || errs[5] != nil || !sqldb.IsUnique(errs[1]) || !errors.Is(errs[2], disliked) || !errors.Is(errs[4], errRefused) {
						t.Errorf("the errors are %v", errs)
					}
					if got := items(t, db); got != "a=1 a2=2 d=1 d2=2" {
						t.Errorf("the table has %s", got)
					}
					if got := fmt.Sprint(recorded(t, db)); attach && got != "[a d]" || !attach && got != "[]" {
						t.Errorf("finished were %s", got)
					}
				})
			})
		}
	}
}

// TestUnnamed: parameters lose their names only where their places say the same.
func TestUnnamed(t *testing.T) {
	for q, want := range map[string]string{
		"insert into x values ($1,$2),($3,$4)":                "insert into x values (?,?),(?,?)",
		"select '$1 ''$2', \"$3\" from x where a = $1 - b":    "select '$1 ''$2', \"$3\" from x where a = ? - b",
		"select $1,$2,$3,$4,$5,$6,$7,$8,$9,$10":               "select ?,?,?,?,?,?,?,?,?,?",
		"select 1":                                            "select 1",
		"update x set a = $2 where b = $1":                    "update x set a = $2 where b = $1",
		"select 1 from x where a = $1 or b = $1":              "select 1 from x where a = $1 or b = $1",
		"select 1 from x where a = $1 and b = $3":             "select 1 from x where a = $1 and b = $3",
		"select ?1, $1":                                       "select ?1, $1",
		"select $1 -- the $2":                                 "select $1 -- the $2",
		"select 'it ends nowhere, $1":                         "select 'it ends nowhere, $1",
		"select 'as $1' || $1 from x where b = $2 and c = $2": "select 'as $1' || $1 from x where b = $2 and c = $2",
		"select $1name, $2 from x":                            "select $1name, $2 from x",
		"select $1 /* and $2 */":                              "select $1 /* and $2 */",
	} {
		if got := sqldb.Unnamed(q); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", q, got, want)
		}
	}
}

// If a later statement fails because an earlier one did not touch what its check demands, the
// change gets the check's error, which may have it run again.
func TestLaterCause(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := sqldbtest.Open(t, url, options())
		cause := errors.New("somebody else was faster")
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { tx.Later(insertion("a", 1), nil); return nil }); err != nil {
			t.Fatal(err)
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Later(sqldb.Statement{SQL: `update item set n = 2 where id = 'b'`}, func(n int64) error {
				if n == 0 {
					return cause
				}
				return nil
			})
			tx.Later(insertion("a", 1), nil) // fails
			return nil
		})
		if !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	})
}
