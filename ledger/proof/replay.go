package proof

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Past is a ledger entry that was opened for a Replay. At most one of Request, Verdict and
// Refusal is set.
type Past struct {
	Index   int64
	Leaf    ledger.Leaf
	Body    ledger.Body
	Request *entry.Request
	Verdict *entry.Verdict
	Refusal *entry.Refusal
	// Unread is the reason why the entry cannot be replayed; empty: it can.
	Unread Unread
	Why    string // Unread in words
}

// Unread is the reason why a recorded entry cannot be ruled on again.
type Unread string

// The reasons.
const (
	UnreadErased  Unread = "erased"  // the body is gone
	UnreadEdited  Unread = "edited"  // the body is not what the ledger commits to
	UnreadForm    Unread = "form"    // entered before facts were recorded, or by a newer version
	UnreadCounted Unread = "counted" // refusals above so many a minute, of which only the number was entered
	UnreadMoved   Unread = "moved"   // refused by an older chain than the one at the entry's place
	UnreadKey     Unread = "key"     // refused for the key that signed, of which no fact is recorded
)

// OpenPast opens an entry against its leaf and reads its record. kind and at are what the
// database says; they are believed only if there is no body. Several goroutines may call
// it.
func OpenPast(index int64, kind string, at canonical.Time, leaf ledger.Leaf, body, salt []byte) Past {
	p := Past{Index: index, Leaf: leaf, Body: ledger.Body{Kind: kind, Time: at}}
	fail := func(u Unread, format string, args ...any) Past {
		p.Unread, p.Why = u, fmt.Sprintf(format, args...)
		return p
	}
	if len(body) == 0 {
		return fail(UnreadErased, "The entry's body was erased.")
	}
	opened, err := ledger.Verify(leaf, body, salt)
	if err != nil {
		return fail(UnreadEdited, "%s", fault.TextOf(err))
	}
	if kind != opened.Kind || !at.Equal(opened.Time.Time) {
		return fail(UnreadEdited, "The database calls the entry %s of %s; it is %s of %s.", kind, at, opened.Kind, opened.Time)
	}
	if p.Body = opened; opened.Class != ledger.Desk {
		return p
	}
	switch opened.Kind {
	case entry.KindRequest:
		p.Request = new(entry.Request)
		err = canonical.Read(opened.Data, p.Request)
	case entry.KindCountersign, entry.KindDecline:
		p.Verdict = new(entry.Verdict)
		err = canonical.Read(opened.Data, p.Verdict)
	case entry.KindRefused:
		p.Refusal = new(entry.Refusal)
		err = canonical.Read(opened.Data, p.Refusal)
	}
	if err != nil || p.Request != nil && p.Request.Act.Kind == "" || p.Verdict != nil && p.Verdict.At.IsZero() ||
		p.Refusal != nil && p.Refusal.Ruled == nil && p.Refusal.Type == "forbidden-by-policy" {
		p.Request, p.Verdict, p.Refusal = nil, nil, nil
		return fail(UnreadForm, "The entry does not hold the facts of its ruling.")
	}
	return p
}

// Answer is the ruling of a policy set, without the order of its reasons.
type Answer struct {
	Verdict policy.Verdict
	Need    actions.Need
	Reasons []policy.Reason
}

func answerOf(r policy.Ruling) Answer { return Answer{r.Verdict, r.Need, r.Reasons} }

// Same reports whether two answers have the same verdict and need, whatever their reasons.
func (a Answer) Same(b Answer) bool {
	return a.Verdict == b.Verdict && a.Need.Covers(b.Need) && b.Need.Covers(a.Need)
}

// Turn is the way in which a ruling changes.
type Turn string

// The turns, those that loosen first.
const (
	NowPermitted      Turn = "now-permitted"
	NowPossible       Turn = "now-possible" // was forbidden, and would be held
	NowMayCountersign Turn = "now-may-countersign"
	NeedsFewer        Turn = "needs-fewer"
	NeedsOthers       Turn = "needs-others" // more of one sort, less of another
	NeedsMore         Turn = "needs-more"
	NotFilled         Turn = "not-filled"     // the need is the same, but the people who signed would not fill it
	SignerRefused     Turn = "signer-refused" // somebody's signature would not have counted, and the others suffice
	NowHeld           Turn = "now-held"       // was permitted
	NowForbidden      Turn = "now-forbidden"
)

