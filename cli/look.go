package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type lookCommands struct {
	List    lookList    `cmd:"" default:"withargs" help:"List differences between two verdicts that wait for a lead, or what was looked at of your own."`
	Show    lookShow    `cmd:"" help:"Show both verdicts on a case that was judged again."`
	Decide  lookDecide  `cmd:"" help:"Say, as a lead, whose verdict was wrong."`
	Dispute lookDispute `cmd:"" help:"Answer once that your verdict was found wrong."`
}

const aboutLooks = "A random share of all verdicts is judged again, by somebody independent who knows neither the first verdict nor that there was one. Nothing of the second verdict is carried out. " +
	"Where the two differ, a lead who is independent of both says whose was wrong. Whoever was found wrong is told, may answer once within 7 days, and then another lead has the last word. " +
	"What was looked at of yours is for you and for these leads. A first verdict that was wrong opens its case again; what it measured is lifted in the usual way."

type lookList struct {
	Mine  bool   `help:"What was looked at of your own verdicts."`
	State string `placeholder:"STATE" enum:",waiting,settled,disputed,final" default:"" help:"Only differences in this state: waiting, settled, disputed or final."`
}

func (c *lookList) Help() string { return aboutLooks }

func (c *lookList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.Looks(ctx, c.Mine, c.State)
	if err != nil {
		return err
	}
	return s.Answer(page, func(p *Page) {
		if len(page.Items) == 0 {
			p.Line("There is none.")
		}
		for _, l := range page.Items {
			p.Line("%s  %s  %s", l.ID, differs(l), wording.When(l.Second.At))
			p.Line("  %s in the queue %s: first %s, then %s", l.Subject, l.Queue, foundIn(l.First), foundIn(l.Second))
			if l.MaySettle {
				p.Line("  countersign look decide %s --wrong first --why TEXT", l.ID)
			}
			if l.MayDispute {
				p.Line("  Until %s you may answer: countersign look dispute %s --why TEXT", wording.When(l.Matter.Until), l.ID)
			}
		}
	})
}

// differs says in words how the verdicts of a look differ.
func differs(l v1.SecondLook) string {
	words := map[cases.Difference]string{cases.Agrees: "the verdicts agree", cases.Missed: "missed", cases.WronglyFound: "wrongly found", cases.WrongRule: "another rule", cases.Technical: "technical"}
	if l.Matter == nil {
		return words[l.Difference]
	}
	return words[l.Difference] + ", " + l.Matter.State
}

// foundIn says in words what a verdict found.
func foundIn(side v1.LookSide) string {
	out := strings.ReplaceAll(string(side.Verdict), "-", " ")
	if side.Rule > 0 {
		out += fmt.Sprintf(" of rule %d", side.Rule)
	}
	if len(side.Measures) > 0 {
		out += " (" + strings.Join(side.Measures, ", ") + ")"
	}
	return out
}

type lookShow struct {
	Look string `arg:"" help:"lok_…: \"look list\" lists them."`
}

func (c *lookShow) Help() string { return aboutLooks }

func (c *lookShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	l, err := d.Look(ctx, c.Look)
	if err != nil {
		return err
	}
	return answerLook(s, l)
}

func answerLook(s *Session, l v1.SecondLook) error {
	return s.Answer(l, func(p *Page) {
		p.Line("%s: %s, in the queue %s: %s.", l.ID, l.Subject, l.Queue, differs(l))
		for _, side := range []struct {
			name string
			of   v1.LookSide
		}{{"First", l.First}, {"Second", l.Second}} {
			p.Line("%s: %s, by %s at %s, on the case %s.", side.name, foundIn(side.of), side.of.Worker, wording.When(side.of.At), side.of.Case)
			if side.of.Reasons != "" {
				p.Line("  %s", side.of.Reasons)
			}
			for _, r := range side.of.Requests {
				p.Line("  Its measure %s stands or ends like every other: countersign action show %[1]s", r)
			}
		}
		m := l.Matter
		if m == nil {
			return
		}
		if m.Wrong != "" {
			p.Line("%s: %s. %s", m.Lead, wrongIn(m.Wrong), m.Why)
		}
		if m.Answer != "" {
			p.Line("%s answered: %s", m.Disputer, m.Answer)
		}
		if m.LastWrong != "" {
			p.Line("%s, who has the last word: %s. %s", m.LastLead, wrongIn(m.LastWrong), m.LastWhy)
		}
		if l.MaySettle {
			p.Line("Whose verdict was wrong? countersign look decide %s --wrong first --why TEXT (or second, both, neither)", l.ID)
		}
		if l.MayDispute {
			p.Line("Your verdict was found wrong. Until %s you may answer once: countersign look dispute %s --why TEXT", wording.When(m.Until), l.ID)
		}
	})
}

