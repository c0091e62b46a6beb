package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/looks"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// looker is an office whose looks a test goes through.
type looker struct {
	*desktest.Office
	t *testing.T
}

func newLooker(t *testing.T, o desktest.Options) *looker {
	l := &looker{desktest.NewOffice(t, o), t}
	l.Run()
	l.Clock().Hold()
	return l
}

// looksAt returns the second looks at a case.
func (l *looker) looksAt(caseID string) (all []store.SealedLook) {
	l.t.Helper()
	if err := l.Store.Read(l.t.Context(), func(tx *store.Tx) error {
		some, err := tx.Looks(store.LookFilter{Limit: 1000})
		for _, one := range some {
			if one.Case == caseID {
				all = append(all, one)
			}
		}
		return err
	}); err != nil {
		l.t.Fatal(err)
	}
	return all
}

// own has an own finding of a worker decided, which is looked at for certain, and its copy made.
func (l *looker) own(by workforce.WorkerID, subject string, j casework.Judgement) (first casework.Outcome, copied store.SealedLook) {
	l.t.Helper()
	l.Clock().Advance(time.Millisecond)
	got, err := l.Find(l.t.Context(), desktest.As(by), cases.Report{ExternalID: "own " + subject, Subject: platform.Subject{Platform: "plaza", ID: subject}, Reason: "spam", Text: "I saw it.", Scores: []cases.Score{}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.Evidenced(got.Case.ID)
	taken, err := l.Claim(l.t.Context(), desktest.As(by), got.Case.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	if first, err = l.TryDecide(by, taken, j); err != nil {
		l.t.Fatal(err)
	}
	return first, l.copied(first.Case.ID)
}

// undrawn decides that there is no violation, by a decision that no draw chooses: the desk draws by what is
// signed, which has 32 bytes of chance, and the test knows the secret.
func (l *looker) undrawn(by workforce.WorkerID, taken casework.Taken) (casework.Outcome, error) {
	l.t.Helper()
	for {
		v, err := l.Judged(by, taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil {
			return casework.Outcome{}, err
		}
		if !cases.Drawn(cases.LookNumber(cases.LookSecret(desktest.OwnSecret), "draw", v.Decision.Decision.Digest()), cases.FloorShare) {
			return l.Decide(l.t.Context(), desktest.As(by), taken.Case.ID, v)
		}
	}
}

// copied makes the copies that are due, and returns the look at a case.
func (l *looker) copied(caseID string) store.SealedLook {
	l.t.Helper()
	l.Clock().Advance(11 * time.Minute)
	if err := l.SweepLooks(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	all := l.looksAt(caseID)
	if len(all) != 1 {
		l.t.Fatalf("there are %d looks at %s, want 1", len(all), caseID)
	}
	return all[0]
}

func (l *looker) lookDeed(by workforce.WorkerID, k actions.DeedKind, of string, o cases.LookOrder) (actions.SaltedDeed, string) {
	l.t.Helper()
	return l.Deed(by, actions.Deed{What: k, Of: of}, o.Text()), o.Text()
}

func (l *looker) settle(by workforce.WorkerID, id string, w cases.Wrong) (looks.Seen, error) {
	l.t.Helper()
	deed, text := l.lookDeed(by, actions.DeedSettle, id, cases.LookOrder{Wrong: w, Why: "It is plain."})
	return l.SettleLook(l.t.Context(), desktest.As(by), id, deed, text)
}

func (l *looker) dispute(by workforce.WorkerID, id string) error {
	l.t.Helper()
	deed, text := l.lookDeed(by, actions.DeedDispute, id, cases.LookOrder{Why: "I do not think so."})
	_, err := l.DisputeLook(l.t.Context(), desktest.As(by), id, deed, text)
	return err
}

// TestSecondLook: an own finding of ann, which ended with no violation, is judged again by bob, who finds a
// violation. Nothing of it is carried out. A lead who is independent of both says that ann was wrong; she is
// told, answers once, and another lead has the last word. The case is open again.
func TestSecondLook(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		first, look := l.own("ann", "post/1", casework.Judgement{Verdict: actions.CaseNoViolation})
		if look.State != cases.LookWaiting || look.Chance != cases.MaxChance || look.Worker != "ann" {
			t.Fatalf("the look is %+v", look)
		}
		for _, w := range []workforce.WorkerID{"ann", "abe"} { // who decided, and who reports to the same manager
			if _, err := l.Next(t.Context(), desktest.As(w), ""); !fault.Is(err, "nothing-waits") {
				t.Errorf("%s is given the look: %v", w, err)
			}
			if _, err := l.Claim(t.Context(), desktest.As(w), look.Copy); err == nil {
				t.Errorf("%s claims the look", w)
			}
		}
		taken := l.Take("bob")
		if taken.Case.ID != look.Copy || taken.Case.Subject.ID != "post/1" || taken.Shown.Case != look.Copy {
			t.Fatalf("bob has %+v", taken.Case)
		}
		got, err := l.TryDecide("bob", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got.Look != look.ID || len(got.Requests) != 0 || got.Case.State != cases.Closed {
			t.Errorf("the second verdict led to %+v", got)
		}
		if err := l.Store.Read(t.Context(), func(tx *store.Tx) error {
			rs, err := tx.Requests(store.RequestFilter{Limit: 100, Requester: "bob"})
			if len(rs) > 0 {
				t.Errorf("the second verdict asked for %d acts", len(rs))
			}
			v, ok, unread := tx.LookVerdict(look.ID)
			if !ok || v.Differs != cases.Missed || v.Found.Rule != 1 || len(v.Found.Measures) == 0 {
				t.Errorf("the second verdict is %+v", v)
			}
			if unread != nil {
				return unread
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}

		for _, w := range []workforce.WorkerID{"sue", "lee", "kim"} { // of acme, of bolt, an employee
			all, err := l.Looks(t.Context(), desktest.As(w), looks.LookFilter{})
			if err != nil {
				t.Fatal(err)
			}
			if want := w != "lee"; (len(all) == 1) != want {
				t.Errorf("%s reads %d differences", w, len(all))
			}
		}
		seen, err := l.Look(t.Context(), desktest.As("sue"), look.ID)
		if err != nil {
			t.Fatal(err)
		}
		if seen.First.Worker != "ann" || strings.Contains(string(seen.Second.Worker), "bob") || seen.Differs != cases.Missed || !seen.MaySay {
			t.Errorf("sue reads %+v", seen)
		}
		if _, err := l.settle("bob", look.ID, cases.WrongFirst); !fault.Is(err, "no-such-look") {
			t.Errorf("whoever judged again settles it: %v", err)
		}
		if _, err := l.settle("sue", look.ID, cases.WrongFirst); err != nil {
			t.Fatal(err)
		}
		if err := l.Store.Read(t.Context(), func(tx *store.Tx) error {
			c, err := tx.Case(first.Case.ID)
			if c.State != cases.Waiting {
				t.Errorf("the case is %s", c.State)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		mine, err := l.Looks(t.Context(), desktest.As("ann"), looks.LookFilter{Mine: true})
		if err != nil || len(mine) != 1 || mine[0].May != "dispute" {
			t.Errorf("ann reads %+v (%v)", mine, err)
		}
		if err := l.dispute("bob", look.ID); !fault.Is(err, "wrong-state") {
			t.Errorf("bob answers although his verdict was right: %v", err)
		}
		if err := l.dispute("ann", look.ID); err != nil {
			t.Fatal(err)
		}
		if err := l.dispute("ann", look.ID); !fault.Is(err, "wrong-state") {
			t.Errorf("ann answers twice: %v", err)
		}
		if _, err := l.settle("sue", look.ID, cases.WrongSecond); !fault.Is(err, "other-lead-needed") {
			t.Errorf("the same lead has the last word: %v", err)
		}
		end, err := l.settle("kim", look.ID, cases.WrongSecond)
		if err != nil {
			t.Fatal(err)
		}
		if end.Matter.State != store.MatterFinal || end.Matter.Last() != cases.WrongSecond {
			t.Errorf("the end is %+v", end.Matter)
		}
	})
}
