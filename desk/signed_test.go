package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// newestOf returns the newest entry of a kind.
func newestOf(t *testing.T, w *desktest.World, kind string) *ledger.Entry {
	t.Helper()
	var e *ledger.Entry
	if err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		e, err = tx.NewestOf(kind)
		return err
	}); err != nil || e == nil {
		t.Fatalf("no entry of kind %s: %v", kind, err)
	}
	return e
}

// TestWithdrawalIsSigned: who is only known by a token takes nothing back, and the
// ledger's entry carries what was signed.
func TestWithdrawalIsSigned(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := heldRequest(t, to)
		other := heldRequest(t, to)
		draft := func(request string, v actions.Verdict) desk.Draft {
			d, err := to.DraftVerdict(t.Context(), desktest.As("ann"), request, v, "")
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		mine := draft(r.ID, actions.VerdictWithdraw)
		altered := func(change func(*actions.Statement)) actions.Signed {
			d := mine
			change(&d.Statement)
			return to.Signed("ann", d)
		}
		for _, c := range []struct {
			name   string
			signed actions.Signed
			typ    string
		}{
			{"nothing signed", actions.Signed{}, "another-signer"},
			{"signed by somebody else's key", to.Signed("bob", mine), "bad-signature"},
			{"signed by somebody else", altered(func(s *actions.Statement) { s.Signer = "bob" }), "another-signer"},
			{"a decline", to.Signed("ann", draft(r.ID, actions.VerdictDecline)), "bad-statement"},
			{"a countersignature", to.Signed("ann", draft(r.ID, actions.VerdictCountersign)), "bad-statement"},
			{"the request's own statement", r.Signed, "bad-statement"},
			{"of another request", to.Signed("ann", draft(other.ID, actions.VerdictWithdraw)), "bad-statement"},
			{"of another action", altered(func(s *actions.Statement) { s.Action = canonical.Sum([]byte("another")) }), "bad-statement"},
			{"of another ledger", altered(func(s *actions.Statement) { s.Log = "elsewhere" }), "bad-statement"},
		} {
			if _, err := to.Withdraw(t.Context(), desktest.As("ann"), r.ID, r.Version, c.signed); !fault.Is(err, c.typ) {
				t.Errorf("%s: got %v, want %s", c.name, err, c.typ)
			}
		}
		signed := to.Signed("ann", mine)
		if _, err := to.Withdraw(t.Context(), desktest.As("ann"), r.ID, r.Version, signed); err != nil {
			t.Fatal(err)
		}
		var data proof.EndRecord
		if err := canonical.UnmarshalExact(newestOf(t, to.World, proof.KindWithdraw).Body.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Worker != "ann" || canonical.DigestOf(data.Signed) != canonical.DigestOf(signed) {
			t.Errorf("the entry holds %+v", data)
		}
	})
}

// TestOldWithdrawalReads: what was entered before withdrawals were signed keeps its bytes.
func TestOldWithdrawalReads(t *testing.T) {
	const old = `{"request":"req_1","status":"withdrawn","type":"withdrawn","worker":"ann"}`
	var r proof.EndRecord
	if err := canonical.UnmarshalExact(canonical.Raw(old), &r); err != nil || r.Worker != "ann" {
		t.Errorf("got %+v, %v", r, err)
	}
}
