package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

// judging is what a person wants to decide on a case, with all that the person has seen of it.
type judging struct {
	shown    cases.Shown
	document canonical.Digest // of shown
	claim    int64
	version  int64 // of the case, as the person saw it

	verdict  actions.CaseVerdict
	rule     *cases.Rule      // nil: none
	set      canonical.Digest // of the rule set in which the rule stands
	measures *[]v1.CaseMeasure
	reasons  string
	language string // empty: the case's
}

// seen takes what a claim shows. It refuses a document that is not the one that the claim
// names, so that nobody signs to have seen something else.
func seen(t v1.Claimed) (judging, error) {
	if canonical.DigestOf(t.Shown) != t.Claim.Document || t.Shown.Case != t.Case.ID || t.Shown.Claim != t.Claim.Number {
		return judging{}, tricked("what it shows of the case is not what the claim names")
	}
	return judging{shown: t.Shown, document: t.Claim.Document, claim: t.Claim.Number, version: t.Shown.Version}, nil
}

// judgement returns the wish for the desk, under a session or for the own key.
func (j judging) judgement(me identity, under canonical.Digest) v1.Judgement {
	out := v1.Judgement{Claim: j.claim, Version: j.version, Verdict: j.verdict, Reasons: j.reasons, Language: j.language, Measures: j.measures, Key: me.key.Key, Session: under}
	if j.rule != nil {
		out.Rule = j.rule.Number
	}
	return out
}

// draftDecision has a decision drafted, under the session that is kept if a session may sign
// all of it, and compares the draft with what the person wants.
func (s *Session) draftDecision(ctx context.Context, d deskClient, me identity, j judging) (v1.DecisionDraft, identity, error) {
	grave := j.shown.Severity == cases.Highest
	if me.session != nil && !grave {
		draft, err := d.DraftDecision(ctx, j.shown.Case, j.judgement(me, me.session.digest()))
		if err != nil {
			return draft, me, err
		}
		if why := notBySession(draft, me); why == "" {
			return draft, me, j.check(draft, me, s.Now())
		} else {
			s.Say("%s Your own key signs this decision, and not the session.", why)
		}
	} else if me.session != nil {
		s.Say("The case is of the highest severity. Your own key signs this decision, and not the session.")
	}
	kept := me.session != nil || me.away
	me, err := me.own()
	if err != nil {
		return v1.DecisionDraft{}, me, err
	}
	draft, err := d.DraftDecision(ctx, j.shown.Case, j.judgement(me, canonical.Digest{}))
	if err != nil {
		return draft, me, err
	}
	if !kept && !grave && notBySession(draft, me) == "" {
		s.offerSession()
	}
	return draft, me, j.check(draft, me, s.Now())
}

// notBySession says why a session's key may not sign a decision with its measures; empty: it
// may.
func notBySession(d v1.DecisionDraft, me identity) string {
	for _, m := range d.Measures {
		spec, ok := actions.SpecOf(m.Action.Kind)
		switch {
		case !ok || !spec.Session:
			return fmt.Sprintf("A session does not sign %s.", m.Action.Kind)
		case m.Action.Tier != actions.Standard:
			return fmt.Sprintf("The subject is %s, and a session signs for standard subjects only.", m.Action.Tier)
		}
	}
	if me.session != nil && !me.session.session().Holds(d.Decision.Signed.Statement.NotBefore.Time) {
		return "The desk's clock is outside the time of your session."
	}
	return ""
}

