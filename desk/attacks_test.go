package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// The tests of this file are attacks by people inside: somebody on the last day, and reporters
// who know the desk.

// buried counts what a worker buried.
func (o office) buried(by string) (n int) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(`select count(*) from burial where worker = $1`, by).Scan(&n)
	}); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// TestUsualMeasureOnAnotherPost (law 14): the usual measure on another post of the same account
// leaves what was reported as it is. So it departs from what is usual, is counted as burying, and
// does not end a case of the highest severity.
func TestUsualMeasureOnAnotherPost(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Subjects.Owned("post/1", "acct/7")
	o.Subjects.Owned("post/2", "acct/7")
	o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	elsewhere := casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.ContentRemove, Subject: "plaza:post/2"}}}
	_, err := o.TryDecide("ann", o.Take("ann"), elsewhere)
	refused(t, err, "reason-needed")
	elsewhere.Reasons = "An old joke."
	out, err := o.TryDecide("ann", o.claim("ann", o.caseOf("post/1").ID), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if n := o.buried("ann"); n != 1 {
		t.Errorf("%d acts are counted as burying, want 1: %+v", n, out.Case)
	}
	o.Flag("2", "post/1", "ViolenceThreats", "acct/9")
	out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6, Reasons: "The other one.", Measures: []casework.Measure{
		{Kind: actions.ContentRemove, Subject: "plaza:post/2"}, {Kind: actions.AccountSuspend, Until: o.in(30 * 24 * time.Hour)}}})
	if err != nil || !out.Proposed {
		t.Errorf("one person ended a threat: %+v: %v", out.Case, err)
	}
}

// TestGraveCaseUnderAnotherRule (law 14): a case that is reported for child safety is not ended by
// one person under another rule of the highest severity, whose usual measure is less.
func TestGraveCaseUnderAnotherRule(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "ChildSafetyCSAM", "acct/9")
	out, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6})
	if err != nil || !out.Proposed {
		t.Errorf("one person ended a case of child safety as a threat: %+v: %v", out.Case, err)
	}
	o.Flag("2", "post/2", "ViolenceThreats", "acct/9")
	if out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6}); err != nil || out.Proposed {
		t.Errorf("the usual measure on a threat waits for a second person: %+v: %v", out.Case, err)
	}
	o.Flag("3", "post/3", "ViolenceExtremistContent", "acct/9") // no rule has its category
	if out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6}); err != nil || out.Proposed {
		t.Errorf("the usual measure on extremist content waits for a second person: %+v: %v", out.Case, err)
	}
}

// TestSnoozedCaseWakes (law 14): a case that somebody put to sleep wakes when it is reported for
// another reason, and does not sleep past the promise of the highest severity.
func TestSnoozedCaseWakes(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		taken := o.Take("ann")
		c := o.do("ann", actions.DeedSnooze, taken.Case, cases.Order{Until: o.in(29 * 24 * time.Hour), Note: "Later."})
		o.Flag("2", "post/1", "MisleadingSpam", "acct/8")
		if now := o.now(c.ID); now.State != cases.Snoozed {
			t.Errorf("one more report for the same reason wakes the case: %+v", now)
		}
		o.Flag("3", "post/1", "ViolenceThreats", "acct/8")
		now := o.now(c.ID)
		if now.State != cases.Waiting || !now.Grave() || !now.Until.IsZero() {
			t.Fatalf("a threat joined a case that sleeps on: %+v", now)
		}
		if next := o.Take("bob"); next.Case.ID != c.ID {
			t.Errorf("bob got %s", next.Case.ID)
		}
	})
}

// TestAskedCaseBecomesGrave (law 14): the promise of a case that becomes one of the highest
// severity while somebody was asked about it does not stand still.
func TestAskedCaseBecomesGrave(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	c := o.do("ann", actions.DeedAsk, o.Take("ann").Case, cases.Order{Note: "Is it?", Role: cases.AskSpecialist})
	if o.clock(c.ID).Paused.IsZero() {
		t.Fatal("the promise does not stand still, and the test needs one that does")
	}
	o.Flag("2", "post/1", "ViolenceThreats", "acct/8")
	if clock := o.clock(c.ID); !clock.Paused.IsZero() || clock.Due != o.now(c.ID).Due {
		t.Errorf("the promise of a threat stands still, or is another one than that of the case: %+v, %+v", clock, o.now(c.ID))
	}
}

