package proof

import (
	"slices"
	"time"

	"countersign.dev/actions"
)

// decided checks that an action is a measure of the decision that its request names: the
// decision lists the action, the same person signed both, and both are about the same case,
// rule and subject. An action without a case has no decision. An action of version 1 names
// none: its case is a text.
func (s *State) decided(a askWithDigest) error {
	st, d := a.Request.Statement, a.Decision
	if a.Action.V == actions.ActionV1 {
		if d != nil {
			return refuse("bad-decision", "An action of version 1 is no measure of a decision, and comes without one.")
		}
		return nil
	}
	if a.Action.Case == "" && st.Decision.IsZero() && d == nil {
		if a.Action.Rule != (actions.Rule{}) {
			return refuse("no-decision", "The action names a rule but no case. A rule is applied by the decision of a case.")
		}
		return nil
	}
	if a.Action.Case == "" || d == nil || st.Decision.IsZero() {
		return refuse("no-decision", "A measure of a case comes with the signed decision that lists it, and with no case there is no decision.")
	}
	bad := func(what string) error {
		return refuse("bad-decision", "The decision does not fit the measure of %s: %s.", st.Signer, what)
	}
	c := d.Decision
	if err := c.Check(); err != nil {
		return err
	}
	digest := c.Digest()
	switch {
	case digest != st.Decision:
		return bad("it is another decision than the one that the request names")
	case !slices.Contains(c.Measures, a.action):
		return bad("it does not list the measure")
	case d.Signed.Statement.Signer != st.Signer:
		return bad("somebody else signed it")
	case twoSessions(st, d.Signed.Statement):
		return bad("it was signed under another session than the request")
	case c.Case != a.Action.Case:
		return bad("it is about another case")
	case c.Rule.Rule() != a.Action.Rule:
		return bad("it names another rule")
	case c.Subject.Platform != a.Action.Subject.Platform || c.Subject.ID != a.Action.Subject.ID && !a.Belongs:
		return bad("the measure's subject is neither the decision's, nor the account that owns it, nor other content of that account")
	}
	u := decisionUse(a.tier(), a.entered())
	u.goesOn = a.goesOn()
	return s.document(d.Signed, digest, actions.VerdictDecide, a.Sessions, u, a.keysAt(), bad)
}

// decisionUse is the use that a decision with a measure makes of a session. It is good as
// far as the measure is: above standard it takes the person's own key.
func decisionUse(tier actions.Tier, entered time.Time) use {
	return use{what: "a decision with a measure", allowed: true, tiered: true, tier: tier, entered: entered}
}

// twoSessions reports whether two statements are signed under two different sessions.
func twoSessions(a, b actions.Statement) bool {
	return !a.Session.IsZero() && !b.Session.IsZero() && a.Session != b.Session
}

// MayDecide checks the signed statement of a decision at the instant at which it is made: it
// is about this decision and this ledger, and is signed with a live key of an engaged worker,
// or under a session of theirs. A decision without a measure may be signed under a session
// whatever the tier, unless grave says that its case is of the highest severity. A measure
// asks for more; see Judge.
func (s *State) MayDecide(d actions.SignedDecision, sessions []actions.SignedSession, grave bool, at time.Time) error {
	bad := func(what string) error {
		return refuse("bad-decision", "What %s signed does not fit the decision: %s.", d.Signed.Statement.Signer, what)
	}
	if err := d.Decision.Check(); err != nil {
		return err
	}
	if err := namesSessions(sessions, d.Signed.Statement); err != nil {
		return err
	}
	u := use{what: "a decision on a case of the highest severity", allowed: !grave, entered: at}
	return s.document(d.Signed, d.Decision.Digest(), actions.VerdictDecide, sessions, u, at, bad)
}
