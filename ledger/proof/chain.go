package proof

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Served is a ledger as somebody serves it, or has exported it. Nothing that it returns is
// believed without a check.
type Served struct {
	Fetch ledger.Fetch // tiles and checkpoint
	// Bodies returns entries of the governance chain in order, from a ledger index on: as
	// many as it likes, and none only at the end.
	Bodies func(from int64) ([]ServedBody, error)
	// Tiers are entries of kind tiers, with the openings that are at hand. They record
	// which tiers rules once gave subjects. A warrant's tier is compared with them as far
	// as they go.
	Tiers []ServedBody
	// Taken are the executor's records of changes that it took directly. Each must be in the
	// chain. They are as many as the server likes: only an audit reads all records.
	Taken []ServedBody
}

// Step is one governance entry of a chain that is followed.
type Step struct {
	Index int64
	Leaf  ledger.Leaf
	Body  ledger.Body
	State *State // before the entry; whoever keeps it must clone it
}

// Follow reads a whole served ledger under its log's key, and folds its governance chain
// from the trusted entry 0: it opens each entry, accepts no gap, and checks that the state
// before an entry authorises it. seen are checkpoints that are known from elsewhere; the
// ledger must have grown from each of them. visit, if it is not nil, is called with every
// step before the step is applied. After an error the chain has no state.
func Follow(t Trust, log note.Verifier, served Served, seen []ledger.Checkpoint, visit func(Step) error) (*State, ledger.Signed, error) {
	return follow(t, log, served, seen, visit, nil)
}

// follow is Follow, and calls other, if it is not nil, with each leaf that is not of the
// governance chain.
func follow(t Trust, log note.Verifier, served Served, seen []ledger.Checkpoint, visit func(Step) error, other func(index int64, l ledger.Leaf)) (*State, ledger.Signed, error) {
	leaves := map[int64]ledger.Leaf{}
	reader := ledger.Reader{Fetch: served.Fetch, Log: log, Seen: seen, Leaf: func(index int64, l ledger.Leaf) error {
		if l.Class == ledger.Governance {
			leaves[index] = l
		}
		if other != nil && l.Class != ledger.Governance {
			other(index, l)
		}
		return nil
	}}
	if t.Quorum != nil {
		for _, w := range t.Quorum.Witnesses {
			reader.Witnesses = append(reader.Witnesses, w.Key)
		}
	}
	signed, err := reader.Verify()
	if err != nil {
		return nil, signed, err
	}
	if t.Quorum != nil {
		if err := t.Quorum.Quorum(signed); err != nil {
			return nil, signed, err
		}
	}
	s := NewState(t.Root)
	for from := int64(0); s.Next < int64(len(leaves)); {
		bodies, err := served.Bodies(from)
		if err != nil {
			return nil, signed, fmt.Errorf("read the governance chain from entry %d: %w", from, err)
		}
		if len(bodies) == 0 {
			return nil, signed, broken("The ledger has %d governance entries, but only %d of them were opened: the others are withheld.", len(leaves), s.Next)
		}
		for _, b := range bodies {
			if s.Next == int64(len(leaves)) {
				break // entries newer than the checkpoint that was read
			}
			if b.Index < from {
				return nil, signed, broken("The governance chain was served out of order: entry %d after %d.", b.Index, from-1)
			}
			if err := s.step(leaves, b, visit); err != nil {
				return nil, signed, err
			}
			from = b.Index + 1
		}
	}
	if key, err := ledger.ParseVerifierKey(s.LogKey); err != nil || key.Name() != log.Name() || key.KeyHash() != log.KeyHash() {
		return nil, signed, wrong("foreign-log", "Entry 0 of the ledger %q does not name the key that signs the ledger.", signed.Origin)
	}
	return s, signed, nil
}

// step opens one entry against its leaf and folds it in.
func (s *State) step(leaves map[int64]ledger.Leaf, b ServedBody, visit func(Step) error) error {
	leaf, ok := leaves[b.Index]
	if !ok {
		return broken("Entry %d of the ledger is not of the governance chain.", b.Index)
	}
	body, err := ledger.Verify(leaf, b.Body, b.Salt)
	if err != nil {
		return err
	}
	if visit != nil {
		if err := visit(Step{b.Index, leaf, body, s}); err != nil {
			return err
		}
	}
	return s.Apply(leaf, body)
}

