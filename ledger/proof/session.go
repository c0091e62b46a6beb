package proof

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"math"
	"math/big"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// sessionAhead is the most by which a session may begin after the instant at which it is
// judged: the clocks of signer and judge may differ (design, law 5).
const sessionAhead = time.Minute

// SessionLate is the most by which a session may have begun when it is started at the desk:
// a person needs a moment to touch the key, and the clocks may differ by a minute. Whoever
// finds a key plugged in could otherwise date a session back. It would begin before what the
// owner has entered under their own session since, and what a newer session leaves alone
// (entered before it began) would not be left alone.
const SessionLate = 5 * time.Minute

// VerifySession checks a signature over a challenge by a session's key. Errors are faults
// of type "bad-signature".
func VerifySession(k actions.SessionKey, challenge [32]byte, s actions.Signature) error {
	if len(s.AuthenticatorData) != 0 || len(s.ClientData) != 0 {
		return badSignature("A session's signature has no authenticator data.")
	}
	switch k.Algorithm {
	case actions.SessionEd25519:
		if verifyEd25519(k.Public, challenge[:], s.Signature) {
			return nil
		}
	case actions.SessionP256:
		digest := sha256.Sum256(challenge[:])
		if len(s.Signature) == 64 && verifyP256("p1363", k.Public, digest[:], s.Signature, func(key *ecdsa.PublicKey) bool {
			return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(s.Signature[:32]), new(big.Int).SetBytes(s.Signature[32:]))
		}) {
			return nil
		}
	default:
		return badSignature("The algorithm %q of the session's key is unknown.", k.Algorithm)
	}
	return badSignature("The signature by the session's key does not verify.")
}

// Certified checks a session at an instant: that it is well formed and of this desk, that a
// live key of an engaged worker certifies it, and that nobody has made it void. It does not
// check that the session's time has come or is over. Errors are faults of type
// "bad-session", "session-void", "unknown-key", "revoked-key", "engagement-ended" or
// "bad-signature".
func (s *State) Certified(x actions.SignedSession, at time.Time) error {
	if err := s.certified(x, at, false); err != nil {
		return err
	}
	if standing := s.People.Standing(x.Session.Worker, at); !standing.Engaged {
		return refuse("engagement-ended", "%s may not act: %s.", x.Session.Worker, standing.Why)
	}
	return nil
}

// certified is Certified without the worker's engagement. goesOn says that it does not
// matter whether the session was made void.
func (s *State) certified(x actions.SignedSession, at time.Time, goesOn bool) error {
	c := x.Session
	if err := c.Check(); err != nil {
		return err
	}
	if c.Log != s.Origin || c.Founding != s.Root {
		return refuse("bad-session", "The session of %s is for another ledger: %q, founded by %s.", c.Worker, c.Log, c.Founding)
	}
	if c.NotBefore.After(at.Add(sessionAhead)) {
		return refuse("bad-session", "The session of %s begins at %s, more than a minute from now. Set the clock of the computer on which it was made.", c.Worker, c.NotBefore)
	}
	key, err := s.liveKey(c.Key, c.Worker, at)
	if err != nil {
		return err
	}
	if before, is := s.Voided(c); is && !goesOn {
		return refuse("session-void", "The session of %s is void: the sessions that were certified before %s were ended. Start a new one with `countersign session start`.", c.Worker, before)
	}
	return VerifySignature(key.PublicKey, c.Challenge(), x.Signature, s.Sites())
}

// liveKey returns a worker's key that is enrolled and not revoked at an instant.
func (s *State) liveKey(id workforce.KeyID, w workforce.WorkerID, at time.Time) (workforce.Key, error) {
	key, ok := s.People.Key(id)
	switch {
	case !ok:
		return key, refuse("unknown-key", "The key %s is not enrolled at this desk.", id)
	case key.Worker != w:
		return key, refuse("unknown-key", "The key %s does not belong to %s.", id, w)
	case !key.Live(at):
		return key, refuse("revoked-key", "The key %s of %s is revoked, or was not enrolled yet at that time.", id, w)
	}
	return key, nil
}

// EndOfSessions is what a Void does.
type EndOfSessions struct {
	Before canonical.Time // sessions that begin before this are void
	At     canonical.Time // when it was made
	Entry  int64          // number of its governance entry; unentered: the ledger has none
}

// unentered is the number of an end of sessions that the executor took and the ledger does
// not hold yet: nobody who signs a session knows of it.
const unentered = math.MaxInt64

