package proof_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

func suspendBy(t *testing.T, w *prooftest.World, by workforce.WorkerID, who ...workforce.WorkerID) {
	t.Helper()
	for _, p := range who {
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, string(p)), by))
	}
}

func newOfficer(id workforce.WorkerID) workforce.Record {
	r := record(id, "", "")
	r.Roles = []workforce.Role{workforce.Officer}
	return r
}

// waits makes a change that has to wait: signed by these people, entered, applied
// once the time is over.
func waits(w *prooftest.World, k actions.Kind, c actions.Change, wait time.Duration, by workforce.WorkerID, others ...workforce.WorkerID) (ledger.Entry, error) {
	r := w.RequestChange(k, c, by)
	edit := func(s *actions.Statement) { s.Expires = canonical.At(s.NotBefore.Add(proof.Validity(r.Action) + wait)) }
	r.Signed = w.Statement(r, by, proof.VerdictOf(r.Action), edit)
	for _, o := range others {
		r.Countersignatures = append(r.Countersignatures, w.Statement(r, o, actions.VerdictCountersign, edit))
	}
	w.Enters(r)
	w.Advance(wait)
	return w.ApplyChange(r)
}

// TestRogueOfficerAtThree: one of three officers freezes everything and does not
// thaw. One of the others suspends that officer alone, and both go on: they thaw at
// once, revoke, end, and admit somebody new after three days.
func TestRogueOfficerAtThree(t *testing.T) {
	w := prooftest.Staffed(t)
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "cem"))
	claim := func(k actions.Kind, c actions.Change, by workforce.WorkerID, others ...workforce.WorkerID) error {
		return w.State().Authorise(w.Claim(k, c, by, others...), w.Now())
	}
	// While a group could fill what the policy asks, two do not suffice.
	refusedAs(t, claim(actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea"), "held", "1 of 2")
	suspendBy(t, w, "ada", "cem")
	if got := w.State().Recovering(w.Now()); !got {
		t.Error("the desk is not recovering")
	}
	// Everybody who is left of the officers, and nobody else.
	refusedAs(t, claim(actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada"), "held", "bea")
	refusedAs(t, claim(actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "cem"), "frozen", "cem")
	// As two of them can take back what one did alone, whoever of three that is.
	must(t, claim(actions.DeskFreeze, thaw(actions.ScopeWorker, "cem"), "cem", "bea"))
	must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea"))
	// What a recovery does not carry takes what the policy asks.
	refusedAs(t, claim(actions.DeskChange, vendor("new"), "ada", "bea"), "held", "1 of 2")
	refusedAs(t, claim(actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "ann", Last: canonical.At(w.Now().AddDate(3, 0, 0))}, "ada", "bea"), "held", "1 of 2")
	// One alone ends nobody of whom the desk would have to recover.
	refusedAs(t, claim(actions.DeskEngagement, end("cem"), "ada"), "held", "bea")
	must(t, do(w, actions.DeskEngagement, end("cem"), "ada", "bea"))
	change, rows, opened := w.Rows(newOfficer("dov"))
	refusedAs(t, claim(actions.DeskAdmit, change, "ada", "bea"), "held", "waiting for 72h")
	e, err := waits(w, actions.DeskAdmit, change, proof.RecoveryWait, "ada", "bea")
	must(t, err)
	must(t, w.Govern(proof.KindRow, proof.RowDataOf(w.State(), rows[0], canonical.At(w.Now()), e.Body.Number, 0), opened[0]...))
	_, err = waits(w, actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("dov")}}, proof.RecoveryWait, "ada", "bea")
	must(t, err)
	// The new officer is not asked before the 30 days are over.
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ada"))
	must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea"))
	// When the new officer counts, the policy decides again.
	w.Advance(31 * 24 * time.Hour)
	if got := w.State().Recovering(w.Now()); got {
		t.Error("the desk is still recovering")
	}
	refusedAs(t, claim(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ada", "bea"), "surplus-signature", "")
	must(t, do(w, actions.DeskChange, vendor("new"), "ada", "bea", "dov"))
}

// TestRogueOfficerSuspendsFirst: the one officer whom somebody rogue suspends first
// thaws together with the third; the rogue one is then suspended.
func TestRogueOfficerSuspendsFirst(t *testing.T) {
	w := prooftest.Staffed(t)
	suspendBy(t, w, "cem", "ada")
	own := func(by workforce.WorkerID, others ...workforce.WorkerID) error {
		return w.State().Authorise(w.Claim(actions.DeskFreeze, thaw(actions.ScopeWorker, "ada"), by, others...), w.Now())
	}
	refusedAs(t, own("ada"), "held", "bea")
	refusedAs(t, own("bea"), "held", "")
	// The rogue one takes out nobody else.
	refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "bea"), "cem"), "held", "bea")
	refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "bea"), "ole"), "nobody-left", "")
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskEngagement, end("ada"), "cem"), w.Now()), "held", "bea")
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskKey, keys(w.PublicKey("ada").ID()), "cem"), w.Now()), "held", "bea")
	for _, pair := range [][2]workforce.WorkerID{{"bea", "ada"}, {"ada", "bea"}, {"bea", "cem"}} {
		if err := own(pair[0], pair[1]); err != nil {
			t.Errorf("%s and %s: %v", pair[0], pair[1], err)
		}
	}
	// Who is suspended thaws only what the suspender froze alone, and changes nothing else.
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "bea"))
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskFreeze, thaw(actions.ScopeWorker, "ann"), "bea", "ada"), w.Now()), "frozen", "ada")
	change, _, _ := w.Rows(newOfficer("dov"))
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskAdmit, change, "bea", "ada"), w.Now()), "frozen", "ada")
	must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "ada"), "bea", "ada"))
	// cem has taken out an officer within 7 days.
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "bea"), "cem"), w.Now()), "held", "0 of 2")
	suspendBy(t, w, "bea", "cem")
	must(t, do(w, actions.DeskKey, keys(w.PublicKey("cem").ID()), "ada", "bea"))
}

