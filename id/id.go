// Package id makes identifiers: a prefix that names the kind, then 26 characters of
// lower-case Crockford base32 holding 48 bits of milliseconds and 80 random bits. They
// sort by the time at which they were made, so that an index on them is appended to and
// not scattered over.
package id

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"
)

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Source makes identifiers. The zero value uses the machine's clock and randomness.
type Source struct {
	Now  func() time.Time
	Rand io.Reader
}

// New returns prefix, an underscore and 26 characters, such as
// "req_01jd9x3m8v0q2k4t6w8y1z3b5c". It panics if no randomness can be read, since the
// program must not go on without.
func (s Source) New(prefix string) string {
	now, r := s.Now, s.Rand
	if now == nil {
		now = time.Now
	}
	if r == nil {
		r = rand.Reader
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now().UnixMilli())<<16)
	if _, err := io.ReadFull(r, b[6:]); err != nil {
		panic(fmt.Sprintf("id: no randomness: %v", err))
	}
	return prefix + "_" + encoding.EncodeToString(b[:])
}

// First returns the identifier that sorts before all identifiers that are made from a
// millisecond on. It names nothing.
func First(prefix string, from time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(from.UnixMilli(), 0))<<16)
	return prefix + "_" + encoding.EncodeToString(b[:])
}

// Valid reports whether s is an identifier with the prefix, exactly as New makes it.
func Valid(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 26 {
		return false
	}
	b, err := encoding.DecodeString(rest)
	return err == nil && encoding.EncodeToString(b) == rest
}
