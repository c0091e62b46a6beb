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
	"countersign.dev/platform"
	"countersign.dev/wording"
)

type caseCommands struct {
	Next     caseNext     `cmd:"" help:"Claim the most urgent case. At a terminal: work through one case after the other."`
	List     caseList     `cmd:"" help:"List cases, newest first."`
	Show     caseShow     `cmd:"" help:"Show a case as it is now, with its history."`
	Evidence caseEvidence `cmd:"" help:"Show what the subject of a case showed when it was reported: text, profile, thread, and what became of its pictures."`
	Claim    caseClaim    `cmd:"" help:"Claim a case by its identifier: for leads, the last holder and those who were asked."`
	Release  caseRelease  `cmd:"" help:"Give a case that you hold back to its queue."`
	Extend   caseExtend   `cmd:"" help:"Hold a case for longer."`
	Decide   caseDecide   `cmd:"" help:"Decide a case that you hold: shows what will be signed, signs it with your key, hands it in."`
	Undo     caseUndo     `cmd:"" help:"Take back a decision of yours, within 15 seconds."`
	Note     caseNote     `cmd:"" help:"Write a note on a case."`
	Skip     caseSkip     `cmd:"" help:"Give a case back; it is not offered to you again."`
	Snooze   caseSnooze   `cmd:"" help:"Let a case wait until a time."`
	Ask      caseAsk      `cmd:"" help:"Hand a case to somebody who reads a language, or to a specialist, with a question."`
	Escalate caseEscalate `cmd:"" help:"Give a case to a lead, with a question."`
	Refer    caseRefer    `cmd:"" help:"Say that a case was referred to a hotline, the police or another contact of the rule set."`
	Move     caseMove     `cmd:"" help:"Move a case to another queue."`
	Language caseLanguage `cmd:"" help:"Correct the language of a case."`
	Merge    caseMerge    `cmd:"" help:"Merge a case into an older open one."`
	Media    caseMedia    `cmd:"" help:"Say what becomes of the pictures of a case: those that a reason of child safety has stopped are copied, or only their digests taken; bytes that are kept are removed."`
	Split    caseSplit    `cmd:"" help:"Put reports of a case into a case of their own."`
	HandOver caseHandOver `cmd:"" help:"Hand over what people of your line have in hand, or a whole shift; for leads."`
	Reveal   caseReveal   `cmd:"" help:"Have revealed who handed a report in."`
}

type caseList struct {
	State   cases.State `help:"Only those in this state: waiting, claimed, held, asked, snoozed, escalated, decided, closed or merged."`
	Queue   string      `help:"Only those of this queue."`
	Subject string      `help:"Only about this subject: PLATFORM:ID or PLATFORM:@HANDLE."`
	Mine    bool        `help:"Only those that you hold, those that come back to you, and those that you put off, handed on or decided and that are still open."`
	Limit   int         `default:"50" help:"At most so many, 1 to 100."`
	Cursor  string      `help:"Go on where an earlier list ended."`
}

// caseStates are the states of cases, in the order in which the help lists them.
var caseStates = []cases.State{cases.Waiting, cases.Claimed, cases.Held, cases.Asked, cases.Snoozed, cases.Escalated, cases.Decided, cases.Closed, cases.Merged}

