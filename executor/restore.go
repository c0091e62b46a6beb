package executor

import (
	"context"
	"fmt"
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

// breach journals a burden that nothing explains. If a standing order is in force, it
// also lifts the burden, at the pace of a duel. The caller holds the subject.
//
// If we die before the breach is journalled, the next look finds it again. If we die
// after that, the breach is found open; if its restoration was begun, the platform is
// asked for the outcome of the call.
func (w *watcher) breach(ctx context.Context, l glance, k journal.Watched, known bool, sight watch.Sight, found platform.Expect, seen canonical.Time, newest journal.Key) error {
	w.mu.Lock()
	b, open := w.open[l.spot()]
	w.mu.Unlock()
	if open && b.Found == found && (b.Sight.Expected.Status == "" || b.Sight.Expected == k.State) {
		return w.attempt(ctx, k, b)
	}
	// While the watch did not run, another state may have become the right one.
	if open {
		w.over(l.spot())
	}
	w.e.step(StepSeen)
	s, openings, err := w.tellOf(l, k, found, seen)
	if err != nil {
		return err
	}
	s.Why, s.Warrant = string(sight.Why()), newest.Request
	b = journal.Breach{ID: w.e.newID(proof.BreachPrefix), Subject: k.Subject, Layer: k.Layer, Tier: k.Tier, Found: found, By: l.brought(found).By, Seen: seen}
	if !known {
		// Nobody knows the state from before: people decide.
		s.Expected = platform.Expect{}
	}
	if w.e.ledger.view().state.Observes(w.name, k.Tier) {
		lost(&k, newest)
		return w.observed(ctx, k, known, s, found, seen, b, openings)
	}
	order, can := w.ordered(ctx, k, known, found)
	if can {
		s.Order = order.Request
		wait, err := w.pace(ctx, k, seen.Time)
		if err != nil {
			return err
		}
		b.Due = canonical.At(seen.Add(wait))
	}
	b.Sight = *s
	return w.begin(ctx, l, k, b, order, can && !b.Due.After(seen.Time), openings)
}

// pace returns how long a restoration waits. That of a critical subject waits only for
// its turn in the platform's share. That of a protected subject waits longer each time,
// if somebody puts the same on the subject again and again. Each layer has its own pace.
func (w *watcher) pace(ctx context.Context, k journal.Watched, seen time.Time) (time.Duration, error) {
	if k.Tier == actions.Critical {
		return w.shareOf(k.Layer).turn(), nil
	}
	n, err := w.e.journal.Restored(ctx, k.Subject, k.Layer, seen.Add(-duelTime))
	return watch.Pace(int(n)), err
}

// waits reports whether a restoration has to wait still. If it is due much later than any
// restoration is ever put off, the clock was set back meanwhile, and it does not wait.
func waits(b journal.Breach, now time.Time) bool {
	wait := b.Due.Sub(now)
	return !b.Due.IsZero() && wait > 0 && wait <= budgetAgain
}

// shareOf returns the share in which restorations of a layer take their turns. The
// visibility has one for itself, so that nothing in another layer takes a turn from it.
func (w *watcher) shareOf(l platform.Layer) *share {
	if l == platform.VisibilityLayer {
		return w.restores
	}
	return w.weaker
}

// duelTime is how long a restoration slows the next one of the same layer of a subject.
const duelTime = time.Hour

// observed records a change that would be a breach if the tier were not only observed,
// and accepts the new state.
func (w *watcher) observed(ctx context.Context, k journal.Watched, known bool, s *proof.Sight, found platform.Expect, seen canonical.Time, b journal.Breach, openings []ledger.Opening) error {
	if order, can := w.ordered(ctx, k, known, found); can {
		s.Order = order.Request // it would have been restored
	}
	k.Beneath = k.Under(found)
	k.State, k.Since, k.Request, k.Baseline, k.Entered = found, seen, "", -1, canonical.Time{}
	if _, err := w.journalSight(ctx, b.ID, proof.KindObserved, s, "", "", openings, journal.Seen(k)); err != nil {
		return err
	}
	w.put(k)
	return nil
}

// ordered returns the standing order under which a subject is restored from a state that
// was found. ok is false if there is no such order, if the platform does not offer to lift
// the found measure, or if lifting it would not bring back a state that is known to be right
// (law 8).
func (w *watcher) ordered(ctx context.Context, k journal.Watched, known bool, found platform.Expect) (o proof.Order, ok bool) {
	v := w.e.ledger.view()
	now := w.e.ledger.at(w.e.now())
	o, ok = v.settled.StandingOrder(w.name, w.sure(ctx, v.settled, k), now)
	if !ok || !known || !o.Covers(k.Layer) || o.Spares(found.Mark) {
		return o, false
	}
	verb, lifts := watch.Lift(found, k.State)
	if !lifts || !w.offers(k, verb) {
		return o, false
	}
	if k.Request != "" {
		return o, true
	}
	entered := time.Time{}
	if k.Baseline >= 0 && w.e.outbox.entered() > k.Baseline {
		entered = k.Entered.Time
	}
	return o, watch.Trusted(entered, o.Vouched.Time, now)
}

// offers reports whether the platform lets a verb take away what stands in a layer. It may
// show labels or limits that it does not let us take away: a restoration that is refused
// would be followed by another one for ever.
func (w *watcher) offers(k journal.Watched, v platform.Verb) bool {
	sort, err := w.c.Sort(k.Subject.ID)
	_, can := w.c.Capabilities().Can(v, sort)
	return k.Layer == platform.VisibilityLayer || err == nil && can
}

// sure returns the tier of a subject for a standing order. It asks the platform only for
// the owner of content.
func (w *watcher) sure(ctx context.Context, s *proof.State, k journal.Watched) actions.Tier {
	t := s.SureTier(w.e.heights.find, k.Subject.String())
	if sort, err := w.c.Sort(k.Subject.ID); err != nil || sort != platform.Content || t == actions.Critical {
		return t
	}
	r, err := readSubject(ctx, w.c, k.Subject)
	if err != nil {
		return t
	}
	owner, _ := r.state.Facts[platform.FactOwner].(string)
	return t.Max(s.SureTier(w.e.heights.find, platform.Subject{Platform: w.name, ID: owner}.String()))
}

// restoration is the act that lifts the mark that a breach left.
func (w *watcher) restoration(k journal.Watched, b journal.Breach, o proof.Order) journal.Act {
	verb, _ := watch.Lift(b.Found, k.State)
	told := b.Sight
	told.Subject, told.Credential = canonical.Digest{}, canonical.Digest{} // the breach's record has them
	told.Expected, told.Order = k.State, o.Request
	sort, err := w.c.Sort(b.Subject.ID)
	if err != nil {
		sort = platform.Account
	}
	kind, _ := actions.LiftingKind(verb, sort)
	return journal.Act{Key: journal.Key{Request: b.ID, Duty: proof.DutyRestore}, Warrant: canonical.DigestOf(o.Order), Subject: b.Subject, Kind: kind,
		Command: platform.Command{Verb: verb, Subject: b.Subject, Layer: b.Layer, Expect: b.Found}, Tier: o.Tier, Direction: actions.Relieving, Sight: &told, Attempt: 1}
}

// afford limits the restorations of one layer of a protected subject to the number that the
// order allows for it. There is no other budget: else an attacker could spend it on accounts
// that nobody knows, and keep one down that matters.
func afford(o proof.Order, now time.Time) func(journal.Restorations) error {
	return func(count journal.Restorations) error {
		if o.Tier == actions.Critical {
			return nil
		}
		n, err := count.OfSubject(now.Add(-time.Hour))
		if err == nil && n >= o.PerSubject {
			err = fault.New(fault.Exhausted, "budget-spent", "The standing order allows %d restorations of one subject in an hour, and as many were made.", o.PerSubject)
		}
		return err
	}
}

// passed says which of an order's numbers a restoration exceeds. The restoration is made
// all the same; people are paged, for each number once an hour. It is empty if no number
// is exceeded.
func (w *watcher) passed(ctx context.Context, k journal.Watched, o proof.Order, now time.Time) (typ, text string, err error) {
	count := w.e.journal.Counts(ctx, k.Subject, k.Layer, o.Tier)
	since := now.Add(-time.Hour)
	for _, c := range []struct {
		key, text string
		most      int64
		of        func(time.Time) (int64, error)
		counts    bool
	}{
		{"of " + k.Subject.ID, "restorations of one subject", o.PerSubject, count.OfSubject, o.Tier == actions.Critical},
		{"of all", fmt.Sprintf("restorations of %s subjects", o.Tier), o.PerTier, count.OfTier, true},
	} {
		key := string(o.Tier) + " " + k.Layer.String() + " " + c.key
		w.mu.Lock()
		at, told := w.beyond[key]
		w.mu.Unlock()
		if !c.counts || told && now.Sub(at) < time.Hour {
			continue // once people are told, a long duel is not counted each time
		}
		n, err := c.of(since)
		if err != nil {
			return "", "", err
		}
		if n >= c.most {
			w.mu.Lock()
			w.beyond[key] = now
			w.mu.Unlock()
			return "budget-passed", fmt.Sprintf("The standing order expects %d %s in an hour, and as many were made. It goes on all the same.", c.most, c.text), nil
		}
	}
	return "", "", nil
}

// begin journals a breach. If its restoration is due at once, it journals and makes that
// too.
func (w *watcher) begin(ctx context.Context, l glance, k journal.Watched, b journal.Breach, o proof.Order, now bool, openings []ledger.Opening) error {
	sign := func(typ, text string) journal.Sign {
		s := b.Sight
		return w.sign(b.ID, proof.KindBreach, &s, typ, text, openings)
	}
	typ, text := "", ""
	if b.Sight.Order != "" {
		var err error
		if typ, text, err = w.passed(ctx, k, o, b.Seen.Time); err != nil {
			return err
		}
	}
	if now {
		a := w.restoration(k, b, o)
		done, err := w.atOnce(ctx, l, k, b, a, o, sign(typ, text))
		if done || !fault.Is(err, "budget-spent") {
			return err
		}
		// The budget is spent: people are paged, and it is tried again.
		b.Due = canonical.At(b.Seen.Add(budgetAgain))
		return w.opened(ctx, l, b, sign("budget-spent", fault.TextOf(err)))
	}
	return w.opened(ctx, l, b, sign(typ, text))
}

// budgetAgain is the time after which a spent budget is looked at again.
const budgetAgain = time.Minute

// opened journals a breach that is not restored now.
func (w *watcher) opened(ctx context.Context, l glance, b journal.Breach, sign journal.Sign) error {
	r, err := w.e.journal.OpenBreach(ctx, b, w.e.ledger.head(), sign)
	if err != nil {
		return err
	}
	w.began(l, b, r)
	return nil
}

// began adds a journalled breach to the memory, and hands its record over.
func (w *watcher) began(l glance, b journal.Breach, r proof.SignedExecution) {
	w.e.outbox.add(r)
	w.mu.Lock()
	w.open[spotOf(b)] = b
	if b.Tier == actions.Critical && b.Layer == platform.VisibilityLayer {
		w.attacked[b.Subject.ID] = time.Now().Add(attackTime)
	}
	if l.brought(b.Found).By == "" {
		before, _ := w.inLocked(spotOf(b))
		w.recent[spotOf(b)] = unnamedBreach{b, before.Since}
	}
	w.mu.Unlock()
	w.e.raise(r)
	w.nudgeCuts()
	w.e.step(StepBreached)
}

// atOnce journals a breach and the intent to lift its mark, and makes the call.
func (w *watcher) atOnce(ctx context.Context, l glance, k journal.Watched, b journal.Breach, a journal.Act, o proof.Order, sign journal.Sign) (done bool, err error) {
	if err := w.ready(&a); err != nil {
		return false, err
	}
	breach, restoring, err := w.e.journal.OpenRestored(ctx, b, a, w.e.ledger.head(), afford(o, b.Seen.Time), sign, w.intent(a))
	if err != nil {
		return false, err
	}
	w.began(l, b, breach)
	w.e.outbox.add(restoring)
	return true, w.lift(ctx, k, b, a)
}

// ready gives a restoration its nonce and its time.
func (w *watcher) ready(a *journal.Act) (err error) {
	a.Nonce, err = w.e.nonce()
	a.Intended = canonical.At(w.e.now())
	return err
}

func (w *watcher) intent(a journal.Act) journal.Sign {
	return func(sequence int64) proof.SignedExecution {
		x := w.e.executionOf(a, proof.KindIntent, sequence)
		x.At = a.Intended
		return x.Sign(w.e.key)
	}
}

// attempt goes on with a breach that is open and whose mark still stands.
func (w *watcher) attempt(ctx context.Context, k journal.Watched, b journal.Breach) error {
	now := w.e.now()
	if waits(b, now) {
		return nil
	}
	order, can := w.ordered(ctx, k, true, b.Found)
	if !can {
		return nil // nobody has ordered it; people have been told
	}
	a := w.restoration(k, b, order)
	if prior, ok, err := w.e.journal.Act(ctx, a.Key); err != nil || ok && prior.Stage != journal.Ended {
		return err // it is being settled
	} else if ok {
		// That restoration is over and the subject is still in the state that was found: it was
		// taken down again in the same way, or could not be lifted. That is another breach.
		w.over(spotOf(b))
		w.look(again(b))
		return nil
	}
	if err := w.ready(&a); err != nil {
		return err
	}
	r, err := w.e.journal.RestoreIntent(ctx, a, w.e.ledger.head(), afford(order, now), w.intent(a))
	if fault.Is(err, "budget-spent") {
		return w.postpone(ctx, b, budgetAgain)
	}
	if err != nil {
		return err
	}
	w.e.outbox.add(r)
	return w.lift(ctx, k, b, a)
}

// lift makes the call of a restoration whose intent is journalled.
func (w *watcher) lift(ctx context.Context, k journal.Watched, b journal.Breach, a journal.Act) error {
	began := time.Now()
	result, err := w.e.callLift(ctx, a, w.c, expected(a.Command, b.Seen))
	if k.Tier == actions.Critical {
		w.shareOf(b.Layer).took(time.Since(began))
	}
	if err != nil {
		return ended(ctx, err)
	}
	if result.Outcome == proof.Executed {
		w.over(spotOf(b))
		return nil
	}
	if result.Outcome == proof.Failed && result.Type != "wrong-state" && result.Type != "no-such-subject" {
		// The platform refuses, and would refuse at once again: the subject is still as it was.
		return w.postpone(ctx, b, refusedAgain)
	}
	// Somebody else has changed the subject meanwhile: look at its new state.
	w.look(again(b))
	return nil
}

// refusedAgain is the time after which a restoration that the platform refused is tried
// again, as another breach.
const refusedAgain = 10 * time.Second

// postpone puts the restoration of an open breach off.
func (w *watcher) postpone(ctx context.Context, b journal.Breach, by time.Duration) error {
	b.Due = canonical.At(w.e.now().Add(by))
	w.mu.Lock()
	w.open[spotOf(b)] = b
	w.mu.Unlock()
	return w.e.journal.Postpone(ctx, b.ID, b.Due)
}

// again asks for a look at the layer of a breach.
func again(b journal.Breach) glance {
	return glance{id: b.Subject.ID, layer: b.Layer, handle: b.Subject.Handle, via: viaRead, urgent: true}
}

// spotOf returns the place of a breach.
func spotOf(b journal.Breach) spot { return spot{b.Subject.ID, b.Layer} }

// raise sends a breach to the one address that the executor knows by itself, if the desk
// does not accept it in time: the desk may be dead.
func (e *Executor) raise(r proof.SignedExecution) {
	if e.alarm == nil {
		return
	}
	e.mu.Lock()
	run := e.run
	e.mu.Unlock()
	if run == nil {
		return
	}
	e.finished.Go(func() {
		waiting, cancel := context.WithTimeout(run, e.limits.Answer)
		defer cancel()
		if e.outbox.handed(waiting, r.Execution.Sequence) || run.Err() != nil {
			return
		}
		for p := e.pause(); ; {
			sending, done := context.WithTimeout(run, noticeTime)
			err := e.alarm(sending, r)
			done()
			if err == nil || p.wait(run) != nil {
				return
			}
		}
	})
}
