package ledger

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Inclusion proves that a leaf stands at an index of the log of a checkpoint.
type Inclusion struct {
	Hashes []canonical.Bytes `json:"hashes"` // as RFC 6962 orders them, from the leaf up
	Index  int64             `json:"index"`
}

// Consistency proves that the log of one checkpoint is a prefix of another's.
type Consistency struct {
	Hashes []canonical.Bytes `json:"hashes"`
}

func proofWrong(what string) *fault.Error {
	return fault.New(fault.Forbidden, "proof-wrong", "The ledger proof does not hold: %s.", what)
}

// ProveInclusion makes the proof from the hashes of a tree of at least the size.
func ProveInclusion(size, index int64, r tlog.HashReader) (Inclusion, error) {
	if index < 0 || index >= size {
		return Inclusion{}, fault.New(fault.NotFound, "entry-not-found", "The ledger at size %d has no entry %d.", size, index)
	}
	p, err := tlog.ProveRecord(size, index, r)
	if err != nil {
		return Inclusion{}, fmt.Errorf("proving entry %d at size %d: %w", index, size, err)
	}
	return Inclusion{Index: index, Hashes: fromHashes(p)}, nil
}

// Verify checks the proof for the leaf against the checkpoint. It does not check the
// checkpoint's signature.
func (p Inclusion) Verify(leaf Leaf, c Checkpoint) error {
	hashes, err := toHashes(p.Hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(hashes, c.Size, c.Root, p.Index, leaf.Hash()); err != nil {
		return proofWrong(fmt.Sprintf("the entry is not number %d of the %d in the checkpoint", p.Index, c.Size)).Because(err)
	}
	return nil
}

// ProveConsistency makes the proof from the hashes of a tree of at least size to.
func ProveConsistency(from, to int64, r tlog.HashReader) (Consistency, error) {
	if from < 0 || from > to {
		return Consistency{}, fault.New(fault.Invalid, "size-out-of-range", "A ledger of size %d is not the past of one of size %d.", from, to)
	}
	if from == 0 {
		return Consistency{Hashes: []canonical.Bytes{}}, nil
	}
	p, err := tlog.ProveTree(to, from, r)
	if err != nil {
		return Consistency{}, fmt.Errorf("proving size %d to be the past of size %d: %w", from, to, err)
	}
	return Consistency{Hashes: fromHashes(p)}, nil
}

// Verify checks that the log of the checkpoint from is a prefix of that of to.
func (p Consistency) Verify(from, to Checkpoint) error {
	hashes, err := toHashes(p.Hashes)
	if err != nil {
		return err
	}
	if from.Origin != to.Origin {
		return proofWrong("the checkpoints are of different logs")
	}
	// Package tlog has no proof from the empty log; C2SP's is without hashes.
	if from.Size == 0 {
		if len(hashes) != 0 || from.Root != emptyRoot || to.Size == 0 && to.Root != emptyRoot {
			return proofWrong("an empty log needs no hashes and has its own root")
		}
		return nil
	}
	if err := tlog.CheckTree(hashes, to.Size, to.Root, from.Size, from.Root); err != nil {
		return proofWrong(fmt.Sprintf("the log at size %d is not the past of the log at size %d", from.Size, to.Size)).Because(err)
	}
	return nil
}

func fromHashes(hashes []tlog.Hash) []canonical.Bytes {
	out := make([]canonical.Bytes, len(hashes))
	for i, h := range hashes {
		out[i] = canonical.Bytes(h[:])
	}
	return out
}

func toHashes(in []canonical.Bytes) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(in))
	for i, b := range in {
		if len(b) != tlog.HashSize {
			return nil, fault.New(fault.Invalid, "proof-malformed", "A hash of the ledger proof has %d bytes and not 32.", len(b))
		}
		out[i] = tlog.Hash(b)
	}
	return out, nil
}

const proofHeader = "c2sp.org/tlog-proof@v1"

// FormatProof writes the proof, and the signed checkpoint that it belongs to, as a
// c2sp.org/tlog-proof@v1 file.
func FormatProof(p Inclusion, checkpoint []byte) ([]byte, error) {
	hashes, err := toHashes(p.Hashes)
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "%s\nindex %d\n", proofHeader, p.Index)
	for _, h := range hashes {
		b = fmt.Appendf(b, "%s\n", h)
	}
	return append(append(b, '\n'), checkpoint...), nil
}

// ParseProof reads a file that FormatProof wrote. It refuses the "extra" line that the
// format allows, since nothing signs it. It checks neither the proof nor the checkpoint.
func ParseProof(b []byte) (Inclusion, []byte, error) {
	malformed := fault.New(fault.Invalid, "proof-malformed", "This is not a %s file in the form that Countersign writes.", proofHeader)
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok || len(b) > maxCheckpoint+64*48 {
		return Inclusion{}, nil, malformed
	}
	lines := strings.Split(string(head), "\n")
	if len(lines) < 2 || len(lines) > 2+63 {
		return Inclusion{}, nil, malformed
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil || index < 0 || index > maxNumber {
		return Inclusion{}, nil, malformed
	}
	p := Inclusion{Index: index, Hashes: []canonical.Bytes{}}
	for _, line := range lines[2:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return Inclusion{}, nil, malformed
		}
		p.Hashes = append(p.Hashes, h[:])
	}
	again, err := FormatProof(p, checkpoint)
	if err != nil || !bytes.Equal(again, b) {
		return Inclusion{}, nil, malformed
	}
	return p, checkpoint, nil
}