func (c *caseList) Run(ctx context.Context, s *Session) error {
	if c.State != "" && !slices.Contains(caseStates, c.State) {
		var all []string
		for _, state := range caseStates {
			all = append(all, string(state))
		}
		return fault.New(fault.Invalid, "wrong-use", "%q is no state of a case. The states: %s.", c.State, strings.Join(all, ", "))
	}
	if c.Limit < 1 || c.Limit > v1.MaxPage {
		return fault.New(fault.Invalid, "wrong-use", "--limit is 1 to %d. For more, go on with the --cursor that the list ends with.", v1.MaxPage)
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	about, err := (&actionList{Subject: c.Subject}).about(ctx, d)
	if err != nil {
		return err
	}
	page, err := d.Cases(ctx, v1.CaseFilter{State: c.State, Queue: c.Queue, Subject: about, Mine: c.Mine, Cursor: c.Cursor, Limit: c.Limit})
	if err != nil {
		return err
	}
	doc := items(page.Items)
	doc.Next = page.Next
	return s.Answer(doc, func(p *Page) {
		rows := [][]string{{"CASE", "STATE", "SUBJECT", "REASONS", "REPORTS", "QUEUE", "DUE", "HOLDER", "MEDIA", "WAITS FOR"}}
		for _, x := range page.Items {
			rows = append(rows, []string{x.ID, string(x.State), short(wording.Subject(x.Subject), 60), short(reasonNames(x.Reasons), 40), strconv.FormatInt(x.Reports, 10), x.Queue, until(x.Due, s.Now()), x.Holder, left(x.Media, s.Now()), short(waitsFor(x, s.Now()), 80)})
		}
		p.Table(rows)
		if page.Next != "" {
			p.Line("There are more: --cursor %s", page.Next)
		}
	})
}

func reasonNames(all []cases.Reason) string {
	words := make([]string, len(all))
	for i, r := range all {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

type caseShow struct {
	Case string `arg:"" help:"cas_…"`
	Now  bool   `help:"Read the subject on its platform as it is now, as well."`
}

func (c *caseShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	v, err := d.Case(ctx, c.Case)
	if err != nil {
		return err
	}
	var now *v1.Subject
	// After a measure, and after a decision was taken back, the state that a claim showed is an older one.
	moved := slices.ContainsFunc(v.Decisions, func(x v1.CaseDecision) bool {
		return !x.TakenBack.IsZero() && v.Case.State != cases.Closed || slices.ContainsFunc(x.Requests, func(r v1.CaseRequest) bool { return r.Status == actions.StatusExecuted })
	})
	unread := ""
	if c.Now || moved {
		read, err := d.CaseNow(ctx, c.Case)
		switch {
		case err == nil:
			now = &read
		case c.Now:
			return err
		default:
			unread = fault.TextOf(err)
		}
	}
	doc := struct {
		v1.CaseView
		Now *v1.Subject `json:"now,omitempty"`
	}{v, now}
	return s.Answer(doc, func(p *Page) {
		describeCase(p, v.Case, v.Why, v.Shown, s.Now())
		if now != nil {
			p.Line("Now:")
			describeNow(p, *now, s.Now())
		}
		if unread != "" {
			p.Line("Now: not known, and a measure may have changed the state above. %s", unread)
		}
		describeReportIDs(p, v.Shown.Reports)
		describePreserved(p, v.Preserved, s.Now())
		describeNotes(p, v.Notes)
		describeHistory(p, v)
		describeCaseDrafts(p, v.Drafts)
	})
}

// describePreserved says what the platform was asked to preserve, and what to do by hand where
// it does not.
func describePreserved(p *Page, all []v1.Preservation, now time.Time) {
	for _, x := range all {
		subject, end := wording.Subject(x.Subject), until(x.Until, now)
		switch x.Answer {
		case "":
			p.Line("Preservation of %s until %s: asked %s; the platform has not answered yet, and is asked again.", subject, end, wording.When(x.Asked))
		case "preserved":
			p.Line("Preservation of %s: the platform keeps it until %s, for staff, also if its owner deletes it.", subject, end)
		case "not-offered":
			p.Line("Preservation of %s: not-offered. The platform preserves nothing by itself. Ask its operators by hand to keep the account and the content until %s, and write their answer down: `countersign case note CASE --text TEXT`.", subject, end)
		default:
			p.Line("Preservation of %s: refused (%s). If the subject should still be there, ask the platform's operators by hand to keep it until %s, and write their answer down: `countersign case note CASE --text TEXT`.", subject, x.Answer, end)
		}
	}
}

func describeHistory(p *Page, v v1.CaseView) {
	p.Line("History:")
	rows := [][]string{{"  VERSION", "WHEN", "WHAT", "WHO"}}
	for _, m := range v.Moves {
		rows = append(rows, []string{fmt.Sprintf("  %d", m.Version), wording.When(m.Time), moveWords(m), cmp.Or(m.Worker, "the desk")})
	}
	p.Table(rows)
	for _, x := range v.Decisions {
		back := ""
		if !x.TakenBack.IsZero() {
			back = ", taken back " + wording.When(x.TakenBack)
		}
		rule := ""
		if x.Rule != 0 {
			rule = fmt.Sprintf(" of rule %d", x.Rule)
		}
		p.Line("%s: %s%s by %s, %s%s", x.ID, caseVerdict(actions.CaseVerdict(x.Verdict)), rule, x.Worker, wording.When(x.Time), back)
		for _, r := range x.Requests {
			p.Line("  %s: %s", r.ID, takenBackWords(r.Status, !x.TakenBack.IsZero()))
		}
	}
}

// describeReportIDs writes the identifiers of the reports, by which a split names them.
func describeReportIDs(p *Page, all []cases.ShownReport) {
	for i, r := range all {
		switch {
		case i == 0:
			p.Line("Reports, newest first:")
		case i == evidenceRows:
			p.Line("  … there are more: --json has them")
			return
		}
		p.Line("  %s  %s, %s", r.ID, r.Reason, wording.When(r.At))
	}
}

// describeNotes writes the notes on a case.
func describeNotes(p *Page, notes []v1.CaseNote) {
	for _, n := range notes {
		kind := "internal"
		if n.Public {
			kind = "public"
		}
		p.Line("Note %d by %s, %s, %s:", n.Number, n.Worker, wording.When(n.Time), kind)
		excerpt(p, n.Text, evidenceMost, evidenceRows)
	}
}

func describeCaseDrafts(p *Page, drafts []v1.CaseDraft) {
	for _, x := range drafts {
		p.Line("Draft of %s, %s:", x.Worker, wording.When(x.Updated))
		rule := ""
		if x.Rule != 0 {
			rule = strconv.FormatInt(x.Rule, 10)
		}
		p.Facts([2]string{"verdict", caseVerdict(x.Verdict)}, [2]string{"rule", rule}, [2]string{"reasons", x.Reasons}, [2]string{"note", x.Note})
	}
}

type caseClaim struct {
	Case string `arg:"" help:"cas_…"`
}

func (c *caseClaim) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	t, err := d.ClaimCase(ctx, c.Case)
	if err != nil {
		return err
	}
	return s.claimed(t)
}

// claimed answers with a case that was claimed.
func (s *Session) claimed(t v1.Claimed) error {
	if _, err := seen(t); err != nil {
		return err
	}
	return s.Answer(t, func(p *Page) {
		describeCase(p, t.Case, t.Why, t.Shown, s.Now())
		describeNotes(p, t.Notes)
		describeCaseDrafts(p, t.Drafts)
		p.Line("You hold it until %s. To decide it:", until(t.Claim.Until, s.Now()))
		p.Line("  countersign case decide %s --verdict no-violation", t.Case.ID)
		p.Line("  countersign case decide %s --verdict violation --rule NUMBER", t.Case.ID)
	})
}

// holding returns the claim of the caller on a case. Claiming again gives the holder the same
// claim; without one it is a claim by identifier, which not everybody may make: so the desk is
// asked for it only if the caller holds the case.
func (s *Session) holding(ctx context.Context, d deskClient, id string) (v1.Claimed, error) {
	mine, err := pages(func(cursor string) (v1.Page[v1.Case], error) {
		return d.Cases(ctx, v1.CaseFilter{Mine: true, State: cases.Claimed, Cursor: cursor, Limit: v1.MaxPage})
	})
	if err != nil {
		return v1.Claimed{}, err
	}
	if i := slices.IndexFunc(mine, func(x v1.Case) bool { return x.ID == id && x.State == cases.Claimed }); i < 0 {
		v, err := d.Case(ctx, id)
		if err != nil {
			return v1.Claimed{}, err
		}
		return v1.Claimed{}, caseNotHeld(v.Case)
	}
	return d.ClaimCase(ctx, id)
}

// caseNotHeld says why somebody may not write on a case.
func caseNotHeld(c v1.Case) error {
	switch c.State {
	case cases.Claimed:
		return fault.New(fault.Conflict, "claim-ended", "%s holds the case %s until %s.", sentence(c.Holder), c.ID, wording.When(c.Until))
	case cases.Merged:
		return fault.New(fault.Conflict, "case-merged", "The case %s was merged into %s.", c.ID, c.Into)
	case cases.Closed, cases.Decided, cases.Held:
		return fault.New(fault.Conflict, "case-closed", "The case %s is decided; it is %s. Its history: countersign case show %[1]s", c.ID, c.State)
	}
	return fault.New(fault.Conflict, "claim-ended", "You do not hold the case %s: it is %s. Take the next one with `countersign case next`; whoever held it last, and leads, claim it again with `countersign case claim %[1]s`.", c.ID, c.State)
}

type caseRelease struct {
	Case string `arg:"" help:"cas_…"`
}

func (c *caseRelease) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	t, err := s.holding(ctx, d, c.Case)
	if err != nil {
		return err
	}
	out, err := d.ReleaseCase(ctx, c.Case, t.Claim.Number)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) { p.Line("The case %s waits in the queue %s again.", out.ID, out.Queue) })
}

