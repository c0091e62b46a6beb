package ledger

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/fault"
)

// Edge is the right edge of the tree: the roots of the complete subtrees that a tree of
// its size falls into, one for every bit set in the size. Nothing else must be remembered
// to append and to know the root. It is a plain value that copies and compares with ==;
// the zero value is the edge of the empty tree.
type Edge struct {
	size  int64
	roots [63]tlog.Hash // by height; zero where the size has no such bit
}

// Node is the root of a full tile: of 256 leaves at level 8, of 256 of those at
// level 16, and so on. It is one hash of the tile one storey higher.
type Node struct {
	Level int   // in the tree: 8, 16, 24, …
	Index int64 // among the nodes of its level
	Hash  tlog.Hash
}

// Size returns the number of leaves.
func (e Edge) Size() int64 { return e.size }

// Add appends a leaf's hash, and returns the roots of the tiles it filled,
// lowest first.
func (e *Edge) Add(leaf tlog.Hash) []Node {
	var full []Node
	h, level := leaf, 0
	for ; e.size>>level&1 == 1; level++ {
		h = tlog.NodeHash(e.roots[level], h)
		e.roots[level] = tlog.Hash{}
		if (level+1)%tileHeight == 0 {
			full = append(full, Node{Level: level + 1, Index: e.size >> (level + 1), Hash: h})
		}
	}
	e.roots[level] = h
	e.size++
	return full
}

// Root returns the tree's root as RFC 6962 defines it.
func (e Edge) Root() tlog.Hash {
	if e.size == 0 {
		return emptyRoot
	}
	level := bits.TrailingZeros64(uint64(e.size))
	h := e.roots[level]
	for level++; e.size>>level != 0; level++ {
		if e.size>>level&1 == 1 {
			h = tlog.NodeHash(e.roots[level], h)
		}
	}
	return h
}

// MarshalBinary writes the size as eight bytes, most significant first, and then
// the hashes, the largest subtree's first.
func (e Edge) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint64(nil, uint64(e.size))
	for level := len(e.roots) - 1; level >= 0; level-- {
		if e.size>>level&1 == 1 {
			b = append(b, e.roots[level][:]...)
		}
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary writes and nothing else.
func (e *Edge) UnmarshalBinary(b []byte) error {
	malformed := fault.New(fault.Invalid, "edge-malformed", "This is not the edge of a ledger's tree.")
	if len(b) < 8 {
		return malformed
	}
	size, b := binary.BigEndian.Uint64(b), b[8:]
	if size > maxNumber || len(b) != bits.OnesCount64(size)*tlog.HashSize {
		return malformed
	}
	got := Edge{size: int64(size)}
	for level := len(got.roots) - 1; level >= 0; level-- {
		if size>>level&1 == 1 {
			copy(got.roots[level][:], b)
			b = b[tlog.HashSize:]
		}
	}
	*e = got
	return nil
}
