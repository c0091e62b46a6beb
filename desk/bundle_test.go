package desk_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// export gets a bundle and verifies it as a stranger does, by the hash of entry 0.
func export(t *testing.T, w *desktest.World, id string, personal bool) ([]byte, incident.Verified) {
	t.Helper()
	raw, err := w.IncidentBundle(t.Context(), desktest.As("eva"), id, personal)
	if err != nil {
		t.Fatal(err)
	}
	v, err := incident.Verify(raw, proof.Trust{Root: w.Root})
	if err != nil {
		t.Fatal(err)
	}
	return raw, v
}

// toldAlike demands that the desk tells what happened in the words of the bundle,
// and of the page and the Markdown that are made of that.
func toldAlike(t *testing.T, w *desktest.World, v incident.Verified) {
	t.Helper()
	var r incident.Report
	var err error
	for range 2 { // that it was read is not among what happened
		if r, err = w.Report(t.Context(), desktest.As("eva"), v.Report.Incident.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	lines := func(r incident.Report) (all []string) {
		for _, m := range r.Timeline {
			all = append(all, string(canonical.MustMarshal(m)))
		}
		return all
	}
	if diff := cmp.Diff(lines(v.Report), lines(r)); diff != "" {
		t.Errorf("the desk tells (+) what the bundle does not (-): %s", diff)
	}
	told := v.Report
	told.Timeline = r.Timeline
	o := incident.Options{Personal: v.By.Personal, Names: v.Names, Verified: &v}
	if !bytes.Equal(incident.Markdown(told, o), incident.Markdown(v.Report, o)) {
		t.Error("the Markdown is another one")
	}
	ours, err := incident.HTML(told, o)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := incident.HTML(v.Report, o)
	if err != nil || !bytes.Equal(ours, theirs) {
		t.Errorf("the page is another one: %v", err)
	}
}

// unproven is what a verified report says that nothing proves.
func unproven(v incident.Verified) (all []string) {
	for _, c := range v.Claims {
		if !c.Proven {
			all = append(all, c.What)
		}
	}
	return all
}

// An act that went through the desk, contested, undone and reviewed, is told in a
// bundle that a stranger can check; without personal fields it holds none.
func TestBundleOfAContestedAct(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r, i := contested(t, to)
		u, err := to.TryUndo("ole", r.ID)
		if err != nil {
			t.Fatal(err)
		}
		to.Settled("ole", u)
		if _, err := to.AssignTask(t.Context(), desktest.As("eva"), i.ID, "Ask the president what was lost.", "ole"); err != nil {
			t.Fatal(err)
		}
		raw, v := export(t, to.World, i.ID, true)
		a := v.Report.Attribution
		if a.Worker != "ann" || a.Vendor != "acme" || a.Session != "test" || len(a.Signers) != 2 || v.Warrants != 2 || v.Report.Incident.Subject.String() != president ||
			v.Names["ann"] != "Name of ann" || v.By.By != "eva" || v.Report.Incident.Tasks[0].Text != "Ask the president what was lost." {
			t.Errorf("%+v\nwarrants %d, names %v, %+v", a, v.Warrants, v.Names, v.By)
		}
		for _, secret := range []string{"president", "acct/1", "Name of ann", r.Action.Reason} {
			if !bytes.Contains(raw, []byte(secret)) {
				t.Errorf("the bundle with personal fields lacks %q, so that looking for it says nothing", secret)
			}
		}
		raw, v = export(t, to.World, i.ID, false)
		for _, secret := range []string{"president", "acct/1", "Name of ann", "email", r.Action.Reason} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("the bundle without personal fields holds %q", secret)
			}
		}
		for _, what := range unproven(v) {
			if strings.HasPrefix(what, "That the act") || strings.HasPrefix(what, "Who ") && what != "Who could have done it" || strings.Contains(what, "lines") {
				t.Errorf("%s is not proven", what)
			}
		}
		var steps []incident.Step
		for _, m := range v.Report.Timeline {
			steps = append(steps, m.Step)
			if m.Source != incident.FromLedger {
				t.Errorf("%+v is not from the ledger", m)
			}
		}
		for _, want := range []incident.Step{incident.StepAsked, incident.StepSigned, incident.StepApproved, incident.StepIntended, incident.StepExecuted, incident.StepOpened, incident.StepReversed} {
			if !slices.Contains(steps, want) {
				t.Errorf("the timeline lacks %s: %q", want, steps)
			}
		}
		review(t, to, i.ID)
		_, v = export(t, to.World, i.ID, true)
		if v.Report.Incident.Status != incident.Closed || v.Report.Incident.Findings != findings {
			t.Errorf("%+v", v.Report.Incident)
		}
		toldAlike(t, to.World, v)
	})
}