type caseExtend struct {
	Case string `arg:"" help:"cas_…"`
}

func (c *caseExtend) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	t, err := s.holding(ctx, d, c.Case)
	if err != nil {
		return err
	}
	out, err := d.ExtendClaim(ctx, c.Case, v1.Extension{Claim: t.Claim.Number})
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) { p.Line("You hold the case %s until %s.", out.ID, until(out.Until, s.Now())) })
}

type caseDecide struct {
	Case     string   `arg:"" help:"cas_…"`
	Verdict  string   `required:"" enum:"no-violation,violation,duplicate,not-for-us" help:"no-violation, violation, duplicate or not-for-us."`
	Rule     int64    `placeholder:"NUMBER" help:"The rule that was broken."`
	Measure  []string `sep:"none" placeholder:"KIND[:VALUE]" help:"A measure, such as content.remove or account.label:spam; several with several --measure. Without it: the usual ones of the rule. Write none for none at all."`
	Until    moment   `placeholder:"TIME" help:"End of the measures that may end: a time, or a length from now such as 72h or 3d."`
	Reason   string   `help:"Why. It is needed if the measures are not the usual ones."`
	Language string   `placeholder:"TAG" help:"The language of the content, if it is another one than the case says, such as de."`
	Version  int64    `help:"The version of the case that you have seen. Without it: the one that your claim showed. Give it after case-moved, once you have looked at what is new."`
	signing
}

