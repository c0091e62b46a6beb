package casework

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Judgement is what the holder of a claim decides, before it is a decision.
type Judgement struct {
	Claim    int64
	Version  int64 // of the case, as it was shown
	Verdict  actions.CaseVerdict
	Rule     int64 // 0: none
	Reasons  string
	Language string // empty: the case's
	Opened   []canonical.Digest
	// Measures are those that are asked for; nil: the usual ones of the rule.
	Measures []Measure
	Until    canonical.Time
	Key      workforce.KeyID
	Session  canonical.Digest
}

// Measure is one measure that a decision asks for.
type Measure struct {
	Kind    actions.Kind
	Value   string // of a label
	Subject string // "plaza:@handle"; empty: the case's subject, or its owner's account where the kind acts on accounts
	Until   canonical.Time
}

// Drafted is a decision that the caller may sign, with its measures.
type Drafted struct {
	Decision acts.Decided
	Measures []acts.Draft
	Departs  bool // from the usual measures of the rule
	Usual    []cases.Measure
	Title    string // of the rule
}

// DraftDecision turns a judgement into a decision with its measures, and the statements to
// sign. It stores nothing.
func (d *Room) DraftDecision(ctx context.Context, by kernel.Caller, id string, j Judgement) (Drafted, error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return Drafted{}, err
	}
	st, rules, _, err := d.atWork(ctx, s, by)
	if err != nil {
		return Drafted{}, err
	}
	c, claim, err := d.held(ctx, s, st, by, id, j.Claim)
	if err != nil {
		return Drafted{}, err
	}
	if ctx, err = d.asShown(ctx, c); err != nil {
		return Drafted{}, err
	}
	if err := c.Moved(j.Version); err != nil {
		return Drafted{}, err
	}
	if err := d.Unedited(ctx, c); err != nil {
		return Drafted{}, err
	}
	out := Drafted{}
	v := acts.Verdict{Case: c.ID, Version: c.Version, Claim: j.Claim, Subject: c.Subject, Evidence: claim.Document, Language: j.Language, Opened: sorted(j.Opened), Verdict: j.Verdict,
		Reasons: j.Reasons, Key: j.Key, Session: j.Session, Scores: []actions.Score{}}
	if v.Language == "" {
		v.Language = c.Language
	}
	var wishes []acts.Wish
	if j.Rule != 0 {
		rule, err := ruleNamed(rules, j.Rule)
		if err != nil {
			return Drafted{}, err
		}
		v.Rule = actions.DecidedRule{Number: rule.Number, Text: rule.TextDigest(), Set: s.Rules.Digest}
		out.Title = rule.Title.In("en")
		if j.Verdict == actions.CaseViolation {
			if wishes, out.Usual, err = d.wishes(ctx, s, c, rule, j); err != nil {
				return Drafted{}, err
			}
		}
	}
	if err := d.fits(j, len(wishes)); err != nil {
		return Drafted{}, err
	}
	if out.Decision, out.Measures, err = d.acts.DraftMeasures(ctx, by, v, wishes); err != nil {
		return Drafted{}, err
	}
	var asked []actions.Action
	for _, m := range out.Measures {
		asked = append(asked, m.Action)
	}
	out.Departs = j.Verdict == actions.CaseViolation && departs(out.Usual, asked, c.Subject.ID)
	if out.Departs && strings.TrimSpace(j.Reasons) == "" {
		return Drafted{}, fault.New(fault.Invalid, "reason-needed", "These are not the usual measures of rule %d (%s). Say why you depart from them, with --reason.", j.Rule, describeUsual(out.Usual))
	}
	return out, nil
}

func sorted(all []canonical.Digest) []canonical.Digest {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b canonical.Digest) int { return slices.Compare(a[:], b[:]) })
	out = slices.Compact(out)
	if out == nil {
		out = []canonical.Digest{}
	}
	return out
}

