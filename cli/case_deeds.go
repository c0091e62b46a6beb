package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

// onCase holds the flags of commands that write on a case.
type onCase struct {
	Case string `arg:"" help:"cas_…"`
	Yes  bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

// do does a deed on the case that the caller holds, and answers with the case after it.
func (c *onCase) do(ctx context.Context, s *Session, k actions.DeedKind, o cases.Order, what string) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	t, err := s.holding(ctx, d, c.Case)
	if err != nil {
		return err
	}
	out, err := s.doOn(ctx, d, t.Case, t.Claim.Number, k, o, what, c.Yes)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) {
		p.Line("The case %s is %s, in the queue %s.", out.ID, out.State, out.Queue)
		says(p, whoTakes(k, o))
	})
}

// whoTakes says who is offered a case that was handed on; nil: it was not.
func whoTakes(k actions.DeedKind, o cases.Order) []string {
	switch {
	case k == actions.DeedEscalate:
		return []string{"Leads who work on the queue are offered it by `countersign case next`; your question stands on it."}
	case k == actions.DeedAsk && o.Role == cases.AskSpecialist:
		return []string{"Specialists who work on the queue are offered it by `countersign case next`; your question stands on it. If nobody takes it within 24 hours, it waits for everybody again."}
	case k == actions.DeedAsk:
		return []string{"Everybody else who works on the queue is offered it by `countersign case next`; your question stands on it. If nobody takes it within 24 hours, it waits for everybody again."}
	}
	return nil
}

// doOn signs a deed on a case as it was shown, and hands it in.
func (s *Session) doOn(ctx context.Context, d deskClient, on v1.Case, claim int64, k actions.DeedKind, o cases.Order, what string, yes bool) (v1.Case, error) {
	if err := o.Check(k); err != nil {
		return v1.Case{}, err
	}
	text := o.Text()
	deed, err := s.deed(ctx, d, actions.Deed{What: k, Of: on.ID, Version: on.Version}, text, fmt.Sprintf("%s, on the case %s at version %d", what, on.ID, on.Version), canonical.Time{}, yes)
	if err != nil {
		return v1.Case{}, err
	}
	return d.DoOnCase(ctx, on.ID, v1.CaseDeed{Claim: claim, Deed: deed, Text: text})
}

type caseNote struct {
	onCase
	Text   string `required:"" help:"The note."`
	Public bool   `help:"It may be told to people outside."`
}

func (c *caseNote) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	v, err := d.Case(ctx, c.Case)
	if err != nil {
		return err
	}
	out, err := s.doOn(ctx, d, v.Case, 0, actions.DeedNote, cases.Order{Note: c.Text, Public: c.Public}, "write a note", c.Yes)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) { p.Line("Noted on %s.", out.ID) })
}

type caseSkip struct {
	onCase
	Reason string `help:"Why, if you like to say."`
}

func (c *caseSkip) Run(ctx context.Context, s *Session) error {
	return c.do(ctx, s, actions.DeedSkip, cases.Order{Note: c.Reason}, "skip it")
}

type caseSnooze struct {
	onCase
	Until  moment `required:"" placeholder:"TIME" help:"A time such as 2026-11-30T18:00:00Z, or a length from now such as 2h or 1d."`
	Reason string `required:"" help:"Why it waits."`
}

func (c *caseSnooze) Run(ctx context.Context, s *Session) error {
	end := c.Until.from(s.Now())
	return c.do(ctx, s, actions.DeedSnooze, cases.Order{Until: end, Note: c.Reason}, "let it wait until "+wording.When(end))
}

type caseAsk struct {
	onCase
	Language   string `placeholder:"TAG" help:"Ask somebody who reads this language, such as pt."`
	Specialist bool   `help:"Ask a specialist."`
	Question   string `required:"" help:"What you want to know."`
}