func (c *caseDecide) Help() string {
	return "The desk writes a draft; this program checks that it is what you decided, names the rule text that is in force and the document that you were shown, and is signed for nothing else. " +
		"A session signs on standard subjects, your own key everywhere else. Above standard the measure is held for others to countersign, and you go on.\n\n" +
		"Exit 0: decided, and each measure is done or held; or a first verdict on a case of the highest severity, which a second person judges. Exit 1: the answer is no."
}

func (c *caseDecide) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	verdict := actions.CaseVerdict(c.Verdict)
	measures, err := c.wanted(s.Now())
	switch {
	case err != nil:
		return err
	case verdict == actions.CaseViolation && c.Rule == 0:
		return fault.New(fault.Invalid, "bad-decision", "A violation is one of a rule. Name it: --rule NUMBER. Those in force: countersign rule list")
	case verdict != actions.CaseViolation && (measures != nil || c.Rule != 0):
		return fault.New(fault.Invalid, "bad-decision", "Only a violation has a rule and measures.")
	}
	t, err := s.holding(ctx, d, c.Case)
	if err != nil {
		return err
	}
	j, err := seen(t)
	if err != nil {
		return err
	}
	if t.Renewed && c.Version != j.version {
		return fault.New(fault.Conflict, "case-moved", "The case %s has changed since you saw it, and nothing was signed. Look at it with `countersign case show %[1]s`; then decide it with --version %d.", c.Case, j.version)
	}
	j.verdict, j.reasons, j.measures, j.language, j.version = verdict, c.Reason, measures, c.Language, cmp.Or(c.Version, j.version)
	if c.Rule != 0 {
		if j.rule, j.set, err = d.rule(ctx, c.Rule); err != nil {
			return err
		}
	}
	if j.shown.Of == "" && j.rule != nil {
		now, err := d.CaseNow(ctx, c.Case)
		if err != nil {
			return err
		}
		j.shown.Of = now.Sort
	}
	made, err := c.decide(ctx, s, d, j)
	if err != nil {
		return err
	}
	s.endOf(made, c.Wait)
	return s.Answer(made, func(p *Page) { describeMade(p, made, s.Now()) })
}

