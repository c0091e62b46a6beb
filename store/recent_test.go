package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/ledger"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
)

// What a node remembers is what the database has, however the nodes take turns,
// and it takes nothing for complete that another node has added to.
func TestRecent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		nodes := []*store.Store{storetest.Open(t, url, nil), storetest.Open(t, url, nil)}
		fresh := 0
		for i := range 620 {
			node := nodes[i/7%2] // seven times each
			if _, err := record(t.Context(), node, draft(ledger.Classes()[i%3], fmt.Sprint("worker ", i))); err != nil {
				t.Fatal(err)
			}
			if i%31 != 0 && i < 590 {
				continue
			}
			size := int64(i + 1)
			for n, s := range nodes {
				for _, from := range []int64{0, size - 300, size - 8, size - 1, size} {
					got, checkpoint, ok := s.Fresh(from, "receipt")
					if !ok {
						continue
					}
					fresh++
					signed, err := ledger.ParseCheckpoint(checkpoint, storetest.Key(t).Verifier())
					if err != nil {
						t.Fatal(err)
					}
					want, err := s.FeedEntries(t.Context(), from, signed.Size, true, "receipt")
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Fatalf("node %d, after %d entries: those from %d on differ (-read +remembered):\n%s", n, size, from, d)
					}
				}
				if _, _, ok := s.Fresh(size, ""); ok {
					t.Errorf("node %d has an entry %d", n, size)
				}
				at, checkpoint, err := s.Covering(t.Context(), size-1)
				if err != nil {
					t.Fatal(err)
				}
				signed, err := ledger.ParseCheckpoint(checkpoint, storetest.Key(t).Verifier())
				if err != nil || signed.Size != at || at < size {
					t.Fatalf("node %d: entry %d is said to be covered at %d by a checkpoint at %d, %v", n, size-1, at, signed.Size, err)
				}
				tile := (size - 1) &^ 255
				leaves, err := s.Leaves(t.Context(), tile, int(size-tile))
				if err != nil {
					t.Fatal(err)
				}
				for width := 1; width <= len(leaves); width++ { // the tile as it was, too
					hashes, err := s.Hashes(t.Context(), 0, tile, width)
					if err != nil || len(hashes) != width || hashes[width-1] != leaves[width-1].Hash() {
						t.Fatalf("node %d: %d hashes from %d on, of which the last is wrong; %v", n, len(hashes), tile, err)
					}
				}
				for _, index := range []int64{0, 255, size / 2, size - 1} {
					if index >= size {
						continue
					}
					proof, err := ledger.Tiles{Source: s}.Inclusion(t.Context(), at, index)
					if err != nil {
						t.Fatal(err)
					}
					entry, _, err := s.WarrantEntries(t.Context(), index, nil)
					if err != nil || entry.Index != index {
						t.Fatalf("node %d: entry %d is %d, %v", n, index, entry.Index, err)
					}
					if err := proof.Verify(entry.Leaf, signed.Checkpoint); err != nil {
						t.Errorf("node %d, at %d: the proof of %d: %v", n, at, index, err)
					}
				}
			}
		}
		if fresh < 20 {
			t.Errorf("only %d times was something remembered", fresh)
		}
		if !slices.ContainsFunc(nodes, func(s *store.Store) bool { _, _, ok := s.Fresh(619, ""); return ok }) {
			t.Error("nobody remembers the last entry")
		}
	})
}