func (c *caseAsk) Help() string {
	return "The case leaves your hands. `case next` offers it to others who work on its queue, with your question: one for a specialist to specialists, who are trained for child safety and threats to life, one for a language to everybody, and none to you. Where nobody else is a specialist, the question to one is refused (`no-specialist`). " +
		"Its promise stands still until somebody takes it, unless it is of the highest severity; after 24 hours without that it waits for everybody again. " +
		"By hand: `case list --state asked`, then `case claim CASE`."
}

func (c *caseAsk) Run(ctx context.Context, s *Session) error {
	if c.Specialist == (c.Language != "") {
		return fault.New(fault.Invalid, "bad-deed", "Say whom to ask: --specialist, or --language TAG such as --language pt.")
	}
	o, whom := cases.Order{Role: cases.AskSpecialist, Note: c.Question}, "a specialist"
	if c.Language != "" {
		o.Role, o.Language, whom = cases.AskLanguage, c.Language, "somebody who reads "+c.Language
	}
	return c.do(ctx, s, actions.DeedAsk, o, "ask "+whom)
}

type caseEscalate struct {
	onCase
	Question string `required:"" help:"What the lead is to decide."`
}

func (c *caseEscalate) Help() string {
	return "The case leaves your hands. `case next` offers it, with your question, to the leads who work on its queue, and not to you. By hand: `case list --state escalated`, then `case claim CASE`."
}

func (c *caseEscalate) Run(ctx context.Context, s *Session) error {
	return c.do(ctx, s, actions.DeedEscalate, cases.Order{Role: cases.AskLead, Note: c.Question}, "escalate it to a lead")
}

type caseRefer struct {
	onCase
	To        string `required:"" help:"Identifier of the contact in the rule set."`
	Reference string `required:"" help:"How the other side calls it."`
	Until     moment `required:"" placeholder:"TIME" help:"Until when the platform preserves what there is."`
	Reason    string `help:"Why, if you like to say."`
}

func (c *caseRefer) Run(ctx context.Context, s *Session) error {
	end := c.Until.from(s.Now())
	return c.do(ctx, s, actions.DeedRefer, cases.Order{Referral: c.To, Reference: c.Reference, Until: end, Note: c.Reason},
		fmt.Sprintf("say that it was referred to %s, as %s, and is preserved until %s", c.To, c.Reference, wording.When(end)))
}

type caseLanguage struct {
	onCase
	Tag string `arg:"" help:"The language of the content, such as de."`
}

func (c *caseLanguage) Run(ctx context.Context, s *Session) error {
	return c.do(ctx, s, actions.DeedLanguage, cases.Order{Language: c.Tag}, "correct its language to "+c.Tag)
}

type caseMove struct {
	onCase
	Queue  string `required:"" help:"The queue that takes it."`
	Reason string `help:"Why, if you like to say."`
}

func (c *caseMove) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	v, err := d.Case(ctx, c.Case)
	if err != nil {
		return err
	}
	out, err := s.doOn(ctx, d, v.Case, 0, actions.DeedMove, cases.Order{Queue: c.Queue, Note: c.Reason}, "move it to the queue "+c.Queue, c.Yes)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) { p.Line("The case %s is %s, in the queue %s.", out.ID, out.State, out.Queue) })
}

type caseMerge struct {
	onCase
	Into   string `required:"" placeholder:"CASE" help:"The older open case that takes the reports."`
	Reason string `help:"Why. It is needed if the cases are about different accounts."`
}

