package cli

import (
	"context"
	"fmt"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type queueReorder struct {
	Queue   string `arg:"" help:"A queue of yours: everybody who may work in it is in your line or at your company."`
	Percent int64  `required:"" placeholder:"N" help:"Its cases are due after this part of what they would be due after otherwise: 25 to 99 percent. 100 puts the queue back."`
	Until   moment `required:"" placeholder:"TIME" help:"How long: a time such as 2026-11-30T18:00:00Z, or a length from now such as 8h or 3d; 31 days at most."`
	Reason  string `required:"" help:"Why."`
	Yes     bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (*queueReorder) Help() string {
	return "A lead puts a queue of their own ahead, alone: nothing becomes due past its promise, and when the time is over the queue is as before. Whatever else is to change is a queue set, which several sign."
}

func (c *queueReorder) Run(ctx context.Context, s *Session) error {
	if c.Percent < cases.LeastFactor/10 || c.Percent > 100 {
		return fault.New(fault.Invalid, "bad-parameter", "--percent is 25 to 100, not %d.", c.Percent)
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	now, err := d.QueueOrder(ctx, c.Queue)
	if err != nil {
		return err
	}
	o := cases.Order{Factor: c.Percent * 10, Until: c.Until.from(s.Now()), Note: c.Reason}
	if err := o.Check(actions.DeedReorder); err != nil {
		return err
	}
	what := fmt.Sprintf("have the cases of the queue %s due after %d %% of their time, until %s", c.Queue, c.Percent, wording.When(o.Until))
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedReorder, Of: c.Queue, Version: now.Number}, o.Text(), what, canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	out, err := d.ReorderQueue(ctx, c.Queue, v1.QueueDeed{Deed: deed, Text: o.Text()})
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) {
		p.Line("The cases of the queue %s are due after %d %% of their time until %s (order %d). Those that wait follow within moments, the most urgent first.", out.Queue, out.Factor/10, wording.When(out.Until), out.Number)
	})
}

type queueTry struct {
	File string `arg:"" help:"The queue set: queues.json."`
}

func (*queueTry) Help() string {
	return "Nothing is stored. Each case of the last 30 days is placed by the set, as it is known now; that it would have been late assumes that it would have been decided when it was."
}

func (c *queueTry) Run(ctx context.Context, s *Session) error {
	text, err := readText(c.File)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	t, err := d.TryQueues(ctx, text)
	if err != nil {
		return inFile(err, cases.QueuesFile, c.File)
	}
	return s.Answer(t, func(p *Page) { describeTrial(p, t) })
}

// describeTrial says what a queue set would have done.
func describeTrial(p *Page, t v1.QueueTrial) {
	which := "the cases"
	if !t.All {
		which = "the newest cases"
	}
	p.Line("Tried on %s since %s: %d of %d would have waited in another queue.", which, wording.When(t.Since), t.Moved, t.Tried)
	if len(t.Moves) > 0 {
		rows := [][]string{{"FROM", "TO", "CASES", "SOONER", "LATER", "EXAMPLES"}}
		for _, m := range t.Moves {
			rows = append(rows, []string{m.From, m.To, fmt.Sprint(m.Count), fmt.Sprint(m.Sooner), fmt.Sprint(m.Later), wording.Joined(m.Examples)})
		}
		p.Table(rows)
	}
	late := map[string]v1.TrialLate{}
	for _, l := range t.Late {
		late[l.Queue] = l
	}
	rows := [][]string{{"QUEUE", "CASES", "DECIDED", "LATE", "WERE LATE", "WAIT, LATE", "MAY WORK", "OF YOURS"}}
	for _, x := range t.Staff {
		l := late[x.Queue]
		name := x.Queue
		if x.New {
			name += " (new)"
		}
		rows = append(rows, []string{name, fmt.Sprint(l.Cases), fmt.Sprint(l.Decided), fmt.Sprint(l.Late), fmt.Sprint(l.Was), fmt.Sprint(l.Waiting), fmt.Sprint(x.All), fmt.Sprint(x.Own)})
	}
	p.Table(rows)
	for _, n := range t.Needs {
		p.Line("! %s", n)
	}
	p.Line("Every set is signed by several: `countersign queue propose FILE --reason WHY`.")
}
