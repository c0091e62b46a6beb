package desk_test

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inbox"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// TestOffice: the office that tests of cases are played in takes a report, gives it to
// somebody and takes that person's decision.
func TestOffice(t *testing.T) {
	of := desktest.NewOffice(t, desktest.Options{})
	got := of.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	taken := of.Take("ann")
	if taken.Case.ID != got.Case.ID {
		t.Fatalf("ann got %s, and %s was reported", taken.Case.ID, got.Case.ID)
	}
	out, err := of.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation, Reasons: "It is none."})
	if err != nil || out.Case.State != cases.Closed {
		t.Fatalf("%+v: %v", out.Case, err)
	}
	of.Flag("2", "post/2", "MisleadingSpam", "acct/9")
	if out, err = of.TryDecide("ann", of.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}); err != nil || out.Case.State != cases.Decided {
		t.Fatalf("%+v: %v", out.Case, err)
	}
}

// office is an office with what tests of moves say often.
type office struct {
	*desktest.Office
	t *testing.T
}

func newOffice(t *testing.T, o desktest.Options) office {
	t.Helper()
	return office{desktest.NewOffice(t, o), t}
}

// try does a deed on a case as somebody saw it.
func (o office) try(by workforce.WorkerID, k actions.DeedKind, c cases.Case, order cases.Order) (cases.Case, error) {
	deed, text := o.CaseDeed(by, k, c.ID, c.Version, order)
	return o.Desk.Do(o.t.Context(), desktest.As(by), c.ID, c.Claim, deed, text)
}

// do is try for what must succeed.
func (o office) do(by workforce.WorkerID, k actions.DeedKind, c cases.Case, order cases.Order) cases.Case {
	o.t.Helper()
	next, err := o.try(by, k, c, order)
	if err != nil {
		o.t.Fatalf("%s by %s: %v", k, by, err)
	}
	return next
}

// refused demands that a deed is refused with a type of fault, and changes nothing.
func (o office) refused(by workforce.WorkerID, k actions.DeedKind, c cases.Case, order cases.Order, typ string) {
	o.t.Helper()
	before := o.now(c.ID)
	_, err := o.try(by, k, c, order)
	if !fault.Is(err, typ) {
		o.t.Errorf("%s by %s: %v; want %s", k, by, err, typ)
	}
	if after := o.now(c.ID); canonical.DigestOf(after) != canonical.DigestOf(before) {
		o.t.Errorf("%s was refused and left %+v of %+v", k, after, before)
	}
}

// now reads the row of a case.
func (o office) now(id string) (c cases.Case) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.Case(id)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return c
}

// clock reads the promise of a case.
func (o office) clock(id string) store.Clock {
	o.t.Helper()
	var all []store.Clock
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Clocks(id)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c store.Clock) bool { return c.Kind == store.PromiseClock })
	if i < 0 {
		o.t.Fatalf("the case %s has no promise", id)
	}
	return all[i]
}

// claim claims a case by its identifier.
func (o office) claim(by workforce.WorkerID, id string) casework.Taken {
	o.t.Helper()
	taken, err := o.Desk.Claim(o.t.Context(), desktest.As(by), id)
	if err != nil {
		o.t.Fatalf("claim by %s: %v", by, err)
	}
	return taken
}

func (o office) sweep() {
	o.t.Helper()
	if err := o.Desk.Sweep(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

func (o office) in(d time.Duration) canonical.Time { return canonical.At(o.Clock().Now().Add(d)) }

// TestDeedsOnCases: a deed on a case is done if it is the caller's own, of the case as it is,
// and fits its order; once, however often it is handed in.
func TestDeedsOnCases(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("ann").Case
		deed, text := o.CaseDeed("ann", actions.DeedSnooze, c.ID, c.Version, cases.Order{Until: o.in(time.Hour), Note: "Until the platform answers."})
		do := func(by workforce.WorkerID, id string, claim int64, d actions.SaltedDeed, text string, typ string) {
			t.Helper()
			if _, err := o.Desk.Do(t.Context(), desktest.As(by), id, claim, d, text); !fault.Is(err, typ) {
				t.Errorf("%v; want %s", err, typ)
			}
		}
		do("abe", c.ID, 1, deed, text, "another-signer")
		do("ann", c.ID, 2, deed, text, "claim-ended")
		do("ann", c.ID, 1, deed, strings.Replace(text, "answers", "replies", 1), "bad-deed")
		do("ann", c.ID, 1, deed, text+" ", "bad-deed")
		o.Flag("2", "post/2", "MisleadingSpam", "acct/9")
		other := o.Take("ann").Case
		do("ann", other.ID, 1, deed, text, "bad-deed")
		of, _ := o.CaseDeed("ann", actions.DeedSnooze, c.ID, c.Version, cases.Order{Queue: "spam"})
		do("ann", c.ID, 1, of, (cases.Order{Queue: "spam"}).Text(), "bad-deed")
		stale, text2 := o.CaseDeed("ann", actions.DeedSnooze, c.ID, c.Version-1, cases.Order{Until: o.in(time.Hour), Note: "It."})
		do("ann", c.ID, 1, stale, text2, "case-moved")
		forged := deed
		forged.Signed.Signature = o.Sign("abe", deed.Signed.Statement.Challenge())
		do("ann", c.ID, 1, forged, text, "bad-signature")
		for range 2 {
			next, err := o.Desk.Do(t.Context(), desktest.As("ann"), c.ID, 1, deed, text)
			if err != nil || next.State != cases.Snoozed || next.Version != c.Version+1 || next.Holder != "" {
				t.Fatalf("%+v: %v", next, err)
			}
		}
		var moves []store.Move
		var docs []ledger.Document
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			if moves, err = tx.Moves(c.ID); err != nil {
				return err
			}
			docs, err = tx.Documents(ledger.DeedDocument, 0, 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(moves) != 2 || moves[1].Move != "snoozed" || moves[1].Worker != "ann" || len(docs) != 1 {
			t.Errorf("moves %+v, documents %d", moves, len(docs))
		}
		var data cases.DeedData
		if err := canonical.Unmarshal(docs[0].Body.Data, &data); err != nil || data.Case != c.ID || data.Version != c.Version+1 || data.Deed.Deed.Digest() != deed.Deed.Digest() {
			t.Errorf("%+v: %v", data, err)
		}
		if docs[0].Body.Sealed["order"] != deed.Deed.Text {
			t.Error("the order is not sealed as it was signed")
		}
	})
}

// TestNotes: a note needs no claim, moves no version, and stands under its writer's name.
func TestNotes(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("ann").Case
		note := c
		note.Claim = 0
		if next := o.do("sue", actions.DeedNote, note, cases.Order{Note: "The author asked for patience."}); next.Version != c.Version || next.Holder != "ann" {
			t.Errorf("a note left %+v", next)
		}
		o.do("ann", actions.DeedNote, note, cases.Order{Note: "We look into it.", Public: true})
		o.refused("ole", actions.DeedNote, note, cases.Order{Note: "I may not."}, "no-such-case")
		var notes []store.CaseNote
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			notes, err = tx.Notes(c.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for by, first := range map[workforce.WorkerID]workforce.WorkerID{"ann": "sue", "bob": "somebody at acme"} {
			v, err := o.Desk.Case(t.Context(), desktest.As(by), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Notes) != 2 || v.Notes[0].Worker != first || v.Notes[0].Text != "The author asked for patience." || v.Notes[0].Public || v.Notes[0].Time.IsZero() || !v.Notes[1].Public {
				t.Errorf("%s reads the notes %+v", by, v.Notes)
			}
		}
		if again := o.claim("ann", c.ID); len(again.Notes) != 2 || again.Notes[1].Worker != "ann" || again.Notes[1].Text != "We look into it." {
			t.Errorf("the claim shows the notes %+v", again.Notes)
		}
		if len(notes) != 2 || notes[0].Worker != "sue" || notes[0].Public || notes[0].N != 1 || !notes[1].Public || notes[1].Text != "We look into it." {
			t.Errorf("notes %+v", notes)
		}
	})
}

