package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
	"countersign.dev/workforce/workforcetest"
)

// restart imports some people of the cast again, as if they had begun at an instant.
func restart(w *desktest.World, at time.Time, who ...workforce.WorkerID) {
	var again []workforce.Record
	for _, p := range workforcetest.Records(w.Clock().Now()) {
		if slices.Contains(who, p.Worker) {
			p.Start = canonical.At(at)
			if slices.Contains(desktest.Specialists, p.Worker) {
				p.Roles = append(p.Roles, workforce.Specialist)
			}
			again = append(again, p)
		}
	}
	w.Admit(false, again...)
}

// TestNewcomersAreToldWhy: whoever may not work on a queue, or a case, since they are new here is
// told so, and from when on they may; whoever is kept out for another reason is told nothing new.
func TestNewcomersAreToldWhy(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		of.Clock().Hold()
		began := of.Clock().Now().Truncate(time.Second)
		restart(of.World, began, "ann")
		day := began.Add(workforce.Settle).UTC().Format("2 January 2006 15:04 UTC")
		find := func(by workforce.WorkerID, subject string, reason cases.Reason) casework.Received {
			t.Helper()
			got, err := of.Desk.Find(t.Context(), desktest.As(by), cases.Report{ExternalID: subject, Subject: platform.Subject{Platform: "plaza", ID: subject}, Reason: string(reason), Text: "Seen.", Scores: []cases.Score{}})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		grave := find("ann", "post/1", "ViolenceThreats")
		if !strings.Contains(grave.KeptOut, day) {
			t.Errorf("of the case that her finding opened ann is told %q", grave.KeptOut)
		}
		if got := find("ann", "post/2", "MisleadingSpam"); got.KeptOut != "" {
			t.Errorf("of a case that she may judge ann is told %q", got.KeptOut)
		}
		if got := find("bob", "post/3", "ViolenceThreats"); got.KeptOut != "" {
			t.Errorf("who is no newcomer is told %q", got.KeptOut)
		}
		other := of.Flag("r1", "post/4", "ViolenceThreats", "acct/9").Case.ID
		for what, try := range map[string]func(workforce.WorkerID) error{
			"claim her own finding": func(w workforce.WorkerID) error {
				_, err := of.Desk.Claim(t.Context(), desktest.As(w), grave.Case.ID)
				return err
			},
			"read a case": func(w workforce.WorkerID) error {
				_, err := of.Desk.Case(t.Context(), desktest.As(w), other)
				return err
			},
			"the next case of the queue": func(w workforce.WorkerID) error {
				_, err := of.Desk.Next(t.Context(), desktest.As(w), "safety")
				return err
			},
			"list the queue": func(w workforce.WorkerID) error {
				_, _, err := of.Desk.Cases(t.Context(), desktest.As(w), casework.Filter{Queue: "safety"})
				return err
			},
		} {
			err := try("ann")
			refused(t, err, "newcomer")
			if text := fault.TextOf(err); !strings.Contains(text, day) {
				t.Errorf("%s: %s", what, text)
			}
		}
		// Somebody whom the policy keeps out for another reason as well learns nothing.
		_, err := of.Desk.Claim(t.Context(), desktest.As("ann"), "cas_none")
		refused(t, err, "no-such-case")
		_, err = of.Desk.Next(t.Context(), desktest.As("ann"), "none")
		refused(t, err, "no-such-queue")
		of.Clock().Advance(workforce.Settle + time.Minute)
		if taken, err := of.Desk.Next(t.Context(), desktest.As("ann"), "safety"); err != nil || taken.Case.Queue != "safety" {
			t.Errorf("after her first days: %+v, %v", taken.Case, err)
		}
	})
}

// TestNewOutsidersLearnNothing (law 11): a newcomer whom the policy will keep out of a queue also
// afterwards is not told that a case is there.
func TestNewOutsidersLearnNothing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		grave := of.Flag("r1", "post/4", "ViolenceThreats", "acct/9").Case.ID
		out := workforce.WorkerID("ole") // on call, and no agent
		restart(of.World, of.Clock().Now(), out)
		_, err := of.Desk.Case(t.Context(), desktest.As(out), grave)
		refused(t, err, "no-such-case")
		_, _, err = of.Desk.Cases(t.Context(), desktest.As(out), casework.Filter{Queue: "safety"})
		refused(t, err, "no-such-queue")
	})
}

// TestQueuesThatNobodyWorksIn stand in the matters, with the day from which on somebody may.
func TestQueuesThatNobodyWorksIn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		of.Clock().Hold()
		if got := in(t, of.World, "queues"); len(got) != 0 {
			t.Fatalf("before: %+v", got)
		}
		began := of.Clock().Now().Truncate(time.Second)
		var all []workforce.WorkerID
		for i, p := range workforcetest.Records(began) {
			all = append(all, p.Worker)
			restart(of.World, began.Add(-time.Duration(i)*time.Minute), p.Worker)
		}
		got := in(t, of.World, "queues")
		if len(got) != 1 || !got[0].Needs() || !strings.Contains(got[0].Text, "queue safety before ") {
			t.Fatalf("all are new: %+v", got)
		}
		if first := got[0].Do; !slices.ContainsFunc(all, func(w workforce.WorkerID) bool { return strings.HasPrefix(first, string(w)+" is the first") }) || !strings.Contains(first, "start") {
			t.Errorf("to do: %s", first)
		}
		of.Clock().Advance(workforce.Settle)
		if got := in(t, of.World, "queues"); len(got) != 0 {
			t.Errorf("after their first days: %+v", got)
		}
	})
}
