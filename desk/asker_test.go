package desk_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/workforce"
)

// TestWhoReadsARequest: whoever may sign a request sees its subject, and of the person who asks the
// pseudonym, the company, the last day, and whether the lines differ. Other people of the same
// company see the request. Another vendor's people who may not sign see its kind and its status.
func TestWhoReadsARequest(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@singer", Reason: "A reason of acme."})
		sees := func(by workforce.WorkerID) acts.Sight {
			t.Helper()
			x, err := to.RequestFor(t.Context(), desktest.As(by), r.ID)
			if err != nil {
				t.Fatalf("%s: %v", by, err)
			}
			return x
		}
		waits := func(by workforce.WorkerID) int {
			t.Helper()
			all, err := to.Waiting(t.Context(), desktest.As(by))
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		lee := sees("lee")
		if !lee.Whole || !lee.May || lee.Action.Subject.Handle != "@singer" || len(lee.Reasons) == 0 {
			t.Errorf("a possible signer sees %+v", lee)
		}
		if a := lee.Asker; a == nil || a.Worker != "abe" || a.Vendor != "acme" || a.InNotice || !a.Differ || a.Last.IsZero() || a.Since.IsZero() {
			t.Errorf("a possible signer sees of the person who asks %+v", a)
		}
		if len(lee.Slots) != 1 || lee.Slots[0].Here || !lee.Slots[0].Mine {
			t.Errorf("the slots of a possible signer are %+v", lee.Slots)
		}
		if sue := sees("sue"); !sue.Whole || sue.May || sue.Why == "" || sue.Asker != nil || sue.Slots[0].Mine {
			t.Errorf("a lead of the same company sees %+v", sue)
		}
		if abe := sees("abe"); !abe.Whole || abe.May || abe.Asker != nil {
			t.Errorf("the person who asks sees %+v", abe)
		}
		bob := sees("bob")
		if bob.Whole || bob.May || bob.Asker != nil || bob.Slots != nil || bob.Reasons != nil {
			t.Errorf("an agent of another vendor sees %+v", bob)
		}
		for _, of := range []string{"singer", "acct/2", "acme", "abe"} {
			if text := string(canonical.MustMarshal(bob.Request)) + bob.Why; strings.Contains(text, of) {
				t.Errorf("an agent of another vendor reads %q in %s", of, text)
			}
		}
		listed, _, err := to.RequestsFor(t.Context(), desktest.As("bob"), acts.Filter{})
		if err != nil || len(listed) == 0 {
			t.Fatalf("listed %d (%v)", len(listed), err)
		}
		for _, x := range listed {
			if x.ID == r.ID && (x.Whole || x.Action.Reason != "" || x.Action.Subject.ID != "") {
				t.Errorf("an agent of another vendor sees in the list %+v", x)
			}
		}
		if waits("lee") != 1 || waits("kim") != 1 || waits("ole") != 1 || waits("sue") != 0 || waits("bob") != 0 || waits("abe") != 0 {
			t.Errorf("it waits for lee %d, kim %d, ole %d, sue %d, bob %d, abe %d", waits("lee"), waits("kim"), waits("ole"), waits("sue"), waits("bob"), waits("abe"))
		}
		to.Countersign(r.ID, "lee")
		if lee = sees("lee"); lee.May || !lee.HasSigned || !lee.Whole || waits("lee") != 0 {
			t.Errorf("whoever signed sees %+v", lee)
		}
	})
}

// TestSlots: each signature that a critical act needs is a row, which says whether it is there and
// whether the reader could give it, and never who gave it.
func TestSlots(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	r := to.Request("ann", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@president", Reason: "A reason."})
	x, err := to.RequestFor(t.Context(), desktest.As("lee"), r.ID)
	if err != nil || len(x.Slots) != 2 || x.Slots[0].By != actions.QualifierEmployee || x.Slots[0].Mine || !x.Slots[1].Mine {
		t.Errorf("a vendor's lead sees %+v (%v)", x.Slots, err)
	}
	to.Countersign(r.ID, "lee")
	if all, err := to.Waiting(t.Context(), desktest.As("lee")); err != nil || len(all) != 0 {
		t.Errorf("a request that lee has signed waits for lee still: %d (%v)", len(all), err)
	}
	x, err = to.RequestFor(t.Context(), desktest.As("kim"), r.ID)
	if err != nil || len(x.Slots) != 2 || x.Slots[0].Here || !x.Slots[0].Mine || !x.Slots[1].Here || x.Slots[1].Mine {
		t.Errorf("an employee sees %+v (%v)", x.Slots, err)
	}
}

// TestSlotsOfALeaver: the signature of somebody who has left since is shown as an error and fills
// nothing.
func TestSlotsOfALeaver(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	r := to.Request("ann", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@president", Reason: "A reason."})
	to.Countersign(r.ID, "lee")
	if end := to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}}); end.Status != actions.StatusExecuted {
		t.Fatalf("ending an engagement is %s: %s", end.Status, end.Missing)
	}
	x, err := to.RequestFor(t.Context(), desktest.As("kim"), r.ID)
	if err != nil || len(x.Slots) != 3 || x.Slots[0].Here || x.Slots[1].Here || x.Slots[2].Error == "" || strings.Contains(x.Slots[2].Error, "lee") {
		t.Errorf("the slots are %+v (%v)", x.Slots, err)
	}
}

// TestAskedReadsTheCase: whoever may sign a measure of a case reads the case and its evidence while
// that lasts, and not before or afterwards.
func TestAskedReadsTheCase(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.OpenOffice()
		c := to.Flag("1", "acct/2", "harassment", "acct/4").Case
		to.Evidenced(c.ID)
		reads := func(want bool, when string) {
			t.Helper()
			_, err := to.Case(t.Context(), desktest.As("ole"), c.ID)
			_, also := to.EvidenceOf(t.Context(), desktest.As("ole"), c.ID)
			if (err == nil) != want || (also == nil) != want {
				t.Errorf("%s the case answers %v, and its evidence %v", when, err, also)
			}
		}
		reads(false, "before anybody asked,")
		out, err := to.TryDecide("abe", to.Take("abe"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 2, Reasons: "It is meant so.",
			Measures: []casework.Measure{{Kind: actions.AccountTakedown}}})
		if err != nil || len(out.Requests) != 1 || out.Requests[0].Status != actions.StatusHeld {
			t.Fatalf("the decision: %+v (%v)", out, err)
		}
		reads(true, "while the measure is held,")
		to.Countersign(out.Requests[0].ID, "ole")
		reads(false, "after it was signed,")
	})
}
