// Package canonical reads and writes the one form of JSON that is signed and
// committed to: RFC 8785 (JSON Canonicalization Scheme). What is read must
// already be in that form, byte for byte, so that a document has one encoding
// and one hash: unknown, doubled and reordered members, other spellings of the
// same number or string and anything after the document are refused.
package canonical

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/fault"
)

// Marshal returns v in canonical form. Nil slices and maps are written as empty
// ones. Structs may declare their members in any order.
func Marshal(v any) ([]byte, error) {
	var again []byte
	err := write(v, func(b []byte) { again = bytes.Clone(b) })
	return again, err
}

// writer is the buffers of one value being written. They are kept, since most of what
// is written is hashed or compared at once.
type writer struct {
	declared  bytes.Buffer // the value with its members in the order of their declaration
	canonical bytes.Buffer
	encoder   jsontext.Encoder // into canonical
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// maxKept is how much memory one writer may hold while it is not used, in bytes.
const maxKept = 1 << 20

// keep lets somebody else have the writer.
func (w *writer) keep() {
	if w.declared.Cap()+w.canonical.Cap() <= maxKept {
		writers.Put(w)
	}
}

// write gives v's canonical form to use, which must not keep it.
func write(v any, use func([]byte)) error {
	w := writers.Get().(*writer)
	defer w.keep()
	w.declared.Reset()
	if err := json.MarshalWrite(&w.declared, v); err != nil {
		return err
	}
	b, err := w.canonicalize(w.declared.Bytes())
	if err == nil {
		use(b)
	}
	return err
}

// canonicalize returns the canonical form of one JSON value until w is used again. It is
// what jsontext.Value.Canonicalize does, in a buffer that is kept.
func (w *writer) canonicalize(value []byte) ([]byte, error) {
	w.canonical.Reset()
	w.canonical.Grow(len(value) + 1) // for the line feed that an encoder adds
	w.encoder.Reset(&w.canonical, jsontext.CanonicalizeRawInts(true), jsontext.CanonicalizeRawFloats(true), jsontext.ReorderRawObjects(true))
	err := w.encoder.WriteValue(value)
	return bytes.TrimSuffix(w.canonical.Bytes(), []byte("\n")), err
}

// MustMarshal is Marshal for values of our own types, which cannot fail.
func MustMarshal(v any) []byte {
	var again []byte
	mustWrite(v, func(b []byte) { again = bytes.Clone(b) })
	return again
}

func mustWrite(v any, use func([]byte)) {
	if err := write(v, use); err != nil {
		panic(fmt.Sprintf("canonical: %T: %v", v, err))
	}
}

// Unmarshal reads b, which must be in canonical form, into v. Every member must
// be known to v. The error is a fault of type "not-canonical" or "malformed".
func Unmarshal(b []byte, v any) error {
	if err := Check(b); err != nil {
		return err
	}
	return Read(b, v)
}

// UnmarshalExact is Unmarshal for types that always write each of their
// members: v written again must give b, so that a missing or an empty optional
// member is refused as well.
func UnmarshalExact(b []byte, v any) error {
	if err := Read(b, v); err != nil {
		return err
	}
	return Exact(b, v)
}

// Read reads b into v, in any spelling. It is the first half of UnmarshalExact. A
// caller that has other work to do meanwhile runs Exact, the second half, beside it.
func Read(b []byte, v any) error {
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(fault.Invalid, "malformed", "The document is not of the expected form: %s.", Wrong(err))
	}
	return nil
}

// Exact reports whether v, which Read read from b, is written as b.
func Exact(b []byte, v any) error {
	if err := checkDepth(b); err != nil {
		return err
	}
	same := false
	if err := write(v, func(again []byte) { same = bytes.Equal(again, b) }); err != nil {
		return fault.New(fault.Invalid, "malformed", "The document cannot be written again.").Because(err)
	}
	if !same {
		return fault.New(fault.Invalid, "not-canonical", "The document is not in canonical form (RFC 8785), or lacks a member.")
	}
	return nil
}

// Check reports whether b is one JSON value in canonical form.
func Check(b []byte) error {
	if err := checkDepth(b); err != nil {
		return err
	}
	w := writers.Get().(*writer)
	defer w.keep()
	again, err := w.canonicalize(b)
	if err != nil {
		return fault.New(fault.Invalid, "malformed", "The document is not JSON: %s.", Wrong(err))
	}
	if !bytes.Equal(again, b) {
		return fault.New(fault.Invalid, "not-canonical", "The document is not in canonical form (RFC 8785).")
	}
	return nil
}

const (
	maxDepth = 200      // of a large document; our own have about ten
	large    = 64 << 10 // bytes
)

// checkDepth refuses a large document that nests deeply. Putting members in order copies
// all that is within them, once for each level, so that four megabytes of a stranger's
// would take many seconds.
func checkDepth(b []byte) error {
	if len(b) <= large {
		return nil
	}
	if i, deeper := Deeper(b, maxDepth); deeper {
		return fault.New(fault.Invalid, "malformed", "The document nests more than %d levels deep at byte %d.", maxDepth, i)
	}
	return nil
}