// caseOf returns the newest case of a subject of plaza.
func (o office) caseOf(subject string) cases.Case {
	o.t.Helper()
	var all []cases.Case
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Cases(store.CaseFilter{Platform: "plaza", Subject: subject, Limit: 1})
		return err
	}); err != nil || len(all) != 1 {
		o.t.Fatalf("%d cases: %v", len(all), err)
	}
	return all[0]
}

// TestHeldCaseTakesReports (laws 12 and 14): who reports while a measure waits for signatures is
// not answered by a decision from before: when the measure ends, the case waits again.
func TestHeldCaseTakesReports(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		to := desktest.NewTown(t, opt)
		to.OpenOffice()
		o := office{&desktest.Office{World: to.World}, t}
		o.Flag("1", "acct/2", "MisleadingSpam", "acct/4")
		evidenceCopied(t, to.World)
		held := func(by string, taken casework.Taken) string {
			t.Helper()
			out, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.AccountLabel, Value: desktest.Labels[0]}}, Reasons: "Mild."})
			if err != nil || out.Case.State != cases.Held {
				t.Fatalf("%+v: %v", out.Case, err)
			}
			return out.Requests[0].ID
		}
		taken := o.Take("ann")
		request := held("ann", taken)
		o.Flag("2", "acct/2", "ViolenceThreats", "acct/3")
		o.Countersign(request, "lee")
		desktest.Until(t, "the measure ends", func() bool { return o.now(taken.Case.ID).State != cases.Held })
		desktest.Until(t, "the case is not about to close any more", func() bool {
			s := o.now(taken.Case.ID).State
			return s == cases.Waiting || s == cases.Closed
		})
		if now := o.now(taken.Case.ID); now.State != cases.Waiting || !now.Grave() {
			t.Fatalf("a threat that nobody judged is %s", now.State)
		}
		if clock := o.clock(taken.Case.ID); !clock.Met.IsZero() {
			t.Errorf("the promise to whoever reported last counts as met: %+v", clock)
		}
	})
}

// TestFailedMeasureComesBack: that one measure of a decision is carried out does not close the
// case while another one has failed and is not looked at yet.
func TestFailedMeasureComesBack(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "MisleadingScam", "acct/9")
	out, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 2})
	if err != nil || len(out.Requests) != 2 {
		t.Fatalf("%+v: %v", out, err)
	}
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		for i, status := range []actions.Status{actions.StatusExecuted, actions.StatusVoid} {
			if _, err := tx.Exec(`update request set status = $2 where id = $1`, out.Requests[i].ID, string(status)); err != nil {
				return err
			}
		}
		tx.CloseCase(out.Case.ID, tx.Now())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if now := o.now(out.Case.ID); now.State != cases.Decided {
		t.Errorf("the case is %s although its account was not suspended", now.State)
	}
}

// TestFlooderHidesNoWords (law 14): whoever floods a case for one reason does not push the words of
// those off the screen who reported for another one, or from another source.
func TestFlooderHidesNoWords(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.AdmitProgram("flaggers", "eva", cases.SourceTrustedFlagger)
		words := []string{o.Flag("1", "post/1", "ViolenceThreats", "acct/9").Report.ID}
		got, err := o.Desk.TakeReports(t.Context(), kernel.ProgramCaller{ID: "flaggers"}, []cases.Report{flagged("2", "post/1", "I know them.")})
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got)
		}
		words = append(words, got[0].Report.ID)
		for i := range 2 * cases.MaxShownReports {
			o.Flag(fmt.Sprint("flood", i), "post/1", "MisleadingSpam", fmt.Sprint("acct/", i))
		}
		shown := o.Take("ann").Shown.Reports
		for _, id := range words {
			if !slices.ContainsFunc(shown, func(r cases.ShownReport) bool { return r.ID == id }) {
				t.Errorf("the report %s is not among the %d that are shown", id, len(shown))
			}
		}
		if len(shown) != cases.MaxShownReports {
			t.Errorf("%d reports are shown", len(shown))
		}
	})
}

