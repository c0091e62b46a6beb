package cli

import (
	"context"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type formatsCommands struct {
	Show  formatsShow  `cmd:"" default:"withargs" help:"Show the number of the formats in which the desk signs, and the newest that this program knows."`
	Adopt formatsAdopt `cmd:"" help:"Sign in the newest formats from here on. Officers countersign; there is no way back."`
}

const aboutFormats = "The formats say what people sign, byte for byte. A desk that was founded before goes on in the formats that it was founded with, until its officers adopt the newer ones; " +
	"what was signed in older formats stays valid for ever. With the change, requests that are open in older formats end, and are asked for again. " +
	"Every executor and every verifier of the desk needs a version that knows the formats."

type formatsShow struct{}

func (*formatsShow) Help() string { return aboutFormats }

// formatsAnswer is the answer of formats show.
type formatsAnswer struct {
	InForce int64 `json:"in_force"`
	Newest  int64 `json:"newest"` // the newest that this program knows
}

func (*formatsShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	st, err := d.Status(ctx)
	if err != nil {
		return err
	}
	return s.Answer(formatsAnswer{st.Formats, actions.NewestFormats}, func(p *Page) {
		p.Line("The desk signs in the formats %d; this program knows them up to %d.", st.Formats, actions.NewestFormats)
		if st.Formats < actions.NewestFormats {
			p.Line("An officer adopts the newer ones with: countersign formats adopt --reason WHY")
		}
	})
}

type formatsAdopt struct{ asking }

func (*formatsAdopt) Help() string { return aboutFormats }

func (c *formatsAdopt) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	st, err := d.Status(ctx)
	if err != nil {
		return err
	}
	if st.Formats >= actions.NewestFormats {
		return fault.New(fault.Conflict, "wrong-state", "The desk signs in the formats %d already; this program knows none that are newer.", st.Formats)
	}
	open, err := pages(func(cursor string) (v1.Page[v1.Request], error) {
		return d.Requests(ctx, v1.RequestFilter{Status: actions.StatusHeld, Limit: v1.MaxPage, Cursor: cursor})
	})
	if err != nil {
		return err
	}
	if len(open) > 0 {
		s.Say("These requests are open. With the change they end, and have to be asked for again (`countersign action again REQUEST`):")
		for _, r := range open {
			if r.Outline {
				s.Say("  %s by another company: %s", r.ID, outlineWords(r))
				continue
			}
			s.Say("  %s by %s: %s", r.ID, r.Requester, wording.Action(r.Action))
		}
	}
	lacks, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	if len(lacks.Older) > 0 {
		s.Say("Once they are in force, look at this as well:")
		for _, l := range lacks.Older {
			s.Say("  %s: %s", l.At, l.Text)
		}
	}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats}, c.Reason)
}