// Later is one change, since a warrant was entered, of something that the warrant rested
// on.
type Later struct {
	At     canonical.Time     `json:"at"`
	Worker workforce.WorkerID `json:"worker"` // empty: it is about no worker
	Text   string             `json:"text"`   // for a person
}

// Chain verifies a warrant as Verify does, and then against the governance chain of a
// served ledger. It checks that the ledger holds the warrant and has grown from the one in
// which it was made; that every governance entry before the warrant is there and was
// authorised; that the warrant's own entries are exactly those that it rests on; and that
// the chain as it was at the warrant's place authorises it. The entries of the signatures are
// dated no earlier than the governance entries ahead of them. Report.Later says what has
// changed since, Report.NotInChain which changes the executor took that the chain does not
// hold, and Report.Revocation up to which entry that is known. It takes a complete warrant too.
func (v *Verifier) Chain(raw []byte, served Served) (Report, error) {
	r, o, err := v.verify(raw, true)
	if err != nil {
		return r, err
	}
	w := r.Warrant
	var data entry.Warrant
	if err := canonical.Unmarshal(w.Ledger.Entry.Data, &data); err != nil {
		return r, err
	}
	var ruled, entered *State // as the ruling saw it, and at the warrant's place
	var chain []dated
	told := map[int64]ledger.Leaf{}
	for _, b := range slices.Concat(served.Tiers, served.Taken) {
		told[b.Index] = ledger.Leaf{}
	}
	founding, err := o.entries[0].effect()
	if err != nil {
		return r, err
	}
	now, signed, err := follow(v.trust, founding.log, served, []ledger.Checkpoint{o.checkpoint}, func(s Step) error {
		if entered == nil && s.Index > w.Ledger.Proof.Index {
			entered = s.State.Clone()
		}
		if s.Body.Number == data.GovernanceNumber {
			ruled = s.State.Clone()
		}
		chain = append(chain, dated{s.Index, s.Body.Time.Time})
		return nil
	}, func(index int64, l ledger.Leaf) {
		if _, ok := told[index]; ok {
			told[index] = l
		}
	})
	if err != nil {
		return r, err
	}
	o.ahead = func(index int64) (at time.Time) {
		for _, e := range chain {
			if e.index < index && e.at.After(at) {
				at = e.at
			}
		}
		return at
	}
	if entered == nil {
		entered = now
	}
	if data.GovernanceNumber == now.Next {
		ruled = now
	}
	if ruled == nil || ruled.Next > entered.Next {
		return r, wrong("bad-evidence", "By its ledger entry the warrant was ruled on by %d governance entries, but only %d came before it.", data.GovernanceNumber, entered.Next)
	}
	// The warrant's entries need not be compared with the chain's own: both stand at their
	// places in the same ledger, which holds one leaf at each place.
	if err := judgeBy(o, ruled, entered); err != nil {
		return r, err
	}
	batches, err := openBatches(served.Tiers, told, w.Ledger.Proof.Index)
	if err != nil {
		return r, err
	}
	if r.Tiers, err = stoodAs(w, batches, now, ruled, entered); err != nil {
		return r, err
	}
	r.Later = later(w, entered, now)
	if r.NotInChain, err = notInChain(served.Taken, told, now); err != nil {
		return r, err
	}
	if r.Authority != "" {
		r.Authority = "checked down to entry 0, by the entries of this file and by the whole chain"
	}
	r.Revocation = fmt.Sprintf("checked as of ledger size %d, governance entry %d", signed.Size, now.Next-1)
	return r, nil
}

// dated is the place and the time of a governance entry.
type dated struct {
	index int64
	at    time.Time
}

// fresh is the least time between the reading of a tier and a ruling that is bound by it:
// the desk reads the subject a moment before it rules, and its clock differs from the
// executor's.
const fresh = time.Minute

