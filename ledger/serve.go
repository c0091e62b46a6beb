package ledger

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/fault"
)

// Source is a store whose log is served and proven. It may return only the content of
// committed transactions.
type Source interface {
	// Newest returns the size and the signed checkpoint of the head.
	Newest(ctx context.Context) (size int64, checkpoint []byte, err error)
	// Leaves returns the n leaves from index start on, in order.
	Leaves(ctx context.Context, start int64, n int) ([]Leaf, error)
	// Hashes returns n hashes from index start of a level of the tree on, in
	// order: leaf hashes at level 0, kept Nodes at levels 8, 16, ….
	Hashes(ctx context.Context, level int, start int64, n int) ([]tlog.Hash, error)
}

// Tiles answers for a served log. Surfaces add nothing but the transport.
type Tiles struct{ Source Source }

// Page is the answer to one path.
type Page struct {
	Data        []byte
	ContentType string
	Immutable   bool // the path will never answer anything else
}

// Read returns the page at a path: "checkpoint" or a tile. A tile that the newest
// checkpoint does not cover does not exist.
func (t Tiles) Read(ctx context.Context, path string) (Page, error) {
	size, checkpoint, err := t.Source.Newest(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("reading the ledger's head: %w", err)
	}
	if path == CheckpointPath {
		return Page{Data: checkpoint, ContentType: "text/plain; charset=utf-8"}, nil
	}
	tile, err := ParseTilePath(path)
	if err != nil {
		return Page{}, err
	}
	if int64(tile.W) > tileAvailable(tile, size) {
		return Page{}, fault.New(fault.NotFound, "tile-not-found", "The ledger has only %d entries; this tile does not exist.", size)
	}
	data, err := t.tile(ctx, tile)
	if err != nil {
		return Page{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return Page{Data: data, ContentType: "application/octet-stream", Immutable: true}, nil
}

func (t Tiles) tile(ctx context.Context, tile tlog.Tile) ([]byte, error) {
	start := tile.N << tileHeight
	if tile.L == entriesLevel {
		leaves, err := t.Source.Leaves(ctx, start, tile.W)
		if err != nil {
			return nil, err
		}
		if len(leaves) != tile.W {
			return nil, tampered("The store has %d of %d leaves from %d on.", len(leaves), tile.W, start)
		}
		return FormatBundle(leaves), nil
	}
	hashes, err := t.hashes(ctx, tile)
	if err != nil {
		return nil, err
	}
	return FormatTile(hashes), nil
}

func (t Tiles) hashes(ctx context.Context, tile tlog.Tile) ([]tlog.Hash, error) {
	level, start := tile.L*tileHeight, tile.N<<tileHeight
	hashes, err := t.Source.Hashes(ctx, level, start, tile.W)
	if err != nil {
		return nil, err
	}
	if len(hashes) != tile.W {
		return nil, tampered("The store has %d of %d hashes at level %d from %d on.", len(hashes), tile.W, level, start)
	}
	return hashes, nil
}

// Inclusion proves the entry at index in the log as it was at size. The caller checks the
// proof against its checkpoint before handing it out.
func (t Tiles) Inclusion(ctx context.Context, size, index int64) (Inclusion, error) {
	all, err := t.Inclusions(ctx, size, index)
	if err != nil {
		return Inclusion{}, err
	}
	return all[0], nil
}

// Inclusions is Inclusion for several entries at once. It reads the hashes that their
// proofs have in common once.
func (t Tiles) Inclusions(ctx context.Context, size int64, indexes ...int64) ([]Inclusion, error) {
	hashes := &tileHashes{ctx: ctx, tiles: t, size: size}
	all := make([]Inclusion, len(indexes))
	for i, index := range indexes {
		var err error
		if all[i], err = ProveInclusion(size, index, hashes); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Consistency proves that the log at size from is a prefix of that at size to.
func (t Tiles) Consistency(ctx context.Context, from, to int64) (Consistency, error) {
	return ProveConsistency(from, to, &tileHashes{ctx: ctx, tiles: t, size: to})
}

// tileHashes is a tlog.HashReader over a Source that reads each tile at most once.
type tileHashes struct {
	ctx   context.Context // a HashReader's method takes none; it lives for one call
	tiles Tiles
	size  int64
	read  map[tlog.Tile][]byte
}

// ReadHashes implements tlog.HashReader.
func (r *tileHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	if r.read == nil {
		r.read = map[tlog.Tile][]byte{}
	}
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		tile := tlog.TileForIndex(tileHeight, index)
		// The widest form holds the others, so one read serves all.
		tile.W = int(min(tileWidth, tileAvailable(tile, r.size)))
		data, ok := r.read[tile]
		if !ok {
			got, err := r.tiles.hashes(r.ctx, tile)
			if err != nil {
				return nil, err
			}
			data = FormatTile(got)
			r.read[tile] = data
		}
		h, err := tlog.HashFromTile(tile, data, index)
		if err != nil {
			return nil, fmt.Errorf("finding a hash in its tile: %w", err)
		}
		hashes[i] = h
	}
	return hashes, nil
}
