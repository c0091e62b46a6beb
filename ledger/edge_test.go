package ledger_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
)

// TestEdgePublishedRoots uses the tree of the Certificate Transparency project's
// published test vectors (RFC 6962): eight inputs and the root after each.
func TestEdgePublishedRoots(t *testing.T) {
	inputs := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var e ledger.Edge
	for i, want := range roots {
		if root := e.Root(); hex.EncodeToString(root[:]) != want {
			t.Errorf("root at size %d is %x", i, root)
		}
		if i < len(inputs) {
			b, err := hex.DecodeString(inputs[i])
			if err != nil {
				t.Fatal(err)
			}
			e.Add(tlog.RecordHash(b))
		}
	}
}

// TestEdgeIsTlogsTree compares root and nodes with package tlog's own storage
// for every size.
func TestEdgeIsTlogsTree(t *testing.T) {
	const sizes = 1100
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			hashes[i] = stored[x]
		}
		return hashes, nil
	})
	var e ledger.Edge
	nodes := int64(0)
	for n := int64(0); n <= sizes; n++ {
		want, err := tlog.TreeHash(n, reader)
		if err != nil {
			t.Fatal(err)
		}
		if e.Root() != want || e.Size() != n {
			t.Fatalf("at size %d the edge has size %d and root %s, not %s", n, e.Size(), e.Root(), want)
		}
		again := ledger.Edge{}
		b, err := e.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(b); err != nil || again != e {
			t.Fatalf("at size %d the edge is not read back: %v", n, err)
		}
		leaf := tlog.RecordHash([]byte{byte(n), byte(n >> 8)})
		hashes, err := tlog.StoredHashesForRecordHash(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		full := e.Add(leaf)
		if (n+1)%256 != 0 {
			if full != nil {
				t.Fatalf("at size %d tiles are said to be full: %+v", n+1, full)
			}
			continue
		}
		if len(full) != 1 || full[0].Level != 8 || full[0].Index != nodes || full[0].Hash != stored[tlog.StoredHashIndex(8, nodes)] {
			t.Fatalf("at size %d the full tiles are %+v", n+1, full)
		}
		nodes++
	}
}

// TestEdgeNodesOfHigherLevels fills 65,536 leaves, where two tiles become full at once.
func TestEdgeNodesOfHigherLevels(t *testing.T) {
	var e, upper ledger.Edge
	for i := range 1 << 16 {
		for _, n := range e.Add(tlog.RecordHash([]byte{byte(i), byte(i >> 8)})) {
			if n.Level == 8 {
				upper.Add(n.Hash)
			}
			if n.Level == 16 && (i != 1<<16-1 || n.Index != 0 || n.Hash != upper.Root() || n.Hash != e.Root()) {
				t.Errorf("after %d leaves: %+v", i+1, n)
			}
		}
	}
	if upper.Size() != 256 || upper.Root() != e.Root() {
		t.Errorf("%d nodes of level 8", upper.Size())
	}
}

func TestEdgeIsAValue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var e ledger.Edge
		for range rapid.IntRange(0, 300).Draw(rt, "n") {
			e.Add(tlog.RecordHash(nil))
		}
		kept, root := e, e.Root()
		for range rapid.IntRange(1, 300).Draw(rt, "more") {
			e.Add(tlog.RecordHash(nil))
		}
		if kept.Root() != root {
			rt.Error("a copy has changed")
		}
	})
}

func TestEdgeRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":        nil,
		"short size":   make([]byte, 7),
		"surplus hash": make([]byte, 8+32),
		"missing hash": {0, 0, 0, 0, 0, 0, 0, 1},
		"negative":     append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 32)...),
		"half a hash":  append([]byte{0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 31)...),
	} {
		var e ledger.Edge
		if err := e.UnmarshalBinary(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestEdgeAgrees: a proof in a ledger that continues an edge's agrees with the edge. A proof
// in another ledger does not, if its leaf stands where the edge's ledger has another one, or
// if one of its hashes is of a complete subtree of the edge that holds such a place.
func TestEdgeAgrees(t *testing.T) {
	const most = 35
	leafOf := func(i int64, of string) ledger.Leaf {
		return ledger.Leaf{Class: ledger.Desk, Number: i, Commitment: canonical.Sum(fmt.Append(nil, of, i))}
	}
	// tree is a ledger of the greatest size whose leaf at one index is another one.
	tree := func(another int64) (leaves []ledger.Leaf, r tlog.HashReader) {
		var stored []tlog.Hash
		r = tlog.HashReaderFunc(func(indexes []int64) (all []tlog.Hash, err error) {
			for _, i := range indexes {
				all = append(all, stored[i])
			}
			return all, nil
		})
		for i := range int64(most) {
			leaf := leafOf(i, "the ledger")
			if i == another {
				leaf = leafOf(i, "another")
			}
			more, err := tlog.StoredHashesForRecordHash(i, leaf.Hash(), r)
			if err != nil {
				t.Fatal(err)
			}
			leaves, stored = append(leaves, leaf), append(stored, more...)
		}
		return leaves, r
	}
	for another := int64(-1); another < most; another++ {
		leaves, r := tree(another)
		var edge ledger.Edge
		for n := range int64(most) {
			for size := n + 1; size <= most; size++ {
				for i := range size {
					p, err := ledger.ProveInclusion(size, i, r)
					if err != nil {
						t.Fatal(err)
					}
					// The complete subtree of the edge in which the other leaf stands, if any.
					from, to := subtree(n, another)
					// The proof gives that subtree's root if its own leaf stands in it, or in the one beside
					// it on the right. It may give the root as well if its leaf stands on the left.
					pair := 2 * (to - from)
					gives := to > from && i >= from && i&^(pair-1) == from&^(pair-1)
					got := edge.Agrees(leaves[i], p, size)
					if from == to && !got || gives && got {
						t.Fatalf("leaf %d is another; entry %d at size %d, an edge of %d: %t", another, i, size, n, got)
					}
				}
			}
			edge.Add(leafOf(n, "the ledger").Hash())
		}
	}
	leaves, r := tree(-1)
	p, err := ledger.ProveInclusion(8, 2, r)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]ledger.Inclusion{
		"too short":     {Index: 2, Hashes: p.Hashes[1:]},
		"too long":      {Index: 2, Hashes: append(slices.Clone(p.Hashes), p.Hashes[0])},
		"beyond":        {Index: 8, Hashes: p.Hashes},
		"before":        {Index: -1, Hashes: p.Hashes},
		"hash too long": {Index: 2, Hashes: append(slices.Clone(p.Hashes[1:]), make(canonical.Bytes, 33))},
	} {
		if (ledger.Edge{}).Agrees(leaves[2], wrong, 8) {
			t.Errorf("a proof that is %s agrees", name)
		}
	}
}

// subtree returns the complete subtree, of those that a tree of n leaves falls into, in which
// an index stands; from is to if there is none.
func subtree(n, index int64) (from, to int64) {
	for level := 62; level >= 0; level-- {
		if width := int64(1) << level; n&width != 0 {
			if index >= from && index < from+width {
				return from, from + width
			}
			from += width
		}
	}
	return from, from
}
