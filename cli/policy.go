package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/policy"
	"countersign.dev/wording"
)

type policyCommands struct {
	Check    policyCheck    `cmd:"" help:"Compile a policy set and run its tests, offline. --people asks the desk whether enough people would remain."`
	Backtest policyBacktest `cmd:"" help:"Say which rulings of the past a set would have changed."`
	Show     policyShow     `cmd:"" help:"Show the set in force, or write it to a folder."`
	Propose  policyPropose  `cmd:"" help:"Ask the desk to put a set in force, and say what it would have changed in the last 30 days. Officers countersign."`
	Apply    policyApply    `cmd:"" help:"Countersign a proposed set, and say whether it is in force."`
}

const maxPolicyFile = 1 << 20

// readPolicy reads a folder of .cedar, .json and .txtar files. With base it lays them
// over the built-in set: a file replaces the one of the same name.
func readPolicy(dir string, base bool) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	files := map[string]string{}
	if base {
		files = policy.Default()
	}
	found := 0
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".cedar", ".json", ".txtar":
		default:
			continue
		}
		if e.IsDir() || isSet(e.Name()) {
			continue
		}
		b, err := ReadFile(filepath.Join(dir, e.Name()), maxPolicyFile)
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(b) {
			return nil, fault.New(fault.Invalid, "not-text", "%s is not UTF-8 text; write it as UTF-8.", filepath.Join(dir, e.Name()))
		}
		files[e.Name()] = string(b)
		found++
	}
	if found == 0 {
		return nil, fault.New(fault.Invalid, "no-policy", "%s holds no policy files: none ends in .cedar, .json or .txtar.", dir)
	}
	return files, nil
}

// isSet reports whether a file of a policy folder is a rule set or a queue set. They are
// proposed by themselves.
func isSet(name string) bool { return name == cases.RulesFile || name == cases.QueuesFile }