func (c *caseMerge) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	v, err := d.Case(ctx, c.Case)
	if err != nil {
		return err
	}
	// The caller holds one of the two.
	t, err := s.holding(ctx, d, c.Case)
	if err != nil {
		other, second := s.holding(ctx, d, c.Into)
		if second != nil {
			return err
		}
		t = other
	}
	older, err := d.Case(ctx, c.Into)
	if err != nil {
		return err
	}
	from, into := aboutWhat(v.Case), aboutWhat(older.Case)
	what := fmt.Sprintf("merge it, %s, into %s, %s. Its reports are judged there, and a decision acts on %s alone", from, c.Into, into, wording.Subject(older.Case.Subject))
	if v.Case.Owner == "" || v.Case.Owner != older.Case.Owner {
		if c.Reason == "" {
			return fault.New(fault.Invalid, "reason-needed", "The case %s is %s, and %s is %s. These are different accounts, as far as is known: say why the cases are judged together, with --reason.", c.Case, from, c.Into, into)
		}
		what += ". The accounts differ, since: " + c.Reason
	}
	out, err := s.doOn(ctx, d, v.Case, t.Claim.Number, actions.DeedMerge, cases.Order{Into: c.Into, Note: c.Reason}, what, c.Yes)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) {
		p.Line("The case %s, %s, was merged into %s, %s.", out.ID, from, cmp.Or(out.Into, c.Into), into)
	})
}

// aboutWhat says what a case is about and, where that is known, whose it is.
func aboutWhat(c v1.Case) string {
	words := "about " + wording.Subject(c.Subject)
	if c.Owner != "" && c.Owner != c.Subject.ID {
		words += " of " + platform.Subject{Platform: c.Subject.Platform, ID: c.Owner}.String()
	}
	return words
}

type caseSplit struct {
	onCase
	Reports []string `required:"" name:"report" placeholder:"REPORT" help:"The reports that leave the case: rep_…, several with commas between."`
	Subject string   `placeholder:"PLATFORM:ID" help:"The subject, PLATFORM:ID or PLATFORM:@HANDLE, to whose open case they go. Without it: each goes to the one that it names itself."`
	Reason  string   `help:"Why, if you like to say."`
}

func (c *caseSplit) Run(ctx context.Context, s *Session) error {
	reports := slices.Clone(c.Reports)
	slices.Sort(reports)
	reports = slices.Compact(reports)
	d, err := s.desk()
	if err != nil {
		return err
	}
	t, err := s.holding(ctx, d, c.Case)
	if err != nil {
		return err
	}
	what, subject := "to the case of the subject that they name themselves", ""
	if c.Subject != "" {
		if subject, err = (&actionList{Subject: c.Subject}).about(ctx, d); err != nil {
			return err
		}
		what = "to the case about " + subject
		if subject != c.Subject {
			what += " (" + c.Subject + ")"
		}
	}
	out, err := s.doOn(ctx, d, t.Case, t.Claim.Number, actions.DeedSplit, cases.Order{Reports: reports, Subject: subject, Note: c.Reason},
		fmt.Sprintf("split %s off the case %s, %s", wording.Many(len(reports), "report"), aboutWhat(t.Case), what), c.Yes)
	if err != nil {
		return err
	}
	into := s.splitInto(ctx, d, out)
	return s.Answer(out, func(p *Page) {
		p.Line("The case %s, %s, is %s, in the queue %s.", out.ID, aboutWhat(out), out.State, out.Queue)
		if into != "" {
			p.Line("%s", into)
		}
	})
}

// splitInto says which case took the reports of a split; empty: that cannot be read now.
func (s *Session) splitInto(ctx context.Context, d deskClient, left v1.Case) string {
	v, err := d.Case(ctx, left.ID)
	if err != nil {
		return ""
	}
	for _, m := range slices.Backward(v.Moves) {
		var detail struct {
			Into string `json:"into"`
		}
		if m.Move != "split" || m.Version > left.Version || json.Unmarshal([]byte(m.Detail), &detail) != nil || detail.Into == "" {
			continue
		}
		if to, err := d.Case(ctx, detail.Into); err == nil {
			return fmt.Sprintf("The reports are in the case %s, %s, which is %s.", to.Case.ID, aboutWhat(to.Case), to.Case.State)
		}
		return "The reports are in the case " + detail.Into + "."
	}
	return ""
}