// TestLostKeyAtThree: one of three officers loses the key. Suspended by another,
// the officer gets a new one after three days.
func TestLostKeyAtThree(t *testing.T) {
	w := prooftest.Staffed(t)
	lost := w.PublicKey("cem").ID()
	suspendBy(t, w, "ada", "cem")
	must(t, do(w, actions.DeskKey, keys(lost), "bea", "ada"))
	enrol := actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("cem")}}
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskKey, enrol, "ada", "bea"), w.Now()), "held", "waiting")
	_, err := waits(w, actions.DeskKey, enrol, proof.RecoveryWait, "ada", "bea")
	must(t, err)
	must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "cem"), "ada", "bea"))
	must(t, do(w, actions.DeskChange, vendor("new"), "cem", "bea", "ada"))
}

// TestOwnLastKey: an officer whose key is stolen revokes it alone.
func TestOwnLastKey(t *testing.T) {
	w := prooftest.Staffed(t)
	must(t, do(w, actions.DeskKey, keys(w.PublicKey("cem").ID()), "cem"))
	_, err := waits(w, actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("cem")}}, proof.RecoveryWait, "ada", "bea")
	must(t, err)
	if w.State().Recovering(w.Now()) {
		t.Error("with the new key the desk is still recovering")
	}
	// The last but one does not.
	must(t, do(w, actions.DeskKey, keys(w.PublicKey("cem").ID()), "cem"))
	refusedAs(t, do(w, actions.DeskKey, keys(w.PublicKey("bea").ID()), "bea"), "nobody-left", "")
}

