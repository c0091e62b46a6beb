package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

func TestTilePaths(t *testing.T) {
	for path, tile := range map[string]tlog.Tile{ // 1234067 is the specification's example
		"tile/0/x001/x234/067":      {H: 8, L: 0, N: 1234067, W: 256},
		"tile/63/000.p/1":           {H: 8, L: 63, N: 0, W: 1},
		"tile/1/999.p/255":          {H: 8, L: 1, N: 999, W: 255},
		"tile/entries/x001/000":     {H: 8, L: -1, N: 1000, W: 256},
		"tile/entries/x001/000.p/7": {H: 8, L: -1, N: 1000, W: 7},
	} {
		if got := ledger.TilePath(tile); got != path || got != torchwood.TilePath(tile) {
			t.Errorf("%+v: path %q, by torchwood %q", tile, got, torchwood.TilePath(tile))
		}
		if got, err := ledger.ParseTilePath(path); err != nil || got != tile {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{"", "checkpoint", "tile/", "tile/0", "tile/0/", "tile/64/000", "tile/-1/000", "tile/00/000", "tile/+1/000",
		"tile/data/000", "tile/8/0/000", "tile/0/1", "tile/0/0001", "tile/0/x000/001", "tile/0/001/001", "tile/0/x001", "tile/0/000.p/0",
		"tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p/1/1", "/tile/0/000", "tile/0/000/", "tile/0/xx01/000",
		"tile/0/-01", "tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile//000", "tile/0//000", "tile/0/000?x", "tile/0/00\x31\x00"} {
		if tile, err := ledger.ParseTilePath(path); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: %+v, %v", path, tile, err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		tile := tlog.Tile{H: 8, L: rapid.IntRange(-1, 63).Draw(rt, "level"), N: rapid.Int64Range(0, 1<<53).Draw(rt, "n"), W: rapid.IntRange(1, 256).Draw(rt, "w")}
		path := ledger.TilePath(tile)
		if path != torchwood.TilePath(tile) {
			rt.Errorf("path %q, by torchwood %q", path, torchwood.TilePath(tile))
		}
		if got, err := ledger.ParseTilePath(path); err != nil || got != tile {
			rt.Errorf("%s: %+v, %v", path, got, err)
		}
	})
}

// TestTilesOfPublished uses the specification's two examples.
func TestTilesOfPublished(t *testing.T) {
	count := map[int][2]int{} // level → full, width of the partial one
	for tile := range ledger.TilesOf(70_000) {
		c := count[tile.L]
		if tile.W == 256 {
			c[0]++
		} else {
			c[1] += tile.W
		}
		count[tile.L] = c
	}
	for level, want := range map[int][2]int{-1: {273, 112}, 0: {273, 112}, 1: {1, 17}, 2: {0, 1}} {
		if count[level] != want {
			t.Errorf("size 70,000, level %d: %v, expected %v", level, count[level], want)
		}
	}
	var paths []string
	for tile := range ledger.TilesOf(256) {
		paths = append(paths, ledger.TilePath(tile))
	}
	if !slices.Equal(paths, []string{"tile/entries/000", "tile/0/000", "tile/1/000.p/1"}) {
		t.Errorf("size 256: %v", paths)
	}
	for range ledger.TilesOf(0) {
		t.Error("an empty log has a tile")
	}
}

// TestTilesBetween: what is new after each append is just what an exporter that
// follows along has to fetch.
func TestTilesBetween(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		have := map[string]bool{}
		size := int64(0)
		for size < 70_000 {
			next := size + rapid.Int64Range(1, 40_000).Draw(rt, "step")
			for tile := range ledger.TilesBetween(size, next) {
				have[ledger.TilePath(tile)] = true
			}
			size = next
			for tile := range ledger.TilesOf(size) {
				if !have[ledger.TilePath(tile)] {
					rt.Fatalf("%s was not fetched by size %d", ledger.TilePath(tile), size)
				}
			}
		}
	})
}

