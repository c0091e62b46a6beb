package cli

import (
	"context"
	"fmt"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

type ruleCommands struct {
	List    ruleList    `cmd:"" default:"withargs" help:"List the rules in force, with the usual measures on content and accounts."`
	Show    ruleShow    `cmd:"" help:"Show one rule whole, or the text of the set."`
	Check   ruleCheck   `cmd:"" help:"Check a rule set: that it is complete, that each line can be used and, where a desk is reachable, that it may follow the set in force."`
	Propose rulePropose `cmd:"" help:"Ask the desk to put a rule set in force, and say what it changes. Officers countersign."`
	Default ruleDefault `cmd:"" help:"Show the built-in rule set, which a desk may begin with; needs no desk."`
}

const aboutRules = "A rule set is one JSON file, rules.json: the rules of the community with their usual measures, how severe each reason for a report is, which reasons the platforms' own ones mean, and to whom cases are referred. " +
	"A number means one rule for ever: a rule whose title, text or severity changes gets a new number, and the old number is retired. doc/rules.md describes the file."

// readRules reads the rule set in force, or the built-in one.
func (s *Session) readRules(ctx context.Context, builtIn bool) (*cases.RuleSet, string, error) {
	text := cases.DefaultRules()
	if !builtIn {
		d, err := s.desk()
		if err != nil {
			return nil, "", err
		}
		now, err := d.Rules(ctx)
		if err != nil {
			return nil, "", err
		}
		if text, err = d.textOf(ctx, now.Digest); err != nil {
			return nil, "", err
		}
	}
	set, err := cases.ParseRules(text)
	return set, text, err
}

type ruleList struct {
	Default bool `help:"List the rules of the built-in set instead; needs no desk."`
}

// ruleListAnswer is the answer of rule list.
type ruleListAnswer struct {
	Digest  canonical.Digest `json:"digest"` // of the text of the set
	Rules   []ruleAnswer     `json:"rules"`
	Retired []int64          `json:"retired"`
}

// ruleAnswer is a rule with the digest by which decisions and actions name its text.
type ruleAnswer struct {
	cases.Rule
	Text canonical.Digest `json:"text_digest"`
}

func (c *ruleList) Run(ctx context.Context, s *Session) error {
	set, text, err := s.readRules(ctx, c.Default)
	if err != nil {
		return err
	}
	doc := ruleListAnswer{Digest: actions.DigestOfText(text), Rules: []ruleAnswer{}, Retired: set.Retired}
	rows := [][]string{{"RULE", "TITLE", "SEVERITY", "ON CONTENT", "ON AN ACCOUNT"}}
	for _, r := range set.Rules {
		doc.Rules = append(doc.Rules, ruleAnswer{r, r.TextDigest()})
		rows = append(rows, []string{fmt.Sprint(r.Number), r.Title.In("en"), string(r.Severity),
			wording.Measures(r.UsualFor(platform.Content, 0)), wording.Measures(r.UsualFor(platform.Account, 0))})
	}
	return s.Answer(doc, func(p *Page) {
		p.Table(rows)
		p.Line("The measures are the usual ones without earlier strikes; `countersign rule show NUMBER` has all.")
		p.Line("%s", doc.Digest)
	})
}

type ruleShow struct {
	Number  int64  `arg:"" optional:"" help:"The rule. Left out: the text of the whole set."`
	Text    string `placeholder:"DIGEST" help:"Show this text instead of the set in force, such as one that is proposed."`
	Default bool   `help:"Show the built-in set instead; needs no desk."`
	out
}

func (c *ruleShow) Run(ctx context.Context, s *Session) error {
	text, err := s.textNamed(ctx, c.Text)
	if err != nil {
		return err
	}
	set := (*cases.RuleSet)(nil)
	if text != "" {
		set, err = cases.ParseRules(text)
	} else {
		set, text, err = s.readRules(ctx, c.Default)
	}
	if err != nil {
		return err
	}
	if c.Number == 0 {
		return s.showText(text, c.Out)
	}
	r, ok := set.Rule(c.Number)
	switch {
	case set.Withdrawn(c.Number):
		return fault.New(fault.NotFound, "rule-retired", "Rule %d is retired. To read it, name the text of a set that still had it: countersign rule show %[1]d --text DIGEST", c.Number)
	case !ok:
		return fault.New(fault.NotFound, "no-such-rule", "There is no rule %d in the set; see them with `countersign rule list`.", c.Number)
	}
	return s.Answer(ruleAnswer{*r, r.TextDigest()}, func(p *Page) { describeRule(p, r) })
}

// textNamed reads a text of the desk by the digest that somebody typed; empty for none.
func (s *Session) textNamed(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	var digest canonical.Digest
	if err := digest.UnmarshalText([]byte(name)); err != nil {
		return "", fault.New(fault.Invalid, "bad-digest", "%q is no digest; write sha256: and 64 lower-case hex digits.", name)
	}
	d, err := s.desk()
	if err != nil {
		return "", err
	}
	return d.textOf(ctx, digest)
}

func describeRule(p *Page, r *cases.Rule) {
	p.Line("Rule %d: %s", r.Number, r.Title.In("en"))
	pairs := [][2]string{{"severity", string(r.Severity)}, {"category", string(r.Category)}, {"keywords", wording.Joined(r.Keywords)}, {"evidence kept", wording.Joined(r.Evidence)}}
	for _, tag := range sortedKeys(r.Text) {
		pairs = append(pairs, [2]string{"text (" + tag + ")", r.Text[tag]})
	}
	for _, u := range r.Usual {
		pairs = append(pairs, [2]string{fmt.Sprintf("usual on %s, from %s", u.Sort.Noun(), wording.Many(int(u.Strikes), "strike")), wording.Measures(u.Measures)})
	}
	for _, tag := range sortedKeys(r.Reason) {
		pairs = append(pairs, [2]string{"the person is told (" + tag + ")", r.Reason[tag]})
	}
	pairs = append(pairs, [2]string{"breaks it", strings.Join(r.For, "\n")}, [2]string{"does not break it", strings.Join(r.Against, "\n")}, [2]string{"text's digest", r.TextDigest().String()})
	p.Facts(pairs...)
}

type ruleCheck struct {
	File string `arg:"" help:"The rule set: rules.json."`
}

func (*ruleCheck) Help() string {
	return aboutRules + " The set is compared with the one in force where the command reaches a desk at which you are signed in; without one it says that it was not."
}

func (c *ruleCheck) Run(ctx context.Context, s *Session) error {
	text, err := readText(c.File)
	if err != nil {
		return err
	}
	set, err := cases.ParseRules(text)
	doc := setReport{Kind: "rule"}
	if err == nil {
		doc.Count = len(set.Rules)
		before, missing := s.rulesBefore(ctx)
		if doc.NotCompared = missing; before != nil {
			_, err = cases.ParseRulesAfter(text, before)
		}
	}
	return s.reported(c.File, cases.RulesFile, text, doc, err)
}

// rulesBefore reads the set in force, which a new one has to follow. missing says why there is
// none to compare with.
func (s *Session) rulesBefore(ctx context.Context) (before *cases.RuleSet, missing string) {
	before, _, err := s.readRules(ctx, false)
	switch {
	case fault.Is(err, "no-rules"):
		return nil, "none is in force yet"
	case fault.Is(err, "no-desk"):
		return nil, "no desk was asked; give --dir with the folder of your sign-in, or --url"
	case err != nil:
		return nil, fault.TextOf(err)
	}
	return before, ""
}

type rulePropose struct {
	File string `arg:"" help:"The rule set: rules.json. countersign rule default --out FILE writes one to begin with."`
	asking
}

func (*rulePropose) Help() string { return aboutRules }

func (c *rulePropose) Run(ctx context.Context, s *Session) error {
	text, err := readText(c.File)
	if err != nil {
		return err
	}
	if _, err = cases.ParseRules(text); err == nil {
		err = c.adopt(ctx, s, actions.PartRules, text, "", "")
	}
	return inFile(err, cases.RulesFile, c.File)
}

type ruleDefault struct{ out }

func (c *ruleDefault) Run(s *Session) error { return s.showText(cases.DefaultRules(), c.Out) }
