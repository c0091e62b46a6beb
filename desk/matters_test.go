package desk_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/workforce"
)

// saying is an executor that says what it is told to say of itself.
type saying struct {
	kernel.Executor
	status linkv1.ExecutorStatus
	err    error
}

func (s *saying) Status(context.Context) (linkv1.ExecutorStatus, error) {
	st := s.status
	st.Executor, st.Clock = desktest.ExecutorID, canonical.At(time.Now())
	return st, s.err
}

// in returns the matters of a section.
func in(t *testing.T, w *desktest.World, section string) (out []alarms.Matter) {
	t.Helper()
	all, err := w.Matters(t.Context(), desktest.As("kim"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m alarms.Matter) bool { return m.Section != section })
}

// TestExecutorStatesAreTold: each state of the executor has its alarm once when it
// begins and once when it is over, and stands in the matters meanwhile.
func TestExecutorStatesAreTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		x := &saying{}
		o.Executor = x
		w := staffed(t, o)
		settle := func() { x.err, x.status = nil, linkv1.ExecutorStatus{Size: 1 << 40} }
		check := func() {
			t.Helper()
			for range 2 { // the second time nothing is new
				if _, err := w.CheckHealth(t.Context(), canonical.At(w.Clock().Now())); err != nil {
					t.Fatal(err)
				}
			}
		}
		settle()
		check()
		if got := raised(t, w); len(got) != 0 {
			t.Fatalf("a desk that is well alarms %q", got)
		}
		for kind, begin := range map[string]func(){
			"executor.away":    func() { x.err = fault.New(fault.Unavailable, "executor-unreachable", "It is not there.") },
			"executor.stopped": func() { x.status.Stopped = "A fork was seen." },
		} {
			begin()
			check()
			if got := slices.DeleteFunc(raised(t, w), func(k string) bool { return !strings.HasPrefix(k, kind) }); !slices.Equal(got, []string{kind + " page"}) {
				t.Errorf("%s: alarms %q", kind, got)
			}
			ms := in(t, w, "executor")
			if len(ms) != 1 || !ms[0].Needs() || ms[0].Do == "" || !strings.Contains(ms[0].Text, "It is not there.") && !strings.Contains(ms[0].Text, "A fork was seen.") {
				t.Errorf("%s: %+v", kind, ms)
			}
			settle()
			check()
			if got := raised(t, w); !slices.Equal(got[len(got)-2:], []string{kind + " page", kind + " info"}) {
				t.Errorf("%s: alarms %q", kind, got)
			}
		}
		// One that does not read on is behind, and one that has just not read yet is not.
		x.status.Size = 1
		check()
		if got := in(t, w, "ledger"); len(got) != 0 {
			t.Errorf("just behind: %+v", got)
		}
		w.Clock().Advance(31 * time.Second)
		check()
		if got := in(t, w, "ledger"); len(got) != 1 || !got[0].Needs() || raised(t, w)[len(raised(t, w))-1] != "ledger.behind page" {
			t.Errorf("behind: %+v, %q", got, raised(t, w))
		}
		_, err := w.Matters(t.Context(), desktest.As("ann"))
		refused(t, err, "not-yours-to-read")
	})
}

// TestStartingIsNotAway: an executor that the desk's program starts itself has its time
// to start before somebody is paged. One that never answers, and one that answered once,
// is paged for.
func TestStartingIsNotAway(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		x := &saying{err: fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer, or not as it should. Try again in a moment.")}
		o.Executor, o.ExecutorStart = x, 10*time.Second
		w := staffed(t, o)
		w.Clock().Hold()
		w.Open(o)
		check := func(want ...string) {
			t.Helper()
			if _, err := w.CheckHealth(t.Context(), canonical.At(w.Clock().Now())); err != nil {
				t.Fatal(err)
			}
			if got := raised(t, w); !slices.Equal(got, want) {
				t.Fatalf("alarms %q, and not %q", got, want)
			}
		}
		check()
		w.Clock().Advance(9 * time.Second)
		check()
		w.Clock().Advance(2 * time.Second)
		check("executor.away page")
		last, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
		if err != nil || len(last) == 0 || strings.Count(last[0].Text, "does not answer") != 1 {
			t.Errorf("the alarm is %+v, %v", last, err)
		}

		// After another start it answers, and then no more: the time to start is over.
		x.err, x.status = nil, linkv1.ExecutorStatus{Size: 1 << 40}
		w.Open(o)
		check("executor.away page", "executor.away info")
		x.err = fault.New(fault.Unavailable, "executor-unreachable", "It is not there.")
		check("executor.away page", "executor.away info", "executor.away page")
	})
}

