package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
)

type exposureCommand struct {
	Subject string       `arg:"" optional:"" help:"PLATFORM:@HANDLE or PLATFORM:ID. Or give --tier."`
	Kind    actions.Kind `placeholder:"KIND" help:"Only this kind of act, such as account.takedown. Left out: each that the platform offers."`
	At      string       `placeholder:"TIME" help:"Of a past instant, such as 2026-11-27T20:00:00Z. Left out: now."`
	Tier    actions.Tier `enum:"standard,protected,critical," default:"" help:"All subjects of this tier that the desk knows, weakest first: standard, protected or critical."`
	Require int          `placeholder:"N" help:"Exit with 1 where fewer than N people are enough for an act on its visibility, or for the act that --kind names, or a subject could not be read."`
	People  bool         `help:"Name the workers, by identifier."`
	Reasons bool         `help:"Say as well who could not, and why."`
}

func (c *exposureCommand) Help() string {
	return "Says who could do what to a subject: who could do it alone; the collusion number, which is the least number of people over all ways " +
		"(the act as it is ruled, an emergency act, a reversal, a change of the desk or a recovery and then the act); without whom the desk could not go on; who hold credentials with which one acts around the desk, as declared; " +
		"coverage, which is how many could countersign now and in each hour of the coming week; and the budgets within which it is done. " +
		"Acts on visibility (takedowns and what lifts them) come first and in full; limits, labels and warnings follow in a table. Policy says who may read it; reading it of critical subjects is recorded."
}

func (c *exposureCommand) Run(ctx context.Context, s *Session) error {
	if (c.Subject == "") == (c.Tier == "") {
		return fault.New(fault.Invalid, "wrong-use", "Name one subject, or a tier with --tier.")
	}
	var at time.Time
	if c.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return fault.New(fault.Invalid, "wrong-use", "--at is a time such as 2026-11-27T20:00:00Z, not %q.", c.At)
		}
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	if c.Tier != "" {
		t, err := d.ExposureTable(ctx, c.Tier, c.Kind, at, c.People)
		if err != nil {
			return err
		}
		for _, e := range t.Items {
			c.check(s, e)
		}
		return s.Answer(t, func(p *Page) { c.table(p, t) })
	}
	e, err := d.Exposure(ctx, c.Subject, c.Kind, at, c.People)
	if err != nil {
		return err
	}
	c.check(s, e)
	return s.Answer(e, func(p *Page) { c.page(p, e) })
}

// check ends the command with exit code 1 if fewer people are enough than the flag
// requires.
func (c *exposureCommand) check(s *Session, e v1.Exposure) {
	if c.Require > 0 && (e.Unread != "" || e.Number > 0 && e.Number < c.Require) {
		s.End(Refused)
	}
}

func (c *exposureCommand) table(p *Page, t v1.ExposureTable) {
	rows := [][]string{{"PEOPLE", "SUBJECT", "WEAKEST ACT", "WAY", "ALONE", "SHORT HOURS"}}
	for _, e := range t.Items {
		if e.Unread != "" {
			rows = append(rows, []string{"?", wording.Subject(e.Subject), "not read: " + e.Unread, "", "", ""})
			continue
		}
		a, w := weakest(e)
		rows = append(rows, []string{numberWords(e.Number), wording.Subject(e.Subject), string(a.Kind), w.Way, fmt.Sprint(a.Alone.Count), fmt.Sprint(len(a.Coverage.Short))})
	}
	p.Table(rows)
	p.Line("%s, as of %s.", wording.Many(len(t.Items), string(t.Tier)+" subject"), wording.When(t.At))
	said := map[string]bool{}
	for _, e := range t.Items {
		if e.Unranked != nil && !said[e.Subject.Platform] {
			said[e.Subject.Platform] = true
			p.Line("%s", e.Unranked)
		}
	}
	if t.Left > 0 {
		p.Line("%s more at the desk were not looked at.", wording.Many(t.Left, "subject"))
	}
}

