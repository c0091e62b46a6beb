package cases

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"countersign.dev/canonical"
)

// HashesFile is the name of the file of a list of hashes in refusals.
const HashesFile = "hashes"

// HashList is a list of SHA-256 digests of files that are removed from evidence, exactly as
// they are.
type HashList struct{ digests []canonical.Digest } // sorted, each once

// Has reports whether the list names a file's digest.
func (l *HashList) Has(d canonical.Digest) bool {
	_, ok := slices.BinarySearchFunc(l.digests, d, compareDigests)
	return ok
}

// Digests returns the digests in their order.
func (l *HashList) Digests() []canonical.Digest { return slices.Clone(l.digests) }

func compareDigests(a, b canonical.Digest) int { return bytes.Compare(a[:], b[:]) }

// Text returns the one text of the list: its digests in hex, sorted, one on each line.
func (l *HashList) Text() string {
	var b strings.Builder
	b.Grow(len(l.digests) * (2*len(canonical.Digest{}) + 1))
	for _, d := range l.digests {
		b.WriteString(hex.EncodeToString(d[:]))
		b.WriteByte('\n')
	}
	return b.String()
}

// ReadHashes reads a file with one SHA-256 digest on each line, in hex. Empty lines, and
// lines that begin with #, are left out. The error is a fault of type "bad-hashes" with a
// detail for each line that is wrong.
func ReadHashes(text string) (*HashList, error) {
	f := &file{name: HashesFile, typ: "bad-hashes", text: text}
	l := &HashList{}
	if len(text) > 2*MaxText {
		f.add(0, "", "the file has %d bytes; that is more than a list can hold", len(text))
		return nil, f.err()
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var d canonical.Digest
		b, err := hex.DecodeString(strings.TrimPrefix(line, "sha256:"))
		if err != nil || len(b) != len(d) {
			f.add(number, "", "this is no SHA-256 digest; write its 64 hex digits, and nothing else on the line")
			if len(f.bad) == maxProblems {
				break
			}
			continue
		}
		copy(d[:], b)
		l.digests = append(l.digests, d)
	}
	slices.SortFunc(l.digests, compareDigests)
	l.digests = slices.Compact(l.digests)
	switch {
	case len(f.bad) > 0:
	case len(l.digests) == 0:
		f.add(0, "", "the file names no digest; to end a list, say so with `countersign hashlist end NAME --reason WHY`")
	case len(l.Text()) > MaxText:
		f.add(0, "", "the list has %d digests, and one list holds %d; make several lists of it", len(l.digests), MaxText/(2*len(canonical.Digest{})+1))
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return l, nil
}

// ParseHashes reads the one text of a list of hashes, as Text writes it. Errors are as those
// of ReadHashes.
func ParseHashes(text string) (*HashList, error) {
	l, err := ReadHashes(text)
	if err != nil {
		return nil, err
	}
	if l.Text() != text {
		f := &file{name: HashesFile, typ: "bad-hashes"}
		f.add(0, "", "the digests are not sorted, each once, in lower-case hex; `countersign hashlist import FILE --source NAME --reason WHY` writes them so")
		return nil, f.err()
	}
	return l, nil
}
