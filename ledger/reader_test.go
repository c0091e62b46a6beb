package ledger_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

func replaceOnce(t *testing.T, s, from, to string) string {
	t.Helper()
	if !strings.Contains(s, from) {
		t.Fatalf("%q does not contain %q", s, from)
	}
	return strings.Replace(s, from, to, 1)
}

func checkpoint(t testing.TB, m *ledgertest.Memory) ledger.Checkpoint {
	t.Helper()
	c, err := ledger.ParseCheckpoint(m.Head.Checkpoint, m.Key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return c.Checkpoint
}

// TestTamperingsRefused: the other half, that an independent checker refuses the
// same, is in test/peers.
func TestTamperingsRefused(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, ledgertest.TamperedSize)
	served := m.Serve(t)
	reader := ledger.Reader{Fetch: served.Fetch, Log: m.Key.Verifier(), Seen: []ledger.Checkpoint{checkpoint(t, m)}}
	if c, err := reader.Verify(); err != nil || c.Size != ledgertest.TamperedSize {
		t.Fatalf("untouched: %+v, %v", c, err)
	}
	for _, tampering := range ledgertest.Tamperings() {
		t.Run(tampering.Name, func(t *testing.T) {
			s := served.Clone()
			tampering.Do(t, &s)
			r := ledger.Reader{Fetch: s.Fetch, Log: m.Key.Verifier()}
			if _, err := r.Verify(); err == nil {
				t.Error("accepted")
			} else if fault.As(err) == nil {
				t.Errorf("without a text for a person: %v", err)
			}
		})
	}
}

// TestBundleWithOneMore is refused by us alone: C2SP lets a client cut a bundle
// that is wider than asked for.
func TestBundleWithOneMore(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 10)
	s := m.Serve(t)
	s.Files["tile/entries/000.p/10"] = ledger.FormatBundle(append(slices.Clone(s.Last), s.Last[0]))
	if _, err := (ledger.Reader{Fetch: s.Fetch, Log: m.Key.Verifier()}).Verify(); !fault.Is(err, "ledger-tampered") {
		t.Error(err)
	}
}

// publish signs leaves as they are, whatever their numbers: the log's key in
// dishonest hands.
func publish(t *testing.T, m *ledgertest.Memory, leaves []ledger.Leaf) ledgertest.Served {
	t.Helper()
	s := ledgertest.Served{Files: map[string][]byte{}, Key: m.Key}
	var edge ledger.Edge
	var hashes []tlog.Hash
	for _, l := range leaves {
		edge.Add(l.Hash())
		hashes = append(hashes, l.Hash())
	}
	signed, err := ledger.Checkpoint{Origin: ledgertest.Origin, Size: edge.Size(), Root: edge.Root()}.Sign(m.Key)
	if err != nil {
		t.Fatal(err)
	}
	s.Files[ledger.CheckpointPath] = signed
	for tile := range ledger.TilesOf(edge.Size()) {
		if tile.L < 0 {
			s.Files[ledger.TilePath(tile)] = ledger.FormatBundle(leaves)
		} else {
			s.Files[ledger.TilePath(tile)] = ledger.FormatTile(hashes)
		}
	}
	return s
}

