package executor

import (
	"context"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/watch"
)

// inspect reads one subject and judges its state. again is true if the platform did not
// answer, or if somebody acts on a layer besides the visibility.
//
// It judges while nobody acts on the layer. Then the journal explains the state that is
// read, or nothing does. A look at the visibility asks for a look at every other layer that
// is not as it was known; that one takes the layer for itself and reads the subject again,
// so that nothing in another layer holds the visibility up.
func (w *watcher) inspect(ctx context.Context, l glance) (again bool, err error) {
	s := platform.Subject{Platform: w.name, ID: l.id, Handle: l.handle}
	release, free := w.e.subjects.try(placeOf(s, l.layer))
	if !free && l.layer != platform.VisibilityLayer {
		return true, nil // an act may wait for its platform for long, and few look at layers
	}
	if !free {
		if release, err = w.e.subjects.acquire(ctx, placeOf(s, l.layer)); err != nil {
			return false, nil // shutting down
		}
	}
	defer release()
	k, known := w.get(l.id)
	tier, found := actions.Standard, platform.State{}
	if known {
		tier = k.Tier
	}
	if !known || l.sort || k.Tier == actions.Standard {
		// For a subject that matters the tier is known; for all others it is read.
		r, err := readSubject(ctx, w.c, s)
		switch {
		case fault.Is(err, "no-such-subject"):
			found.Status = platform.Deleted
			if !known {
				if _, raised := w.e.ledger.view().state.Raised[s.String()]; raised {
					w.mu.Lock()
					w.gone[l.id] = true
					w.mu.Unlock()
				}
				return false, nil
			}
		case err != nil:
			return true, w.refused(ctx, err)
		default:
			found = r.state
			if err := w.e.remember(ctx, w.e.ledger.view().state, r); err != nil {
				return true, fatal(err)
			}
			tier = w.tier(r)
			l.handle = r.subject.Handle
		}
	} else if found, err = w.c.Peek(ctx, k.Subject); fault.Is(err, "no-such-subject") {
		found = platform.State{Status: platform.Deleted}
	} else if err != nil {
		return true, w.refused(ctx, err)
	}
	if l.layer != platform.VisibilityLayer {
		if !legible(l.layer, found) {
			return false, fatal(w.unseen(l, found))
		}
		return false, w.judge(ctx, l, tier, found.At(l.layer))
	}
	if l.locks && tier != actions.Standard && found.Status == platform.Up {
		if err := w.lock(ctx, l, tier); err != nil {
			return true, fatal(err)
		}
	}
	if err := w.judge(ctx, l, tier, found.At(platform.VisibilityLayer)); err != nil {
		return false, err
	}
	return false, w.beside(ctx, l, tier, found)
}

// fatal returns an error that the watch cannot go on after: the journal cannot be
// written. All other errors are met by looking again, and fatal returns nil.
func fatal(err error) error {
	if fault.KindOf(err) == fault.Internal {
		return err
	}
	return nil
}

// judge decides the meaning of a sight of a layer, notes it, and acts on it. The caller
// holds the layer.
func (w *watcher) judge(ctx context.Context, l glance, tier actions.Tier, found platform.Expect) error {
	seen := canonical.At(w.e.now())
	k, known := w.in(l.spot())
	if len(l.events) > 0 {
		if err := w.told(ctx, l); err != nil {
			return err
		}
	}
	if before, said := w.disproved(l, found); said && known {
		// The change was taken for the owner's, and the platform has said since that staff
		// made it. So the state before the change is right again.
		if before != nil {
			k.State, k.Beneath, k.Since, k.Request, k.Baseline, k.Entered = before.State, before.Beneath, before.Since, before.Request, before.Baseline, before.Entered
			if err := w.accept(ctx, k); err != nil {
				return err
			}
		}
		known = before != nil
	}
	by, err := w.endedBy(ctx, l.spot(), found)
	if err != nil {
		return err
	}
	if known && k.State == found && k.Tier == tier {
		if l.layer == platform.VisibilityLayer {
			w.mu.Lock()
			delete(w.unsaid, l.id)
			w.mu.Unlock()
		}
		return w.right(l, k, found, seen, by)
	}
	if !known && tier == actions.Standard && found.Status == l.layer.Clear() {
		if l.layer == platform.VisibilityLayer {
			w.mu.Lock()
			w.plain[l.id] = true
			w.mu.Unlock()
		}
		return nil
	}
	if !known {
		k = journal.Watched{Subject: platform.Subject{Platform: w.name, ID: l.id, Handle: l.handle}, Layer: l.layer, Since: seen, Baseline: -1}
	}
	sight, newest, err := w.sight(ctx, k, known, tier, found)
	sight.By = w.whose(l, found)
	if err != nil {
		return err
	}
	verdict := sight.Judge()
	if verdict == watch.Asked && w.mayBeSaid(l.id) {
		return nil
	}
	if l.layer == platform.VisibilityLayer {
		w.judged(k, known, verdict)
	}
	raised := k.Tier != tier
	k.Tier = tier
	if verdict == watch.Breach {
		if raised && known {
			if err := w.accept(ctx, k); err != nil { // the tier alone
				return err
			}
		}
		return w.breach(ctx, l, k, known, sight, found, seen, newest)
	}
	if err := w.right(l, k, found, seen, by); err != nil {
		return err
	}
	before := k.State
	if k.State != found {
		if verdict != watch.Explained {
			lost(&k, newest)
		}
		// The owner was away and came back. The baseline from before still vouches for
		// the account.
		if away := verdict == watch.Relieved && before.Status == platform.Deactivated && k.Request == ""; verdict != watch.Owner && verdict != watch.Asked && !away {
			k.Baseline, k.Entered = -1, canonical.Time{}
		}
		k.Beneath = k.Under(found)
		k.State, k.Since, k.Request = found, seen, ""
		if verdict == watch.Explained {
			k.Request = newest.Request
		}
	}
	if verdict == watch.Unchanged || verdict == watch.Explained || !known && found.Status == l.layer.Clear() {
		return w.accept(ctx, k)
	}
	return w.foreign(ctx, l, k, before, verdict, seen)
}

