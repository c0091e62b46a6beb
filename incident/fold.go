package incident

import (
	"cmp"
	"maps"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// held is the knowledge in a bundle's entries, each checked by itself: the chain is
// folded, and every signature is by a key that the chain knew at that place. It does not
// say that the ledger holds the entries.
type held struct {
	entries []Entry
	leaves  []ledger.Leaf
	told    []Moment // one for each entry that is about the incident, in their order
	state   *proof.State
	kept    map[int64]*proof.State // states from before wanted governance entries, by number

	sessions []actions.Session // under which people signed what the entries hold, each once
	voids    map[int64]bool    // the governance entries that ended one of them

	requests map[string]*claim
	breaches map[string]*breach
	orders   map[string]proof.Order // all orders that were ever placed, by request
	acts     []proof.Execution      // records of acts that changed something on the platform
	records  int
	opened   map[int64]map[string]canonical.Raw // personal fields by entry
	openings map[int64]map[string]ledger.Opening
}

// breach is the executor's record of a breach.
type breach struct {
	proof.Execution
	policy canonical.Digest // in force at its place
}

// claim is the ledger's knowledge about one request.
type claim struct {
	asked   *signed
	signers map[workforce.WorkerID]*signed
	record  *entry.Warrant // of its warrant
	entry   int64          // of the warrant
	entered *proof.State   // the chain at the warrant's place; only if wanted
	tier    actions.Tier
	verb    platform.Verb
	layer   *platform.Layer  // that its warrant names; nil if the bundle does not hold it
	policy  canonical.Digest // in force when it was asked
	tiers   string           // how far the tier of its warrant was compared; empty if it has no warrant, or relieves
}

// signed is a statement with its signer, as the chain knew them then.
type signed struct {
	entry.Said
	at     canonical.Time // of its entry
	worker workforce.Worker
}

// fold opens entries, sorted by index, and folds the governance chain among them from the
// entry 0 that root names. It checks each other entry against the chain as it was at the
// entry's place. For wanted requests it keeps the states by which their warrants are
// judged.
func fold(entries []Opened, root canonical.Digest, wanted map[string]bool) (*held, error) {
	h := &held{state: proof.NewState(root), kept: map[int64]*proof.State{}, voids: map[int64]bool{}, requests: map[string]*claim{}, breaches: map[string]*breach{}, orders: map[string]proof.Order{},
		opened: map[int64]map[string]canonical.Raw{}, openings: map[int64]map[string]ledger.Opening{}}
	last := int64(-1)
	next := map[ledger.Class]int64{}
	for _, o := range entries {
		if o.Index <= last {
			return nil, bad("bad-bundle", "The entries of the bundle are not sorted, each once: entry %d came after %d.", o.Index, last)
		}
		last = o.Index
		leaf, body, err := leafOf(o)
		if err != nil {
			return nil, err
		}
		if body.Number < next[body.Class] {
			return nil, bad("bad-bundle", "Entry %d is %s %d, which does not come after %s %d.", o.Index, body.Class, body.Number, body.Class, next[body.Class]-1)
		}
		next[body.Class] = body.Number + 1
		e := Entry{o.Index, body}
		if n := len(h.entries); n > 0 && body.Time.Before(h.entries[n-1].Body.Time.Time) {
			return nil, bad("bad-bundle", "Entry %d is dated before an entry that it comes after.", o.Index)
		}
		h.entries, h.leaves = append(h.entries, e), append(h.leaves, leaf)
		if body.Class == ledger.Desk && body.Kind == entry.KindWarrant {
			var r entry.Warrant
			if err := e.read(&r); err != nil {
				return nil, err
			}
			if wanted[r.Request] {
				h.kept[r.GovernanceNumber] = nil // the state that the ruling saw, to be kept on the way
			}
		}
	}
	for i, e := range h.entries {
		if err := h.add(e, h.leaves[i], wanted); err != nil {
			return nil, at(e.Index, err)
		}
	}
	if !h.state.Founded() || !h.state.Settled() {
		return nil, bad("broken-chain", "The bundle does not hold the governance chain: entry 0 or the rows of an admission are missing.")
	}
	var err error
	h.told, err = Tell(slices.DeleteFunc(slices.Clone(h.entries), Entry.tiers))
	return h, err
}

func (h *held) add(e Entry, leaf ledger.Leaf, wanted map[string]bool) error {
	switch e.Body.Class {
	case ledger.Governance:
		if s, ok := h.kept[h.state.Next]; ok && s == nil {
			h.kept[h.state.Next] = h.state.Clone()
		}
		if err := h.state.Apply(leaf, e.Body); err != nil {
			return err
		}
		for _, o := range h.state.Orders {
			h.orders[o.Request] = o
		}
		return h.addVoid(e)
	case ledger.Execution:
		return h.addExecution(e)
	}
	return h.addDesk(e, wanted)
}

// addVoid notes an entry of the chain that ends a session under which somebody has signed.
func (h *held) addVoid(e Entry) error {
	v, err := e.Ends()
	if v == nil || err != nil {
		return err
	}
	for _, c := range h.sessions {
		if h.state.EndedBy(c, e.Body.Number) { // what the executor took directly may have no effect in the chain
			h.voids[e.Index] = true
		}
	}
	return nil
}

// addExecution checks a record of the executor's by the key that the chain names
// at its place.
func (h *held) addExecution(e Entry) error {
	x, err := proof.ParseExecution(e.Body)
	if err != nil {
		return err
	}
	if err := x.Verify(h.state.Trust); err != nil {
		return err
	}
	if err := x.Execution.Check(); err != nil {
		return err
	}
	h.records++
	if x.Execution.Kind == proof.KindReceipt && x.Execution.Outcome == proof.Executed {
		h.acts = append(h.acts, x.Execution)
	}
	if x.Execution.Kind == proof.KindBreach {
		if h.breaches[x.Execution.Request] != nil {
			return bad("bad-bundle", "The breach %s is recorded twice.", x.Execution.Request)
		}
		h.breaches[x.Execution.Request] = &breach{x.Execution, h.state.Policy.Digest()}
	}
	return nil
}

func (h *held) claim(request string) *claim {
	c := h.requests[request]
	if c == nil {
		c = &claim{signers: map[workforce.WorkerID]*signed{}}
		h.requests[request] = c
	}
	return c
}

func (h *held) addDesk(e Entry, wanted map[string]bool) error {
	if e.Body.Kind == entry.KindSession {
		var x actions.SignedSession
		if err := e.read(&x); err != nil {
			return err
		}
		return h.state.Certified(x, e.Body.Time.Time)
	}
	st, err := e.Said()
	if err != nil {
		return err
	}
	if st != nil {
		return h.addStatement(e, *st)
	}
	if e.Body.Kind != entry.KindWarrant {
		return nil
	}
	var r entry.Warrant
	if err := e.read(&r); err != nil {
		return err
	}
	c := h.claim(r.Request)
	if c.record != nil {
		return bad("bad-bundle", "The request %s has two warrants.", r.Request)
	}
	c.record, c.entry = &r, e.Index
	if wanted[r.Request] {
		if h.kept[h.state.Next] == nil {
			h.kept[h.state.Next] = h.state.Clone()
		}
		c.entered = h.kept[h.state.Next]
	}
	return nil
}

// takeStatement checks a person's statement: it is for this desk, by a key of the person
// that was live, and signed with it. Whether it counted is checked with its warrant.
func (h *held) addStatement(e Entry, s entry.Said) error {
	st, state := s.Statement, h.state
	key, ok := state.People.Key(st.Key)
	switch {
	case !state.Ours(st):
		return bad("bad-statement", "The statement of %s is for another ledger.", st.Signer)
	case !ok || key.Worker != st.Signer:
		return bad("unknown-key", "The key %s is not one that the governance chain knows for %s.", st.Key, st.Signer)
	case !key.Live(e.Body.Time.Time):
		return bad("revoked-key", "The key %s of %s was revoked, or not enrolled yet.", st.Key, st.Signer)
	}
	if err := state.SignedBy(s, e.Body.Time.Time); err != nil {
		return err
	}
	if x := s.Session(); x != nil && !slices.ContainsFunc(h.sessions, func(c actions.Session) bool { return c.Digest() == st.Session }) {
		h.sessions = append(h.sessions, *x)
	}
	if st.Request == "" {
		return nil // a deed names no request
	}
	c := h.claim(st.Request)
	who, _ := state.People.Worker(st.Signer)
	by := &signed{s, e.Body.Time, who}
	switch st.Verdict {
	case actions.VerdictCountersign:
		c.signers[st.Signer] = by
	case actions.VerdictDecline, actions.VerdictWithdraw:
	default:
		if c.asked != nil {
			return bad("bad-bundle", "The request %s was made twice.", st.Request)
		}
		var r entry.Request
		if err := e.read(&r); err != nil {
			return err
		}
		c.asked, c.tier, c.verb, c.policy = by, r.Act.Tier, r.Act.Verb, state.Policy.Digest()
	}
	return nil
}

// ruled returns the chain as the ruling of a wanted warrant saw it; nil if the
// bundle's chain is not that long.
func (h *held) ruled(number int64) *proof.State {
	if number == h.state.Next {
		return h.state
	}
	return h.kept[number]
}

// open checks openings against the commitments in their entries.
func (h *held) open(openings []FieldOf) error {
	for i, o := range openings {
		if i > 0 && byPlace(openings[i-1], o) >= 0 {
			return bad("bad-bundle", "The openings of the bundle are not sorted, each once.")
		}
		e, ok := h.entry(o.Index)
		if !ok || !e.Body.Opens(o.Opening) {
			return bad("bad-opening", "The field %q of entry %d does not open what the ledger commits to.", o.Opening.Name, o.Index)
		}
		if h.opened[o.Index] == nil {
			h.opened[o.Index], h.openings[o.Index] = map[string]canonical.Raw{}, map[string]ledger.Opening{}
		}
		h.openings[o.Index][o.Opening.Name] = o.Opening
		h.opened[o.Index][o.Opening.Name] = o.Opening.Value
	}
	return nil
}

// entry returns an entry by its index.
func (h *held) entry(index int64) (Entry, bool) {
	i, ok := h.find(index)
	if !ok {
		return Entry{}, false
	}
	return h.entries[i], true
}

func (h *held) find(index int64) (int, bool) {
	return slices.BinarySearchFunc(h.entries, index, func(e Entry, i int64) int { return cmp.Compare(e.Index, i) })
}

// text returns an opened personal field, "" if it is not opened.
func (h *held) text(index int64, name string) string {
	var s string
	if err := canonical.Unmarshal(h.opened[index][name], &s); err != nil {
		return ""
	}
	return s
}

// unsupported is the refusal of a report that its entries contradict.
func unsupported(format string, args ...any) *fault.Error {
	return bad("report-unsupported", format, args...)
}

// retell returns the report's timeline with the lines from the ledger written anew: all
// lines of the desk's entries and the executor's records, and those of the governance
// chain that the report mentions or that ended a session under which somebody had signed.
// The other lines stay unchanged.
func (h *held) retell(r Report) ([]Moment, error) {
	lines := []Moment{}
	mentioned := map[int64]bool{}
	for _, m := range r.Timeline {
		if m.Source != FromLedger {
			m.Entry = -1
			lines = append(lines, m)
			continue
		}
		if _, ok := h.find(m.Entry); !ok {
			return nil, unsupported("The report tells of entry %d of the ledger, which was not gathered.", m.Entry)
		}
		mentioned[m.Entry] = true
	}
	for _, m := range h.told {
		if e, _ := h.entry(m.Entry); e.Body.Class != ledger.Governance || mentioned[m.Entry] || h.voids[m.Entry] {
			lines = append(lines, m)
		}
	}
	slices.SortStableFunc(lines, byTime)
	return lines, nil
}

// timeline checks that each line which claims the ledger is what an entry tells and comes
// once, that no line about the incident is left out, and that the lines are in the order
// of their times.
func (h *held) timeline(lines []Moment) error {
	told := map[int64]Moment{}
	for _, m := range h.told {
		told[m.Entry] = m
	}
	for i, m := range lines {
		if i > 0 && m.At.Before(lines[i-1].At.Time) {
			return unsupported("The timeline is out of order at %s.", m.At)
		}
		if m.Source != FromLedger {
			if m.Entry != -1 {
				return unsupported("The line at %s names entry %d of the ledger and does not claim to be known from it.", m.At, m.Entry)
			}
			continue
		}
		want, ok := told[m.Entry]
		switch {
		case !ok:
			return unsupported("The line at %s rests on entry %d of the ledger, which the bundle does not hold, or is told twice.", m.At, m.Entry)
		case !same(m, want):
			return unsupported("The line at %s says %q; entry %d of the ledger says, at %s, %q.", m.At, m.Text, m.Entry, want.At, want.Text)
		}
		delete(told, m.Entry)
	}
	for _, index := range slices.Sorted(maps.Keys(told)) {
		if e, _ := h.entry(index); e.Body.Class != ledger.Governance || h.voids[index] {
			return unsupported("The timeline leaves out what entry %d of the ledger tells: %s", index, told[index].Text)
		}
	}
	return nil
}

// same compares a line of a report with what is told today. Times are compared as instants,
// and sentences of earlier programs count as what is said in their place.
func same(a, b Moment) bool {
	equal := a.At.Equal(b.At.Time)
	a.At, a.Text = b.At, wording.Reworded(a.Text)
	return equal && a == b
}
