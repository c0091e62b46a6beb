package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// A complete warrant shows by itself who authorised whom: its people who came by an import,
// their keys, and the person who was moved to another vendor.
func TestCompleteWarrant(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	read := func(by, request string, most int) ([]byte, error) {
		return to.CompleteWarrant(t.Context(), desktest.As(workforce.WorkerID(by)), request, most)
	}
	ann := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
	to.Change(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "cork", Name: "cork", Ratchet: 14}})
	s, err := to.Desk.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lee, _ := s.People.Worker("lee")
	moved := lee.Record
	moved.Vendor, moved.Last = "cork", canonical.At(to.Clock().Now().AddDate(0, 6, 0))
	to.Admit(false, moved)
	to.Clock().Advance(time.Hour)
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
	r = to.Settled("ann", to.Countersign(r.ID, "lee"))

	raw, err := read("ann", r.ID, proof.MaxWarrant)
	if err != nil {
		t.Fatal(err)
	}
	v := proof.NewVerifier(proof.Trust{Root: to.Root})
	report, err := v.Complete(raw)
	if err != nil || report.Authority == "" {
		t.Fatalf("%v: %q", err, report.Authority)
	}
	admissions := 0
	for _, a := range report.Warrant.Authority {
		if a.Entry.Kind == string(actions.DeskAdmit) {
			admissions++
		}
	}
	if admissions != 2 {
		t.Errorf("the warrant carries %d admissions; its people came by two", admissions)
	}
	if _, err := v.Verify(raw); !fault.Is(err, "malformed") {
		t.Errorf("an executor would take it: %v", err)
	}
	plain, err := to.Warrant(t.Context(), desktest.As("ann"), r.ID)
	if err != nil || len(plain) >= len(raw) {
		t.Errorf("the warrant for the executor: %v, %d bytes", err, len(plain))
	}
	t.Logf("%d bytes, complete %d", len(plain), len(raw))
	if _, err := read("ann", r.ID, len(raw)-1); fault.KindOf(err) != fault.TooLarge || !strings.Contains(fault.TextOf(err), "--ledger") {
		t.Errorf("a byte too many: %v", err)
	}
	// The ledger grows meanwhile, and the proofs with it.
	if _, err := read("ann", r.ID, 2*len(raw)); err != nil {
		t.Errorf("as large as may be: %v", err)
	}
	if _, err := read("bob", r.ID, proof.MaxWarrant); !fault.Is(err, "not-yours-to-read") {
		t.Errorf("bob reads it: %v", err)
	}
	earlier, err := read("ann", ann.ID, proof.MaxWarrant)
	if err != nil {
		t.Fatal(err)
	}
	if report, err = v.Complete(earlier); err != nil || len(report.Warrant.Authority) >= admissions+1 {
		t.Errorf("the earlier warrant rests on later entries: %v, %d entries", err, len(report.Warrant.Authority))
	}
}

// A desk of version 1 has no place in its warrants for who authorised whom, and says what to
// do instead.
func TestCompleteWarrantOfVersion1(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{Formats: 1})
	r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
	_, err := to.CompleteWarrant(t.Context(), desktest.As("ann"), r.ID, proof.MaxWarrant)
	if !fault.Is(err, "needs-ledger") || !strings.Contains(fault.TextOf(err), "--ledger") {
		t.Errorf("%v", err)
	}
}