// wanted reads the measures; nil: the usual ones.
func (c *caseDecide) wanted(now time.Time) (*[]v1.CaseMeasure, error) {
	if len(c.Measure) == 0 {
		if c.Until.given != "" {
			return nil, fault.New(fault.Invalid, "wrong-use", "The usual measures have their own ends. Name the measure with --measure to give it another end.")
		}
		return nil, nil
	}
	all := []v1.CaseMeasure{}
	if len(c.Measure) == 1 && c.Measure[0] == "none" {
		return &all, nil
	}
	for _, text := range c.Measure {
		kind, value, _ := strings.Cut(text, ":")
		spec, ok := actions.SpecOf(actions.Kind(kind))
		if !ok || spec.Desk || spec.Emergency || spec.Direction != actions.Burdening {
			return nil, fault.New(fault.Invalid, "unknown-kind", "%q is no measure; there are %s.", kind, wording.Joined(measureKinds()))
		}
		if _, err := spec.Layer(value); err != nil {
			return nil, err
		}
		m := v1.CaseMeasure{Kind: spec.Kind, Value: value}
		if spec.Timed || spec.MayEnd {
			m.Until = c.Until.from(now)
		}
		if spec.Timed && m.Until.IsZero() {
			return nil, fault.New(fault.Invalid, "no-end", "A suspension has an end: give --until TIME, such as --until 72h.")
		}
		all = append(all, m)
	}
	return &all, nil
}

func measureKinds() []string {
	var kinds []string
	for _, spec := range actions.Catalogue() {
		if !spec.Desk && !spec.Emergency && spec.Direction == actions.Burdening {
			kinds = append(kinds, string(spec.Kind))
		}
	}
	return kinds
}

// ruleSet returns the rule set in force, with its digest. The bytes are those of the digest.
func (d deskClient) ruleSet(ctx context.Context) (*cases.RuleSet, canonical.Digest, error) {
	now, err := d.Rules(ctx)
	if err != nil {
		return nil, now.Digest, err
	}
	text, err := d.textOf(ctx, now.Digest)
	if err != nil {
		return nil, now.Digest, err
	}
	rules, err := cases.ParseRules(text)
	return rules, now.Digest, err
}

// rule returns one rule in force, with the digest of its set.
func (d deskClient) rule(ctx context.Context, number int64) (*cases.Rule, canonical.Digest, error) {
	rules, set, err := d.ruleSet(ctx)
	if err != nil {
		return nil, set, err
	}
	rule, err := ruleIn(rules, number)
	return rule, set, err
}

// ruleIn returns a rule of the set in force.
func ruleIn(rules *cases.RuleSet, number int64) (*cases.Rule, error) {
	rule, ok := rules.Rule(number)
	switch {
	case ok:
		return rule, nil
	case rules.Withdrawn(number):
		return nil, fault.New(fault.Conflict, "rule-retired", "Rule %d is retired. Decide under one that is in force: countersign rule list", number)
	}
	return nil, fault.New(fault.NotFound, "no-such-rule", "There is no rule %d. Those in force: countersign rule list", number)
}

// describeNow writes a subject as it was read just now.
func describeNow(p *Page, r v1.Subject, now time.Time) {
	pairs := [][2]string{{"visibility", platform.Describe(r.State.Status, r.State.Mark)}}
	for _, l := range r.State.Layers {
		pairs = append(pairs, [2]string{l.Layer.Noun(), platform.DescribeIn(l.Layer, platform.Expect{Status: l.Status, Mark: l.Mark})})
	}
	pairs = append(pairs, [2]string{"tier", string(r.Tier)}, [2]string{"read", until(r.State.Seen, now)})
	p.Facts(pairs...)
}