// TestClocksThatDifferAreTold: nobody could act any more, so somebody is paged although
// nothing else is entered.
func TestClocksThatDifferAreTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Executor = offClock{off: 62 * time.Second}
		w := staffed(t, o)
		if got := in(t, w, "executor"); len(got) != 0 {
			t.Fatalf("before the clocks are compared: %+v", got)
		}
		w.Run()
		for deadline := time.Now().Add(desktest.Patience); ; runtime.Gosched() {
			if _, err := w.CheckHealth(t.Context(), canonical.At(w.Clock().Now())); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(raised(t, w), "clocks.differ page") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("alarms %q", raised(t, w))
			}
		}
		if got := in(t, w, "executor"); !slices.ContainsFunc(got, func(m alarms.Matter) bool { return m.Needs() && strings.Contains(m.Text, "more than a minute apart") }) {
			t.Errorf("%+v", got)
		}
	})
}

// TestWaitingIsTold: a request that waits too long for countersigners is told of once,
// and a flood of them in one alarm.
func TestWaitingIsTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		since := canonical.At(to.Clock().Now())
		check := func() {
			t.Helper()
			to.Followed() // the desk's clock runs ahead, and nobody has had that time
			var err error
			if since, err = to.CheckHealth(t.Context(), since); err != nil {
				t.Fatal(err)
			}
		}
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		check()
		if got := in(t, to.World, "requests"); len(got) != 0 || len(raised(t, to.World)) != 0 {
			t.Fatalf("at once: %+v, %q", got, raised(t, to.World))
		}
		to.Clock().Advance(6 * time.Minute)
		check()
		check()
		as, _, err := to.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
		if err != nil || len(as) != 1 || as[0].Kind != "request.waiting" || as[0].Request != r.ID || as[0].Severity != alarms.Page {
			t.Fatalf("%+v, %v", as, err)
		}
		if got := in(t, to.World, "requests"); len(got) != 1 || got[0].Request != r.ID || !got[0].Needs() {
			t.Errorf("%+v", got)
		}
		for range 8 {
			to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		}
		to.Clock().Advance(16 * time.Minute)
		check()
		as, _, err = to.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
		if err != nil || len(as) != 2 || as[0].Kind != "request.waiting" || as[0].Request != "" || !strings.Contains(as[0].Text, "8 requests") {
			t.Errorf("%+v, %v", as, err)
		}
	})
}

// TestEmergencyIsTold: an emergency act pages everybody when it is made, and its
// review a day later, until it is closed.
func TestEmergencyIsTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		since := canonical.At(to.Clock().Now())
		r := to.Settled("ole", to.Request("ole", acts.Wish{Kind: actions.AccountContain, Subject: "plaza:@neighbour", Reason: "raid", Until: canonical.At(to.Clock().Now().Add(20 * time.Minute))}))
		if got := raised(t, to.World); !slices.Equal(got, []string{"emergency page"}) {
			t.Errorf("alarms %q", got)
		}
		if got := in(t, to.World, "emergencies"); len(got) != 1 || got[0].Request != r.ID {
			t.Errorf("%+v", got)
		}
		check := func(want ...string) {
			t.Helper()
			var err error
			if since, err = to.CheckHealth(t.Context(), since); err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(raised(t, to.World), func(k string) bool {
				return strings.HasPrefix(k, "clocks") || strings.HasPrefix(k, "executor") || strings.HasPrefix(k, "ledger.behind")
			})
			if !slices.Equal(got, want) {
				t.Errorf("alarms %q, want %q", got, want)
			}
		}
		check("emergency page")
		to.Clock().Advance(25 * time.Hour)
		check("emergency page", "review.due warn")
		check("emergency page", "review.due warn")
		if got := in(t, to.World, "reviews"); len(got) != 1 || got[0].Request != r.ID || !got[0].Needs() {
			t.Errorf("%+v", got)
		}
	})
}