// TestSnooze: a case sleeps for 30 days at most, and never past its promise if it is of the
// highest severity; then it wakes.
func TestSnooze(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("ann").Case
		o.refused("ann", actions.DeedSnooze, c, cases.Order{Until: o.in(31 * 24 * time.Hour), Note: "Long."}, "bad-deed")
		o.refused("ann", actions.DeedSnooze, c, cases.Order{Until: o.in(-time.Second), Note: "Past."}, "bad-deed")
		o.do("ann", actions.DeedSnooze, c, cases.Order{Until: o.in(time.Hour), Note: "Until the platform answers."})
		o.refused("ann", actions.DeedSnooze, c, cases.Order{Until: o.in(time.Hour), Note: "Again."}, "claim-ended")
		o.sweep()
		if now := o.now(c.ID); now.State != cases.Snoozed {
			t.Errorf("it is %s before its time", now.State)
		}
		o.Clock().Advance(time.Hour)
		o.sweep()
		if now := o.now(c.ID); now.State != cases.Waiting {
			t.Errorf("it is %s after its time", now.State)
		}
		grave := o.Flag("2", "post/2", "ViolenceThreats", "acct/9").Case
		g := o.Take("ann").Case
		if g.ID != grave.ID {
			t.Fatalf("got %s before the case of the highest severity", g.ID)
		}
		o.refused("ann", actions.DeedSnooze, g, cases.Order{Until: canonical.At(g.Due.Add(time.Second)), Note: "Past its promise."}, "grave-case")
		o.do("ann", actions.DeedSnooze, g, cases.Order{Until: g.Due, Note: "Up to it."})
	})
}

// TestSkip: whoever skips a case is not offered it again, and three people who skip it send it
// to a lead.
func TestSkip(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		for i, by := range []workforce.WorkerID{"ann", "abe", "bob"} {
			c := o.do(by, actions.DeedSkip, o.Take(by).Case, cases.Order{})
			want := cases.Waiting
			if i == 2 {
				want = cases.Escalated
			}
			if c.State != want || c.Skips != int64(i+1) {
				t.Fatalf("after %s it is %+v", by, c)
			}
			if _, err := o.Desk.Next(t.Context(), desktest.As(by), ""); !fault.Is(err, "nothing-waits") {
				t.Errorf("%s was offered it again: %v", by, err)
			}
		}
	})
}

// TestAsk: a case that waits for an answer stands still, goes back if nobody answers, and is
// due as much later.
func TestAsk(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("ann").Case
		o.refused("ann", actions.DeedAsk, c, cases.Order{Role: cases.AskLead, Note: "What?"}, "bad-deed")
		asked := o.do("ann", actions.DeedAsk, c, cases.Order{Role: cases.AskLanguage, Language: "tr", Note: "What does it say?"})
		if asked.State != cases.Asked || asked.Escalate != "language tr" || asked.Question != "What does it say?" || o.clock(c.ID).Paused.IsZero() {
			t.Errorf("asked: %+v", asked)
		}
		o.Clock().Advance(2 * time.Hour)
		taken := o.claim("abe", c.ID)
		if !taken.Case.Due.Equal(c.Due.Add(2*time.Hour)) || !o.clock(c.ID).Due.Equal(taken.Case.Due.Time) || !o.clock(c.ID).Paused.IsZero() {
			t.Errorf("due %s, was %s, clock %+v", taken.Case.Due, c.Due, o.clock(c.ID))
		}
		o.do("abe", actions.DeedAsk, taken.Case, cases.Order{Role: cases.AskSpecialist, Note: "Is that a threat?"})
		o.Clock().Advance(cases.AskLife)
		o.sweep()
		if now := o.now(c.ID); now.State != cases.Waiting || !now.Due.Equal(taken.Case.Due.Add(cases.AskLife)) {
			t.Errorf("unanswered: %+v", now)
		}
		o.Flag("2", "post/2", "ViolenceThreats", "acct/9")
		grave := o.Take("ann").Case
		o.do("ann", actions.DeedAsk, grave, cases.Order{Role: cases.AskSpecialist, Note: "Is that a threat?"})
		if !o.clock(grave.ID).Paused.IsZero() {
			t.Error("the promise of a case of the highest severity stands still")
		}
	})
}