func TestBundleRefused(t *testing.T) {
	m := small(t)
	good, err := ledgertest.Fetch(m)("tile/entries/000.p/3")
	if err != nil {
		t.Fatal(err)
	}
	wide := make([]ledger.Leaf, 257)
	for i := range wide {
		wide[i] = m.Entries[0].Leaf
	}
	one := len(good) - len(m.Entries[2].Leaf.Bytes()) - 2 // where the third entry starts
	for name, test := range map[string]struct {
		bundle []byte
		width  int
	}{
		"one less":        {good[:one], 3},
		"one more":        {good, 2},
		"none":            {nil, 0},
		"none for three":  {nil, 3},
		"too wide":        {ledger.FormatBundle(wide), 257},
		"cut in a leaf":   {good[:len(good)-1], 3},
		"cut in a length": {good[:one+1], 3},
		"surplus byte":    {append(slices.Clone(good), 0), 3},
		"no leaf":         {[]byte("\x00\x03abc"), 1},
	} {
		if leaves, err := ledger.ParseBundle(test.bundle, test.width); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %d leaves, %v", name, len(leaves), err)
		}
	}
}

func TestServeSizes(t *testing.T) {
	for _, size := range []int{1, 2, 255, 256, 257, 511, 512, 600} {
		m := ledgertest.New(t, 3)
		m.Grow(t, size)
		ledgertest.TestSource(t, m, m.Key.Verifier())
	}
}

func TestServe(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 300)
	tiles := ledger.Tiles{Source: m}
	ctx := context.Background()
	for path, want := range map[string]struct {
		size      int
		immutable bool
	}{
		"checkpoint":      {len(m.Head.Checkpoint), false},
		"tile/0/000":      {8192, true},
		"tile/0/000.p/9":  {9 * 32, true}, // of an older size
		"tile/0/001.p/44": {44 * 32, true},
		"tile/1/000.p/1":  {32, true},
	} {
		p, err := tiles.Read(ctx, path)
		if err != nil || len(p.Data) != want.size || p.Immutable != want.immutable {
			t.Errorf("%s: %d bytes, immutable %v, %v", path, len(p.Data), p.Immutable, err)
		}
	}
	for _, path := range []string{"tile/0/001", "tile/0/001.p/45", "tile/0/002.p/1", "tile/1/000.p/2", "tile/1/000", "tile/2/000.p/1",
		"tile/63/000.p/1", "tile/entries/001", "tile/entries/002.p/1", "vkey", "../secret"} {
		if _, err := tiles.Read(ctx, path); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// short is a source that has lost rows.
type short struct{ *ledgertest.Memory }

func (s short) Leaves(ctx context.Context, start int64, n int) ([]ledger.Leaf, error) {
	l, err := s.Memory.Leaves(ctx, start, n)
	return l[:len(l)-1], err
}

func (s short) Hashes(ctx context.Context, level int, start int64, n int) ([]tlog.Hash, error) {
	h, err := s.Memory.Hashes(ctx, level, start, n)
	return h[:len(h)-1], err
}

func TestServeRefusesLostRows(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 300)
	for _, path := range []string{"tile/0/000", "tile/entries/000", "tile/1/000.p/1"} {
		if _, err := ledgertest.Fetch(short{m})(path); !fault.Is(err, "ledger-tampered") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := (ledger.Tiles{Source: short{m}}).Inclusion(context.Background(), 300, 5); err == nil {
		t.Error("a proof from lost rows")
	}
}

// TestTorchwoodReadsOurLog reads the exported log with torchwood's client, which
// authenticates every entry by the tiles.
func TestTorchwoodReadsOurLog(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 1000)
	client, err := torchwood.NewClient(tileReader{m.Serve(t)})
	if err != nil {
		t.Fatal(err)
	}
	i := int64(0)
	for index, entry := range client.AllEntries(context.Background(), tlog.Tree{N: 1000, Hash: m.Head.Edge.Root()}, 0) {
		if index != i || string(entry) != string(m.Entries[i].Leaf.Bytes()) {
			t.Errorf("entry %d is %q", index, entry)
		}
		i++
	}
	if err := client.Err(); err != nil || i != 1000 {
		t.Errorf("%d entries, %v", i, err)
	}
}

