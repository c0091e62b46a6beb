package proof

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// RequestPrefix begins every request's identifier.
const RequestPrefix = "req"

// Validity is how long a request may be open, from the end of its wait.
func Validity(a actions.Action) time.Duration {
	if a.Tier == actions.Critical && a.Subject.Platform != actions.DeskPlatform {
		return 4 * time.Hour
	}
	return 24 * time.Hour
}

// LongestLife is the longest time from the beginning of a statement to its end, whatever
// the policy asks for; see checkLife.
const LongestLife = 24*time.Hour + policy.MaxWait

// Ask is the question to a State: an action with its signatures, at an instant.
type Ask struct {
	Action            actions.Action
	Request           actions.Signed
	Countersignatures []actions.Signed
	At                time.Time
	Executor          string       // who asks: it carries out only acts whose statements name it
	Tier              actions.Tier // the subject's tier as it was read; it counts only if it is higher than the action's own
	Lifts             actions.Lifts
	// Entered says when the ledger got each signature. A signature that is missing there
	// has not waited.
	Entered Entered

	// The other members are of version 2.

	// Requested is the time of the ledger's entry of the request; zero while the ledger has
	// none: then it is At.
	Requested time.Time
	// Ruled is when the desk had all signatures and ruled that the act is ready; zero if it
	// rules now: then it is At.
	Ruled    time.Time
	Sessions []actions.SignedSession // those that the statements name
	Decision *actions.SignedDecision // the decision that the action is a measure of
	// Belongs says that the caller has read on the platform that the action's subject belongs
	// to the decision's: it is the account of the owner, or that owner's content.
	Belongs bool
	// BeforeFormats says that the warrant's own entry stands in the ledger before the desk
	// changed its formats. It may be carried out in the formats of before.
	BeforeFormats bool
	// Intended says that the caller has taken the act on already. An end of sessions since
	// then, or of a key, does not stop an undo any more (law 5; casework, section 6).
	Intended bool
}

// goesOn reports whether the act is an undo that was taken on.
func (a Ask) goesOn() bool { return a.Intended && a.Action.Direction == actions.Relieving }

// keysAt returns the instant at which the keys of an act are live and its sessions not void.
func (a Ask) keysAt() time.Time {
	if a.goesOn() {
		return a.entered()
	}
	return a.At
}

// entered returns when the ledger got the request. An entry that is dated later than the
// judgement is believed no further: the judgement of a new request precedes its entry by a
// moment, and an entry from the future must not stop an undo (law 5).
func (a Ask) entered() time.Time {
	if a.Requested.IsZero() || a.Requested.After(a.At) {
		return a.At
	}
	return a.Requested
}

// ownTime returns when a signature became effective that is not the request's: at its own
// entry if a wait is counted from that, else when the desk ruled. Neither is believed beyond
// the judgement.
func (a Ask) ownTime(st actions.Statement) time.Time {
	at, ok := a.Entered[st.Signer]
	if !ok {
		at = a.Ruled
	}
	if at.IsZero() || at.After(a.At) {
		return a.At
	}
	return at
}

// tier returns the tier of the subject: the action's, or a higher one that was read.
func (a Ask) tier() actions.Tier {
	if a.Tier == "" {
		return a.Action.Tier
	}
	return a.Action.Tier.Max(a.Tier)
}

// askWithDigest is an Ask with the digest of its action, made once for all its statements.
type askWithDigest struct {
	Ask
	action canonical.Digest
	// declines says that the statement is a decline or a withdrawal: these go on while the
	// act is frozen.
	declines bool
}

// Judgement is the answer of a State to an Ask that is not forbidden.
type Judgement struct {
	Facts     policy.Facts
	Ruling    policy.Ruling
	Need      actions.Need
	Requester actions.Signer
	Chosen    []actions.Signer // the signers who fill the slots, if Ready
	Ready     bool
	Missing   string // what is still needed, if not Ready
	ByLaw     *ByLaw // the demands of a law in place of the policy; nil if the policy decides
}

// Law returns the law that decides what the act needs; empty if the policy decides.
func (j Judgement) Law() entry.Law {
	if j.ByLaw == nil {
		return ""
	}
	return j.ByLaw.Law
}