func wrongIn(w cases.Wrong) string {
	switch w {
	case cases.WrongBoth:
		return "both verdicts were wrong"
	case cases.WrongNeither:
		return "both verdicts may be held"
	}
	return "the " + string(w) + " verdict was wrong"
}

type lookDecide struct {
	Look  string `arg:"" help:"lok_…: \"look list\" lists them."`
	Wrong string `required:"" enum:"first,second,both,neither" help:"Whose verdict was wrong: first, second, both or neither."`
	Why   string `required:"" help:"Why. Both people read it."`
	Yes   bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *lookDecide) Help() string { return aboutLooks }

func (c *lookDecide) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	o := cases.LookOrder{Wrong: cases.Wrong(c.Wrong), Why: c.Why}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedSettle, Of: c.Look}, o.Text(), fmt.Sprintf("The look %s: %s. %s", c.Look, wrongIn(o.Wrong), c.Why), canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	l, err := d.SettleLook(ctx, c.Look, v1.LookDeed{Deed: deed, Text: o.Text()})
	if err != nil {
		return err
	}
	return answerLook(s, l)
}

type lookDispute struct {
	Look string `arg:"" help:"lok_…: \"look list --mine\" lists them."`
	Why  string `required:"" help:"Why your verdict was right. Another lead reads it, and settles it."`
	Yes  bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *lookDispute) Help() string { return aboutLooks }

func (c *lookDispute) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	o := cases.LookOrder{Why: c.Why}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedDispute, Of: c.Look}, o.Text(), fmt.Sprintf("Your answer to the look %s: %s", c.Look, c.Why), canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	l, err := d.DisputeLook(ctx, c.Look, v1.LookDeed{Deed: deed, Text: o.Text()})
	if err != nil {
		return err
	}
	return answerLook(s, l)
}

type calibrateCommands struct {
	List    calibrateList    `cmd:"" default:"withargs" help:"List the calibrations of your company."`
	Make    calibrateMake    `cmd:"" help:"Have several people judge decided cases without knowing it."`
	Show    calibrateShow    `cmd:"" help:"Show a calibration: how far it is and, once all have judged, who found what and how far they agree."`
	Close   calibrateClose   `cmd:"" help:"End a calibration with what its people found when they talked about it."`
	Example calibrateExample `cmd:"" help:"Make a settled case an example of a rule: writes the changed rule set, which you propose."`
}

const aboutCalibrations = "In a calibration, people judge the same decided cases, each without knowing the first verdict, the others', or that it is a calibration: the cases come to them like all others. " +
	"It counts for nobody's figures. When all have judged, the lead sees who found what, and how far they agree by rule; they talk about it, and the result is kept."

type calibrateList struct{}

func (c *calibrateList) Help() string { return aboutCalibrations }

func (c *calibrateList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.Calibrations(ctx, "")
	if err != nil {
		return err
	}
	return s.Answer(page, func(p *Page) {
		if len(page.Items) == 0 {
			p.Line("There is none.")
		}
		for _, one := range page.Items {
			state := "goes on"
			if !one.Closed.IsZero() {
				state = "closed " + wording.When(one.Closed)
			}
			p.Line("%s  %s  made %s by %s, %s", one.ID, one.Title, wording.When(one.Made), one.Lead, state)
		}
	})
}