type tileReader struct{ ledgertest.Served }

func (r tileReader) ReadTiles(_ context.Context, tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := r.Fetch(ledger.TilePath(tile))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (r tileReader) ReadEndpoint(_ context.Context, path string) ([]byte, error) {
	return r.Fetch(path)
}
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func TestInclusionRefused(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 600)
	c := checkpoint(t, m)
	good, err := ledger.Tiles{Source: m}.Inclusion(context.Background(), 600, 300)
	if err != nil {
		t.Fatal(err)
	}
	leaf := m.Entries[300].Leaf
	if err := good.Verify(leaf, c); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*ledger.Inclusion)) ledger.Inclusion {
		p := good
		p.Hashes = nil
		for _, h := range good.Hashes {
			p.Hashes = append(p.Hashes, slices.Clone(h))
		}
		f(&p)
		return p
	}
	smaller := c
	smaller.Size = 400 // 599 has the same path: what binds size and root is the signature
	for name, err := range map[string]error{
		"another leaf":   good.Verify(m.Entries[301].Leaf, c),
		"another size":   good.Verify(leaf, smaller),
		"another root":   good.Verify(leaf, ledger.Checkpoint{Origin: c.Origin, Size: c.Size}),
		"index":          change(func(p *ledger.Inclusion) { p.Index++ }).Verify(leaf, c),
		"negative index": change(func(p *ledger.Inclusion) { p.Index = -1 }).Verify(leaf, c),
		"beyond":         change(func(p *ledger.Inclusion) { p.Index = 600 }).Verify(leaf, c),
		"edited hash":    change(func(p *ledger.Inclusion) { p.Hashes[0][0] ^= 1 }).Verify(leaf, c),
		"one less":       change(func(p *ledger.Inclusion) { p.Hashes = p.Hashes[1:] }).Verify(leaf, c),
		"one more":       change(func(p *ledger.Inclusion) { p.Hashes = append(p.Hashes, p.Hashes[0]) }).Verify(leaf, c),
		"short hash":     change(func(p *ledger.Inclusion) { p.Hashes[0] = p.Hashes[0][:31] }).Verify(leaf, c),
		"swapped":        change(func(p *ledger.Inclusion) { p.Hashes[0], p.Hashes[1] = p.Hashes[1], p.Hashes[0] }).Verify(leaf, c),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, index := range []int64{-1, 600, 1 << 60} {
		if _, err := (ledger.Tiles{Source: m}).Inclusion(context.Background(), 600, index); !fault.Is(err, "entry-not-found") {
			t.Errorf("entry %d: %v", index, err)
		}
	}
}

func TestConsistencyRefused(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 300)
	from := checkpoint(t, m)
	m.Grow(t, 600)
	to := checkpoint(t, m)
	tiles := ledger.Tiles{Source: m}
	good, err := tiles.Consistency(context.Background(), 300, 600)
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Verify(from, to); err != nil {
		t.Fatal(err)
	}
	empty := checkpoint(t, ledgertest.New(t, 3))
	other := from
	other.Origin = "desk.example.com/other"
	fork := from
	fork.Root[0] ^= 1
	emptyFork := empty
	emptyFork.Root = to.Root
	for name, err := range map[string]error{
		"reversed":           good.Verify(to, from),
		"fork":               good.Verify(fork, to),
		"fork after":         good.Verify(from, ledger.Checkpoint{Origin: to.Origin, Size: to.Size, Root: from.Root}),
		"another log":        good.Verify(other, to),
		"one less":           ledger.Consistency{Hashes: good.Hashes[1:]}.Verify(from, to),
		"one more":           ledger.Consistency{Hashes: append(slices.Clone(good.Hashes), good.Hashes[0])}.Verify(from, to),
		"hashes for nothing": good.Verify(empty, to),
		"empty, wrong root":  ledger.Consistency{}.Verify(emptyFork, to),
		"empty both, wrong":  ledger.Consistency{}.Verify(empty, emptyFork),
		"short hash":         ledger.Consistency{Hashes: []canonical.Bytes{{1}}}.Verify(from, to),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (ledger.Consistency{}).Verify(empty, to); err != nil {
		t.Errorf("from the empty log: %v", err)
	}
	for _, pair := range [][2]int64{{-1, 5}, {6, 5}} {
		if _, err := tiles.Consistency(context.Background(), pair[0], pair[1]); !fault.Is(err, "size-out-of-range") {
			t.Errorf("%v: %v", pair, err)
		}
	}
}

