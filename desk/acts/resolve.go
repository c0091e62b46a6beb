package acts

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// resolve has the executor say which account each subject of a change is, and puts the
// signed statement into the change. It refuses a subject whose identifier and handle belong
// to different accounts.
func (d *Room) resolve(ctx context.Context, s *proof.State, ch actions.Change) (actions.Change, error) {
	c, ok := ch.(actions.Setting)
	switch {
	case ok && c.Raise != nil:
		r := *c.Raise
		if err := d.resolveOne(ctx, s, &r.Subject, &r.Resolved); err != nil {
			if r.Relieves() && r.Subject.Handle == "" {
				return ch, nil // the raise protects more, and names no handle that could mislead
			}
			return nil, err
		}
		c.Raise = &r
	case ok && c.Unlock != nil:
		u := *c.Unlock
		if err := d.resolveOne(ctx, s, &u.Subject, &u.Resolved); err != nil {
			return nil, err
		}
		c.Unlock = &u
	case ok && c.Platform != nil:
		return ch, d.offered(ctx, s, *c.Platform)
	case ok && c.TextOf() != nil:
		return ch, d.sets.CheckChange(ctx, s, ch)
	default:
		return ch, nil
	}
	return c, nil
}

// offered refuses a platform whose change adds a label that the platform does not offer.
// It does not ask again about those that are listed already, since such a list must stay
// changeable, nor about a platform that the executor has not reached: the executor
// compares each label with what the platform offers before it sets one.
func (d *Room) offered(ctx context.Context, s *proof.State, f actions.Platform) error {
	listed := s.Platforms[f.Name].Labels
	fresh := slices.DeleteFunc(slices.Clone(f.Labels), func(l string) bool { return slices.Contains(listed, l) })
	if len(fresh) == 0 {
		return nil
	}
	status, err := d.desk.Executor.Status(ctx)
	if err != nil {
		return nil // it does not answer; see above
	}
	offers, reached := status.Labels[f.Name]
	lacks := slices.DeleteFunc(fresh, func(l string) bool { return slices.Contains(offers, l) })
	if !reached || len(lacks) == 0 {
		return nil
	}
	return fault.New(fault.Unsupported, "not-offered", "The platform %s does not offer the labels %s, so they cannot be listed with it; it offers %s.",
		f.Name, strings.Join(lacks, ", "), cmp.Or(strings.Join(offers, ", "), "none"))
}

func (d *Room) resolveOne(ctx context.Context, s *proof.State, subject *platform.Subject, word **actions.Resolution) error {
	r, err := d.desk.Vouched(ctx, s, platform.Subject{Platform: subject.Platform, ID: subject.ID}.String())
	if err != nil {
		return err
	}
	if subject.Handle != "" && r.Subject.Handle != subject.Handle {
		return subjectMoved(*subject, r.Subject)
	}
	if *word == nil || (*word).Subject != r.Subject {
		*word = r.Resolution
	}
	*subject = r.Subject
	return nil
}

// subjectMoved is the refusal of a change whose subject has another handle than the one that was
// signed.
func subjectMoved(signed, now platform.Subject) error {
	return fault.New(fault.Conflict, "subject-moved", "%s:%s is now %q; the change was written for %q. Draft it again.", signed.Platform, signed.ID, now.Handle, signed.Handle)
}

// stillFits checks once more, before a change is applied, that its subject still has the
// handle under which it was drafted, and that a text which it names can be put in force. A change that only protects more is applied even if
// the platform does not answer.
func (d *Room) stillFits(ctx context.Context, s *proof.State, a actions.Action) error {
	if a.Kind != actions.DeskChange {
		return nil
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	if err := d.sets.CheckChange(ctx, s, ch); err != nil {
		return err
	}
	c := ch.(actions.Setting)
	var subject platform.Subject
	switch {
	case c.Raise != nil:
		subject = c.Raise.Subject
	case c.Unlock != nil:
		subject = c.Unlock.Subject
	}
	if subject.Handle == "" {
		return nil
	}
	r, err := d.desk.Read(ctx, s, platform.Subject{Platform: subject.Platform, ID: subject.ID}.String())
	switch {
	case err != nil && ch.Direction() == actions.Relieving:
		return nil
	case err != nil:
		return err
	case r.Subject.Handle != subject.Handle:
		return subjectMoved(subject, r.Subject)
	}
	return nil
}
