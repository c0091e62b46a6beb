package acts

import (
	"cmp"
	"context"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// verdictOf returns the entry of a verdict on a request, with the facts by which the
// request was judged.
func verdictOf(v judged, signed actions.Signed, status actions.Status) entry.Verdict {
	return entry.Verdict{At: canonical.At(v.ask.At), Law: v.j.Law(), Lifts: v.ask.Lifts, Need: v.j.Need, Request: signed.Statement.Request, Signed: signed,
		Status: status, Tier: v.j.Facts.Subject.Tier}
}

// asking returns the name under which the refusal of a request is entered. A kind that is
// not in the catalogue is the caller's own text, and is left out.
func asking(k actions.Kind) string {
	if _, ok := actions.SpecOf(k); !ok {
		return "request"
	}
	return "request " + string(k)
}

// judgeNew judges a new request, and works out what follows from the judgement.
func (d *Room) judgeNew(ctx context.Context, s *proof.State, by kernel.Caller, sub Submission) (r store.Request, v judged, err error) {
	if err := d.desk.HandedIn(by, sub.Signed); err != nil {
		return r, v, err
	}
	ask, err := d.askNew(ctx, s, sub)
	if err != nil {
		return r, v, err
	}
	j, err := s.Judge(ask)
	if err != nil {
		return r, v, err
	}
	rows, err := checkRows(s, sub)
	if err != nil {
		return r, v, err
	}
	r = store.Request{Entry: -1, Request: actions.Request{ID: sub.Signed.Statement.Request, Version: 1, Status: actions.StatusHeld,
		Action: sub.Action, Signed: sub.Signed, Created: canonical.At(ask.At), Updated: canonical.At(ask.At)}}
	if err := d.stillFits(ctx, s, ask.Action); err != nil {
		return r, v, err
	}
	v, err = conclude(s, ask, j, rows, proof.Waited{}) // a new request that has to wait is not ready
	v.decided = sub.Decision
	return r, v, err
}

// askNew gathers the facts by which a new request is judged. It reads the subject again:
// what the action says of it may be old, or the caller's own invention.
func (d *Room) askNew(ctx context.Context, s *proof.State, sub Submission) (proof.Ask, error) {
	a := sub.Action
	ask := proof.Ask{Action: a, Request: sub.Signed, Executor: s.ExecutorOf(a), Decision: sub.Decision.signed()}
	if err := a.Check(); err != nil {
		return ask, err
	}
	if err := a.Legible(); err != nil {
		return ask, err
	}
	if err := a.Reasoned(); err != nil {
		return ask, err
	}
	if err := a.Lasts(sub.Signed.Statement.NotBefore.Time); err != nil {
		return ask, err
	}
	if err := s.Moot(a, sub.Signed.Statement, d.desk.Now()); err != nil {
		return ask, err
	}
	if err := d.incidents.CheckReview(ctx, s, a); err != nil {
		return ask, err
	}
	if err := d.checkEmergency(ctx, s, a, sub.Signed.Statement.Signer); err != nil {
		return ask, err
	}
	if a.Subject.Platform != actions.DeskPlatform && !a.Undo() {
		reading, err := d.desk.Read(ctx, s, a.Subject.String())
		if err != nil {
			return ask, err
		}
		if err := unchanged(a, reading); err != nil {
			return ask, err
		}
		if err := labels(s, a, reading); err != nil {
			return ask, err
		}
		ask.Tier = reading.Tier.Max(s.RaisedTo(a.Subject)) // the executor may not have read the newest raise yet
	}
	lifts, tier, err := d.lifts(ctx, s, a, sub.Signed.Statement.Signer)
	if err != nil {
		return ask, err
	}
	ask.Lifts, ask.Tier = lifts, ask.Tier.Max(tier)
	if t := ask.Tier.Max(a.Tier); s.Observes(a.Subject.Platform, t) {
		return ask, proof.Observing(a.Subject.Platform, t)
	}
	if err := sub.Decision.reasoned(); err != nil {
		return ask, err
	}
	if ask.Belongs, err = d.belongs(ctx, s, ask.Decision, a); err != nil {
		return ask, err
	}
	statements := []actions.Statement{sub.Signed.Statement}
	if ask.Decision != nil {
		statements = append(statements, ask.Decision.Signed.Statement)
	}
	if ask.Sessions, err = d.desk.SessionsOf(ctx, statements...); err != nil {
		return ask, err
	}
	// The clock is read last: a statement drafted a moment ago must not be from the future.
	ask.At = d.desk.TimeNow().Time
	return ask, nil
}

// unchanged compares an action with its subject as it is now, in the layer that it changes.
// An act that only says something changes none.
func unchanged(a actions.Action, r linkv1.Reading) error {
	spec, _ := actions.SpecOf(a.Kind)
	layer := a.Command.Layer
	now := r.State.At(layer)
	switch {
	case r.Subject.Platform != a.Subject.Platform || r.Subject.ID != a.Subject.ID,
		a.Direction != actions.Relieving && r.Subject.Handle != a.Subject.Handle:
		return fault.New(fault.Conflict, "subject-moved", "%s is now %q; the action was written for %q. Draft it again.", a.Subject, r.Subject.Handle, a.Subject.Handle)
	case now != a.Command.Expect && !spec.Says():
		return fault.New(fault.Conflict, "wrong-state", "%s is %s now; the action expects %s.", a.Subject,
			platform.DescribeIn(layer, now), platform.DescribeIn(layer, a.Command.Expect))
	case r.Tier.Rank() > a.Tier.Rank():
		return fault.New(fault.Conflict, "tier-moved", "%s is %s; the action was written for a %s subject. Draft it again.", a.Subject, r.Tier, a.Tier)
	}
	return nil
}

// lifts returns which kind of measure a relieving action lifts (see actions.Lifts), and the
// tier of that measure.
func (d *Room) lifts(ctx context.Context, s *proof.State, a actions.Action, by workforce.WorkerID) (actions.Lifts, actions.Tier, error) {
	if !a.Undo() {
		lifts := actions.LiftsOf(a, nil, by, d.desk.Now(), s.Trust.UndoWindow)
		if lifts != actions.LiftsNothing {
			broken, err := d.liftsBreach(ctx, s, a)
			if err != nil {
				return "", "", err
			}
			if broken && !s.Spared(a.Subject.Platform, a.Command.Expect.Mark) {
				lifts = actions.LiftsBreach
			}
		}
		return lifts, actions.Standard, nil
	}
	r, err := d.desk.Load(ctx, a.Reverses)
	if err != nil {
		return "", "", err
	}
	if r.Status != actions.StatusExecuted && r.Status != actions.StatusUnknown {
		return "", "", fault.New(fault.Conflict, "not-in-force", "The request %s is %s, so it has no measure to lift.", r.ID, r.Status)
	}
	m, err := d.measure(ctx, r)
	return actions.LiftsOf(a, m, by, d.desk.Now(), s.Trust.UndoWindow), r.Action.Tier, err
}

// liftsBreach reports whether an action lifts exactly the state that the newest breach of its
// subject left, in the layer that the action changes. The executor finds that out by itself,
// from its own journal.
func (d *Room) liftsBreach(ctx context.Context, s *proof.State, a actions.Action) (is bool, err error) {
	incident, err := d.leftBy(ctx, s, a.Subject, a.Command.Layer, a.Command.Expect)
	return incident != "", err
}

// leftBy returns the incident of the breach that left a state in a layer of a subject, if that
// is the newest breach there and it is open; empty if not.
func (d *Room) leftBy(ctx context.Context, s *proof.State, on platform.Subject, l platform.Layer, found platform.Expect) (incident string, err error) {
	err = d.desk.Store.Read(ctx, func(t *store.Tx) error {
		incident = ""
		seen, err := t.Sightings(s.Trust.Executor, store.SightingFilter{Kind: proof.KindBreach, Platform: on.Platform, Subject: on.ID, Layer: l.String(), Limit: 1})
		if err != nil || len(seen) == 0 {
			return err
		}
		var e proof.SignedExecution
		if err := canonical.UnmarshalExact(seen[0].Data, &e); err != nil {
			return fmt.Errorf("the record %d of the executor in the database: %w", seen[0].Sequence, err)
		}
		b, known, err := t.Breach(e.Execution.Request)
		if known && b.Restored.IsZero() && e.Execution.Sight.Layer == l && e.Execution.Sight.Found == found {
			incident = b.Incident
		}
		return err
	})
	return incident, err
}

// conclude works out the consequences of a judgement.
func conclude(s *proof.State, ask proof.Ask, j proof.Judgement, rows []AdmittedRow, waited proof.Waited) (judged, error) {
	out := judged{ask: ask, j: j, rows: rows}
	if !j.Ready {
		return out, nil
	}
	core, err := s.Seal(ask, j)
	if err != nil {
		return out, err
	}
	if spec, _ := actions.SpecOf(ask.Action.Kind); !spec.Desk {
		out.core = &core
		return out, nil
	}
	out.auth = &proof.Authority{Action: core.Action, Request: core.Request, Countersignatures: core.Countersignatures, Sessions: core.Sessions, Waited: waited}
	return out, s.Authorise(*out.auth, ask.At)
}

// concludeOpen is conclude for a request that is in the ledger already.
func (d *Room) concludeOpen(ctx context.Context, s *proof.State, r store.Request, ask proof.Ask, j proof.Judgement) (judged, error) {
	if j.Ready {
		if err := d.stillFits(ctx, s, ask.Action); err != nil {
			return judged{}, err
		}
	}
	rows, err := d.keptRows(ctx, r, j)
	if err != nil {
		return judged{}, err
	}
	waited, err := d.waitedChange(ctx, s, ask, j)
	if err != nil {
		return judged{}, err
	}
	return conclude(s, ask, j, rows, waited)
}

// lapsed returns why an open request can become ready no more; nil if it can.
func (d *Room) lapsed(ctx context.Context, s *proof.State, r store.Request) (*actions.Lapse, error) {
	ask, err := d.asked(ctx, s, r)
	if err != nil {
		return nil, err
	}
	return s.Lapsed(ask), nil
}

// standing is the refusal of standing, as far as the caller reads the request.
func (d *Room) standing(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request, ask proof.Ask) error {
	err := standing(s, ask)
	if err == nil {
		return nil
	}
	if whole, unread := d.readsWhole(ctx, s, by, r); unread != nil || whole {
		return cmp.Or(unread, err)
	}
	return fault.New(fault.Conflict, "request-lapsed", "This request can never be carried out, whoever signs it. Whoever still wants it asks for it anew.")
}

// standing refuses a signature on a request that can become ready no more, and says who has
// to ask again.
func standing(s *proof.State, ask proof.Ask) error {
	l := s.Lapsed(ask)
	if l == nil {
		return nil
	}
	by, again := ask.Request.Statement.Signer, "countersign action again "+ask.Request.Statement.Request
	spec, _ := actions.SpecOf(ask.Action.Kind)
	switch {
	case l.Gone():
		return fault.New(fault.Conflict, "request-lapsed", "This request can never be carried out, whoever signs it: %s. Whoever still wants it asks for it anew.", l.Text)
	case ask.Action.Undo():
		again = fmt.Sprintf("countersign action undo %s --reason WHY", ask.Action.Reverses)
	case spec.Desk:
		return fault.New(fault.Conflict, "request-lapsed", "This request can never be carried out, whoever signs it: %s. Nothing is wrong with your signature: %s has to ask for it anew.", l.Text, by)
	}
	return fault.New(fault.Conflict, "request-lapsed", "This request can never be carried out, whoever signs it: %s. Nothing is wrong with your signature: %s has to ask again, with `%s`.", l.Text, by, again)
}

// askAgain gathers the facts by which an open request is judged now.
func (d *Room) askAgain(ctx context.Context, s *proof.State, r store.Request) (proof.Ask, error) {
	ask, err := d.asked(ctx, s, r)
	if err != nil {
		return ask, err
	}
	lifts, tier, err := d.lifts(ctx, s, r.Action, r.Requester())
	ask.Lifts, ask.Tier = lifts, ask.Tier.Max(tier)
	if err == nil && s.Waits(ask) {
		ask.Entered, err = d.entered(ctx, r)
	}
	return ask, err
}

// asked gathers what the desk itself has of these facts: everything but what the action
// lifts, and since when its signatures wait.
func (d *Room) asked(ctx context.Context, s *proof.State, r store.Request) (proof.Ask, error) {
	ask := proof.Ask{Action: r.Action, Request: r.Signed, Countersignatures: r.Signers, At: d.desk.TimeNow().Time,
		Executor: s.ExecutorOf(r.Action), Tier: r.Action.Tier.Max(s.RaisedTo(r.Action.Subject))}
	if r.Action.V != actions.ActionV1 {
		// The ledger's entry has the documents that came with the request, and their time.
		made, decision, entered, err := d.desk.RequestEntry(ctx, r.Signed)
		if err != nil {
			return ask, err
		}
		ask.Requested, ask.Decision, ask.Sessions, ask.Belongs = entered.Time, decision, made.Sessions, true // it was checked when the request came
	}
	return ask, nil
}

// judgeSigned judges a request with all its countersignatures. Those of people
// who have left since, or whose keys were revoked, no longer count; they stay on
// record.
func (d *Room) judgeSigned(s *proof.State, ask proof.Ask, signers []actions.Signed) (proof.Judgement, proof.Ask, error) {
	ask.Countersignatures = nil
	for _, c := range signers {
		if s.Candidate(ask, c) == nil {
			ask.Countersignatures = append(ask.Countersignatures, c)
		}
	}
	j, err := s.Judge(ask)
	return j, ask, err
}

// judged is a judgement with its consequences. They are worked out before the transaction,
// so that no signature is checked inside it.
type judged struct {
	ask  proof.Ask
	j    proof.Judgement
	core *proof.Core      // of the warrant, if the request is ready and is about a platform
	auth *proof.Authority // of the governance entry, if the request is ready and changes the desk
	rows []AdmittedRow
	// decided is the decision that came with a new request.
	decided *Decided
}
