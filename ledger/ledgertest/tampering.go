package ledgertest

import (
	"bytes"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/ledger"
)

// Tampering is one way to falsify a served log.
type Tampering struct {
	Name string
	Do   func(t testing.TB, s *Served)
}

// TamperedSize is a size of log on which every tampering can be done: it has
// tiles at three levels, full and partial ones.
const TamperedSize = 66_000

// Tamperings lists ways to falsify a served log of TamperedSize entries. After each of
// them the files are not one log any more, for every reader.
func Tamperings() []Tampering {
	const (
		firstBundle = "tile/entries/000"
		lastBundle  = "tile/entries/257.p/208"
		lastLeaves  = "tile/0/257.p/208"
	)
	return []Tampering{
		{"edited leaf", func(t testing.TB, s *Served) {
			// The hash is changed as well, since tiles alone would not show it.
			leaves := bundle(t, s, firstBundle, 256)
			leaves[17].Commitment[0] ^= 1
			s.Files[firstBundle] = ledger.FormatBundle(leaves)
			h := leaves[17].Hash()
			copy(s.Files["tile/0/000"][17*tlog.HashSize:], h[:])
		}},
		{"swapped leaves", func(t testing.TB, s *Served) {
			leaves := bundle(t, s, firstBundle, 256)
			leaves[3], leaves[4] = leaves[4], leaves[3]
			s.Files[firstBundle] = ledger.FormatBundle(leaves)
		}},
		{"truncated tail", func(t testing.TB, s *Served) {
			for path, entry := range map[string]int{lastBundle: 0, lastLeaves: tlog.HashSize} {
				data := s.Files[path]
				if entry == 0 {
					data = ledger.FormatBundle(bundle(t, s, path, 208)[:200])
				} else {
					data = data[:200*entry]
				}
				s.Files[path] = data
			}
		}},
		{"missing tail", func(_ testing.TB, s *Served) {
			delete(s.Files, lastBundle)
			delete(s.Files, lastLeaves)
		}},
		{"wrong root", func(t testing.TB, s *Served) {
			// The old signature under another root.
			lines := bytes.SplitN(s.Files[ledger.CheckpointPath], []byte("\n"), 4)
			lines[2] = []byte(tlog.RecordHash([]byte("another")).String())
			s.Files[ledger.CheckpointPath] = bytes.Join(lines, []byte("\n"))
		}},
		{"foreign key", func(t testing.TB, s *Served) {
			foreign, err := ledger.NewKey(Origin, Rand(99))
			if err != nil {
				t.Fatal(err)
			}
			s.resign(t, foreign, func(*ledger.Checkpoint) {})
		}},
		{"forked checkpoint", func(t testing.TB, s *Served) {
			// The log's own key signs a history that is not the one served.
			s.resign(t, s.Key, func(c *ledger.Checkpoint) { c.Root = tlog.RecordHash([]byte("another")) })
		}},
		{"checkpoint of a longer log", func(t testing.TB, s *Served) {
			s.resign(t, s.Key, func(c *ledger.Checkpoint) { c.Size++ })
		}},
		{"edited tile, level 0", edit("tile/0/000", 5*tlog.HashSize)},
		{"edited tile, level 0, partial", edit(lastLeaves, 5*tlog.HashSize)},
		{"edited tile, level 1", edit("tile/1/000", 5*tlog.HashSize)},
		{"edited tile, level 1, partial", edit("tile/1/001.p/1", 0)},
		{"edited tile, level 2, partial", edit("tile/2/000.p/1", 0)},
		{"wrong partial width, narrow", func(_ testing.TB, s *Served) {
			s.Files[lastLeaves] = s.Files[lastLeaves][:207*tlog.HashSize]
		}},
		{"wrong partial width, half a hash", func(_ testing.TB, s *Served) {
			s.Files[lastLeaves] = s.Files[lastLeaves][:207*tlog.HashSize+16]
		}},
		{"doubled number", func(t testing.TB, s *Served) {
			leaves := bundle(t, s, lastBundle, 208)
			for i := range leaves[1:] {
				if leaves[i+1].Class == leaves[0].Class {
					leaves[i+1].Number = leaves[0].Number
					break
				}
			}
			s.Files[lastBundle] = ledger.FormatBundle(leaves)
		}},
		{"edited bundle", edit(lastBundle, 2+30)},
		{"bundles exchanged", func(_ testing.TB, s *Served) {
			a, b := firstBundle, "tile/entries/001"
			s.Files[a], s.Files[b] = s.Files[b], s.Files[a]
		}},
	}
}

// edit flips one bit of a file.
func edit(path string, at int) func(testing.TB, *Served) {
	return func(t testing.TB, s *Served) {
		if len(s.Files[path]) <= at {
			t.Fatalf("%s has %d bytes", path, len(s.Files[path]))
		}
		s.Files[path][at] ^= 1
	}
}

func bundle(t testing.TB, s *Served, path string, width int) []ledger.Leaf {
	t.Helper()
	leaves, err := ledger.ParseBundle(s.Files[path], width)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return leaves
}

func (s *Served) resign(t testing.TB, key *ledger.Key, change func(*ledger.Checkpoint)) {
	t.Helper()
	signed, err := ledger.ParseCheckpoint(s.Files[ledger.CheckpointPath], s.Key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	change(&signed.Checkpoint)
	if s.Files[ledger.CheckpointPath], err = signed.Sign(key); err != nil {
		t.Fatal(err)
	}
}