// Batch is an entry of kind tiers that the ledger holds, with the openings of it that are
// at hand.
type Batch struct {
	Index    int64 // in the ledger
	Body     ledger.Body
	Openings []ledger.Opening
}

// openBatches opens, against their leaves, those entries that came before an index.
func openBatches(served []ServedBody, told map[int64]ledger.Leaf, before int64) (all []Batch, err error) {
	for _, b := range served {
		if b.Index >= before {
			continue
		}
		body, err := ledger.Verify(told[b.Index], b.Body, b.Salt)
		if err != nil {
			return nil, fmt.Errorf("batch of tiers, entry %d of the ledger: %w", b.Index, err)
		}
		all = append(all, Batch{b.Index, body, b.Sealed})
	}
	return all, nil
}

// notInChain opens, against their leaves, the executor's records of changes that it took
// directly, and returns those that the chain does not hold.
func notInChain(served []ServedBody, told map[int64]ledger.Leaf, now *State) ([]NotInChain, error) {
	var all takenChanges
	for _, b := range served {
		body, err := ledger.Verify(told[b.Index], b.Body, b.Salt)
		if err != nil {
			return nil, fmt.Errorf("the executor's record, entry %d of the ledger: %w", b.Index, err)
		}
		all.record(b.Index, body, now)
	}
	return all.missing(now), nil
}

// stoodAs refuses a burdening warrant that was ruled on by too low a tier: by the entries
// before it, rules had once raised its subject higher, and nobody had lowered it since.
// judgeBy compares with the tiers to which people raised the subject. stoodAs returns a
// text for people that says how far it could compare.
func stoodAs(w Warrant, batches []Batch, now, ruled, entered *State) (string, error) {
	if w.Action.Direction != actions.Burdening || specDesk(w.Action) {
		return "", nil
	}
	name := platform.Subject{Platform: w.Action.Subject.Platform, ID: w.Action.Subject.ID}.String()
	var hidden, seen int64
	for _, b := range batches {
		if b.Index >= w.Ledger.Proof.Index {
			continue
		}
		body := b.Body
		record, err := ParseExecution(body)
		if err != nil {
			return "", err
		}
		if record.VerifyBy(now) != nil {
			continue // no executor that was ever trusted signed it
		}
		heights, closed, err := TiersOf(body, b.Openings)
		if err != nil {
			return "", err
		}
		seen, hidden = seen+1, hidden+closed
		h, ok := heights[name]
		if !ok || !ruled.Stands(name, h) || !entered.Stands(name, h) || body.Time.After(w.Ruling.At.Add(-fresh)) {
			continue
		}
		if h.Tier.Rank() > w.Ruling.Facts.Tier.Rank() {
			return "", wrong("lower-tier", "The warrant was ruled on by the tier %s. But when it was made, %s was %s: a rule had said so on %s (%s), and nobody had lowered it since.",
				w.Ruling.Facts.Tier, name, h.Tier, h.At, h.Rule.Text)
		}
	}
	text := "compared with the tier to which people raised the subject"
	if seen == 0 {
		return text + "; no entries were at hand that say which tiers rules once gave it", nil
	}
	text += fmt.Sprintf(", and with the tiers that rules once gave it, by %d entries", seen)
	if hidden > 0 {
		text += fmt.Sprintf("; in these the names of %d subjects could not be read", hidden)
	}
	return text + "; not with the tier of the account that owns a piece of content, since a warrant does not name that account", nil
}

// By verifies a warrant as Verify does, and then judges it by a governance chain that the
// caller has folded from the same entry 0: by the state that the ruling saw (ruled) and by
// the state at the warrant's place (entered). now is the chain as far as the caller has it,
// and batches are the ledger's entries about tiers. The caller checks that the warrant's
// own entries are those of the chain, and that the ledger holds the batches.
func (v *Verifier) By(raw []byte, ruled, entered, now *State, batches []Batch) (Report, error) {
	r, o, err := v.verify(raw, false)
	if err != nil {
		return r, err
	}
	var data entry.Warrant
	if err := canonical.Unmarshal(r.Warrant.Ledger.Entry.Data, &data); err != nil {
		return r, err
	}
	if ruled == nil || entered == nil || ruled.Next != data.GovernanceNumber || ruled.Next > entered.Next {
		return r, wrong("bad-evidence", "By its ledger entry the warrant was ruled on by %d governance entries, but the chain had another number.", data.GovernanceNumber)
	}
	if err := judgeBy(o, ruled, entered); err != nil {
		return r, err
	}
	r.Tiers, err = stoodAs(r.Warrant, batches, now, ruled, entered)
	return r, err
}

