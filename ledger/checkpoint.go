package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// maxCheckpoint bounds the text that is read before any signature is checked. A
// cosignature with ML-DSA-44 has 2,420 bytes, 3,300 as a line of text, and package note
// reads 100 signatures at most.
const maxCheckpoint = 512 << 10

var emptyRoot = tlog.Hash(sha256.Sum256(nil))

// Checkpoint is the state of a log that its key signs.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Text returns the three lines that are signed.
func (c Checkpoint) Text() string { return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root) }

// Sign returns the signed note.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	if signer.Name() != c.Origin {
		return nil, fault.New(fault.Invalid, "origin-malformed",
			"The log key is named %q, the ledger's origin is %q: they must be the same.", signer.Name(), c.Origin)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("signing the checkpoint of size %d: %w", c.Size, err)
	}
	return signed, nil
}

// Signed is a checkpoint whose log signature was checked, with the checked cosignatures
// of the wanted witnesses.
type Signed struct {
	Checkpoint
	Cosignatures []Cosignature // checked; in the note's order, each witness once
	Unknown      int           // signatures by keys that were not asked for, unchecked
}

// Cosignature is a witness's word that at a time it saw the checkpoint, and that it is
// consistent with all checkpoints that the witness saw before.
type Cosignature struct {
	Name  string // of the witness's key
	KeyID uint32
	Time  canonical.Time // to the second
}

// ParseCheckpoint reads a signed checkpoint. The log's signature must be there and valid;
// a signature of one of the witnesses must be valid if it is there. Signatures by other
// keys are only counted, as C2SP demands. Doubled signatures and other spellings are
// refused.
func ParseCheckpoint(signed []byte, log note.Verifier, witnesses ...*Witness) (Signed, error) {
	c, err := unsigned(signed)
	if err != nil {
		return Signed{}, err
	}
	known := []note.Verifier{log}
	for _, w := range witnesses {
		known = append(known, w)
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Signed{}, unverified(c).Because(err)
	}
	if c.Origin != log.Name() {
		return Signed{}, fault.New(fault.Forbidden, "checkpoint-unverified",
			"The checkpoint is of the log %q, not of %q.", c.Origin, log.Name())
	}
	s := Signed{Checkpoint: c, Unknown: len(n.UnverifiedSigs)}
	byLog := false
	for _, sig := range n.Sigs {
		if sig.Name == log.Name() && sig.Hash == log.KeyHash() {
			byLog = true
			continue
		}
		at, err := cosignatureTime(sig)
		if err != nil {
			return Signed{}, err
		}
		s.Cosignatures = append(s.Cosignatures, Cosignature{Name: sig.Name, KeyID: sig.Hash, Time: at})
	}
	if !byLog {
		return Signed{}, unverified(c)
	}
	return s, nil
}

func unverified(c Checkpoint) *fault.Error {
	return fault.New(fault.Forbidden, "checkpoint-unverified",
		"The checkpoint of %q at size %d is not signed by the log's key, or a signature on it is wrong.", c.Origin, c.Size)
}

// SizeOf returns the size that a checkpoint gives, without checking a signature.
func SizeOf(signed []byte) (int64, error) {
	c, err := unsigned(signed)
	return c.Size, err
}

// unsigned reads a signed checkpoint's text and the spelling of its signatures without
// checking any. It is for checkpoints that we wrote ourselves, and for the time before
// the costly part.
func unsigned(signed []byte) (Checkpoint, error) {
	malformed := func(what string) error {
		return fault.New(fault.Invalid, "checkpoint-malformed", "The checkpoint is malformed: %s.", what)
	}
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, malformed("it is too long")
	}
	text, signatures, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok || !bytes.HasSuffix(signatures, []byte("\n")) {
		return Checkpoint{}, malformed("it has no signatures after a blank line")
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 {
		return Checkpoint{}, malformed("it has not exactly the lines origin, size and root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxNumber || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, malformed("its size is not a number")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return Checkpoint{}, malformed("its root is not a hash")
	}
	if size == 0 && root != emptyRoot {
		return Checkpoint{}, malformed("the root of an empty log is another")
	}
	if err := CheckOrigin(lines[0]); err != nil {
		return Checkpoint{}, err
	}
	if wrong := signaturesWrong(signatures); wrong != "" {
		return Checkpoint{}, malformed(wrong)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// signaturesWrong says in what the signature lines of a note differ from their one spelling;
// empty: in nothing.
func signaturesWrong(signatures []byte) string {
	seen := map[string]bool{}
	for line := range strings.Lines(string(signatures)) {
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndexByte(line, ' ')
		sig, err := base64.StdEncoding.Strict().DecodeString(line[i+1:])
		if i < 0 || err != nil || strings.Contains(line, "\r") || len(sig) < 5 {
			return "a signature is not spelt as it should be"
		}
		// One signature per key: a second one with other bytes would be a
		// second spelling of the same checkpoint.
		key := line[:i] + string(sig[:4])
		if seen[key] {
			return "a key has signed twice"
		}
		seen[key] = true
	}
	return ""
}