// ruleNamed returns a rule in force.
func ruleNamed(rules *cases.RuleSet, number int64) (*cases.Rule, error) {
	rule, ok := rules.Rule(number)
	switch {
	case ok:
		return rule, nil
	case rules.Withdrawn(number):
		return nil, fault.New(fault.Conflict, "rule-retired", "Rule %d is retired. Decide under one that is in force: `countersign rule list`.", number)
	}
	return nil, fault.New(fault.NotFound, "no-such-rule", "There is no rule %d. Those in force: `countersign rule list`.", number)
}

// fits refuses a judgement whose parts do not fit together.
func (d *Room) fits(j Judgement, measures int) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-decision", format, args...)
	}
	switch {
	case j.Verdict == actions.CaseViolation && j.Rule == 0:
		return bad("A violation is one of a rule. Name it: --rule NUMBER.")
	case j.Verdict != actions.CaseViolation && len(j.Measures) > 0:
		return bad("Only a violation has measures.")
	case j.Verdict == actions.CaseNeedMore:
		return bad("To need more is no decision yet. Ask with `countersign case ask CASE --question TEXT --specialist`, or escalate the case.")
	case measures > actions.MaxMeasures:
		return bad("A decision has %d measures at most.", actions.MaxMeasures)
	case len(j.Reasons) > actions.MaxText:
		return bad("The reasons have %d bytes at most.", actions.MaxText)
	}
	if strings.TrimSpace(j.Reasons) != "" {
		return prose.Check("The reasons", j.Reasons)
	}
	return nil
}

// wishes returns the measures that a judgement asks for, and the usual ones of its rule.
func (d *Room) wishes(ctx context.Context, s *proof.State, c cases.Case, rule *cases.Rule, j Judgement) (wishes []acts.Wish, usual []cases.Measure, err error) {
	of, account, gone := c.Of, c.Owner, false
	switch reading, err := d.desk.Read(ctx, s, c.Subject.String()); {
	case err == nil:
		of, account = reading.Sort, reading.Account()
		if err := d.saw(ctx, c, reading); err != nil {
			return nil, nil, err
		}
	case fault.Is(err, "no-such-subject") && of != "":
		gone = true // since it was copied
	default:
		return nil, nil, err
	}
	var strikes map[int64]int64
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		strikes, err = d.strikes(stx, c, account)
		return err
	}); err != nil {
		return nil, nil, err
	}
	usual = rule.UsualFor(of, strikes[rule.Number])
	reason := rule.Reason.In(c.Language)
	owner := ""
	if account != "" {
		owner = platform.Subject{Platform: c.Subject.Platform, ID: account}.String()
	}
	wish := func(kind actions.Kind, value, subject string, until canonical.Time) (acts.Wish, error) {
		spec, ok := actions.SpecOf(kind)
		if !ok || spec.Desk {
			return acts.Wish{}, fault.New(fault.Invalid, "unknown-kind", "There is no measure %q.", kind)
		}
		switch {
		case gone: // nobody can prove any more whose it was, so that its account is not acted on either
			return acts.Wish{}, fault.New(fault.NotFound, "no-such-subject", "%s is gone since it was copied: there is nothing left for %s to act on, and nobody can prove any more whose it was. Decide without a measure: `countersign case decide %s --verdict violation --rule %d --measure none --reason WHY`. For what its account does, open a case about the account.", c.Subject, kind, c.ID, rule.Number)
		case subject != "":
		case spec.Sort == platform.Account && of != platform.Account:
			if owner == "" {
				return acts.Wish{}, fault.New(fault.Unsupported, "no-owner", "%s does not tell whose %s is, so that %s has no account to act on.", c.Subject.Platform, c.Subject, kind)
			}
			subject = owner
		default:
			subject = c.Subject.String()
		}
		return acts.Wish{Kind: kind, Value: value, Subject: subject, Until: until, Reason: reason, Category: category(rule)}, nil
	}
	if j.Measures == nil {
		for _, m := range usual {
			until := canonical.Time{}
			if m.Days > 0 {
				until = canonical.At(d.desk.Now().Add(time.Duration(m.Days) * 24 * time.Hour))
			}
			w, err := wish(m.Kind, m.Value, "", until)
			if err != nil {
				return nil, usual, err
			}
			wishes = append(wishes, w)
		}
		return wishes, usual, nil
	}
	for _, m := range j.Measures {
		w, err := wish(m.Kind, m.Value, m.Subject, m.Until)
		if err != nil {
			return nil, usual, err
		}
		wishes = append(wishes, w)
	}
	return wishes, usual, nil
}