// weakest returns the act that the fewest people can bring about, and their way.
func weakest(e v1.Exposure) (a v1.ExposedAct, w v1.Way) {
	for _, a := range e.Acts {
		for _, w := range a.Collusion.Ways {
			if w.People > 0 && w.People == e.Number {
				return a, w
			}
		}
	}
	if len(e.Acts) > 0 {
		return e.Acts[0], w
	}
	return a, w
}

func (c *exposureCommand) page(p *Page, e v1.Exposure) {
	p.Line("%s, %s", wording.Subject(e.Subject), e.Sort)
	pairs := [][2]string{{"tier", string(e.Tier)}}
	for _, why := range e.Why {
		pairs = append(pairs, [2]string{"because", why.Text})
	}
	pairs = append(pairs, [2]string{"as of", fmt.Sprintf("%s, %s of the governance chain", wording.When(e.At), entries(e.Governance))},
		[2]string{"collusion number", numberWords(e.Number)})
	whole, brief := e.Acts, []v1.ExposedAct(nil)
	if c.Kind == "" {
		whole, brief = split(e.Acts)
	}
	if len(brief) > 0 {
		pairs = append(pairs, [2]string{"of weaker acts", numberWords(e.Weaker)})
	}
	p.Facts(append(pairs, [2]string{"indispensable", indispensableWords(e.Indispensable)})...)
	if e.Unranked != nil {
		p.Line("%s", e.Unranked)
	}
	for _, a := range whole {
		p.Line("")
		c.showAct(p, a)
	}
	if len(brief) > 0 {
		p.Line("")
		p.Line("Weaker acts, and what lifts them; each in full with --kind:")
		rows := [][]string{{"  ACT", "ALONE", "BY A STOLEN SESSION", "COLLUSION NUMBER", "COULD COUNTERSIGN", "ONE PERSON AN HOUR"}}
		for _, a := range brief {
			rows = append(rows, []string{"  " + string(a.Kind), fmt.Sprint(a.Alone.Count), fmt.Sprint(a.Alone.Session), numberWords(a.Collusion.Number),
				fmt.Sprintf("%d; needed: %s", a.Coverage.Hours[0], wording.Need(a.Coverage.Need, false)), hourly(a.Budgets)})
		}
		p.Table(rows)
	}
	p.Line("")
	p.Line("Who could do it around the desk, as far as somebody has declared it:")
	p.Facts([2]string{"platform's credential", declared(e.Holders.Platform)}, [2]string{"executor's machine", declared(e.Holders.Executor)},
		[2]string{"key of the log", declared(e.Holders.LogKey)}, [2]string{"as the owner", e.Holders.AsOwner})
	if len(e.Unguarded) > 0 {
		p.Line("")
		p.Line("What nobody would see on %s (unguarded):", e.Subject.Platform)
		for _, s := range e.Unguarded {
			p.Line("  %s: %s", s.What, s.Note)
		}
	}
}

// split parts the acts on a subject's visibility, which come first, from the others.
func split(acts []v1.ExposedAct) (visibility, others []v1.ExposedAct) {
	for _, a := range acts {
		if spec, _ := actions.SpecOf(a.Kind); spec.Shows() {
			visibility = append(visibility, a)
		} else {
			others = append(others, a)
		}
	}
	return visibility, others
}

// hourly says how many acts one person does in an hour until a budget is spent: of a kind
// that lifts, how many undos and how many other lifts.
func hourly(bs []actions.Budget) string {
	var words []string
	for _, b := range bs {
		if b.Per != "worker" || b.Window != "hour" {
			continue
		}
		if b.Undo {
			words = append(words, wording.Many(int(b.Limit), "undo"))
		} else if b.Direction == actions.Relieving {
			words = append(words, wording.Many(int(b.Limit), "other lift"))
		} else {
			words = append(words, fmt.Sprint(b.Limit))
		}
	}
	if len(words) == 0 {
		return "no budget"
	}
	return strings.Join(words, ", ")
}