// TestHandedOn: a case that somebody hands on is offered to those who may take it, and not to
// whoever handed it on: a question of language to everybody else in the queue, a question to a
// specialist to specialists, whatever else they are, and an escalation to leads.
func TestHandedOn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		nothing := func(all ...workforce.WorkerID) {
			t.Helper()
			for _, by := range all {
				if got, err := o.Desk.Next(t.Context(), desktest.As(by), ""); !fault.Is(err, "nothing-waits") {
					t.Errorf("%s got %s, %v", by, got.Case.ID, err)
				}
			}
		}
		give := func(by workforce.WorkerID, id string) cases.Case {
			t.Helper()
			c := o.Take(by).Case
			if c.ID != id || c.Holder != by || c.State != cases.Claimed {
				t.Fatalf("%s was given %+v, not %s", by, c, id)
			}
			return c
		}
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("ann").Case
		c = o.do("ann", actions.DeedAsk, c, cases.Order{Role: cases.AskLanguage, Language: "tr", Note: "What does it say?"})
		nothing("ann")
		c = give("abe", c.ID)
		c = o.do("abe", actions.DeedAsk, c, cases.Order{Role: cases.AskSpecialist, Note: "Is that a threat?"})
		nothing("abe", "ann", "sue", "lee", "kim")
		c = give("bob", c.ID)
		c = o.do("bob", actions.DeedAsk, c, cases.Order{Role: cases.AskSpecialist, Note: "Do you agree?"})
		nothing("bob", "sue")
		// Somebody else than a specialist or a lead does not claim it by its identifier either.
		if _, err := o.Desk.Claim(t.Context(), desktest.As("dan"), c.ID); !fault.Is(err, "not-by-name") {
			t.Errorf("an agent takes what a specialist was asked: %v", err)
		}
		c = give("eva", c.ID)
		if _, err := o.Desk.Release(t.Context(), desktest.As("eva"), c.ID, c.Claim); err != nil {
			t.Fatal(err)
		}
		c = o.claim("sue", c.ID).Case
		c = o.do("sue", actions.DeedEscalate, c, cases.Order{Role: cases.AskLead, Note: "Is it ours?"})
		nothing("sue", "ann", "bob")
		c = give("lee", c.ID)
		c = o.do("lee", actions.DeedAsk, c, cases.Order{Role: cases.AskLanguage, Language: "tr", Note: "And this?"})
		c = give("kim", c.ID) // a lead may know the language, too
		o.do("kim", actions.DeedSkip, c, cases.Order{})
		c = o.Take("bob").Case
		o.do("bob", actions.DeedEscalate, c, cases.Order{Role: cases.AskLead, Note: "Is it ours?"})
		nothing("kim") // who skipped it
		// Whose own affair it is gets it on no way.
		o.Owns("lee", "plaza:post/1")
		o.Owns("sue", "plaza:post/1")
		nothing("lee", "sue")
		give("eva", c.ID)
	})
}

// TestNoSpecialist: where nobody is a specialist, or only people whom the policy keeps from cases
// of the highest severity, a question to a specialist is refused, and the answer says what to do.
func TestNoSpecialist(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "ViolenceThreats", "acct/9")
	c := o.Take("bob").Case // one of two specialists
	s, err := o.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	give := func(id workforce.WorkerID, roles ...workforce.Role) {
		t.Helper()
		r := s.People.Seat(id).Record
		r.Roles = roles
		o.Admit(false, r)
	}
	ask := func(want ...string) {
		t.Helper()
		_, err := o.try("bob", actions.DeedAsk, o.now(c.ID), cases.Order{Role: cases.AskSpecialist, Note: "Is that a threat?"})
		if !fault.Is(err, "no-specialist") {
			t.Fatalf("asked: %v", err)
		}
		for _, w := range append(want, "worker import", "agent+specialist", "case escalate "+c.ID) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q is not in %q", w, err)
			}
		}
	}
	give("eva", workforce.Lead)
	ask("Nobody else at this desk is a specialist")
	// A specialist who is new may not work on it yet.
	o.Admit(false, workforce.Record{Worker: "zoe", Roles: []workforce.Role{workforce.Specialist}, Start: canonical.At(o.Clock().Now().AddDate(-1, 0, 0))})
	ask("may not work on the queue "+c.Queue, "first 30 days")
	// Somebody who has been here for long gets the role, and is asked at once.
	give("sue", workforce.Lead, workforce.Specialist)
	o.do("bob", actions.DeedAsk, o.now(c.ID), cases.Order{Role: cases.AskSpecialist, Note: "Is that a threat?"})
	if got := o.Take("sue").Case; got.ID != c.ID {
		t.Errorf("sue was given %s", got.ID)
	}
}

// TestMoveToQueue: a lead moves cases between queues, also from their holders; a case of the
// highest severity only to a queue that takes such cases; and no promise grows by it.
func TestMoveToQueue(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		taken := o.Take("ann")
		c := taken.Case
		o.refused("ann", actions.DeedMove, c, cases.Order{Queue: "general"}, "lead-needed")
		o.refused("sue", actions.DeedMove, c, cases.Order{Queue: "nowhere"}, "no-such-queue")
		o.refused("sue", actions.DeedMove, c, cases.Order{Queue: c.Queue}, "wrong-state")
		moved := o.do("sue", actions.DeedMove, c, cases.Order{Queue: "identity"})
		if moved.State != cases.Waiting || moved.Queue != "identity" || moved.Due.After(c.Due.Time) || !o.clock(c.ID).Due.Equal(moved.Due.Time) {
			t.Errorf("moved: %+v", moved)
		}
		if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation}); !fault.Is(err, "claim-ended") {
			t.Errorf("the holder decided what was moved: %v", err)
		}
		o.Flag("2", "post/2", "ViolenceThreats", "acct/9")
		g := o.Take("ann").Case
		o.refused("sue", actions.DeedMove, g, cases.Order{Queue: "spam"}, "grave-case")
	})
}