// Judge rules on an action at an instant: the action well formed; every
// statement about this action, for this log and executor, in its time, signed
// by a live key of its signer; requester and countersigners engaged; the policy
// in force permitting the requester, and each countersigner, now; the slots
// filled by pairwise independent people. Errors are faults that say which of
// these fails; a request that only lacks signatures or time is no error.
func (s *State) Judge(a Ask) (Judgement, error) {
	if err := s.judgeable(a); err != nil {
		return Judgement{}, err
	}
	return s.judge(askWithDigest{Ask: a, action: a.Action.Digest()})
}

// judgeable makes the checks that need no signature.
func (s *State) judgeable(a Ask) error {
	if !s.Founded() {
		return refuse("not-founded", "The desk is not founded yet: entry 0 is missing.")
	}
	if !s.Settled() {
		return refuse("not-settled", "An admission is incomplete in the governance chain.")
	}
	if err := a.Action.Check(); err != nil {
		return err
	}
	if f := a.Action.Formats(); f != s.Formats && (f > s.Formats || !a.BeforeFormats) {
		return refuse("other-formats", "The action is of version %d, and the desk signs in version %d now. Draft it again.", f, s.Formats)
	}
	if s.Laws >= 2 {
		if err := a.Action.Legible(); err != nil {
			return err
		}
		if err := a.Action.Lasts(a.Request.Statement.NotBefore.Time); err != nil {
			return err
		}
	}
	by := []actions.Statement{a.Request.Statement}
	if a.Decision != nil {
		by = append(by, a.Decision.Signed.Statement)
	}
	if err := namesSessions(a.Sessions, by...); err != nil {
		return err
	}
	if want := s.ExecutorOf(a.Action); a.Executor != want {
		return refuse("foreign-executor", "This action is carried out by %q, not by %q.", want, a.Executor)
	}
	return nil
}

func (s *State) judge(a askWithDigest) (Judgement, error) {
	var j Judgement
	var err error
	if j.Requester, err = s.signer(a, a.Request, VerdictOf(a.Action)); err != nil {
		return j, err
	}
	if err := s.checkEmergency(a.Action, a.Request, j.Requester); err != nil {
		return j, err
	}
	if err := s.decided(a); err != nil {
		return j, err
	}
	j.Facts = FactsOf(a.Action, j.Requester.Standing, a.Tier, a.Lifts)
	j.Ruling = s.RuleOn(a.Action, j.Facts, a.Request.Statement)
	j.Need = j.Ruling.Need
	if j.Ruling.Verdict == policy.Forbidden {
		return j, s.forbidden(a.Ask, j.Facts, j.Ruling, a.Request)
	}
	if j.Facts.Founding {
		if !slices.Contains(s.Officers, j.Requester.Worker) {
			return j, refuse("not-an-officer", "The founding import is requested by a founding officer.")
		}
		j.Need = s.foundingNeed()
	}
	if j.ByLaw, err = s.lawOf(a.Ask, j.Facts); err != nil {
		return j, err
	}
	if j.ByLaw != nil {
		j.Need = j.ByLaw.Need
		j.Ruling.Reasons = append(slices.Clip(j.Ruling.Reasons), j.ByLaw.Reason)
	}
	if err := checkLife(a.Ask, a.Request, j.Need); err != nil {
		return j, err
	}
	signers, err := s.countersigners(a, &j)
	if err != nil {
		return j, err
	}
	s.match(a.Ask, &j, signers)
	return j, nil
}

// VerdictOf returns the verdict of the statement that requests an action.
func VerdictOf(a actions.Action) actions.Verdict {
	switch {
	case a.Undo():
		return actions.VerdictReverse
	case a.Kind == actions.DeskFreeze && a.Direction == actions.Relieving:
		return actions.VerdictFreeze
	}
	return actions.VerdictRequest
}