// indispensableWords names the people without whom the desk could not go on, and the
// changes that need them.
func indispensableWords(all []v1.Indispensable) string {
	if len(all) == 0 {
		return "nobody"
	}
	words := map[actions.Kind]string{actions.DeskAdmit: "admit people", actions.DeskKey: "enrol keys", actions.DeskFreeze: "thaw"}
	var parts []string
	for _, one := range all {
		var what []string
		for _, k := range one.For {
			what = append(what, words[k])
		}
		parts = append(parts, fmt.Sprintf("%s (without %s nobody could %s)", one.Worker, one.Worker, wording.Joined(what)))
	}
	return strings.Join(parts, "; ")
}

func declared(who []string) string {
	if len(who) == 0 {
		return "nobody is declared"
	}
	return fmt.Sprintf("any one of %d: %s", len(who), strings.Join(who, "; "))
}

func (c *exposureCommand) showAct(p *Page, a v1.ExposedAct) {
	p.Line("%s", a.Kind)
	c.alone(p, "alone", a.Alone)
	if a.Emergency != nil {
		c.alone(p, "alone for a short time, in an emergency", *a.Emergency)
	}
	p.Line("  collusion number: %s", numberWords(a.Collusion.Number))
	rows := [][]string{{"  WAY", "PEOPLE", "TIME", "WHO"}}
	for _, w := range a.Collusion.Ways {
		people := "-"
		if w.People > 0 {
			people = fmt.Sprint(w.People)
		}
		rows = append(rows, []string{"  " + w.Way, people, timeWords(w), groupWords(w)})
	}
	p.Table(rows)
	v := a.Coverage
	p.Line("  could countersign now: %d; needed: %s", v.Hours[0], wording.Need(v.Need, false))
	for _, n := range v.Now {
		p.Line("    %s", alikeWords(n))
	}
	p.Line("  in the coming week: %s", hoursWords(v))
	for _, b := range wording.Budgets(a.Budgets) {
		p.Line("  until a budget is spent: %s", b)
	}
}

func (c *exposureCommand) alone(p *Page, what string, a v1.Alone) {
	if a.Session > 0 {
		p.Line("  %s: %d; of %d of them a stolen session is enough", what, a.Count, a.Session)
	} else {
		p.Line("  %s: %d", what, a.Count)
	}
	for _, x := range a.Can {
		p.Line("    %s", alikeWords(x))
	}
	if c.Reasons {
		for _, x := range a.Cannot {
			p.Line("    not %s: %s", alikeWords(x), reasonsWords(x.Reasons))
		}
	}
}

func reasonsWords(rs []proof.Reason) string {
	all := make([]string, len(rs))
	for i, r := range rs {
		all[i] = r.Text
	}
	return strings.Join(all, " ")
}

func alikeWords(a v1.Alike) string {
	s := fmt.Sprintf("%d × %s", a.Count, personWords(a.Person))
	if len(a.Workers) > 0 {
		names := make([]string, len(a.Workers))
		for i, w := range a.Workers {
			names[i] = string(w)
		}
		s += ": " + strings.Join(names, ", ")
	}
	return s
}

func personWords(p v1.PersonSort) string {
	s := wording.Roles(p.Roles)
	if p.Employee {
		s += ", employee"
	} else {
		s += ", contractor"
	}
	if !p.Hardware {
		s += ", without a hardware key"
	}
	return s
}