// category is the category of the measures under a rule: those for the safety of children are
// not lifted by one person.
func category(r *cases.Rule) actions.Category {
	if r.ProtectsChildren() {
		return actions.CategoryChildSafety
	}
	return actions.CategoryRules
}

// departs reports whether measures are others than the usual ones, ends aside. A measure on
// something else than the case's subject and the account that owns it is none of the usual ones:
// what was reported stays as it is.
func departs(usual []cases.Measure, asked []actions.Action, subject string) bool {
	key := func(k actions.Kind, value, on string) string { return string(k) + " " + value + " " + on }
	var a, b []string
	for _, m := range usual {
		on := "subject"
		if m.Owner {
			on = "owner"
		}
		a = append(a, key(m.Kind, m.Value, on))
	}
	for _, m := range asked {
		value, _ := m.Command.Layer.Label()
		b = append(b, key(m.Kind, value, standsOn(m, subject)))
	}
	slices.Sort(a)
	slices.Sort(b)
	return !slices.Equal(a, b)
}

// standsOn says on what a measure of a case is: its "subject", the "owner" of that, or what else
// the owner has. The executor has seen to it that an account is the owner's.
func standsOn(m actions.Action, subject string) string {
	spec, _ := actions.SpecOf(m.Kind)
	switch {
	case m.Subject.ID == subject:
		return "subject"
	case spec.Sort == platform.Account:
		return "owner"
	}
	return m.Subject.ID
}

func describeUsual(usual []cases.Measure) string {
	if len(usual) == 0 {
		return "none"
	}
	var all []string
	for _, m := range usual {
		all = append(all, strings.TrimSpace(string(m.Kind)+" "+m.Value))
	}
	return strings.Join(all, ", ")
}

// held returns a case that the caller holds under a claim, with the claim.
func (d *Room) held(ctx context.Context, s *proof.State, st workforce.Standing, by kernel.Caller, id string, number int64) (c cases.Case, claim cases.Claim, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if c, err = stx.Case(id); err != nil {
			return err
		}
		if c.Holder != by.Worker && !d.reads(s, st, by.Worker, c) {
			return store.NoCase(id)
		}
		if err = c.HeldBy(by.Worker, number, d.desk.Now(), who(s, st)); err != nil {
			return err
		}
		if claim, err = stx.Claim(id, number); err != nil {
			return err
		}
		if claim.Document.IsZero() {
			return fault.New(fault.Conflict, "not-shown", "The case %s was not shown to you yet under claim %d. Look at it first: `countersign case show %[1]s`.", id, number)
		}
		return seen(stx, c, claim)
	})
	return c, claim, err
}

// seen refuses a decision on what a claim has shown, unless that is what was shown, and the case
// has not changed since. Its digest is computed anew from the bytes that are kept.
func seen(stx *store.Tx, c cases.Case, claim cases.Claim) error {
	body, err := stx.Shown(claim.Document)
	if err != nil {
		return err
	}
	var screen cases.Shown
	if canonical.Sum(body) != claim.Document || canonical.UnmarshalExact(body, &screen) != nil || screen.Case != c.ID || screen.Claim != claim.Number {
		return fault.New(fault.Conflict, "ledger-tampered", "What is kept as shown under claim %d is not what was shown: somebody edited the database. Claim the case again.", claim.Number)
	}
	if screen.Version != c.Version {
		return fault.New(fault.Conflict, "case-moved", "The case %s is at version %d; what you were shown is of version %d. Look at what is new: `countersign case show %[1]s`, and decide again.", c.ID, c.Version, screen.Version)
	}
	return nil
}

