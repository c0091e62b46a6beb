package proof_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// waiting is a staffed desk where what is done to protected subjects waits for an hour.
func waiting(t *testing.T) *prooftest.World { return waitingIn(t, actions.NewestFormats) }

// waitingIn is waiting for a desk of formats of a number.
func waitingIn(t *testing.T, formats int64) *prooftest.World {
	t.Helper()
	files := policy.Default()
	files["wait.cedar"] = `@id("wait") @reason("The subject is protected: it waits for an hour.") @hold("1 independent; wait 1h") forbid (principal, action in Action::"measures", resource) when { resource.tier == Tier::"protected" };` + "\n"
	w := prooftest.Found(t, prooftest.Options{Policy: files, Formats: formats})
	w.Staff()
	return w
}

// A warrant that had to wait carries the entries that the wait is counted from,
// and no others; without them, or with others, it proves nothing.
func TestWaitedWarrant(t *testing.T) {
	w := waiting(t)
	trust := proof.Trust{Root: w.Root}
	ask := func(subject string, by workforce.WorkerID) *prooftest.Request {
		return w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account(subject), actions.Protected), "lee")
	}
	r, other := w.Enters(ask("acct/17", "ann")), w.Enters(ask("acct/18", "ann"))
	_, err := w.TryWarrant(r)
	refusedAs(t, err, "held", "waiting")
	w.Advance(time.Hour)
	raw := w.Warrant(r)
	report, err := proof.Verify(raw, trust)
	if err != nil || len(report.Warrant.Waited) != 1 {
		t.Fatalf("%v: %d entries", err, len(report.Warrant.Waited))
	}
	if _, err := proof.NewVerifier(trust).Chain(raw, w.Served()); err != nil {
		t.Error(err)
	}
	refused := func(what string, good proof.Warrant, entries []proof.Evidence, typ string) {
		t.Helper()
		good.Requested, good.Waited = proof.Evidence{}, nil
		if len(entries) > 0 {
			good.Requested, good.Waited = entries[0], entries[1:]
		}
		_, err := proof.Verify(canonical.MustMarshal(good), trust)
		refusedAs(t, err, typ, "")
	}
	good := report.Warrant
	one, two := good.Requested, good.Waited[0]
	refused("no entries", good, nil, "entry-malformed")
	refused("of the request alone", good, []proof.Evidence{one}, "held")
	refused("swapped", good, []proof.Evidence{two, one}, "bad-wait")
	refused("of the request twice", good, []proof.Evidence{one, one}, "bad-wait")
	refused("one too many", good, []proof.Evidence{one, two, two}, "bad-wait")
	theirs, err := proof.ParseWarrant(w.Warrant(other))
	if err != nil {
		t.Fatal(err)
	}
	mine := one
	mine.Proof = w.Inclusion(one.Proof.Index)
	refused("of another request", theirs, []proof.Evidence{mine, theirs.Waited[0]}, "bad-wait")
	// An entry that came after the warrant proves no wait before it.
	late := ask("acct/19", "ann")
	forged := w.Forge(late)
	w.Enters(late)
	w.Advance(time.Hour)
	after, err := proof.ParseWarrant(w.Forge(late))
	if err != nil {
		t.Fatal(err)
	}
	before, err := proof.ParseWarrant(forged)
	if err != nil {
		t.Fatal(err)
	}
	before.Waited = after.Waited
	w.Renew(&before)
	refused("that came later", before, before.Entries(), "bad-wait")
	own := w.Enters(w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/21"), actions.Critical), "kim", "lee"))
	surplus, err := proof.ParseWarrant(w.Warrant(own))
	if err != nil {
		t.Fatal(err)
	}
	refused("its own, where nothing had to wait", surplus, w.EvidenceOf(own), "surplus-wait")
}

// All who sign date their statements back by a day, and the desk makes the
// warrant: who verifies it counts from the ledger.
func TestWaitIsNotDatedBack(t *testing.T) {
	w := waiting(t)
	back := func(s *actions.Statement) { s.NotBefore = canonical.At(s.NotBefore.Add(-24 * time.Hour)) }
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected)
	r.Signed = w.Statement(r, "ann", actions.VerdictRequest, back, shorter)
	r.Countersignatures = []actions.Signed{w.Statement(r, "lee", actions.VerdictCountersign, back, shorter)}
	_, err := proof.Verify(w.Forge(w.Enters(r)), proof.Trust{Root: w.Root})
	refusedAs(t, err, "held", "waiting")
}

