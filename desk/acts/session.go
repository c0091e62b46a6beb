package acts

import (
	"context"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Session is a session that a worker started.
type Session struct {
	Digest canonical.Digest // its name in statements
	Signed actions.SignedSession
	Ended  canonical.Time // a newer session of the same key took its place; zero: it is the key's newest
	Why    string         // why its key signs nothing any more, for a person; empty: it does. Only in lists
	Void   *Ending        // who ended it early; nil: nobody. Only in lists
}

// Ending is an early end of sessions.
type Ending struct {
	At      canonical.Time // by the ledger
	By      workforce.WorkerID
	Request string // the request that asked for it
	Reason  string
}

// sessionsPerHour is how many sessions a worker starts an hour. Each is an entry of the
// ledger, and an alarm if it ends another one. Few people start more than one or two a day,
// and who has none left still signs with their own key.
const sessionsPerHour = 20

// StartSession takes a session that the caller's own key has signed. From then on the
// session's key may sign the caller's work on standard subjects. A session of the same key
// that still runs ends, and an alarm says so: somebody else may have the key. There is no
// alarm about a session that was ended early. The same
// session again gives the same answer. The worker is told of it, as begun in a browser if it is the
// caller's own.
func (d *Room) StartSession(ctx context.Context, by kernel.Caller, s actions.SignedSession) (Session, error) {
	digest := s.Session.Digest()
	out := Session{Digest: digest, Signed: s}
	err := d.desk.Change(ctx, by, "start a session", func(state *proof.State) (func(*kernel.Tx) error, error) {
		now := d.desk.TimeNow()
		switch {
		case state.Formats < 2:
			return nil, fault.New(fault.Conflict, "no-sessions", "This desk signs in the formats %d, which have no sessions. Officers change that with `countersign formats adopt --reason WHY`.", state.Formats)
		case s.Session.Worker != by.Worker:
			return nil, fault.New(fault.Forbidden, "another-signer", "The session is of %s; you are signed in as %s.", s.Session.Worker, by.Worker)
		case !now.Before(s.Session.Expires.Time):
			return nil, fault.New(fault.Expired, "expired", "The session was over at %s. Start a new one.", s.Session.Expires)
		}
		if err := state.Certified(s, now.Time); err != nil {
			return nil, err
		}
		var known store.Session
		switch err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			known, err = stx.Session(digest)
			return err
		}); {
		case err == nil && canonical.DigestOf(known.Signed) == canonical.DigestOf(s):
			out = sessionOf(known)
			return func(*kernel.Tx) error { return nil }, nil
		case err == nil:
			return nil, fault.New(fault.Conflict, "session-exists", "This session was started already, with another signature.")
		case !fault.Is(err, "no-session"):
			return nil, err
		case now.After(s.Session.NotBefore.Add(proof.SessionLate)):
			return nil, fault.New(fault.Forbidden, "bad-session", "The session of %s began at %s, more than %d minutes ago. Set the clock of the computer on which it was made, and start a new one.",
				s.Session.Worker, s.Session.NotBefore, int(proof.SessionLate.Minutes()))
		}
		return func(t *kernel.Tx) error {
			if n, err := t.SessionsSince(by.Worker, canonical.At(now.Add(-time.Hour))); err != nil {
				return err
			} else if n >= sessionsPerHour {
				return fault.New(fault.Exhausted, "budget-spent", "%s may start %d sessions an hour, and has started that many. Wait, or sign with your own key. If that was somebody else, end all sessions of %[1]s with `countersign session end --worker %[1]s --reason WHY`.", by.Worker, sessionsPerHour)
			}
			ended, err := t.InsertSession(s, now)
			if err != nil {
				return err
			}
			t.Enter(entry.KindSession, s).About(digest.String(), store.ByWorker(by.Worker))
			if err := d.inbox.Tell(t, by.Worker, inbox.Started(s.Session, by.Session == digest, len(ended) > 0)); err != nil {
				return err
			}
			// What was ended early signed nothing any more.
			if !slices.ContainsFunc(ended, func(old store.Session) bool { _, void := t.State.EndOf(old.Signed.Session); return !void }) {
				return nil
			}
			return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.SessionReplaced), Severity: alarms.Info,
				Text: "A session of " + string(by.Worker) + " ended, since a newer one was started with the same key. If that was somebody else, end all sessions of " + string(by.Worker) + " with `countersign session end --worker " + string(by.Worker) + " --reason WHY`."})
		}, nil
	})
	return out, err
}

// Sessions returns the caller's sessions whose time is not over, newest first.
func (d *Room) Sessions(ctx context.Context, by kernel.Caller) (all []Session, err error) {
	state, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	now := d.desk.Now()
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		read, err := stx.Sessions(by.Worker, canonical.At(now.Add(-actions.SessionLife)))
		all = nil
		for _, s := range read {
			if now.Before(s.Signed.Session.Expires.Time) {
				all = append(all, sessionOf(s))
			}
		}
		return err
	})
	for i, x := range all {
		if all[i].Void, err = d.endingOf(ctx, state, x.Signed.Session); err != nil {
			return nil, err
		}
		early := all[i].Void != nil && (x.Ended.IsZero() || all[i].Void.At.Before(x.Ended.Time))
		if !x.Ended.IsZero() && !early {
			all[i].Why = "A newer session of the same key took its place."
		} else if bad := state.Certified(x.Signed, now); bad != nil {
			all[i].Why = fault.TextOf(bad)
		}
	}
	return all, err
}

// endingOf returns who ended a session early, as the governance chain has it; nil if nobody
// did. Everybody at the desk may read the request that asked for it.
func (d *Room) endingOf(ctx context.Context, state *proof.State, c actions.Session) (*Ending, error) {
	end, is := state.EndOf(c)
	if !is {
		return nil, nil
	}
	var e ledger.Entry
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		e, err = stx.EntryOf(ledger.Governance, end.Entry)
		return err
	}); err != nil {
		return nil, err
	}
	var a proof.Authority
	if e.Body.Kind == proof.KindTaken {
		var x proof.SignedExecution
		if err := canonical.Unmarshal(e.Body.Data, &x); err != nil {
			return nil, err
		}
		a = *x.Execution.Taken // the chain was folded, so it holds one
	} else if err := canonical.Unmarshal(e.Body.Data, &a); err != nil {
		return nil, err
	}
	return &Ending{At: end.At, By: a.Request.Statement.Signer, Request: a.Request.Statement.Request, Reason: a.Action.Reason}, nil
}

func sessionOf(s store.Session) Session {
	return Session{Digest: s.Digest, Signed: s.Signed, Ended: s.Ended}
}
