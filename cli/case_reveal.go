package cli

import (
	"context"

	v1 "countersign.dev/api/v1"
	"countersign.dev/wording"
)

type caseReveal struct {
	Case   string `arg:"" help:"cas_…"`
	Report string `arg:"" help:"rep_…, a report of the case: \"case show\" lists them."`
	Reason string `required:"" help:"Why you must know who reported: 10 to 500 characters. It is kept."`
}

func (*caseReveal) Help() string {
	return "The desk keeps who reported sealed, and no screen shows it. Whoever holds the case, or has a task of an incident about it, has it revealed if the policy permits it (read.contact). " +
		"Each reveal spends a budget (20 an hour and 60 a day, unless the desk's budgets say otherwise), and is entered in the ledger before the answer is given."
}

func (c *caseReveal) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Reveal(ctx, c.Case, v1.RevealWish{Report: c.Report, Reason: c.Reason})
	if err != nil {
		return err
	}
	return s.Answer(r, func(p *Page) {
		who := "a worker of the desk"
		if !r.Worker {
			who = wording.Subject(r.Account)
		}
		p.Line("The report %s was handed in by %s. That you know is on record.", r.Report, who)
	})
}
