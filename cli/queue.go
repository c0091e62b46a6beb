package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type queueCommands struct {
	List    queueList    `cmd:"" default:"withargs" help:"List the queues in force, in their order: which cases each takes, and within what time."`
	Show    queueShow    `cmd:"" help:"Show one queue, or the text of the set."`
	Check   queueCheck   `cmd:"" help:"Check a queue set and run the tests in it."`
	Propose queuePropose `cmd:"" help:"Ask the desk to put a queue set in force, and say what it changes. Officers countersign."`
	Try     queueTry     `cmd:"" help:"Try a queue set on the cases of the last 30 days: what moves, what would have been late, and who could work on it."`
	Reorder queueReorder `cmd:"" help:"Put a queue of yours ahead for a time, or back."`
	Default queueDefault `cmd:"" help:"Show the built-in queue set, which goes with the built-in rule set; needs no desk."`
}

const aboutQueues = "A queue set is one JSON file, queues.json: queues in their order. A case waits in the first queue that takes it, and the last one takes every case. " +
	"The tests in the file say in which queue a case must wait; a set whose tests fail is refused. doc/rules.md describes the file."

// readQueues reads the queue set in force, or the built-in one.
func (s *Session) readQueues(ctx context.Context, builtIn bool) (*cases.QueueSet, string, error) {
	text := cases.DefaultQueues()
	if !builtIn {
		d, err := s.desk()
		if err != nil {
			return nil, "", err
		}
		now, err := d.Queues(ctx)
		if err != nil {
			return nil, "", err
		}
		if text, err = d.textOf(ctx, now.Digest); err != nil {
			return nil, "", err
		}
	}
	set, err := cases.ParseQueues(text, nil)
	return set, text, err
}

type queueList struct {
	Default bool `help:"List the queues of the built-in set instead; needs no desk."`
}

// queueListAnswer is the answer of queue list.
type queueListAnswer struct {
	Digest canonical.Digest `json:"digest"` // of the text of the set
	Queues []cases.Queue    `json:"queues"` // in their order
}

func (c *queueList) Run(ctx context.Context, s *Session) error {
	set, text, err := s.readQueues(ctx, c.Default)
	if err != nil {
		return err
	}
	doc := queueListAnswer{Digest: actions.DigestOfText(text), Queues: set.Queues}
	rows := [][]string{{"QUEUE", "TITLE", "TAKES", "FIRST LOOK WITHIN", "CLAIM"}}
	for i := range set.Queues {
		q := &set.Queues[i]
		rows = append(rows, []string{q.Name, q.Title.In("en"), wording.Where(q.Where), promise(q), fmt.Sprintf("%d min", int(q.Lease().Minutes()))})
	}
	return s.Answer(doc, func(p *Page) {
		p.Table(rows)
		p.Line("A case waits in the first of them that takes it. Times are minutes for the severities %s.", wording.Joined(cases.Severities))
		p.Line("%s", doc.Digest)
	})
}

// promise writes the minutes of each severity.
func promise(q *cases.Queue) string {
	var words []string
	for _, s := range cases.Severities {
		words = append(words, fmt.Sprint(q.Promise[s]))
	}
	return strings.Join(words, " / ")
}

type queueShow struct {
	Name    string `arg:"" optional:"" help:"The queue. Left out: the text of the whole set."`
	Text    string `placeholder:"DIGEST" help:"Show this text instead of the set in force, such as one that is proposed."`
	Default bool   `help:"Show the built-in set instead; needs no desk."`
	out
}