// hasSets reports whether a folder has a rule set or a queue set.
func hasSets(dir string) bool {
	return slices.ContainsFunc([]string{cases.RulesFile, cases.QueuesFile}, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// checkSets checks the rule set and the queue set in a folder, if they are there. A queue
// set without a rule set beside it goes with the built-in one.
func checkSets(dir string, doc *policyReport) error {
	var texts [2]string
	for i, name := range []string{cases.RulesFile, cases.QueuesFile} {
		text, err := readText(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		texts[i] = text
	}
	problems := func(err error) {
		if f := fault.As(err); f != nil {
			for _, d := range f.Detail {
				doc.Problems = append(doc.Problems, problemDetail(d))
			}
		}
	}
	rules, err := cases.ParseRules(cmp.Or(texts[0], cases.DefaultRules()))
	problems(err)
	if texts[0] != "" && err == nil {
		doc.Rules = len(rules.Rules)
	}
	if texts[1] == "" || err != nil {
		return nil
	}
	queues, err := cases.ParseQueues(texts[1], rules)
	problems(err)
	if err == nil {
		doc.Queues, doc.QueueTests = len(queues.Queues), len(queues.Tests)
	}
	return nil
}

// inForce leaves the tests out: only the files that rule are signed.
func inForce(files map[string]string) map[string]string {
	out := maps.Clone(files)
	maps.DeleteFunc(out, func(name, _ string) bool { return strings.HasSuffix(name, ".txtar") })
	return out
}

// ReadPolicy reads a folder that is a whole set, without its tests.
func ReadPolicy(dir string) (map[string]string, error) {
	files, err := readPolicy(dir, false)
	return inForce(files), err
}

type policySource struct {
	Folder string `arg:"" optional:"" help:"Folder of .cedar, .json and .txtar files. Left out: the built-in set."`
	Whole  bool   `help:"The folder is the whole set. Without it, its files are laid over the built-in set: those of the same name replace it, others are added."`
}

func (c policySource) read() (map[string]string, error) {
	if c.Folder == "" {
		files := policy.Default()
		maps.Copy(files, policy.DefaultTests())
		return files, nil
	}
	return readPolicy(c.Folder, !c.Whole)
}

type policyCheck struct {
	policySource
	People bool `help:"Also ask the desk whether, among its people today, a group remains that could admit, enrol and change policy again."`
}

func (c *policyCheck) Help() string {
	return "Needs no desk. Files of the folder ending in .txtar are policy tests: facts, a request, the expected ruling. A rules.json and a queues.json in the folder are checked as well; they are no part of the policy set."
}

// policyReport holds all findings about a set.
type policyReport struct {
	OK       bool             `json:"ok"`
	Digest   canonical.Digest `json:"digest"`
	Files    []string         `json:"files"`
	Policies int              `json:"policies"`
	Holds    int              `json:"holds"`
	Tests    int              `json:"tests"`
	// Rules, Queues and QueueTests count what is in rules.json and queues.json, where the
	// folder has them.
	Rules      int             `json:"rules,omitzero"`
	Queues     int             `json:"queues,omitzero"`
	QueueTests int             `json:"queue_tests,omitzero"`
	People     bool            `json:"people"` // whether the set was checked against the desk's people
	Problems   []problemDetail `json:"problems"`
	Warnings   []problemDetail `json:"warnings"`
}

func (c *policyCheck) Run(ctx context.Context, s *Session) error {
	files, err := c.read()
	if fault.Is(err, "no-policy") && !c.Whole && hasSets(c.Folder) {
		files, err = policySource{}.read()
	}
	if err != nil {
		return err
	}
	r := policy.Check(files, nil, s.Now())
	doc := policyReport{Digest: policy.DigestOf(inForce(files)), Files: slices.Sorted(maps.Keys(files)), Policies: r.Policies, Holds: r.Holds, Tests: r.Tests,
		People: c.People, Problems: []problemDetail{}, Warnings: []problemDetail{}}
	for _, d := range r.Problems {
		doc.Problems = append(doc.Problems, problemDetail(d))
	}
	for _, d := range r.Warnings {
		doc.Warnings = append(doc.Warnings, problemDetail(d))
	}
	if c.Folder != "" {
		if err := checkSets(c.Folder, &doc); err != nil {
			return err
		}
	}
	if c.People && len(doc.Problems) == 0 {
		if err := c.askDesk(ctx, s, inForce(files), &doc); err != nil {
			return err
		}
	}
	doc.OK = len(doc.Problems) == 0
	if !doc.OK {
		s.End(Refused)
	}
	return s.Answer(doc, func(p *Page) {
		for _, d := range doc.Problems {
			p.Line("%s %s: %s", p.Bad("problem"), d.At, d.Text)
		}
		for _, d := range doc.Warnings {
			p.Line("warning %s: %s", d.At, d.Text)
		}
		word := p.Good("The set can be used")
		if !doc.OK {
			word = p.Bad("The set cannot be used")
		}
		p.Line("%s: %s, %d of them holds; %s run.", word, wording.Plural(int(doc.Policies), "policy", "policies"), doc.Holds, wording.Many(doc.Tests, "test"))
		if doc.Rules > 0 {
			p.Line("rules.json: %s.", wording.Many(doc.Rules, "rule"))
		}
		if doc.Queues > 0 {
			p.Line("queues.json: %s; %s run.", wording.Many(doc.Queues, "queue"), wording.Many(doc.QueueTests, "test"))
		}
		p.Line("%s", doc.Digest)
	})
}

// enoughPeople refuses, before anybody signs, a set under which nobody at the desk could
// change it again. The desk refuses it as well.
func enoughPeople(ctx context.Context, s *Session, files map[string]string) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.CheckPolicy(ctx, files)
	if err != nil || len(r.Problems) == 0 {
		return err
	}
	bad := fault.New(fault.Conflict, "bad-policy", "The desk could not work under this set.")
	for _, p := range r.Problems {
		bad.Detail = append(bad.Detail, fault.Detail(p))
	}
	return bad
}

func (c *policyCheck) askDesk(ctx context.Context, s *Session, files map[string]string, doc *policyReport) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.CheckPolicy(ctx, files)
	if err != nil {
		return err
	}
	for _, p := range r.Problems {
		doc.Problems = append(doc.Problems, problemDetail(p))
	}
	return nil
}

type policyShow struct {
	Out     string `placeholder:"FOLDER" help:"Write the files here, to be changed and proposed."`
	Default bool   `help:"Show the built-in set instead; needs no desk."`
}

func (c *policyShow) Run(ctx context.Context, s *Session) error {
	doc := v1.Policy{Files: policy.Default()}
	doc.Digest = policy.DigestOf(doc.Files)
	if !c.Default {
		d, err := s.desk()
		if err != nil {
			return err
		}
		if doc, err = d.Policy(ctx); err != nil {
			return err
		}
	}
	names := slices.Sorted(maps.Keys(doc.Files))
	if c.Out != "" {
		for _, name := range names {
			if name != filepath.Base(name) {
				return fault.New(fault.Invalid, "bad-policy", "The set names a file %q, which is not a plain name.", name)
			}
			path := filepath.Join(c.Out, name)
			if _, err := os.Lstat(path); err == nil {
				return fault.New(fault.Invalid, "exists", "%s is there already; name another folder.", path)
			}
			if err := WriteFile(path, []byte(doc.Files[name]), 0o644); err != nil {
				return err
			}
		}
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("%s", doc.Digest)
		for _, name := range names {
			if c.Out != "" {
				p.Line("%s", filepath.Join(c.Out, name))
				continue
			}
			p.Line("\n-- %s --", name)
			p.Block(doc.Files[name])
		}
		if len(doc.Budgets) > 0 {
			p.Line("")
			p.Table(budgetRows(doc.Budgets))
		}
		older(p, doc.Older)
	})
}