// Verdict is a signed decision with its signed measures.
type Verdict struct {
	Decision acts.Decided
	Measures []acts.Submission
}

// Outcome is what a decision led to.
type Outcome struct {
	ID       string
	Case     cases.Case
	Requests []actions.Request
	Document *ledger.Document
	Known    bool   // it was handed in before
	Promise  string // that the document will be in a roll
	// Look is the second look that this was the verdict of: nothing is carried out. Empty: it was none.
	Look string
	// Proposed says that the decision has no effect yet: the case is of the highest severity,
	// and a second person judges it.
	Proposed bool
}

// Decide makes the decision of a claim's holder, and stores its measures in the same
// transaction. If the case has changed since it was shown, it is refused with "case-moved".
// The same decision again gives the same answer.
func (d *Room) Decide(ctx context.Context, by kernel.Caller, id string, v Verdict) (Outcome, error) {
	var out Outcome
	var measures *acts.Measures
	var recorded *store.Recorded
	c := v.Decision.Decision
	err := d.desk.Change(ctx, by, "decide a case", func(s *proof.State) (func(*kernel.Tx) error, error) {
		out, measures, recorded = Outcome{}, nil, nil
		if err := kernel.OwnStatement(by, v.Decision.Signed); err != nil {
			return nil, err
		}
		st, rules, _, err := d.atWork(ctx, s, by)
		var now cases.Case
		var claim cases.Claim
		if err == nil {
			now, claim, err = d.held(ctx, s, st, by, id, c.Claim)
		}
		if err != nil {
			// A decision that was made has ended its claim: the same again gets the same answer.
			known, ok, unread := d.decided(ctx, by, id, c)
			if ok {
				out = known
				return func(*kernel.Tx) error { return nil }, nil
			}
			return nil, cmp.Or(unread, err)
		}
		if err := d.judges(s, rules, now, claim, c); err != nil {
			return nil, err
		}
		ctx, err := d.asShown(ctx, now)
		if err != nil {
			return nil, err
		}
		if measures, err = d.acts.JudgeMeasures(ctx, s, by, v.Decision, now.Grave(), v.Measures); err != nil {
			return nil, err
		}
		if len(v.Measures) > 0 { // without, nothing is done to what nobody has judged
			if err := d.Unedited(ctx, now); err != nil {
				return nil, err
			}
		}
		weighs, err := d.weighed(ctx, s, rules, now, v)
		if err != nil {
			return nil, err
		}
		rule, _ := rules.Rule(c.Rule.Number)
		spent, err := d.vendorSpent(ctx, s, st.Vendor)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			held, err := d.mine(t, s, st, by, id, c.Claim)
			if err != nil {
				return err
			}
			if err := held.Moved(c.Version); err != nil {
				return err
			}
			if err := d.barred(t, by.Worker, held); err != nil {
				return err
			}
			var first *store.Proposal
			waits := false
			if held.Look == "" {
				if first, waits, err = d.second(t, s, by.Worker, held, c.Verdict, rule, weighs.departs || weighs.less); err != nil {
					return err
				}
			}
			buries := cases.BuriesBy(c.Verdict) || weighs.less
			if buries {
				if err := d.bury(t, s, by, st, spent, string(c.Verdict), id); err != nil {
					return err
				}
			}
			if signed := v.Decision.Signed.Statement; signed.Session.IsZero() {
				if err := d.inbox.Tell(t, by.Worker, inbox.Decided(c, signed)); err != nil {
					return err
				}
			}
			out.ID = d.desk.IDs.New(cases.DecisionPrefix)
			data := cases.DecisionData{Case: id, Claim: c.Claim, Departs: weighs.departs, Evidence: c.Evidence, Requests: []string{}, Rule: c.Rule.Rule(), Sessions: measures.Sessions, Signed: v.Decision.Signed, Verdict: c.Verdict, Version: c.Version}
			record := func() {
				recorded = t.Record(ledger.DocumentDraft{Sort: ledger.DecisionDocument, ID: out.ID, Data: data, Sealed: []ledger.Opening{{Name: cases.FieldDecision, Value: canonical.MustMarshal(c)}, v.Decision.Reasons}})
			}
			if held.Look != "" {
				data.Look, out.Look = held.Look, held.Look
				out.Case, err = d.judgedAgain(t, st, held, out.ID, v)
				record()
				return err
			}
			if waits {
				data.Proposal, out.Proposed = true, true
				out.Case = d.proposed(t, held, store.Proposal{ID: out.ID, Case: id, Version: c.Version, Claim: c.Claim, Worker: by.Worker, Verdict: string(c.Verdict), Rule: c.Rule.Number, Digest: c.Digest(), Time: t.Now()})
				record()
				return nil
			}
			if first != nil {
				data.First = first.ID
				t.EndProposal(id, t.Now())
			}
			out.Requests, err = measures.Store(t, by)
			if err != nil {
				return err
			}
			row := store.CaseDecision{ID: out.ID, Case: id, Version: c.Version, Claim: c.Claim, Worker: by.Worker, Verdict: string(c.Verdict), Rule: c.Rule.Number, Digest: c.Digest(), Document: c.Evidence, Departs: weighs.departs, Time: t.Now(), Requests: []string{},
				Buried: buries, Share: rules.LookShare(c.Rule.Number, held.Reasons, held.By == by.Worker, FivePeople(s, t.Now().Time))}
			state := cases.Closed
			for _, r := range out.Requests {
				row.Requests = append(row.Requests, r.ID)
				if r.Status == actions.StatusHeld {
					state = cases.Held
				} else if state == cases.Closed {
					state = cases.Decided
				}
			}
			t.InsertCaseDecision(row)
			t.CountOutcome(row)
			if err := d.looks.Draw(t, held, row, st.Vendor); err != nil {
				return err
			}
			if strike := weighs.strike; strike != nil {
				strike.Decision = out.ID
				t.InsertStrike(*strike)
			}
			out.Case = held.To(state, t.Now())
			d.moved(t, by.Worker, out.Case, "decided", map[string]any{"decision": out.ID, "verdict": string(c.Verdict), "rule": c.Rule.Number})
			t.MeetClock(id, store.PromiseClock, t.Now())
			if err := mediaOver(t, held); err != nil {
				return err
			}
			if state != cases.Held { // what comes back comes with its draft
				t.KeepDraft(store.CaseDraft{Case: id, Worker: by.Worker})
			}
			data.Requests = row.Requests
			record()
			return nil
		}, nil
	})
	if err != nil {
		return Outcome{}, err
	}
	if recorded != nil {
		doc := recorded.Document()
		out.Document = &doc
		d.desk.Step(kernel.StepRequested)
		measures.Carry(out.Requests)
	}
	out.Case = d.namedFor(by, out.Case)
	out.Promise, err = d.promise(*out.Document)
	return out, err
}