// TestOneOfficerAWeek: one person alone takes out one officer in 7 days; of four
// the second takes several, so that nobody shrinks a desk to a recovery that two
// control.
func TestOneOfficerAWeek(t *testing.T) {
	for _, by := range []workforce.WorkerID{"ada", "ole"} {
		w := withDov(prooftest.Found(t, prooftest.Options{}))
		suspendBy(t, w, by, "dov")
		second := w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), by)
		want := "held"
		if by == "ole" { // who is no officer does not ask for it
			want = "not-alone"
		}
		refusedAs(t, w.State().Authorise(second, w.Now()), want, "")
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), by))
		must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea", "cem"))
		w.Advance(proof.AloneWithin - time.Microsecond)
		refusedAs(t, w.State().Authorise(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), by), w.Now()), want, "")
		w.Advance(time.Microsecond)
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), by))
	}
	w := withDov(prooftest.Found(t, prooftest.Options{}))
	suspendBy(t, w, "ada", "dov")
	// Two may not take out a second one; all who are left do.
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), "ada", "bea"), w.Now()), "held", "1 of 2")
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), "ada", "bea", "dov"), w.Now()), "frozen", "dov")
	// The end of who is suspended is no second one.
	must(t, do(w, actions.DeskEngagement, end("dov"), "ada"))
}

// TestDependentsRecoverNothing: of those who are left for a recovery two are independent
// of each other. One person and somebody who reports to them are one.
func TestDependentsRecoverNothing(t *testing.T) {
	w := led(t)
	bea := newOfficer("bea")
	bea.Manager = "ada"
	w.Admit(bea)
	suspendBy(t, w, "ole", "cem")
	refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ada"), "nobody-left", "")
	suspendBy(t, w, "dov", "bea") // ada and dov are left, who are independent
}

// TestWhoAnswers: of those who are suspended only whom one person suspended alone
// signs a thaw, only of what that person froze alone, and never that person.
func TestWhoAnswers(t *testing.T) {
	claim := func(w *prooftest.World, of string, by workforce.WorkerID, others ...workforce.WorkerID) error {
		return w.State().Authorise(w.Claim(actions.DeskFreeze, thaw(actions.ScopeWorker, of), by, others...), w.Now())
	}
	t.Run("who suspended themselves", func(t *testing.T) {
		w := prooftest.Staffed(t)
		suspendBy(t, w, "cem", "cem")
		refusedAs(t, claim(w, "cem", "cem", "bea"), "frozen", "cem")
		refusedAs(t, claim(w, "cem", "bea", "cem"), "frozen", "cem")
		must(t, claim(w, "cem", "bea", "ada"))
	})
	t.Run("what several froze", func(t *testing.T) {
		w := led(t)
		w.Admit(newOfficer("eli"))
		w.Enrol("eli")
		w.Advance(31 * 24 * time.Hour)
		suspendBy(t, w, "cem", "dov")
		refusedAs(t, claim(w, "dov", "ada", "bea", "dov"), "frozen", "dov") // enough others are left
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ada"), "cem", "bea", "eli"))
		suspendBy(t, w, "ole", "eli")
		must(t, claim(w, "dov", "bea", "dov"))
		for _, of := range []workforce.WorkerID{"ada", "dov"} {
			refusedAs(t, claim(w, "ada", "bea", of), "frozen", string(of))
		}
		refusedAs(t, claim(w, "eli", "bea", "dov"), "frozen", "dov") // whom another person froze
		must(t, claim(w, "ada", "bea", "cem"))
	})
}

// softKey enrols a key of somebody's that is bound to no hardware, from now on the one
// that they sign with.
func softKey(t *testing.T, w *prooftest.World, of workforce.WorkerID, by workforce.WorkerID, others ...workforce.WorkerID) {
	t.Helper()
	e := w.Enrolment(of)
	e.Key.Hardware = false
	must(t, do(w, actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, by, others...))
}