// TestProofFilesAndTorchwoodAgree writes proofs that torchwood verifies with a
// witness's quorum, and reads back what torchwood writes.
func TestProofFilesAndTorchwoodAgree(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 300)
	s, w := witness(t, "a.example/w", 1)
	file := []byte(trustLine("log", m.Key.VerifierKey()) + trustLine("witness", "a", w.String()) + "quorum a\n")
	policy, err := torchwood.ParsePolicy(file)
	if err != nil {
		t.Fatal(err)
	}
	signed := sign(t, m.Head.Checkpoint, s)
	for i := range m.Entries {
		p, err := ledger.Tiles{Source: m}.Inclusion(context.Background(), 300, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := ledger.FormatProof(p, signed)
		if err != nil {
			t.Fatal(err)
		}
		if err := torchwood.VerifyProof(policy, m.Entries[i].Leaf.Hash(), proof); err != nil {
			t.Errorf("entry %d: torchwood: %v", i, err)
		}
		var record tlog.RecordProof
		for _, h := range p.Hashes {
			record = append(record, tlog.Hash(h))
		}
		if theirs := torchwood.FormatProof(int64(i), record, signed); string(theirs) != string(proof) {
			t.Errorf("entry %d: torchwood writes %q", i, theirs)
		}
		got, checkpoint, err := ledger.ParseProof(proof)
		if err != nil || got.Index != int64(i) || string(checkpoint) != string(signed) {
			t.Fatalf("entry %d: %+v, %v", i, got, err)
		}
		if err := torchwood.VerifyProof(policy, m.Entries[(i+1)%300].Leaf.Hash(), proof); err == nil {
			t.Error("torchwood verifies another entry, so this proves nothing")
		}
	}
	unwitnessed, _ := ledger.FormatProof(ledger.Inclusion{}, m.Head.Checkpoint)
	var missing *note.UnverifiedNoteError
	if err := torchwood.VerifyProof(policy, tlog.Hash{}, unwitnessed); !errors.As(err, &missing) {
		t.Errorf("without the witness: %v", err)
	}
}

func TestProofFileRefused(t *testing.T) {
	m := small(t)
	p, err := ledger.Tiles{Source: m}.Inclusion(context.Background(), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ledger.FormatProof(p, m.Head.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	edit := func(from, to string) string { return replaceOnce(t, good, from, to) }
	for name, file := range map[string]string{
		"empty":        "",
		"header":       edit("@v1", "@v2"),
		"extra":        edit("index", "extra AAAA\nindex"),
		"negative":     edit("index 1", "index -1"),
		"leading zero": edit("index 1", "index 01"),
		"no index":     edit("index 1\n", ""),
		"bare index":   edit("index 1", "1"),
		"short hash":   edit("=\n", "\n"),
		"CR":           edit("index 1\n", "index 1\r\n"),
		"no blank":     "c2sp.org/tlog-proof@v1\nindex 1\n",
	} {
		if _, _, err := ledger.ParseProof([]byte(file)); !fault.Is(err, "proof-malformed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ledger.FormatProof(ledger.Inclusion{Hashes: []canonical.Bytes{{1}}}, nil); !fault.Is(err, "proof-malformed") {
		t.Errorf("a short hash was written: %v", err)
	}
}
