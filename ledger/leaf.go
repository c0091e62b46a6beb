package ledger

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

const leafVersion = "countersign/leaf/v1"

// maxLeaf bounds the text that ParseLeaf reads; the longest leaf has 93 bytes.
const maxLeaf = 128

// Leaf is one record of the tree.
type Leaf struct {
	Class      Class
	Number     int64 // within the class
	Commitment canonical.Digest
}

// Bytes returns the leaf in the form that the tree holds and the log serves.
func (l Leaf) Bytes() []byte {
	b := make([]byte, 0, maxLeaf)
	b = append(b, leafVersion+"\n"...)
	b = append(b, l.Class...)
	b = append(b, '\n')
	b = strconv.AppendInt(b, l.Number, 10)
	b = append(b, '\n')
	b = base64.StdEncoding.AppendEncode(b, l.Commitment[:])
	return append(b, '\n')
}

// Hash returns the leaf's hash in the tree.
func (l Leaf) Hash() tlog.Hash { return tlog.RecordHash(l.Bytes()) }

// Digest returns SHA-256 over the leaf's bytes. The next governance entry names it as
// prev.
func (l Leaf) Digest() canonical.Digest { return canonical.Sum(l.Bytes()) }

// ParseLeaf reads a leaf in the form that Bytes writes, and no other.
func ParseLeaf(b []byte) (Leaf, error) {
	malformed := fault.New(fault.Invalid, "leaf-malformed", "This is not a leaf of a Countersign ledger.")
	if len(b) > maxLeaf {
		return Leaf{}, malformed
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 5 {
		return Leaf{}, malformed
	}
	number, err := strconv.ParseInt(lines[2], 10, 64)
	if err != nil {
		return Leaf{}, malformed.Because(err)
	}
	commitment, err := base64.StdEncoding.DecodeString(lines[3])
	if err != nil || len(commitment) != len(canonical.Digest{}) {
		return Leaf{}, malformed
	}
	l := Leaf{Class: Class(lines[1]), Number: number, Commitment: canonical.Digest(commitment)}
	// Writing the leaf again catches every other spelling at once: signs, leading zeros,
	// loose base64, another version, a missing last line feed.
	if !l.Class.valid() || number < 0 || number > maxNumber || !bytes.Equal(l.Bytes(), b) {
		return Leaf{}, malformed
	}
	return l, nil
}
