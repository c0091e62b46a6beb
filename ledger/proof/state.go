package proof

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// State is the governance chain folded up to an entry. All rulings rest on it. Only Apply
// changes it; clone a State that others read before changing it.
type State struct {
	Origin    string
	LogKey    string           // verifier key line of the log
	Root      canonical.Digest // hash of entry 0: what a trust folder holds
	Next      int64            // number of the next governance entry
	Head      canonical.Digest // hash of the newest governance leaf
	Time      canonical.Time   // of the newest governance entry
	Officers  []workforce.WorkerID
	People    *workforce.Registry
	Policy    *policy.Set
	Budgets   []actions.Budget
	Trust     actions.Trust
	Platforms map[string]actions.Platform
	Raised    map[string]actions.Tier    // by subject, "plaza:acct/17"
	Confirmed map[string]actions.Tier    // by subject: the tier that several people stand by, of what it was raised to
	Fallen    map[string]Falls           // by subject: with which entries several let fall what rules had read
	Orders    map[string]Order           // standing orders that were placed, by actions.PlaceKey
	Observed  map[string]bool            // tiers of platforms that are only observed, by actions.PlaceKey
	Unlocked  map[string]canonical.Time  // by subject: owner locks set before are out of effect
	Freezes   map[string]Frozen          // by actions.Freeze.Key
	Reviewed  map[string]Reviewed        // closed reviews, by "emergency REQUEST" or "incident ID"
	Imported  bool                       // the founding import has been made
	Laws      int64                      // the number of the laws by which the next entry is judged
	Formats   int64                      // the number of the formats in which the desk signs
	Voids     map[string][]EndOfSessions // by actions.Void.Key: the ends of sessions, in their order
	Programs  map[string]Program         // by name, ended ones included
	Rules     Text                       // the rule set in force; the zero Text: none
	Queues    Text                       // the queue set in force; the zero Text: none
	Hashes    map[string]Text            // the lists of hashes in force, by name

	leaves  []canonical.Digest // hashes of all governance leaves; empty in a state that was not made by Apply
	times   []canonical.Time   // of their entries
	trusted []actions.Trust    // earlier values of Trust, oldest first
	moved   []move             // the changes of the relying party
	renewed renewal            // the newest change of formats
	pending *admission
	spent   map[string]applied         // by request, those that were applied
	opened  map[string]int64           // number of the newest entry that thawed a freeze or engaged a worker, by openedKey
	relief  []relief                   // of the last 7 days, for the limits of law 2
	trail   map[string][]int64         // numbers of the entries that a fact rests on
	sets    map[canonical.Digest]int64 // number of the newest entry that set a policy set
	few     *few                       // not nil if the state is folded from some entries of the chain only
}

// renewal is a change of the formats in which the desk signs.
type renewal struct {
	number int64
	at     canonical.Time
}

// Renewed returns the number of the governance entry that changed the desk's formats; -1 if
// none has.
func (s *State) Renewed() int64 {
	if s.renewed.number == 0 {
		return -1
	}
	return s.renewed.number
}

// admission is an import whose rows are still to come.
type admission struct {
	change actions.Admit
	number int64
	rows   []tlog.Hash
	before before
	people []workforce.WorkerID // of the rows
}

type relief struct {
	by   workforce.WorkerID
	kind string             // "end", "raise", "void", "own-void" or, under the laws 2, "suspend", "officer", "out", "undone" and "rekeyed"
	who  workforce.WorkerID // for "officer" and "out": the person who was taken out
	of   actions.Freeze     // for "undone" and "rekeyed": what by did alone and several took back
	at   time.Time
}

// NewState returns the state before entry 0. root is the hash of entry 0 that the caller
// trusts; the zero digest accepts any, and is for founding a desk.
func NewState(root canonical.Digest) *State {
	return &State{Root: root, People: workforce.NewRegistry(), Platforms: map[string]actions.Platform{},
		Raised: map[string]actions.Tier{}, Confirmed: map[string]actions.Tier{}, Fallen: map[string]Falls{}, Orders: map[string]Order{}, Observed: map[string]bool{}, Unlocked: map[string]canonical.Time{},
		Freezes: map[string]Frozen{}, Reviewed: map[string]Reviewed{}, Voids: map[string][]EndOfSessions{}, Programs: map[string]Program{}, Hashes: map[string]Text{},
		spent: map[string]applied{}, opened: map[string]int64{}, trail: map[string][]int64{},
		sets: map[canonical.Digest]int64{}}
}

