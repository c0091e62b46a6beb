package proof

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Order is a standing order that was placed.
type Order struct {
	actions.Order
	Request string         // the request whose signatures placed it
	Placed  canonical.Time // when it came into force
	Number  int64          // of its governance entry
}

// Frozen is a freeze in force.
type Frozen struct {
	actions.Freeze
	By      workforce.WorkerID
	At      canonical.Time
	Request string
	Alone   bool // By froze it alone: nobody countersigned
}

// Reviewed is a review that was closed.
type Reviewed struct {
	actions.Review
	By      workforce.WorkerID
	At      canonical.Time
	Request string
}

// Spared reports whether a standing order on a platform, also after its end, names a mark
// as one that it never lifts. What the executor must not lift, one person must not lift
// alone either.
func (s *State) Spared(on string, m platform.Mark) bool {
	for _, t := range []actions.Tier{actions.Protected, actions.Critical} {
		if o, ok := s.Orders[actions.PlaceKey(on, t)]; ok && o.Spares(m) {
			return true
		}
	}
	return false
}

// StandingOrder returns the standing order in force for a tier of a platform at
// an instant; ok is false if there is none.
func (s *State) StandingOrder(platform string, t actions.Tier, at time.Time) (o Order, ok bool) {
	o, ok = s.Orders[actions.PlaceKey(platform, t)]
	return o, ok && !at.Before(o.Placed.Time) && at.Before(o.Until.Time)
}

// Observes reports whether a tier of a platform is only observed.
func (s *State) Observes(platform string, t actions.Tier) bool {
	return s.Observed[actions.PlaceKey(platform, t)]
}

// Observing is the refusal of an act on a tier of a platform that is only observed.
func Observing(platform string, t actions.Tier) error {
	return refuse("observing", "%s subjects of %s are only observed: nothing is done there. `countersign mode set %[2]s %[1]s enforce --reason WHY` switches that, countersigned by officers.", t, platform)
}

// Spent reports whether a request has been applied to the chain.
func (s *State) Spent(request string) bool { return s.spent[request] }

// frozen returns the refusal if a freeze stops burdening acts: a freeze of everything, of
// the platform, of the worker, or of the worker's vendor; nil if none does. An empty worker
// or an empty platform is not checked.
func (s *State) frozen(w workforce.WorkerID, st workforce.Standing, platform string) error {
	for _, c := range []struct {
		ask bool
		key actions.Freeze
	}{
		{true, actions.Freeze{Scope: actions.ScopeAll}},
		{platform != "", actions.Freeze{Scope: actions.ScopePlatform, Of: platform}},
		{w != "", actions.Freeze{Scope: actions.ScopeWorker, Of: string(w)}},
		{w != "", actions.Freeze{Scope: actions.ScopeVendor, Of: string(st.Vendor)}},
	} {
		if !c.ask {
			continue
		}
		if f, ok := s.Freezes[c.key.Key()]; ok {
			return refuse("frozen", "%s are frozen since %s; several people together thaw them.", sentence(c.key.Acts()), f.At)
		}
	}
	return nil
}

// sentence begins one.
func sentence(words string) string { return strings.ToUpper(words[:1]) + words[1:] }

// stopped returns the refusal if a freeze stops an act of a worker. A freeze stops
// burdening acts, but not votes to thaw by people who are not frozen themselves.
func (s *State) stopped(a actions.Action, w workforce.WorkerID, st workforce.Standing, at time.Time) error {
	if len(s.Freezes) == 0 || a.Direction == actions.Relieving && !s.againstOthers(a, w) {
		return nil
	}
	if a.Kind != actions.DeskFreeze && a.Direction != actions.Relieving {
		platform := a.Subject.Platform
		if specDesk(a) {
			platform = ""
		}
		return s.frozen(w, st, platform)
	}
	// For a thaw, or a relieving act against other people, only freezes of this worker
	// count.
	for _, key := range []actions.Freeze{{Scope: actions.ScopeWorker, Of: string(w)}, {Scope: actions.ScopeVendor, Of: string(st.Vendor)}} {
		if f, ok := s.Freezes[key.Key()]; ok && !s.answers(a, w, at) {
			return refuse("frozen", "The acts of %s are frozen since %s; others thaw them.", w, f.At)
		}
	}
	return nil
}

