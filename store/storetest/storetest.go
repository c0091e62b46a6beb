// Package storetest opens stores for tests: on each kind of database, with a
// ledger whose key is the same in every process.
package storetest

import (
	"testing"
	"time"

	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
)

// Key returns the log key of every store opened here.
func Key(t testing.TB) *ledger.Key {
	t.Helper()
	key, err := ledger.NewKey(ledgertest.Origin, ledgertest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Each runs test once on SQLite and once on PostgreSQL, each time with the
// address of an empty database.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	sqldbtest.Each(t, test)
}

// Open opens the store at url until the test ends; now may be nil.
func Open(t testing.TB, url string, now func() time.Time) *store.Store {
	t.Helper()
	key := Key(t)
	log := &ledger.Log{Origin: ledgertest.Origin, Signer: key, Rand: ledgertest.Rand(2)}
	s, err := store.Open(t.Context(), url, log, key.Verifier(), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
