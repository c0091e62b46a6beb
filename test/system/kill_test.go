package system

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/executor"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/workforce"
)

// act is a measure and its undo, and how to see on the platform what they did.
type act struct {
	wish    wish
	signers []workforce.WorkerID
	// changes returns what the platform did to the subject, past everything of ours.
	changes func() []desktest.Change
}

// perform takes a subject down and brings it back, whoever is killed meanwhile,
// and demands that nothing was lost and nothing done twice.
func (h *house) perform(a act) {
	h.t.Helper()
	r := h.request(a.wish)
	for _, by := range a.signers {
		h.countersign(by, r.ID)
	}
	h.settled(r.ID, actions.StatusExecuted)
	mark := platform.MarkOf(r.ID)
	if diff := cmp.Diff([]desktest.Change{{Status: platform.Down, Mark: mark}}, a.changes()); diff != "" {
		h.t.Errorf("after the measure the platform has: %s", diff)
	}
	u := h.undo(a.wish.By, r.ID)
	undone := h.settled(u.ID, actions.StatusExecuted)
	if diff := cmp.Diff([]desktest.Change{{Status: platform.Down, Mark: mark}, {Status: platform.Up}}, a.changes()); diff != "" {
		h.t.Errorf("after the undo the platform has: %s", diff)
	}
	measure := h.report(r.ID)
	if measure.Request.Status != actions.StatusReversed || measure.Request.ReversedBy != u.ID {
		h.t.Errorf("the measure is %s by %q", measure.Request.Status, measure.Request.ReversedBy)
	}
	acted := []told{{Kind: proof.KindIntent, Duty: proof.DutyAct}, {Kind: proof.KindReceipt, Duty: proof.DutyAct, Outcome: proof.Executed}}
	want := []told{{Kind: "request"}}
	for range a.signers {
		want = append(want, told{Kind: "countersign"})
	}
	want = append(want, told{Kind: "warrant"})
	undo := []told{{Kind: "request"}, {Kind: "warrant"}}
	if diff := cmp.Diff(append(want, acted...), measure.Entries); diff != "" {
		h.t.Errorf("the ledger of the measure: %s", diff)
	}
	if diff := cmp.Diff(append(undo, acted...), undone.Entries); diff != "" {
		h.t.Errorf("the ledger of the undo: %s", diff)
	}
	// One that was killed at its last step is still reading the ledger.
	until(h.t, "the executor takes burdening acts on", func() bool { return h.status().Stopped == "" })
}

// occurrence is one place between two steps: the nth time that a process comes by.
type occurrence struct {
	who string
	arming
}

func (o occurrence) String() string { return fmt.Sprintf("%s %s %d", o.who, o.Step, o.After) }

// occurrences counts the steps that a run without a kill went through.
func occurrences(who string, trace []string) (all []occurrence) {
	seen := map[string]int{}
	for _, step := range trace {
		seen[step]++
		all = append(all, occurrence{who, arming{step, seen[step]}})
	}
	return all
}

// killEverywhere performs an act once undisturbed, and once for every step of
// either process that it went through, with that process killed there.
func (h *house) killEverywhere(t *testing.T, next func() act) {
	t.Helper()
	h.arm(h.desk, arming{})
	h.arm(h.executor, arming{})
	first := next()
	h.perform(first)
	all := append(occurrences("desk", h.trace(h.desk)), occurrences("executor", h.trace(h.executor))...)
	demandAllSteps(t, all, len(first.signers) > 0)
	for _, o := range all {
		ok := t.Run(strings.ReplaceAll(o.String(), " ", "-"), func(t *testing.T) {
			outer := h.t
			h.t = t
			defer func() { h.t = outer }()
			p := h.desk
			if o.who == "executor" {
				p = h.executor
			}
			before := p.cmd.Process.Pid
			h.arm(p, o.arming)
			h.perform(next())
			// Records are handed over together if they come together: on another day an act
			// goes through fewer of these steps, and the next act comes by.
			for range o.After {
				if p.cmd.Process.Pid == before {
					h.perform(next())
				}
			}
			if p.cmd.Process.Pid == before {
				t.Errorf("the %s was not killed at %q", o.who, o.Step)
			}
		})
		if !ok {
			return // what follows would only fail for the same reason
		}
	}
}

// demandAllSteps fails if a step that exists was not gone through.
func demandAllSteps(t *testing.T, all []occurrence, countersigned bool) {
	t.Helper()
	for who, steps := range map[string][]string{
		"desk": {kernel.StepJudged, kernel.StepRequested, kernel.StepCountersigned, kernel.StepHandOver, kernel.StepHandedOver, kernel.StepRecorded},
		"executor": {executor.StepJudged, executor.StepIntended, executor.StepEntered, executor.StepAgain, executor.StepCalled, executor.StepEnded,
			executor.StepHandedOver},
	} {
		for _, s := range steps {
			if s == kernel.StepCountersigned && !countersigned {
				continue
			}
			if !slices.ContainsFunc(all, func(o occurrence) bool { return o.who == who && o.Step == s }) {
				t.Errorf("the %s never came by %q", who, s)
			}
		}
	}
}

// TestKilledOnPlaza kills the desk and the executor between every two steps of
// request, countersignatures, execution and undo of a critical takedown.
func TestKilledOnPlaza(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		square := desktest.OpenSquare(t)
		h := openHouse(t, o, platformSettings{Name: "plaza", Connector: "plaza", URL: square.URL, Secret: square.Token("executor", plaza.StaffScope)})
		n := 0
		h.killEverywhere(t, func() act {
			n++
			id := fmt.Sprintf("acct/%d", n)
			square.Post(square.Token("seed", plaza.SetupScope), "/staff/v1/accounts/bulk",
				fmt.Sprintf(`{"accounts":[{"handle":"@president%d","name":"A President","office":"head of state","followers":1}]}`, n))
			return act{wish: wish{By: "ann", Kind: actions.AccountTakedown, Subject: "plaza:" + id}, signers: []workforce.WorkerID{"lee", "kim"},
				changes: func() []desktest.Change { return square.Changes(id) }}
		})
	})
}