// match fills the slots. A wait runs from the time at which the ledger got each signature
// that counts: the signers write the times in their statements, and could all date them
// back.
func (s *State) match(a Ask, j *Judgement, signers []actions.Signer) {
	wait := time.Duration(j.Need.Wait) * time.Second
	over := func(signed actions.Signed) bool { return a.Entered.over(signed.Statement.Signer, wait, a.At) }
	var waited []actions.Signer
	for i, sg := range signers {
		if over(a.Countersignatures[i]) {
			waited = append(waited, sg)
		}
	}
	fill := func(signers []actions.Signer) ([]actions.Signer, bool, string) {
		if j.ByLaw != nil && j.ByLaw.Law == entry.LawRecovery {
			return j.ByLaw.match(j.Requester, signers)
		}
		return actions.Match(j.Need, j.Requester, signers, s.dependence(a.At))
	}
	var ok bool
	j.Chosen, ok, j.Missing = fill(waited)
	j.Ready = ok && over(a.Request)
	if j.Ready {
		return
	}
	j.Chosen = nil
	_, ok, j.Missing = fill(signers)
	if !ok && j.Need.All {
		var lacking []string
		for _, o := range s.Officers {
			if o != j.Requester.Worker && !slices.ContainsFunc(signers, func(sg actions.Signer) bool { return sg.Worker == o }) {
				lacking = append(lacking, string(o))
			}
		}
		if len(lacking) > 0 {
			j.Missing = signaturesOf(lacking)
		}
	}
	if ok {
		j.Missing = "waiting for " + wait.String() + " from the last signature that is needed"
	}
}

// Waits reports whether the policy, or a law, now demands a wait for an act of this
// requester.
func (s *State) Waits(a Ask) bool {
	standing := s.People.Standing(a.Request.Statement.Signer, a.standsAt(a.Request.Statement))
	facts := FactsOf(a.Action, standing, a.Tier, a.Lifts)
	if l, err := s.ByLaw(a.Action, facts, a.Request.Statement, a.At); err == nil && l != nil {
		return l.Need.Wait > 0
	}
	return s.Policy.Rule(facts).Need.Wait > 0
}

// ExecutorOf returns who carries an action out: for a change of the desk the desk itself,
// for everything else the executor that the chain names.
func (s *State) ExecutorOf(a actions.Action) string {
	if specDesk(a) {
		return DeskExecutor
	}
	return s.Trust.Executor
}

// foundingNeed returns the need of the founding import, which is the same under every
// policy.
func (s *State) foundingNeed() actions.Need {
	return actions.Need{Independent: len(s.Officers) - 1, All: true}
}

// forbidden returns the refusal for a ruling that forbids an act to the signer of a
// statement.
func (s *State) forbidden(a Ask, facts policy.Facts, r policy.Ruling, signed actions.Signed) error {
	f := refuse("forbidden-by-policy", "The policy forbids it.")
	if len(r.Reasons) > 0 {
		f.Text = r.Reasons[0].Text
	}
	for _, reason := range r.Reasons {
		f.Detail = append(f.Detail, fault.Detail{At: reason.Policy, Text: reason.Text})
	}
	st := signed.Statement
	return &refusal{f, entry.Ruled{Act: ActOf(facts), At: canonical.At(a.standsAt(st)),
		Countersign:      st.Verdict == actions.VerdictCountersign || st.Verdict == actions.VerdictDecline,
		GovernanceNumber: s.Next, Request: st.Request, Worker: st.Signer}}
}

// FactsOf gathers the facts of a ruling about a worker and an action. The tier is the
// higher of the action's and the one that was read.
func FactsOf(a actions.Action, st workforce.Standing, read actions.Tier, lifts actions.Lifts) policy.Facts {
	spec, _ := actions.SpecOf(a.Kind)
	f := policy.Facts{
		Worker:    policy.WorkerOf(st),
		Kind:      a.Kind,
		Direction: a.Direction,
		Effect:    a.Effect,
		Verb:      a.Command.Verb,
		Category:  a.Category,
		Lifts:     lifts,
		CaseGiven: a.Case != "",
	}
	f.Subject.Platform = a.Subject.Platform
	f.Subject.Tier = a.Tier
	if spec.Desk {
		f.Subject.Sort, f.Subject.Part = policy.Desk, a.Subject.ID
		if ch, err := actions.ParseChange(a.Kind, a.Change); err == nil {
			admit, ok := ch.(actions.Admit)
			f.Founding = ok && admit.Founding
		}
		return f
	}
	f.Subject.Sort = spec.Sort
	if read != "" {
		f.Subject.Tier = a.Tier.Max(read)
	}
	return f
}

// dependence says why two people are not independent at an instant. The founding
// statement, which all of them signed, declares its officers independent by
// having them as employees without managers; from the moment an admission says
// otherwise, independence is computed for them as for everybody.
func (s *State) dependence(at time.Time) func(a, b workforce.WorkerID) string {
	return func(a, b workforce.WorkerID) string { return s.People.Dependence(a, b, at) }
}

