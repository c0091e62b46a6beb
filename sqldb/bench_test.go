package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// BenchmarkWrite measures durable changes of one row of 600 bytes, from 1, 64
// and 1,000 sides. p50-ms with one side is c, the cost of one durable commit,
// against which other numbers of the project are stated.
func BenchmarkWrite(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.Postgres}} {
		for _, sides := range []int{1, 64, 1000} {
			b.Run(fmt.Sprintf("%s/sides=%d", kind.name, sides), func(b *testing.B) {
				db := sqldbtest.Open(b, kind.url(b), options())
				var next atomic.Int64
				measure(b, sides, func() error {
					id := fmt.Sprintf("%012d", next.Add(1))
					return db.Write(context.Background(), func(tx *sqldb.Tx) error {
						_, err := tx.Exec(`insert into item (id, n, blob) values ($1, 1, $2)`, id, row)
						return err
					})
				})
			})
		}
	}
}

var row = make([]byte, 600)

// BenchmarkAutocommit is the same on the same settings without this package: an
// insert that commits by itself.
func BenchmarkAutocommit(b *testing.B) {
	path := filepath.Join(b.TempDir(), "plain.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cache_size(-65536)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`create table item (id text primary key, n bigint not null, blob blob)`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare(`insert into item (id, n, blob) values ($1, 1, $2)`)
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	var next atomic.Int64
	for _, sides := range []int{1, 64} {
		b.Run(fmt.Sprintf("sqlite/sides=%d", sides), func(b *testing.B) {
			measure(b, sides, func() error {
				_, err := insert.Exec(fmt.Sprintf("%012d", next.Add(1)), row)
				return err
			})
		})
	}
}

// measure calls do b.N times from several sides and reports rate and latency.
func measure(b *testing.B, sides int, do func() error) {
	b.Helper()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range sides {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				start := time.Now()
				if err := do(); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}
