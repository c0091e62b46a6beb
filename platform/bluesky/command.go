package bluesky

import (
	"context"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Apply carries out a takedown, a restore or a reactivation. A takedown that confirms one of ours
// (Command.Confirms) writes its mark over that one's; the account is down
// throughout. The key is not sent, since a PDS
// keeps none: a takedown is known by its mark, which no other request has, and is
// not repeated while that is in place; a restore is not repeated since it then
// finds no measure to lift (*platform.WrongState). Sent again after somebody else
// has changed the subject back, a command would act again: the caller's journal
// must keep it from that. States in the receipt carry no facts.
//
// A fault of type "not-sent" is one of kind Unavailable where nothing went out.
func (c *Connector) Apply(ctx context.Context, key string, cmd platform.Command) (platform.Receipt, error) {
	sort, err := c.accepts(cmd)
	if err != nil {
		return platform.Receipt{}, err
	}
	done, err := c.turns.acquire(ctx, cmd.Subject.ID)
	if err != nil {
		// Nothing was sent now, but an earlier command with this key may be under way.
		return platform.Receipt{}, unavailable("Another change of %s is still under way.", cmd.Subject).Because(err)
	}
	defer done()

	before, err := c.measure(ctx, cmd.Subject, sort)
	if err != nil {
		return platform.Receipt{}, notSent(err)
	}
	if cmd.Verb == platform.Takedown && inPlace(cmd, before.State) {
		return platform.Receipt{Before: before.State, After: before.State}, nil
	}
	// This also avoids calls that change nothing: each call, even one that lifts nothing,
	// revokes the account's sessions.
	if !before.Is(cmd.Expect.Status, cmd.Expect.Mark) {
		return platform.Receipt{}, &platform.WrongState{Want: cmd.Expect, Now: before.State}
	}
	// Nothing may come between the reading above and this call.
	if err := c.change(ctx, cmd, before.cid); err != nil {
		return platform.Receipt{}, err
	}
	after, err := c.measure(ctx, cmd.Subject, sort)
	if err != nil {
		return platform.Receipt{}, unavailable("The PDS took the command but %s could not be read afterwards.", cmd.Subject).Because(err)
	}
	if !inPlace(cmd, after.State) {
		return platform.Receipt{}, fault.New(fault.Unavailable, "not-in-place", "The PDS took the command, yet %s is %s; somebody else may be acting on it.",
			cmd.Subject, platform.Describe(after.Status, after.Mark))
	}
	return platform.Receipt{Before: before.State, After: after.State}, nil
}

// Lookup finds the outcome of a command by the state that it would have left.
//
// If that state is in place, the command is done: our mark belongs to the request alone;
// the effect of a restore is the absence of a measure, whoever brought it about. The
// receipt's Before is then the state that the command expected, since Apply sends it in
// no other state.
//
// If the state is not in place, that means nothing at first, since a call that was cut
// off may still arrive. So Lookup goes on reading until a whole RequestLife has passed
// since it was asked, and then knows that the command is not in force and will not be. It
// does not know the outcome if ctx ends earlier, or if an unexpected measure is in place
// that may have covered ours.
func (c *Connector) Lookup(ctx context.Context, key string, cmd platform.Command) (platform.Outcome, error) {
	sort, err := c.accepts(cmd)
	if err != nil {
		return platform.Outcome{}, err
	}
	over := time.NewTimer(c.config.RequestLife)
	defer over.Stop()
	poll := time.NewTicker(c.config.Poll)
	defer poll.Stop()
	for last := false; ; {
		now, err := c.measure(ctx, cmd.Subject, sort)
		switch {
		case err != nil && ctx.Err() != nil:
			return platform.Outcome{}, nil
		case err != nil:
			return platform.Outcome{}, err
		case inPlace(cmd, now.State):
			before := platform.State{Status: cmd.Expect.Status, Mark: cmd.Expect.Mark, Facts: map[platform.Fact]any{}, Unread: []platform.Fact{}}
			return platform.Outcome{Done: true, Known: true, Receipt: platform.Receipt{Before: before, After: now.State}}, nil
		case last:
			covered := now.Status == platform.Down && !now.Is(cmd.Expect.Status, cmd.Expect.Mark)
			return platform.Outcome{Known: !covered}, nil
		}
		select {
		case <-ctx.Done():
			return platform.Outcome{}, nil
		case <-over.C:
			last = true
		case <-poll.C:
		}
	}
}

// inPlace reports whether a state is one that the command would have left. Beneath a
// takedown, a PDS remembers whether the account is deactivated.
func inPlace(cmd platform.Command, s platform.State) bool {
	return cmd.Leaves(platform.Expect{Status: s.Status, Mark: s.Mark})
}

// accepts refuses commands that must never be sent.
func (c *Connector) accepts(cmd platform.Command) (platform.Sort, error) {
	sort, err := c.Sort(cmd.Subject.ID)
	if err != nil {
		return "", err
	}
	if _, ok := c.Capabilities().Can(cmd.Verb, sort); !ok {
		return "", fault.New(fault.Unsupported, "unsupported-verb", "A PDS cannot %s %s, as %s is.", cmd.Verb, sort.Noun(), cmd.Subject)
	}
	if cmd.Layer != platform.VisibilityLayer {
		return "", fault.New(fault.Invalid, "bad-layer", "A %s does not change %s.", cmd.Verb, cmd.Layer.Noun())
	}
	if (cmd.Verb == platform.Takedown) != (cmd.Mark != "") {
		return "", fault.New(fault.Invalid, "bad-mark", "A takedown leaves a mark, and what lifts a measure leaves none.")
	}
	// A takedown of a subject that is down would write a second mark over the first, unless
	// the first is ours and is to be replaced. A restore of a subject that is up would end
	// sessions for nothing.
	if cmd.Confirms() != "" {
		if cmd.Mark == cmd.Expect.Mark {
			return "", fault.New(fault.Invalid, "bad-mark", "A takedown cannot take its own place.")
		}
		return sort, nil
	}
	if (cmd.Verb == platform.Restore) != (cmd.Expect.Status == platform.Down) ||
		cmd.Verb == platform.Reactivate && cmd.Expect.Status != platform.Deactivated {
		return "", fault.New(fault.Conflict, "bad-expectation", "A %s cannot expect a subject that is %s.", cmd.Verb, cmd.Expect.Status)
	}
	return sort, nil
}

// change sends the one call that changes something. A cid names a record's version.
func (c *Connector) change(ctx context.Context, cmd platform.Command, cid string) error {
	subject := map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": cmd.Subject.ID}
	if cid != "" {
		subject = map[string]any{"$type": "com.atproto.repo.strongRef", "uri": cmd.Subject.ID, "cid": cid}
	}
	if cmd.Verb == platform.Reactivate {
		return c.procedure(ctx, "com.atproto.admin.updateSubjectStatus", map[string]any{"subject": subject, "deactivated": map[string]any{"applied": false}})
	}
	takedown := map[string]any{"applied": cmd.Verb == platform.Takedown}
	if cmd.Mark != "" {
		takedown["ref"] = string(cmd.Mark)
	}
	return c.procedure(ctx, "com.atproto.admin.updateSubjectStatus", map[string]any{"subject": subject, "takedown": takedown})
}