func (c *queueShow) Run(ctx context.Context, s *Session) error {
	text, err := s.textNamed(ctx, c.Text)
	if err != nil {
		return err
	}
	set := (*cases.QueueSet)(nil)
	if text != "" {
		set, err = cases.ParseQueues(text, nil)
	} else {
		set, text, err = s.readQueues(ctx, c.Default)
	}
	if err != nil {
		return err
	}
	if c.Name == "" {
		return s.showText(text, c.Out)
	}
	q, i, ok := set.Queue(c.Name)
	if !ok {
		return fault.New(fault.NotFound, "no-such-queue", "There is no queue %q in the set; see them with `countersign queue list`.", c.Name)
	}
	doc := queueShowAnswer{Queue: *q}
	var ordered v1.QueueOrder
	if c.Text == "" && !c.Default { // the set in force: what is due in it, too
		d, err := s.desk()
		if err != nil {
			return err
		}
		// Whoever may not read the cases of the queue sees what it promises all the same.
		due, err := d.DueClocks(ctx, c.Name)
		if err != nil && !fault.Is(err, "no-such-queue") {
			return err
		}
		doc.Clocks = due.Items
		if ordered, err = d.QueueOrder(ctx, c.Name); err != nil && !fault.Is(err, "no-such-queue") {
			return err
		}
		if ordered.Number > 0 && s.Now().Before(ordered.Until.Time) {
			doc.Ahead = &ordered
		}
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("%s, at place %d of %d", q.Name, i+1, len(set.Queues))
		pairs := [][2]string{{"takes", wording.Where(q.Where)}, {"open", q.Hours.Words()}, {"cases are due", wording.Weights(q.Order)}, {"claim runs for", wording.Many(int(q.Lease().Minutes()), "minute")}}
		for _, tag := range sortedKeys(q.Title) {
			pairs = append(pairs, [2]string{"title (" + tag + ")", q.Title[tag]})
		}
		for _, severity := range cases.Severities {
			pairs = append(pairs, [2]string{"first look, " + string(severity), wording.Many(int(q.Promise[severity]), "minute")})
		}
		for _, digit := range slices.Sorted(maps.Keys(q.Digits)) {
			pairs = append(pairs, [2]string{"key " + digit, fmt.Sprintf("rule %d", q.Digits[digit])})
		}
		if o := doc.Ahead; o != nil {
			pairs = append(pairs, [2]string{"put ahead", fmt.Sprintf("by %s: cases are due after %d %% of their time, until %s. %s", o.Worker, o.Factor/10, wording.When(o.Until), o.Reason)})
		}
		p.Facts(pairs...)
		if len(doc.Clocks) == 0 {
			return
		}
		p.Line("Due, late or within a day:")
		rows := [][]string{{"CASE", "WHAT", "DUE"}}
		for _, x := range doc.Clocks {
			rows = append(rows, []string{x.Case, clockWords[x.Kind], left(x.Due, s.Now())})
		}
		p.Table(rows)
	})
}

// queueShowAnswer is the answer of queue show.
type queueShowAnswer struct {
	cases.Queue
	Clocks []v1.DueClock  `json:"clocks,omitzero"` // what is due on its cases
	Ahead  *v1.QueueOrder `json:"ahead,omitempty"` // what a lead has ordered of it, while that holds
}

// clockWords says what is due by a clock.
var clockWords = map[string]string{"promise": "decision", "media": "a specialist's word on the pictures", "referral": "the platform stops preserving"}

// sortedKeys returns the languages of a text.
func sortedKeys(t cases.Texts) []string { return slices.Sorted(maps.Keys(t)) }

type queueCheck struct {
	File  string `arg:"" help:"The queue set: queues.json."`
	Rules string `placeholder:"FILE" help:"The rule set that it goes with; needs no desk. Left out: the one in force at the desk."`
}

func (*queueCheck) Help() string { return aboutQueues }

func (c *queueCheck) Run(ctx context.Context, s *Session) error {
	text, err := readText(c.File)
	if err != nil {
		return err
	}
	var rules *cases.RuleSet
	if c.Rules == "" {
		rules, _, err = s.readRules(ctx, false)
	} else {
		var of string
		if of, err = readText(c.Rules); err == nil {
			rules, err = cases.ParseRules(of)
			err = inFile(err, cases.RulesFile, c.Rules)
		}
	}
	if err != nil {
		return err
	}
	set, err := cases.ParseQueues(text, rules)
	doc := setReport{Kind: "queue"}
	if err == nil {
		doc.Count, doc.Tests = len(set.Queues), len(set.Tests)
	}
	return s.reported(c.File, cases.QueuesFile, text, doc, err)
}

type queuePropose struct {
	File string `arg:"" help:"The queue set: queues.json. countersign queue default --out FILE writes one to begin with."`
	asking
}

func (*queuePropose) Help() string { return aboutQueues }

func (c *queuePropose) Run(ctx context.Context, s *Session) error {
	text, err := readText(c.File)
	if err != nil {
		return err
	}
	rules, _, err := s.readRules(ctx, false)
	if err != nil {
		return err
	}
	if _, err = cases.ParseQueues(text, rules); err == nil {
		err = c.adopt(ctx, s, actions.PartQueues, text, "", "")
	}
	return inFile(err, cases.QueuesFile, c.File)
}

type queueDefault struct{ out }

func (c *queueDefault) Run(s *Session) error { return s.showText(cases.DefaultQueues(), c.Out) }