// ends reports whether a session is void: it begins before the instant that was given, or
// nothing shows that it was certified later. A session may begin long after it was certified,
// so when it begins shows nothing; nor does it matter when the ledger got the end.
func (v EndOfSessions) ends(c actions.Session, knows known) bool {
	return c.NotBefore.Before(v.Before.Time) || knows.number < v.Entry && (v.Entry == unentered || knows.at.Before(v.Before.Add(sessionAhead)))
}

// known is the newest governance entry that the signer of a session knew.
type known struct {
	number int64 // -1 if this chain has no such entry
	at     canonical.Time
}

// knows returns the governance entry that a session names.
func (s *State) knows(c actions.Session) known {
	for i, leaf := range slices.Backward(s.leaves) {
		if leaf == c.After {
			return known{int64(i), s.times[i]}
		}
	}
	return known{number: -1}
}

// Knows reports whether this chain has the governance entry that a session names.
func (s *State) Knows(c actions.Session) bool { return s.knows(c).number >= 0 }

// endsOf returns the ends of sessions in the scopes of a session. The end of a vendor's
// sessions also holds for those who were of that vendor when it was made, and have changed
// since.
func (s *State) endsOf(c actions.Session) (all []EndOfSessions) {
	for _, v := range s.Scopes(c) {
		all = append(all, s.Voids[v.Key()]...)
	}
	w, _ := s.People.Worker(c.Worker)
	since := time.Time{}
	for _, tie := range w.Past {
		for _, end := range s.Voids[actions.Void{Scope: actions.ScopeVendor, Of: string(tie.Vendor)}.Key()] {
			if !end.At.Before(since) && end.At.Before(tie.Until) {
				all = append(all, end)
			}
		}
		since = tie.Until
	}
	return all
}

// EndedBy reports whether the governance entry of a number made a session void.
func (s *State) EndedBy(c actions.Session, entry int64) bool {
	knows := s.knows(c)
	return slices.ContainsFunc(s.endsOf(c), func(end EndOfSessions) bool { return end.Entry == entry && end.ends(c, knows) })
}

// Voided returns the instant before which the sessions of a session's scope are void, if
// the session is one of them: that of EndOf.
func (s *State) Voided(c actions.Session) (before canonical.Time, is bool) {
	end, is := s.EndOf(c)
	return end.Before, is
}

// EndOf returns the end that made a session void, if one did: the first one, which is the
// one that an investigator asks for.
func (s *State) EndOf(c actions.Session) (first EndOfSessions, is bool) {
	if len(s.Voids) == 0 {
		return first, false
	}
	knows := s.knows(c)
	for _, end := range s.endsOf(c) {
		if end.ends(c, knows) && (!is || end.At.Before(first.At.Time)) {
			first, is = end, true
		}
	}
	return first, is
}

// Scopes returns the scopes in which a session may be ended early. The instant of each is
// empty.
func (s *State) Scopes(c actions.Session) []actions.Void {
	w, _ := s.People.Worker(c.Worker)
	return []actions.Void{{Scope: actions.ScopeKey, Of: string(c.Key)}, {Scope: actions.ScopeWorker, Of: string(c.Worker)},
		{Scope: actions.ScopeVendor, Of: string(w.Vendor)}, {Scope: actions.ScopeAll}}
}

// namesSessions checks that sessions are those that statements name, sorted by their
// digests, each once. A session that is missing is refused when the signature is checked.
func namesSessions(sessions []actions.SignedSession, by ...actions.Statement) error {
	last := canonical.Digest{}
	for _, x := range sessions {
		d := x.Session.Digest()
		if !slices.ContainsFunc(by, func(st actions.Statement) bool { return st.Session == d }) || slices.Compare(last[:], d[:]) >= 0 {
			return refuse("surplus-session", "The sessions that come with statements are those that the statements name, sorted by their digests, each once.")
		}
		last = d
	}
	return nil
}

// use is the use that a statement makes of a session.
type use struct {
	what    string // for a text: "request account.takedown"
	allowed bool   // the catalogue lets a session sign it
	tiered  bool   // it is good on the tier standard only
	tier    actions.Tier
	entered time.Time // when the ledger got it; the instant of the judgement, if the ledger has not got it yet
	goesOn  bool      // it is part of an undo that was taken on: no end of sessions stops it any more
}

