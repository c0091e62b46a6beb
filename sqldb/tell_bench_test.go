package sqldb_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// BenchmarkTell measures what it costs commits that they tell other processes: changes from two
// processes at once on one PostgreSQL, which tell nothing, or three lines each while both hear.
func BenchmarkTell(b *testing.B) {
	for _, sides := range []int{2, 64} {
		for _, tells := range []bool{false, true} {
			b.Run(fmt.Sprintf("sides=%d/tells=%v", sides, tells), func(b *testing.B) {
				url := sqldbtest.Postgres(b)
				var heard atomic.Int64
				var nodes []*sqldb.DB
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				for range 2 {
					db := sqldbtest.Open(b, url, options())
					nodes = append(nodes, db)
					if tells {
						go db.Hear(ctx, func(lines []string) { heard.Add(int64(len(lines))) }, func() {}, nil)
					}
				}
				var next atomic.Int64
				measure(b, sides, func() error {
					n := next.Add(1)
					return nodes[n%2].Write(context.Background(), func(tx *sqldb.Tx) error {
						if tells {
							tx.Tell(fmt.Sprintf("c cas_%026d %d", n, n))
							tx.Tell("q spam")
							tx.Tell(fmt.Sprintf("w wrk_%04d", n%200))
						}
						_, err := tx.Exec(`insert into item (id, n, blob) values ($1, 1, $2)`, fmt.Sprintf("%012d", n), row)
						return err
					})
				})
			})
		}
	}
}
