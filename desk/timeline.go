package desk

import (
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// mostBreaches is how many breaches of one incident a timeline shows, from the
// first on; it says how many it leaves out.
const mostBreaches = 200

// timeline gathers what happened, from the entries about it, and since when the
// subject was in the contested state and until when.
func (d *Desk) timeline(stx *store.Tx, s *proof.State, i incident.Incident, c act) (ms []incident.Moment, down, up canonical.Time, err error) {
	names := []string{i.ID}
	if i.Cause == incident.Contested {
		r, err := stx.Request(i.Request)
		if err != nil {
			return nil, down, up, err
		}
		names = append(names, r.ID)
		if c.platform() && r.Action.Direction == actions.Burdening {
			down = r.Executed
		}
		if r.ReversedBy != "" {
			names = append(names, r.ReversedBy)
			undo, err := stx.Request(r.ReversedBy)
			if err != nil {
				return nil, down, up, err
			}
			up = undo.Executed
		} else if r.Status == actions.StatusLifted {
			up = r.Updated
		}
	} else {
		bs, err := stx.Breaches(i.ID, mostBreaches+1)
		if err != nil {
			return nil, down, up, err
		}
		for n, b := range bs {
			if n == mostBreaches {
				all, err := stx.CountBreaches(i.ID)
				if err != nil {
					return nil, down, up, err
				}
				ms = append(ms, incident.Moment{At: b.Seen, Step: incident.StepOther, Source: incident.FromDesk, Entry: -1,
					Text: fmt.Sprintf("%d more breaches of the same subject follow, which this timeline leaves out.", all-mostBreaches)})
				break
			}
			names = append(names, b.ID)
		}
		if len(bs) > 0 {
			down, up = bs[0].Seen, bs[len(bs)-1].Restored
		}
		t, err := tell(stx, i)
		if err != nil {
			return nil, down, up, err
		}
		if t.sight != nil && t.sight.Warrant != "" {
			names = append(names, t.sight.Warrant)
		}
	}
	seen := map[int64]bool{}
	for _, name := range names {
		entries, err := stx.EntriesAbout(name, canonical.Time{}, mostEntries)
		if err != nil {
			return nil, down, up, err
		}
		for _, e := range entries {
			if seen[e.Index] || len(e.BodyBytes) == 0 {
				continue
			}
			seen[e.Index] = true
			m, err := momentOf(e, name)
			if err != nil {
				return nil, down, up, fmt.Errorf("entry %d: %w", e.Index, err)
			}
			if m.Step != "" {
				ms = append(ms, m)
			}
			if at := changedAt(e); !at.IsZero() {
				ms = append(ms, incident.Moment{At: at, Step: incident.StepChanged, Source: incident.FromPlatform, Entry: -1, Request: name,
					Text: "The platform dates the change so."})
				if i.Cause == incident.Breach && at.Before(down.Time) {
					down = at
				}
			}
		}
	}
	for _, f := range s.Freezes {
		if concerns(f, i.Subject) && !f.At.Before(c.at.Time) {
			ms = append(ms, incident.Moment{At: f.At, Step: incident.StepFrozen, Who: f.By, Source: incident.FromDesk, Entry: -1, Request: f.Request,
				Text: "Burdening acts were frozen: " + f.Key() + "."})
		}
	}
	slices.SortStableFunc(ms, compareMoments)
	return ms, down, up, nil
}

// changedAt returns when the platform says that what a breach tells of happened;
// zero if the entry does not say.
func changedAt(e ledger.Entry) canonical.Time {
	if e.Body.Kind != proof.KindBreach && e.Body.Kind != proof.KindTold {
		return canonical.Time{}
	}
	x, err := proof.ParseExecution(e.Body)
	if err != nil || x.Execution.Sight == nil {
		return canonical.Time{}
	}
	return x.Execution.Sight.Changed
}

// concerns reports whether a freeze stops acts on a subject, whoever asks.
func concerns(f proof.Frozen, s platform.Subject) bool {
	return f.Scope == actions.ScopeAll || f.Scope == actions.ScopePlatform && f.Of == s.Platform
}

// momentOf says what an entry tells; its Step is empty if it tells nothing of
// what happened.
func momentOf(e ledger.Entry, about string) (incident.Moment, error) {
	m := incident.Moment{At: e.Body.Time, Source: incident.FromLedger, Entry: e.Index, Request: about}
	if e.Leaf.Class == ledger.Execution {
		return executionMoment(m, e)
	}
	if e.Leaf.Class == ledger.Governance {
		return governanceMoment(m, e)
	}
	read := func(into any) error { return canonical.Unmarshal(e.Body.Data, into) }
	switch e.Body.Kind {
	case "request":
		var r proof.RequestRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepAsked, r.Signed.Statement.Signer, fmt.Sprintf("asked for %s, %s; it was %s", r.Act.Kind, r.Act.Tier, r.Status)
	case "countersign", "decline":
		var v proof.VerdictRecord
		if err := read(&v); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepSigned, v.Signed.Statement.Signer, "countersigned; it was "+string(v.Status)
		if e.Body.Kind == "decline" {
			m.Step, m.Text = incident.StepDeclined, "declined"
			if v.Alarm {
				m.Text = "declined and raised an alarm"
			}
		}
	case "withdraw", "expire":
		var r endRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepOther, r.Worker, "the request is "+string(r.Status)
	case proof.KindWarrant:
		var r proof.Record
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Text = incident.StepApproved, fmt.Sprintf("every slot is filled: the warrant of %s, ruled by %s", r.Requester, r.Policy)
	case "incident":
		var r incidentRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepOpened, r.Worker, "the incident was opened"
	case "alarm":
		var r alarmRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Text = incident.StepAlarmed, fmt.Sprintf("alarm (%s, %s): %s", r.Kind, r.Severity, r.Text)
	case "incident-task", "incident-task-done":
		var r taskRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepOther, r.Worker, fmt.Sprintf("gave %s the task %d", r.Owner, r.Number)
		if e.Body.Kind == "incident-task-done" {
			m.Text = fmt.Sprintf("finished the task %d", r.Number)
		}
	case "incident-findings":
		var r findingsRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepOther, r.Worker, "proposed findings, "+r.Findings.String()
	case "taken-refused":
		var r takenRecord
		if err := read(&r); err != nil {
			return m, err
		}
		m.Step, m.Who, m.Text = incident.StepOther, r.Worker, fmt.Sprintf("what the executor took directly was not entered: %s (%s)", r.Kind, r.Type)
	}
	return m, nil
}

// governanceMoment is a change of the desk.
func governanceMoment(m incident.Moment, e ledger.Entry) (incident.Moment, error) {
	var a proof.Authority
	if e.Body.Kind == proof.KindTaken {
		var taken proof.SignedExecution
		if err := canonical.Unmarshal(e.Body.Data, &taken); err != nil {
			return m, err
		}
		a, m.At = *taken.Execution.Taken, taken.Execution.At
	} else if err := canonical.Unmarshal(e.Body.Data, &a); err != nil {
		return m, err
	}
	m.Step, m.Who, m.Text = incident.StepExecuted, a.Request.Statement.Signer, fmt.Sprintf("the desk was changed: %s", a.Action.Kind)
	switch a.Action.Kind {
	case actions.DeskReview:
		m.Step, m.Text = incident.StepClosed, "the review is closed"
	case actions.DeskFreeze:
		if a.Action.Direction == actions.Relieving {
			m.Step, m.Text = incident.StepFrozen, "burdening acts were frozen"
		}
	}
	return m, nil
}

// executionMoment is what the executor did or saw, by its clock.
func executionMoment(m incident.Moment, e ledger.Entry) (incident.Moment, error) {
	signed, err := proof.ParseExecution(e.Body)
	if err != nil {
		return m, err
	}
	x := signed.Execution
	m.At, m.Request = x.At, x.Request
	came := fmt.Sprintf("%s: %s", x.Outcome, outcomeType(x))
	if x.Text != "" {
		came += " (" + x.Text + ")"
	}
	restores := x.Duty == proof.DutyRestore
	switch {
	case x.Kind == proof.KindBreach:
		m.At, m.Step = x.Sight.Seen, incident.StepSeen
		m.Text = fmt.Sprintf("the watch saw it %s, by %s; expected was %s", platform.Describe(x.Sight.Found.Status, x.Sight.Found.Mark), x.Sight.Via,
			platform.Describe(x.Sight.Expected.Status, x.Sight.Expected.Mark))
	case x.Kind == proof.KindTold:
		m.Step, m.Text = incident.StepOther, "the platform has told with which credential it was done"
	case x.Kind == proof.KindIntent && restores:
		m.Step, m.Text = incident.StepRestoring, "the executor is about to lift it, under the standing order "+x.Sight.Order
	case x.Kind == proof.KindIntent && x.Duty == proof.DutyLift:
		m.Step, m.Text = incident.StepRestoring, "the executor is about to lift it: its time has come"
	case x.Kind == proof.KindIntent:
		m.Step, m.Text = incident.StepIntended, "the executor is about to act on the warrant"
	case x.Outcome == proof.Executed && (restores || x.Duty == proof.DutyLift):
		m.Step, m.Text = incident.StepRestored, "read back: "+platform.Describe(x.After.Status, x.After.Mark)
	case x.Outcome == proof.Executed && x.After.Status == platform.Up:
		m.Step, m.Text = incident.StepReversed, "read back: "+platform.Describe(x.After.Status, x.After.Mark)
	case x.Outcome == proof.Executed:
		m.Step, m.Text = incident.StepExecuted, "read back: "+platform.Describe(x.After.Status, x.After.Mark)
	default:
		m.Step, m.Text = incident.StepOther, came
	}
	return m, nil
}