func groupWords(w v1.Way) string {
	if w.People == 0 {
		return w.Why
	}
	var parts []string
	for _, g := range [][]v1.Member{w.Group, w.Then} {
		var who []string
		for _, m := range g {
			one := personWords(m.Person)
			if m.Worker != "" {
				one = string(m.Worker) + " (" + one + ")"
			}
			who = append(who, one)
		}
		text := strings.Join(who, " + ")
		if len(parts) > 0 && parts[0] == text {
			text = "the same"
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.TrimSpace(strings.Join(parts, "; then ") + ". " + w.Why)
}

func timeWords(w v1.Way) string {
	switch {
	case w.People == 0:
		return ""
	case w.Reverts > 0:
		return "at once, for " + wording.Span(time.Duration(w.Reverts)*time.Second)
	case w.Wait == 0:
		return "at once"
	}
	return wording.Span(time.Duration(w.Wait) * time.Second)
}

func numberWords(n int) string {
	if n == 0 {
		return "nobody can"
	}
	return fmt.Sprint(n)
}

// hoursWords says how many could countersign in the hours of the coming week, and when
// the absence of one person would leave too few.
func hoursWords(c v1.Coverage) string {
	s := fmt.Sprintf("%d at least, %d at most", slices.Min(c.Hours), slices.Max(c.Hours))
	if len(c.Short) == 0 {
		return s
	}
	first := "now"
	if c.Short[0] > 0 {
		first = "in " + wording.Many(c.Short[0], "hour")
	}
	return s + fmt.Sprintf("; one person less would be too few in %d of %s, the first of them %s", len(c.Short), wording.Many(len(c.Hours), "hour"), first)
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// deedsWords lists the acts that a person could do alone, by kind.
func deedsWords(deeds []v1.Deed) string {
	var lines []string
	for _, platform := range platformsOf(deeds) {
		for _, spec := range actions.Catalogue() {
			var tiers []string
			for _, d := range deeds {
				if d.Platform == platform && d.Kind == spec.Kind {
					tiers = append(tiers, string(d.Tier))
				}
			}
			if len(tiers) > 0 {
				lines = append(lines, fmt.Sprintf("%s on %s subjects of %s", spec.Kind, wording.Joined(tiers), platform))
			}
		}
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "; ")
}

func platformsOf(deeds []v1.Deed) []string {
	var all []string
	for _, d := range deeds {
		all = append(all, d.Platform)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reachFacts returns the acts that a person could do alone; nil is a reach that the desk
// does not let the caller read.
func reachFacts(r *v1.Reach) [][2]string {
	if r == nil {
		return [][2]string{{"alone now", "not shown: the policy does not let you read this of others (read.exposure)"}}
	}
	pairs := [][2]string{{"alone now", deedsWords(r.Now)}}
	if !r.Last.IsZero() {
		pairs = append(pairs, [2]string{"alone on the last day", deedsWords(r.LastDay)})
	}
	x := r.Session
	if x == nil {
		return pairs
	}
	// The line above says what whoever stole the worker's own key could do; these say it of
	// the key of a session.
	pairs = append(pairs, [2]string{"with a stolen session", deedsWords(x.Acts)})
	if len(x.Acts) == 0 {
		return pairs
	}
	ends := wording.When(x.Until) + ", at the latest, if it is started now"
	if !x.Runs.IsZero() {
		ends = wording.When(x.Runs) + " for the one that runs; " + ends
	}
	others := fmt.Sprintf(", or one of %d other people alone", x.Ends)
	switch x.Ends {
	case 0:
		others = "; nobody else could alone"
	case 1:
		others = ", or one other person alone"
	}
	return append(pairs, [2]string{"until", ends}, [2]string{"within", strings.Join(wording.Budgets(x.Budgets), "\n")},
		[2]string{"ended early by", fmt.Sprintf("%s%s: countersign session end --worker %s --reason WHY", r.Worker, others, r.Worker)})
}

// coverageWords says how a change alters the number of people who could countersign.
func coverageWords(p *Page, changes []v1.CoverageChange) {
	if len(changes) == 0 {
		return
	}
	rows := [][]string{{"TAKEDOWN ON", "COULD COUNTERSIGN", "FEWEST THIS WEEK", "NEEDED", "COLLUSION NUMBER"}}
	arrow := func(a, b string) string {
		if a == b {
			return a
		}
		return a + " → " + b
	}
	for _, c := range changes {
		b, a := c.Before, c.After
		rows = append(rows, []string{string(c.Tier) + " " + c.Platform, arrow(fmt.Sprint(b.Now), fmt.Sprint(a.Now)), arrow(fmt.Sprint(b.Least), fmt.Sprint(a.Least)),
			arrow(fmt.Sprint(b.Need.Independent), fmt.Sprint(a.Need.Independent)), arrow(numberWords(b.Number), numberWords(a.Number))})
	}
	p.Table(rows)
}
