package peers

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"

	"countersign.dev/ledger"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
)

// Both logs get entries of 600 bytes; an append ends when a signed checkpoint
// over it is on disk.
const entrySize = 600

// interval is the shortest between two checkpoints that Tessera's POSIX driver allows.
const interval = 100 * time.Millisecond

// ages are the times that Tessera may wait for a batch to fill. Which is best
// differs by load, so each is measured and the best counts.
var ages = []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond}

// peer is a Tessera log.
type peer struct {
	age  time.Duration
	add  func(context.Context) error
	took []time.Duration
	rate float64
}

func newPeer(b *testing.B, age time.Duration) *peer {
	b.Helper()
	driver, err := posix.New(b.Context(), posix.Config{Path: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	// Its own context: it goes on until it is shut down.
	ctx, cancel := context.WithCancel(context.Background())
	options := tessera.NewAppendOptions().WithCheckpointSigner(storetest.Key(b)).WithCheckpointInterval(interval).WithBatching(256, age)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := shutdown(ctx); err != nil {
			b.Error(err)
		}
		cancel()
	})
	published := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 2*time.Millisecond)
	var mu sync.Mutex
	n := 0
	return &peer{age: age, add: func(ctx context.Context) error {
		mu.Lock()
		n++
		entry := fmt.Appendf(nil, "%0*d", entrySize, n)
		mu.Unlock()
		_, _, err := published.Await(ctx, appender.Add(ctx, tessera.NewEntry(entry)))
		return err
	}}
}

// ours appends one entry to our ledger.
func ours(s *store.Store) func(context.Context) error {
	d := ledger.Draft{Class: ledger.Desk, Kind: "note", Data: map[string]string{"text": strings.Repeat("x", entrySize-300)}, Expect: ledger.AnyNumber}
	return func(ctx context.Context) error {
		return s.Write(ctx, func(tx *store.Tx) error { tx.Append(d); return nil })
	}
}

// commit is one durable commit of a row on a database of its own.
func commit(b *testing.B, url string) func(context.Context) error {
	b.Helper()
	table := &fstest.MapFile{Data: []byte("-- +goose Up\ncreate table item (id bigint not null primary key, body text not null);\n")}
	db := sqldbtest.Open(b, url, sqldb.Options{Line: "bench",
		Migrations: fstest.MapFS{"sqlite/00001_item.sql": table, "postgres/00001_item.sql": table}})
	id, body := 0, strings.Repeat("x", entrySize)
	return func(ctx context.Context) error {
		id++
		return db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec("insert into item (id, body) values ($1, $2)", id, body)
			return err
		})
	}
}

// BenchmarkLedger measures an append until it is in a signed, durable
// checkpoint, ours and Tessera's in turns, with commits between them.
func BenchmarkLedger(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			s := storetest.Open(b, kind.url(b), nil)
			var peers []*peer
			for _, age := range ages {
				peers = append(peers, newPeer(b, age))
			}
			one(b, commit(b, kind.url(b)), ours(s), peers)
			many(b, ours(s), peers)
			if _, err := s.Audit(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// one measures a single writer.
func one(b *testing.B, commit, ours func(context.Context) error, peers []*peer) {
	const rounds, each = 15, 30
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	challenge := make([]byte, 32)
	signed := ed25519.Sign(private, challenge)
	check := func(context.Context) error {
		if !ed25519.Verify(public, challenge, signed) {
			return errors.New("the signature does not verify")
		}
		return nil
	}
	var c, v, took []time.Duration
	for round := range rounds {
		for range each {
			c = append(c, timed(b, commit))
			v = append(v, timed(b, check))
			took = append(took, timed(b, ours))
		}
		for _, p := range peers {
			// The first one meets the interval at any moment of it; a writer that
			// does not pause waits for all of it.
			timed(b, p.add)
			for range 2 {
				p.took = append(p.took, timed(b, p.add))
			}
		}
		if round == 0 { // it was for warming up
			c, v, took = nil, nil, nil
			for _, p := range peers {
				p.took = nil
			}
		}
	}
	best := slices.MinFunc(peers, func(x, y *peer) int { return int(p50(x.took)*1e6 - p50(y.took)*1e6) })
	b.Run("writers=1", func(b *testing.B) {
		b.ReportMetric(p50(took), "p50-ms")
		b.ReportMetric(p50(c), "c-ms")
		b.ReportMetric(p50(v), "v-ms")
		b.ReportMetric(p50(best.took), "tessera-ms")
		b.ReportMetric(best.age.Seconds()*1000, "age-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// many measures 64 writers, each of which waits for its append before the next.
func many(b *testing.B, ours func(context.Context) error, peers []*peer) {
	const writers, rounds, length = 64, 4, 1500 * time.Millisecond
	var rates []float64
	for range rounds {
		rates = append(rates, rate(b, writers, length, ours))
		for _, p := range peers {
			p.rate = max(p.rate, rate(b, writers, length, p.add)) // its best of the rounds
		}
	}
	slices.Sort(rates)
	best := slices.MaxFunc(peers, func(x, y *peer) int { return int(x.rate - y.rate) })
	b.Run("writers=64", func(b *testing.B) {
		b.ReportMetric(rates[len(rates)/2], "entries/s")
		b.ReportMetric(best.rate, "tessera/s")
		b.ReportMetric(best.age.Seconds()*1000, "age-ms")
		b.ReportMetric(0, "ns/op")
	})
}

func timed(b *testing.B, do func(context.Context) error) time.Duration {
	b.Helper()
	begun := time.Now()
	if err := do(b.Context()); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// p50 returns the median in milliseconds.
func p50(took []time.Duration) float64 {
	return slices.Sorted(slices.Values(took))[len(took)/2].Seconds() * 1000
}

// rate returns how often a second several writers get something done.
func rate(b *testing.B, writers int, length time.Duration, do func(context.Context) error) float64 {
	b.Helper()
	begun := time.Now()
	done := make([]int, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for time.Since(begun) < length {
				if err := do(b.Context()); err != nil {
					b.Error(err)
					return
				}
				done[w]++
			}
		})
	}
	all.Wait()
	took, n := time.Since(begun), 0
	for _, d := range done {
		n += d
	}
	return float64(n) / took.Seconds()
}
