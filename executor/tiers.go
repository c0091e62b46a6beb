package executor

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

// heights knows the highest tier to which rules ever raised each subject, by facts that
// we read on any path. All of them are in the journal, and all are entered in the ledger.
type heights struct {
	mu      sync.Mutex
	of      map[string]journal.Height // by subject, "plaza:acct/17"
	pending map[string]bool           // subjects whose height no record tells yet
}

func newHeights(all []journal.Height) *heights {
	h := &heights{of: make(map[string]journal.Height, len(all)), pending: map[string]bool{}}
	for _, k := range all {
		h.put(k)
	}
	return h
}

// put adds a journalled height, unless a higher one that stands is known. It is called
// with the lock held, or before anything else uses the heights.
func (h *heights) put(k journal.Height) {
	name := k.Subject.String()
	if have, ok := h.of[name]; ok && !have.FellBy(k.Falls) && (have.Tier.Rank() >= k.Tier.Rank() || k.FellBy(k.Falls)) {
		return
	}
	h.of[name] = k
	delete(h.pending, name)
	if k.Sequence < 0 {
		h.pending[name] = true
	}
}

// find implements proof.Heights.
func (h *heights) find(subject string) (proof.Height, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := h.of[subject]
	return k.Height, ok
}

// tierOf returns the tier of a subject as it was read, by a state of the chain and by all
// tiers to which rules raised it before.
func (e *Executor) tierOf(s *proof.State, c platform.Connector, r reading) (actions.Tier, []policy.Reason) {
	return s.TierOf(r.subject, r.sort, r.state, c.Capabilities().Facts, r.owner, e.heights.find)
}