// TestLanguageMoves: a corrected language puts the case into the queue of that language.
func TestLanguageMoves(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Flag("1", "post/1", "HarassmentTroll", "acct/9")
		c := o.Take("ann").Case
		o.refused("ann", actions.DeedLanguage, c, cases.Order{Language: c.Language}, "wrong-state")
		next := o.do("ann", actions.DeedLanguage, c, cases.Order{Language: "de"})
		if next.Queue != "german" || next.Language != "de" || next.State != cases.Claimed {
			t.Errorf("%+v", next)
		}
	})
}

// TestMovedByHand: a case that a lead moved stays in that queue whatever comes in, until what
// comes in is more severe; then it waits where its facts put it.
func TestMovedByHand(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	c := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
	moved := o.do("sue", actions.DeedMove, c, cases.Order{Queue: "identity"})
	o.Flag("2", "post/1", "MisleadingBot", "acct/8")
	if now := o.now(c.ID); now.Queue != "identity" || now.Version != moved.Version+1 || now.Due.After(moved.Due.Time) {
		t.Errorf("a report undid the move: %+v", now)
	}
	held := o.claim("sue", c.ID).Case
	if now := o.do("sue", actions.DeedLanguage, held, cases.Order{Language: "de"}); now.Queue != "identity" {
		t.Errorf("a corrected language undid the move: %+v", now)
	}
	o.Flag("3", "post/1", "ViolenceThreats", "acct/7")
	if now := o.now(c.ID); now.Queue != "safety" || now.MovedAt != "" {
		t.Errorf("a threat waits where spam was moved to: %+v", now)
	}
}

// TestMerge: the reports of a younger case go into an older one, and all that rests on them
// goes with them.
func TestMerge(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		old := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		o.Flag("2", "post/1", "MisleadingSpam", "acct/8")
		young := o.Flag("3", "post/2", "MisleadingBot", "acct/8").Case
		o.Flag("4", "post/2", "MisleadingBot", "acct/7")
		grave := o.Flag("5", "post/3", "ViolenceThreats", "acct/9").Case
		g := o.Take("ann").Case
		o.refused("ann", actions.DeedMerge, g, cases.Order{Into: old.ID, Note: "One seller."}, "grave-case")
		a := o.Take("ann").Case
		o.refused("ann", actions.DeedMerge, a, cases.Order{Into: young.ID, Note: "One seller."}, "merge-direction")
		o.refused("ann", actions.DeedMerge, a, cases.Order{Into: a.ID, Note: "One seller."}, "bad-deed")
		b := o.Take("ann").Case
		if a.ID != old.ID || b.ID != young.ID || g.ID != grave.ID {
			t.Fatalf("got %s, %s, %s", g.ID, a.ID, b.ID)
		}
		o.refused("abe", actions.DeedMerge, b, cases.Order{Into: old.ID, Note: "One seller."}, "claim-ended")
		o.refused("ann", actions.DeedMerge, b, cases.Order{Into: old.ID}, "reason-needed")
		merged := o.do("ann", actions.DeedMerge, b, cases.Order{Into: old.ID, Note: "One seller."})
		joined := o.now(old.ID)
		if merged.State != cases.Merged || merged.Into != old.ID || merged.Reports != 0 {
			t.Errorf("merged: %+v", merged)
		}
		if joined.Reports != 4 || joined.Reporters != 3 || !slices.Equal(joined.Reasons, []cases.Reason{"MisleadingBot", "MisleadingSpam"}) || joined.Holder != "ann" || joined.Version != a.Version+1 {
			t.Errorf("joined: %+v", joined)
		}
		if o.clock(young.ID).Ended.IsZero() || !o.clock(old.ID).Ended.IsZero() {
			t.Error("the promise of the younger case goes on, or that of the older one does not")
		}
		// A report of the younger subject opens a case anew: nothing joins a merged one.
		if again := o.Flag("6", "post/2", "MisleadingBot", "acct/9").Case; again.ID == young.ID || again.ID == old.ID {
			t.Errorf("a report joined %s", again.ID)
		}
		if _, err := o.Desk.Claim(t.Context(), desktest.As("sue"), young.ID); !fault.Is(err, "case-merged") {
			t.Errorf("a merged case was claimed: %v", err)
		}
	})
}

// TestMergeBars: a bar follows the report that it rests on. Who holds a case loses it if a
// merge makes it their own affair, nobody merges their own affair, and a merge that bars most
// of those eligible takes a lead of another line.
func TestMergeBars(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Owns("abe", "plaza:acct/50")
		old := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		o.Flag("2", "post/2", "MisleadingSpam", "acct/50") // abe reports it
		a := o.Take("abe").Case
		if a.ID != old.ID {
			t.Fatalf("abe got %s", a.ID)
		}
		b := o.Take("ann").Case
		own := b
		own.Claim = a.Claim
		o.refused("abe", actions.DeedMerge, own, cases.Order{Into: old.ID, Note: "One seller."}, "case-taken")
		o.do("ann", actions.DeedMerge, b, cases.Order{Into: old.ID, Note: "One seller."})
		if now := o.now(old.ID); now.State != cases.Waiting || now.Holder != "" {
			t.Errorf("abe holds his own affair: %+v", now)
		}
		if _, err := o.Desk.Next(t.Context(), desktest.As("abe"), ""); !fault.Is(err, "nothing-waits") {
			t.Errorf("abe was offered his own affair: %v", err)
		}
		// Most of those who may work here reported the next one.
		for i, w := range []workforce.WorkerID{"abe", "dan", "bob", "lee", "eva"} {
			account := "acct/6" + string(rune('0'+i))
			o.Owns(w, "plaza:"+account)
			o.Flag("crowd "+string(w), "post/4", "MisleadingSpam", account)
		}
		first := o.Take("ann").Case
		crowd := o.Take("ann").Case
		o.refused("ann", actions.DeedMerge, crowd, cases.Order{Into: first.ID, Note: "One seller."}, "other-lead-needed")
		o.do("ann", actions.DeedEscalate, crowd, cases.Order{Role: cases.AskLead, Note: "Merge it?"})
		held := o.claim("sue", crowd.ID).Case
		o.refused("sue", actions.DeedMerge, held, cases.Order{Into: first.ID, Note: "One seller."}, "other-lead-needed")
		if _, err := o.Desk.Release(t.Context(), desktest.As("sue"), held.ID, held.Claim); err != nil {
			t.Fatal(err)
		}
		held = o.claim("kim", crowd.ID).Case
		_, err := o.try("kim", actions.DeedMerge, held, cases.Order{Into: first.ID, Note: "One seller."})
		if fault.Is(err, "other-lead-needed") && !strings.Contains(err.Error(), "kim") {
			t.Errorf("kim is of another line: %v", err)
		}
		if err != nil {
			t.Errorf("kim: %v", err)
		}
	})
}