// Turns lists the turns in their order.
var Turns = []Turn{NowPermitted, NowPossible, NowMayCountersign, NeedsFewer, NeedsOthers, NeedsMore, NotFilled, SignerRefused, NowHeld, NowForbidden}

// Looser reports whether a turn makes an act possible, or easier, in whole or in part.
func (t Turn) Looser() bool { return slices.Index(Turns, t) <= slices.Index(Turns, NeedsOthers) }

// turnOf returns the turn from one answer to another; empty if they are the same.
func turnOf(then, proposed Answer) Turn {
	switch {
	case then.Same(proposed):
		return ""
	case proposed.Verdict == policy.Forbidden:
		return NowForbidden
	case proposed.Verdict == policy.Permitted:
		return NowPermitted
	case then.Verdict == policy.Forbidden:
		return NowPossible
	case then.Verdict == policy.Permitted:
		return NowHeld
	case then.Need.Covers(proposed.Need):
		return NeedsFewer
	case proposed.Need.Covers(then.Need):
		return NeedsMore
	}
	return NeedsOthers
}

// Change is one recorded request, or refusal, on which a proposed set rules otherwise.
type Change struct {
	Turn    Turn
	Index   int64  // of the ledger entry of the request or refusal
	Request string // its identifier; for a refusal, the one that the request would have had
	At      canonical.Time
	Worker  workforce.WorkerID // the worker whom the ruling is about
	Act     entry.Act
	Refused bool // it was refused, and never became a request
	// Then and Proposed are the first pair of rulings that differ; if none differ, they are
	// those at the request.
	Then, Proposed Answer
	// Lost are the signers whose yes or no counted, and would not count under the proposed
	// set.
	Lost []LostSigner
	// Filled says whether the slots were filled, and WouldFill whether the same
	// signatures would fill them; both given time enough for any wait.
	Filled, WouldFill bool
}

// LostSigner is somebody whose signature would not have counted.
type LostSigner struct {
	Worker  workforce.WorkerID
	Verdict actions.Verdict
	Reasons []policy.Reason
}

// Finding is a record that contradicts its own facts or the chain: somebody changed a row,
// or a desk entered something else than its ruling.
type Finding struct {
	Index   int64
	Request string
	Text    string
}

// Replayed is the result of a Replay.
type Replayed struct {
	Proposed  canonical.Digest
	Requests  int64 // ruled on again
	Refusals  int64 // by policy, ruled on again
	Others    int64 // refusals for reasons that no policy decides
	ByLaw     int64 // requests whose need a law decides and no policy: they are not ruled on again
	Unread    map[Unread]int64
	Turns     map[Turn]int64
	Changes   []Change // the weakest first: looser before stricter, critical before standard
	Left      int64    // changes that were left off the list
	Findings  []Finding
	FindingsN int64 // with those that were left off
}

// maxFindings is how many findings are listed; one is enough to stop and look.
const maxFindings = 100

// Replay rules again on the recorded requests and refusals of a ledger, by the policy that
// was in force then and by a proposed set, on the facts as they were then. The facts of an
// act are those in its entry; the facts of people are those that the governance chain gave
// at the entry's place. A Replay is fed with entries in their order, also governance
// entries, which it folds and checks as every follower does. One goroutine uses it.
type Replay struct {
	state        *State
	proposed     *policy.Set
	since, until time.Time
	limit        int
	open         map[string]*replayed
	answers      map[question]Answer
	out          Replayed
}

// replayed is a request that is still held, as far as it was replayed.
type replayed struct {
	record  entry.Request
	change  Change
	signers []actions.Signed
	entered Entered
	expires time.Time
	blind   bool // some signature may not have been readable
}

