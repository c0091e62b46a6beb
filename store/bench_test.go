package store_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/ledger"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store/storetest"
)

// BenchmarkRecord measures one ledger entry until it is covered by a signed,
// durable checkpoint.
func BenchmarkRecord(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.Postgres}} {
		for _, sides := range []int{1, 64, 1000} {
			b.Run(fmt.Sprintf("%s/sides=%d", kind.name, sides), func(b *testing.B) {
				s := storetest.Open(b, kind.url(b), nil)
				took := make([]time.Duration, b.N)
				var next atomic.Int64
				var all sync.WaitGroup
				d := draft(ledger.Desk, "somebody")
				d.Data = map[string]string{"padding": string(make([]byte, 50)), "reason": "a rule of the community"}
				b.ResetTimer()
				for range sides {
					all.Go(func() {
						for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
							start := time.Now()
							if _, err := record(b.Context(), s, d); err != nil {
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
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
				b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
				b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
			})
		}
	}
}