// TestSplit: reports leave a case for the open case of the subject that they name, or of
// another one that the order names.
func TestSplit(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		old := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		r2 := o.Flag("2", "post/2", "MisleadingBot", "acct/8")
		a, b := o.Take("ann").Case, o.Take("ann").Case
		o.do("ann", actions.DeedMerge, b, cases.Order{Into: a.ID, Note: "One seller."})
		a = o.now(a.ID)
		first := o.reports(old.ID)[0].ID
		o.refused("ann", actions.DeedSplit, a, cases.Order{Reports: []string{first}}, "wrong-state")
		o.refused("ann", actions.DeedSplit, a, cases.Order{Reports: []string{"rep_none"}}, "no-such-report")
		o.refused("ann", actions.DeedSplit, a, cases.Order{Reports: []string{first, r2.Report.ID}, Subject: "plaza:post/7"}, "case-empty")
		left := o.do("ann", actions.DeedSplit, a, cases.Order{Reports: []string{r2.Report.ID}})
		if left.Reports != 1 || left.Reporters != 1 || !slices.Equal(left.Reasons, []cases.Reason{"MisleadingSpam"}) || left.Holder != "ann" || left.Version != a.Version+1 {
			t.Errorf("left: %+v", left)
		}
		back := o.Take("abe").Case
		if back.Subject.ID != "post/2" || back.Reports != 1 || back.Reporters != 1 || back.ID == b.ID || !slices.Equal(back.Reasons, []cases.Reason{"MisleadingBot"}) || back.Due.After(b.Due.Time) {
			t.Errorf("back: %+v", back)
		}
		if o.clock(back.ID).Due != back.Due {
			t.Errorf("the promise of the new case: %+v", o.clock(back.ID))
		}
		// To an open case of another subject, by the order.
		r3 := o.Flag("3", "post/1", "HarassmentTroll", "acct/7")
		a = o.now(a.ID)
		o.do("ann", actions.DeedSplit, a, cases.Order{Reports: []string{r3.Report.ID}, Subject: "plaza:post/2"})
		if now := o.now(back.ID); now.Reports != 2 || now.Reporters != 2 || now.Version != back.Version+1 {
			t.Errorf("joined: %+v", now)
		}
	})
}

func (o office) reports(id string) (all []store.Report) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.ReportsOf(id, "", 100)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return all
}

// TestGraveSplit: a report of the highest severity does not leave the subject that it names.
func TestGraveSplit(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		r := o.Flag("2", "post/1", "ViolenceThreats", "acct/8")
		c := o.Take("ann").Case
		o.refused("ann", actions.DeedSplit, c, cases.Order{Reports: []string{r.Report.ID}, Subject: "plaza:post/9"}, "grave-case")
	})
}

// TestRefer: a case of child safety or of a threat to life is referred to somebody whom the
// rule set names; an entry of its own, a clock and an export tell of it.
func TestRefer(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Adopt(actions.PartRules, strings.Replace(cases.DefaultRules(), `"referrals": []`, `"referrals": [{"id": "hotline", "name": "The hotline", "to": "desk@hotline.example", "about": "Abuse of children."}]`, 1))
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("ann").Case
		order := cases.Order{Referral: "hotline", Reference: "H-77", Until: o.in(90 * 24 * time.Hour)}
		o.refused("ann", actions.DeedRefer, c, order, "not-referred")
		o.Flag("2", "post/2", "ChildSafetyCSAM", "acct/8")
		g := o.Take("ann").Case
		unknown := order
		unknown.Referral = "nobody"
		o.refused("ann", actions.DeedRefer, g, unknown, "no-such-referral")
		next := o.do("ann", actions.DeedRefer, g, order)
		if next.State != cases.Claimed || next.Version != g.Version+1 {
			t.Errorf("%+v", next)
		}
		var entries []ledger.Entry
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			entries, err = tx.EntriesAbout(g.ID, canonical.Time{}, 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(entries) != 1 || entries[0].Body.Kind != entry.KindReferral || strings.Contains(string(entries[0].BodyBytes), "H-77") {
			t.Fatalf("entries %+v", entries)
		}
		x, err := o.Desk.ReferralExport(t.Context(), desktest.As("ann"), g.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Referrals) != 1 || x.Referrals[0].Reference != "H-77" || x.Referrals[0].To != "desk@hotline.example" || x.Subject.ID != "post/2" || len(x.Reports) != 1 || x.Reports[0].Commitment.IsZero() {
			t.Errorf("export %+v", x)
		}
		if strings.Contains(string(canonical.MustMarshal(x)), "Look at post/2") {
			t.Error("the export quotes a report")
		}
		if _, err := o.Desk.ReferralExport(t.Context(), desktest.As("ann"), c.ID); !fault.Is(err, "not-referred") {
			t.Errorf("a case that was not referred is exported: %v", err)
		}
	})
}

// buriers is a list of budgets in which one person buries as little as limit an hour.
func buriers(limit int64) []actions.Budget {
	all := actions.DefaultBudgets()
	for i, b := range all {
		if b.Family == actions.FamilyBurying && b.Per == "worker" && b.Window == "hour" && b.Direction == actions.Burdening {
			all[i].Limit = limit
		}
	}
	return all
}