// againstOthers reports whether a relieving act is a freeze, an end or a revocation that is
// directed at others. Under the laws 2 nobody whose own acts are frozen may make one. To
// end one's own engagement, or to revoke one's own keys, is not directed at others.
func (s *State) againstOthers(a actions.Action, w workforce.WorkerID) bool {
	if s.Laws < 2 || !specDesk(a) {
		return false
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return false
	}
	switch c := ch.(type) {
	case actions.Freeze:
		return true
	case actions.Engagement:
		return c.Worker != w
	case actions.Keys:
		return slices.ContainsFunc(c.Revoke, func(id workforce.KeyID) bool {
			k, ok := s.People.Key(id)
			return ok && k.Worker != w
		})
	}
	return false
}

// thawed returns the people, without those whose acts are frozen: people who have to be
// able to thaw, admit and enrol must not be frozen themselves.
func (s *State) thawed() *workforce.Registry { return s.thawedBut("") }

// thawedBut is thawed, but does not count the freezes that one person made alone.
func (s *State) thawedBut(by workforce.WorkerID) *workforce.Registry {
	counts := func(key actions.Freeze) bool {
		f, on := s.Freezes[key.Key()]
		return on && !(f.Alone && f.By == by)
	}
	some := false
	for _, f := range s.Freezes {
		some = some || f.People()
	}
	if !some {
		return s.People
	}
	left := s.People.Clone()
	for _, seat := range s.People.Seats() {
		w := seat.Worker
		if counts(actions.Freeze{Scope: actions.ScopeWorker, Of: string(w.Worker)}) || counts(actions.Freeze{Scope: actions.ScopeVendor, Of: string(w.Vendor)}) {
			// These people stay in the line of managers, but cannot sign.
			w.Ended = w.Start
			left.Put(w)
		}
	}
	return left
}

// mayFreeze checks a freeze or a thaw against the freezes in force.
func (s *State) mayFreeze(by workforce.WorkerID, c actions.Freeze, at time.Time) error {
	_, on := s.Freezes[c.Key()]
	switch {
	case c.Thaws() && !on:
		return fault.New(fault.Conflict, "wrong-state", "%s are not frozen.", sentence(c.Acts()))
	case c.Thaws():
		return nil
	case on:
		return fault.New(fault.Conflict, "wrong-state", "%s are frozen already.", sentence(c.Acts()))
	}
	switch c.Scope {
	case actions.ScopeWorker:
		if _, ok := s.People.Worker(workforce.WorkerID(c.Of)); !ok {
			return fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", c.Of)
		}
	case actions.ScopeVendor:
		if _, ok := s.People.Vendors[workforce.VendorID(c.Of)]; !ok && c.Of != "" {
			return fault.New(fault.NotFound, "no-such-vendor", "There is no vendor %s at this desk.", c.Of)
		}
	case actions.ScopePlatform:
		if _, ok := s.Platforms[c.Of]; !ok {
			return fault.New(fault.NotFound, "no-such-platform", "There is no platform %q at this desk.", c.Of)
		}
	}
	if !c.People() {
		return nil
	}
	if err := s.maySuspend(by, c, at); err != nil {
		return err
	}
	return s.limit(by, "end", 1, s.Trust.EndingsPerHour, at)
}

// mayReview checks that a review is closed only once, and by people who are independent of
// everybody involved. A review that left somebody out may be closed again if it names that
// person as well. Otherwise a wrongly closed review would lock for ever whatever waits for
// it.
func (s *State) mayReview(a Authority, c actions.Review, at time.Time) error {
	if r, ok := s.Reviewed[c.Of+" "+c.ID]; ok && !names(c.Involved, r.Involved) {
		return fault.New(fault.Conflict, "wrong-state", "That review was closed at %s.", r.At)
	}
	depends := s.dependence(at)
	for _, signed := range append([]actions.Signed{a.Request}, a.Countersignatures...) {
		for _, involved := range c.Involved {
			if signed.Statement.Signer == involved {
				return refuse("own-review", "%s was involved, and may not sign the closing of the review.", involved)
			}
			if why := depends(signed.Statement.Signer, involved); why != "" {
				return refuse("own-review", "This signature does not count for closing the review: %s.", why)
			}
		}
	}
	return nil
}