// TestBundleOfAnActUnderASession: the desk gathers the session under which an act was
// signed, its start and its early end, and tells of them as the bundle does.
func TestBundleOfAnActUnderASession(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		s, key := to.Session("ann")
		if _, err := to.StartSession(t.Context(), desktest.As("ann"), s); err != nil {
			t.Fatal(err)
		}
		wish := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
		wish.Session, wish.Reason = s.Session.Digest(), "spam"
		d, err := to.Draft(t.Context(), desktest.As("ann"), wish)
		if err != nil {
			t.Fatal(err)
		}
		r, err := to.Desk.Request(t.Context(), desktest.As("ann"), desktest.Under(key, d))
		if err != nil {
			t.Fatal(err)
		}
		r = to.Settled("ann", r)
		i, err := to.OpenIncident(t.Context(), desktest.As("eva"), r.ID, "Who wanted this?")
		if err != nil {
			t.Fatal(err)
		}
		_, v := export(t, to.World, i.ID, true)
		a := v.Report.Attribution
		if a.Under.Session != s.Session.Digest() || !a.Under.Void.IsZero() || !strings.HasPrefix(a.With, wording.SessionOf(s.Session)) || v.Warrants != 1 {
			t.Fatalf("%+v, %d warrants", a, v.Warrants)
		}
		toldAlike(t, to.World, v)
		void := func(of workforce.WorkerID, before canonical.Time) {
			to.Clock().Advance(time.Second)
			wish := acts.Wish{Kind: actions.DeskKey, Reason: "a laptop is lost", Change: actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: string(of), Before: before}}}
			if r := to.Request("ole", wish); r.Status != actions.StatusExecuted {
				t.Fatalf("%+v", r)
			}
		}
		void("bob", canonical.At(to.Clock().Now()))
		void("ann", canonical.At(s.Session.NotBefore.Add(-time.Hour))) // from before
		void("ann", canonical.At(to.Clock().Now()))
		_, v = export(t, to.World, i.ID, false)
		if a := v.Report.Attribution; a.Under.Void.IsZero() {
			t.Errorf("the session was ended, and the attribution says %+v", a)
		}
		var started, ended int
		for _, m := range v.Report.Timeline {
			if strings.HasPrefix(m.Text, "Started the "+wording.SessionOf(s.Session)) && m.Who == "ann" {
				started++
			}
			if strings.HasPrefix(m.Text, "Ended the sessions of ") && m.Who == "ole" {
				ended++
			}
		}
		if started != 1 || ended != 1 {
			t.Errorf("the timeline tells of %d starts and %d ends: %+v", started, ended, v.Report.Timeline)
		}
		toldAlike(t, to.World, v)
		now, err := to.Attribution(t.Context(), desktest.As("eva"), i.ID)
		if err != nil || now.With != a.With || now.Under != v.Report.Attribution.Under || !strings.Contains(now.Why, "with "+wording.SessionOf(s.Session)) {
			t.Errorf("the desk says %+v, %v", now, err)
		}
	})
}

const findings = "The request was wrong."

// review finishes the task of an incident and has its review countersigned.
func review(t *testing.T, to *desktest.Town, id string) {
	t.Helper()
	if _, err := to.FinishTask(t.Context(), desktest.As("ole"), id, 1, "Nothing was lost."); err != nil {
		t.Fatal(err)
	}
	change, err := to.ProposeFindings(t.Context(), desktest.As("eva"), id, findings)
	if err != nil {
		t.Fatal(err)
	}
	r := to.Request("ada", acts.Wish{Kind: actions.DeskReview, Change: change})
	if r.Status == actions.StatusHeld {
		r = to.Countersign(r.ID, "bea", "cem")
	}
	if r.Status != actions.StatusExecuted {
		t.Fatalf("the review is %s: %s", r.Status, r.Missing)
	}
}