// TestBuryingIsBounded: each way to end or delay a report with less than its measure spends a
// budget, per person and hour.
func TestBuryingIsBounded(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		options.Budgets = buriers(3)
		o := newOffice(t, options)
		o.Clock().Hold()
		for _, n := range []string{"1", "2", "3", "4", "5"} {
			o.Flag(n, "post/"+n, "MisleadingSpam", "acct/9")
		}
		o.do("ann", actions.DeedSkip, o.Take("ann").Case, cases.Order{})
		if _, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
			t.Fatal(err)
		}
		c := o.Take("ann").Case
		o.do("ann", actions.DeedNote, c, cases.Order{Note: "A note buries nothing."})
		o.do("ann", actions.DeedEscalate, c, cases.Order{Role: cases.AskLead, Note: "Who decides this?"})
		taken := o.Take("ann")
		o.refused("ann", actions.DeedSkip, taken.Case, cases.Order{}, "budget-spent")
		if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseDuplicate}); !fault.Is(err, "budget-spent") {
			t.Errorf("a fourth case was buried: %v", err)
		}
		if out, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}); err != nil {
			t.Errorf("a measure buries nothing: %v %+v", err, out)
		}
		o.do("abe", actions.DeedSkip, o.Take("abe").Case, cases.Order{}) // each person has their own
		o.Clock().Advance(time.Hour + time.Second)
		o.do("ann", actions.DeedSkip, o.Take("ann").Case, cases.Order{})
	})
}

// TestSecondPerson: nobody ends a case of the highest severity alone with less than its usual
// measure. The first verdict is kept as a proposal, and somebody independent ends the case.
func TestSecondPerson(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Flag("1", "post/1", "ViolenceThreats", "acct/9")
		taken := o.Take("ann")
		v, err := o.Judged("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation, Reasons: "A joke."})
		if err != nil {
			t.Fatal(err)
		}
		first, err := o.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		if err != nil || !first.Proposed || first.Case.State != cases.Escalated {
			t.Fatalf("%+v: %v", first, err)
		}
		again, err := o.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		if err != nil || again.ID != first.ID || !again.Proposed {
			t.Errorf("the same verdict again gives %+v: %v", again, err)
		}
		if !o.clock(taken.Case.ID).Met.IsZero() {
			t.Error("a proposal met the promise")
		}
		sue := o.claim("sue", taken.Case.ID) // of ann's own company
		if _, err := o.TryDecide("sue", sue, casework.Judgement{Verdict: actions.CaseNoViolation}); !fault.Is(err, "not-independent") {
			t.Errorf("sue ended it: %v", err)
		}
		if _, err := o.Desk.Release(t.Context(), desktest.As("sue"), sue.Case.ID, sue.Claim.Number); err != nil {
			t.Fatal(err)
		}
		lee := o.claim("lee", taken.Case.ID)
		out, err := o.TryDecide("lee", lee, casework.Judgement{Verdict: actions.CaseNoViolation, Reasons: "A joke."})
		if err != nil || out.Proposed || out.Case.State != cases.Closed || o.clock(taken.Case.ID).Met.IsZero() {
			t.Fatalf("%+v: %v", out, err)
		}
		var data cases.DecisionData
		if err := canonical.Unmarshal(out.Document.Body.Data, &data); err != nil || data.First != first.ID || data.Proposal {
			t.Errorf("%+v: %v", data, err)
		}
		// A milder rule than what was reported is less than the usual measure as well; the rule
		// of the highest severity with its usual measures is not.
		o.Flag("2", "post/2", "ViolenceThreats", "acct/9")
		if out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}); err != nil || !out.Proposed || len(out.Requests) != 0 {
			t.Errorf("%+v: %v", out, err)
		}
		if n := o.requests(); n != 0 {
			t.Errorf("%d measures of proposals were stored", n)
		}
	})
}

func (o office) requests() int {
	o.t.Helper()
	var all []store.Request
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Requests(store.RequestFilter{Platform: "plaza", Limit: 100})
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return len(all)
}

// back takes a decision back as somebody.
func back(w *desktest.World, by workforce.WorkerID, decision string) (casework.Taken, actions.SaltedDeed, acts.Undone, error) {
	d, err := w.Desk.DraftTakeBack(w.Context(), desktest.As(by), decision, "", canonical.Digest{})
	if err != nil {
		return casework.Taken{}, actions.SaltedDeed{}, acts.Undone{}, err
	}
	deed := w.Deed(by, d.Deed, cases.Order{}.Text())
	u := acts.Undone{Withdrawals: map[string]acts.Withdrawal{}}
	for _, undo := range d.Undos {
		u.Undos = append(u.Undos, w.Submission(by, undo))
	}
	for request, version := range d.Withdraw {
		withdrawal := w.Withdrawal(by, request, version)
		u.Withdrawals[request] = acts.Withdrawal{Version: version, Deed: &withdrawal}
	}
	taken, err := w.Desk.TakeBack(w.Context(), desktest.As(by), deed, cases.Order{}.Text(), u)
	return taken, deed, u, err
}