type caseUndo struct {
	Decision string `arg:"" help:"dec_…, or the case on which you decided last: cas_…"`
	Reason   string `help:"Why, if you like to say."`
	signing
}

func (c *caseUndo) Help() string {
	return "Its measures are undone, and you hold the case again. After 15 seconds each measure is lifted by itself: countersign action undo REQUEST --reason WHY"
}

func (c *caseUndo) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	decision := c.Decision
	if id.Valid(cases.CasePrefix, decision) {
		v, err := d.Case(ctx, decision)
		if err != nil {
			return err
		}
		if len(v.Decisions) == 0 {
			return fault.New(fault.NotFound, "no-such-decision", "Nobody has decided the case %s yet.", decision)
		}
		decision = v.Decisions[len(v.Decisions)-1].ID
	}
	t, err := c.takeBack(ctx, s, d, decision)
	if err != nil {
		return err
	}
	return s.Answer(t, func(p *Page) {
		p.Line("%s is taken back; the case %s is %s.", decision, t.Case.ID, t.Case.State)
		if t.Claim.Number > 0 {
			p.Line("You hold it until %s.", until(t.Claim.Until, s.Now()))
		}
	})
}

// takeBack signs all that takes a decision back, and hands it in.
func (c *caseUndo) takeBack(ctx context.Context, s *Session, d deskClient, decision string) (v1.Claimed, error) {
	log, err := s.ledgerName(ctx, d)
	if err != nil {
		return v1.Claimed{}, err
	}
	me, err := s.signer(ctx, log)
	if err != nil {
		return v1.Claimed{}, err
	}
	draft, err := d.DraftTakeBack(ctx, decision, v1.TakeBackWish{Key: me.key.Key, Session: me.session.digest()})
	if err != nil {
		return v1.Claimed{}, err
	}
	if draft.Deed.What != actions.DeedTakeBack || draft.Deed.Of != decision {
		return v1.Claimed{}, tricked("it takes back %q", draft.Deed.Of)
	}
	out := v1.TakeBack{Undos: []v1.Submission{}, Withdrawals: map[string]v1.Withdrawal{}}
	reason := "The decision " + decision + " is taken back."
	p := &Page{color: s.Color}
	for _, undo := range draft.Undos {
		r, err := d.Request(ctx, undo.Action.Reverses)
		if err != nil {
			return v1.Claimed{}, err
		}
		if err := checkUndo(undo, r, reason, me, s.Now()); err != nil {
			return v1.Claimed{}, err
		}
		p.Line("Undo %s: %s", r.ID, wording.Action(undo.Action))
	}
	for request := range draft.Withdraw {
		p.Line("Withdraw %s", request)
	}
	s.SayAll(strings.TrimRight(p.String(), "\n"))
	order := cases.Order{Note: c.Reason}
	if out.Deed, err = s.deed(ctx, d, actions.Deed{What: actions.DeedTakeBack, Of: decision, Version: draft.Deed.Version}, order.Text(), "take back your decision "+decision, canonical.Time{}, c.Yes); err != nil {
		return v1.Claimed{}, err
	}
	out.Text = order.Text()
	for _, undo := range draft.Undos {
		signed, err := me.signed(ctx, s, undo)
		if err != nil {
			return v1.Claimed{}, err
		}
		out.Undos = append(out.Undos, signed)
	}
	for request, version := range draft.Withdraw {
		r, err := d.Request(ctx, request)
		if err != nil {
			return v1.Claimed{}, err
		}
		deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedWithdraw, Of: request, Version: version}, "",
			fmt.Sprintf("take back your request %s: %s of %s", r.ID, r.Action.Kind, wording.Subject(r.Action.Subject)), r.Signed.Statement.Expires, true)
		if err != nil {
			return v1.Claimed{}, err
		}
		out.Withdrawals[request] = v1.Withdrawal{Version: version, Deed: &deed}
	}
	return d.TakeBack(ctx, decision, out)
}