// TestFailedLiftIsTold: a measure whose time is over and that could not be lifted pages
// somebody, and so does a credential that the platform refuses.
func TestFailedLiftIsTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		to.StopExecutor()
		record := func(e proof.Execution) {
			e.Request, e.Nonce = r.ID, make(canonical.Bytes, 32)
			to.Enter(e, nil)
		}
		record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyLift, Outcome: proof.Failed, Type: "not-able", Text: "The subject is under another mark."})
		if got := raised(t, to.World); !slices.Equal(got, []string{"lift.failed page"}) {
			t.Errorf("alarms %q", got)
		}
		if got := in(t, to.World, "lifts"); len(got) != 1 || got[0].Request != r.ID || !got[0].Needs() || !strings.Contains(got[0].Text, "another mark") {
			t.Errorf("%+v", got)
		}
		record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyLift, Outcome: proof.Failed, Type: "bad-token", Text: "plaza refused."})
		to.Enter(proof.Execution{Request: "brc_1", Kind: proof.KindBlind, Duty: proof.DutyWatch, Type: "platform-credentials", Text: "No.", Sight: &proof.Sight{Platform: "plaza"}}, nil)
		if got := raised(t, to.World)[1:]; !slices.Equal(got, []string{"credential.refused page", "lift.failed page", "credential.refused page"}) {
			t.Errorf("alarms %q", got)
		}
	})
}

// TestOfficersWhoAreShortAreTold: a desk that one more loss would stop is not well. It
// names those who are indispensable, the officers without a live key and the open
// recoveries, until each is over.
func TestOfficersWhoAreShortAreTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		wish := func(k actions.Kind, c actions.Change) acts.Wish {
			return acts.Wish{Kind: k, Subject: actions.DeskPlatform + ":desk", Reason: "cem lost the key", Change: c}
		}
		told := func(section string, words ...string) {
			t.Helper()
			got := slices.DeleteFunc(in(t, w, section), func(m alarms.Matter) bool { return !m.Needs() })
			if len(got) != len(words) {
				t.Fatalf("%s: %+v, and not %q", section, got, words)
			}
			for i, m := range got {
				if !strings.Contains(m.Text, words[i]) || m.Do == "" {
					t.Errorf("%s: %q does not say %q, or not what to do", section, m.Text, words[i])
				}
			}
		}
		told("officers")
		told("recoveries")

		// With cem out, nobody of the other two may be lost as well.
		w.Request("ada", wish(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "cem"}))
		told("officers", "Too few officers are left", "without ada, nor without bea")
		key := w.PublicKey("cem")
		revoke := w.Request("ada", wish(actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{key.ID()}}))
		told("recoveries", "desk.key")
		w.Countersign(revoke.ID, "bea")
		told("officers", "Too few officers are left", "without ada, nor without bea", "cem is an officer and has no live key")
		told("recoveries")

		thaw := w.Request("ada", wish(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "cem"}))
		told("recoveries", "bea")
		w.Countersign(thaw.ID, "bea")
		told("recoveries")
		told("officers", "Too few officers are left", "without ada, nor without bea", "cem is an officer and has no live key")
	})
}

// TestWaitingChangeOfTheDesk: nobody is sent to look at the exposure of the desk, which is no
// subject of a platform.
func TestWaitingChangeOfTheDesk(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	change := to.Request(to.Officers[0], acts.Wish{Kind: actions.DeskChange, Reason: "test",
		Change: actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Standard, Mode: actions.Observe}}})
	act := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	to.Clock().Advance(16 * time.Minute)
	seen := map[string]bool{}
	for _, m := range in(t, to.World, "requests") {
		seen[m.Request] = true
		if !strings.Contains(m.Do, "countersign action show REQUEST") || strings.Contains(m.Do, "exposure SUBJECT") != (m.Request == act.ID) {
			t.Errorf("%s: %q", m.Request, m.Do)
		}
	}
	if !seen[change.ID] || !seen[act.ID] {
		t.Errorf("of the two requests these are told: %v", seen)
	}
}