// NewReplay begins a replay of what was asked from since on and before until. The
// state is the chain up to the first entry that will be taken; it is changed. At
// most limit changes are listed; all are counted.
func NewReplay(state *State, proposed *policy.Set, since, until time.Time, limit int) *Replay {
	return &Replay{state: state, proposed: proposed, since: since, until: until, limit: limit, open: map[string]*replayed{}, answers: map[question]Answer{},
		out: Replayed{Proposed: proposed.Digest(), Unread: map[Unread]int64{}, Turns: map[Turn]int64{}}}
}

// Waiting reports whether signatures at an instant may still belong to requests of the
// window. Entries after the window's end are taken as long as it does.
func (r *Replay) Waiting(at time.Time) bool {
	for id, o := range r.open {
		if at.Before(o.expires) {
			return true
		}
		r.close(id, o)
	}
	return false
}

// Next replays the next entry. An error means that the chain is broken and
// nothing more can be said.
func (r *Replay) Next(p Past) error {
	if p.Leaf.Class == ledger.Governance {
		if p.Unread != "" {
			return broken("Governance entry %d cannot be read: %s", p.Leaf.Number, p.Why)
		}
		return r.state.Apply(p.Leaf, p.Body)
	}
	inside := !p.Body.Time.Before(r.since) && p.Body.Time.Before(r.until)
	switch {
	case p.Unread != "" && inside:
		r.unread(p)
	case p.Request != nil && inside:
		r.request(p, *p.Request)
	case p.Verdict != nil:
		r.verdict(p, *p.Verdict)
	case p.Refusal != nil && inside:
		r.refusal(p, *p.Refusal)
	}
	return nil
}

// unread counts an entry that cannot be replayed. It may have been a signature on any
// request that is still held, so these are marked as blind.
func (r *Replay) unread(p Past) {
	r.out.Unread[p.Unread]++
	if p.Unread == UnreadEdited {
		r.find(p.Index, "", "%s", p.Why)
	}
	for _, o := range r.open {
		o.blind = true
	}
}

func (r *Replay) find(index int64, request, format string, args ...any) {
	r.out.FindingsN++
	if len(r.out.Findings) < maxFindings {
		r.out.Findings = append(r.out.Findings, Finding{index, request, fmt.Sprintf(format, args...)})
	}
}

// rule answers for a worker's request by one set.
func (r *Replay) rule(set *policy.Set, f policy.Facts) Answer {
	return r.remembered(set, f, false, func() Answer { return r.state.ruleBy(set, f) })
}

// countersign answers whether a worker may countersign, by one set.
func (r *Replay) countersign(set *policy.Set, f policy.Facts) Answer {
	return r.remembered(set, f, true, func() Answer { return answerOf(set.MayCountersign(f)) })
}

// question holds all parts of the facts by which a set can tell two cases apart.
type question struct {
	set         *policy.Set
	class       policy.Class
	act         entry.Act
	countersign bool
	laws        int64
}

// maxAnswers is the largest number of answers that are remembered. There are many people of
// one class and few kinds of acts, so it is seldom reached.
const maxAnswers = 1 << 14

// remembered asks a set once for all people who are alike to it.
func (r *Replay) remembered(set *policy.Set, f policy.Facts, countersign bool, ask func() Answer) Answer {
	q := question{set, set.ClassOf(f.Worker), ActOf(f), countersign, r.state.Laws}
	a, ok := r.answers[q]
	if !ok {
		if len(r.answers) >= maxAnswers {
			clear(r.answers)
		}
		a = ask()
		r.answers[q] = a
	}
	return a
}

// ruleBy returns a set's answer to a request, given the people of that time, and adds
// the demands of the laws.
func (s *State) ruleBy(set *policy.Set, f policy.Facts) Answer {
	a := answerOf(s.withLaws(f, set.Rule(f)))
	switch {
	case a.Verdict == policy.Forbidden:
		return a
	case f.Founding:
		a.Need = s.foundingNeed()
	}
	if !a.Need.Zero() {
		a.Verdict = policy.Held // held by a law, although the set permits it
	}
	return a
}

