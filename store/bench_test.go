package store_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
)

// BenchmarkRecord measures one ledger entry until it is covered by a signed,
// durable checkpoint.
func BenchmarkRecord(b *testing.B) {
	d := draft(ledger.Desk, "somebody")
	d.Data = map[string]string{"padding": string(make([]byte, 50)), "reason": "a rule of the community"}
	benchmark(b, "entries/s", []int{1, 64, 1000}, func(s *store.Store, _ int64) error {
		_, err := record(b.Context(), s, d)
		return err
	})
}

// BenchmarkDocument measures one document until it is durable and has its number, with its
// promise.
func BenchmarkDocument(b *testing.B) {
	log := ledger.Log{Origin: ledgertest.Origin, Signer: storetest.Key(b)}
	benchmark(b, "documents/s", []int{1, 16, 64}, func(s *store.Store, i int64) error {
		d, err := keep(b.Context(), s, report(fmt.Sprint("rep_", i)))
		if err == nil {
			_, err = log.Promise(d)
		}
		return err
	})
}

// benchmark has something done from several sides, numbered from 0 up.
func benchmark(b *testing.B, unit string, sides []int, do func(s *store.Store, i int64) error) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.Postgres}} {
		for _, sides := range sides {
			b.Run(fmt.Sprintf("%s/sides=%d", kind.name, sides), func(b *testing.B) {
				s := storetest.Open(b, kind.url(b), nil)
				took := make([]time.Duration, b.N)
				var next atomic.Int64
				var all sync.WaitGroup
				b.ResetTimer()
				for range sides {
					all.Go(func() {
						for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
							start := time.Now()
							if err := do(s, i); err != nil {
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
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
				b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
				b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
			})
		}
	}
}