// underSession checks a statement that names a session: that the session is there and
// certified, that the statement was begun and entered within its time, that a session may
// sign it, and its signature. These are all checks of a session; desk, executor and
// verifier make them here.
func (s *State) underSession(signed actions.Signed, sessions []actions.SignedSession, u use, at time.Time) error {
	st := signed.Statement
	if err := u.refused(st.Verdict); err != nil {
		return err // first of all, since nobody looks for the session of a countersignature
	}
	x, err := sessionOf(st, sessions)
	if err != nil {
		return err
	}
	switch c := x.Session; {
	case !c.Holds(st.NotBefore.Time):
		return refuse("outside-session", "The statement of %s is valid from %s, which is outside of the session from %s to %s.", st.Signer, st.NotBefore, c.NotBefore, c.Expires)
	case !c.Holds(u.entered):
		return refuse("outside-session", "What %s signed was entered at %s, which is outside of the session from %s to %s. Start a new session with `countersign session start`.", st.Signer, canonical.At(u.entered), c.NotBefore, c.Expires)
	}
	if err := s.certified(x, at, u.goesOn); err != nil {
		return err
	}
	return VerifySession(x.Session.SessionKey, st.Challenge(), signed.Signature)
}

// refused returns the refusal of a use that no session is good for.
func (u use) refused(v actions.Verdict) error {
	switch {
	case !actions.SessionSigns(v) || !u.allowed:
		return refuse("own-key-needed", "A session does not sign this: %s. Sign it with your own key.", u.what)
	case u.tiered && u.tier != actions.Standard:
		return refuse("own-key-needed", "The subject is %s, and a session signs for standard subjects only. Ask again and sign with your own key.", u.tier)
	}
	return nil
}

// SignedBy checks what a person said in an entry of the desk, as it was when the entry was
// made: with the checks of its signer that desk and executor make, of a deed with all checks.
// It does not see the action itself, which is sealed: kind and tier are those that the entry
// names. A warrant's reader compares the entry with the action; see signatures. What was said
// need not have been allowed.
//
// The desk judges a moment before it enters. So what was good at an instant up to a minute
// before the entry passes, if no governance entry came in between.
func (s *State) SignedBy(said entry.Said, at time.Time) error {
	at = s.believed(at)
	err := s.saidAt(said, at)
	if before := s.believed(at.Add(-sessionAhead)); err != nil && before.Before(at) && s.saidAt(said, before) == nil {
		return nil
	}
	return err
}

// believed returns the time of an entry of the desk that stands in the ledger after this
// state and before the next governance entry: its own, and never before that of the newest
// governance entry ahead of it. Only a desk that lies dates an entry earlier.
func (s *State) believed(at time.Time) time.Time {
	if at.Before(s.Time.Time) {
		return s.Time.Time
	}
	return at
}

// saidAt is SignedBy for one instant.
func (s *State) saidAt(said entry.Said, at time.Time) error {
	if said.Deed != nil {
		return s.MayDo(*said.Deed, at)
	}
	st := said.Statement
	u, stands, by := use{what: string(st.Verdict), entered: at}, at, []actions.Statement{st}
	if st.V == actions.StatementV1 {
		stands = st.NotBefore.Time // see standsAt; the entry of a countersignature does not say what for
	}
	if st.Verdict == actions.VerdictDecide {
		u.allowed = true // on which tiers, its measures say; they are requests of their own
	}
	if said.Act != nil {
		u, stands = usedFor(said.Act.Kind, st, said.Act.Tier, at), standsAt(st, at, at, at, said.Act.Direction, said.Act.Desk())
		if said.Act.Kind == actions.DeskKey && said.Act.Part == actions.PartSessions {
			u.allowed, u.tiered = true, false // that they are the signer's own is checked in the chain
		}
	}
	if said.Decided != nil {
		by = append(by, said.Decided.Statement)
	}
	switch {
	case st.V != actions.StatementVersion(s.Formats):
		return refuse("other-formats", "The statement is %s, and the desk signed %s when it was entered.", st.V, actions.StatementVersion(s.Formats))
	case at.Before(st.NotBefore.Time):
		return refuse("bad-statement", "The statement of %s does not fit: it is not valid before %s.", st.Signer, st.NotBefore)
	}
	if err := namesSessions(said.Sessions, by...); err != nil {
		return err
	}
	if err := s.bySigner(said.Signed, said.Sessions, u, stands, at); err != nil || said.Decided == nil {
		return err
	}
	bad := func(what string) error {
		return refuse("bad-decision", "The decision does not fit the measure of %s: %s.", st.Signer, what)
	}
	if twoSessions(st, said.Decided.Statement) {
		return bad("it was signed under another session than the request")
	}
	return s.document(*said.Decided, st.Decision, actions.VerdictDecide, said.Sessions, decisionUse(said.Act.Tier, at), at, bad)
}