// FactsThen returns what the ruling on a recorded request read, given the chain
// as it was before its entry.
func (s *State) FactsThen(rec entry.Request) policy.Facts {
	return s.factsAt(rec.Act, rec.Signed.Statement, rec.At.Time, rec.At.Time, rec.At.Time)
}

func (s *State) factsAt(a entry.Act, st actions.Statement, requested, own, at time.Time) policy.Facts {
	return PastFacts(a, policy.WorkerOf(s.People.Standing(st.Signer, standsAt(st, requested, own, at, a.Direction, a.Desk()))))
}

// WouldRule returns the ruling that a set would have made on a recorded request, by the
// facts as they were then. The state is the chain as it was before the request's entry.
func (s *State) WouldRule(set *policy.Set, rec entry.Request) Answer {
	return s.ruleBy(set, s.FactsThen(rec))
}

// byLaw reports whether a law, and not the policy, decided the need of a request.
func (r *Replay) byLaw(p Past, request string, law entry.Law, act entry.Act, at time.Time) bool {
	switch {
	case law == "":
		return false
	case r.state.Laws < 2, !act.Desk(), law == entry.LawRecovery && !r.state.Stuck(act.Kind, at):
		r.find(p.Index, request, "It was entered as a %s by law, which by the people of then it was not.", law)
	default:
		r.out.ByLaw++
	}
	return true
}

func (r *Replay) request(p Past, rec entry.Request) {
	if r.byLaw(p, rec.Request, rec.Law, rec.Act, rec.At.Time) {
		return
	}
	facts := r.state.FactsThen(rec)
	then, proposed := r.rule(r.state.Policy, facts), r.rule(r.proposed, facts)
	recorded := Answer{Verdict: policy.Held, Need: rec.Need}
	if rec.Need.Zero() {
		recorded.Verdict = policy.Permitted
	}
	switch skew := p.Body.Time.Sub(rec.At.Time); {
	case !then.Same(recorded):
		r.find(p.Index, rec.Request, "It was entered as %s, and by the policy and the people of then it was %s.", inWords(recorded), inWords(then))
		return
	case skew < -time.Minute || skew > time.Minute:
		r.find(p.Index, rec.Request, "It was judged for %s and entered at %s.", rec.At, p.Body.Time)
		return
	}
	r.out.Requests++
	o := &replayed{record: rec, entered: Entered{facts.Worker.ID: p.Body.Time.Time}, expires: rec.Signed.Statement.Expires.Time, change: Change{Turn: turnOf(then, proposed), Index: p.Index,
		Request: rec.Request, At: p.Body.Time, Worker: facts.Worker.ID, Act: rec.Act, Then: then, Proposed: proposed}}
	if rec.Status == actions.StatusHeld {
		r.open[rec.Request] = o
		return
	}
	o.change.Filled, o.change.WouldFill = true, proposed.Verdict == policy.Permitted
	r.close(rec.Request, o)
}

func inWords(a Answer) string {
	if a.Verdict == policy.Held {
		return "held for " + a.Need.String()
	}
	return string(a.Verdict)
}

