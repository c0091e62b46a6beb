package ledger

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/fault"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight

	// entriesLevel is the level that package tlog gives tiles of records.
	entriesLevel = -1
)

// CheckpointPath is the path of a served log's checkpoint.
const CheckpointPath = "checkpoint"

// TilePath returns a tile's path by C2SP tlog-tiles, such as
// "tile/1/x001/x234/067.p/5" or "tile/entries/000". The tile is of height 8;
// level -1 holds the entries.
func TilePath(t tlog.Tile) string {
	var b strings.Builder
	b.WriteString("tile/")
	if t.L == entriesLevel {
		b.WriteString("entries")
	} else {
		b.WriteString(strconv.Itoa(t.L))
	}
	group := int64(1)
	for t.N/group >= 1000 {
		group *= 1000
	}
	for ; group > 1; group /= 1000 {
		fmt.Fprintf(&b, "/x%03d", t.N/group%1000)
	}
	fmt.Fprintf(&b, "/%03d", t.N%1000)
	if t.W != tileWidth {
		fmt.Fprintf(&b, ".p/%d", t.W)
	}
	return b.String()
}

// ParseTilePath reads a path in the form that TilePath writes, and no other.
func ParseTilePath(path string) (tlog.Tile, error) {
	malformed := fault.New(fault.NotFound, "tile-not-found", "There is no tile with this path.")
	t := tlog.Tile{H: tileHeight, L: entriesLevel, W: tileWidth}
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return tlog.Tile{}, malformed
	}
	level, rest, _ := strings.Cut(rest, "/")
	rest, width, partial := strings.Cut(rest, ".p/")
	var err error
	if level != "entries" {
		if t.L, err = strconv.Atoi(level); err != nil || t.L < 0 || t.L > 63 {
			return tlog.Tile{}, malformed
		}
	}
	if partial {
		if t.W, err = strconv.Atoi(width); err != nil || t.W < 1 || t.W >= tileWidth {
			return tlog.Tile{}, malformed
		}
	}
	for group := range strings.SplitSeq(rest, "/") {
		n, err := strconv.Atoi(strings.TrimPrefix(group, "x"))
		if err != nil || n < 0 || n > 999 || t.N > maxNumber/1000 {
			return tlog.Tile{}, malformed
		}
		t.N = t.N*1000 + int64(n)
	}
	if TilePath(t) != path { // catches every other spelling
		return tlog.Tile{}, malformed
	}
	return t, nil
}

// TilesOf yields every tile that a log of a size serves: bundles of entries and
// hashes of each level, full ones and the partial ones at the right edge.
func TilesOf(size int64) iter.Seq[tlog.Tile] { return TilesBetween(0, size) }

// TilesBetween yields the tiles that a log serves at size and did not serve at
// the smaller size before.
func TilesBetween(before, size int64) iter.Seq[tlog.Tile] {
	return func(yield func(tlog.Tile) bool) {
		if size <= before {
			return
		}
		for _, t := range tlog.NewTiles(tileHeight, before, size) {
			if t.L == 0 {
				entries := t
				entries.L = entriesLevel
				if !yield(entries) {
					return
				}
			}
			if !yield(t) {
				return
			}
		}
	}
}

// tileAvailable returns how many hashes or entries of t a log of the size has.
func tileAvailable(t tlog.Tile, size int64) int64 {
	return size>>(max(t.L, 0)*tileHeight) - t.N<<tileHeight
}

// FormatTile returns the bytes of a tile of hashes.
func FormatTile(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// FormatBundle returns the bytes of a tile of entries: each leaf after its
// length in two bytes.
func FormatBundle(leaves []Leaf) []byte {
	b := make([]byte, 0, len(leaves)*maxLeaf)
	for _, l := range leaves {
		raw := l.Bytes()
		b = binary.BigEndian.AppendUint16(b, uint16(len(raw)))
		b = append(b, raw...)
	}
	return b
}

// ParseBundle reads a bundle, which must hold exactly width leaves.
func ParseBundle(b []byte, width int) ([]Leaf, error) {
	malformed := fault.New(fault.Invalid, "bundle-malformed", "This is not a bundle of %d ledger entries.", width)
	if width < 1 || width > tileWidth {
		return nil, malformed
	}
	leaves := make([]Leaf, 0, width)
	for len(b) > 0 {
		if len(b) < 2 || len(leaves) == width {
			return nil, malformed
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < n {
			return nil, malformed
		}
		l, err := ParseLeaf(b[:n])
		if err != nil {
			return nil, err
		}
		leaves, b = append(leaves, l), b[n:]
	}
	if len(leaves) != width {
		return nil, malformed
	}
	return leaves, nil
}