// TestOwnAffairsStopNobody: somebody whose own affairs are the most urgent cases gets the next one
// after them.
func TestOwnAffairsStopNobody(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Owns("ann", "plaza:acct/ann")
	for i := range 30 {
		subject := fmt.Sprint("post/own", i)
		o.Subjects.Owned(subject, "acct/ann")
		o.Flag(subject, subject, "MisleadingSpam", "acct/ann") // ann reported, so that the bar is known at once
	}
	last := o.Flag("other", "post/other", "MisleadingSpam", "acct/9").Case
	taken, err := o.Desk.Next(t.Context(), desktest.As("ann"), "")
	if err != nil || taken.Case.ID != last.ID {
		t.Errorf("ann gets %s: %v", taken.Case.ID, err)
	}
}

// TestGraveCaseIsNotForLeavers (law 17): whom the policy keeps from cases of the highest severity
// gets none, in whichever queue a lead has put it, and is told of none.
func TestGraveCaseIsNotForLeavers(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	c := o.Flag("1", "post/1", "ViolenceThreats", "acct/9").Case
	o.do("sue", actions.DeedMove, c, cases.Order{Queue: "general", Note: "Too many there."})
	_, err := o.Desk.Next(t.Context(), desktest.As("dan"), "")
	refused(t, err, "nothing-waits")
	all, _, err := o.Desk.Cases(t.Context(), desktest.As("dan"), casework.Filter{})
	if err != nil || len(all) != 0 {
		t.Errorf("dan is told of %d cases: %v", len(all), err)
	}
	if taken := o.Take("ann"); taken.Case.ID != c.ID {
		t.Errorf("ann gets %s", taken.Case.ID)
	}
}

// TestNobodyClaimsWhatASpecialistWasAsked: of a case that waits for a specialist, only the last
// holder and specialists make a claim by its identifier.
func TestNobodyClaimsWhatASpecialistWasAsked(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	c := o.do("ann", actions.DeedAsk, o.Take("ann").Case, cases.Order{Note: "Is it?", Role: cases.AskSpecialist})
	_, err := o.Desk.Claim(t.Context(), desktest.As("abe"), c.ID)
	refused(t, err, "not-by-name")
	if _, err := o.Desk.Claim(t.Context(), desktest.As("lee"), c.ID); err != nil {
		t.Error(err)
	}
	o.Flag("2", "post/2", "MisleadingSpam", "acct/9")
	c = o.do("ann", actions.DeedAsk, o.Take("ann").Case, cases.Order{Note: "Is it?", Role: cases.AskLanguage, Language: "cy"})
	if _, err := o.Desk.Claim(t.Context(), desktest.As("abe"), c.ID); err != nil {
		t.Error(err)
	}
}

// TestDraftsAreOfHolders (laws 13 and 15): only somebody who had a case leaves a draft on it for the
// next holder, and nobody on their own affair.
func TestDraftsAreOfHolders(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	c := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
	err := o.Desk.KeepDraft(t.Context(), desktest.As("abe"), c.ID, []byte(`{"reasons":"It is none, believe me."}`))
	refused(t, err, "claim-ended")
	taken := o.Take("ann")
	if _, err := o.Desk.Release(t.Context(), desktest.As("ann"), c.ID, taken.Claim.Number); err != nil {
		t.Fatal(err)
	}
	if err := o.Desk.KeepDraft(t.Context(), desktest.As("ann"), c.ID, []byte(`{"reasons":"half"}`)); err != nil {
		t.Error(err)
	}
	o.Owns("ann", "plaza:acct/1")
	err = o.Desk.KeepDraft(t.Context(), desktest.As("ann"), c.ID, []byte(`{"reasons":"It is none, believe me."}`))
	refused(t, err, "own-affair")
}