// judgeBy judges a warrant twice: by the chain as the ruling saw it, where the warrant must
// carry every entry that it rests on, and by the chain as it was when the warrant was
// entered.
func judgeBy(o opened, ruled, entered *State) error {
	w := o.warrant
	people, keys := w.Core().Signers()
	have := make([]int64, len(o.entries))
	for i, e := range o.entries {
		have[i] = e.body.Number
	}
	if want := ruled.Evidence(people, keys, w.Ruling.At.Time); !slices.Equal(want, have) {
		return wrong("bad-evidence", "The warrant leaves out governance entries that it rests on: it has %v, the chain has %v.", have, want)
	}
	if err := checkRuling(o, ruled); err != nil {
		return err
	}
	a, err := o.ask()
	if err != nil {
		return err
	}
	if entered.Time.After(a.At) {
		a.At = entered.Time.Time
	}
	j, err := entered.Judge(a)
	if err != nil {
		return fmt.Errorf("by the chain as it was when the warrant was entered: %w", err)
	}
	if !j.Ready {
		return wrong("held", "By the chain as it was when the warrant was entered, the countersignatures do not suffice: %s.", j.Missing)
	}
	if raised := entered.Raised[w.Action.Subject.String()]; raised != "" && raised.Rank() > w.Ruling.Facts.Tier.Rank() {
		return wrong("bad-ruling", "The subject had been raised to %s, but the warrant was ruled on by the tier %s.", raised, w.Ruling.Facts.Tier)
	}
	return nil
}

// later returns the changes, between two states of the chain, of things that a warrant
// rests on.
func later(w Warrant, then, now *State) []Later {
	var all []Later
	add := func(at canonical.Time, worker workforce.WorkerID, format string, args ...any) {
		all = append(all, Later{at, worker, fmt.Sprintf(format, args...)})
	}
	people, keys := w.Core().Signers()
	for i, id := range keys {
		k, _ := now.People.Key(id)
		if at := now.Moved(k); !at.IsZero() && k.Revoked.Equal(at.Time) {
			add(k.Revoked, k.Worker, "The passkey %s of %s went out of use on %s, when the desk named another site for passkeys.", id, k.Worker, k.Revoked)
		} else if !k.Revoked.IsZero() {
			add(k.Revoked, k.Worker, "The key %s of %s was revoked on %s.", id, k.Worker, k.Revoked)
		}
		if i == len(people) {
			break // the requester's other key, under the decision
		}
		p := people[i]
		was, _ := then.People.Worker(p)
		is, _ := now.People.Worker(p)
		if end := is.End(); !end.IsZero() && !now.Time.Before(end.Time) {
			add(end, p, "The engagement of %s ended on %s.", p, end)
		}
		if was.Vendor != is.Vendor || was.Manager != is.Manager || !slices.Equal(was.Roles, is.Roles) {
			add(canonical.Time{}, p, "The vendor, manager or roles of %s have changed.", p)
		}
	}
	for _, x := range w.Sessions {
		if before, void := now.Voided(x.Session); void {
			add(before, x.Session.Worker, "The session of %s that began at %s was ended: sessions that were certified before %s are void.", x.Session.Worker, x.Session.NotBefore, before)
		}
	}
	if then.Policy.Digest() != now.Policy.Digest() {
		add(canonical.Time{}, "", "The policy is now %s.", now.Policy.Digest())
	}
	subject := w.Action.Subject.String()
	if now.Raised[subject] != then.Raised[subject] {
		add(canonical.Time{}, "", "The subject's tier was changed by people.")
	}
	return all
}
