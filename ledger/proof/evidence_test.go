package proof

import (
	"bytes"
	"slices"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
)

// TestKnownEntry: a known entry is found by its text and salt. A commitment is over the
// salt and the text one after the other, so that where one ends and the other begins
// must be asked as well.
func TestKnownEntry(t *testing.T) {
	salt := canonical.Bytes(bytes.Repeat([]byte(" "), 32))
	text := canonical.MustMarshal(ledger.Body{V: "countersign/entry/v1", Kind: KindFounding, Class: ledger.Governance, Data: canonical.Raw(`{}`), Time: canonical.FromMicro(1)})
	v := NewVerifier(Trust{})
	first, err := v.entry(text, salt)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := v.entry(text, salt); err != nil || again == first {
		t.Errorf("an entry is known before a warrant with it held: %v", err)
	}
	v.remember([]*carriedEntry{first}, NewState(canonical.Digest{}))
	if again, err := v.entry(bytes.Clone(text), slices.Clone(salt)); err != nil || again != first {
		t.Errorf("a known entry was read again: %v", err)
	}
	if other, err := v.entry(slices.Concat(salt[31:], text), salt[:31]); err == nil || other == first {
		t.Errorf("the same bytes, with a character of the salt in the text, are taken for the entry: %v", err)
	}
	if other, err := v.entry(bytes.Replace(text, []byte("founding"), []byte("fOunding"), 1), salt); err == nil || other == first {
		t.Errorf("another text is taken for the entry: %v", err)
	}
	if _, err := v.entry(bytes.Replace(text, []byte(`"sealed":{},`), nil, 1), salt); !fault.Is(err, "not-canonical") {
		t.Errorf("an entry that lacks a member: %v", err)
	}
	other := slices.Clone(salt)
	other[0] = '!'
	if e, err := v.entry(text, other); err != nil || e == first {
		t.Errorf("the text with another salt is taken for the entry: %v", err)
	}
}