// names reports whether people are all of those in before, and at least one more.
func names(people, before []workforce.WorkerID) bool {
	for _, w := range before {
		if !slices.Contains(people, w) {
			return false
		}
	}
	return len(people) > len(before)
}

// mayWatch checks settings of the watch against what is in force.
func (s *State) mayWatch(c actions.Setting, by actions.Statement, at time.Time) error {
	known := func(name string) error {
		if _, ok := s.Platforms[name]; !ok {
			return fault.New(fault.NotFound, "no-such-platform", "There is no platform %q at this desk; add it with `countersign platform add %[1]s --connector plaza --reason WHY` (or the connector bluesky).", name)
		}
		return nil
	}
	switch c.Of {
	case actions.PartOrders:
		_, on := s.Orders[c.Order.Key()]
		switch {
		case c.Order.Op == "revoke" && !on:
			return fault.New(fault.Conflict, "wrong-state", "There is no standing order for %s.", c.Order.Key())
		case c.Order.Op == "place" && !at.Before(c.Order.Until.Time):
			return fault.New(fault.Expired, "end-is-past", "The end of the standing order, %s, has passed already.", c.Order.Until)
		case c.Order.Op == "place" && c.Order.Vouched.After(at):
			return fault.New(fault.Invalid, "bad-action", "The standing order vouches for what the ledger holds by %s, which is still to come. Vouch for a time that is past.", c.Order.Vouched)
		}
		return known(c.Order.Platform)
	case actions.PartModes:
		if s.Observes(c.Mode.Platform, c.Mode.Tier) == (c.Mode.Mode == actions.Observe) {
			return fault.New(fault.Conflict, "wrong-state", "%s is in that mode already.", actions.PlaceKey(c.Mode.Platform, c.Mode.Tier))
		}
		return known(c.Mode.Platform)
	case actions.PartLocks:
		if err := s.resolved(c.Unlock.Subject, c.Unlock.Resolved, false, by); err != nil {
			return err
		}
		return known(c.Unlock.Subject.Platform)
	}
	return nil
}

// resolvedBefore is the longest time between the resolution of a subject and the signature
// of a change that names it: time to read a draft. resolvedAfter allows for clocks that
// differ.
const (
	resolvedBefore = 15 * time.Minute
	resolvedAfter  = time.Minute
)

// resolved checks, under the laws 2 and later, that a change names the subject that its
// signers meant: the executor of the chain has signed that this identifier had this handle
// when the change was drafted. The chain itself cannot ask a platform, and a desk that lies
// would have people lower the tier of the president under somebody else's handle. A raise
// that names no handle misleads nobody and needs no such signature.
func (s *State) resolved(subject platform.Subject, r *actions.Resolution, relieves bool, by actions.Statement) error {
	if s.Laws < 2 || r == nil && relieves && subject.Handle == "" {
		return nil
	}
	if r == nil {
		return refuse("not-resolved", "The executor's signed word that %s:%s has the handle in the change is missing; draft it again.", subject.Platform, subject.ID)
	}
	c := r.Challenge(s.Root)
	switch t := s.Trust; {
	case r.Subject != subject:
		return refuse("not-resolved", "The executor has resolved another subject than the one that is signed: the identifier and the handle in the change do not belong to the same account.")
	case r.Executor != t.Executor || len(t.ExecutorKey) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(t.ExecutorKey), c[:], r.Signature):
		return refuse("not-resolved", "That %s:%s has the handle in the change is not signed by the executor that the governance chain names.", subject.Platform, subject.ID)
	case r.At.Before(by.NotBefore.Add(-resolvedBefore)) || r.At.After(by.NotBefore.Add(resolvedAfter)):
		return refuse("not-resolved", "The subject was resolved at %s, but the change is signed as of %s; draft it again.", r.At, by.NotBefore)
	}
	return nil
}

