package executor_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/policy"
)

// TestWait: a wait is counted from the ledger that the executor follows. Whatever
// times the signers write, and whatever entries a desk shows, nothing is called
// before it is over.
func TestWait(t *testing.T) {
	files := policy.Default()
	files["wait.cedar"] = `@id("wait") @reason("The subject is protected: it waits for three days.") @hold("1 independent; wait 72h") forbid (principal, action in Action::"measures", resource) when { resource.tier == Tier::"protected" };` + "\n"
	w := prooftest.Found(t, prooftest.Options{Policy: files})
	w.Staff()
	t.Parallel()
	p := placeOf(t, w)
	// request is signed by both as if so long ago.
	request := func(subject string, ago time.Duration) *prooftest.Request {
		back := func(s *actions.Statement) {
			s.NotBefore = canonical.At(s.NotBefore.Add(-ago))
			s.Expires = canonical.At(s.NotBefore.Add(96 * time.Hour))
		}
		r := w.Request("ann", actions.AccountTakedown, p.plaza.Account(subject, 200_000, ""), actions.Protected)
		r.Signed = w.Statement(r, "ann", actions.VerdictRequest, back)
		r.Countersignatures = []actions.Signed{w.Statement(r, "lee", actions.VerdictCountersign, back)}
		return r
	}
	carried := func(what string, raw []byte, outcome proof.Outcome, typ string) {
		t.Helper()
		got, err := p.carry(raw)
		if err != nil || got.Outcome != outcome || got.Type != typ {
			t.Errorf("%s: %+v, %v; want %s %s", what, got, err, outcome, typ)
		}
	}
	carried("all dated back by 80 hours", w.Forge(w.Enters(request("acct/21", 80*time.Hour))), proof.Refused, "held")
	carried("and not in the ledger", w.Forge(request("acct/22", 80*time.Hour)), proof.Refused, "held")

	// Entries that the ledger does not hold, with any time that a desk likes.
	r := w.Enters(request("acct/23", 80*time.Hour))
	lie, err := proof.ParseWarrant(w.Forge(r))
	if err != nil {
		t.Fatal(err)
	}
	for i := range lie.Waited {
		lie.Waited[i].Entry.Time = canonical.At(w.Now().Add(-80 * time.Hour))
	}
	if got, err := p.carry(canonical.MustMarshal(lie)); !fault.Is(err, "not-in-ledger") {
		t.Errorf("entries that nobody entered: %+v, %v", got, err)
	}

	good := w.Enters(request("acct/24", 0))
	p.advance(72 * time.Hour)
	carried("after the wait", w.Warrant(good), proof.Executed, "")
}