// TestRecoveryTakesHardwareKeys: where the policy asks for keys that are bound to
// hardware, a recovery asks for them too, and not for officers who have none.
func TestRecoveryTakesHardwareKeys(t *testing.T) {
	w := led(t)
	w.Admit(newOfficer("eli"))
	hard := w.Key("bea")
	softKey(t, w, "eli", "ada", "bea", "cem")
	softKey(t, w, "bea", "ada", "cem", "dov")
	w.Advance(31 * 24 * time.Hour)
	suspendBy(t, w, "ole", "cem")
	suspendBy(t, w, "ada", "dov")
	thawed := thaw(actions.ScopeWorker, "cem")
	claim := func(by, other workforce.WorkerID) error {
		return w.State().Authorise(w.Claim(actions.DeskFreeze, thawed, by, other), w.Now())
	}
	refusedAs(t, claim("ada", "bea"), "held", "bea")
	refusedAs(t, claim("bea", "ada"), "held", "not bound to hardware")
	c := w.Claim(actions.DeskFreeze, thawed, "ada", "bea")
	signed := &c.Countersignatures[0]
	signed.Statement.Key = hard.PublicKey().ID()
	signed.Signature = hard.Sign(signed.Statement.Challenge())
	must(t, w.State().Authorise(c, w.Now()))
}

// TestRecoveryAsksNoLeaver: a recovery does not wait for an officer who is about to leave
// and whom policy lets sign no change of the desk any more.
func TestRecoveryAsksNoLeaver(t *testing.T) {
	w := led(t)
	dov := newOfficer("dov")
	dov.Notice = canonical.At(w.Now())
	w.Admit(dov)
	suspendBy(t, w, "ole", "cem")
	must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "cem"), "ada", "bea"))
}

// TestIndispensable: three officers can go on without each of them; two cannot,
// and no burdening change makes two of three.
func TestIndispensable(t *testing.T) {
	w := prooftest.Staffed(t)
	if got := w.State().Indispensable(w.Now()); len(got) > 0 {
		t.Errorf("of three officers %v are indispensable", got)
	}
	lead := record("cem", "", "")
	change, rows, opened := w.Rows(lead)
	e, err := w.TryChange(actions.DeskAdmit, change, "ada", "bea", "cem")
	must(t, err)
	err = w.Govern(proof.KindRow, proof.RowDataOf(w.State(), rows[0], canonical.At(w.Now()), e.Body.Number, 0), opened[0]...)
	refusedAs(t, err, "nobody-left", "")

	w = prooftest.Staffed(t)
	suspendBy(t, w, "ada", "cem")
	if got := w.State().Indispensable(w.Now()); !slices.Equal(got, []workforce.WorkerID{"ada", "bea"}) {
		t.Errorf("of two officers %v are indispensable", got)
	}

	// Where the policy asks for two people, two officers could go on, and a burdening
	// change that leaves no more than two is refused: each would be indispensable.
	files := policy.Default()
	for name, text := range files {
		if strings.HasSuffix(name, ".txtar") {
			delete(files, name)
			continue
		}
		files[name] = strings.ReplaceAll(text, "2 independent; 1 employee", "1 independent; 1 employee")
	}
	w = prooftest.Found(t, prooftest.Options{Policy: files})
	w.Staff()
	change, rows, opened = w.Rows(lead)
	e, err = w.TryChange(actions.DeskAdmit, change, "ada", "bea")
	must(t, err)
	err = w.Govern(proof.KindRow, proof.RowDataOf(w.State(), rows[0], canonical.At(w.Now()), e.Body.Number, 0), opened[0]...)
	refusedAs(t, err, "indispensable", "without ada")
	// One person alone suspends: that has to be possible whatever it leaves.
	w = prooftest.Found(t, prooftest.Options{Policy: files})
	w.Staff()
	suspendBy(t, w, "ole", "cem")
	if got := w.State().Indispensable(w.Now()); !slices.Equal(got, []workforce.WorkerID{"ada", "bea"}) {
		t.Errorf("of two officers %v are indispensable", got)
	}
	// What was so before keeps nobody from a change that does not make it so.
	change, rows, opened = w.Rows(newOfficer("dov"))
	e, err = w.TryChange(actions.DeskAdmit, change, "ada", "bea")
	must(t, err)
	must(t, w.Govern(proof.KindRow, proof.RowDataOf(w.State(), rows[0], canonical.At(w.Now()), e.Body.Number, 0), opened[0]...))
}