// older says what may be older than the desk's program, and which change to make.
func older(p *Page, all []v1.Detail) {
	for _, d := range all {
		p.Line("")
		p.Line("older %s: %s", d.At, d.Text)
	}
}

type policyPropose struct {
	policySource
	Unranked bool `help:"Sign that with this set no tier rule can tell which accounts matter on a platform where one could before. Asked for only where that is so."`
	asking
}

func (c *policyPropose) Run(ctx context.Context, s *Session) error {
	files, err := c.read()
	if err != nil {
		return err
	}
	if err := policy.Check(files, nil, s.Now()).Err(); err != nil {
		return err
	}
	if err := enoughPeople(ctx, s, inForce(files)); err != nil {
		return err
	}
	if err := showBacktest(ctx, s, inForce(files)); err != nil {
		return err
	}
	unranked, err := c.unranks(ctx, s, inForce(files))
	if err != nil {
		return err
	}
	change := actions.Setting{Of: actions.PartPolicy, Policy: inForce(files), Unranked: unranked}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}

// unranks returns the platforms that would lose their last rule about tiers that can rank
// their accounts.
func (c *policyPropose) unranks(ctx context.Context, s *Session, files map[string]string) ([]string, error) {
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return nil, err
	}
	page, err := d.Platforms(ctx)
	if err != nil {
		return nil, err
	}
	before, err := policy.Compile(now.Files)
	if err != nil {
		return nil, err
	}
	after, err := policy.Compile(files)
	if err != nil {
		return nil, err
	}
	var platforms []actions.Platform
	for _, p := range page.Items {
		platforms = append(platforms, actions.Platform{Name: p.Name, Connector: p.Connector, Facts: p.Facts})
	}
	names := after.Unranks(before, platforms...)
	if (len(names) > 0) == c.Unranked {
		return names, nil
	}
	if c.Unranked {
		return nil, fault.New(fault.Conflict, "unranked-platform", "The set takes the last rule that ranks accounts from no platform; leave --unranked out.")
	}
	return nil, fault.New(fault.Conflict, "unranked-platform", "With this set no tier rule reads a fact that %s gives: accounts there that nobody raised, and that no rule has raised yet, would be standard. "+
		"Keep a rule that reads one in tiers.json, or say --unranked, so that all who sign say yes to it.", wording.Joined(names))
}

type policyApply struct {
	Request string `arg:"" help:"The proposal: req_…"`
	signing
}

func (c *policyApply) Help() string {
	return "The desk puts a set in force when the last countersignature that it needs arrives. This countersigns with your key if the proposal " +
		"still wants signatures, and then says whether the set is in force. If it is already, nothing is signed."
}

func (c *policyApply) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	change, err := actions.ParseChange(r.Action.Kind, r.Action.Change)
	if err != nil || change.Part() != actions.PartPolicy {
		return fault.New(fault.Invalid, "not-a-policy", "%s is not a proposal of a policy set; it is %s.", r.ID, wording.Action(r.Action))
	}
	if r.Status != actions.StatusHeld {
		return s.outcome(r, r, "", nil)
	}
	return c.countersign(ctx, s, d, r)
}
