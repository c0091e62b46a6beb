package store

import (
	"context"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/ledger"
)

// recent remembers the newest commit of this process, and the parts of the ledger that
// it read before. None of that ever changes, so that followers who are woken by the
// commit need not ask the database. Commits of other nodes are not in it: a caller that
// must know of them asks the database.
type recent struct {
	mu         sync.Mutex
	size       int64 // of the ledger after our newest commit; 0: we made none
	checkpoint []byte
	entries    []ledger.Entry            // the last before size, without gap and without openings
	governance map[int64]ledger.Entry    // by number, without openings
	tiles      map[tilePlace][]tlog.Hash // from the tile's start on, as far as known
}

type tilePlace struct {
	level int
	start int64
}

// The memory is only a convenience: when it grows too large, it is emptied.
const (
	recentEntries    = 256
	recentGovernance = 4096
	recentTiles      = 512
)

// tileWidth is the number of hashes in a tile.
const tileWidth = 256

// committed adds the entries that were appended to a ledger of a size. There is one
// writer, so that it is called in the order of the commits.
func (r *recent) committed(size int64, next ledger.Head, entries []ledger.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if size < r.size {
		// The database was set back to an older state under us. Followers will say so, and our
		// memory must not hide it from them.
		r.governance, r.tiles = nil, nil
	}
	if size != r.size {
		r.entries = nil
	}
	r.size, r.checkpoint = next.Size, next.Checkpoint
	for _, e := range entries {
		if e.Leaf.Class != ledger.Execution {
			e.Openings = nil
		}
		r.entries = append(r.entries, e)
		place := tilePlace{0, e.Index &^ (tileWidth - 1)}
		if known := r.tiles[place]; int64(len(known)) == e.Index-place.start {
			r.keepTile(place, append(known, e.Leaf.Hash()))
		}
	}
	if n := len(r.entries) - recentEntries; n > recentEntries {
		r.entries = append([]ledger.Entry(nil), r.entries[n:]...)
	}
}

func (r *recent) keepTile(place tilePlace, hashes []tlog.Hash) {
	if r.tiles == nil || len(r.tiles) >= recentTiles && r.tiles[place] == nil {
		r.tiles = map[tilePlace][]tlog.Hash{}
	}
	r.tiles[place] = hashes
}

// hashes returns n hashes of a tile from its start on, nil if they are not known.
func (r *recent) hashes(place tilePlace, n int) []tlog.Hash {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.tiles[place]; n > 0 && n <= len(known) {
		return known[:n:n]
	}
	return nil
}

// read adds the hashes of a tile from its start on, as the database has them.
func (r *recent) read(place tilePlace, hashes []tlog.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place.start%tileWidth == 0 && len(hashes) > len(r.tiles[place]) {
		r.keepTile(place, hashes[:len(hashes):len(hashes)])
	}
}

// from returns the entries from an index on, and the checkpoint after the last of them.
// It returns none unless all of them are known.
func (r *recent) from(index int64) (checkpoint []byte, entries []ledger.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.entries)
	first := r.size - int64(n)
	if index < first || index >= r.size {
		return nil, nil
	}
	return r.checkpoint, r.entries[index-first : n : n]
}

// evidence returns the governance entries with given numbers that are known,
// and the numbers of the others.
func (r *recent) evidence(numbers []int64) (known []ledger.Entry, rest []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range numbers {
		if e, ok := r.governance[n]; ok {
			known = append(known, e)
		} else {
			rest = append(rest, n)
		}
	}
	return known, rest
}

// keep adds governance entries that were read.
func (r *recent) keep(entries []ledger.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.governance == nil || len(r.governance) >= recentGovernance {
		r.governance = map[int64]ledger.Entry{}
	}
	for _, e := range entries {
		if e.Leaf.Class == ledger.Governance && e.BodyBytes != nil {
			r.governance[e.Leaf.Number] = e
		}
	}
}

// Covering returns the newest size and signed checkpoint that this process knows if they
// cover an entry, else those of the database.
func (s *Store) Covering(ctx context.Context, index int64) (size int64, checkpoint []byte, err error) {
	s.recent.mu.Lock()
	size, checkpoint = s.recent.size, s.recent.checkpoint
	s.recent.mu.Unlock()
	if index < size {
		return size, checkpoint, nil
	}
	return s.Newest(ctx)
}