// decided returns the outcome of exactly this decision, if it was made already.
func (d *Room) decided(ctx context.Context, by kernel.Caller, id string, c actions.Decision) (out Outcome, ok bool, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		all, err := stx.CaseDecisions(id)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(known store.CaseDecision) bool { return known.Digest == c.Digest() && known.Worker == by.Worker })
		if i < 0 {
			proposals, err := stx.Proposals(id)
			if err != nil {
				return err
			}
			k := slices.IndexFunc(proposals, func(p store.Proposal) bool { return p.Digest == c.Digest() && p.Worker == by.Worker })
			if k < 0 {
				return d.judgedBefore(stx, by, id, c, &out, &ok)
			}
			all, i, out.Proposed = append(all, store.CaseDecision{ID: proposals[k].ID}), len(all), true
		}
		ok, out.ID, out.Known = true, all[i].ID, true
		for _, request := range all[i].Requests {
			r, err := stx.Request(request)
			if err != nil {
				return err
			}
			out.Requests = append(out.Requests, r.Request)
		}
		doc, err := stx.Document(ledger.DecisionDocument, out.ID)
		if err != nil {
			return err
		}
		out.Document = &doc
		out.Case, err = stx.Case(id)
		return err
	})
	return out, ok, err
}

// judges makes the checks of a decision that the desk makes by itself, outside the transaction.
func (d *Room) judges(s *proof.State, rules *cases.RuleSet, now cases.Case, claim cases.Claim, c actions.Decision) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-decision", format, args...)
	}
	if err := now.Moved(c.Version); err != nil {
		return err
	}
	switch {
	case c.Case != now.ID, c.Subject.Platform != now.Subject.Platform, c.Subject.ID != now.Subject.ID:
		return bad("The decision is about another case or subject than %s. Draft it again.", now.ID)
	case c.Evidence != claim.Document:
		return bad("The decision names other evidence than claim %d showed. Draft it again.", claim.Number)
	case c.Verdict == actions.CaseNeedMore:
		return bad("To need more is no decision yet. Ask, or escalate the case.")
	case c.Verdict == actions.CaseViolation && c.Rule.Number == 0:
		return bad("A violation is one of a rule.")
	}
	if c.Rule.Number == 0 {
		return nil
	}
	rule, err := ruleNamed(rules, c.Rule.Number)
	if err != nil {
		return err
	}
	if c.Rule.Text != rule.TextDigest() || c.Rule.Set != s.Rules.Digest {
		return fault.New(fault.Conflict, "rule-moved", "The rules have changed since you drafted the decision. Look at rule %d, and draft it again.", rule.Number)
	}
	return nil
}

