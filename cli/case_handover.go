package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type caseHandOver struct {
	From   []string `xor:"whose" placeholder:"WORKER" help:"Whose cases; may be given several times."`
	Shift  bool     `xor:"whose" help:"Those of everybody in your line who is not on."`
	To     []string `placeholder:"WORKER" help:"Who gets them in turn; may be given several times. Without it they go back to their queues."`
	Reason string   `required:"" help:"Why."`
	Yes    bool     `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (*caseHandOver) Help() string {
	return "For leads. Live claims end, reservations too; these cases, and those that come back to the people, wait again. What was written on them is shown to the next holder."
}

func (c *caseHandOver) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	from := slices.Clone(c.From)
	if c.Shift {
		line, err := d.LinePresence(ctx)
		if err != nil {
			return err
		}
		for _, p := range line.Items {
			if p.State != cases.On && !slices.Contains(c.To, p.Worker) {
				from = append(from, p.Worker)
			}
		}
	}
	slices.Sort(from)
	from = slices.Compact(from)
	if len(from) == 0 {
		return fault.New(fault.Invalid, "wrong-use", "Say whose cases: --from WORKER, or --shift for everybody in your line who is not on.")
	}
	out := v1.HandedOver{Cases: []string{}}
	for part := range slices.Chunk(from, cases.MaxHandOver) {
		one, err := c.part(ctx, s, d, part)
		if err != nil {
			return err
		}
		out.Deed, out.Cases, out.Reserved = one.Deed, append(out.Cases, one.Cases...), out.Reserved+one.Reserved
	}
	return s.Answer(out, func(p *Page) {
		if len(out.Cases) == 0 && out.Reserved == 0 {
			p.Line("They have nothing in hand.")
			return
		}
		if out.Reserved > 0 {
			p.Line("%s ended.", wording.Many(int(out.Reserved), "reservation"))
		}
		if len(out.Cases) == 0 {
			return
		}
		p.Line("%s handed over: %s.", wording.Many(len(out.Cases), "case"), strings.Join(out.Cases, ", "))
	})
}

// part hands over what so many people have in hand as one order says.
func (c *caseHandOver) part(ctx context.Context, s *Session, d deskClient, from []string) (out v1.HandedOver, err error) {
	has, err := d.InHand(ctx, from)
	if err != nil {
		return out, err
	}
	claims, turns, reserved := 0, 0, 0
	o := cases.Order{Note: c.Reason}
	for _, h := range has.Items {
		if len(h.Claims) == 0 && len(h.Turns) == 0 && h.Reserved == "" {
			continue
		}
		o.From = append(o.From, workforce.WorkerID(h.Worker))
		claims, turns = claims+len(h.Claims), turns+len(h.Turns)
		if h.Reserved != "" {
			reserved++
		}
	}
	if len(o.From) == 0 {
		return out, nil
	}
	slices.Sort(o.From)
	for _, w := range c.To {
		o.To = append(o.To, workforce.WorkerID(w))
	}
	slices.Sort(o.To)
	o.To = slices.Compact(o.To)
	me, err := s.workerName()
	if err != nil {
		return out, err
	}
	what := fmt.Sprintf("hand over what %s in hand: %d claimed, %d that come back, %d reserved", wording.Plural(len(o.From), "person has", "people have"), claims, turns, reserved)
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedHandOver, Of: string(me)}, o.Text(), what, canonical.Time{}, c.Yes)
	if err != nil {
		return out, err
	}
	return d.HandOver(ctx, v1.HandOver{Deed: deed, Text: o.Text()})
}
