package cli

import (
	"context"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
)

// asking holds the flags of changes of the desk that others countersign.
type asking struct {
	Reason string `required:"" help:"Why, for the countersigners and for the ledger."`
	signing
}

// change requests a change of the desk.
func (c *signing) change(ctx context.Context, s *Session, k actions.Kind, change actions.Change, reason string) error {
	return c.request(ctx, s, v1.Wish{Kind: k, Reason: reason}, change, nil)
}

// subject reads a subject as the desk knows it, and checks that it is the one that the
// person named.
func (s *Session) subject(ctx context.Context, name string) (v1.Subject, error) {
	d, err := s.desk()
	if err != nil {
		return v1.Subject{}, err
	}
	r, err := d.Subject(ctx, name)
	if err != nil {
		return r, err
	}
	return r, checkSubject(r.Subject, name)
}

// listed answers with one list of the desk's settings. It prints none if the list is
// empty.
func listed[T any](ctx context.Context, s *Session, of func(v1.Desk) []T, none string, head []string, row func(T) []string) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	set, err := d.Desk(ctx)
	if err != nil {
		return err
	}
	all := of(set)
	return s.Answer(items(all), func(p *Page) {
		if len(all) == 0 && none != "" {
			p.Line("%s", none)
			return
		}
		rows := [][]string{head}
		for _, x := range all {
			rows = append(rows, row(x))
		}
		p.Table(rows)
	})
}
