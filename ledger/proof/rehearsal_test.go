package proof_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestRehearsal: what was signed at a rehearsal desk is nothing at the real one,
// though origin, log, people, keys and executor are the same.
func TestRehearsal(t *testing.T) {
	found := func(first bool, at time.Time) *prooftest.World {
		w := prooftest.Found(t, prooftest.Options{FirstLaws: first, At: at})
		w.Staff()
		return w
	}
	for _, first := range []bool{true, false} {
		rehearsal, live := found(first, ledgertest.Epoch), found(first, ledgertest.Epoch.Add(time.Minute))
		rehearsal.Advance(time.Minute)
		if rehearsal.Root == live.Root || rehearsal.PublicKey("ann").ID() != live.PublicKey("ann").ID() {
			t.Fatal("the two desks differ in more, or in less, than their entry 0")
		}
		r := rehearsal.Countersign(rehearsal.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "kim", "lee")
		must(t, judged(rehearsal, r))
		err := judged(live, r)
		if first {
			must(t, err) // as it was: this is what the laws 2 are for
			continue
		}
		refusedAs(t, err, "bad-statement", "it is for the ledger")
	}
}

// TestRequestsOfBeforeTheSwitch: what was signed under the first laws is asked
// anew after the switch, and what was entered before stays verifiable.
func TestRequestsOfBeforeTheSwitch(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{FirstLaws: true})
	w.Staff()
	ask := func() *prooftest.Request {
		return w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected), "lee")
	}
	warrant, open := w.Warrant(ask()), ask()
	must(t, do(w, actions.DeskChange, adopt(2), "ada", "bea", "cem"))
	refusedAs(t, judged(w, open), "bad-statement", "it is for the ledger")
	must(t, judged(w, ask()))
	if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(warrant, w.Served()); err != nil {
		t.Errorf("a warrant from before the switch: %v", err)
	}
}

// TestRehearsedEnrolment: what a key signed to be enrolled at a rehearsal desk enrols
// nothing at the real one, though its officers sign the change.
func TestRehearsedEnrolment(t *testing.T) {
	for laws := int64(actions.FirstLaws); laws <= actions.NewestLaws; laws++ {
		found := func(at time.Time) *prooftest.World {
			o := prooftest.Options{At: at, Laws: laws, FirstLaws: laws == actions.FirstLaws}
			w := prooftest.Found(t, o)
			w.Staff()
			return w
		}
		rehearsal, live := found(ledgertest.Epoch), found(ledgertest.Epoch.Add(time.Minute))
		e := rehearsal.Enrolment("ann")
		bare := e
		bare.Possession = rehearsal.Key("ann").Sign(actions.PossessionChallenge(live.Origin, "ann", e.Key.ID()))
		full := e
		full.Possession = rehearsal.Key("ann").Sign(actions.PossessionChallenge(live.State().LogName(), "ann", e.Key.ID()))
		enrols := func(w *prooftest.World, e actions.Enrolment) error {
			return w.State().Authorise(w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem"), w.Now())
		}
		drafts := func(w *prooftest.World, e actions.Enrolment) error {
			r := w.RequestChange(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada")
			return w.State().Moot(r.Action, r.Signed.Statement, w.Now())
		}
		must(t, enrols(rehearsal, e))
		for _, check := range []func(*prooftest.World, actions.Enrolment) error{enrols, drafts} {
			if laws < 3 { // as it was: this is what the laws 3 are for
				must(t, check(live, e))
				must(t, check(live, bare))
				if laws == 2 {
					refusedAs(t, check(live, full), "no-possession", "at the desk "+live.Origin+".")
				}
				continue
			}
			refusedAs(t, check(live, e), "no-possession", "key enrolment FILE --worker ann --desk '"+live.Origin+"#"+live.Root.String()+"'")
			refusedAs(t, check(live, bare), "no-possession", "key enrolment FILE --worker ann")
			must(t, check(live, full))
		}
	}
}

// TestEnrolmentsOfBeforeTheSwitch: an enrolment is judged by the laws at the place of
// its entry. One that was made and signed before the laws 3 is nothing after them,
// and what was enrolled before stays.
func TestEnrolmentsOfBeforeTheSwitch(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := prooftest.Found(t, prooftest.Options{Laws: 2, FirstLaws: first})
		w.Staff()
		enrol := func(e actions.Enrolment) *prooftest.Request {
			return w.Countersign(w.RequestChange(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada"), "bea", "cem")
		}
		_, err := w.ApplyChange(enrol(w.Enrolment("abe")))
		must(t, err)
		e := w.Enrolment("ann")
		open := enrol(e)
		must(t, do(w, actions.DeskChange, adopt(3), "ada", "bea", "cem"))
		if first { // nor does the statement name the ledger as it is called now
			_, err = w.ApplyChange(open)
			refusedAs(t, err, "bad-statement", "it is for the ledger")
			open = enrol(e)
		}
		_, err = w.ApplyChange(open)
		refusedAs(t, err, "no-possession", "before the desk adopted newer laws")
		e.Possession = w.Key("ann").Sign(actions.PossessionChallenge(w.State().EnrolName(), "ann", e.Key.ID()))
		_, err = w.ApplyChange(enrol(e))
		must(t, err)
		for _, by := range []workforce.WorkerID{"abe", "ann"} {
			warrant := w.Warrant(w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected), "lee"))
			if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(warrant, w.Served()); err != nil {
				t.Errorf("a warrant on the request of %s: %v", by, err)
			}
		}
	}
}