// verdict replays one signature on a request: the requester's ruling at that
// instant, whether the signer may sign, and whether the slots are filled.
func (r *Replay) verdict(p Past, rec entry.Verdict) {
	o, ok := r.open[rec.Request]
	if !ok {
		return // asked outside the window, or its request could not be read
	}
	act := o.record.Act
	act.Tier, act.Lifts = rec.Tier, rec.Lifts
	if r.byLaw(p, rec.Request, rec.Law, act, rec.At.Time) {
		delete(r.open, rec.Request)
		r.out.Requests--
		return
	}
	facts := r.state.factsAt(act, o.record.Signed.Statement, o.record.At.Time, rec.At.Time, rec.At.Time)
	then, proposed := r.rule(r.state.Policy, facts), r.rule(r.proposed, facts)
	signer := rec.Signed.Statement
	// A request that contradicts its record is a finding, and is not replayed any further.
	contradicts := func(format string, args ...any) {
		r.find(p.Index, rec.Request, format, args...)
		delete(r.open, rec.Request)
		r.out.Requests--
	}
	if entered := (Answer{policy.Held, rec.Need, nil}); !then.Same(entered) {
		contradicts("When %s signed it was entered as %s, and by the policy and the people of then it was %s.", signer.Signer, inWords(entered), inWords(then))
		return
	}
	if o.change.Turn == "" {
		if o.change.Turn = turnOf(then, proposed); o.change.Turn != "" {
			o.change.Then, o.change.Proposed = then, proposed
		}
	}
	if why, ok := r.may(r.state.Policy, act, signer, o.record.At.Time, rec.At.Time, rec.At.Time, then); !ok {
		contradicts("The signature of %s counted, and by the policy and the people of then it did not: %s", signer.Signer, textOf(why))
		return
	}
	if why, ok := r.may(r.proposed, act, signer, o.record.At.Time, rec.At.Time, rec.At.Time, proposed); !ok && proposed.Verdict != policy.Forbidden {
		o.change.Lost = append(o.change.Lost, LostSigner{signer.Signer, signer.Verdict, why})
	}
	if p.Body.Kind == entry.KindDecline {
		if rec.Status == actions.StatusHeld {
			return // of an act that relieves: only the signer's own yes is withheld
		}
		r.close(rec.Request, o)
		return
	}
	o.signers = append(o.signers, rec.Signed)
	slices.SortFunc(o.signers, func(a, b actions.Signed) int { return cmp.Compare(a.Statement.Signer, b.Statement.Signer) })
	o.entered[signer.Signer] = p.Body.Time.Time
	if filled := r.filled(r.state.Policy, act, o, rec.At.Time, then, true); filled != (rec.Status == actions.StatusApproved) && !o.blind {
		contradicts("With the signature of %s it was entered as %s, and by the policy and the people of then its slots were %s.",
			signer.Signer, rec.Status, map[bool]string{true: "filled", false: "not filled"}[filled])
		return
	}
	approved := rec.Status == actions.StatusApproved
	if approved || r.filled(r.state.Policy, act, o, rec.At.Time, then, false) {
		o.change.Filled, o.change.WouldFill = true, o.blind || r.filled(r.proposed, act, o, rec.At.Time, proposed, false)
	}
	if approved {
		r.close(rec.Request, o)
	}
}

func textOf(why []policy.Reason) string {
	if len(why) == 0 {
		return "only founding officers sign the founding import."
	}
	return why[0].Text
}

// may reports whether a set lets a signer's yes or no count.
func (r *Replay) may(set *policy.Set, act entry.Act, st actions.Statement, requested, own, at time.Time, a Answer) (why []policy.Reason, ok bool) {
	if a.Need.All {
		return nil, slices.Contains(r.state.Officers, st.Signer)
	}
	answer := r.countersign(set, r.state.factsAt(act, st, requested, own, at))
	return answer.Reasons, answer.Verdict == policy.Permitted
}

// filled reports whether the signatures so far fill what an answer asks for: of
// people who are still there, with keys that still are, whom the set lets sign
// (as State.Judge does, but for the signatures, which were checked when they
// came in and are in the ledger). Waits count only if they are asked for.
func (r *Replay) filled(set *policy.Set, act entry.Act, o *replayed, at time.Time, a Answer, waits bool) bool {
	switch a.Verdict {
	case policy.Permitted:
		return true
	case policy.Held:
	default:
		return false
	}
	s := r.state
	wait := time.Duration(a.Need.Wait) * time.Second
	over := func(st actions.Statement) bool { return !waits || o.entered.over(st.Signer, wait, at) }
	if !over(o.record.Signed.Statement) {
		return false
	}
	own := func(st actions.Statement) time.Time { // as Ask.ownTime
		if since, ok := o.entered[st.Signer]; ok && wait > 0 {
			return since
		}
		return at
	}
	signer := func(st actions.Statement) (actions.Signer, bool) {
		key, _ := s.People.Key(st.Key)
		standing := s.People.Standing(st.Signer, standsAt(st, o.record.At.Time, own(st), at, act.Direction, act.Desk()))
		stopped := s.stopped(bare(act), st.Signer, standing, at)
		return actions.Signer{Worker: st.Signer, Key: st.Key, Hardware: key.Hardware && st.Session.IsZero(), Standing: standing},
			standing.Engaged && stopped == nil && key.Worker == st.Signer && key.Live(at) && at.Before(st.Expires.Time)
	}
	requester, _ := signer(o.record.Signed.Statement)
	var signers []actions.Signer
	for _, signed := range o.signers {
		sg, there := signer(signed.Statement)
		if _, ok := r.may(set, act, signed.Statement, o.record.At.Time, own(signed.Statement), at, a); ok && there && over(signed.Statement) {
			signers = append(signers, sg)
		}
	}
	_, ok, _ := actions.Match(a.Need, requester, signers, s.dependence(at))
	return ok
}