// checkEmergency makes the demands on an emergency act that no policy can loosen (design,
// law 2): the act is short, and nobody who requests or countersigns it is about to leave.
func (s *State) checkEmergency(a actions.Action, request actions.Signed, signer actions.Signer) error {
	if !emergency(a) {
		return nil
	}
	if a.Until.Sub(request.Statement.NotBefore.Time) > actions.EmergencyMost {
		return refuse("emergency-too-long", "An emergency act stands for %s at most; for longer, have a takedown countersigned.", actions.EmergencyMost)
	}
	if signer.Standing.InNotice || signer.Standing.Ratchet {
		return refuse("emergency-in-notice", "%s has given or been given notice, or is in the last days: emergency acts are not open to them.", signer.Worker)
	}
	return nil
}

func emergency(a actions.Action) bool {
	spec, _ := actions.SpecOf(a.Kind)
	return spec.Emergency
}

// Rule returns the ruling of the policy in force on an act, with the demands of the laws
// added.
func (s *State) Rule(f policy.Facts) policy.Ruling { return s.withLaws(f, s.Policy.Rule(f)) }

// withLaws adds to a ruling the needs that hold whatever the policy says. An emergency act
// on a critical subject needs two independent people at once. Under the laws 2 and later,
// so does a measure, on any tier, of the category legal or child safety, since one person
// alone could not take it back.
func (s *State) withLaws(f policy.Facts, r policy.Ruling) policy.Ruling {
	spec, _ := actions.SpecOf(f.Kind)
	marked := f.Direction == actions.Burdening && f.Category != actions.CategoryRules
	if r.Verdict == policy.Forbidden {
		return r
	}
	least := func(id, text string) {
		if r.Need.Independent < 1 {
			r.Need.Independent = 1
		}
		r.Verdict, r.Reasons = policy.Held, append(slices.Clip(r.Reasons), policy.Reason{Policy: id, Text: text})
	}
	if spec.Emergency && f.Subject.Tier == actions.Critical {
		least(policy.LawEmergency, "An emergency act on a critical subject takes two independent people at once.")
	}
	if s.Laws >= 2 && marked {
		least(policy.LawCategory, "One person alone does not mark a measure as "+string(f.Category)+": one person could not lift it either.")
	}
	return r
}

// ReviewOf returns the closed review of an emergency act that these people signed and that
// was begun at an instant. ok is false if the review is open still, if it was closed before
// the act was begun, or if it left out somebody who signed: then nobody has reviewed that
// person's part.
func (s *State) ReviewOf(request string, signers []workforce.WorkerID, begun canonical.Time) (r Reviewed, ok bool) {
	r, ok = s.Reviewed[actions.ReviewEmergency+" "+request]
	ok = ok && !r.At.Before(begun.Time)
	for _, w := range signers {
		ok = ok && slices.Contains(r.Involved, w)
	}
	return r, ok
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

// Rejoin applies to another state a change that Join has applied before. It does not check
// it again: it was authorised then. The change counts towards its signer's limit as it did.
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
	s.spent[a.Request.Statement.Request] = true
	s.enact(ledger.Body{Number: s.Next, Time: at}, a, ch, nil, at.Time)
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
	if request := a.Request.Statement.Request; s.spent[request] {
		return nil, refuse("spent", "The request %s was applied already.", request)
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return nil, err
	}
	if !takeable(ch) {
		return nil, notTakeable
	}
	return s.Authorise(a, e.Execution.At.Time), nil
}

var notTakeable = refuse("not-relieving", "Only a freeze, the end of an engagement and the revocation of a key are taken without the ledger.")

// taken applies a change that its signer handed straight to the executor. It is in force
// from the instant at which the executor took it, and is judged as of that instant, since
// its signature may have expired on the way. A change that cannot be applied is spent
// without effect: the same was done through the desk, or too few people would remain after
// other changes there. From this entry on the chain decides what is in force, for the
// executor as well.
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
	s.spent[a.Request.Statement.Request] = true
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