// TestOtherVendorsPeopleAreNotNamed (laws 13 and 17): no answer about a case names somebody of
// another company: who opened it, to whom it comes back, who holds it.
func TestOtherVendorsPeopleAreNotNamed(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	got, err := o.Desk.Find(t.Context(), desktest.As("bob"), cases.Report{ExternalID: "f1", Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Reason: "MisleadingSpam", Text: "Seen.", Scores: []cases.Score{}})
	if err != nil || got.Case.By != "bob" {
		t.Fatalf("%+v: %v", got.Case, err)
	}
	id := got.Case.ID
	tell := func(what string, c cases.Case) {
		t.Helper()
		if c.By == "bob" || c.Holder == "bob" || c.Turn == "bob" {
			t.Errorf("%s names bob: opened by %q, held by %q, turn of %q", what, c.By, c.Holder, c.Turn)
		}
	}
	all, _, err := o.Desk.Cases(t.Context(), desktest.As("ann"), casework.Filter{})
	if err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	tell("a list", all[0])
	held := o.claim("bob", id)
	if held.Case.By != "bob" {
		t.Errorf("bob is told that %q opened it", held.Case.By)
	}
	noted, err := o.try("sue", actions.DeedNote, cases.Case{ID: id, Version: held.Case.Version}, cases.Order{Note: "A note."})
	if err != nil {
		t.Fatal(err)
	}
	tell("the answer to a note", noted)
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update case_file set state = 'waiting', holder = '', turn = 'bob', until = $2 where id = $1`, id, o.in(time.Hour).Micro())
		tx.EndClaim(id, held.Claim.Number, tx.Now(), "test")
		tx.InsertMove(store.Move{Case: id, Version: 50, Move: "your-turn", Time: tx.Now(), Detail: canonical.MustMarshal(map[string]any{"why": "test", "worker": "bob"})})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	view, err := o.Desk.Case(t.Context(), desktest.As("ann"), id)
	if err != nil {
		t.Fatal(err)
	}
	tell("a view", view.Case)
	for _, m := range view.Moves {
		if strings.Contains(string(m.Detail), "bob") || m.Worker == "bob" {
			t.Errorf("the history names bob: %s", m.Detail)
		}
	}
	taken := o.claim("sue", id)
	tell("a claim", taken.Case)
	released, err := o.Desk.Release(t.Context(), desktest.As("sue"), id, taken.Claim.Number)
	if err != nil {
		t.Fatal(err)
	}
	tell("a release", released)
}

// TestThreeClaimsOnTwoNodes (law 13): whoever asks two nodes at once holds three cases all the same.
func TestThreeClaimsOnTwoNodes(t *testing.T) {
	desktest.Both(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		second := o.Second()
		for round := range 5 {
			for i := range 8 {
				o.Flag(fmt.Sprint("r", round, "-", i), fmt.Sprint("post/", round, "-", i), "MisleadingSpam", "acct/9")
			}
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					w := o.World
					if i%2 == 1 {
						w = second
					}
					_, err := w.Desk.Next(t.Context(), desktest.As("ann"), "")
					if err != nil && !fault.Is(err, "too-many-claims") && !fault.Is(err, "nothing-waits") {
						t.Error(err)
					}
				})
			}
			all.Wait()
			var live []cases.Claim
			if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				live, err = tx.LiveClaims("ann")
				return err
			}); err != nil || len(live) > cases.MaxClaims {
				t.Fatalf("ann holds %d cases: %v", len(live), err)
			}
			for _, c := range live {
				if _, err := o.Desk.Release(t.Context(), desktest.As("ann"), c.Case, c.Number); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestNobodyKeepsAHolderFromDeciding (law 14): whoever has one subject reported again and again, or
// takes reports back one by one, does not make the holder's decision stale each time.
func TestNobodyKeepsAHolderFromDeciding(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	sc.Owns("ann")
	sc.p.Show(posted, shows("buy", nil, true), nil)
	c := sc.report("MisleadingSpam", "")
	sc.kept(c)
	taken := sc.World.Take("ann")
	for range 3 {
		sc.Clock().Advance(2 * time.Minute)
		sc.report("MisleadingSpam", "")
		if all := sc.kept(c); len(all) < 2 {
			t.Fatal("the evidence was not copied again, and the test needs that")
		}
	}
	if now := sc.row(c.ID); now.Version != taken.Case.Version {
		t.Errorf("the same content again moves the case from version %d to %d", taken.Case.Version, now.Version)
	}
	for _, r := range (office{&desktest.Office{World: sc.World}, t}).reports(c.ID) {
		if _, err := sc.Desk.WithdrawReport(t.Context(), sc.program, r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if now := sc.row(c.ID); now.Version != taken.Case.Version {
		t.Errorf("reports that are taken back move the case from version %d to %d", taken.Case.Version, now.Version)
	}
	sc.p.Show(posted, shows("something else", nil, true), nil)
	sc.Clock().Advance(2 * time.Minute)
	sc.report("MisleadingSpam", "")
	sc.kept(c)
	if now := sc.row(c.ID); now.Version == taken.Case.Version {
		t.Error("other content is no news")
	}
}

// TestHostileSubjects: a subject that no platform can have is refused by itself, and the reports
// beside it are taken.
func TestHostileSubjects(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		from := o.AdmitProgram("square2", "ann", cases.SourcePerson)
		for i, subject := range []platform.Subject{{ID: "post/\x00"}, {ID: "post/\xff"}, {ID: "post/1\n2"}, {ID: "post/" + strings.Repeat("x", 1<<20)}, {Handle: "@a\x00"}, {ID: "post/1", Handle: "@\x00"}, {ID: "post/1", Handle: strings.Repeat("@", 1<<20)}} {
			bad := flagged(fmt.Sprint("bad", i), "", "text")
			bad.Subject = subject
			bad.Subject.Platform = "plaza"
			got, err := o.Desk.TakeReports(t.Context(), from, []cases.Report{bad, flagged(fmt.Sprint("good", i), "post/1", "text")})
			if err != nil {
				t.Errorf("%.20q: %v", subject.ID+subject.Handle, err)
				continue
			}
			refused(t, got[0].Err, "bad-report")
			if got[1].Err != nil {
				t.Errorf("%.20q takes a good report with it: %v", subject.ID, got[1].Err)
			}
		}
	})
}

// TestNobodySplitsIntoTheirOwnAffair (law 15): whose own affair a case is moves no reports into it.
func TestNobodySplitsIntoTheirOwnAffair(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Owns("ann", "plaza:acct/ann", "plaza:post/own")
	first := o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	o.Flag("2", "post/1", "MisleadingSpam", "acct/8")
	c := o.Take("ann").Case
	o.refused("ann", actions.DeedSplit, c, cases.Order{Reports: []string{first.Report.ID}, Subject: "plaza:acct/ann"}, "own-affair")
	o.Flag("3", "post/3", "MisleadingSpam", "acct/ann") // ann reported there
	o.refused("ann", actions.DeedSplit, c, cases.Order{Reports: []string{first.Report.ID}, Subject: "plaza:post/3"}, "own-affair")
	o.do("ann", actions.DeedSplit, c, cases.Order{Reports: []string{first.Report.ID}, Subject: "plaza:post/4"})
}

// TestClaimEndsWithSignIn (law 13): whoever signs out, or whose sign-in is over, holds no case.
func TestClaimEndsWithSignIn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		ask, _ := o.TokenAsk("ann", "ann")
		token, err := o.Desk.SignIn(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		ann := desktest.As("ann")
		ann.Token = token.ID
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		taken, err := o.Desk.Next(t.Context(), ann, "")
		if err != nil {
			t.Fatal(err)
		}
		o.sweep()
		if now := o.now(taken.Case.ID); now.Holder != "ann" {
			t.Fatalf("%+v", now)
		}
		if err := o.Desk.RevokeToken(t.Context(), ann, token.ID); err != nil {
			t.Fatal(err)
		}
		o.sweep()
		if now := o.now(taken.Case.ID); now.State != cases.Waiting || now.Holder != "" {
			t.Errorf("ann has signed out, and the case is %s with %q", now.State, now.Holder)
		}
		if next := o.Take("bob"); next.Case.ID != taken.Case.ID {
			t.Errorf("bob got %s", next.Case.ID)
		}
	})
}

// TestNobodyRemovesWhatSpeaksAgainstThemselves (laws 14 and 15): the bytes of evidence are not removed
// by whose own affair the case is, and whoever removes some spends the budget of burying.
func TestNobodyRemovesWhatSpeaksAgainstThemselves(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	picture := pngOf(t, 8)
	sc.p.Show(posted, shows("look", map[string][]byte{"1": picture}, true), map[string][]byte{"1": picture})
	c := sc.report("MisleadingSpam", "")
	sc.kept(c)
	digest := canonical.Sum(picture)
	remove := func(by workforce.WorkerID) error {
		_, err := sc.RemovePicture(t.Context(), desktest.As(by), c.ID, digest, "away", sc.Deed(by, actions.Deed{What: actions.DeedRemoveEvidence, Of: digest.String()}, "away"))
		return err
	}
	refused(t, remove("abe"), "accounts-undeclared")
	sc.Owns("ann", "plaza:acct/3")
	refused(t, remove("ann"), "own-affair")
	sc.Owns("bob")
	if err := remove("bob"); err != nil {
		t.Fatal(err)
	}
	if n := (office{&desktest.Office{World: sc.World}, t}).buried("bob"); n != 1 {
		t.Errorf("%d acts are counted as burying", n)
	}
}