// A breach is told with its credential to those who ask for personal fields, and
// to others with the commitment to it.
func TestBundleOfABreach(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		id := breach(w)
		w.Clock().Advance(20 * time.Millisecond)
		restore(w, id, proof.Executed)
		told := w.Breach(president, actions.Critical)
		told.Kind, told.Request = proof.KindTold, id
		told.Sight.Changed = told.Sight.Seen
		w.Enter(told, map[string]string{proof.SealedSubject: president, proof.SealedCredential: "staff token night-shift"})
		i := opened(t, w, incidents.Filter{})[0]
		_, v := export(t, w, i.ID, true)
		if a := v.Report.Attribution; !a.Around || a.Credential != "staff token night-shift" || v.Report.Incident.Subject.String() != president {
			t.Errorf("%+v", a)
		}
		toldAlike(t, w, v)
		raw, v := export(t, w, i.ID, false)
		if bytes.Contains(raw, []byte("night-shift")) || bytes.Contains(raw, []byte("acct/1")) {
			t.Error("the bundle without personal fields holds some")
		}
		if a := v.Report.Attribution; a.Credential != incident.Withheld || v.Records != 4 {
			t.Errorf("%+v, %d records", a, v.Records)
		}
		toldAlike(t, w, v)
		// It says req_order, and the chain knows no such order.
		ordered := false
		for _, c := range v.Claims {
			if strings.HasPrefix(c.What, "That the restoration") {
				ordered = ordered || c.Proven
			}
		}
		if ordered {
			t.Error("an order that nobody placed is called proven")
		}
		// What was erased is not told any more, and the rest still holds.
		sql(t, &desktest.Town{World: w}, `delete from ledger_opening`)
		_, v = export(t, w, i.ID, true)
		if v.Report.Incident.Subject.ID != "" || v.Report.Attribution.Credential != incident.Withheld {
			t.Errorf("erased fields are told: %+v", v.Report.Incident.Subject)
		}
	})
}

// Somebody who edits a row of the desk's cannot have another person blamed.
func TestBundleOfEditedRows(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	r, i := contested(t, to)
	sql(t, to, `update request set signed = replace(signed, '"signer":"ann"', '"signer":"bob"') where id = '`+r.ID+`'`)
	from := size(t, to)
	_, err := to.IncidentBundle(t.Context(), desktest.As("eva"), i.ID, true)
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "report-unsupported") {
		t.Errorf("an edited row: %v", err)
	}
	if kinds(t, to.World, from)["export"] != 0 {
		t.Error("a bundle that does not hold was entered")
	}
}

// Who may not read evidence is given no bundle, and who was is on record.
func TestBundleIsRuled(t *testing.T) {
	w := staffed(t, desktest.Options{})
	breach(w)
	i := opened(t, w, incidents.Filter{})[0]
	for _, by := range []workforce.WorkerID{"ann", "bob", "nobody"} {
		if _, err := w.IncidentBundle(t.Context(), desktest.As(by), i.ID, false); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", by, err)
		}
	}
	if _, err := w.IncidentBundle(t.Context(), desktest.As("eva"), "inc_none", false); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no incident: %v", err)
	}
}

// TestBundleHoldsTiers: a bundle holds what rules once read of the subjects of its
// warrants, opened for these alone, so that a stranger can compare their tiers.
func TestBundleHoldsTiers(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	if _, err := to.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, president)); err != nil {
		t.Fatal(err)
	}
	desktest.Until(t, "the ledger says that the president was read as critical", func() bool {
		all, err := to.TierEntries(t.Context(), desktest.As("eva"), president)
		if err != nil {
			t.Fatal(err)
		}
		return len(all) > 0
	})
	_, i := contested(t, to)
	_, v := export(t, to.World, i.ID, true)
	if !slices.ContainsFunc(v.Claims, func(c incident.Claim) bool {
		return strings.HasPrefix(c.What, "The tier that the warrant of ") && c.Proven && strings.Contains(c.How, "1 entries")
	}) {
		t.Errorf("%+v", v.Claims)
	}
	if _, v = export(t, to.World, i.ID, false); slices.ContainsFunc(v.Bundle.Content.Entries, func(o incident.Opened) bool { return bytes.Contains(o.Body, []byte(`"kind":"tiers"`)) }) {
		t.Error("a bundle without warrants holds batches of tiers")
	}
}