// signer checks one statement, its signature, and that the person who made it may act.
func (s *State) signer(a askWithDigest, signed actions.Signed, want actions.Verdict) (actions.Signer, error) {
	st := signed.Statement
	bad := func(format string, args ...any) (actions.Signer, error) {
		return actions.Signer{}, refuse("bad-statement", "The statement of %s does not fit: %s.", st.Signer, fmt.Sprintf(format, args...))
	}
	switch {
	case st.V != actions.StatementVersion(a.Action.Formats()):
		return bad("its version is not that of the action, %s", a.Action.V)
	case !s.Ours(st):
		return bad("it is for the ledger %q, this is %q", st.Log, s.LogName())
	case !id.Valid(RequestPrefix, st.Request) || st.Request != a.Request.Statement.Request:
		return bad("it is about another request")
	case st.Action != a.action:
		return bad("it is about another action: what was signed is not what is asked")
	case !st.Document.IsZero() || !st.Batch.IsZero() || st.Decision != a.Request.Statement.Decision:
		return bad("it names a document, a batch, or another decision than the request's")
	case st.Verdict != want || st.Alarm && want != actions.VerdictDecline:
		return bad("it says %q where %q is needed", st.Verdict, want)
	case st.Executor != a.Executor:
		return bad("it is for the executor %q, this is %q", st.Executor, a.Executor)
	case st.Policy.IsZero() || len(st.Nonce) != 32:
		return bad("it names no policy, or its nonce is not 32 bytes")
	case a.Action.Command.Mark != "" && a.Action.Command.Mark != platform.MarkOf(st.Request):
		return bad("the command would leave another mark than the request's")
	}
	if a.At.Before(st.NotBefore.Time) {
		return bad("it is not valid before %s", st.NotBefore)
	}
	if !a.At.Before(st.Expires.Time) {
		return actions.Signer{}, fault.New(fault.Expired, "expired", "The request expired at %s; ask again.", st.Expires)
	}
	key, err := s.liveKey(st.Key, st.Signer, a.keysAt())
	if err != nil {
		return actions.Signer{}, err
	}
	standing := s.People.Standing(st.Signer, a.standsAt(st))
	if !standing.Engaged {
		return actions.Signer{}, refuse("engagement-ended", "%s may not act: %s.", st.Signer, standing.Why)
	}
	if !a.declines {
		if err := s.stopped(a.Action, st.Signer, standing, a.At); err != nil {
			return actions.Signer{}, err
		}
	}
	if err := s.verifyBy(signed, key, a.Sessions, s.useOf(a.Ask, st), a.keysAt()); err != nil {
		return actions.Signer{}, err
	}
	return actions.Signer{Worker: st.Signer, Key: st.Key, Hardware: key.Hardware && st.Session.IsZero(), Standing: standing}, nil
}

// Ours reports whether a statement, of either version, is for this desk's ledger.
func (s *State) Ours(st actions.Statement) bool {
	switch st.V {
	case actions.StatementV1:
		return st.Log == s.LogName()
	case actions.StatementV2:
		return st.Log == s.Origin && st.Founding == s.Root
	}
	return false
}

// useOf returns the use that a statement about an action makes of a session. A session
// signs requests of the kinds that the catalogue marks, for standard subjects. The tier is
// the highest that was read. Of changes of the desk it signs the end of its owner's
// sessions.
func (s *State) useOf(a Ask, st actions.Statement) use {
	u := usedFor(a.Action.Kind, st, a.tier(), a.entered())
	if s.endsOwnSessions(a.Action, st) {
		u.allowed, u.tiered = true, false
	}
	u.goesOn = a.goesOn()
	return u
}

// usedFor is useOf for a kind of act on a subject of a tier, by the catalogue alone.
func usedFor(k actions.Kind, st actions.Statement, tier actions.Tier, entered time.Time) use {
	spec, _ := actions.SpecOf(k)
	return use{what: string(st.Verdict) + " " + string(k), allowed: spec.Session, tiered: true, tier: tier, entered: entered}
}

// UnderSession returns the refusal if a session does not sign the request of a kind of act, or
// its undo, on a subject of a tier. Judge refuses it then, whoever asks.
func UnderSession(k actions.Kind, v actions.Verdict, tier actions.Tier) error {
	return usedFor(k, actions.Statement{Verdict: v}, tier, time.Time{}).refused(v)
}

