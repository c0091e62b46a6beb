package rehearsal

import (
	"context"
	"slices"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cli"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
)

// underSession plays standard work under a session, and what the session is good for in
// other hands. held is a request about the treasury that the session's owner could
// countersign with his own key.
func (d *demo) underSession(ctx context.Context, held string) error {
	d.tell("Tomás Vidal, of Telora, begins his shift: one touch of his own key starts a session.")
	var session v1.Session
	d.step("session-started", func() string {
		if r := d.as(ctx, second, "session", "start", "--for", "8h"); r.code != cli.Done {
			return r.outcome()
		}
		entry, s, err := d.sessionOf(ctx, second)
		if err != nil {
			return "could not: " + fault.TextOf(err)
		}
		session = s
		d.line("          For 8 hours it signs what is standard, and nothing else. Its key is in his ssh-agent; the session is entry %d of the ledger.", entry)
		return "started"
	})
	d.tell("He comes upon a spammer, %s, with 14 followers: an everyday case. One person is enough, with a case and within the budget.", spammer)
	var r result
	var request v1.Request
	d.step("standard-executed", func() string {
		request, r = d.act(ctx, second, "plaza:"+spammer, "1", "account.takedown", "Nothing but offers for passwords.")
		if r.code != cli.Done {
			d.quote(r)
			return r.outcome()
		}
		return string(request.Status)
	})
	taken := request.ID
	d.tell("Taken down in %d ms, signed by the session without another touch.", r.took.Milliseconds())
	if err := d.keep(ctx, spammer, taken); err != nil {
		return err
	}
	if err := d.stolen(ctx, session, held, taken); err != nil {
		return err
	}
	d.tell("It was the wrong account, though. Tomás lifts the takedown with his own key.")
	d.step("standard-undone", func() string { return d.undo(ctx, second, taken) })
	return nil
}

// sessionOf returns the one session of somebody that signs, and its entry in the ledger.
func (d *demo) sessionOf(ctx context.Context, worker string) (entryOf int64, s v1.Session, err error) {
	c, err := d.client(worker)
	if err != nil {
		return 0, s, err
	}
	sessions, err := c.Sessions(ctx)
	if err != nil {
		return 0, s, err
	}
	size, err := d.on.Size(ctx)
	if err != nil {
		return 0, s, err
	}
	const newest = 20
	entries, err := c.Entries(ctx, max(-1, size-newest-1), newest)
	if err != nil {
		return 0, s, err
	}
	i := slices.IndexFunc(entries.Items, func(e v1.Entry) bool { return e.Kind == entry.KindSession })
	if len(sessions.Items) != 1 || sessions.Items[0].Why != "" || i < 0 {
		return 0, s, fault.New(fault.NotFound, "no-session", "The desk or its ledger does not have the session.")
	}
	return entries.Items[i].Index, sessions.Items[0], nil
}

// stolen plays somebody who has the token of a session's owner and can use the session's
// key, but has not got the owner's own key. taken is a request that was carried out.
func (d *demo) stolen(ctx context.Context, session v1.Session, held, taken string) error {
	token, err := d.token(second)
	if err != nil {
		return err
	}
	c := session.Signed.Session
	thief, err := newInsider(d.desk, cli.KeyFile{Worker: c.Worker, Key: c.Key}, token)
	if err != nil {
		return err
	}
	defer thief.close()
	thief.session = session.Digest
	thief.signs = func(challenge [32]byte) actions.Signature {
		signature, err := d.agent.sign(c.SessionKey, challenge)
		if err != nil {
			d.line("          (%s)", err)
		}
		return signature
	}
	d.tell("Somebody gets into his ssh-agent. In his name they ask for a takedown of %s, and countersign the request for %s.", president, treasury)
	d.step("session-refused-above-standard", func() string {
		r, _, err := thief.ask(ctx, v1.Wish{Kind: actions.AccountTakedown, Subject: "plaza:" + president, Reason: "goodbye"})
		if outcome := d.refused(r, err); outcome != "refused" {
			return outcome
		}
		r, err = thief.countersign(ctx, held, func(s *actions.Statement) { s.Session = session.Digest })
		return d.refused(r, err)
	})
	return d.voided(ctx, thief, taken)
}

// refused quotes the refusal of a request, and returns its outcome.
func (d *demo) refused(r v1.Request, err error) string {
	switch f := fault.As(err); {
	case err == nil:
		return string(r.Status)
	case f == nil || f.Kind != fault.Forbidden:
		return "could not: " + err.Error()
	}
	d.line("          “%s”", fault.TextOf(err))
	return "refused"
}

// voided plays the end of a session after it signed an act and before the act is carried
// out. The executor refuses the act; the desk refuses all that the session signs from then
// on, by its owner as well.
func (d *demo) voided(ctx context.Context, thief *insider, taken string) error {
	d.tell("They also lift the takedown of %s, which a session may. While the executor is out of reach, that is approved; then Jonas Okafor, on call, ends Tomás's sessions.", spammer)
	draft, err := thief.desk.DraftUndo(ctx, taken, v1.UndoWish{Reason: "a favour", Key: thief.key.Key, Session: thief.session})
	if err != nil {
		return err
	}
	var approved v1.Request
	var ended result
	if stopped := d.withoutExecutor(func() {
		approved, err = thief.desk.Submit(ctx, draft.Sign(thief.signs), 0)
		ended = d.as(ctx, onCall, "session", "end", "--worker", second, "--reason", "somebody else uses them")
	}); stopped != nil {
		return stopped
	}
	if approved.Status != actions.StatusApproved || ended.code != cli.Done {
		d.line("          (approved: %s; ended: %s)", d.refused(approved, err), ended.outcome())
	}
	d.step("session-revoked-void", func() string {
		r := d.as(ctx, onCall, "action", "show", approved.ID, "--wait", "20s")
		d.quote(r)
		if again := d.undo(ctx, second, taken); again != "refused" {
			return "signed once more: " + again
		}
		if shown := shows(ctx, d.on.PlazaURL+"/"+spammer, platform.Down); shown != "shown" {
			return "lifted"
		}
		d.line("          That was the executor: %s is still down. The desk refuses what the session signs as well, also when Tomás signs with it.", spammer)
		return r.outcome()
	})
	return nil
}