// TestTakeBack: within 15 seconds whoever decided takes it back and holds the case again, with
// what was reported meanwhile.
func TestTakeBack(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		taken := o.Take("ann")
		out, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil {
			t.Fatal(err)
		}
		late := o.Flag("2", "post/1", "HarassmentTroll", "acct/8").Case
		if late.ID == taken.Case.ID {
			t.Fatal("a report joined a closed case")
		}
		held := o.claim("sue", late.ID)
		if _, _, _, err := back(o.World, "abe", out.ID); !fault.Is(err, "no-such-decision") {
			t.Errorf("abe took ann's decision back: %v", err)
		}
		o.Clock().Advance(casework.TakeBackFor - 10*time.Millisecond)
		again, deed, undone, err := back(o.World, "ann", out.ID)
		if err != nil {
			t.Fatal(err)
		}
		c := again.Case
		if c.ID != taken.Case.ID || c.State != cases.Claimed || c.Holder != "ann" || c.Claim != taken.Case.Claim+1 || c.Reports != 2 || c.Reporters != 2 || again.Document.IsZero() {
			t.Errorf("%+v", c)
		}
		if young := o.now(late.ID); young.State != cases.Merged || young.Into != c.ID {
			t.Errorf("what came meanwhile: %+v", young)
		}
		if _, err := o.TryDecide("sue", held, casework.Judgement{Verdict: actions.CaseNoViolation}); !fault.Is(err, "case-merged") && !fault.Is(err, "claim-ended") {
			t.Errorf("sue decided what was merged: %v", err)
		}
		if !o.clock(c.ID).Met.IsZero() {
			t.Error("the promise is met by what was taken back")
		}
		same, err := o.Desk.TakeBack(t.Context(), desktest.As("ann"), deed, cases.Order{}.Text(), undone)
		if err != nil || same.Case.Version != c.Version || same.Claim.Number != c.Claim {
			t.Errorf("the same deed again: %+v: %v", same, err)
		}
		if _, _, _, err := back(o.World, "ann", out.ID); !fault.Is(err, "taken-back") {
			t.Errorf("twice: %v", err)
		}
		out, err = o.TryDecide("ann", again, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil || out.Case.State != cases.Closed {
			t.Fatalf("%+v: %v", out, err)
		}
		o.Clock().Advance(casework.TakeBackFor + time.Millisecond)
		if _, _, _, err := back(o.World, "ann", out.ID); !fault.Is(err, "take-back-over") {
			t.Errorf("too late: %v", err)
		}
	})
}

// TestTakeBackLifts: what is taken back is lifted on the platform, and the strike ends.
func TestTakeBackLifts(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.OpenOffice()
		to.World.Flag("1", "acct/3", "MisleadingSpam", "acct/4")
		evidenceCopied(t, to.World)
		taken := to.World.Take("ann")
		out, err := to.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.AccountLabel, Value: desktest.Labels[0]}}, Reasons: "Mild."})
		if err != nil {
			t.Fatal(err)
		}
		comesTo(t, to, out.Requests[0], actions.StatusExecuted, "executed")
		strikes := func() (n int64) {
			if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
				by, err := tx.Strikes("plaza", "acct/3", tx.Now())
				n = by[1]
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if strikes() != 1 {
			t.Error("the decision is no strike")
		}
		d, err := to.Desk.DraftTakeBack(t.Context(), desktest.As("ann"), out.ID, "", canonical.Digest{})
		if err != nil {
			t.Fatal(err)
		}
		deed := to.Deed("ann", d.Deed, cases.Order{}.Text())
		if _, err := to.Desk.TakeBack(t.Context(), desktest.As("ann"), deed, cases.Order{}.Text(), acts.Undone{}); !fault.Is(err, "measure-stands") {
			t.Errorf("taken back without an undo: %v", err)
		}
		again, _, _, err := back(to.World, "ann", out.ID)
		if err != nil || again.Case.Holder != "ann" {
			t.Fatalf("%+v: %v", again, err)
		}
		desktest.Until(t, "the measure is lifted", func() bool {
			r, err := to.Desk.RequestByID(t.Context(), desktest.As("ann"), out.Requests[0].ID)
			return err == nil && r.Status == actions.StatusReversed
		})
		if strikes() != 0 {
			t.Error("the strike stands")
		}
		if now := to.State("acct/3"); len(now.Layers) != 0 {
			t.Errorf("plaza still has %+v", now.Layers)
		}
	})
}

// TestPromises: a promise runs from the report to the decision; those that are missed are
// marked, listed, and told in one alarm for each queue.
func TestPromises(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		for _, n := range []string{"1", "2", "3"} {
			o.Flag(n, "post/"+n, "MisleadingSpam", "acct/9")
		}
		c := o.Take("ann")
		if _, err := o.TryDecide("ann", c, casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
			t.Fatal(err)
		}
		if clock := o.clock(c.Case.ID); !clock.Due.Equal(c.Case.Due.Time) || !clock.Started.Equal(c.Case.Opened.Time) || clock.Met.IsZero() {
			t.Errorf("%+v", clock)
		}
		o.Clock().Advance(25 * time.Hour)
		for range 2 {
			o.sweep()
		}
		if n := o.promises(); n != 1 {
			t.Errorf("%d alarms", n)
		}
		due, err := o.Desk.DueClocks(t.Context(), desktest.As("ann"), "spam", o.in(0))
		if err != nil || len(due) != 2 || !due[0].Late || due[0].Missed.IsZero() {
			t.Errorf("%+v: %v", due, err)
		}
		// What is missed within an hour of an alarm waits for the next one.
		told := o.promises()
		o.Flag("4", "post/4", "MisleadingSpam", "acct/9")
		o.Clock().Advance(30 * time.Minute)
		o.Flag("5", "post/5", "MisleadingSpam", "acct/9")
		for _, step := range []struct {
			after time.Duration
			more  int
		}{{23*time.Hour + 31*time.Minute, 1}, {30 * time.Minute, 1}, {31 * time.Minute, 2}} {
			o.Clock().Advance(step.after)
			o.sweep()
			if n := o.promises() - told; n != step.more {
				t.Errorf("%d more alarms, want %d", n, step.more)
			}
		}
	})
}

// promises counts the alarms about missed promises.
func (o office) promises() (n int) {
	o.t.Helper()
	all, _, err := o.Desk.Alarms(o.t.Context(), desktest.As("sue"), alarms.Filter{})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, a := range all {
		if a.Kind == string(alarm.PromiseMissed) {
			n++
		}
	}
	return n
}

