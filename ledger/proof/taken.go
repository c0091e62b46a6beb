package proof

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/workforce"
)

// Spent reports whether a request has been applied to the chain.
func (s *State) Spent(request string) bool {
	_, ok := s.spent[request]
	return ok
}

// applied says how a request was applied.
type applied struct {
	entry int64            // number of the governance entry
	of    canonical.Digest // of the request's statement
	idle  bool             // without effect
}

func (s *State) spends(a Authority, entry int64, idle bool) {
	s.spent[a.Request.Statement.Request] = applied{entry, canonical.DigestOf(a.Request.Statement), idle}
}

// openedKey names what a freeze or the end of an engagement shuts.
func openedKey(ch actions.Change) string {
	switch c := ch.(type) {
	case actions.Freeze:
		return "freeze " + c.Key()
	case actions.Engagement:
		return "worker " + string(c.Worker)
	}
	return ""
}

// Releases reports whether the chain does without a change that the executor took directly at
// an instant: what the chain holds is in force in its place, or the change is over. The
// executor judged it by what it knew. The chain may have it without effect, since others
// came before it, with dates of the desk's. Then a void stays for as long as something can be
// valid that a session of its scope signed, and a freeze or an end until a later entry of the
// chain thaws or engages.
func (s *State) Releases(a Authority, taken canonical.Time, now time.Time) bool {
	x, ok := s.spent[a.Request.Statement.Request]
	switch {
	case !ok:
		return false
	case !x.idle && x.of == canonical.DigestOf(a.Request.Statement):
		return true
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return false
	}
	switch c := ch.(type) {
	case actions.Freeze:
		_, on := s.Freezes[c.Key()]
		return on || s.opened[openedKey(c)] > x.entry
	case actions.Engagement:
		w, _ := s.People.Worker(c.Worker)
		return !w.Ended.IsZero() || s.opened[openedKey(c)] > x.entry
	case actions.Keys:
		if c.Void != nil {
			return now.After(taken.Add(actions.SessionLife + LongestLife + sessionAhead))
		}
		return !slices.ContainsFunc(c.Revoke, func(id workforce.KeyID) bool {
			k, _ := s.People.Key(id)
			return k.Revoked.IsZero()
		})
	}
	return false
}

// takeable reports whether the executor takes a change straight from those who signed it: a
// freeze, an end or a revocation.
func takeable(ch actions.Change) bool {
	switch ch.(type) {
	case actions.Freeze, actions.Engagement, actions.Keys:
		return ch.Direction() == actions.Relieving
	}
	return false
}

// Join applies an authorised relieving change that the ledger does not hold yet: the
// executor takes freezes, ends and revocations straight from those who signed them. The
// state must be the caller's own. The error says why the change is not authorised.
func (s *State) Join(a Authority, at canonical.Time) error {
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return err
	}
	if !takeable(ch) {
		return notTakeable
	}
	if err := s.Authorise(a, at.Time); err != nil {
		return fmt.Errorf("taken directly: %w", err)
	}
	s.apply(a, ch, at)
	return nil
}

// Rejoin applies to another state a change that Join has applied before, and that the state
// does not release. It does not check it again: it was authorised then. The change counts
// towards its signer's limit as it did.
func (s *State) Rejoin(a Authority, at canonical.Time) error {
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return err
	}
	if s.known(ch) {
		s.apply(a, ch, at)
	}
	return nil
}

func (s *State) apply(a Authority, ch actions.Change, at canonical.Time) {
	b := ledger.Body{Number: s.Next, Time: at}
	if c, ok := ch.(actions.Keys); ok && c.Void != nil {
		b.Number = unentered
	}
	if x, ok := s.spent[a.Request.Statement.Request]; ok {
		b.Number = x.entry // it is there without effect: whoever names that entry knows of it
	}
	s.spends(a, b.Number, false)
	s.enact(b, a, ch, nil, at.Time)
}

// known reports whether a state has the workers and keys that a change is about, as effect
// presumes. A state from before their admission has not.
func (s *State) known(ch actions.Change) bool {
	ok := true
	switch c := ch.(type) {
	case actions.Engagement:
		_, ok = s.People.Worker(c.Worker)
	case actions.Keys:
		for _, k := range c.Revoke {
			_, there := s.People.Key(k)
			ok = ok && there
		}
	}
	return ok
}

