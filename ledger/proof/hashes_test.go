package proof

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
)

func sampleWarrant() Warrant {
	signed := func(signer string) actions.Signed {
		return actions.Signed{Statement: actions.Statement{V: actions.StatementVersion, Signer: "w", Request: signer}, Signature: actions.Signature{Signature: []byte("s")}}
	}
	return Warrant{V: WarrantVersion, Action: actions.Action{V: actions.ActionVersion, Reason: "é \"x\"", Change: canonical.Raw(`{}`)},
		Request: signed("a"), Countersignatures: []actions.Signed{signed("b"), signed("c")}, Ruling: Ruling{Reasons: []Reason{{"p", "t"}}},
		People: []Evidence{{Entry: ledger.Body{Data: canonical.Raw(`{"a":1}`)}}}, Ledger: Anchor{Entry: ledger.Body{Data: canonical.Raw(`{}`)}}}
}

// TestHashesOfText: hashed as they stand or written first, the parts have the
// same digests.
func TestHashesOfText(t *testing.T) {
	w := sampleWarrant()
	text, ok := canonical.Scan(canonical.MustMarshal(w))
	if !ok {
		t.Fatal("not scanned")
	}
	got, ok := hashText(text)
	want := hashesOf(canonical.Text{}, w)
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v %v\nwant %v", ok, got, want)
	}
	if want.core != w.Core().Digest() || want.action != w.Action.Digest() || len(want.challenges) != 3 || want.challenges[0] != w.Request.Statement.Challenge() {
		t.Errorf("%+v", want)
	}
}

// TestWrittenInOrder: what is signed and hashed all the time is declared in
// canonical order and of types whose spelling is certain, which is what makes
// reading and writing it fast.
func TestWrittenInOrder(t *testing.T) {
	w := sampleWarrant()
	for _, v := range []any{w, w.Core(), RecordOf(w.Core(), NewState(canonical.Digest{})), Authority{Action: w.Action}} {
		text := canonical.MustMarshal(v)
		if written, err := json.Marshal(v); err != nil || !bytes.Equal(written, text) {
			t.Errorf("%T is declared in another order: %s\nits canonical form: %s (%v)", v, written, text, err)
		}
		scanned, ok := canonical.Scan(text)
		if n, sure := scanned.Lacks(v); !ok || !sure || n != 0 {
			t.Errorf("%T: lacks %d, %v, %v", v, n, ok, sure)
		}
	}
}