// bySigner checks who signed a statement: before it expired, with a key that is live at an
// instant, of a worker who was engaged at another, or under a session of theirs.
func (s *State) bySigner(signed actions.Signed, sessions []actions.SignedSession, u use, stands, at time.Time) error {
	st := signed.Statement
	if !u.entered.Before(st.Expires.Time) {
		return fault.New(fault.Expired, "expired", "What was signed expired at %s; sign it again.", st.Expires)
	}
	key, err := s.liveKey(st.Key, st.Signer, at)
	if err != nil {
		return err
	}
	if standing := s.People.Standing(st.Signer, stands); !standing.Engaged {
		return refuse("engagement-ended", "%s may not act: %s.", st.Signer, standing.Why)
	}
	return s.verifyBy(signed, key, sessions, u, at)
}

// Genuine returns those of sessions that a warrant shows to be genuine at an instant: they are
// certified, and a statement of the warrant that names them bears their signature. Its
// request must be the one that its entry in the ledger holds. What was signed need not have
// been allowed.
func (s *State) Genuine(w Warrant, sessions []actions.SignedSession, at time.Time) (genuine []actions.SignedSession) {
	var r entry.Request
	if w.Requested.says(entry.KindRequest, w.Request, &r, &r.Signed) != nil {
		return nil
	}
	by := []actions.Signed{w.Request}
	if w.Decision != nil && w.Decision.Signed.Statement.Document == w.Request.Statement.Decision {
		by = append(by, w.Decision.Signed)
	}
	for _, x := range sessions {
		if slices.ContainsFunc(by, func(signed actions.Signed) bool {
			st := signed.Statement
			_, err := sessionOf(st, []actions.SignedSession{x})
			return err == nil && VerifySession(x.Session.SessionKey, st.Challenge(), signed.Signature) == nil
		}) && s.Certified(x, at) == nil {
			genuine = append(genuine, x)
		}
	}
	return genuine
}

// sessionOf returns the session that a statement names, which must be its signer's.
func sessionOf(st actions.Statement, sessions []actions.SignedSession) (x actions.SignedSession, err error) {
	i := slices.IndexFunc(sessions, func(x actions.SignedSession) bool { return x.Session.Digest() == st.Session })
	if i < 0 {
		return x, refuse("no-session", "The statement of %s is signed under the session %s, which is not at hand.", st.Signer, st.Session)
	}
	if x = sessions[i]; x.Session.Worker != st.Signer || x.Session.Key != st.Key {
		return x, refuse("foreign-session", "The session under which %s signed is of another person or another key.", st.Signer)
	}
	return x, nil
}

// verifyBy checks the signature of a statement: by the person's own key, or by the key of
// the session that the statement names.
func (s *State) verifyBy(signed actions.Signed, key workforce.Key, sessions []actions.SignedSession, u use, at time.Time) error {
	if signed.Statement.Session.IsZero() {
		return VerifySignature(key.PublicKey, signed.Statement.Challenge(), signed.Signature, s.Sites())
	}
	return s.underSession(signed, sessions, u, at)
}

// MayVoid returns the refusal if a person could not end the sessions of a scope at an instant,
// alone and with their own key: by the law, by the policy, since they are frozen, or since
// they have no live key.
func (s *State) MayVoid(by workforce.WorkerID, c actions.Void, at time.Time) error {
	st := actions.Statement{V: actions.StatementV2, Signer: by, NotBefore: canonical.At(at)}
	standing := s.People.Standing(by, at)
	if !standing.Engaged {
		return refuse("engagement-ended", "%s may not act: %s.", by, standing.Why)
	}
	if !slices.ContainsFunc(s.People.KeysOf(by), func(k workforce.Key) bool { return k.Live(at) }) {
		return refuse("unknown-key", "%s has no live key.", by)
	}
	if err := s.mayVoid(st, nil, c, at); err != nil {
		return err
	}
	change := actions.Keys{Void: &c}
	a := actions.Action{V: actions.ActionV2, Kind: actions.DeskKey, Direction: change.Direction(), Effect: actions.Reversible, Tier: actions.Critical,
		Subject: platform.Subject{Platform: actions.DeskPlatform, ID: change.Part()}, Change: canonical.MustMarshal(change)}
	if err := s.stopped(a, by, standing, at); err != nil {
		return err
	}
	if r := s.RuleOn(a, FactsOf(a, standing, "", ""), st); r.Verdict != policy.Permitted {
		return refuse("forbidden-by-policy", "The policy does not let %s end them alone.", by)
	}
	return nil
}

