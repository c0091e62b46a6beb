package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/prose"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type caseNext struct {
	Queue string `help:"Only of this queue."`
	Keys  bool   `help:"Work through one case after the other also where the standard input is no terminal: each line is a key. It needs --yes then, since nobody is asked."`
	signing
}

func (c *caseNext) Help() string {
	return "At a terminal it shows the case, takes a key and Enter, and goes on with the next case; ? lists the keys. Cases that you hold already come first. " +
		"With --json, or where no terminal is, it claims one case and shows it: decide it with countersign case decide CASE --verdict no-violation"
}

func (c *caseNext) Run(ctx context.Context, s *Session) error {
	if c.Keys && !s.Interactive && !c.Yes && !s.JSON {
		return fault.New(fault.Invalid, "wrong-use", "Where the standard input is no terminal nobody can say yes, so that these keys would sign nothing. Give --yes as well: what each key signs is then signed without asking.")
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	if s.JSON || !s.Interactive && !c.Keys {
		t, err := d.NextCase(ctx, c.Queue)
		if err != nil {
			return err
		}
		return s.claimed(t)
	}
	w := &work{caseNext: c, s: s, d: d, in: bufio.NewReader(s.Stdin)}
	s.Stdin = w.in // what is typed ahead is kept for the questions that are asked
	err = w.all(ctx)
	if err != nil && !errors.Is(err, errQuit) {
		return err
	}
	return s.Answer(w.done, func(p *Page) {
		p.Line("You decided %s, and passed on %d.", wording.Many(len(w.done.Decided), "case"), len(w.done.Passed))
	})
}

// worked is the answer of a stretch of work.
type worked struct {
	Decided []string `json:"decided"` // identifiers of decisions
	Passed  []string `json:"passed"`  // cases that were skipped, escalated, asked about, snoozed or released
}

// errQuit ends the work at the person's wish.
var errQuit = errors.New("the person quits")

// work is one stretch of work on cases.
type work struct {
	*caseNext
	s    *Session
	d    deskClient
	in   *bufio.Reader
	done worked

	rules  *cases.RuleSet
	set    canonical.Digest
	board  map[string]v1.Queue
	last   string // the newest decision that was made here
	me     workforce.WorkerID
	drafts map[string]v1.CaseDraft // the person's own, by case
	freed  []string                // cases that were released here, the newest of them: they are not offered again
}

// all works through the cases that the person holds, and then those that come next.
func (w *work) all(ctx context.Context) error {
	w.done, w.drafts = worked{Decided: []string{}, Passed: []string{}}, map[string]v1.CaseDraft{}
	if err := w.look(ctx); err != nil {
		return err
	}
	me, err := w.s.workerName()
	if err != nil {
		return err
	}
	w.me = me
	mine, err := w.d.Cases(ctx, v1.CaseFilter{Mine: true, State: cases.Claimed})
	if err != nil {
		return err
	}
	for _, x := range mine.Items {
		if w.Queue != "" && x.Queue != w.Queue {
			continue
		}
		t, err := w.d.ClaimCase(ctx, x.ID)
		if fault.Is(err, "claim-ended") {
			continue
		}
		if err == nil {
			err = w.one(ctx, t)
		}
		if err != nil {
			return err
		}
	}
	for {
		t, err := w.d.NextCase(ctx, w.Queue, w.freed...)
		if fault.Is(err, "nothing-waits") {
			w.s.Say("No case waits for you.")
			if len(w.freed) > 0 {
				w.s.Say("Those that you released here wait in their queues, and are offered to you when you start `case next` again.")
			}
			return nil
		}
		if err == nil {
			err = w.one(ctx, t)
		}
		if err != nil {
			return err
		}
	}
}

// look reads the rules and the queues in force.
func (w *work) look(ctx context.Context) (err error) {
	if w.rules, w.set, err = w.d.ruleSet(ctx); err != nil {
		return err
	}
	board, err := w.d.QueueBoard(ctx)
	w.board = map[string]v1.Queue{}
	for _, q := range board.Items {
		w.board[q.Name] = q
	}
	return err
}

// one works on one case until the person is done with it.
func (w *work) one(ctx context.Context, t v1.Claimed) error {
	j, err := seen(t)
	if err != nil {
		return err
	}
	for _, x := range t.Drafts {
		if x.Worker == string(w.me) {
			w.drafts[t.Case.ID] = x
		}
	}
	w.show(ctx, &j, t)
	for {
		key, err := w.ask("%s> ", t.Case.ID)
		if errors.Is(err, io.EOF) {
			key, err = "q", nil
		}
		if errors.Is(err, errCancelled) {
			continue
		}
		if err != nil {
			return err
		}
		over, err := w.press(ctx, &j, t, key)
		if errors.Is(err, io.EOF) { // in the middle of an answer: what was typed is kept
			over, err = w.press(ctx, &j, t, "q")
		}
		switch {
		case err == nil && over:
			return nil
		case err == nil, errors.Is(err, errCancelled):
		case errors.Is(err, errQuit), fault.Is(err, "unreachable"), ctx.Err() != nil:
			return err
		case fault.Is(err, "case-moved"):
			w.s.Say("%s", fault.TextOf(err))
			if err := w.news(ctx, &j); err != nil {
				return err
			}
		case fault.Is(err, "claim-ended"), fault.Is(err, "case-closed"), fault.Is(err, "case-merged"), fault.Is(err, "no-such-case"):
			w.s.Say("%s", fault.TextOf(err))
			return nil
		default:
			w.s.lapsed(ctx, err)
			w.s.Say("%s", fault.TextOf(err))
			for _, d := range detailsOf(err) {
				w.s.Say("  %s: %s", d.At, d.Text)
			}
			if fault.Is(err, "rule-moved") {
				if err := w.look(ctx); err != nil {
					return err
				}
			}
		}
	}
}

func detailsOf(err error) []fault.Detail {
	if f := fault.As(err); f != nil {
		return f.Detail
	}
	return nil
}

// show puts a case on the screen, with the state now beside the one seen last.
func (w *work) show(ctx context.Context, j *judging, t v1.Claimed) {
	p := &Page{color: w.s.Color}
	describeCase(p, t.Case, t.Why, j.shown, w.s.Now())
	describeNotes(p, t.Notes)
	describeCaseDrafts(p, t.Drafts)
	if now, err := w.d.CaseNow(ctx, t.Case.ID); err == nil {
		p.Line("State now:")
		describeNow(p, now, w.s.Now())
		if j.shown.Of == "" {
			j.shown.Of = now.Sort
		}
	} else {
		p.Line("The state now cannot be read: %s", fault.TextOf(err))
	}
	w.describeDigits(p, *j)
	if t.Press {
		p.Line("%s", "You are a specialist: m says what becomes of its pictures (copy, hash, or remove one whose bytes are kept).")
	}
	p.Line("Yours until %s. a no violation · 1-9 rule · e escalate · w ask · s skip · n note · r release · q quit · ? all keys", until(t.Claim.Until, w.s.Now()))
	fmt.Fprint(w.s.Stderr, "\n"+p.String())
}

// describeDigits writes the rules that the digits choose, each with its usual measures.
func (w *work) describeDigits(p *Page, j judging) {
	digits := w.board[j.shown.Queue].Digits
	for _, digit := range slices.Sorted(maps.Keys(digits)) {
		rule, ok := w.rules.Rule(digits[digit])
		if !ok {
			continue
		}
		p.Line("  key %s → rule %d, %s: %s", digit, rule.Number, rule.Title.In("en"), usualWords(rule.UsualFor(j.shown.Of, j.shown.Strikes[strconv.FormatInt(rule.Number, 10)])))
	}
}

// news shows a case that has changed since it was shown. What the person signs next is about
// what is shown here.
func (w *work) news(ctx context.Context, j *judging) error {
	t, err := w.d.ClaimCase(ctx, j.shown.Case)
	if err != nil {
		return err
	}
	v, err := w.d.Case(ctx, j.shown.Case)
	if err != nil {
		return err
	}
	now, err := seen(t)
	if err != nil {
		return err
	}
	p := &Page{color: w.s.Color}
	p.Line("What is new in the case %s since version %d:", v.Case.ID, j.version)
	for _, m := range v.Moves {
		if m.Version > j.version {
			p.Line("  version %d: %s, %s", m.Version, moveWords(m), wording.When(m.Time))
		}
	}
	fmt.Fprint(w.s.Stderr, "\n"+p.String())
	*j = now
	w.show(ctx, j, t)
	return nil
}

// escape is what the key Esc leaves in a line.
const escape = "\x1b"

// errCancelled says that the person pressed Esc instead of answering.
var errCancelled = errors.New("the person cancels")

// ask reads one line. The prompt is ours, its arguments are shown. Of a line that ends with the
// input and without a line feed, which was not finished, and of one that Esc ends, it returns
// what was typed with an error.
func (w *work) ask(prompt string, args ...any) (string, error) {
	fmt.Fprint(w.s.Stderr, prose.Sprintf(prompt, args...))
	line, err := w.in.ReadString('\n')
	if typed, _, escaped := strings.Cut(line, escape); escaped && err == nil {
		line, err = typed, errCancelled
	}
	return strings.TrimSpace(line), err
}

// words asks for a person's own words on a case. Words that the person does not send are kept as
// a draft: Esc, the end of the input and the end of the claim lose nothing.
func (w *work) words(ctx context.Context, j judging, prompt string) (string, error) {
	text, err := w.ask(prompt)
	if err != nil {
		w.keep(ctx, j, text)
	}
	return text, err
}

// keep keeps words as the person's draft on a case, after what is in the draft already.
func (w *work) keep(ctx context.Context, j judging, text string) {
	if text == "" {
		return
	}
	draft := w.drafts[j.shown.Case]
	if draft.Note != "" && draft.Note != text {
		draft.Note += "\n"
	}
	if !strings.HasSuffix(draft.Note, text) {
		draft.Note += text
	}
	draft.Worker, draft.Updated = "", canonical.Time{}
	if err := w.d.KeepCaseDraft(ctx, j.shown.Case, draft); err != nil {
		w.s.Say("What you wrote could not be kept (%s): %s", fault.TextOf(err), text)
		return
	}
	w.drafts[j.shown.Case] = draft
	w.s.Say("What you wrote is kept as your draft on %s.", j.shown.Case)
}

const keyHelp = `a       no violation
1-9     violation of the rule under this digit, with its usual measures
0       violation of any rule: asks for its number
d       duplicate
o       not for us
z       take back your last decision, within 15 seconds
e       escalate to a lead: asks for the question
w       ask a specialist, or somebody who reads a language
h       let it wait until a time
s       skip; it is not offered to you again
n       write a note
m       for specialists, on cases of child safety: say what becomes of the pictures
r       release it to its queue; it is not offered to you again before you start anew
+       hold it for longer
v       show it again
q       quit; the case goes back to its queue
Enter   nothing
Esc     cancels a question; what you typed is kept as your draft
?       these keys
Measures other than the usual ones: countersign case decide CASE --verdict violation --rule N --measure KIND[:VALUE] --reason WHY`

// press does what a key says. over reports whether the case is done with here.
func (w *work) press(ctx context.Context, j *judging, t v1.Claimed, key string) (over bool, err error) {
	if len(key) == 1 && key >= "1" && key <= "9" {
		number, ok := w.board[j.shown.Queue].Digits[key]
		if !ok {
			w.s.Say("The key %s chooses no rule in the queue %s; 0 asks for the number of any rule.", key, j.shown.Queue)
			return false, nil
		}
		return w.decideRule(ctx, j, number)
	}
	switch key {
	case "":
		return false, nil
	case "?":
		w.s.SayAll(keyHelp)
		return false, nil
	case "v":
		w.show(ctx, j, t)
		return false, nil
	case "a":
		return w.decideAs(ctx, *j, actions.CaseNoViolation)
	case "d":
		return w.decideAs(ctx, *j, actions.CaseDuplicate)
	case "o":
		return w.decideAs(ctx, *j, actions.CaseNotForUs)
	case "0":
		text, err := w.ask("Number of the rule: ")
		if err != nil {
			return false, err
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return false, fault.New(fault.Invalid, "no-such-rule", "%q is no number of a rule.", text)
		}
		return w.decideRule(ctx, j, number)
	case "z":
		return false, w.undo(ctx, j, t)
	case "e":
		note, err := w.words(ctx, *j, "What is the lead to decide? ")
		if err != nil {
			return false, err
		}
		return w.pass(ctx, *j, actions.DeedEscalate, cases.Order{Role: cases.AskLead, Note: note}, "escalate it to a lead")
	case "w":
		return w.askSomebody(ctx, *j)
	case "h":
		return w.snooze(ctx, *j)
	case "s":
		note, err := w.words(ctx, *j, "Why, if you like to say: ")
		if err != nil {
			return false, err
		}
		return w.pass(ctx, *j, actions.DeedSkip, cases.Order{Note: note}, "skip it")
	case "n":
		note, err := w.words(ctx, *j, "Note: ")
		if err != nil || note == "" {
			return false, err
		}
		_, err = w.s.doOn(ctx, w.d, v1.Case{ID: j.shown.Case, Version: j.version}, 0, actions.DeedNote, cases.Order{Note: note}, "write a note", w.Yes)
		if err != nil {
			w.keep(ctx, *j, note)
		}
		return false, err
	case "m":
		return false, w.media(ctx, j, t)
	case "+":
		out, err := w.d.ExtendClaim(ctx, j.shown.Case, v1.Extension{Claim: j.claim})
		if err == nil {
			w.s.Say("Yours until %s.", until(out.Until, w.s.Now()))
		}
		return false, err
	case "r", "q":
		if _, err := w.d.ReleaseCase(ctx, j.shown.Case, j.claim); err != nil && (key == "r" || !fault.Is(err, "claim-ended")) {
			return false, err
		}
		w.done.Passed = append(w.done.Passed, j.shown.Case)
		if key == "q" {
			return true, errQuit
		}
		w.freed = append(w.freed, j.shown.Case)
		w.freed = w.freed[max(0, len(w.freed)-v1.MaxWithout):]
		return true, nil
	}
	w.s.Say("%q is no key; ? lists them.", short(key, 20))
	return false, nil
}

func (w *work) decideRule(ctx context.Context, j *judging, number int64) (bool, error) {
	rule, err := ruleIn(w.rules, number)
	if err != nil {
		return false, err
	}
	with := *j
	with.rule, with.set = rule, w.set
	return w.decideAs(ctx, with, actions.CaseViolation)
}

func (w *work) decideAs(ctx context.Context, j judging, v actions.CaseVerdict) (bool, error) {
	j.verdict = v
	made, err := w.decide(ctx, w.s, w.d, j)
	if err != nil {
		return false, err
	}
	p := &Page{color: w.s.Color}
	describeMade(p, made, w.s.Now())
	p.Line("z takes it back for 15 seconds.")
	fmt.Fprint(w.s.Stderr, p.String())
	w.last, w.done.Decided = made.ID, append(w.done.Decided, made.ID)
	return true, nil
}

// pass does a deed after which the case is with somebody else.
func (w *work) pass(ctx context.Context, j judging, k actions.DeedKind, o cases.Order, what string) (bool, error) {
	out, err := w.s.doOn(ctx, w.d, v1.Case{ID: j.shown.Case, Version: j.version}, j.claim, k, o, what, w.Yes)
	if err != nil {
		w.keep(ctx, j, o.Note)
		return false, err
	}
	w.s.Say("The case %s is %s, in the queue %s.", out.ID, out.State, out.Queue)
	for _, line := range whoTakes(k, o) {
		w.s.Say("%s", line)
	}
	w.done.Passed = append(w.done.Passed, out.ID)
	return true, nil
}

func (w *work) askSomebody(ctx context.Context, j judging) (bool, error) {
	whom, err := w.ask("Whom: specialist, or a language such as pt? ")
	if err != nil {
		return false, err
	}
	question, err := w.words(ctx, j, "Question: ")
	if err != nil {
		return false, err
	}
	o := cases.Order{Role: cases.AskLanguage, Language: whom, Note: question}
	if whom == "specialist" {
		o.Role, o.Language = cases.AskSpecialist, ""
	} else if !cases.ValidLanguage(whom) {
		return false, fault.New(fault.Invalid, "bad-deed", "%q is no language; write a BCP 47 tag such as pt, or specialist.", whom)
	}
	return w.pass(ctx, j, actions.DeedAsk, o, "ask "+whom)
}

// media says what becomes of the pictures of a case of child safety. The case changes by it, and
// is shown again.
func (w *work) media(ctx context.Context, j *judging, t v1.Claimed) error {
	if !t.Press {
		w.s.Say("%s", "That key is for specialists, on cases that are reported for child safety.")
		return nil
	}
	how, err := w.ask("copy (have the pictures copied), hash (only their digests), or remove (the bytes of one that is kept)? ")
	if err != nil {
		return err
	}
	m := caseMedia{Case: j.shown.Case, What: how, Yes: w.Yes}
	if how == "remove" {
		text, err := w.ask("Digest of the picture (case evidence lists them): ")
		if err != nil {
			return err
		}
		m.Picture = text
	}
	if m.Reason, err = w.ask("Why? "); err != nil {
		return err
	}
	said, err := m.press(ctx, w.s, w.d)
	if err != nil {
		return err
	}
	w.s.Say("%s", said.words())
	return w.news(ctx, j)
}

func (w *work) snooze(ctx context.Context, j judging) (bool, error) {
	text, err := w.ask("Until when, such as 2h or 1d? ")
	if err != nil {
		return false, err
	}
	m, err := parseMoment(text)
	if err != nil {
		return false, fault.New(fault.Invalid, "bad-deed", "%s.", sentence(err.Error()))
	}
	why, err := w.words(ctx, j, "Why? ")
	if err != nil {
		return false, err
	}
	end := m.from(w.s.Now())
	return w.pass(ctx, j, actions.DeedSnooze, cases.Order{Until: end, Note: why}, "let it wait until "+wording.When(end))
}

// undo takes the last decision back, works on its case again, and comes back to this one.
func (w *work) undo(ctx context.Context, j *judging, t v1.Claimed) error {
	if w.last == "" {
		w.s.Say("You have decided nothing here yet.")
		return nil
	}
	back, err := (&caseUndo{signing: w.signing}).takeBack(ctx, w.s, w.d, w.last)
	if err != nil {
		return err
	}
	w.s.Say("%s is taken back; the case %s is %s.", w.last, back.Case.ID, back.Case.State)
	w.done.Decided = slices.DeleteFunc(w.done.Decided, func(id string) bool { return id == w.last })
	w.last = ""
	if back.Claim.Number > 0 {
		if err := w.one(ctx, back); err != nil {
			return err
		}
		w.show(ctx, j, t)
	}
	return nil
}