// A change of the desk that had to wait carries the entries as well, under a
// checkpoint of its own.
func TestWaitedChange(t *testing.T) {
	files := policy.Default()
	files["wait.cedar"] = `@id("wait") @reason("Budgets wait for an hour.") @hold("2 independent; wait 1h") forbid (principal, action == Action::"desk.change", resource) when { resource.part == Part::"budgets" };` + "\n"
	w := prooftest.Found(t, prooftest.Options{Policy: files})
	w.Staff()
	c := actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}
	r := w.Enters(w.Countersign(w.RequestChange(actions.DeskChange, c, "ada"), "bea", "cem"))
	s := w.State()
	authority := func() proof.Authority {
		return proof.Authority{Action: r.Action, Request: r.Signed, Countersignatures: r.Countersignatures,
			Waited: proof.Waited{Checkpoint: string(w.Head().Checkpoint), Entries: w.EvidenceOf(r)}}
	}
	refusedAs(t, s.Authorise(authority(), w.Now()), "held", "waiting")
	w.Advance(time.Hour)
	good := authority()
	if err := s.Authorise(good, w.Now()); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		spoil func(*proof.Authority)
		typ   string
	}{
		"no entries":      {func(a *proof.Authority) { a.Waited = proof.Waited{} }, "held"},
		"none of its own": {func(a *proof.Authority) { a.Waited = proof.Waited{Checkpoint: a.Waited.Checkpoint} }, "held"},
		"no checkpoint":   {func(a *proof.Authority) { a.Waited = proof.Waited{Entries: a.Waited.Entries} }, ""},
		"one too few":     {func(a *proof.Authority) { a.Waited.Entries = a.Waited.Entries[:2] }, "bad-wait"},
		"an earlier time": {func(a *proof.Authority) {
			e := &a.Waited.Entries[0].Entry
			e.Time = canonical.At(e.Time.Add(-time.Hour))
		}, ""},
		"another's checkpoint": {func(a *proof.Authority) { a.Waited.Checkpoint = string(waiting(t).Head().Checkpoint) }, ""},
	} {
		a := authority()
		c.spoil(&a)
		if err := s.Authorise(a, w.Now()); err == nil {
			t.Errorf("%s: it was authorised", what)
		} else if c.typ != "" {
			refusedAs(t, err, c.typ, "")
		}
	}
	plain := w.Enters(w.Countersign(w.RequestChange(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "next", Name: "Next", Ratchet: 14}}, "ada"), "bea", "cem"))
	a := proof.Authority{Action: plain.Action, Request: plain.Signed, Countersignatures: plain.Countersignatures}
	if err := s.Authorise(a, w.Now()); err != nil {
		t.Fatal(err)
	}
	a.Waited = proof.Waited{Checkpoint: string(w.Head().Checkpoint), Entries: w.EvidenceOf(plain)}
	refusedAs(t, s.Authorise(a, w.Now()), "surplus-wait", "")
}

// shorter keeps a statement's life within what a wait of an hour allows.
func shorter(s *actions.Statement) { s.Expires = canonical.At(s.NotBefore.Add(25 * time.Hour)) }

// TestRequestEnteredBeforeItWasSigned: the warrant carries the entry of an undo's request that
// is dated an hour before the request's own statement is valid. An audit refuses such an entry
// ("bad-statement"), and so does whoever verifies the warrant.
func TestRequestEnteredBeforeItWasSigned(t *testing.T) {
	w := prooftest.Staffed(t)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/4"), actions.Standard)
	w.Warrant(r)
	w.Executed(r)
	undo := w.Undo("ann", r)
	undo.Signed = w.Statement(undo, "ann", actions.VerdictReverse, prooftest.Dated(w.Now().Add(time.Hour)))
	w.Enters(undo)
	w.Advance(2 * time.Hour)
	raw := w.Warrant(undo)
	if _, err := proof.Verify(raw, proof.Trust{Root: w.Root}); err == nil {
		t.Error("it verifies")
	}
	if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, w.Served()); err == nil {
		t.Error("it verifies by the whole chain")
	}
}

// TestRequestEntrySaysSomethingElse: the entry of the request that a warrant carries says
// that it is about another request, another kind, a higher tier and another decision, and that
// it was declined. The warrant does not verify, nor does it by the whole chain.
func TestRequestEntrySaysSomethingElse(t *testing.T) {
	w := prooftest.Staffed(t)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/4"), actions.Standard)
	other := w.Request("bob", actions.AccountTakedown, prooftest.Account("acct/5"), actions.Standard)
	deskEntry(w, entry.KindRequest, entry.Request{Act: entry.Act{Kind: actions.AccountRestore, Tier: actions.Critical, Direction: actions.Relieving}, Request: other.ID, Signed: r.Signed,
		Status: actions.StatusDeclined, Decided: &other.Decision.Signed, Sessions: []actions.SignedSession{w.StartSession("bob", actions.SessionEd25519).SignedSession}})
	raw := w.Warrant(r)
	if _, err := proof.Verify(raw, proof.Trust{Root: w.Root}); err == nil {
		t.Error("it verifies")
	}
	if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, w.Served()); err == nil {
		t.Error("it verifies by the whole chain")
	}
}
