// Package ledgertest is for tests of packages that keep, serve or check a ledger. It has
// a log in memory, a test of what every ledger.Source must do, and the ways to tamper
// with a served log that every reader must notice. It is deterministic and trusts nothing
// but package ledger.
package ledgertest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/fault"
	"countersign.dev/ledger"
)

// Origin is the origin of the logs made here.
const Origin = "desk.example.com/ledger"

// Epoch is the time of the first entry.
var Epoch = time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC)

// Rand returns a source of bytes that is the same for the same seed.
func Rand(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// Memory is a log in memory: a writer and a ledger.Source.
type Memory struct {
	Key     *ledger.Key
	Log     *ledger.Log
	Head    ledger.Head
	Entries []ledger.Entry
	hashes  map[int][]tlog.Hash
}

// New returns an empty log; logs of different seeds have different keys.
func New(t testing.TB, seed byte) *Memory {
	t.Helper()
	random := Rand(seed)
	key, err := ledger.NewKey(Origin, random)
	if err != nil {
		t.Fatal(err)
	}
	m := &Memory{Key: key, Log: &ledger.Log{Origin: Origin, Signer: key, Rand: random}, hashes: map[int][]tlog.Hash{}}
	if m.Head, err = m.Log.Start(Epoch); err != nil {
		t.Fatal(err)
	}
	return m
}

// Append appends the drafts in one batch.
func (m *Memory) Append(t testing.TB, now time.Time, drafts ...ledger.Draft) []ledger.Entry {
	t.Helper()
	head, entries, nodes, err := m.Log.Append(m.Head, drafts, now)
	if err != nil {
		t.Fatal(err)
	}
	m.Head = head
	m.Entries = append(m.Entries, entries...)
	for _, e := range entries {
		m.hashes[0] = append(m.hashes[0], e.Leaf.Hash())
	}
	for _, n := range nodes {
		if n.Index != int64(len(m.hashes[n.Level])) {
			t.Fatalf("node %d of level %d comes after %d others", n.Index, n.Level, len(m.hashes[n.Level]))
		}
		m.hashes[n.Level] = append(m.hashes[n.Level], n.Hash)
	}
	return entries
}

// Grow appends entries of all classes until the log has n.
func (m *Memory) Grow(t testing.TB, n int) {
	t.Helper()
	for len(m.Entries) < n {
		var batch []ledger.Draft
		for len(batch) < 256 && len(m.Entries)+len(batch) < n {
			batch = append(batch, Draft(len(m.Entries)+len(batch)))
		}
		m.Append(t, Epoch.Add(time.Duration(len(m.Entries))*time.Millisecond), batch...)
	}
}

// Draft returns the i'th of an endless list of drafts.
func Draft(i int) ledger.Draft {
	return ledger.Draft{
		Class:  ledger.Classes()[i%7%3],
		Kind:   "test.entry",
		Data:   map[string]any{"i": i},
		Expect: ledger.AnyNumber,
	}
}

// Newest implements ledger.Source.
func (m *Memory) Newest(context.Context) (int64, []byte, error) {
	return m.Head.Size, m.Head.Checkpoint, nil
}

// Leaves implements ledger.Source.
func (m *Memory) Leaves(_ context.Context, start int64, n int) ([]ledger.Leaf, error) {
	var leaves []ledger.Leaf
	for _, e := range m.Entries[start : start+int64(n)] {
		leaves = append(leaves, e.Leaf)
	}
	return leaves, nil
}

// Hashes implements ledger.Source.
func (m *Memory) Hashes(_ context.Context, level int, start int64, n int) ([]tlog.Hash, error) {
	if have := int64(len(m.hashes[level])); start+int64(n) > have {
		return nil, fmt.Errorf("hashes %d to %d asked for at level %d, which has %d", start, start+int64(n), level, have)
	}
	return m.hashes[level][start : start+int64(n)], nil
}

// Fetch serves a source's log.
func Fetch(s ledger.Source) ledger.Fetch {
	return func(path string) ([]byte, error) {
		page, err := ledger.Tiles{Source: s}.Read(context.Background(), path)
		return page.Data, err
	}
}

// TestSource checks a ledger.Source that holds a log of some entries: served,
// it is verified whole; each tile keeps to its bounds; and every proof holds.
func TestSource(t *testing.T, s ledger.Source, log note.Verifier) {
	t.Helper()
	ctx, fetch := context.Background(), Fetch(s)
	var leaves []ledger.Leaf
	reader := ledger.Reader{Fetch: fetch, Log: log, Leaf: func(_ int64, l ledger.Leaf) error {
		leaves = append(leaves, l)
		return nil
	}}
	signed, err := reader.Verify()
	if err != nil {
		t.Fatalf("the served log: %v", err)
	}
	size, checkpoint, err := s.Newest(ctx)
	if err != nil || size != signed.Size {
		t.Fatalf("Newest says size %d, %v; its checkpoint says %d", size, err, signed.Size)
	}
	if page, err := (ledger.Tiles{Source: s}).Read(ctx, ledger.CheckpointPath); err != nil || string(page.Data) != string(checkpoint) || page.Immutable {
		t.Errorf("the checkpoint is served as %q, immutable %v, %v", page.Data, page.Immutable, err)
	}
	for tile := range ledger.TilesOf(size) {
		if tile.W == 256 {
			continue
		}
		tile.W++
		if _, err := fetch(ledger.TilePath(tile)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s, beyond the log's size %d: %v", ledger.TilePath(tile), size, err)
		}
	}
	tiles := ledger.Tiles{Source: s}
	var edge ledger.Edge
	for i, leaf := range leaves {
		past := ledger.Checkpoint{Origin: signed.Origin, Size: edge.Size(), Root: edge.Root()}
		edge.Add(leaf.Hash())
		if i%(1+len(leaves)/64) != 0 { // all leaves of a short log, some of a long one
			continue
		}
		p, err := tiles.Inclusion(ctx, size, int64(i))
		if err != nil {
			t.Fatalf("proving entry %d: %v", i, err)
		}
		if err := p.Verify(leaf, signed.Checkpoint); err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
		c, err := tiles.Consistency(ctx, past.Size, size)
		if err != nil {
			t.Fatalf("proving consistency with size %d: %v", past.Size, err)
		}
		if err := c.Verify(past, signed.Checkpoint); err != nil {
			t.Errorf("size %d: %v", past.Size, err)
		}
	}
}

// Served is a log as files, with the key that signed it.
type Served struct {
	Files map[string][]byte
	Key   *ledger.Key
	Size  int64
	Last  []ledger.Leaf // the newest leaves, at most 256
}

// Serve returns m's log as files.
func (m *Memory) Serve(t testing.TB) Served {
	t.Helper()
	s := Served{Files: map[string][]byte{}, Key: m.Key, Size: m.Head.Size}
	_, err := ledger.Export(Fetch(m), m.Key.Verifier(), func(path string, data []byte) error {
		s.Files[path] = data
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries[max(0, len(m.Entries)-256):] {
		s.Last = append(s.Last, e.Leaf)
	}
	return s
}

// Clone returns a copy whose files can be changed without changing s's.
func (s Served) Clone() Served {
	s.Files = maps.Clone(s.Files)
	for path, data := range s.Files {
		s.Files[path] = append([]byte(nil), data...)
	}
	return s
}

// Fetch returns the file at a path.
func (s Served) Fetch(path string) ([]byte, error) {
	data, ok := s.Files[path]
	if !ok {
		return nil, fault.New(fault.NotFound, "tile-not-found", "There is no file %q.", path)
	}
	return data, nil
}