// by says whose credential brought a subject into a state, as far as the stream has told.
func (l glance) by(found platform.Expect) watch.By {
	switch h := l.brought(found); {
	case h.ByStaff():
		return watch.ByStaff
	case h.ByOwner():
		return watch.ByOwner
	}
	return watch.ByUnknown
}

// whose returns the same as by. In addition it remembers the answer that the stream gave
// when an open breach was seen.
func (w *watcher) whose(l glance, found platform.Expect) watch.By {
	if by := l.by(found); by != watch.ByUnknown {
		return by
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b, ok := w.open[l.spot()]; ok && b.Found == found && b.Sight.Why == string(watch.NotOwner) {
		return watch.ByStaff
	}
	return watch.ByUnknown
}

// disproved reports whether an event says that staff made a deactivation about which
// somebody was paged to ask the owner. It returns the state that was known before, or nil
// if nothing was known.
func (w *watcher) disproved(l glance, found platform.Expect) (before *journal.Watched, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, is = w.asked[l.id]
	return before, is && l.layer == platform.VisibilityLayer && found.Status == platform.Deactivated && l.by(found) == watch.ByStaff
}

// mayBeSaid reports whether the stream may still say who made a deactivation that was
// seen before its event. Nobody is paged for an owner's own deactivation.
func (w *watcher) mayBeSaid(id string) bool {
	if !w.names {
		return false
	}
	now := w.e.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	until, ok := w.unsaid[id]
	if !ok {
		until = now.Add(w.e.limits.Word)
		w.unsaid[id] = until
	}
	return now.Before(until)
}

// judged remembers, for a deactivation that pages somebody, the state before it.
func (w *watcher) judged(before journal.Watched, known bool, v watch.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := before.Subject.ID
	delete(w.unsaid, id)
	delete(w.asked, id)
	if v != watch.Asked {
		return
	}
	w.asked[id] = nil
	if known {
		w.asked[id] = &before
	}
}

// right notes that a layer is in its right state: a breach of it has ended.
func (w *watcher) right(l glance, k journal.Watched, found platform.Expect, seen canonical.Time, by string) error {
	w.mu.Lock()
	b, open := w.open[l.spot()]
	w.mu.Unlock()
	if open && k.Request == b.ID {
		w.over(l.spot()) // the receipt of its restoration says so
		return nil
	}
	return w.lifted(l, found, seen, by)
}

// lost notes that the measure of the newest act is gone, if the layer was in the state
// that the act had left. Somebody who puts the same measure on again does it without us.
// An act that left no measure, since it lifted one, stays right: a layer that is clear
// burdens nobody.
func lost(k *journal.Watched, newest journal.Key) {
	if k.Request != "" && k.Request == newest.Request && k.State.Status != k.Layer.Clear() {
		k.Gone = newest
	}
}

// sight gathers the facts by which a layer is judged. newest is the newest act on it.
func (w *watcher) sight(ctx context.Context, k journal.Watched, known bool, tier actions.Tier, found platform.Expect) (s watch.Sight, newest journal.Key, err error) {
	s = watch.Sight{Layer: k.Layer, Tier: tier, State: found, Marks: w.marks(k.Subject, k.Layer, found.Status), OwnerLock: k.Layer == platform.VisibilityLayer && w.locked(k)}
	if known {
		s.Last = &k.State
	}
	// An act that waits, with no call under way, explains nothing.
	a, ok, err := w.e.journal.Newest(ctx, k.Subject, k.Layer, w.e.subjects.away(placeOf(k.Subject, k.Layer))...)
	if err != nil || !ok {
		return s, newest, err
	}
	after := a.Command.After()
	if a.Sight != nil {
		after = a.Sight.Expected
	}
	s.Newest = &watch.Warranted{Request: a.Request, After: after, Force: watch.InForce}
	switch {
	case a.Stage != journal.Ended:
		s.Newest.Force = watch.InFlight
	case k.Gone == a.Key:
		s.Newest.Force = watch.Reversed
	case a.Duty == proof.DutyAct && !a.Due.IsZero():
		// A measure whose lift is over explains nothing, whatever the outcome of the lift.
		lift, owed, err := w.e.journal.Act(ctx, journal.Key{Request: a.Request, Duty: proof.DutyLift})
		if err != nil {
			return s, newest, err
		}
		if s.Ended = owed && lift.Stage == journal.Ended; s.Ended {
			s.Newest.Force = watch.Reversed
		}
	}
	return s, a.Key, nil
}

// marks reports whether the platform keeps a mark beside a measure that leaves this value
// of a layer.
func (w *watcher) marks(s platform.Subject, l platform.Layer, now platform.Status) bool {
	sort, err := w.c.Sort(s.ID)
	if err != nil {
		return true
	}
	verb := platform.Takedown
	switch _, label := l.Label(); {
	case label:
		verb = platform.Label
	case l == platform.LimitLayer:
		verb = platform.Limit
	case now == platform.Deactivated:
		verb = platform.Deactivate
	}
	a, _ := w.c.Capabilities().Can(verb, sort)
	return a.Marks
}

// locked reports whether the owner's lock is in effect.
func (w *watcher) locked(k journal.Watched) bool {
	if !k.Lock.Holds(w.e.now()) {
		return false
	}
	undone, ok := w.e.ledger.view().state.Unlocked[k.Subject.String()]
	return !ok || undone.Before(k.Lock.Since.Time)
}

// accept notes the known state of a subject.
func (w *watcher) accept(ctx context.Context, k journal.Watched) error {
	if err := w.e.journal.Watch(ctx, k); err != nil {
		return err
	}
	w.put(k)
	return nil
}

// foreign notes a change by others that is no breach. Changes of subjects that matter get
// a record each; those of all others are counted.
func (w *watcher) foreign(ctx context.Context, l glance, k journal.Watched, before platform.Expect, verdict watch.Verdict, seen canonical.Time) error {
	if k.Tier == actions.Standard {
		if err := w.accept(ctx, k); err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.brief = append(w.brief, line{Layer: k.Layer, Subject: k.Subject.String(), Tier: k.Tier, State: k.State, Verdict: verdict})
		return nil
	}
	s, openings, err := w.tellOf(l, k, k.State, seen)
	if err != nil {
		return err
	}
	s.Expected, s.Why, s.Count = before, string(verdict), 1
	if _, err := w.journalSight(ctx, w.e.newID(proof.BreachPrefix), proof.KindForeign, s, "", "", openings, journal.Seen(k)); err != nil {
		return err
	}
	w.put(k)
	return nil
}

// tellOf begins the sight of a record about a subject, and returns the openings of its
// sealed fields.
func (w *watcher) tellOf(l glance, k journal.Watched, found platform.Expect, seen canonical.Time) (*proof.Sight, []ledger.Opening, error) {
	by := l.brought(found)
	s := &proof.Sight{Platform: w.name, Tier: k.Tier, Layer: k.Layer, Expected: k.State, Found: found, Via: l.via, Seen: seen, Changed: by.At}
	o, d, err := w.e.sealed(proof.SealedSubject, k.Subject.String())
	if err != nil {
		return nil, nil, err
	}
	s.Subject = d
	openings := []ledger.Opening{o}
	if by.By != "" {
		if o, d, err = w.e.sealed(proof.SealedCredential, by.By); err != nil {
			return nil, nil, err
		}
		s.Credential = d
		openings = append(openings, o)
	}
	return s, openings, nil
}

// unnamedBreach is a breach whose credential the platform has not named yet. since is the
// time from which the subject was seen in its state from before. An event that the
// platform dates earlier than that, by more than clocks may differ, belongs to another
// change, even if that left the same state and mark.
type unnamedBreach struct {
	journal.Breach
	since canonical.Time
}

func (b unnamedBreach) broughtBy(h platform.Happening) bool {
	return h.By != "" && h.Brought(b.Layer, b.Found) && (h.At.IsZero() || b.since.IsZero() || !h.At.Before(b.since.Add(-time.Minute)))
}

// told records whose credential a breach was done with, if the stream has said so only
// after the breach was seen.
func (w *watcher) told(ctx context.Context, l glance) error {
	w.mu.Lock()
	b, ok := w.recent[l.spot()]
	// The first such event: an event from after the breach was seen may stand beside it.
	i := slices.IndexFunc(l.events, b.broughtBy)
	if ok && i >= 0 {
		delete(w.recent, l.spot())
	}
	w.mu.Unlock()
	if !ok || i < 0 {
		return nil
	}
	by := l.events[i]
	o, d, err := w.e.sealed(proof.SealedCredential, by.By)
	if err != nil {
		return err
	}
	s := &proof.Sight{Platform: w.name, Tier: b.Tier, Credential: d, Via: viaStream, Seen: canonical.At(w.e.now()), Changed: by.At}
	_, err = w.journalSight(ctx, b.ID, proof.KindTold, s, "", "", []ledger.Opening{o}, journal.By(b.ID, by.By))
	w.nudgeCuts()
	return err
}

// lock reads the owner's lock. The removal of a lock counts from the time at which we saw
// it, not from the platform's date: a person who can write to the platform's database
// could date it.
func (w *watcher) lock(ctx context.Context, l glance, tier actions.Tier) error {
	k, known := w.get(l.id)
	if !known {
		k = journal.Watched{Subject: platform.Subject{Platform: w.name, ID: l.id, Handle: l.handle}, State: platform.Expect{Status: platform.Up},
			Since: canonical.At(w.e.now()), Baseline: -1}
	}
	k.Tier = tier
	now, err := w.c.Lock(ctx, k.Subject)
	if err != nil {
		return err
	}
	at := canonical.At(w.e.now())
	why := ""
	switch on := now.Set && now.Cleared.IsZero(); {
	case on && (!k.Lock.Set || !k.Lock.Holds(at.Time)):
		k.Lock, why = platform.Lock{Set: true, Since: at}, "set"
	case on && !k.Lock.Cleared.IsZero():
		k.Lock.Cleared, why = canonical.Time{}, "set"
	case !on && k.Lock.Set && now.ByElder(k.Lock.Since.Time):
		k.Lock, why = platform.Lock{}, "cleared-at-once"
	case !on && k.Lock.Set && k.Lock.Cleared.IsZero():
		k.Lock.Cleared, why = at, "cleared"
	default:
		return nil
	}
	s, openings, err := w.tellOf(glance{via: l.via}, k, k.State, at)
	if err != nil {
		return err
	}
	s.Why = why
	r, err := w.journalSight(ctx, w.e.newID(proof.BreachPrefix), proof.KindLock, s, "", "", openings, journal.Seen(k))
	if err != nil {
		return err
	}
	w.put(k)
	// A lock that was there at the watch's first look may have been set long ago.
	if why != "set" || known {
		w.notify(ctx, k, r, why)
	}
	return nil
}

// notify tells the owner that the lock was set or removed, and until when it holds, since
// a thief of the owner's password can do both. It is sent once. If it is not known
// whether the notice arrived, the record in the ledger has to do.
func (w *watcher) notify(ctx context.Context, k journal.Watched, r proof.SignedExecution, why string) {
	n, ok := w.c.(platform.Notifier)
	if !ok {
		return
	}
	title, text := "Your account's lock was set", "Somebody has set the lock by which your account never deactivates without telling us. While it is set, a deactivation is taken back. "+
		"If it was not you, take it back and change your password. Taken back in a session that is older than the lock it ends at once, where your platform tells sessions apart; else 72 hours later."
	switch why {
	case "cleared":
		title, text = "Your account's lock was taken back", "Somebody has taken back the lock by which your account never deactivates without telling us. It holds until "+
			k.Lock.Cleared.Add(platform.ClearingTime).UTC().Format("2 January 2006 15:04 UTC")+". If it was not you, set it again and change your password."
	case "cleared-at-once":
		title, text = "Your account's lock was taken back", "The lock by which your account never deactivates without telling us was taken back, in a session that is older than the lock, so it has ended. "+
			"If it was not you, set it again and change your password."
	}
	w.e.finished.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, noticeTime)
		defer cancel()
		_ = n.Notify(ctx, r.Execution.Request, k.Subject, title, text)
	})
}

// noticeTime bounds the sending of a notice.
const noticeTime = 30 * time.Second
