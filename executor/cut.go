package executor

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// unnamed is the time for which the platform may still name the credential of a breach.
const unnamed = 5 * time.Second

// cutAll cuts off credentials that cause breaches again and again, as standing orders
// say. It finds its work in the journal each time, so that it goes on after a kill:
// before the intent nothing was done; after the intent the call is made again under the
// same key; after the receipt the breaches of the credential are counted anew.
func (w *watcher) cutAll(ctx context.Context) error {
	for p := w.e.pause(); ctx.Err() == nil; {
		wait, err := w.cuts(ctx)
		switch {
		case err != nil && fault.KindOf(err) == fault.Internal:
			return ended(ctx, err)
		case err != nil:
			if p.wait(ctx) != nil { // the platform did not say whether the call took effect
				return nil
			}
			continue
		}
		p = w.e.pause()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.cutting:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// cuts makes the cuts that are due now, and returns the time until the next look.
func (w *watcher) cuts(ctx context.Context) (time.Duration, error) {
	all, err := w.e.journal.Cuts(ctx, w.name)
	if err != nil {
		return 0, err
	}
	type of struct {
		tier       actions.Tier
		credential string
	}
	last := map[of]journal.Cut{}
	for _, c := range all {
		if c.Ended.IsZero() {
			if err := w.callCut(ctx, c); err != nil {
				return 0, err
			}
			return 0, nil // and look anew
		}
		last[of{c.Tier, c.Credential}] = c
	}
	v, now := w.e.ledger.view(), w.e.ledger.at(w.e.now())
	can := w.c.Capabilities()
	for _, tier := range []actions.Tier{actions.Critical, actions.Protected} {
		o, ok := v.settled.StandingOrder(w.name, tier, now)
		if !ok || o.Cut == nil {
			continue
		}
		within := time.Duration(o.Cut.Within) * time.Second
		since := canonical.At(now.Add(-within))
		if o.Placed.After(since.Time) {
			since = o.Placed
		}
		named, err := w.e.journal.Named(ctx, w.name, tier, since)
		if err != nil {
			return 0, err
		}
		for _, n := range named {
			if n.Count < o.Cut.Breaches || n.Credential == "" && can.Cuts && now.Before(n.Seen.Add(unnamed)) {
				continue
			}
			if c, before := last[of{tier, n.Credential}]; before && (!c.Ended.Before(since.Time) || c.Breach == n.Breach) {
				if c.Breach == n.Breach || c.Outcome != proof.Executed {
					continue // people were told, and are told again after that time
				}
				// Breaches from before the last cut count no more.
				if n.Count, err = w.e.journal.CountBy(ctx, w.name, tier, n.Credential, c.Ended); err != nil {
					return 0, err
				}
				if n.Count < o.Cut.Breaches {
					continue
				}
			}
			if err := w.beginCut(ctx, o, n, can); err != nil {
				return 0, err
			}
			return 0, nil
		}
	}
	return w.e.limits.Tick, nil
}

// beginCut journals the intent to cut a credential off; or, if it cannot be cut off, that
// fact and the reason.
func (w *watcher) beginCut(ctx context.Context, o proof.Order, n journal.Named, can platform.Capabilities) error {
	at := canonical.At(w.e.now())
	c := journal.Cut{Breach: n.Breach, Platform: w.name, Tier: o.Tier, Credential: n.Credential, Order: canonical.DigestOf(o.Order), Intended: at,
		Sight: &proof.Sight{Platform: w.name, Tier: o.Tier, Order: o.Request, Count: n.Count, Seen: n.Seen}}
	told := *c.Sight
	var openings []ledger.Opening
	if n.Credential != "" {
		opening, d, err := w.e.sealed(proof.SealedCredential, n.Credential)
		if err != nil {
			return err
		}
		told.Credential, openings = d, []ledger.Opening{opening}
	}
	kind, why := proof.KindIntent, notCut(n, can)
	if why != nil {
		kind, c.Outcome, c.Ended = proof.KindRefusal, proof.Refused, at
	} else {
		var err error
		if c.Nonce, err = w.e.nonce(); err != nil {
			return err
		}
	}
	r, err := w.e.journal.BeginCut(ctx, c, w.e.ledger.head(), func(sequence int64) proof.SignedExecution {
		x := w.cutExecution(c, kind, sequence, &told)
		x.At = at
		if why != nil {
			x.Outcome, x.Type, x.Text = proof.Refused, fault.TypeOf(why), fault.TextOf(why)
		}
		signed := x.Sign(w.e.key)
		signed.Openings = openings
		return signed
	})
	if err != nil {
		return err
	}
	w.e.outbox.add(r)
	w.e.step(StepIntended)
	if why != nil {
		w.e.raise(r)
	}
	return nil
}

func (w *watcher) cutExecution(c journal.Cut, kind string, sequence int64, s *proof.Sight) proof.Execution {
	return proof.Execution{V: w.e.recordVersion(), Executor: w.e.id, Sequence: sequence, Kind: kind, Duty: proof.DutyCut, Request: c.Breach,
		Warrant: c.Order, Nonce: c.Nonce, Sight: s}
}

// notCut says why a credential is not cut off, and what a person has to do; nil if it can
// be cut off. The executor's own credential never is, since the watch would be blind.
func notCut(n journal.Named, can platform.Capabilities) error {
	switch {
	case strings.HasPrefix(n.Credential, "@"):
		return fault.New(fault.Conflict, "the-owner", "The platform says that the account's owner did it. An owner has no credential that could be cut off. "+
			"Ask the owner, in a way that you know from before; if it was not the owner, have the password changed and all sessions ended.")
	case !can.Cuts:
		return fault.New(fault.Unsupported, "cannot-cut", "The credential that does it cannot be cut off from here. %s", can.Remedy)
	case n.Credential == "":
		return fault.New(fault.Unsupported, "not-named", "The platform does not say whose credential it was, so that none can be cut off. "+
			"Look it up at the platform, and revoke it there.")
	case n.Credential == can.Credential:
		return fault.New(fault.Conflict, "own-credential", "The breaches were made with the executor's own credential. It is not cut off, since the watch would be blind. Somebody else holds it. "+
			"Make a new one at the platform, put it into the executor's platforms.json, restart the executor, and revoke the old one.")
	}
	return nil
}

// callCut makes the call of a cut whose intent is journalled. It may have been made
// before: under the same key the platform does it once.
func (w *watcher) callCut(ctx context.Context, c journal.Cut) error {
	cutter, ok := w.c.(platform.Cutter)
	err := error(fault.New(fault.Unsupported, "cannot-cut", "The credential that does it cannot be cut off from here any more."))
	if ok {
		_, err = cutter.Cut(ctx, hex.EncodeToString(c.Nonce), c.Credential)
	}
	if err != nil && (ctx.Err() != nil || outcomeOfCall(err) == ambiguous) {
		return fault.New(fault.Unavailable, "platform-unclear", "%s did not say whether the credential is cut off.", w.name).Because(err)
	}
	w.e.step(StepCalled)
	c.Ended, c.Outcome = canonical.At(w.e.now()), proof.Executed
	typ, text := "", ""
	if err != nil {
		c.Outcome, typ, text = proof.Failed, fault.TypeOf(err), fmt.Sprintf("%s Revoke the credential at the platform yourself.", fault.TextOf(err))
	}
	r, err := w.e.journal.EndCut(context.WithoutCancel(ctx), c, w.e.ledger.head(), func(sequence int64) proof.SignedExecution {
		x := w.cutExecution(c, proof.KindReceipt, sequence, c.Sight)
		x.At, x.Outcome, x.Type, x.Text = c.Ended, c.Outcome, typ, text
		return x.Sign(w.e.key)
	})
	if err != nil {
		return err
	}
	// If we die here, the receipt is handed over after the restart.
	w.e.outbox.add(r)
	w.e.step(StepEnded)
	return nil
}

// nudgeCuts has breaches counted anew.
func (w *watcher) nudgeCuts() {
	select {
	case w.cutting <- struct{}{}:
	default:
	}
}
