package api

import (
	"maps"
	"slices"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/fault"
	rfc9457 "countersign.dev/fault/problem"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// list returns the wire form of each item, never nil.
func list[T, W any](items []T, wire func(T) W) []W {
	out := make([]W, 0, len(items))
	for _, item := range items {
		out = append(out, wire(item))
	}
	return out
}

func wishOf(w v1.Wish) (acts.Wish, error) {
	out := acts.Wish{Kind: w.Kind, Subject: w.Subject, Value: w.Value, Until: w.Until, Case: w.Case, Reason: w.Reason, Category: w.Category, Key: w.Key, Session: w.Session, Records: w.Records}
	if len(w.Change) == 0 {
		return out, nil
	}
	// A wish is not signed yet, so its members may come in any order.
	raw := w.Change.Clone()
	if err := raw.Canonicalize(); err != nil {
		return out, fault.New(fault.Invalid, "bad-action", "The change is not JSON.").Because(err)
	}
	var err error
	out.Change, err = actions.ParseChange(w.Kind, raw)
	return out, err
}

func draftOf(d acts.Draft) v1.Draft {
	out := v1.Draft{Action: d.Action, Statement: d.Statement,
		Ruling: v1.Ruling{Verdict: d.Verdict, Need: d.Need, Reasons: d.Reasons}}
	if d.Decision != nil {
		out.Decision = &v1.Decided{Decision: d.Decision.Decision, Signed: d.Decision.Signed, Reasons: d.Decision.Reasons}
	}
	for _, c := range d.Coverage {
		out.Coverage = append(out.Coverage, coverageChangeOf(c))
	}
	return out
}

func submissionOf(s v1.Submission) acts.Submission {
	out := acts.Submission{Action: s.Action, Signed: s.Signed}
	if s.Decision != nil {
		out.Decision = &acts.Decided{Decision: s.Decision.Decision, Signed: s.Decision.Signed, Reasons: s.Decision.Reasons}
	}
	for _, r := range s.Rows {
		out.Rows = append(out.Rows, acts.AdmittedRow{Row: r.Row, Openings: r.Openings})
	}
	return out
}

func requestOf(r actions.Request) v1.Request {
	out := v1.Request{ID: r.ID, Version: r.Version, Status: r.Status, Outline: r.Requester() == "", Requester: string(r.Requester()), Action: r.Action, Signed: r.Signed,
		Countersignatures: list(r.Signers, func(s actions.Signed) actions.Signed { return s }),
		Declined: list(r.Declined, func(n actions.Refusal) v1.Decline {
			return v1.Decline{Signed: n.Signed, Alarm: n.Alarm, Reason: n.Reason, At: n.At}
		}),
		Need: r.Need, Missing: r.Missing, Created: r.Created, Updated: r.Updated, Expires: r.Expires(),
		Outcome: r.Outcome, OutcomeText: r.OutcomeText, Executed: r.Executed, ReversedBy: r.ReversedBy, ReplacedBy: r.ReplacedBy, LiftedBy: r.LiftedBy, Session: r.Session}
	if spec, _ := actions.SpecOf(r.Action.Kind); !spec.Desk && !spec.Says() && !out.Outline {
		out.Layer = r.Action.Command.Layer.String()
		out.Value, _ = r.Action.Command.Layer.Label()
	}
	if r.Lapsed != nil {
		lapsed := v1.Lapse(*r.Lapsed)
		out.Lapsed = &lapsed
	}
	if r.Taken != nil {
		taken := v1.Taking(*r.Taken)
		out.Withdrawn = &taken
	}
	return out
}

func workerOf(people *workforce.Registry, at time.Time) func(workforce.Worker) v1.Worker {
	return func(w workforce.Worker) v1.Worker {
		st := people.Standing(w.Worker, at)
		return v1.Worker{ID: w.Worker, Vendor: w.Vendor, Roles: w.Roles, Team: w.Team, Manager: w.Manager, Site: w.Site, Zone: w.Zone,
			Start: w.Start, Last: w.Last, Notice: w.Notice, Admitted: w.Admitted, Founding: w.Founding, Ended: w.Ended, Entry: w.Entry,
			Standing: v1.Standing{Engaged: st.Engaged, Why: st.Why, Employee: st.Employee, InNotice: st.InNotice, Ratchet: st.Ratchet,
				Newcomer: st.Newcomer, Last: st.Last},
			Keys: []v1.Key{}}
	}
}

func keyOf(k workforce.Key) v1.Key {
	return v1.Key{ID: k.ID(), Worker: k.Worker, Algorithm: k.Algorithm, Public: k.Public, Credential: k.Credential, Hardware: k.Hardware,
		Enrolled: k.Enrolled, Revoked: k.Revoked, Entry: k.Entry}
}

func tokenOf(t desk.Token) v1.Token {
	return v1.Token{ID: t.ID, Worker: t.Worker, Key: t.Key, Name: t.Name, Created: t.Created, Expires: t.Expires, Revoked: t.Revoked}
}

func subjectOf(r acts.Subject) v1.Subject {
	out := v1.Subject{Subject: r.Subject, Sort: r.Sort, State: stateOf(r.State), Tier: r.Tier, Stands: r.Stands(), Raised: r.Raised, Confirmed: r.Confirmed, Resolution: r.Resolution,
		Why: list(r.Why, func(x proof.Reason) proof.Reason { return x }),
		Capabilities: v1.Capabilities{Facts: r.Capabilities.Facts, Labels: r.Capabilities.Labels, CompareAndSet: r.Capabilities.CompareAndSet,
			Lookup: r.Capabilities.Lookup, RequestLife: r.Capabilities.RequestLife,
			Abilities: list(r.Capabilities.Abilities, func(a platform.Ability) v1.Ability {
				return v1.Ability{Verb: a.Verb, Sort: a.Sort, Lossy: a.Lossy, Marks: a.Marks}
			})}}
	for _, l := range slices.Sorted(maps.Keys(r.Measures)) {
		m := r.Measures[l]
		out.Measures = append(out.Measures, v1.Measure{Layer: l, Request: m.ID, Kind: m.Action.Kind, Requester: m.Requester(), Executed: m.Executed, Until: m.Action.Until})
	}
	for _, l := range slices.Sorted(maps.Keys(r.Breaches)) {
		out.Breaches = append(out.Breaches, v1.Breach{Layer: l, Incident: r.Breaches[l]})
	}
	if r.Owner != nil {
		owner := stateOf(*r.Owner)
		out.Owner = &owner
	}
	return out
}

func stateOf(s platform.State) v1.State {
	out := v1.State{Status: s.Status, Mark: s.Mark, Rev: s.Rev, Facts: s.Facts, Unread: s.Unread, Seen: s.Seen}
	for _, l := range slices.Sorted(maps.Keys(s.Layers)) {
		x := s.Layers[l]
		out.Layers = append(out.Layers, v1.Layer{Layer: l, Status: x.Status, Mark: x.Mark, Rev: x.Rev})
	}
	return out
}

func reportOf(r policy.Report) v1.PolicyReport {
	return v1.PolicyReport{Digest: r.Digest, Policies: r.Policies, Holds: r.Holds, Tests: r.Tests,
		Problems: rfc9457.DetailsOf(r.Problems), Warnings: rfc9457.DetailsOf(r.Warnings)}
}

func entryOf(e desk.EntryView) v1.Entry {
	return v1.Entry{Index: e.Index, Class: string(e.Class), Number: e.Number, Kind: e.Kind, Time: e.Time, Data: canonical.Raw(e.Data)}
}

func executorOf(s linkv1.ExecutorStatus) *v1.ExecutorStatus {
	return &v1.ExecutorStatus{Executor: s.Executor, Size: s.Size, Governance: s.Governance, Clock: s.Clock, Stopped: s.Stopped, Platforms: s.Platforms, Watches: s.Watches, Facts: s.Facts, Labels: s.Labels}
}
