package entry

import (
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Said is what a person signed in an entry of the desk.
type Said struct {
	actions.Signed
	Sessions []actions.SignedSession // those that the statements may name
	Act      *Act                    // the act that was asked for; nil unless it is a request
	Deed     *actions.SignedDeed     // the deed; nil unless it is one
	Decided  *actions.Signed         // the statement of the decision that a request names; nil if it names none
}

// Session returns the session that the statement names; nil if it names none, or if the
// session is not among Sessions.
func (s Said) Session() *actions.Session { return actions.SessionNamed(s.Statement, s.Sessions) }

func saidBy(d actions.SignedDeed) *Said {
	out := &Said{Signed: d.Signed, Deed: &d}
	if d.Session != nil {
		out.Sessions = []actions.SignedSession{*d.Session}
	}
	return out
}

func bad(format string, args ...any) error {
	return fault.New(fault.Forbidden, "bad-entry", format, args...)
}

// verdicts are the verdicts that a statement in an entry of a kind may have.
var verdicts = map[string][]actions.Verdict{
	KindRequest:     {actions.VerdictRequest, actions.VerdictReverse, actions.VerdictFreeze},
	KindCountersign: {actions.VerdictCountersign},
	KindDecline:     {actions.VerdictDecline},
	KindWithdraw:    {actions.VerdictWithdraw},
}

// SaidIn returns what a person signed in an entry of the desk of a kind, with its data and
// the commitments to its sealed fields. persons reports whether the entry is an act of a
// person that has to be signed; said is then nil only in entries from before such acts were
// signed, and for the end of a token. Reads are no such acts, nor is anything that the clock, the watch or the desk did.
// The signature itself is not checked. An entry that says something else than its statement
// is a fault of type "bad-entry".
func SaidIn(kind string, data canonical.Raw, sealed map[string]canonical.Digest) (said *Said, persons bool, err error) {
	switch kind {
	case KindRequest:
		var r Request
		if err := canonical.UnmarshalExact(data, &r); err != nil {
			return nil, true, err
		}
		said, err = r.Said()
		return said, true, err
	case KindCountersign, KindDecline:
		var r Verdict
		if err := canonical.UnmarshalExact(data, &r); err != nil {
			return nil, true, err
		}
		said, err = r.Said(kind)
		return said, true, err
	case KindExpire, KindVoid:
		var r End
		if err := canonical.UnmarshalExact(data, &r); err != nil {
			return nil, true, err
		}
		return nil, r.Worker != "", nil // the clock or the executor ended it; only a lying desk names a person
	case KindWithdraw:
		var r End
		if err := canonical.UnmarshalExact(data, &r); err != nil {
			return nil, true, err
		}
		return withdrawal(r, sealed)
	case KindIncident:
		var o Incident
		if err := canonical.UnmarshalExact(data, &o); err != nil {
			return nil, true, err
		}
		if o.Worker == "" && o.Cause == "breach" {
			return nil, false, nil // the watch opened it
		}
		return deed(kind, o.Deed, o.Worker, actions.Deed{What: actions.DeedOpenIncident, Of: o.Request}, sealed)
	case KindIncidentTask, KindIncidentTaskDone:
		var x IncidentTask
		if err := canonical.UnmarshalExact(data, &x); err != nil {
			return nil, true, err
		}
		want := actions.Deed{What: actions.DeedAssignTask, Of: x.Incident, To: x.Owner}
		if kind == KindIncidentTaskDone {
			want = actions.Deed{What: actions.DeedFinishTask, Of: actions.TaskOf(x.Incident, x.Number)}
		}
		return deed(kind, x.Deed, x.Worker, want, sealed)
	case KindOwnAccounts:
		var o OwnAccounts
		if err := canonical.UnmarshalExact(data, &o); err != nil {
			return nil, true, err
		}
		// The entry seals nothing: what opens the deed is the worker's.
		return deed(kind, o.Deed, o.Worker, actions.Deed{What: actions.DeedAccounts, Of: string(o.Worker)},
			map[string]canonical.Digest{actions.DeedAccounts.SealedBy(): o.Deed.Deed.Text})
	case KindChannel:
		var c Channel
		if err := canonical.UnmarshalExact(data, &c); err != nil {
			return nil, true, err
		}
		return deed(kind, c.Deed, c.Worker, actions.Deed{What: actions.DeedChannel, Of: string(c.Worker)},
			map[string]canonical.Digest{actions.DeedChannel.SealedBy(): c.Deed.Deed.Text})
	case KindIncidentFindings:
		var f IncidentFindings
		if err := canonical.UnmarshalExact(data, &f); err != nil {
			return nil, true, err
		}
		return deed(kind, f.Deed, f.Worker, actions.Deed{What: actions.DeedFindings, Of: f.Incident}, sealed)
	}
	return nil, false, nil
}

// Said is SaidIn of a request's entry that was read already.
func (r Request) Said() (*Said, error) {
	if err := r.misdecided(); err != nil {
		return nil, err
	}
	return statement(KindRequest, r.Request, &Said{Signed: r.Signed, Sessions: r.Sessions, Act: &r.Act, Decided: r.Decided})
}

// Said is SaidIn of an entry of a kind, a countersignature or a decline, that was read already.
func (r Verdict) Said(kind string) (*Said, error) {
	if st := r.Signed.Statement; st.V != actions.StatementV1 && r.Alarm != st.Alarm {
		return nil, bad("The entry and what %s signed differ on whether there is an alarm.", st.Signer)
	}
	return statement(kind, r.Request, &Said{Signed: r.Signed})
}

func statement(kind, request string, s *Said) (*Said, error) {
	if st := s.Statement; st.Request != request || !slices.Contains(verdicts[kind], st.Verdict) || st.Alarm && kind != KindDecline {
		return nil, bad("An entry of kind %s holds a statement about something else.", kind)
	}
	return s, nil
}

// misdecided returns the refusal of a request that names a decision and does not hold its
// statement, or holds another one.
func (r Request) misdecided() error {
	st := r.Signed.Statement
	switch d := r.Decided; {
	case d == nil && st.Decision.IsZero():
		return nil
	case d == nil || d.Statement.Document != st.Decision || d.Statement.Signer != st.Signer || d.Statement.Verdict != actions.VerdictDecide || st.Decision.IsZero():
		return bad("The request names a decision, and its entry does not hold that decision's statement.")
	}
	return nil
}

// withdrawal is SaidIn for the end of a request by its requester. Withdrawals were not
// signed at first; from version 2 on they are deeds.
func withdrawal(r End, sealed map[string]canonical.Digest) (*Said, bool, error) {
	switch {
	case r.Deed != nil:
		return deed(KindWithdraw, *r.Deed, r.Worker, actions.Deed{What: actions.DeedWithdraw, Of: r.Request}, sealed)
	case r.Signed.Statement.V == "":
		return nil, true, nil
	case r.Signed.Statement.V != actions.StatementV1:
		return nil, true, bad("From version 2 on a withdrawal is a deed, and this one is not.")
	case r.Worker != r.Signed.Statement.Signer:
		return nil, true, bad("An entry says that %s withdrew the request, and %s signed.", r.Worker, r.Signed.Statement.Signer)
	}
	said, err := statement(KindWithdraw, r.Request, &Said{Signed: r.Signed})
	return said, true, err
}

// deed is SaidIn for an entry that holds a deed. The entry must agree with the deed, and
// seal the text to which the deed commits. Deeds were not signed at first, and the watch
// opens incidents too.
func deed(kind string, d actions.SignedDeed, by workforce.WorkerID, want actions.Deed, sealed map[string]canonical.Digest) (*Said, bool, error) {
	st := d.Signed.Statement
	switch {
	case d.Deed.V == "" && st.V == "":
		return nil, true, nil
	case d.Deed.V != actions.DeedVersion || !d.Deed.Says(want) || st.Signer != by || st.Verdict != want.What.Verdict() || st.Request != "" || st.Names() != d.Deed.Digest() ||
		d.Deed.Text != sealed[want.What.SealedBy()]:
		return nil, true, bad("An entry of kind %s holds a deed that says something else.", kind)
	}
	return saidBy(d), true, nil
}