// evidenceCopied waits until the evidence of all reports is copied: it is news for its case.
func evidenceCopied(t *testing.T, w *desktest.World) {
	t.Helper()
	desktest.Until(t, "the evidence is copied", func() bool {
		n := int64(1)
		if err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			n, _, err = tx.PendingEvidence()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// TestYourTurn: a case whose measure was declined comes back to whoever decided it, with the
// reason and the draft; if that person does not open it in time, it goes to the queue. A decision
// that does not stand is no strike, so that one case never counts twice.
func TestYourTurn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.OpenOffice()
		to.World.Flag("1", "acct/2", "MisleadingSpam", "acct/4")
		evidenceCopied(t, to.World)
		taken := to.World.Take("ann")
		draft := []byte(`{"rule":1}`)
		if err := to.Desk.KeepDraft(t.Context(), desktest.As("ann"), taken.Case.ID, draft); err != nil {
			t.Fatal(err)
		}
		out, err := to.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.AccountLabel, Value: desktest.Labels[0]}}, Reasons: "Mild."})
		if err != nil || out.Case.State != cases.Held || out.Case.Holder != "" {
			t.Fatalf("%+v: %v", out.Case, err)
		}
		request := out.Requests[0].ID
		if got := told(t, to.World, "ann", inbox.KindSignature); len(got) != 2 || got[0].Case != taken.Case.ID || got[0].Request != "" || got[1].Request != request {
			t.Errorf("ann's own key signed a decision and its measure, and she is told %+v", got)
		}
		d, err := to.Desk.DraftVerdict(t.Context(), desktest.As("lee"), request, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Desk.Decline(t.Context(), desktest.As("lee"), request, to.Signed("lee", d), false, "Too much."); err != nil {
			t.Fatal(err)
		}
		now := func() (c cases.Case) {
			if err := to.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				c, err = tx.Case(taken.Case.ID)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return c
		}
		strikes := func(want int64) {
			t.Helper()
			if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
				by, err := tx.Strikes("plaza", "acct/2", tx.Now())
				if err == nil && by[1] != want {
					t.Errorf("the account has %d strikes, want %d", by[1], want)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		desktest.Until(t, "the case comes back", func() bool { return now().State == cases.Waiting })
		strikes(0)
		back := now()
		if back.Turn != "ann" || !strings.Contains(back.TurnWhy, "declined") || back.Until.Sub(back.Updated.Time) != 15*time.Minute {
			t.Errorf("it comes back as %+v", back)
		}
		if got := told(t, to.World, "ann", inbox.KindTurn); len(got) != 1 || got[0].Case != back.ID || got[0].Platform != "plaza" || !got[0].Expires.Equal(back.Until.Time) || strings.Contains(got[0].Text, "lee") {
			t.Errorf("ann is told %+v", got)
		}
		if _, err := to.Desk.Next(t.Context(), desktest.As("abe"), ""); !fault.Is(err, "nothing-waits") {
			t.Errorf("abe was offered what is ann's turn: %v", err)
		}
		again := to.World.Take("ann")
		if again.Case.ID != taken.Case.ID || string(again.Draft) != string(draft) {
			t.Errorf("ann got %+v with the draft %q", again.Case, again.Draft)
		}
		// Another one, which ann leaves lying.
		out, err = to.TryDecide("ann", again, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.AccountLabel, Value: desktest.Labels[1]}}, Reasons: "Mild."})
		if err != nil {
			t.Fatal(err)
		}
		strikes(1)
		if _, err := to.TryWithdraw("ann", out.Requests[0].ID, out.Requests[0].Version); err != nil {
			t.Fatal(err)
		}
		desktest.Until(t, "the case comes back", func() bool { return now().State == cases.Waiting })
		to.Clock().Advance(16 * time.Minute)
		if err := to.Desk.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := told(t, to.World, "ann", inbox.KindTurn); len(got) != 2 {
			t.Errorf("ann is told %+v", got)
		}
		if c := now(); c.Turn != "" || c.TurnWhy == "" {
			t.Errorf("nobody opened it, and it is %+v", c)
		}
		abe := to.World.Take("abe")
		if abe.Case.ID != taken.Case.ID || len(abe.Drafts) != 1 || string(abe.Drafts[0].Body) != string(draft) {
			t.Errorf("abe got %+v with %+v", abe.Case, abe.Drafts)
		}
	})
}

// TestSettledKilled: the desk dies after it has brought a case back and before its job is done.
// The job runs again, and the case comes back once.
func TestSettledKilled(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		died := make(chan struct{})
		var once sync.Once
		o.Step = func(name string) {
			if name == casework.StepSettled {
				once.Do(func() {
					close(died)
					runtime.Goexit() // the worker is gone, and its job is still claimed
				})
			}
		}
		to := desktest.NewTown(t, o)
		to.OpenOffice()
		to.World.Flag("1", "acct/2", "MisleadingSpam", "acct/4")
		evidenceCopied(t, to.World)
		taken := to.World.Take("ann")
		out, err := to.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.AccountLabel, Value: desktest.Labels[0]}}, Reasons: "Mild."})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.TryWithdraw("ann", out.Requests[0].ID, out.Requests[0].Version); err != nil {
			t.Fatal(err)
		}
		<-died
		to.Clock().Advance(5 * time.Minute) // its claim runs out
		count := func(query string) (n int) {
			if err := to.Store.Read(t.Context(), func(tx *store.Tx) error { return tx.QueryRow(query).Scan(&n) }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		desktest.Until(t, "the job has run again", func() bool { return count("select count(*) from job where kind = 'desk.case.settle'") == 0 })
		if n := count("select count(*) from case_move where move = 'your-turn'"); n != 1 {
			t.Errorf("the case came back %d times", n)
		}
	})
}

// TestLeaversLoseClaims: the claim of somebody ends with the engagement, and the case waits for
// others.
func TestLeaversLoseClaims(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Advance(6*time.Hour - time.Minute) // a minute before dan's engagement ends
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		c := o.Take("dan").Case
		o.sweep()
		if now := o.now(c.ID); now.Holder != "dan" {
			t.Fatalf("%+v", now)
		}
		o.Clock().Advance(2 * time.Minute)
		o.sweep()
		if now := o.now(c.ID); now.State != cases.Waiting || now.Holder != "" {
			t.Errorf("%+v", now)
		}
		o.refused("dan", actions.DeedSkip, c, cases.Order{}, "engagement-ended")
		if taken := o.Take("ann"); taken.Case.ID != c.ID {
			t.Errorf("ann got %s", taken.Case.ID)
		}
	})
}