// remember journals the tiers to which rules raise subjects that were read, where a
// tier is higher than the one that stands. It is called after each reading, before
// anybody judges by the subject's tier.
//
// If we die before it is journalled, nobody has judged by it.
func (e *Executor) remember(ctx context.Context, s *proof.State, rs ...reading) error {
	var fresh []journal.Height
	for _, r := range rs {
		fresh = e.higher(fresh, s, r.subject, r.sort, r.state)
		if id, ok := r.state.Facts[platform.FactOwner].(string); ok && r.owner != nil {
			fresh = e.higher(fresh, s, platform.Subject{Platform: r.subject.Platform, ID: id}, platform.Account, *r.owner)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := e.journal.Remember(ctx, fresh...); err != nil {
		return err
	}
	e.heights.mu.Lock()
	defer e.heights.mu.Unlock()
	for _, k := range fresh {
		e.heights.put(k)
	}
	return nil
}

// higher appends the tier to which rules raise one subject, if that is higher than the
// one that stands.
func (e *Executor) higher(fresh []journal.Height, s *proof.State, subject platform.Subject, sort platform.Sort, st platform.State) []journal.Height {
	tier, why := s.Policy.Ruled(subject.Platform, sort, st)
	name := subject.String()
	if have, ok := e.heights.find(name); tier == actions.Standard || ok && s.Stands(name, have) && have.Tier.Rank() >= tier.Rank() {
		return fresh
	}
	k := journal.Height{Subject: platform.Subject{Platform: subject.Platform, ID: subject.ID}, Sequence: -1, Falls: s.Fallen[name],
		Height: proof.Height{Tier: tier, Rule: proof.Reason{Policy: why.Policy, Text: why.Text}, At: canonical.At(e.now()), Chain: s.Next}}
	return append(fresh, k)
}

// heightsOf returns the heights that stand for a subject and for the account that owns
// it; nil if there are none.
func (e *Executor) heightsOf(s *proof.State, r reading) map[string]proof.Height {
	var all map[string]proof.Height
	names := []string{platform.Subject{Platform: r.subject.Platform, ID: r.subject.ID}.String()}
	if id, ok := r.state.Facts[platform.FactOwner].(string); ok {
		names = append(names, platform.Subject{Platform: r.subject.Platform, ID: id}.String())
	}
	for _, name := range names {
		if h, ok := e.heights.find(name); ok && s.Stands(name, h) {
			if all == nil {
				all = map[string]proof.Height{}
			}
			all[name] = h
		}
	}
	return all
}

// tellTiers enters in the ledger which subjects rules have raised, in batches.
func (e *Executor) tellTiers(ctx context.Context) error {
	before, waited := 0, 0
	for sleep(ctx, e.limits.Tick) == nil {
		// A sweep raises many subjects one after another: a batch that is not full waits for
		// the rest of them, but not for long.
		all, pending := e.batches()
		if full := len(all) > 0 && len(all[0]) == proof.MaxTiers; pending == 0 || pending > before && !full && waited < ticksTogether {
			before, waited = pending, waited+1
			continue
		}
		before, waited = 0, 0
		for _, batch := range all {
			if err := e.tellBatch(ctx, batch); err != nil {
				return ended(ctx, err)
			}
		}
	}
	return nil
}

// ticksTogether is the number of ticks for which subjects wait for others, to be recorded
// together.
const ticksTogether = 10

// batches returns the heights that no record tells yet. Each batch has one platform,
// tier, rule and length of the chain, and a limited size. n is the number of heights.
func (e *Executor) batches() (all [][]journal.Height, n int) {
	e.heights.mu.Lock()
	var pending []journal.Height
	for name := range e.heights.pending {
		pending = append(pending, e.heights.of[name])
	}
	e.heights.mu.Unlock()
	n = len(pending)
	alike := func(a, b journal.Height) int {
		return cmp.Or(cmp.Compare(a.Subject.Platform, b.Subject.Platform), cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Rule.Policy, b.Rule.Policy),
			cmp.Compare(a.Rule.Text, b.Rule.Text), cmp.Compare(a.Chain, b.Chain))
	}
	slices.SortFunc(pending, func(a, b journal.Height) int { return cmp.Or(alike(a, b), cmp.Compare(a.Subject.ID, b.Subject.ID)) })
	for len(pending) > 0 {
		k := 1
		for k < len(pending) && k < proof.MaxTiers && alike(pending[0], pending[k]) == 0 {
			k++
		}
		all, pending = append(all, pending[:k]), pending[k:]
	}
	return all, n
}

// tellBatch journals a record of one batch and hands it over.
func (e *Executor) tellBatch(ctx context.Context, batch []journal.Height) error {
	first := batch[0]
	openings, subjects := make([]ledger.Opening, len(batch)), make([]canonical.Digest, len(batch))
	for i, k := range batch {
		var err error
		if openings[i], subjects[i], err = e.sealed(proof.SealedNth(i), k.Subject.String()); err != nil {
			return err
		}
	}
	sight := &proof.Sight{Platform: first.Subject.Platform, Tier: first.Tier, Seen: first.At, Why: first.Rule.Policy, Count: int64(len(batch)),
		Root: proof.TiersRoot(first.Tier, subjects), Chain: first.Chain}
	for _, k := range batch {
		if k.At.Before(sight.Seen.Time) {
			sight.Seen = k.At
		}
	}
	request := e.newID(proof.BreachPrefix)
	r, err := e.journal.Tell(ctx, request, e.ledger.head(), e.signWatch(request, proof.KindTiers, sight, "", first.Rule.Text, openings), journal.Heightened(batch))
	if err != nil {
		return err
	}
	e.outbox.add(r)
	e.heights.mu.Lock()
	defer e.heights.mu.Unlock()
	for _, k := range batch {
		name := k.Subject.String()
		if have := e.heights.of[name]; have.Tier == k.Tier && have.Chain == k.Chain {
			have.Sequence = r.Execution.Sequence
			e.heights.of[name] = have
			delete(e.heights.pending, name)
		}
	}
	return nil
}

// adopt journals the heights of a batch of tiers that the journal lacks.
func (e *Executor) adopt(ctx context.Context, s *proof.State, found map[string]proof.Height, x proof.Execution) error {
	var fresh []journal.Height
	for name, h := range found {
		subject, err := platform.ParseSubject(name)
		if err != nil || subject.ID == "" || subject.Platform != x.Sight.Platform {
			return fault.New(fault.Conflict, "bad-record", "A batch of tiers for %s names something that is no subject of that platform.", x.Sight.Platform)
		}
		fresh = append(fresh, journal.Height{Height: h, Subject: subject, Sequence: x.Sequence, Falls: s.Fallen[name]})
	}
	if err := e.journal.Remember(ctx, fresh...); err != nil {
		return err
	}
	e.heights.mu.Lock()
	defer e.heights.mu.Unlock()
	for _, k := range fresh {
		e.heights.put(k)
	}
	return nil
}