// Clone returns a state that may be changed without touching s.
func (s *State) Clone() *State {
	c := *s
	c.People = s.People.Clone()
	c.Platforms, c.Raised = maps.Clone(s.Platforms), maps.Clone(s.Raised)
	c.Confirmed, c.Fallen = maps.Clone(s.Confirmed), maps.Clone(s.Fallen)
	c.Orders, c.Observed, c.Unlocked = maps.Clone(s.Orders), maps.Clone(s.Observed), maps.Clone(s.Unlocked)
	c.Freezes, c.Reviewed = maps.Clone(s.Freezes), maps.Clone(s.Reviewed)
	c.Voids, c.Hashes, c.Programs = maps.Clone(s.Voids), maps.Clone(s.Hashes), maps.Clone(s.Programs)
	for key, voids := range c.Voids {
		c.Voids[key] = slices.Clip(voids)
	}
	c.leaves, c.times = slices.Clip(s.leaves), slices.Clip(s.times)
	c.spent, c.opened, c.trail, c.sets = maps.Clone(s.spent), maps.Clone(s.opened), maps.Clone(s.trail), maps.Clone(s.sets)
	c.relief = slices.Clone(s.relief)
	if s.pending != nil {
		p := *s.pending
		p.rows, p.people = slices.Clone(p.rows), slices.Clone(p.people)
		c.pending = &p
	}
	return &c
}

// Founded reports whether entry 0 has been applied.
func (s *State) Founded() bool { return s.Next > 0 }

// LogName is the name of this chain's ledger in statements and in requests for tokens.
// Under the laws 2 it holds the hash of entry 0 besides the origin. A rehearsal desk may
// have the origin, the keys and the executor of the real one, and nothing that was signed
// there may be valid here. Requests from before the laws 2 must be made again.
func (s *State) LogName() string {
	if s.Laws < 2 {
		return s.Origin
	}
	return actions.LogName(s.Origin, s.Root)
}

// EnrolName is the name of this chain's ledger in the proof that somebody possesses a new
// key; see actions.PossessionChallenge. Under the laws 1 and 2 it is the origin alone, so
// that a proof which was signed at a rehearsal desk is valid here. Under later laws it is
// LogName.
func (s *State) EnrolName() string {
	if s.Laws < 3 {
		return s.Origin
	}
	return s.LogName()
}

// Settled reports whether no row of an admission is still to come.
func (s *State) Settled() bool { return s.pending == nil }

// Sites returns the relying party and the origins for which passkeys of this desk sign.
func (s *State) Sites() Sites { return Sites{s.Trust.RelyingParty, s.Trust.Origins} }

// Keys of State.trail, by the fact that the entries are about.
func workerTrail(w workforce.WorkerID) string { return "worker " + string(w) }
func keyTrail(k workforce.KeyID) string       { return "key " + string(k) }
func vendorTrail(v workforce.VendorID) string { return "vendor " + string(v) }

const policyTrail = "policy"
const trustTrail = "trust"

// siteTrail holds every entry that named another relying party: which passkeys it revoked
// follows from all of them together.
const siteTrail = "site"
const lawsTrail = "laws"
const formatsTrail = "formats"

func broken(format string, args ...any) *fault.Error {
	return fault.New(fault.Forbidden, "broken-chain", format, args...)
}

// Apply checks the next governance entry against the state and folds it in. The body must
// have been verified against the leaf (ledger.Verify). After an error the state may be half
// changed and must be thrown away: a chain with a bad entry has no state. Errors are
// faults: of type "broken-chain" if the entry does not continue the chain, otherwise the
// reason why the change is not authorised.
func (s *State) Apply(leaf ledger.Leaf, b ledger.Body) error {
	switch {
	case b.Class != ledger.Governance || leaf.Class != ledger.Governance:
		return broken("Entry %s %d is not of the governance chain.", b.Class, b.Number)
	case b.Number != s.Next:
		return broken("Governance entry %d came where %d was expected: an entry is missing, or there is a second chain.", b.Number, s.Next)
	case b.Prev != s.Head:
		return broken("Governance entry %d does not name the entry before it.", b.Number)
	case b.Time.Before(s.Time.Time):
		return broken("Governance entry %d is dated before the entry before it.", b.Number)
	case s.pending != nil && b.Kind != KindRow:
		return broken("Governance entry %d came where a row of the admission %d was expected.", b.Number, s.pending.number)
	}
	s.Next, s.Head, s.Time = b.Number+1, leaf.Digest(), b.Time
	s.leaves, s.times = append(s.leaves, s.Head), append(s.times, s.Time)
	var err error
	switch b.Kind {
	case KindFounding:
		err = s.found(leaf, b)
	case KindRow:
		err = s.row(b)
	case KindTaken:
		err = s.taken(b)
	default:
		err = s.change(b)
	}
	if err != nil {
		return fmt.Errorf("governance entry %d (%s): %w", b.Number, b.Kind, err)
	}
	return nil
}

