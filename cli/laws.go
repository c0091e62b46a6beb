package cli

import (
	"context"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
)

type lawsCommands struct {
	Show  lawsShow  `cmd:"" default:"withargs" help:"Show the number of the rules in force, and the newest that this program knows."`
	Adopt lawsAdopt `cmd:"" help:"Put the newest rules in force. Officers countersign; there is no way back."`
}

const aboutLaws = "A new version of Countersign may judge more strictly. A desk that was founded before goes on under the rules that it was founded with, " +
	"since its old entries must stay valid, until its officers adopt the newer ones. Desks that are founded now begin with the newest. " +
	"Every executor and every verifier of the desk needs a version that knows them."

type lawsShow struct{}

func (*lawsShow) Help() string { return aboutLaws }

// lawsAnswer is the answer of laws show.
type lawsAnswer struct {
	InForce int64 `json:"in_force"`
	Newest  int64 `json:"newest"` // the newest that this program knows
}

func (*lawsShow) Run(ctx context.Context, s *Session) error {
	d, err := s.laws(ctx)
	if err != nil {
		return err
	}
	return s.Answer(lawsAnswer{d.Laws, actions.NewestLaws}, func(p *Page) {
		p.Line("The laws %d are in force; this program knows them up to %d.", d.Laws, actions.NewestLaws)
		if d.Laws < actions.NewestLaws {
			p.Line("An officer adopts the newer ones with: countersign laws adopt --reason WHY")
		}
	})
}

type lawsAdopt struct{ asking }

func (*lawsAdopt) Help() string { return aboutLaws }

func (c *lawsAdopt) Run(ctx context.Context, s *Session) error {
	d, err := s.laws(ctx)
	if err != nil {
		return err
	}
	if d.Laws >= actions.NewestLaws {
		return fault.New(fault.Conflict, "wrong-state", "The laws %d are in force already; this program knows none that are newer.", d.Laws)
	}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartLaws, Laws: actions.NewestLaws}, c.Reason)
}

// laws reads the desk's settings.
func (s *Session) laws(ctx context.Context) (v1.Desk, error) {
	d, err := s.desk()
	if err != nil {
		return v1.Desk{}, err
	}
	return d.Desk(ctx)
}