// mayVoid returns the refusal if a person may not alone end the sessions of a scope.
// Everybody may end their own. Those of somebody else end by a lead above them in their
// line or by somebody on call; those of a company, or of everybody, by somebody on call.
// The sessions are those that come with the statement.
func (s *State) mayVoid(by actions.Statement, sessions []actions.SignedSession, c actions.Void, at time.Time) error {
	wrong := func(format string, args ...any) error {
		return fault.New(fault.Conflict, "wrong-state", format, args...)
	}
	target := workforce.WorkerID(c.Of)
	switch c.Scope {
	case actions.ScopeKey:
		key, ok := s.People.Key(workforce.KeyID(c.Of))
		if !ok {
			return wrong("There is no key %s at this desk.", c.Of)
		}
		target = key.Worker
	case actions.ScopeWorker:
		if _, ok := s.People.Worker(target); !ok {
			return fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", c.Of)
		}
	case actions.ScopeVendor:
		if _, ok := s.People.Vendors[workforce.VendorID(c.Of)]; c.Of != "" && !ok {
			return fault.New(fault.NotFound, "no-such-vendor", "There is no vendor %s at this desk.", c.Of)
		}
	}
	for _, end := range s.Voids[c.Key()] {
		if !c.Before.After(end.Before.Time) {
			return wrong("The sessions that were certified before %s are void already.", end.Before)
		}
	}
	if c.Before.After(by.NotBefore.Add(sessionAhead)) {
		return refuse("bad-void", "Sessions are ended that were certified before now, not those that are still to come.")
	}
	if s.OwnVoid(by, c) {
		return s.mayVoidOwn(by, sessions, c, at)
	}
	if !by.Session.IsZero() {
		return refuse("own-key-needed", "A session ends only its owner's sessions. Sign it with your own key.")
	}
	worker, _ := s.People.Worker(by.Signer)
	st := s.People.StandingOf(&worker, at)
	person := c.Scope == actions.ScopeKey || c.Scope == actions.ScopeWorker
	switch {
	case st.InNotice || st.Ratchet:
		return refuse("not-yours-to-void", "%s is about to leave, and ends only their own sessions.", by.Signer)
	case st.Has(workforce.OnCall):
	case person && st.Has(workforce.Lead) && s.Reports(target, by.Signer):
	case person:
		return refuse("not-yours-to-void", "%s is not on call and no lead above %s, and may not end those sessions.", by.Signer, target)
	default:
		return refuse("not-yours-to-void", "Only somebody on call ends the sessions of a company or of everybody; %s is not on call.", by.Signer)
	}
	return s.limit(by.Signer, "void", 1, s.Trust.EndingsPerHour, at)
}

// ownVoidEvery is the time between two ends of somebody's own sessions that go through
// however many they made.
const ownVoidEvery = time.Minute

// mayVoidOwn returns the refusal of an end of sessions that are the signer's own. If a
// session signs it, it ends that session too. Nobody makes more an hour than there may be
// endings, since each stays in the chain for ever. But one that ends the sessions up to now
// goes through in any case, a minute after the last: whoever has stolen a session, or the
// key itself, must not be able to use the number up.
func (s *State) mayVoidOwn(by actions.Statement, sessions []actions.SignedSession, c actions.Void, at time.Time) error {
	if !by.Session.IsZero() {
		x, err := sessionOf(by, sessions)
		if err != nil {
			return err
		}
		covered := slices.ContainsFunc(s.Scopes(x.Session), func(v actions.Void) bool { return v.Key() == c.Key() })
		if !covered || !c.Before.After(x.Session.NotBefore.Time) {
			return refuse("bad-void", "A session ends its owner's sessions only together with itself, and it began at %s. End all that began before now, or sign with your own key.", x.Session.NotBefore)
		}
	}
	err := s.limit(by.Signer, "own-void", 1, s.Trust.EndingsPerHour, at)
	if err == nil {
		return nil
	}
	var last time.Time
	for _, end := range s.Voids[c.Key()] {
		if end.Before.After(last) {
			last = end.Before.Time
		}
	}
	if now := !c.Before.Before(at.Add(-SessionLate)); now && !c.Before.Before(last.Add(ownVoidEvery)) {
		return nil
	}
	return fault.New(fault.Exhausted, "budget-spent", "%s may end their own sessions %d times an hour, and has made that many ends. From a minute after the last of them on, all that began before now are ended all the same: leave --before out.", by.Signer, s.Trust.EndingsPerHour)
}

// OwnVoid reports whether sessions that end are the signer's own.
func (s *State) OwnVoid(by actions.Statement, c actions.Void) bool {
	switch c.Scope {
	case actions.ScopeWorker:
		return c.Of == string(by.Signer)
	case actions.ScopeKey:
		key, ok := s.People.Key(workforce.KeyID(c.Of))
		return ok && key.Worker == by.Signer
	}
	return false
}