// weight is what the desk works out of a decision before it is made.
type weight struct {
	departs bool // from the usual measures of its rule
	// less says that its measures are less than these or, in a case of the highest severity, less
	// than those of each rule for a reason for which it was reported.
	less   bool
	strike *store.Strike // that the decision adds; nil: none
}

// weighed works out the weight of a decision.
func (d *Room) weighed(ctx context.Context, s *proof.State, rules *cases.RuleSet, c cases.Case, v Verdict) (w weight, err error) {
	decision := v.Decision.Decision
	if decision.Verdict != actions.CaseViolation {
		return w, nil
	}
	rule, err := ruleNamed(rules, decision.Rule.Number)
	if err != nil {
		return w, err
	}
	owner, sort := c.Owner, c.Of
	if owner == "" || sort == "" {
		reading, err := d.desk.Read(ctx, s, c.Subject.String())
		if err != nil {
			return w, err
		}
		owner, sort = reading.Account(), reading.Sort
	}
	var strikes map[int64]int64
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		strikes, err = d.strikes(stx, c, owner)
		return err
	}); err != nil {
		return w, err
	}
	var asked []actions.Action
	for _, m := range v.Measures {
		asked = append(asked, m.Action)
	}
	usual, got := rule.UsualFor(sort, strikes[rule.Number]), given(c.Subject.ID, v.Measures)
	w.less = cases.Less(got, usual)
	w.departs = departs(usual, asked, c.Subject.ID) || w.less
	w.less = w.less || c.Grave() && rules.Milder(c.Reasons, got, sort, strikes)
	var reasons string
	if err := canonical.Unmarshal(v.Decision.Reasons.Value, &reasons); err != nil {
		return w, fault.New(fault.Invalid, "bad-decision", "The reasons are not a text.").Because(err)
	}
	if w.departs && strings.TrimSpace(reasons) == "" {
		return w, fault.New(fault.Invalid, "reason-needed", "These are not the usual measures of rule %d. Say why you depart from them, with --reason.", rule.Number)
	}
	if owner != "" {
		now := d.desk.TimeNow()
		w.strike = &store.Strike{Platform: c.Subject.Platform, Account: owner, Rule: rule.Number, Time: now, Expires: canonical.At(now.Add(StrikeLife))}
	}
	return w, nil
}