// check compares the draft of a decision with what the person wants and saw. A dishonest desk
// must not get a signature for something else.
func (j judging) check(d v1.DecisionDraft, me identity, now time.Time) error {
	c := d.Decision.Decision
	if err := c.Check(); err != nil {
		return tricked("%s", fault.TextOf(err))
	}
	commitment, err := d.Decision.Reasons.Commitment()
	switch {
	case c.Case != j.shown.Case || c.Claim != j.claim || c.Version != j.version:
		return tricked("it is about %s at version %d under claim %d", c.Case, c.Version, c.Claim)
	case c.Subject.Platform != j.shown.Subject.Platform || c.Subject.ID != j.shown.Subject.ID:
		return tricked("it is about %s", wording.Subject(c.Subject))
	case c.Evidence != j.document:
		return tricked("it says that you saw something else than you were shown")
	case len(c.Opened) > 0 || len(c.Scores) > 0:
		return tricked("it says that you opened media or saw scores that you did not ask for")
	case c.Verdict != j.verdict:
		return tricked("its verdict is %q", c.Verdict)
	case c.Language != cmp.Or(j.language, c.Language) || j.language == "" && j.shown.Language != "" && c.Language != j.shown.Language:
		return tricked("its language is %q", c.Language)
	case err != nil || commitment != c.Reasons || string(d.Decision.Reasons.Value) != string(canonical.MustMarshal(j.reasons)):
		return tricked("its reasons are not yours")
	case j.rule == nil && c.Rule != (actions.DecidedRule{}):
		return tricked("it names the rule %d, and you named none", c.Rule.Number)
	case j.rule != nil && (c.Rule.Number != j.rule.Number || c.Rule.Text != j.rule.TextDigest() || c.Rule.Set != j.set):
		return tricked("it names another rule, or another text of it, than you were shown")
	case len(c.Measures) != len(d.Measures):
		return tricked("it lists %d measures and shows %d", len(c.Measures), len(d.Measures))
	}
	for i, m := range d.Measures {
		if m.Action.Digest() != c.Measures[i] {
			return tricked("it lists another measure than it shows")
		}
		if err := j.checkMeasure(m, c, me, now); err != nil {
			return err
		}
	}
	if err := j.checkWanted(d, now); err != nil {
		return err
	}
	return checkDocument(d.Decision.Signed.Statement, c.Digest(), me, now)
}

// checkMeasure checks a measure by itself: that it belongs to the decision, and acts on the
// case's subject, or on the account that owns it.
func (j judging) checkMeasure(m v1.Draft, c actions.Decision, me identity, now time.Time) error {
	a := m.Action
	if err := a.Check(); err != nil {
		return tricked("%s", fault.TextOf(err))
	}
	category := actions.CategoryRules
	if j.rule != nil && j.rule.ProtectsChildren() {
		category = actions.CategoryChildSafety
	}
	spec, ok := actions.SpecOf(a.Kind)
	switch {
	case !ok || spec.Desk || a.Direction != actions.Burdening || a.Reverses != "":
		return tricked("%s is no measure", a.Kind)
	case a.Case != c.Case || a.Rule != c.Rule.Rule():
		return tricked("a measure names another case or rule")
	case a.Category != category:
		return tricked("the category of a measure is %q", a.Category)
	case j.rule == nil || !saysOne(j.rule.Reason, a.Reason):
		return tricked("a measure gives another reason than the rule does")
	case a.Command.Mark != "" && a.Command.Mark != platform.MarkOf(m.Statement.Request):
		return tricked("a measure would leave the mark %q", a.Command.Mark)
	case a.Subject.Platform != j.shown.Subject.Platform:
		return tricked("a measure is about %s", wording.Subject(a.Subject))
	case m.Statement.Decision != c.Digest():
		return tricked("the statement of a measure is about another decision")
	}
	return checkStatement(m, m.Statement.Request, proof.VerdictOf(a), me, m.Ruling.Need, now)
}

func saysOne(texts cases.Texts, text string) bool {
	for _, t := range texts {
		if t == text {
			return true
		}
	}
	return false
}

// clockLeeway is by how much the end of a usual measure may differ from this machine's count:
// the desk counts the days from its own clock.
const clockLeeway = 5 * time.Minute