func (s *State) found(leaf ledger.Leaf, b ledger.Body) error {
	if b.Number != 0 {
		return broken("A desk is founded once.")
	}
	if s.Root.IsZero() {
		s.Root = leaf.Digest()
	}
	if leaf.Digest() != s.Root {
		return broken("Entry 0 is %s, but the entry 0 that you trust is %s.", leaf.Digest(), s.Root)
	}
	var c Closed
	if err := canonical.UnmarshalExact(b.Data, &c); err != nil {
		return err
	}
	if err := c.Verify(); err != nil {
		return err
	}
	set, err := policy.Compile(c.Founding.Policy)
	if err != nil {
		return err
	}
	s.effectFounding(b, c.Founding, set)
	if err := s.Policy.CanStillGovern(s.People, b.Time.Time); err != nil {
		return err
	}
	return s.dispensable(len(c.Founding.Officers), b.Time.Time)
}

func (s *State) effectFounding(b ledger.Body, f Founding, set *policy.Set) {
	s.Origin, s.LogKey, s.Policy, s.Budgets, s.Trust = f.Origin, f.LogKey, set, f.Budgets, f.Trust
	s.Laws, s.Formats = max(actions.FirstLaws, f.Laws), max(actions.FirstFormats, f.Formats)
	for _, o := range f.Officers {
		s.Officers = append(s.Officers, o.Worker)
		s.People.Admit(workforce.Record{Worker: o.Worker, Roles: []workforce.Role{workforce.Officer}, Start: f.Time}, f.Time, true, b.Number)
		s.People.PutKey(workforce.Key{PublicKey: o.Key, Worker: o.Worker, Enrolled: f.Time, Entry: b.Number})
		s.trail[workerTrail(o.Worker)] = []int64{b.Number}
		s.trail[keyTrail(o.Key.ID())] = []int64{b.Number}
	}
	s.trail[policyTrail] = []int64{b.Number}
	s.trail[trustTrail] = []int64{b.Number}
	s.sets[set.Digest()] = b.Number
}

// change applies an authorised change of the desk.
func (s *State) change(b ledger.Body) error {
	var a Authority
	if err := canonical.UnmarshalExact(b.Data, &a); err != nil {
		return err
	}
	if string(a.Action.Kind) != b.Kind {
		return broken("The entry is of kind %s, but its action is of kind %s.", b.Kind, a.Action.Kind)
	}
	if err := s.Authorise(a, b.Time.Time); err != nil {
		return err
	}
	s.spends(a, b.Number, false)
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return err
	}
	set, err := setOf(ch)
	if err != nil {
		return err
	}
	if admit, ok := ch.(actions.Admit); ok {
		s.pending = &admission{change: admit, number: b.Number, before: s.before(b.Time.Time)}
	}
	s.enact(b, a, ch, set, b.Time.Time)
	return nil
}

// enact applies a change, and counts it for the limits as of an instant.
func (s *State) enact(b ledger.Body, a Authority, ch actions.Change, set *policy.Set, at time.Time) {
	alone := len(a.Countersignatures) == 0
	s.note(a.Request.Statement, ch, alone, at)
	s.effect(b, a.Request.Statement, ch, set)
	if f, ok := ch.(actions.Freeze); ok && !f.Thaws() {
		frozen := s.Freezes[f.Key()]
		frozen.Alone = alone
		s.Freezes[f.Key()] = frozen
	}
	if c, ok := ch.(actions.Setting); ok && c.Of == actions.PartTiers && !alone {
		s.confirm(*c.Raise)
	}
}

// confirm notes that several people stand by the tier that a change gave.
func (s *State) confirm(r actions.Raise) {
	if r.To == actions.Standard {
		delete(s.Confirmed, r.Subject.String())
		return
	}
	s.Confirmed[r.Subject.String()] = r.To
}

// setOf returns the policy set of a change of policy, and nil for every other change.
func setOf(ch actions.Change) (*policy.Set, error) {
	if c, ok := ch.(actions.Setting); ok && c.Of == actions.PartPolicy {
		return policy.Compile(c.Policy)
	}
	return nil, nil
}

// Authorise checks that a change of the desk may be applied at an instant. It checks the
// signatures, the policy in force, independence, the limits on relieving changes, that the
// change was not applied before, and that enough people remain.
func (s *State) Authorise(a Authority, at time.Time) error { return s.authoriseIn(a, at, false) }

