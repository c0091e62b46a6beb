package ledger

import (
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

const (
	entryVersion = "countersign/entry/v1"
	fieldVersion = "countersign/field/v1"
)

// Body is the content of an entry, to which its leaf commits.
type Body struct {
	Class  Class                       `json:"class"`
	Data   canonical.Raw               `json:"data"`
	Kind   string                      `json:"kind"`
	Number int64                       `json:"number"`
	Prev   canonical.Digest            `json:"prev"`
	Sealed map[string]canonical.Digest `json:"sealed"`
	Time   canonical.Time              `json:"time"`
	V      string                      `json:"v"`
}

// ParseBody reads a body in its canonical form and refuses any other text.
func ParseBody(b []byte) (Body, error) {
	var body Body
	if err := canonical.UnmarshalExact(b, &body); err != nil {
		return Body{}, err
	}
	if err := body.check(); err != nil {
		return Body{}, err
	}
	return body, nil
}

func (b Body) check() error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "entry-malformed", "The ledger entry is malformed: %s.", what)
	}
	switch {
	case b.V != entryVersion:
		return bad("its version is not " + entryVersion)
	case !b.Class.valid():
		return bad("its class is unknown")
	case b.Number < 0 || b.Number > maxNumber:
		return bad("its number is out of range")
	case !validKind(b.Kind):
		return bad("its kind is not 1 to 64 characters of a-z, 0-9, '.', '-' and '_'")
	case b.Time.IsZero():
		return bad("it has no time")
	case (b.Class == Governance && b.Number > 0) == b.Prev.IsZero():
		return bad("prev does not fit its class and number")
	case len(b.Data) == 0 || b.Data[0] != '{':
		return bad("its data is not an object")
	}
	for name, c := range b.Sealed {
		if !validField(name) {
			return bad("the name of a sealed field is not 1 to 128 visible ASCII characters")
		}
		if c.IsZero() {
			return bad("a sealed field has no commitment")
		}
	}
	return nil
}

func validKind(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_", r)
	}) < 0
}

// validField refuses names that JSON would escape, so that a name has one spelling.
func validField(s string) bool {
	return len(s) >= 1 && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	}) < 0
}

// Commitment returns the commitment to a body with a salt, as the leaf holds it.
func Commitment(body []byte, salt canonical.Bytes) canonical.Digest {
	return canonical.Sum([]byte(entryVersion+"\n"), salt, body)
}

// LeafOf returns the leaf that commits to a body with a salt. body must have been read
// from text by ParseBody.
func LeafOf(body Body, text []byte, salt canonical.Bytes) (Leaf, error) {
	if err := checkSalt(salt); err != nil {
		return Leaf{}, err
	}
	if err := body.check(); err != nil {
		return Leaf{}, err
	}
	return Leaf{Class: body.Class, Number: body.Number, Commitment: Commitment(text, salt)}, nil
}

func checkSalt(salt canonical.Bytes) error {
	if len(salt) != saltSize {
		return fault.New(fault.Invalid, "entry-malformed", "The salt of a ledger entry has %d bytes, this one %d.", saltSize, len(salt))
	}
	return nil
}

// Verify checks that the leaf commits to exactly this body with this salt, and
// returns the body.
func Verify(leaf Leaf, body []byte, salt canonical.Bytes) (Body, error) {
	if err := Opens(leaf, body, salt); err != nil {
		return Body{}, err
	}
	b, err := ParseBody(body)
	if err != nil {
		return Body{}, err
	}
	if b.Class != leaf.Class || b.Number != leaf.Number {
		return Body{}, tampered("The entry calls itself %s %d, its leaf says %s %d.", b.Class, b.Number, leaf.Class, leaf.Number)
	}
	return b, nil
}

// Opens checks that the leaf commits to exactly this text with this salt, whether
// or not the text is a body.
func Opens(leaf Leaf, text []byte, salt canonical.Bytes) error {
	if err := checkSalt(salt); err != nil {
		return err
	}
	if Commitment(text, salt) != leaf.Commitment {
		return tampered("The entry %s %d is not the one that the ledger commits to.", leaf.Class, leaf.Number)
	}
	return nil
}

// Opening is a personal field with the salt that opens its commitment. To erase the
// field, erase every copy of its opening.
type Opening struct {
	Name  string          `json:"name"`
	Salt  canonical.Bytes `json:"salt"`
	Value canonical.Raw   `json:"value"`
}

// Field makes an opening without salt; Append draws one.
func Field(name string, value any) (Opening, error) {
	v, err := canonical.Marshal(value)
	if err != nil {
		return Opening{}, fault.New(fault.Invalid, "entry-malformed", "The field %q cannot be written as JSON.", name).Because(err)
	}
	return Opening{Name: name, Value: v}, nil
}

// Commitment returns the commitment to the field, as a body holds it.
func (o Opening) Commitment() (canonical.Digest, error) {
	bad := fault.New(fault.Invalid, "entry-malformed", "The opening of the field %q is malformed.", o.Name)
	if len(o.Salt) != saltSize || !validField(o.Name) {
		return canonical.Digest{}, bad
	}
	if err := canonical.Check(o.Value); err != nil {
		return canonical.Digest{}, bad.Because(err)
	}
	pair, err := canonical.Marshal([]any{o.Name, o.Value})
	if err != nil {
		return canonical.Digest{}, bad.Because(err)
	}
	return canonical.Sum([]byte(fieldVersion+"\n"), o.Salt, pair), nil
}

// Opens reports whether o opens one of b's sealed fields.
func (b Body) Opens(o Opening) bool { return opens(b.Sealed, o) }

func opens(fields map[string]canonical.Digest, o Opening) bool {
	sealed, ok := fields[o.Name]
	if !ok {
		return false
	}
	c, err := o.Commitment()
	return err == nil && c == sealed
}