// checkWanted compares the measures of a draft with those that the person asked for, or with
// the usual ones of the rule.
func (j judging) checkWanted(d v1.DecisionDraft, now time.Time) error {
	if j.verdict != actions.CaseViolation {
		if len(d.Measures) > 0 {
			return tricked("it asks for measures without a violation")
		}
		return nil
	}
	if j.measures == nil {
		usual := func(all []cases.Measure) bool {
			return slices.EqualFunc(all, d.Measures, func(m cases.Measure, got v1.Draft) bool {
				until := canonical.Time{}
				if m.Days > 0 {
					until = canonical.At(now.Add(time.Duration(m.Days) * 24 * time.Hour))
				}
				return j.is(got.Action, m.Kind, m.Value, "", until, clockLeeway)
			})
		}
		strikes := j.shown.Strikes[strconv.FormatInt(j.rule.Number, 10)]
		known := j.shown.Of != "" && j.shown.Owner != "" // whose strikes count was not known otherwise
		if known && usual(j.rule.UsualFor(j.shown.Of, strikes)) {
			return nil
		}
		for _, u := range j.rule.Usual {
			switch {
			case j.shown.Of != "" && u.Sort != j.shown.Of || !usual(u.Measures):
			case known:
				return fault.New(fault.Conflict, "strikes-moved", "The desk counts other strikes under rule %d than you were shown (%d), and so another usual measure. Nothing was signed. Look at the case again, or name the measure with --measure.", j.rule.Number, strikes)
			default:
				return nil
			}
		}
		return tricked("its measures are not the usual ones of rule %d", j.rule.Number)
	}
	if !slices.EqualFunc(*j.measures, d.Measures, func(m v1.CaseMeasure, got v1.Draft) bool {
		return j.is(got.Action, m.Kind, m.Value, m.Subject, m.Until, 0)
	}) {
		return tricked("its measures are not those that you named")
	}
	return nil
}

// is reports whether an action is a measure that was asked for.
func (j judging) is(a actions.Action, k actions.Kind, value, subject string, until canonical.Time, leeway time.Duration) bool {
	spec, ok := actions.SpecOf(k)
	if !ok || a.Kind != k {
		return false
	}
	layer, err := spec.Layer(value)
	if err != nil || a.Command.Layer != layer || a.Until.IsZero() != until.IsZero() || a.Until.Sub(until.Time).Abs() > leeway {
		return false
	}
	switch {
	case subject != "":
		return checkSubject(a.Subject, subject) == nil
	case j.shown.Of == platform.Content && spec.Sort == platform.Account:
		return j.shown.Owner == "" || a.Subject.ID == j.shown.Owner
	}
	return a.Subject.ID == j.shown.Subject.ID
}

// checkDocument checks the statement that signs a document of the signer's own.
func checkDocument(st actions.Statement, of canonical.Digest, me identity, now time.Time) error {
	switch {
	case st.V == actions.StatementV1 || st.Document != of:
		return tricked("the statement of the decision is about something else")
	case st.Signer != me.worker || st.Key != me.key.Key || st.Session != me.session.digest():
		return tricked("the statement of the decision is for another signer or key")
	case me.session != nil && st.LogName() != logOf(me.session.session()), !me.knows(st.LogName()):
		return tricked("the statement of the decision is for the desk %q, and yours is %q", st.LogName(), cmp.Or(me.log, me.origin))
	case st.Verdict != actions.VerdictDecide || st.Executor != proof.DeskExecutor || st.Request != "" || !st.Action.IsZero() || !st.Batch.IsZero() || !st.Decision.IsZero() || st.Alarm || !st.Policy.IsZero():
		return tricked("the statement of the decision says more than the decision")
	case len(st.Nonce) != 32:
		return tricked("the statement of the decision is incomplete")
	case st.Expires.Sub(st.NotBefore.Time) > proof.DocumentLife:
		return tricked("the statement of the decision would be valid for longer than %s", proof.DocumentLife)
	case st.NotBefore.Sub(now) > time.Minute, !now.Before(st.Expires.Time):
		return fault.New(fault.Conflict, "clocks-differ", "The desk's clock and this machine's differ. Set this machine's clock; nothing was signed.")
	}
	return nil
}

// caseVerdict puts a verdict in words.
func caseVerdict(v actions.CaseVerdict) string {
	switch v {
	case actions.CaseNoViolation:
		return "no violation"
	case actions.CaseNotForUs:
		return "not for us"
	}
	return string(v)
}

