package cli

import (
	"context"

	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
	"countersign.dev/wording"
)

type presenceCommands struct {
	Show presenceShow `cmd:"" default:"1" help:"Show where you are, as the desk knows it."`
	Set  presenceSet  `cmd:"" help:"Say where you are."`
	Line presenceLine `cmd:"" help:"Show where the people of your line are; for leads."`
}

type presenceShow struct{}

func (*presenceShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	out, err := d.Presence(ctx)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) { describePresence(p, out) })
}

func describePresence(p *Page, x v1.Presence) {
	if x.Since.IsZero() {
		p.Line("%s: %s", x.Worker, x.State)
		return
	}
	p.Line("%s: %s since %s", x.Worker, x.State, wording.When(x.Since))
}

type presenceSet struct {
	State cases.Presence `arg:"" enum:"on,break,training,meeting,away" help:"on, break, training, meeting or away."`
}

func (*presenceSet) Help() string {
	return "While you are on a break, in training or in a meeting, nobody gives you a case, and you are not counted where the desk says how much work can be done. " +
		"Taking a case makes you on. Who signs out, or does nothing for 15 minutes, is away."
}

func (c *presenceSet) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	out, err := d.SetPresence(ctx, c.State)
	if err != nil {
		return err
	}
	return s.Answer(out, func(p *Page) { describePresence(p, out) })
}

type presenceLine struct{}

func (*presenceLine) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.LinePresence(ctx)
	if err != nil {
		return err
	}
	return s.Answer(items(page.Items), func(p *Page) {
		rows := [][]string{{"WORKER", "IS", "SINCE", "LAST SEEN"}}
		for _, x := range page.Items {
			row := []string{x.Worker, string(x.State), "", ""}
			if !x.Since.IsZero() {
				row[2], row[3] = wording.When(x.Since), wording.When(x.Seen)
			}
			rows = append(rows, row)
		}
		p.Table(rows)
	})
}