// authoriseIn is Authorise for a change that may have been taken before the desk changed its
// formats.
func (s *State) authoriseIn(a Authority, at time.Time, beforeFormats bool) error {
	spec, ok := actions.SpecOf(a.Action.Kind)
	if !ok || !spec.Desk {
		return refuse("not-a-desk-change", "%s is not a change of the desk.", a.Action.Kind)
	}
	if s.Spent(a.Request.Statement.Request) {
		return refuse("spent", "The request %s was applied already.", a.Request.Statement.Request)
	}
	entered, err := s.entered(a)
	if err != nil {
		return err
	}
	j, err := s.Judge(Ask{Action: a.Action, Request: a.Request, Countersignatures: a.Countersignatures, At: at, Executor: DeskExecutor, Entered: entered, Sessions: a.Sessions, BeforeFormats: beforeFormats})
	if err != nil {
		return err
	}
	if err := surplusWait(j.Need, a.Waited.Entries); err != nil {
		return err
	}
	if !j.Ready {
		return refuse("held", "The change is held: %s.", j.Missing)
	}
	if len(j.Chosen) != len(a.Countersignatures) {
		return refuse("surplus-signature", "The change carries signatures that fill no slot.")
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return err
	}
	return s.admissible(a, ch, at)
}

// Moot returns the reason why a change of the desk could not be applied at an instant,
// whoever else signs it: the desk is already as the change would make it, the changed thing
// is over, a key did not sign for its enrolment here, passkeys would not work with the site
// and its pages, whoever asks may not end these sessions, or there is no such program, owner
// of a program or engagement. It is called when a change is drafted or handed in, so that
// nobody signs in vain; Authorise decides. The error is a fault of kind Conflict, of type
// "no-possession" or "no-such-…", that of mayVoid, or that of actions.CheckSite; it is nil if
// there is no such reason.
func (s *State) Moot(a actions.Action, by actions.Statement, at time.Time) error {
	if !specDesk(a) {
		return nil
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	if c, ok := ch.(actions.Keys); ok {
		for _, e := range c.Enrol {
			if err := s.possessed(e); err != nil {
				return err
			}
		}
	}
	if c, ok := ch.(actions.Setting); ok && c.Of == actions.PartTrust &&
		(c.Trust.RelyingParty != s.Trust.RelyingParty || !slices.Equal(c.Trust.Origins, s.Trust.Origins)) {
		if err := actions.CheckSite(c.Trust.RelyingParty, c.Trust.Origins); err != nil {
			return err
		}
	}
	if c, ok := ch.(actions.Setting); ok && c.Program != nil && c.Program.Op == actions.ProgramAdd {
		if err := s.possessedBy(*c.Program); err != nil {
			return err
		}
	}
	err = s.admissible(Authority{Action: a, Request: actions.Signed{Statement: by}}, ch, at)
	// Whether a session may end its owner's sessions is not asked here: it is not at hand.
	c, ok := ch.(actions.Keys)
	void := ok && c.Void != nil && (by.Session.IsZero() || !s.OwnVoid(by, *c.Void))
	// What names a program, its owner or somebody's engagement names something that is there.
	_, engagement := ch.(actions.Engagement)
	set, _ := ch.(actions.Setting)
	unknown := fault.KindOf(err) == fault.NotFound && (engagement || set.Program != nil)
	if void || unknown || fault.KindOf(err) == fault.Conflict {
		return err
	}
	return nil
}

// possessed checks that a key signed for its enrolment here: for this worker, and for this
// ledger under the name that the laws in force demand.
func (s *State) possessed(e actions.Enrolment) error {
	err := VerifySignature(e.Key, actions.PossessionChallenge(s.EnrolName(), e.Worker, e.Key.ID()), e.Possession, s.Sites())
	if err == nil {
		return nil
	}
	return refuse("no-possession", "The key %s did not sign for its enrolment as %s at the desk %s. An enrolment that was made for another desk, for a rehearsal or before the desk adopted newer laws is not valid here. "+
		"%s makes it anew, with the same key, and sends it again: `countersign key enrolment FILE --worker %s --desk '%s'`.", e.Key.ID(), e.Worker, s.EnrolName(), e.Worker, e.Worker, s.EnrolName()).Because(err)
}

// admissible makes the checks of a change that no further signature could change.
func (s *State) admissible(a Authority, ch actions.Change, at time.Time) error {
	by := a.Request.Statement.Signer
	wrong := func(format string, args ...any) error {
		return fault.New(fault.Conflict, "wrong-state", format, args...)
	}
	switch c := ch.(type) {
	case actions.Admit:
		if c.Founding && s.Imported {
			return refuse("founding-import-made", "The founding import was made already; later admissions count after 30 days.")
		}
		return nil // everything else is checked with the rows
	case actions.Engagement:
		w, ok := s.People.Worker(c.Worker)
		if !ok {
			return fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", c.Worker)
		}
		if c.Op == "reinstate" {
			if err := s.mayReinstate(w, at); err != nil {
				return err
			}
			break
		}
		over := !w.End().IsZero() && !at.Before(w.End().Time)
		if over {
			return wrong("The engagement of %s is over; an admission begins a new one.", c.Worker)
		}
		if c.Op == "extend" && (w.Last.IsZero() || !c.Last.After(w.Last.Time)) {
			return wrong("The engagement of %s does not end before that.", c.Worker)
		}
		if c.Op == "end" {
			if err := s.mayEnd(by, c.Worker, at); err != nil {
				return err
			}
			if err := s.limit(by, "end", 1, s.Trust.EndingsPerHour, at); err != nil {
				return err
			}
		}
	case actions.Keys:
		if c.Void != nil {
			if s.Formats < 2 {
				return wrong("There are sessions from the formats 2 on; this desk signs in the formats %d.", s.Formats)
			}
			if err := s.mayVoid(a.Request.Statement, a.Sessions, *c.Void, at); err != nil {
				return err
			}
		}
		for _, e := range c.Enrol {
			id := e.Key.ID()
			if _, ok := s.People.Worker(e.Worker); !ok && s.few == nil {
				return fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", e.Worker)
			}
			if k, ok := s.People.Key(id); ok {
				return wrong("The key %s was enrolled for %s already; make a new one.", id, k.Worker)
			}
			if p, ok := s.ofProgram(id); ok {
				return wrong("The key %s is that of the program %s; make a new one.", id, p)
			}
			if err := s.possessed(e); err != nil {
				return err
			}
		}
		for _, id := range c.Revoke {
			k, ok := s.People.Key(id)
			if !ok || !k.Revoked.IsZero() {
				return wrong("There is no live key %s.", id)
			}
			if err := s.mayEnd(by, k.Worker, at); err != nil {
				return err
			}
		}
		if len(c.Revoke) > 0 {
			if err := s.limit(by, "end", int64(len(c.Revoke)), s.Trust.EndingsPerHour, at); err != nil {
				return err
			}
		}
	case actions.Freeze:
		if err := s.mayFreeze(by, c, at); err != nil {
			return err
		}
	case actions.Review:
		if err := s.mayReview(a, c, at); err != nil {
			return err
		}
	case actions.Setting:
		if err := s.mayWatch(c, a.Request.Statement, at); err != nil {
			return err
		}
		switch c.Of {
		case actions.PartPrograms:
			if err := s.mayProgram(by, *c.Program, at); err != nil {
				return err
			}
		case actions.PartFormats:
			if c.Formats <= s.Formats {
				return wrong("The desk signs in the formats %d already.", s.Formats)
			}
			if s.Laws < 3 {
				return wrong("The formats %d need the laws 3, and the laws %d are in force. Adopt them first with `countersign laws adopt --reason WHY`.", c.Formats, s.Laws)
			}
		case actions.PartRules, actions.PartQueues, actions.PartHashes:
			if err := s.mayReplace(c); err != nil {
				return err
			}
		case actions.PartLaws:
			if c.Laws <= s.Laws {
				return wrong("The laws %d are in force; only laws of a higher number can follow them.", s.Laws)
			}
		case actions.PartTiers:
			if err := s.resolved(c.Raise.Subject, c.Raise.Resolved, c.Raise.Relieves(), a.Request.Statement); err != nil {
				return err
			}
			if now := s.RaisedTo(c.Raise.Subject); now != c.Raise.From {
				return wrong("%s is raised to %s, not to %s.", c.Raise.Subject, now, c.Raise.From)
			}
			if c.Direction() == actions.Relieving {
				if err := s.limit(by, "raise", 1, s.Trust.RaisesPerHour, at); err != nil {
					return err
				}
			}
		}
	}
	set, err := setOf(ch)
	if err != nil {
		return err
	}
	if c, ok := ch.(actions.Setting); ok {
		if err := s.ranked(c, set); err != nil {
			return err
		}
	}
	moves := s.moves(ch)
	if !mayLockOut(ch) && !moves || s.few != nil {
		return nil
	}
	after := s.Clone()
	after.effect(ledger.Body{Number: s.Next, Time: canonical.At(at)}, a.Request.Statement, ch, set)
	relieving := ch.Direction() == actions.Relieving
	var was before
	if !relieving {
		was = s.before(at)
	}
	err = after.remains(was, relieving, at)
	if moves && err != nil {
		return s.becauseMoved(err, at)
	}
	return err
}

// mayLockOut reports whether a change could leave no group able to admit, enrol or change
// policy. For an admission that is checked with its last row.
func mayLockOut(ch actions.Change) bool {
	switch c := ch.(type) {
	case actions.Engagement:
		return c.Op == "end"
	case actions.Freeze:
		return !c.Thaws() && c.People()
	case actions.Keys:
		return len(c.Revoke) > 0
	case actions.Setting:
		return c.Of == actions.PartPolicy || c.Of == actions.PartVendors
	}
	return false
}

// limit refuses further relieving changes of a kind by one person above a number in an
// hour.
func (s *State) limit(by workforce.WorkerID, kind string, more, most int64, at time.Time) error {
	n := more
	for _, r := range s.relief {
		if r.by == by && r.kind == kind && at.Sub(r.at) < time.Hour {
			n++
		}
	}
	if n > most {
		return fault.New(fault.Exhausted, "budget-spent",
			"%s may make %d such changes an hour alone, and has made that many. Wait, or let somebody else do it.", by, most)
	}
	return nil
}

// effect applies an authorised change, with its policy set if it has one.
func (s *State) effect(b ledger.Body, by actions.Statement, ch actions.Change, set *policy.Set) {
	switch c := ch.(type) {
	case actions.Admit:
		if s.pending == nil {
			s.pending = &admission{change: c, number: b.Number}
		}
		if c.Founding {
			s.Imported = true
		}
	case actions.Engagement:
		w, _ := s.People.Worker(c.Worker)
		switch c.Op {
		case "end":
			w.Ended = b.Time
		case "reinstate":
			w.Ended = canonical.Time{}
			s.opened[openedKey(c)] = b.Number
		default:
			w.Last = c.Last
		}
		s.People.Put(w)
		s.follow(workerTrail(c.Worker), b.Number)
	case actions.Keys:
		for _, e := range c.Enrol {
			s.People.PutKey(workforce.Key{PublicKey: e.Key, Worker: e.Worker, Enrolled: b.Time, Entry: b.Number})
			s.follow(keyTrail(e.Key.ID()), b.Number)
		}
		for _, id := range c.Revoke {
			k, _ := s.People.Key(id)
			k.Revoked = b.Time
			s.People.PutKey(k)
			s.follow(keyTrail(id), b.Number)
		}
		if c.Void != nil {
			s.Voids[c.Void.Key()] = append(s.Voids[c.Void.Key()], EndOfSessions{Before: c.Void.Before, At: b.Time, Entry: b.Number})
		}
	case actions.Freeze:
		if c.Thaws() {
			delete(s.Freezes, c.Key())
			s.opened[openedKey(c)] = b.Number
		} else {
			s.Freezes[c.Key()] = Frozen{Freeze: c, By: by.Signer, At: b.Time, Request: by.Request}
		}
	case actions.Review:
		s.Reviewed[c.Of+" "+c.ID] = Reviewed{Review: c, By: by.Signer, At: b.Time, Request: by.Request}
	case actions.Setting:
		s.effectSetting(b, by, c, set)
	}
}

func (s *State) effectSetting(b ledger.Body, by actions.Statement, c actions.Setting, set *policy.Set) {
	switch c.Of {
	case actions.PartTiers:
		if c.Raise.To == actions.Standard {
			delete(s.Raised, c.Raise.Subject.String())
		} else {
			s.Raised[c.Raise.Subject.String()] = c.Raise.To
		}
		if !c.Raise.Relieves() {
			s.confirm(*c.Raise)
		}
		if c.Raise.Fall != "" {
			name := c.Raise.Subject.String()
			s.Fallen[name] = s.Fallen[name].with(c.Raise.Fall, b.Number)
		}
	case actions.PartPolicy:
		s.Policy = set
		s.trail[policyTrail] = []int64{b.Number}
		s.sets[set.Digest()] = b.Number
	case actions.PartBudgets:
		s.Budgets = c.Budgets
	case actions.PartTrust:
		if s.moves(c) {
			s.moveTo(b.Number, b.Time)
			s.follow(siteTrail, b.Number)
		}
		s.trusted, s.Trust = append(slices.Clip(s.trusted), s.Trust), *c.Trust
		s.trail[trustTrail] = []int64{b.Number}
	case actions.PartVendors:
		s.People.Vendors[c.Vendor.ID] = *c.Vendor
		s.trail[vendorTrail(c.Vendor.ID)] = []int64{b.Number}
	case actions.PartPlatforms:
		s.Platforms[c.Platform.Name] = *c.Platform
	case actions.PartOrders:
		if c.Order.Op == "revoke" {
			delete(s.Orders, c.Order.Key())
		} else {
			s.Orders[c.Order.Key()] = Order{Order: *c.Order, Request: by.Request, Placed: b.Time, Number: b.Number}
		}
	case actions.PartModes:
		if key := actions.PlaceKey(c.Mode.Platform, c.Mode.Tier); c.Mode.Mode == actions.Observe {
			s.Observed[key] = true
		} else {
			delete(s.Observed, key)
		}
	case actions.PartLocks:
		s.Unlocked[c.Unlock.Subject.String()] = b.Time
	case actions.PartLaws:
		s.Laws = c.Laws
		s.trail[lawsTrail] = []int64{b.Number}
	case actions.PartFormats:
		s.Formats, s.renewed = c.Formats, renewal{b.Number, b.Time}
		s.trail[formatsTrail] = []int64{b.Number}
	case actions.PartPrograms:
		s.effectProgram(*c.Program, b.Number, b.Time)
	case actions.PartRules, actions.PartQueues, actions.PartHashes:
		s.replace(c, b.Number)
	}
}

func (s *State) follow(trail string, number int64) {
	s.trail[trail] = append(slices.Clip(s.trail[trail]), number)
}

// note counts relieving changes for the limits, and forgets those that are too old to
// count.
func (s *State) note(st actions.Statement, ch actions.Change, alone bool, at time.Time) {
	by := st.Signer
	s.relief = slices.DeleteFunc(s.relief, func(r relief) bool { return at.Sub(r.at) >= AloneWithin })
	if s.Laws >= 2 && alone && ofPeople(ch) {
		officers, _ := s.takesOut(st, ch, at)
		for _, who := range officers {
			s.relief = append(s.relief, relief{by: by, kind: "officer", who: who, at: at})
		}
		if _, ok := ch.(actions.Freeze); ok {
			s.relief = append(s.relief, relief{by: by, kind: "suspend", at: at})
		} else {
			for _, f := range s.hits(by, ch) {
				s.relief = append(s.relief, relief{by: by, kind: "out", who: workforce.WorkerID(f.Of), at: at})
			}
		}
	}
	if s.Laws >= 2 && !alone {
		s.relief = append(s.relief, s.takenBack(ch, at)...)
	}
	switch c := ch.(type) {
	case actions.Engagement:
		if c.Op == "end" {
			s.relief = append(s.relief, relief{by: by, kind: "end", at: at})
		}
	case actions.Freeze:
		if !c.Thaws() && c.People() {
			s.relief = append(s.relief, relief{by: by, kind: "end", at: at})
		}
	case actions.Keys:
		for range c.Revoke {
			s.relief = append(s.relief, relief{by: by, kind: "end", at: at})
		}
		if c.Void != nil {
			kind := "void"
			if s.OwnVoid(st, *c.Void) {
				kind = "own-void"
			}
			s.relief = append(s.relief, relief{by: by, kind: kind, at: at})
		}
	case actions.Setting:
		if c.Of == actions.PartTiers && c.Direction() == actions.Relieving {
			s.relief = append(s.relief, relief{by: by, kind: "raise", at: at})
		}
		if c.Of == actions.PartPrograms && c.Program.Relieves() {
			s.relief = append(s.relief, relief{by: by, kind: "end", at: at})
		}
	}
}

// row applies one row, which is one worker, of the pending admission.
func (s *State) row(b ledger.Body) error {
	p := s.pending
	if p == nil {
		return broken("A row came without an admission.")
	}
	var d RowData
	if err := canonical.UnmarshalExact(b.Data, &d); err != nil {
		return err
	}
	if d.Admission != p.number || d.Index != int64(len(p.rows)) {
		return broken("The row is row %d of admission %d, but row %d of admission %d was expected.", d.Index, d.Admission, len(p.rows), p.number)
	}
	if err := s.wellFormed(b, d); err != nil {
		return err
	}
	if r := d.Row.Record; r.Vendor != "" {
		if _, ok := s.People.Vendors[r.Vendor]; !ok {
			return fault.New(fault.NotFound, "no-such-vendor", "The vendor %s of %s is not admitted; add it with `countersign vendor add %[1]s --name NAME --reason WHY`.", r.Vendor, r.Worker)
		}
	}
	if want := RowDataOf(s, d.Row, b.Time, d.Admission, d.Index); canonical.DigestOf(want) != canonical.DigestOf(d) {
		return broken("The past in the row of %s is not the one that the chain gives.", d.Row.Record.Worker)
	}
	s.effectRow(b, d)
	p.rows, p.people = append(p.rows, RowHash(d.Row)), append(p.people, d.Row.Record.Worker)
	if int64(len(p.rows)) < p.change.Rows {
		return nil
	}
	if err := p.signedRows(); err != nil {
		return err
	}
	s.pending = nil
	if s.Laws >= 2 {
		if err := NoCircles(s.People, p.people); err != nil {
			return err
		}
	}
	return s.remains(p.before, false, b.Time.Time)
}

// signedRows checks that the rows of an admission are those that were signed.
func (p *admission) signedRows() error {
	if RowsRoot(p.rows) != p.change.Root {
		return broken("The rows of admission %d are not those that were signed.", p.number)
	}
	return nil
}

// wellFormed makes the checks of a row that need nothing but the row.
func (s *State) wellFormed(b ledger.Body, d RowData) error {
	r := d.Row.Record
	switch {
	case !maps.Equal(d.Row.Sealed, b.Sealed):
		return broken("The row of %s does not seal the same fields as its entry.", r.Worker)
	case !workforce.ValidIdentifier(string(r.Worker)) || r.Start.IsZero() || len(r.Roles) == 0:
		return broken("The row of %q is not a well-formed record of a worker.", r.Worker)
	case !slices.IsSorted(r.Roles) || len(slices.Compact(slices.Clone(r.Roles))) != len(r.Roles) ||
		slices.ContainsFunc(r.Roles, func(role workforce.Role) bool { return !slices.Contains(workforce.Roles, role) }):
		return broken("The roles of %s must be known ones, sorted, each once.", r.Worker)
	case r.Vendor != "" && r.Last.IsZero():
		return broken("The engagement of %s, a contractor, has no end.", r.Worker)
	}
	if s.Laws >= 2 {
		return d.Row.Legible()
	}
	return nil
}

// NoCircles refuses people who are above themselves in the line of managers: in a circle
// nobody can say who is above whom. Errors are faults of type "manager-circle".
func NoCircles(r *workforce.Registry, people []workforce.WorkerID) error {
	for _, w := range people {
		if circle := r.Circle(w); circle != "" {
			return fault.New(fault.Conflict, "manager-circle", "%s would be above themselves: %s.", w, circle)
		}
	}
	return nil
}

// Begin puts a cloned state into the middle of an admission, so that RowDataOf returns the
// data of its rows.
func (s *State) Begin(c actions.Admit, number int64) {
	s.pending = &admission{change: c, number: number}
}

// RowDataOf returns the data of the entry that admits a row at an instant. The desk writes
// it, and a follower compares it.
func RowDataOf(s *State, r actions.Row, at canonical.Time, admission, index int64) RowData {
	after := workforce.NewRegistry()
	if w, ok := s.People.Worker(r.Record.Worker); ok {
		after.Put(w)
	}
	founding := s.pending != nil && s.pending.change.Founding
	after.Admit(r.Record, at, founding, 0)
	w, _ := after.Worker(r.Record.Worker)
	d := RowData{Row: r, Admission: admission, Index: index, Founding: w.Founding}
	if !w.Admitted.Equal(at.Time) {
		d.Since = w.Admitted
	}
	for _, t := range w.Past {
		until := canonical.At(t.Until)
		if until.Equal(at.Time) {
			until = canonical.Time{}
		}
		d.Past = append(d.Past, PastTie{Vendor: string(t.Vendor), Manager: string(t.Manager), Until: until})
	}
	return d
}

func (s *State) effectRow(b ledger.Body, d RowData) {
	or := func(t canonical.Time) canonical.Time {
		if t.IsZero() {
			return b.Time
		}
		return t
	}
	w := workforce.Worker{Record: d.Row.Record, Admitted: or(d.Since), Founding: d.Founding, Entry: b.Number}
	for _, t := range d.Past {
		w.Past = append(w.Past, workforce.Tie{Vendor: workforce.VendorID(t.Vendor), Manager: workforce.WorkerID(t.Manager), Until: or(t.Until).Time})
	}
	s.People.Put(w)
	s.opened[openedKey(actions.Engagement{Worker: w.Worker})] = b.Number
	s.trail[workerTrail(w.Worker)] = []int64{b.Number}
}

// RowHash returns the hash of the leaf for a row under Admit.Root.
func RowHash(r actions.Row) tlog.Hash {
	d := r.Digest()
	return tlog.RecordHash(d[:])
}

// RowsRoot returns the RFC 6962 root over the rows of an import.
func RowsRoot(rows []tlog.Hash) canonical.Digest {
	var e ledger.Edge
	for _, h := range rows {
		e.Add(h)
	}
	return canonical.Digest(e.Root())
}

// Evidence returns the numbers of the governance entries on which a ruling about these
// people and keys rests, sorted: entry 0; the newest ones of policy, trust and laws; each that
// named another relying party; those of the people's records, engagements, vendors and keys;
// and those of everybody above them.
func (s *State) Evidence(people []workforce.WorkerID, keys []workforce.KeyID, at time.Time) []int64 {
	need := map[int64]bool{0: true}
	add := func(trail string) {
		for _, n := range s.trail[trail] {
			need[n] = true
		}
	}
	add(policyTrail)
	add(trustTrail)
	add(siteTrail)
	add(lawsTrail)
	add(formatsTrail)
	for _, w := range people {
		for _, id := range append([]workforce.WorkerID{w}, s.People.Chain(w, at)...) {
			add(workerTrail(id))
			if worker, ok := s.People.Worker(id); ok && worker.Vendor != "" {
				add(vendorTrail(worker.Vendor))
			}
		}
	}
	for _, k := range keys {
		add(keyTrail(k))
	}
	return slices.Sorted(maps.Keys(need))
}