// showDecision shows the person all that will be signed.
func (s *Session) showDecision(j judging, d v1.DecisionDraft, me identity) {
	p := &Page{color: s.Color}
	c := d.Decision.Decision
	p.Line("You sign this decision:")
	rule := ""
	if j.rule != nil {
		rule = fmt.Sprintf("%d, %s", j.rule.Number, j.rule.Title.In("en"))
	}
	departs := ""
	if d.Departs {
		departs = "from the usual measures of the rule (" + usualWords(d.Usual) + ")"
	}
	p.Facts(
		[2]string{"case", fmt.Sprintf("%s at version %d, claim %d", c.Case, c.Version, c.Claim)},
		[2]string{"subject", wording.Subject(c.Subject)},
		[2]string{"verdict", caseVerdict(c.Verdict)},
		[2]string{"rule", rule},
		[2]string{"departs", departs},
		[2]string{"reasons", j.reasons},
		[2]string{"you saw", c.Evidence.String()},
		[2]string{"as", fmt.Sprintf("%s, with %s", d.Decision.Signed.Statement.Signer, me.with())},
		[2]string{"desk", d.Decision.Signed.Statement.LogName()},
	)
	for i, m := range d.Measures {
		p.Line("Measure %d: %s", i+1, wording.Action(m.Action))
		p.Facts(append(wording.Facts(m.Action), [2]string{"request", m.Statement.Request}, [2]string{"open until", until(m.Statement.Expires, s.Now())}, [2]string{"needs", rulingWords(m.Ruling)})...)
	}
	fmt.Fprint(s.Stderr, p.String())
}

func usualWords(all []cases.Measure) string {
	var words []string
	for _, m := range all {
		w := strings.TrimSpace(string(m.Kind) + " " + m.Value)
		if m.Owner {
			w += " on the owner's account"
		}
		if m.Days > 0 {
			w += " for " + wording.Many(int(m.Days), "day")
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// decide drafts, checks, shows, signs and hands in a decision, and waits for its measures.
func (c *signing) decide(ctx context.Context, s *Session, d deskClient, j judging) (made v1.DecisionMade, err error) {
	if j.reasons != "" {
		if err := checkReason(j.reasons); err != nil {
			return made, err
		}
	}
	log, err := s.ledgerName(ctx, d)
	if err != nil {
		return made, err
	}
	me, err := s.signer(ctx, log)
	if err != nil {
		return made, err
	}
	draft, me, err := s.draftDecision(ctx, d, me, j)
	if err != nil {
		return made, err
	}
	s.showDecision(j, draft, me)
	if err := s.Confirm("Sign and send it?", c.Yes); err != nil {
		return made, err
	}
	var failed error
	signed := draft.Sign(func(challenge [32]byte) actions.Signature {
		signature, err := me.sign(ctx, s, challenge)
		if failed == nil {
			failed = err
		}
		return signature
	})
	if failed != nil {
		return made, failed
	}
	if made, err = d.Decide(ctx, j.shown.Case, signed, min(c.Wait, v1.MaxWait*time.Second)); err != nil {
		return made, err
	}
	deadline := s.Now().Add(c.Wait)
	for i, r := range made.Requests {
		if made.Requests[i], err = d.settled(ctx, r, max(deadline.Sub(s.Now()), 0), s.Now); err != nil {
			return made, err
		}
	}
	return made, nil
}

// endOf sets the exit code for the measures of a decision.
func (s *Session) endOf(made v1.DecisionMade, wait time.Duration) {
	for _, r := range made.Requests {
		switch r.Status {
		case actions.StatusVoid, actions.StatusFailed, actions.StatusDeclined, actions.StatusFrozen, actions.StatusExpired:
			s.End(Refused)
		case actions.StatusUnknown:
			s.End(CouldNot)
		case actions.StatusApproved:
			if wait > 0 {
				s.End(CouldNot)
			}
		}
	}
}

// describeMade writes what a decision led to.
func describeMade(p *Page, made v1.DecisionMade, now time.Time) {
	if made.Proposed {
		p.Line("%s: a first verdict, without effect yet. The case %s is of the highest severity and would end with less than the usual measure: a second person judges it, a lead, and that verdict counts. It is not taken back; tell the lead if it is wrong.", made.ID, made.Case.ID)
		return
	}
	p.Line("%s: decided; the case %s is %s.", made.ID, made.Case.ID, made.Case.State)
	if made.Look {
		p.Line("That was a second look at a case that somebody else had decided. Nothing of your verdict is carried out.")
	}
	for _, r := range made.Requests {
		describeRequest(p, r, now)
	}
}
