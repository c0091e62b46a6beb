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
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
)

// saying is an executor that says what it is told to say of itself.
type saying struct {
	desk.Executor
	status proof.ExecutorStatus
	err    error
}

func (s *saying) Status(context.Context) (proof.ExecutorStatus, error) {
	st := s.status
	st.Executor, st.Clock = desktest.ExecutorID, canonical.At(time.Now())
	return st, s.err
}

// in returns the matters of a section.
func in(t *testing.T, w *desktest.World, section string) (out []desk.Matter) {
	t.Helper()
	all, err := w.Matters(t.Context(), desktest.As("kim"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m desk.Matter) bool { return m.Section != section })
}

// TestExecutorStatesAreTold: each state of the executor has its alarm once when it
// begins and once when it is over, and stands in the matters meanwhile.
func TestExecutorStatesAreTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		x := &saying{}
		o.Executor = x
		w := staffed(t, o)
		settle := func() { x.err, x.status = nil, proof.ExecutorStatus{Size: 1 << 40} }
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
		if got := alarms(t, w); len(got) != 0 {
			t.Fatalf("a desk that is well alarms %q", got)
		}
		for kind, begin := range map[string]func(){
			"executor.away":    func() { x.err = fault.New(fault.Unavailable, "executor-unreachable", "It is not there.") },
			"executor.stopped": func() { x.status.Stopped = "A fork was seen." },
		} {
			begin()
			check()
			if got := slices.DeleteFunc(alarms(t, w), func(k string) bool { return !strings.HasPrefix(k, kind) }); !slices.Equal(got, []string{kind + " page"}) {
				t.Errorf("%s: alarms %q", kind, got)
			}
			ms := in(t, w, "executor")
			if len(ms) != 1 || !ms[0].Needs() || ms[0].Do == "" || !strings.Contains(ms[0].Text, "It is not there.") && !strings.Contains(ms[0].Text, "A fork was seen.") {
				t.Errorf("%s: %+v", kind, ms)
			}
			settle()
			check()
			if got := alarms(t, w); !slices.Equal(got[len(got)-2:], []string{kind + " page", kind + " info"}) {
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
		if got := in(t, w, "ledger"); len(got) != 1 || !got[0].Needs() || alarms(t, w)[len(alarms(t, w))-1] != "ledger.behind page" {
			t.Errorf("behind: %+v, %q", got, alarms(t, w))
		}
		_, err := w.Matters(t.Context(), desktest.As("ann"))
		refused(t, err, "not-yours-to-read")
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
			if slices.Contains(alarms(t, w), "clocks.differ page") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("alarms %q", alarms(t, w))
			}
		}
		if got := in(t, w, "executor"); !slices.ContainsFunc(got, func(m desk.Matter) bool { return m.Needs() && strings.Contains(m.Text, "more than a minute apart") }) {
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
		if got := in(t, to.World, "requests"); len(got) != 0 || len(alarms(t, to.World)) != 0 {
			t.Fatalf("at once: %+v, %q", got, alarms(t, to.World))
		}
		to.Clock().Advance(6 * time.Minute)
		check()
		check()
		as, _, err := to.Alarms(t.Context(), desktest.As("kim"), desk.AlarmFilter{})
		if err != nil || len(as) != 1 || as[0].Kind != "request.waiting" || as[0].Request != r.ID || as[0].Severity != desk.Page {
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
		as, _, err = to.Alarms(t.Context(), desktest.As("kim"), desk.AlarmFilter{})
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
		r := to.Settled("ole", to.Request("ole", desk.Wish{Kind: actions.AccountContain, Subject: "plaza:@neighbour", Reason: "raid", Until: canonical.At(to.Clock().Now().Add(20 * time.Minute))}))
		if got := alarms(t, to.World); !slices.Equal(got, []string{"emergency page"}) {
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
			got := slices.DeleteFunc(alarms(t, to.World), func(k string) bool {
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
		if got := alarms(t, to.World); !slices.Equal(got, []string{"lift.failed page"}) {
			t.Errorf("alarms %q", got)
		}
		if got := in(t, to.World, "lifts"); len(got) != 1 || got[0].Request != r.ID || !got[0].Needs() || !strings.Contains(got[0].Text, "another mark") {
			t.Errorf("%+v", got)
		}
		record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyLift, Outcome: proof.Failed, Type: "bad-token", Text: "plaza refused."})
		to.Enter(proof.Execution{Request: "brc_1", Kind: proof.KindBlind, Duty: proof.DutyWatch, Type: "platform-credentials", Text: "No.", Sight: &proof.Sight{Platform: "plaza"}}, nil)
		if got := alarms(t, to.World)[1:]; !slices.Equal(got, []string{"credential.refused page", "lift.failed page", "credential.refused page"}) {
			t.Errorf("alarms %q", got)
		}
	})
}
