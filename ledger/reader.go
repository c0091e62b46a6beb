package ledger

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/fault"
)

// Follower takes a log's leaves in order and keeps what it needs to verify them: the
// tree's edge and each class's next number.
type Follower struct {
	Edge Edge
	next map[Class]int64
}

// Add takes the next leaf. A number out of turn is refused and changes nothing.
func (f *Follower) Add(l Leaf) ([]Node, error) {
	if want := f.next[l.Class]; l.Number != want {
		return nil, tampered("Entry %d of the ledger is %s %d where %s %d should be: one is missing, doubled or out of order.",
			f.Edge.Size(), l.Class, l.Number, l.Class, want)
	}
	if f.next == nil {
		f.next = make(map[Class]int64, 3)
	}
	f.next[l.Class]++
	return f.Edge.Add(l.Hash()), nil
}

// Next returns the number that the class's next entry must have.
func (f *Follower) Next(c Class) int64 { return f.next[c] }

// Resume returns a follower that goes on after the entries of h.
func Resume(h Head) *Follower {
	f := &Follower{Edge: h.Edge, next: make(map[Class]int64, 3)}
	for c, n := range h.Next {
		f.next[c] = n
	}
	return f
}

// CatchUp reads the new leaves of a served log up to a checkpoint whose signature was
// checked, and returns them. Either all of them lead to the checkpoint's root, or the
// follower stays where it was.
func (f *Follower) CatchUp(fetch Fetch, to Checkpoint) ([]Leaf, error) {
	at := f.Edge.Size()
	if to.Size < at {
		return nil, tampered("The ledger was seen with %d entries and now has %d: it was cut.", at, to.Size)
	}
	ahead := Follower{Edge: f.Edge, next: maps.Clone(f.next)}
	var fresh []Leaf
	for start := at &^ (tileWidth - 1); at < to.Size && start < to.Size; start += tileWidth {
		leaves, err := fetchBundle(fetch, start, to.Size)
		if err != nil {
			return nil, err
		}
		for _, l := range leaves[max(0, at-start):] {
			if _, err := ahead.Add(l); err != nil {
				return nil, err
			}
			fresh = append(fresh, l)
		}
	}
	if ahead.Edge.Root() != to.Root {
		return nil, tampered("The ledger's %d entries after the %d already seen do not lead to the root that its checkpoint signs.", to.Size-at, at)
	}
	*f = ahead
	return fresh, nil
}

// fetchBundle reads the bundle that starts at an index of a log of a size.
func fetchBundle(fetch Fetch, start, size int64) ([]Leaf, error) {
	width := int(min(tileWidth, size-start))
	path := TilePath(tlog.Tile{H: tileHeight, L: entriesLevel, N: start / tileWidth, W: width})
	raw, err := fetch(path)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", path, err)
	}
	leaves, err := ParseBundle(raw, width)
	if err != nil {
		return nil, tampered("The bundle %s is not what it should be.", path).Because(err)
	}
	return leaves, nil
}

// Fetch returns the content of a served log's path, such as "checkpoint" or
// "tile/0/000.p/7".
type Fetch func(path string) ([]byte, error)

// Folder fetches from a log that was exported to files.
func Folder(f fs.FS) Fetch { return func(path string) ([]byte, error) { return fs.ReadFile(f, path) } }

// Reader checks a whole served log.
type Reader struct {
	Fetch Fetch
	Log   note.Verifier
	// Witnesses are the witnesses whose cosignatures are wanted in the result.
	Witnesses []*Witness
	// Seen are checkpoints of the log known from elsewhere. Each must be a state
	// that the served log went through, or it is a fork.
	Seen []Checkpoint
	// Leaf, if set, is called with every leaf in order. It is called before all of the log
	// is known to be sound: act on it only after Verify has returned nil.
	Leaf func(index int64, l Leaf) error
}

