// Package sqldbtest gives tests a fresh database of each kind.
//
// PostgreSQL is used where COUNTERSIGN_POSTGRES holds the address of a database
// with C collation in which the user may make schemas; each test gets a schema
// of its own. Without it those tests are skipped, unless COUNTERSIGN_REQUIRE
// names postgres: then they fail.
package sqldbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"countersign.dev/sqldb"
)

// Each runs test once on SQLite and once on PostgreSQL, each time with the
// address of an empty database.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite returns the address of a file that does not exist yet.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// Postgres returns the address of an empty schema, which goes with the test.
func Postgres(t testing.TB) string {
	t.Helper()
	base := os.Getenv("COUNTERSIGN_POSTGRES")
	if base == "" {
		if slices.Contains(strings.Split(os.Getenv("COUNTERSIGN_REQUIRE"), ","), "postgres") {
			t.Fatal("COUNTERSIGN_REQUIRE names postgres, but COUNTERSIGN_POSTGRES is not set")
		}
		t.Skip("needs PostgreSQL: set COUNTERSIGN_POSTGRES to the address of a database with C collation")
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal("COUNTERSIGN_POSTGRES is not an address such as postgres://user@127.0.0.1:5432/name")
	}
	schema := "test_" + strings.ToLower(rand.Text())
	admin(t, base, "create schema "+schema)
	t.Cleanup(func() { admin(t, base, "drop schema "+schema+" cascade") })
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func admin(t testing.TB, url, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// Open opens the database at url until the test ends.
func Open(t testing.TB, url string, o sqldb.Options) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// RefusesChange fails the test unless the table, in which there must be a row,
// refuses update and delete. The column is set to itself.
func RefusesChange(t testing.TB, db *sqldb.DB, table, column string) {
	t.Helper()
	for _, q := range []string{
		"update " + table + " set " + column + " = " + column,
		"delete from " + table,
	} {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(q)
			return err
		})
		if !sqldb.IsAppendOnly(err) {
			t.Errorf("%s: %v; want a refusal", q, err)
		}
	}
}
