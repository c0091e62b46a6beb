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

// Agrees reports whether a proof of a leaf, for a tree of a size, can be of a ledger that
// this edge's is the past of: each complete subtree that the edge has and that the proof's
// hashes give is the same. For a leaf below the edge's size there always is one that
// holds the leaf. The proof must be verified against that tree's root.
func (e Edge) Agrees(leaf Leaf, p Inclusion, size int64) bool {
	path, err := toHashes(p.Hashes)
	if err != nil || p.Index < 0 || p.Index >= size {
		return false
	}
	_, ok := e.agrees(leaf.Hash(), p.Index, path, 0, size)
	return ok
}

// agrees is Agrees for the subtree of the leaves in [from, to), whose root it returns.
func (e Edge) agrees(leaf tlog.Hash, index int64, path []tlog.Hash, from, to int64) (root tlog.Hash, ok bool) {
	root, ok = leaf, len(path) == 0
	if n := to - from; n > 1 {
		if ok {
			return root, false // the proof is too short
		}
		middle := from + 1<<(bits.Len64(uint64(n-1))-1)
		other, path := path[len(path)-1], path[:len(path)-1]
		if index < middle {
			root, ok = e.agrees(leaf, index, path, from, middle)
			root, ok = tlog.NodeHash(root, other), ok && e.has(middle, to, other)
		} else {
			root, ok = e.agrees(leaf, index, path, middle, to)
			root, ok = tlog.NodeHash(other, root), ok && e.has(from, middle, other)
		}
	}
	return root, ok && e.has(from, to, root)
}

// has reports whether the leaves in [from, to) may have a root, by what the edge knows: if
// they are one of its complete subtrees, the root must be that one's.
func (e Edge) has(from, to int64, root tlog.Hash) bool {
	n := to - from
	if n&(n-1) != 0 || e.size&n == 0 || from != e.size&^(2*n-1) {
		return true
	}
	return e.roots[bits.TrailingZeros64(uint64(n))] == root
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