// given returns the measures that are asked for on a case's subject and on the account that owns
// it, as a rule writes them.
func given(subject string, all []acts.Submission) []cases.Measure {
	out := make([]cases.Measure, 0, len(all))
	for _, m := range all {
		on := standsOn(m.Action, subject)
		if on != "subject" && on != "owner" {
			continue
		}
		value, _ := m.Action.Command.Layer.Label()
		one := cases.Measure{Kind: m.Action.Kind, Value: value, Owner: on == "owner"}
		if !m.Action.Until.IsZero() {
			// What was drafted a moment before it was signed is not shorter by a day.
			const day = 24 * time.Hour
			one.Days = max(1, int64((m.Action.Until.Sub(m.Signed.Statement.NotBefore.Time)+day/2)/day))
		}
		out = append(out, one)
	}
	return out
}

// StrikeLife is how long a strike stands.
const StrikeLife = 365 * 24 * time.Hour

// settle looks what became of the measures of a case, and brings a case back to whoever
// decided it if one of them was not carried out.
func (d *Room) settle(ctx context.Context, id string) error {
	if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		_, queues, err := d.rules(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			c, err := t.CaseLocked(id)
			if fault.Is(err, "no-such-case") {
				return nil
			}
			if err != nil || c.State != cases.Held && c.State != cases.Decided {
				return err
			}
			all, err := t.CaseDecisions(id)
			if err != nil || len(all) == 0 {
				return err
			}
			last := all[len(all)-1]
			if !last.TakenBack.IsZero() {
				return nil
			}
			var failed string
			open := false
			for _, request := range last.Requests {
				r, err := t.Request(request)
				if err != nil {
					return err
				}
				switch {
				case r.Open() || r.Status == actions.StatusApproved:
					open = true
				case r.Status == actions.StatusExecuted, r.Status == actions.StatusReversed, r.Status == actions.StatusLifted:
				default:
					failed = string(r.Action.Kind) + " is " + r.Status.Word()
					if r.OutcomeText != "" {
						failed += ": " + r.OutcomeText
					}
				}
			}
			switch {
			case failed != "":
				next := c.To(cases.Waiting, t.Now())
				next.TurnWhy = failed
				if d.cannotWork(s, last.Worker, t.Now().Time) == "" {
					next.Turn, next.Until = last.Worker, canonical.At(t.Now().Add(turnFor(c, t.Now())))
				}
				detail := map[string]any{"why": failed, "worker": string(next.Turn)}
				if next, err = d.reopened(t, queues, "", c, next, detail); err != nil {
					return err
				}
				// The decision is not carried out: its promise is not kept, and its strike is none.
				t.UnmeetClock(c.ID, store.PromiseClock)
				t.MoveClock(c.ID, store.PromiseClock, next.Due)
				t.EndStrike(last.ID, t.Now())
				d.moved(t, "", next, "your-turn", detail)
				if next.Turn != "" {
					return d.inbox.Tell(t, next.Turn, inbox.Turn(next.ID, next.Subject.Platform, next.Version, next.Until))
				}
			case !open:
				t.CloseCase(c.ID, t.Now())
				t.Signal(caseSignal(c.ID))
			}
			return nil
		}, nil
	}); err != nil {
		return err
	}
	d.desk.Step(StepSettled)
	return nil
}

// turnFor is how long a case that comes back waits for the same person: 15 minutes, or a
// quarter of the time left to its promise.
func turnFor(c cases.Case, now canonical.Time) time.Duration {
	left := c.Due.Sub(now.Time) / 4
	return max(min(15*time.Minute, left), time.Minute)
}