// taking checks whether the record of a change that the executor took directly may be
// entered in the chain, under KindTaken. The error without is the reason why the entry
// would have no effect there; see taken.
func (s *State) taking(e SignedExecution) (without, err error) {
	if err := e.Verify(s.Trust); err != nil {
		return nil, err
	}
	if err := e.Execution.Check(); err != nil {
		return nil, err
	}
	if e.Execution.Kind != KindTaken {
		return nil, broken("The entry is of a change that was taken directly, but holds a record of kind %s.", e.Execution.Kind)
	}
	a := *e.Execution.Taken
	if request := a.Request.Statement.Request; s.Spent(request) {
		return nil, refuse("spent", "The request %s was applied already.", request)
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return nil, err
	}
	if !takeable(ch) {
		return nil, notTakeable
	}
	// The executor may have taken it before the desk changed its formats, by a clock that is
	// ahead of the desk's.
	before := s.Renewed() >= 0 && !e.Execution.At.After(s.renewed.at.Add(sessionAhead))
	return s.authoriseIn(a, e.Execution.At.Time, before), nil
}

// taken applies a change that its signer handed straight to the executor. It is in force
// from the instant at which the executor took it, and is judged as of that instant, since
// its signature may have expired on the way. A change that cannot be applied is spent
// without effect: the same was done through the desk, or too few people would remain after
// other changes there. The executor, which judged it by what it knew, does not let go of such
// a change at once; see Releases.
func (s *State) taken(b ledger.Body) error {
	var e SignedExecution
	if err := canonical.UnmarshalExact(b.Data, &e); err != nil {
		return err
	}
	without, err := s.taking(e)
	if err != nil {
		return err
	}
	a, at := *e.Execution.Taken, e.Execution.At
	s.spends(a, b.Number, without != nil)
	if without != nil {
		return nil
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return err
	}
	if at.After(b.Time.Time) {
		at = b.Time // the executor's clock is ahead of the desk's
	}
	s.enact(ledger.Body{Number: b.Number, Time: at}, a, ch, nil, b.Time.Time)
	return nil
}

var notTakeable = refuse("not-relieving", "Only a freeze, the end of an engagement and the revocation of a key are taken without the ledger.")

// NotInChain is a change that the executor took directly, as its record in the ledger says, and
// that the governance chain does not hold. The desk enters such a change a moment after the
// record, if it is honest and its jobs run.
type NotInChain struct {
	Index   int64              `json:"index"` // of the executor's record in the ledger
	At      canonical.Time     `json:"at"`
	Kind    actions.Kind       `json:"kind"`
	Request string             `json:"request"`
	Worker  workforce.WorkerID `json:"worker"` // who signed it
	record  SignedExecution
}

// Text says it for a person.
func (n NotInChain) Text() string {
	return fmt.Sprintf("The executor took %s (%s) from %s at %s. It is not in the chain yet: entries after it are not judged by it.", n.Kind, n.Request, n.Worker, n.At)
}

// takenChanges are the changes that the executor took directly, by request, as somebody reads
// a ledger in its order.
type takenChanges map[string]NotInChain

// record notes an entry of the class execution, by the state of the chain at its place.
func (t *takenChanges) record(index int64, body ledger.Body, s *State) {
	if body.Kind != KindTaken {
		return
	}
	e, err := ParseExecution(body)
	if err != nil || e.Execution.Taken == nil || e.VerifyBy(s) != nil {
		return // nobody enters this but a desk that lies, and the executor took nothing
	}
	action, st := e.Execution.Taken.Action, e.Execution.Taken.Request.Statement
	if ch, err := actions.ParseChange(action.Kind, action.Change); err != nil || !takeable(ch) {
		return // the chain never takes such a change
	}
	if _, known := (*t)[st.Request]; known {
		return
	}
	if *t == nil {
		*t = takenChanges{}
	}
	(*t)[st.Request] = NotInChain{index, e.Execution.At, action.Kind, st.Request, st.Signer, e}
}

// refused notes the desk's entry that the chain refuses a change: it is forgotten if the chain
// does.
func (t takenChanges) refused(body ledger.Body, s *State) {
	var r entry.TakenRefused
	if err := canonical.UnmarshalExact(body.Data, &r); err != nil {
		return
	}
	if n, is := t[r.Request]; is {
		if _, err := s.taking(n.record); err != nil {
			delete(t, r.Request)
		}
	}
}

// missing returns those that a state of the chain has not applied, in the ledger's order.
func (t takenChanges) missing(s *State) (all []NotInChain) {
	for request, n := range t {
		if x, is := s.spent[request]; !is || x.of != canonical.DigestOf(n.record.Execution.Taken.Request.Statement) {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b NotInChain) int { return cmp.Compare(a.Index, b.Index) })
	return all
}