// TestNumbersRefused: each of these is a sound Merkle tree under the log's own
// signature, and still no ledger.
func TestNumbersRefused(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 20)
	var leaves []ledger.Leaf
	for _, e := range m.Entries {
		leaves = append(leaves, e.Leaf)
	}
	honest := publish(t, m, leaves)
	if _, err := (ledger.Reader{Fetch: honest.Fetch, Log: m.Key.Verifier()}).Verify(); err != nil {
		t.Fatal(err)
	}
	change := func(f func([]ledger.Leaf) []ledger.Leaf) []ledger.Leaf { return f(slices.Clone(leaves)) }
	for name, forged := range map[string][]ledger.Leaf{
		"doubled number":  change(func(l []ledger.Leaf) []ledger.Leaf { return append(l, l[len(l)-1]) }),
		"second chain":    change(func(l []ledger.Leaf) []ledger.Leaf { return append(l, l[0]) }),
		"withheld":        change(func(l []ledger.Leaf) []ledger.Leaf { return slices.Delete(l, 5, 6) }),
		"swapped":         change(func(l []ledger.Leaf) []ledger.Leaf { l[0], l[7] = l[7], l[0]; return l }),
		"starts at one":   change(func(l []ledger.Leaf) []ledger.Leaf { return l[1:] }),
		"class exchanged": change(func(l []ledger.Leaf) []ledger.Leaf { l[4].Class = ledger.Governance; return l }),
	} {
		s := publish(t, m, forged)
		_, err := ledger.Reader{Fetch: s.Fetch, Log: m.Key.Verifier()}.Verify()
		if !fault.Is(err, "ledger-tampered") || !strings.Contains(err.Error(), "should be") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReaderSeen(t *testing.T) {
	m := ledgertest.New(t, 3)
	empty := checkpoint(t, m)
	m.Grow(t, 10)
	early := checkpoint(t, m)
	m.Grow(t, 300)
	late := checkpoint(t, m)
	fetch := ledgertest.Fetch(m)
	verify := func(seen ...ledger.Checkpoint) error {
		_, err := ledger.Reader{Fetch: fetch, Log: m.Key.Verifier(), Seen: seen}.Verify()
		return err
	}
	if err := verify(empty, early, late); err != nil {
		t.Error(err)
	}
	forked, longer, foreign, emptyFork := early, late, early, empty
	forked.Root[0] ^= 1
	longer.Size++
	foreign.Origin = "desk.example.com/other"
	emptyFork.Root[0] ^= 1
	for name, c := range map[string]ledger.Checkpoint{"fork": forked, "cut": longer, "another log": foreign, "empty": emptyFork} {
		if err := verify(late, c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// A whole, well-formed fork under the same key: only what was seen betrays it.
	fork := ledgertest.New(t, 3)
	fork.Grow(t, 5)
	fork.Append(t, ledgertest.Epoch, ledger.Draft{Class: ledger.Desk, Kind: "test.other", Expect: ledger.AnyNumber})
	fork.Grow(t, 300)
	r := ledger.Reader{Fetch: ledgertest.Fetch(fork), Log: m.Key.Verifier()}
	if _, err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	r.Seen = []ledger.Checkpoint{early}
	if _, err := r.Verify(); !fault.Is(err, "ledger-tampered") {
		t.Errorf("fork: %v", err)
	}
}

func TestReaderLeaves(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 300)
	var f ledger.Follower
	r := ledger.Reader{Fetch: ledgertest.Fetch(m), Log: m.Key.Verifier(), Leaf: func(i int64, l ledger.Leaf) error {
		if i != f.Edge.Size() || l != m.Entries[i].Leaf {
			t.Errorf("leaf %d is %+v", i, l)
		}
		_, err := f.Add(l)
		return err
	}}
	if _, err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	if f.Edge != m.Head.Edge || f.Next(ledger.Desk) != m.Head.Next[ledger.Desk] {
		t.Errorf("the follower arrived at size %d", f.Edge.Size())
	}
	stop := errors.New("stop")
	r.Leaf = func(int64, ledger.Leaf) error { return stop }
	if _, err := r.Verify(); !errors.Is(err, stop) {
		t.Errorf("the callback's error became %v", err)
	}
}

func TestResume(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 100)
	f := ledger.Resume(m.Head)
	m.Grow(t, 300)
	gap := m.Entries[100].Leaf
	gap.Number++
	if _, err := f.Add(gap); !fault.Is(err, "ledger-tampered") {
		t.Errorf("a gap: %v", err)
	}
	for _, e := range m.Entries[100:] {
		if _, err := f.Add(e.Leaf); err != nil {
			t.Fatal(err)
		}
	}
	if f.Edge != m.Head.Edge {
		t.Error("another edge")
	}
}

func TestCatchUp(t *testing.T) {
	m := ledgertest.New(t, 3)
	var f ledger.Follower
	var got []ledger.Leaf
	for _, size := range []int{0, 1, 200, 256, 257, 257, 700} {
		m.Grow(t, size)
		fresh, err := f.CatchUp(ledgertest.Fetch(m), checkpoint(t, m))
		if err != nil {
			t.Fatalf("to size %d: %v", size, err)
		}
		got = append(got, fresh...)
		if len(got) != size || f.Edge != m.Head.Edge {
			t.Errorf("at size %d: %d leaves, edge of %d", size, len(got), f.Edge.Size())
		}
	}
	for i, l := range got {
		if l != m.Entries[i].Leaf {
			t.Fatalf("leaf %d is %+v", i, l)
		}
	}
	before := checkpoint(t, m)
	m.Grow(t, 800)
	honest := m.Serve(t)
	wrong := checkpoint(t, m)
	wrong.Root[0] ^= 1
	edited := honest.Clone()
	leaves, err := ledger.ParseBundle(edited.Files["tile/entries/003.p/32"], 32)
	if err != nil {
		t.Fatal(err)
	}
	leaves[31].Commitment[0] ^= 1
	edited.Files["tile/entries/003.p/32"] = ledger.FormatBundle(leaves)
	cut := before
	cut.Size--
	same := before
	same.Root[0] ^= 1
	for name, test := range map[string]struct {
		fetch ledger.Fetch
		to    ledger.Checkpoint
	}{
		"another root":            {honest.Fetch, wrong},
		"edited leaf":             {edited.Fetch, checkpoint(t, m)},
		"cut":                     {honest.Fetch, cut},
		"same size, another root": {honest.Fetch, same},
	} {
		if _, err := f.CatchUp(test.fetch, test.to); !fault.Is(err, "ledger-tampered") {
			t.Errorf("%s: %v", name, err)
		}
		if f.Edge.Root() != before.Root || f.Next(ledger.Desk) == m.Head.Next[ledger.Desk] {
			t.Errorf("%s: the follower has moved", name)
		}
	}
	if fresh, err := f.CatchUp(honest.Fetch, checkpoint(t, m)); err != nil || len(fresh) != 100 {
		t.Errorf("after all that: %d leaves, %v", len(fresh), err)
	}
}

func TestExportToFolder(t *testing.T) {
	m := ledgertest.New(t, 3)
	m.Grow(t, 300)
	folder := fstest.MapFS{}
	var last string
	put := func(path string, data []byte) error {
		if !fs.ValidPath(path) {
			t.Errorf("%q cannot be a file", path)
		}
		last, folder[path] = path, &fstest.MapFile{Data: data}
		return nil
	}
	if _, err := ledger.Export(ledgertest.Fetch(m), m.Key.Verifier(), put); err != nil {
		t.Fatal(err)
	}
	if last != ledger.CheckpointPath {
		t.Errorf("%s was written last", last)
	}
	if c, err := (ledger.Reader{Fetch: ledger.Folder(folder), Log: m.Key.Verifier()}).Verify(); err != nil || c.Size != 300 {
		t.Errorf("%+v, %v", c, err)
	}
	full := errors.New("disk full")
	if _, err := ledger.Export(ledgertest.Fetch(m), m.Key.Verifier(), func(string, []byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("a failed write became %v", err)
	}
}