// Verify reads the checkpoint, every entry and every tile, and checks that they are one
// log: the numbers of each class have no gap, each tile holds exactly the hashes of its
// entries, and the root is the signed one.
func (r Reader) Verify() (Signed, error) {
	raw, err := r.Fetch(CheckpointPath)
	if err != nil {
		return Signed{}, fmt.Errorf("fetching the checkpoint: %w", err)
	}
	signed, err := ParseCheckpoint(raw, r.Log, r.Witnesses...)
	if err != nil {
		return Signed{}, err
	}
	for _, c := range r.Seen {
		if err := r.past(c, signed.Checkpoint); err != nil {
			return Signed{}, err
		}
	}
	w := &walk{Reader: r, size: signed.Size}
	for start := int64(0); start < signed.Size; start += tileWidth {
		if err := w.bundle(start); err != nil {
			return Signed{}, err
		}
	}
	if err := w.flush(); err != nil {
		return Signed{}, err
	}
	if w.follower.Edge.Root() != signed.Root {
		return Signed{}, tampered("The %d entries of the ledger do not give the root that its checkpoint signs.", signed.Size)
	}
	return signed, nil
}

// past refuses a known checkpoint that cannot be the past of the served one. Whether its
// root occurs in the log shows on the walk.
func (r Reader) past(known, served Checkpoint) error {
	if known.Origin != served.Origin {
		return fault.New(fault.Invalid, "origin-malformed", "The known checkpoint is of %q, the served one of %q.", known.Origin, served.Origin)
	}
	if known.Size > served.Size {
		return tampered("The ledger was seen with %d entries and now has %d: it was cut.", known.Size, served.Size)
	}
	if known.Size == 0 && known.Root != emptyRoot {
		return fork(known)
	}
	return nil
}

func fork(known Checkpoint) error {
	return tampered("The ledger is a fork: at size %d it does not have the root that was seen.", known.Size)
}

// walk is one pass over a served log.
type walk struct {
	Reader
	size     int64
	follower Follower
	levels   []level
}

// level collects the hashes of the tile that is being filled at one storey.
type level struct {
	done   int64 // full tiles so far
	hashes []tlog.Hash
}

func (w *walk) bundle(start int64) error {
	leaves, err := fetchBundle(w.Fetch, start, w.size)
	if err != nil {
		return err
	}
	for i, l := range leaves {
		if err := w.leaf(start+int64(i), l); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) leaf(index int64, l Leaf) error {
	nodes, err := w.follower.Add(l)
	if err != nil {
		return err
	}
	if err := w.hash(0, l.Hash()); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := w.hash(n.Level/tileHeight, n.Hash); err != nil {
			return err
		}
	}
	for _, c := range w.Seen {
		if c.Size == index+1 && c.Root != w.follower.Edge.Root() {
			return fork(c)
		}
	}
	if w.Leaf == nil {
		return nil
	}
	return w.Leaf(index, l)
}

// hash puts a hash into the tile of its storey and compares the tile once it is full.
func (w *walk) hash(storey int, h tlog.Hash) error {
	if storey == len(w.levels) {
		w.levels = append(w.levels, level{})
	}
	l := &w.levels[storey]
	l.hashes = append(l.hashes, h)
	if len(l.hashes) < tileWidth {
		return nil
	}
	if err := w.compare(storey); err != nil {
		return err
	}
	l.done++
	l.hashes = l.hashes[:0]
	return nil
}

// flush compares the partial tiles at the right edge.
func (w *walk) flush() error {
	for storey := range w.levels {
		if len(w.levels[storey].hashes) == 0 {
			continue
		}
		if err := w.compare(storey); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) compare(storey int) error {
	l := w.levels[storey]
	path := TilePath(tlog.Tile{H: tileHeight, L: storey, N: l.done, W: len(l.hashes)})
	served, err := w.Fetch(path)
	if err != nil {
		return fmt.Errorf("fetching %s: %w", path, err)
	}
	if !bytes.Equal(served, FormatTile(l.hashes)) {
		return tampered("The tile %s does not hold the hashes of its entries.", path)
	}
	return nil
}

// Export writes a served log to files through put: every path of Tiles at the
// newest size, the checkpoint last, so that an interrupted export has none.
func Export(fetch Fetch, log note.Verifier, put func(path string, data []byte) error) (Signed, error) {
	raw, err := fetch(CheckpointPath)
	if err != nil {
		return Signed{}, fmt.Errorf("fetching the checkpoint: %w", err)
	}
	signed, err := ParseCheckpoint(raw, log)
	if err != nil {
		return Signed{}, err
	}
	for t := range TilesOf(signed.Size) {
		path := TilePath(t)
		data, err := fetch(path)
		if err != nil {
			return Signed{}, fmt.Errorf("fetching %s: %w", path, err)
		}
		if err := put(path, slices.Clone(data)); err != nil {
			return Signed{}, fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return signed, put(CheckpointPath, raw)
}