// Deeper reports whether objects and arrays in a JSON text nest deeper than so many levels, and
// the byte at which they first do. Of a text that is not JSON the answer may be either.
func Deeper(b []byte, levels int) (at int, deeper bool) {
	depth, inText := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > levels {
			return i, true
		}
	}
	return 0, false
}

// Raw is a JSON value that is kept as it is.
type Raw = jsontext.Value

// Digest is a SHA-256 hash, written "sha256:" and 64 lower-case hexadecimal digits.
type Digest [sha256.Size]byte

// Sum hashes the parts one after another.
func Sum(parts ...[]byte) Digest {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return Digest(h.Sum(nil))
}

// DigestOf hashes v's canonical form. Like MustMarshal it is for our own types.
func DigestOf(v any) Digest {
	var d Digest
	mustWrite(v, func(b []byte) { d = Sum(b) })
	return d
}

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

func (d Digest) String() string { return "sha256:" + hex.EncodeToString(d[:]) }

// AppendText writes d; the zero value as an empty string.
func (d Digest) AppendText(b []byte) ([]byte, error) {
	if d.IsZero() {
		return b, nil
	}
	return hex.AppendEncode(append(b, "sha256:"...), d[:]), nil
}

// MarshalText is AppendText to nothing.
func (d Digest) MarshalText() ([]byte, error) { return d.AppendText(nil) }

// UnmarshalText reads what MarshalText writes and nothing else.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	s, ok := bytes.CutPrefix(b, []byte("sha256:"))
	if !ok || len(s) != 2*sha256.Size || bytes.ContainsAny(s, "ABCDEF") {
		return fmt.Errorf("%q is not sha256: and 64 lower-case hexadecimal digits", b)
	}
	if _, err := hex.Decode(d[:], s); err != nil {
		return err
	}
	if d.IsZero() {
		return fmt.Errorf("no digest is written as an empty string, not as zeros")
	}
	return nil
}

var strictBase64 = base64.StdEncoding.Strict()

// Bytes are written in base64 (RFC 4648 section 4, padded), in one spelling only.
type Bytes []byte

// AppendText writes b.
func (b Bytes) AppendText(t []byte) ([]byte, error) {
	return base64.StdEncoding.AppendEncode(t, b), nil
}

// MarshalText is AppendText to nothing.
func (b Bytes) MarshalText() ([]byte, error) { return b.AppendText(nil) }

// UnmarshalText reads what MarshalText writes and nothing else.
func (b *Bytes) UnmarshalText(t []byte) error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(t)))
	n, err := strictBase64.Decode(raw, t)
	if err != nil || bytes.ContainsAny(t, "\r\n") {
		return fmt.Errorf("not strict base64")
	}
	*b = raw[:n]
	return nil
}

// Time is an instant to the microsecond in UTC, always 27 characters:
// "2026-11-23T05:39:46.000000Z". The zero value is written as an empty string.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000000Z"

// At cuts t to the microsecond, in UTC.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Microsecond)}
}

// FromMicro is the inverse of UnixMicro; 0 is the zero time.
func FromMicro(us int64) Time {
	if us == 0 {
		return Time{}
	}
	return Time{time.UnixMicro(us).UTC()}
}

// Micro returns microseconds since 1970, 0 for the zero time.
func (t Time) Micro() int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func (t Time) String() string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

// MarshalJSON writes t as a string.
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// MarshalJSONTo is MarshalJSON for an encoder, which need not read again what it is given.
func (t Time) MarshalJSONTo(to *jsontext.Encoder) error {
	return to.WriteToken(jsontext.String(t.String()))
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (t *Time) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return fmt.Errorf("a time is a string such as %q", "2026-11-23T05:39:46.000000Z")
	}
	s := b[1 : len(b)-1]
	if len(s) == 0 {
		*t = Time{}
		return nil
	}
	p, ok := parseTime(s)
	if !ok {
		return fmt.Errorf("%q is not a time such as %q", s, "2026-11-23T05:39:46.000000Z")
	}
	if *t = (Time{p}); t.IsZero() {
		return fmt.Errorf("no time is written as an empty string")
	}
	return nil
}

// parseTime reads timeLayout: digits and separators at fixed places, and a date
// and time of day that there are.
func parseTime(s []byte) (t time.Time, ok bool) {
	if len(s) != len(timeLayout) {
		return t, false
	}
	field := func(start, end int) (n int) {
		for _, c := range s[start:end] {
			if c < '0' || c > '9' {
				ok = false
			}
			n = 10*n + int(c-'0')
		}
		return n
	}
	ok = s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[16] == ':' && s[19] == '.' && s[26] == 'Z'
	year, month, day := field(0, 4), time.Month(field(5, 7)), field(8, 10)
	hour, minute, second, micro := field(11, 13), field(14, 16), field(17, 19), field(20, 26)
	t = time.Date(year, month, day, hour, minute, second, 1000*micro, time.UTC)
	// Date takes the 30th of February for the 2nd of March.
	ok = ok && month >= 1 && month <= 12 && t.Month() == month && t.Day() == day && hour < 24 && minute < 60 && second < 60
	return t, ok
}
