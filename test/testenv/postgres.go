package testenv

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres returns the DSN of a fresh, empty database of this test's own, with
// C collation and UTF-8, which is dropped when the test ends. A database and not
// a schema, since advisory locks and notifications are shared within one.
func Postgres(t testing.TB) string {
	t.Helper()
	cluster := setting(t, "postgres", postgresVariable)
	own, err := url.Parse(cluster)
	if err != nil || !strings.HasPrefix(own.Scheme, "postgres") {
		t.Fatalf("%s must be a URL such as postgres://user@127.0.0.1:5432/postgres?sslmode=disable", postgresVariable)
	}
	name := "test_" + strings.ToLower(rand.Text())
	administer(t, cluster, "create database "+name+
		" template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'")
	// By force: a connection that a test has leaked must not keep the database.
	t.Cleanup(func() { administer(t, cluster, "drop database "+name+" with (force)") })
	own.Path = "/" + name
	return own.String()
}

func administer(t testing.TB, dsn, statement string) {
	t.Helper()
	// Not t.Context, which is over when clean-ups run.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("connect to the PostgreSQL of %s: %v", postgresVariable, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
