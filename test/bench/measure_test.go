package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

// kinds are the databases that a desk can run on.
var kinds = []struct {
	name string
	url  func(testing.TB) string
}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.Postgres}}

// commit measures the two units that limits are stated in. c is one durable commit
// of a row of 600 bytes, by one writer, on a database of its own beside the one that
// is measured; v is one check of an Ed25519 signature over 32 bytes. Both are taken
// between the other measurements, one for one, since a disk's pace, and a shared
// processor's, change by the minute.
type commit struct {
	b    *testing.B
	db   *sqldb.DB
	next int64
	took times
	check
}

// check measures v by itself.
type check struct {
	checks times
	public ed25519.PublicKey
	signed []byte
}

func newCheck(b *testing.B) check {
	b.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return check{public: public, signed: ed25519.Sign(private, challenge)}
}

func (c *check) verify(b *testing.B) {
	b.Helper()
	c.checks.measure(func() {
		if !ed25519.Verify(c.public, challenge, c.signed) {
			b.Fatal("the signature does not verify")
		}
	})
}

func newCommit(b *testing.B, url string) *commit {
	b.Helper()
	table := &fstest.MapFile{Data: []byte("-- +goose Up\ncreate table item (id bigint not null primary key, body text not null);\n")}
	return &commit{b: b, check: newCheck(b), db: sqldbtest.Open(b, url, sqldb.Options{Line: "bench",
		Migrations: fstest.MapFS{"sqlite/00001_item.sql": table, "postgres/00001_item.sql": table}})}
}

func (c *commit) once() {
	c.b.Helper()
	c.next++
	c.took.measure(func() {
		err := c.db.Write(c.b.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec("insert into item (id, body) values ($1, $2)", c.next, item)
			return err
		})
		if err != nil {
			c.b.Fatal(err)
		}
	})
	c.verify(c.b)
}

// again forgets what was measured for warming up.
func (c *commit) again() { c.took, c.checks = nil, nil }

var challenge = make([]byte, 32)

var item = string(slices.Repeat([]byte("x"), 600))

// times are how long something took, each time.
type times []time.Duration

func (t *times) measure(do func()) {
	begun := time.Now()
	do()
	*t = append(*t, time.Since(begun))
}

// p50 returns the median in milliseconds.
func (t times) p50() float64 {
	sorted := slices.Sorted(slices.Values(t))
	return sorted[len(sorted)/2].Seconds() * 1000
}

// p95 returns the value that one in twenty is above, in milliseconds.
func (t times) p95() float64 {
	sorted := slices.Sorted(slices.Values(t))
	return sorted[len(sorted)*95/100].Seconds() * 1000
}

// p99 returns the value that one in a hundred is above, in milliseconds.
func (t times) p99() float64 {
	sorted := slices.Sorted(slices.Values(t))
	return sorted[len(sorted)*99/100].Seconds() * 1000
}

// report makes the numbers that the table is made from.
func report(b *testing.B, took times, c *commit) {
	b.ReportMetric(took.p50(), "p50-ms")
	b.ReportMetric(took.p99(), "p99-ms")
	b.ReportMetric(c.took.p50(), "c-ms")
	b.ReportMetric(c.checks.p50(), "v-ms")
	b.ReportMetric(0, "ns/op") // the whole loop's, which says nothing
}

// processor returns the processor time that this process has used. Beside a rate it says
// what the rate would be with nobody else on the machine. A PostgreSQL server's own is not
// in it.
func processor(b *testing.B) time.Duration {
	b.Helper()
	used, err := processorTime()
	if err != nil {
		b.Fatal(err)
	}
	return used
}

// processorTime is processor for a process that runs no benchmark.
func processorTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