type calibrateMake struct {
	Decision []string `arg:"" help:"dec_…: the decisions whose cases are judged again, at most 30."`
	Title    string   `required:"" help:"What it is about, in a line."`
	With     []string `required:"" placeholder:"WORKER" help:"Who judges the cases. Repeat it, or put commas between."`
	Yes      bool     `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *calibrateMake) Help() string { return aboutCalibrations }

func (c *calibrateMake) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	me, err := s.workerName()
	if err != nil {
		return err
	}
	o := cases.CalibrationOrder{Decisions: c.Decision, Title: c.Title}
	for _, w := range c.With {
		o.People = append(o.People, workforce.WorkerID(w))
	}
	slices.Sort(o.People)
	o.People = slices.Compact(o.People)
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedCalibrate, Of: string(me)}, o.Text(), fmt.Sprintf("A calibration of %s, judged by %s", wording.Many(len(o.Decisions), "case"), strings.Join(c.With, ", ")), canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	out, err := d.Calibrate(ctx, v1.LookDeed{Deed: deed, Text: o.Text()})
	if err != nil {
		return err
	}
	return answerCalibration(s, out)
}

func answerCalibration(s *Session, c v1.Calibration) error {
	return s.Answer(c, func(p *Page) {
		p.Line("%s: %s. %d of %d verdicts are still to come.", c.ID, c.Title, c.Left, c.Of)
		for _, one := range c.Cases {
			p.Line("%s (%s): first %s", one.Case, one.Subject, foundIn(v1.LookSide{Verdict: one.Verdict, Rule: one.Rule}))
			for _, v := range one.Verdicts {
				p.Line("  %s: %s. %s", v.Worker, foundIn(v), v.Reasons)
			}
		}
		for _, r := range c.Rules {
			p.Line("Rule %d: %s, agreement %.2f, AC1 %.2f (%.2f to %.2f), Fleiss' kappa %.2f", r.Rule, wording.Many(int(r.Cases), "case"), r.Raw, r.AC1, r.Low, r.High, r.Fleiss)
		}
		if c.Result != "" {
			p.Line("Result: %s", c.Result)
		} else if c.Left == 0 {
			p.Line("All have judged. Talk about it, and keep what you found: countersign calibrate close %s --result TEXT", c.ID)
		}
	})
}

type calibrateShow struct {
	Calibration string `arg:"" help:"cal_…: \"calibrate list\" lists them."`
}

func (c *calibrateShow) Help() string { return aboutCalibrations }

func (c *calibrateShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	out, err := d.Calibration(ctx, c.Calibration)
	if err != nil {
		return err
	}
	return answerCalibration(s, out)
}

type calibrateClose struct {
	Calibration string `arg:"" help:"cal_…: \"calibrate list\" lists them."`
	Result      string `required:"" help:"What the people found when they talked about it. Copies that nobody has judged are given to nobody any more."`
	Yes         bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *calibrateClose) Help() string { return aboutCalibrations }

func (c *calibrateClose) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	o := cases.CalibrationOrder{Result: c.Result}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedCalibrated, Of: c.Calibration}, o.Text(), fmt.Sprintf("The end of the calibration %s: %s", c.Calibration, c.Result), canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	out, err := d.CloseCalibration(ctx, c.Calibration, v1.LookDeed{Deed: deed, Text: o.Text()})
	if err != nil {
		return err
	}
	return answerCalibration(s, out)
}

type calibrateExample struct {
	Calibration string `arg:"" help:"cal_…, which is closed."`
	Case        string `arg:"" help:"cas_…, one of its cases."`
	Rule        int64  `required:"" help:"The rule that the case is an example of."`
	Against     bool   `help:"It looks like a violation and is none; left out: it is one."`
	Text        string `required:"" help:"The example in a line, without anything that tells who it was."`
	Out         string `required:"" placeholder:"FILE" help:"The new file for the changed rule set."`
}

func (c *calibrateExample) Help() string {
	return aboutCalibrations + "\nAn example changes nothing by itself: propose the file with `countersign rule propose FILE --reason WHY`, and officers countersign it. The number of the rule stays, since its text does."
}

func (c *calibrateExample) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	out, err := d.Calibration(ctx, c.Calibration)
	if err != nil {
		return err
	}
	switch {
	case out.Closed.IsZero():
		return fault.New(fault.Conflict, "wrong-state", "The calibration %s goes on. Close it first: countersign calibrate close %[1]s --result TEXT", c.Calibration)
	case !slices.ContainsFunc(out.Cases, func(one v1.CalibratedCase) bool { return one.Case == c.Case }):
		return fault.New(fault.NotFound, "no-such-case", "The calibration %s has no case %q.", c.Calibration, c.Case)
	}
	set, _, err := s.readRules(ctx, false)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(set.Rules, func(r cases.Rule) bool { return r.Number == c.Rule })
	if i < 0 {
		return fault.New(fault.NotFound, "no-such-rule", "There is no rule %d in force: countersign rule list", c.Rule)
	}
	list := &set.Rules[i].For
	if c.Against {
		list = &set.Rules[i].Against
	}
	*list = append(slices.Clone(*list), c.Text)
	b, err := canonical.Marshal(set)
	if err != nil {
		return err
	}
	indented := jsontext.Value(b)
	if err := indented.Indent(); err != nil {
		return err
	}
	text := string(indented) + "\n"
	if _, err := cases.ParseRules(text); err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fault.New(fault.Invalid, "bad-file", "The file %s cannot be made: %v. Name a new one.", c.Out, err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return s.Answer(map[string]any{"file": c.Out, "rule": c.Rule}, func(p *Page) {
		p.Line("Written: %s. Propose it: countersign rule propose %[1]s --reason WHY", c.Out)
	})
}
