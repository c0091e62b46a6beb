package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

// Each parser here promises one spelling: what it accepts, written again, is
// what it was given.

func seed(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzLeaf(f *testing.F) {
	seed(f, "leaf-0", "leaf-1", "leaf-2")
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ledger.ParseLeaf(b); err == nil && !bytes.Equal(l.Bytes(), b) {
			t.Errorf("%q was read as %q", b, l.Bytes())
		}
	})
}

func FuzzBody(f *testing.F) {
	seed(f, "body-0.json", "body-1.json", "body-2.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := ledger.ParseBody(b)
		if err != nil {
			return
		}
		if again, err := canonical.Marshal(body); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q was read as %q, %v", b, again, err)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	seed(f, "checkpoint")
	key, err := ledger.NewKey(ledgertest.Origin, ledgertest.Rand(1))
	if err != nil {
		f.Fatal(err)
	}
	s, w := witness(f, "a.example/w", 1)
	signed, err := os.ReadFile(filepath.Join("testdata", "checkpoint"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sign(f, signed, s))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ledger.ParseCheckpoint(b, key.Verifier(), w)
		if err != nil {
			return
		}
		n, err := note.Open(b, note.VerifierList(key.Verifier()))
		if err != nil || n.Text != c.Text() {
			t.Errorf("%q was read as %q; package note: %v", b, c.Text(), err)
		}
	})
}

func FuzzTilePath(f *testing.F) {
	for _, path := range []string{"tile/0/x001/x234/067", "tile/entries/000.p/7", "tile/63/999.p/255"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if tile, err := ledger.ParseTilePath(path); err == nil && ledger.TilePath(tile) != path {
			t.Errorf("%q was read as %q", path, ledger.TilePath(tile))
		}
	})
}

func FuzzBundle(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "bundle"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 3)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		leaves, err := ledger.ParseBundle(b, width)
		if err == nil && (len(leaves) != width || !bytes.Equal(ledger.FormatBundle(leaves), b)) {
			t.Errorf("%q was read as %d leaves", b, len(leaves))
		}
	})
}

func FuzzProof(f *testing.F) {
	seed(f, "entry.tlog-proof")
	f.Fuzz(func(t *testing.T, b []byte) {
		p, checkpoint, err := ledger.ParseProof(b)
		if err != nil {
			return
		}
		if again, err := ledger.FormatProof(p, checkpoint); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q was read as %q, %v", b, again, err)
		}
	})
}

func FuzzKey(f *testing.F) {
	seed(f, "key")
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ledger.ParseKey(b); err == nil && !bytes.Equal(bytes.TrimSuffix(k.File(), []byte("\n")), bytes.TrimSuffix(b, []byte("\n"))) {
			t.Errorf("%q was read as another key", b)
		}
	})
}

func FuzzEdge(f *testing.F) {
	f.Add(make([]byte, 8))
	f.Add(append([]byte{0, 0, 0, 0, 0, 0, 0, 3}, make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e ledger.Edge
		if err := e.UnmarshalBinary(b); err != nil {
			return
		}
		if again, err := e.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read as %x, %v", b, again, err)
		}
		e.Root()
	})
}

func FuzzTrust(f *testing.F) {
	f.Add([]byte("log desk.example.com/ledger+d6546538+AQ==\nwitness a b\ngroup g any a\nquorum g\n"))
	vkey, err := os.ReadFile(filepath.Join("testdata", "vkey"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte("log "), append(vkey, "quorum none\n"...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if trust, err := ledger.ParseTrust(b); err == nil && trust.Origin() == "" {
			t.Error("a trust file without a log was accepted")
		}
	})
}

func FuzzDocument(f *testing.F) {
	seed(f, "document.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := ledger.ParseDocument(b)
		if err != nil {
			return
		}
		if again, err := canonical.Marshal(body); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q was read as %q, %v", b, again, err)
		}
	})
}

func FuzzDocumentLeaf(f *testing.F) {
	seed(f, "document-leaf")
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ledger.ParseDocumentLeaf(b); err == nil && !bytes.Equal(l.Bytes(), b) {
			t.Errorf("%q was read as %q", b, l.Bytes())
		}
	})
}

func FuzzRoll(f *testing.F) {
	seed(f, "roll.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ledger.ParseRoll(b)
		if err != nil {
			return
		}
		if again, err := canonical.Marshal(r); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q was read as %q, %v", b, again, err)
		}
	})
}

func FuzzPromise(f *testing.F) {
	seed(f, "promise", "checkpoint")
	key, err := ledger.NewKey(ledgertest.Origin, ledgertest.Rand(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ledger.ReadPromise(b)
		if err != nil {
			return
		}
		again, err := canonical.Marshal(p)
		text, _, _ := bytes.Cut(b, []byte("\n\n"))
		if want := "countersign/promise/v1\n" + string(again); err != nil || string(text) != want {
			t.Errorf("%q was read as %q, %v", b, want, err)
		}
		if c, err := ledger.SizeOf(b); err == nil {
			t.Errorf("%q is a promise, and a checkpoint of size %d", b, c)
		}
		if signed, err := ledger.ParsePromise(b, key.Verifier()); err == nil && signed != p {
			t.Errorf("%q was read as %+v and as %+v", b, p, signed)
		}
	})
}