// RuleOn is Rule for an action and the statement that requests it: everybody may end their
// own sessions, whatever the policy says.
func (s *State) RuleOn(a actions.Action, f policy.Facts, st actions.Statement) policy.Ruling {
	if s.endsOwnSessions(a, st) {
		return policy.Ruling{Verdict: policy.Permitted, Reasons: []policy.Reason{{Policy: policy.LawOwnSessions, Text: "Everybody may end their own sessions."}}}
	}
	return s.Rule(f)
}

// endsOwnSessions reports whether a change ends only sessions of the person who signs it.
func (s *State) endsOwnSessions(a actions.Action, st actions.Statement) bool {
	if a.Kind != actions.DeskKey || a.Subject.ID != actions.PartSessions {
		return false
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	c, ok := ch.(actions.Keys)
	return err == nil && ok && c.Void != nil && s.OwnVoid(st, *c.Void)
}

func specDesk(a actions.Action) bool { return a.Subject.Platform == actions.DeskPlatform }

// standsAt returns the instant for which the standing of a statement's signer is read.
func (a Ask) standsAt(st actions.Statement) time.Time {
	return standsAt(st, a.entered(), a.ownTime(st), a.At, a.Action.Direction, specDesk(a.Action))
}

// standsAt returns the instant for which a signer's standing is read in a judgement at an
// instant, of a request that the ledger got at requested; own is when the signature became
// effective, if it is not the request's.
//
// The lift of a measure stands if each signer was engaged when they signed: it does not
// depend on who has left since (law 5). For the requester that is when the ledger got the
// request. Somebody who countersigns later may have left by then, so that their standing is
// read at their own time. Version 1 takes the time from the statement, where it is the
// signer's own word. Changes of the desk are applied at once, so that the standing is read as
// it is then.
func standsAt(st actions.Statement, requested, own, at time.Time, d actions.Direction, desk bool) time.Time {
	switch {
	case d != actions.Relieving || desk:
		return at
	case st.V == actions.StatementV1:
		return st.NotBefore.Time
	case st.Verdict == actions.VerdictRequest, st.Verdict == actions.VerdictReverse, st.Verdict == actions.VerdictFreeze:
		return requested
	}
	return own
}

// checkLife refuses a statement that would live longer than requests may: a
// signature must not be there to be used years later.
func checkLife(a Ask, signed actions.Signed, need actions.Need) error {
	st := signed.Statement
	most := Validity(a.Action) + time.Duration(need.Wait)*time.Second
	if st.Expires.Sub(st.NotBefore.Time) > most {
		return refuse("bad-statement", "The statement of %s would be good for longer than %s.", st.Signer, most)
	}
	return nil
}

func (s *State) countersigners(a askWithDigest, j *Judgement) ([]actions.Signer, error) {
	var signers []actions.Signer
	for i, c := range a.Countersignatures {
		if i > 0 && a.Countersignatures[i-1].Statement.Signer >= c.Statement.Signer {
			return nil, refuse("bad-statement", "Countersignatures are sorted by signer, each person once.")
		}
		sg, err := s.signer(a, c, actions.VerdictCountersign)
		if err != nil {
			return nil, err
		}
		if err := checkLife(a.Ask, c, j.Need); err != nil {
			return nil, err
		}
		if err := s.checkEmergency(a.Action, a.Request, sg); err != nil {
			return nil, err
		}
		if err := s.mayCountersign(a.Ask, j, sg, c); err != nil {
			return nil, err
		}
		signers = append(signers, sg)
	}
	return signers, nil
}

// mayCountersign checks what policy says of one countersigner.
func (s *State) mayCountersign(a Ask, j *Judgement, sg actions.Signer, c actions.Signed) error {
	if j.Need.All {
		if !slices.Contains(s.Officers, sg.Worker) {
			return refuse("not-an-officer", "Only founding officers countersign the founding import.")
		}
		return nil
	}
	facts := FactsOf(a.Action, sg.Standing, a.Tier, a.Lifts)
	if j.ByLaw != nil {
		facts.Direction = actions.Burdening // the change needs others, so those decide who may burden
	}
	if r := s.Policy.MayCountersign(facts); r.Verdict == policy.Forbidden {
		return s.forbidden(a, facts, r, c)
	}
	return nil
}

// Candidate checks whether one more countersignature would count for a request: the
// statement must be good, the policy must permit it, and the signer must be independent of
// the requester. The error tells no more than the signer may know.
func (s *State) Candidate(a Ask, c actions.Signed) error {
	alone := a
	alone.Countersignatures = []actions.Signed{c}
	j, err := s.Judge(alone)
	if err != nil {
		return err
	}
	if j.ByLaw != nil && j.ByLaw.Law == entry.LawRecovery {
		if !j.ByLaw.asks(c.Statement.Signer) {
			return refuse("not-left", "This countersignature does not count: %s", j.ByLaw.Reason.Text)
		}
	} else if why := s.dependence(a.At)(j.Requester.Worker, c.Statement.Signer); why != "" {
		return refuse("not-independent", "This countersignature does not count: %s.", why)
	}
	if k, _ := s.People.Key(c.Statement.Key); j.Need.Hardware && !k.Hardware {
		return refuse("key-not-hardware", "This act needs keys that are bound to hardware; %s is not.", c.Statement.Key)
	}
	return nil
}

// Asks says whether a countersignature of a worker could count for a request, as far as that
// is known without one: it makes the demands of Candidate on the person, and checks no signature.
// The error tells no more than the worker may know.
func (s *State) Asks(a Ask, w workforce.WorkerID) error {
	standing, err := s.engagedFor(a, w)
	if err != nil {
		return err
	}
	j, err := s.demands(a)
	if err != nil {
		return err
	}
	return s.asks(a, j, standing, w)
}

// CouldSign lists the workers whose countersignature could count for a request, as Asks says.
func (s *State) CouldSign(a Ask) ([]workforce.WorkerID, error) {
	j, err := s.demands(a)
	if err != nil {
		return nil, err
	}
	var all []workforce.WorkerID
	for _, w := range s.People.Sorted() {
		if standing, err := s.engagedFor(a, w.Worker); err == nil && s.asks(a, j, standing, w.Worker) == nil {
			all = append(all, w.Worker)
		}
	}
	return all, nil
}

// engagedFor refuses a worker who may not sign anything like this act now.
func (s *State) engagedFor(a Ask, w workforce.WorkerID) (workforce.Standing, error) {
	standing := s.People.Standing(w, a.At)
	if !standing.Engaged {
		return standing, refuse("engagement-ended", "%s may not act: %s.", w, standing.Why)
	}
	if err := s.stopped(a.Action, w, standing, a.At); err != nil {
		return standing, err
	}
	return standing, s.checkEmergency(a.Action, a.Request, actions.Signer{Worker: w, Standing: standing})
}

// asks is Asks for somebody of a standing, with what the request needs.
func (s *State) asks(a Ask, j Judgement, standing workforce.Standing, w workforce.WorkerID) error {
	st := a.Request.Statement
	if err := s.mayCountersign(a, &j, actions.Signer{Worker: w, Standing: standing}, actions.Signed{Statement: actions.Statement{Signer: w, Request: st.Request, Verdict: actions.VerdictCountersign}}); err != nil {
		return err
	}
	if j.ByLaw != nil && j.ByLaw.Law == entry.LawRecovery {
		if !j.ByLaw.asks(w) {
			return refuse("not-left", "A countersignature of yours would not count: %s", j.ByLaw.Reason.Text)
		}
	} else if why := s.dependence(a.At)(st.Signer, w); why != "" {
		return refuse("not-independent", "A countersignature of yours would not count: you and the person who asks are not independent of each other.")
	}
	if j.Need.Hardware && !slices.ContainsFunc(s.People.KeysOf(w), func(k workforce.Key) bool { return k.Hardware && k.Live(a.At) }) {
		return refuse("key-not-hardware", "This act needs keys that are bound to hardware, and you have none.")
	}
	return nil
}

// Demands says what a request needs, and why, by the policy and the laws of now. It checks no
// signature.
func (s *State) Demands(a Ask) (actions.Need, []policy.Reason, error) {
	j, err := s.demands(a)
	return j.Need, j.Ruling.Reasons, err
}

func (s *State) demands(a Ask) (j Judgement, err error) {
	st := a.Request.Statement
	j.Facts = FactsOf(a.Action, s.People.Standing(st.Signer, a.standsAt(st)), a.Tier, a.Lifts)
	j.Ruling = s.RuleOn(a.Action, j.Facts, st)
	j.Need = j.Ruling.Need
	if j.Facts.Founding {
		j.Need = s.foundingNeed()
	}
	if j.ByLaw, err = s.lawOf(a, j.Facts); err == nil && j.ByLaw != nil {
		j.Need = j.ByLaw.Need
		j.Ruling.Reasons = append(slices.Clip(j.Ruling.Reasons), j.ByLaw.Reason)
	}
	return j, err
}

// Lapsed returns why a request can become ready no more, whoever countersigns it: its
// requester's own signature does not hold any more. It is nil if it holds. That acts are
// frozen is no such reason, since a freeze ends.
func (s *State) Lapsed(a Ask) *actions.Lapse {
	_, err := s.signer(askWithDigest{Ask: a, action: a.Action.Digest(), declines: true}, a.Request, VerdictOf(a.Action))
	by, why := a.Request.Statement.Signer, ""
	switch fault.TypeOf(err) {
	case "session-void":
		why = fmt.Sprintf("the session under which %s signed it was ended", by)
	case "own-key-needed":
		why = fmt.Sprintf("%s signed it under a session, which signs for standard subjects only, and its subject is %s now", by, a.tier())
	case "revoked-key", "unknown-key":
		why = fmt.Sprintf("the key with which %s signed it is revoked", by)
	case "engagement-ended":
		why = fmt.Sprintf("%s, who asked for it, is no longer at this desk", by)
	default:
		return nil
	}
	return &actions.Lapse{Type: fault.TypeOf(err), Text: why}
}

// MayDecline checks a decline. Everybody who could countersign may decline, with two
// exceptions. Those whose own acts are frozen, or who are about to leave, cannot stop
// others. Those who had a part in an act, or depend on somebody who had, cannot decline its
// review. A freeze of everything, or of a platform, keeps nobody from declining. The result
// is the judgement of the request without signatures.
func (s *State) MayDecline(a Ask, c actions.Signed) (Judgement, error) {
	a.Countersignatures = nil
	if err := s.judgeable(a); err != nil {
		return Judgement{}, err
	}
	h := askWithDigest{Ask: a, action: a.Action.Digest(), declines: true}
	j, err := s.judge(h)
	if err != nil {
		return j, err
	}
	sg, err := s.signer(h, c, actions.VerdictDecline)
	if err != nil {
		return j, err
	}
	if err := s.stopsNobody(a.Action, sg, a.At); err != nil {
		return j, err
	}
	if err := s.mayCountersign(a, &j, sg, c); err != nil {
		return j, err
	}
	if why := s.dependence(a.At)(j.Requester.Worker, c.Statement.Signer); why != "" {
		return j, refuse("not-independent", "This decline does not count: %s.", why)
	}
	return j, nil
}

// MayWithdraw checks a withdrawal. Only the requester takes a request back, with a
// statement of their own over its action, frozen or not. Of the ask it uses the action, the
// request, the executor and the instant. It does not check the request's own signature.
func (s *State) MayWithdraw(a Ask, c actions.Signed) error {
	a.Countersignatures = nil
	if err := s.judgeable(a); err != nil {
		return err
	}
	if by := a.Request.Statement.Signer; c.Statement.Signer != by {
		return refuse("not-requester", "Only %s, who requested it, may withdraw it; others decline.", by)
	}
	_, err := s.signer(askWithDigest{Ask: a, action: a.Action.Digest(), declines: true}, c, actions.VerdictWithdraw)
	return err
}

// stopsNobody returns the reason why a signer may not decline; nil if there is none.
func (s *State) stopsNobody(a actions.Action, sg actions.Signer, at time.Time) error {
	for _, key := range []actions.Freeze{{Scope: actions.ScopeWorker, Of: string(sg.Worker)}, {Scope: actions.ScopeVendor, Of: string(sg.Standing.Vendor)}} {
		if f, ok := s.Freezes[key.Key()]; ok {
			return refuse("frozen", "The acts of %s, and so the declines, are frozen since %s.", sg.Worker, f.At)
		}
	}
	if sg.Standing.InNotice || sg.Standing.Ratchet {
		return refuse("leaving", "%s has given or been given notice, or is in the last days of the engagement, and may not decline any more.", sg.Worker)
	}
	if a.Kind != actions.DeskReview {
		return nil
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	depends := s.dependence(at)
	for _, involved := range ch.(actions.Review).Involved {
		if involved == sg.Worker || depends(sg.Worker, involved) != "" {
			return refuse("own-review", "%s was involved, or depends on somebody who was, and may not decline the review.", sg.Worker)
		}
	}
	return nil
}

// sentence begins one.
func sentence(words string) string { return strings.ToUpper(words[:1]) + words[1:] }

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