// bare returns an action with just the fields that State.stopped reads.
func bare(a entry.Act) actions.Action {
	b := actions.Action{Kind: a.Kind, Direction: a.Direction}
	b.Subject.Platform = a.Platform
	return b
}

// close ends a request and lists it if something changes.
func (r *Replay) close(id string, o *replayed) {
	delete(r.open, id)
	c := o.change
	if c.Turn == "" && len(c.Lost) > 0 {
		c.Turn = SignerRefused
	}
	if c.Filled && !c.WouldFill && (c.Turn == "" || c.Turn == SignerRefused) {
		c.Turn = NotFilled
	}
	if c.Turn != "" {
		r.list(c)
	}
}

func (r *Replay) refusal(p Past, rec entry.Refusal) {
	switch {
	case rec.Count > 1:
		r.out.Unread[UnreadCounted] += rec.Count
		return
	case rec.Ruled == nil && rec.Type == "key-not-hardware":
		r.out.Unread[UnreadKey]++
		return
	case rec.Ruled == nil:
		r.out.Others++
		return
	case rec.Ruled.GovernanceNumber != r.state.Next:
		r.out.Unread[UnreadMoved]++
		return
	}
	u := rec.Ruled
	facts := PastFacts(u.Act, policy.WorkerOf(r.state.People.Standing(u.Worker, u.At.Time)))
	ask := r.rule
	if u.Countersign {
		ask = r.countersign
	}
	then, proposed := ask(r.state.Policy, facts), ask(r.proposed, facts)
	if then.Verdict != policy.Forbidden {
		r.find(p.Index, u.Request, "It was refused to %s, and by the policy and the people of then it was %s.", rec.Worker, inWords(then))
		return
	}
	r.out.Refusals++
	turn := turnOf(then, proposed)
	if turn != "" && u.Countersign {
		turn = NowMayCountersign
	}
	if turn != "" {
		r.list(Change{Turn: turn, Index: p.Index, Request: u.Request, At: p.Body.Time, Worker: u.Worker, Act: u.Act, Refused: true, Then: then, Proposed: proposed})
	}
}

func (r *Replay) list(c Change) {
	r.out.Turns[c.Turn]++
	r.out.Changes = append(r.out.Changes, c)
	if len(r.out.Changes) >= 2*r.limit+1024 {
		r.cut()
	}
}

func (r *Replay) cut() {
	slices.SortFunc(r.out.Changes, weakestFirst)
	if n := len(r.out.Changes) - r.limit; n > 0 {
		r.out.Left += int64(n)
		r.out.Changes = slices.Clone(r.out.Changes[:r.limit])
	}
}

// weakestFirst orders changes: what is looser before what is stricter, the most
// protected first, then by how much it loosens, then by time.
func weakestFirst(a, b Change) int {
	rank := func(c Change) int {
		if c.Turn.Looser() {
			return 0
		}
		return 1
	}
	return cmp.Or(rank(a)-rank(b), b.Act.Tier.Rank()-a.Act.Tier.Rank(), slices.Index(Turns, a.Turn)-slices.Index(Turns, b.Turn), cmp.Compare(a.Index, b.Index))
}

// Result ends the replay. Requests that are still held are listed as they stand.
func (r *Replay) Result() Replayed {
	for id, o := range r.open {
		r.close(id, o)
	}
	r.cut()
	return r.out
}
