package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

// BenchmarkAppend appends entries of about 600 bytes in batches as a group
// commit makes them; a signed checkpoint ends each.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			m := ledgertest.New(b, 1)
			drafts := make([]ledger.Draft, batch)
			for i := range drafts {
				d := ledgertest.Draft(i)
				d.Data = map[string]any{"reason": strings.Repeat("x", 420)}
				drafts[i] = d
			}
			head := m.Head
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if head, _, _, err = m.Log.Append(head, drafts, ledgertest.Epoch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/entry")
		})
	}
}

func BenchmarkSignCheckpoint(b *testing.B) {
	m := ledgertest.New(b, 1)
	c := ledger.Checkpoint{Origin: ledgertest.Origin, Size: 1}
	for b.Loop() {
		if _, err := c.Sign(m.Key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCheckpoint(b *testing.B) {
	m := ledgertest.New(b, 1)
	for b.Loop() {
		if _, err := ledger.ParseCheckpoint(m.Head.Checkpoint, m.Key.Verifier()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInclusion(b *testing.B) {
	m := ledgertest.New(b, 1)
	m.Grow(b, ledgertest.TamperedSize)
	c := checkpoint(b, m)
	tiles := ledger.Tiles{Source: m}
	p, err := tiles.Inclusion(b.Context(), c.Size, 12345)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			if _, err := tiles.Inclusion(b.Context(), c.Size, 12345); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := p.Verify(m.Entries[12345].Leaf, c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	m := ledgertest.New(b, 1)
	m.Grow(b, ledgertest.TamperedSize)
	served := m.Serve(b)
	for b.Loop() {
		if _, err := (ledger.Reader{Fetch: served.Fetch, Log: m.Key.Verifier()}).Verify(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*ledgertest.TamperedSize)/b.Elapsed().Seconds(), "entries/s")
}
