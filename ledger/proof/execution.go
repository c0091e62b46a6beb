package proof

import (
	"crypto/ed25519"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/platform"
)

// Entry kinds of the execution class. The executor signs them all.
const (
	KindIntent  = "intent"  // the executor is about to act on a warrant, once
	KindReceipt = "receipt" // what came of it
	KindRefusal = "refusal" // the executor will not act on a warrant

	// Records of what the watch saw, and of restorations. These have a Sight and, except
	// for the intents and receipts of a restoration, no outcome.
	KindBreach   = "breach"   // a burden that nothing explains, on a protected or critical subject
	KindTold     = "told"     // the platform has named, since, the credential that did a breach
	KindOver     = "over"     // a breach has ended, and no restoration under an order did it; Why says how, Warrant whose request
	KindObserved = "observed" // a change that would be a breach if its tier were not only observed
	KindBaseline = "baseline" // the states of all protected and critical subjects of a platform, as a root
	KindForeign  = "foreign"  // a change by others that is no breach, or several on standard subjects, counted
	// KindTiers is a batch of subjects that rules have raised to a tier for the first
	// time, or again after a fall; see Sight.Tier, Why, Count, Root and Chain. Their
	// identifiers are sealed beside it one by one, see SealedNth.
	KindTiers   = "tiers"
	KindLock    = "lock"    // an owner has set the lock, or taken it back; Why says which
	KindBlind   = "blind"   // the watch does not see all of a platform; Type and Text say why
	KindSighted = "sighted" // the watch sees all of a platform again
	// KindTaken is a freeze, an end or a revocation that was handed straight to the
	// executor. The desk enters the record, and enters it a second time in the governance
	// chain, under the same kind: see State.Apply.
	KindTaken = "taken"
)

// Duty says why the executor acts.
type Duty string

// The duties. Only acts wait until their intent is in the ledger. The executor owes lifts
// whether or not the desk answers, and they are entered as soon as it does (law 5).
const (
	DutyAct  Duty = "act"  // a warrant
	DutyLift Duty = "lift" // the end of a suspension
	// DutyRestore lifts what a breach left, under a standing order. Request is the
	// breach; Warrant is the digest of the order.
	DutyRestore Duty = "restore"
	// DutyCut cuts off the credential that did a breach again and again, under a
	// standing order that says so. Request is the breach at which it was due; Warrant is
	// the digest of the order; Sight names platform, tier, credential and order, and
	// counts the breaches. A refusal says why it is not cut off, and what to do.
	DutyCut   Duty = "cut"
	DutyWatch Duty = "watch" // nothing is done; the record says what was seen
)

// BreachPrefix begins every breach's identifier.
const BreachPrefix = "brc"

// Execution is one record of the executor: the data of an execution entry, without its
// signature. Sequence numbers the executor's records from 0 without gap, so that the
// executor notices a record in the ledger that its journal lacks.
type Execution struct {
	V        string           `json:"v"`
	Executor string           `json:"executor"`
	Sequence int64            `json:"sequence"`
	Kind     string           `json:"kind"`
	Duty     Duty             `json:"duty"`
	Request  string           `json:"request"`
	Warrant  canonical.Digest `json:"warrant"` // digest of the warrant's core
	Nonce    canonical.Bytes  `json:"nonce"`   // of the intent, 32 random bytes; a receipt repeats it; empty in a refusal without intent
	At       canonical.Time   `json:"at"`      // by the executor's clock
	Outcome  Outcome          `json:"outcome"` // of a receipt or refusal; empty in an intent
	Type     string           `json:"type"`    // of a refusal or failure: the fault's stable type
	Text     string           `json:"text"`    // the same for a person, without personal data
	Layer    platform.Layer   `json:"-"`       // of Before and After; the records of version 1 tell of the visibility alone
	Before   platform.Expect  `json:"before"`  // of a receipt: what was read before the call
	After    platform.Expect  `json:"after"`   // of a receipt: what was read back
	Lifted   platform.Mark    `json:"lifted"`  // a foreign measure that the call may have lifted
	LiftAt   canonical.Time   `json:"lift_at"` // of a suspension's receipt: when the executor will lift it
	Sight    *Sight           `json:"sight"`   // in records of the watch, of restorations and of cuts; null in all others
	Taken    *Authority       `json:"taken"`   // in a KindTaken: the change that was taken
}

// OutcomeType returns the stable type of a refusal or failure, or the outcome itself.
func (e Execution) OutcomeType() string {
	if e.Type != "" {
		return e.Type
	}
	return string(e.Outcome)
}

// Sight is what the watch saw.
type Sight struct {
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"` // as read; empty in a record about many subjects
	// Subject is the commitment to the subject's identifier, which is sealed
	// beside the entry under the name "subject" so that it can be erased.
	Subject canonical.Digest `json:"subject"`
	// Credential commits in the same way, under the name "credential", to the platform's
	// name for the credential that did it. Zero: the platform did not say.
	Credential canonical.Digest `json:"credential"`
	// Layer is the layer of Expected and Found; the records of version 1 tell of the
	// visibility alone. In the journal of an executor it is there for every other layer.
	Layer platform.Layer `json:"layer,omitzero"`
	// Expected is the state that was last explained, or known to be right. Found is the
	// state that was read.
	Expected platform.Expect `json:"expected"`
	Found    platform.Expect `json:"found"`
	Via      string          `json:"via"`  // "stream", "read" or "sweep"
	Seen     canonical.Time  `json:"seen"` // when Found was read
	// Changed is the time that the platform gives for the change. Zero: the watch saw the
	// change before the platform's stream told it, or the stream gives no times. It is the
	// platform's word, not proven.
	Changed canonical.Time `json:"changed"`
	// Why is a stable word for the reason why nothing explains the state; see package
	// watch. In a KindOver it is a word for how the breach ended, one of those that begin
	// with Over.
	Why string `json:"why"`
	// Order is the request of the standing order under which it is, or will be,
	// restored; empty: none is in force, and a person has to lift it.
	Order string `json:"order"`
	// Warrant is the request of the subject's newest warrant; empty if none was
	// ever about it. Of KindOver it is the request whose warrant ended the breach;
	// empty if none did.
	Warrant string `json:"warrant"`
	// Count and Root are there in a baseline, in foreign changes and in a batch of tiers:
	// the number of subjects, and the RFC 6962 root over the canonical JSON of them, which
	// the executor's journal holds. For a batch of tiers the root is the one of TiersRoot.
	Count int64            `json:"count"`
	Root  canonical.Digest `json:"root"`
	// Chain is there in a batch of tiers: the number of governance entries that were known
	// when they were read. A fall that was signed before does not touch them.
	Chain int64 `json:"chain,omitzero"`
}

// Words of Sight.Why by which a desk acts. Package watch sets them.
const (
	WhyOwner = "owner"         // the platform says that the owner deactivated the account
	WhyEnded = "past-end"      // a timed measure is over, and another mark keeps the subject down
	WhyAsked = "perhaps-owner" // the owner did it, or the staff: the platform does not say which
)

// Words of Sight.Why in a KindOver, for how the breach ended.
const (
	OverByWarrant   = "warrant"     // a warrant of ours left the subject as it was found
	OverByOthers    = "others"      // somebody lifted it around the desk
	OverReactivated = "reactivated" // the subject was deactivated and is up again, which its owner can do
	OverSwitchedOff = "owner"       // it is deactivated now, which its owner can do
)

// Outcome says how an act on a warrant ended.
type Outcome string

// The outcomes.
const (
	Executed Outcome = "executed" // done, and read back
	Refused  Outcome = "refused"  // the executor's own check said no; the warrant is void
	Failed   Outcome = "failed"   // the platform said no, or was in another state; nothing was changed
	Unknown  Outcome = "unknown"  // it may have taken effect and the platform cannot say; a person decides
	Dropped  Outcome = "dropped"  // no checkpoint covered the intent in time; the platform was not called
)

// Check reports whether the record is well formed by itself. A desk checks that before it
// enters a record; a follower takes records as they are. Errors are faults of type
// "bad-record".
func (e Execution) Check() error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "bad-record", "The executor's record %d is malformed: %s.", e.Sequence, what)
	}
	ended := e.Outcome == Executed || e.Outcome == Refused || e.Outcome == Failed || e.Outcome == Unknown || e.Outcome == Dropped
	switch {
	case e.V != ExecutionV1 && e.V != ExecutionV2:
		return bad("its version is none of " + ExecutionV1 + ", " + ExecutionV2)
	case e.V == ExecutionV1 && (e.Layer != platform.VisibilityLayer || e.Sight != nil && e.Sight.Layer != platform.VisibilityLayer):
		return bad("a record of version 1 tells of the visibility alone")
	case e.Sequence < 0:
		return bad("its number is negative")
	case e.Executor == "" || e.Request == "":
		return bad("it names no executor or no request")
	case e.Duty != DutyAct && e.Duty != DutyLift && e.Duty != DutyRestore && e.Duty != DutyCut && e.Duty != DutyWatch:
		return bad("its duty is unknown")
	case e.Duty == DutyWatch:
		return e.checkWatch(bad)
	case e.Taken != nil || (e.Sight != nil) != (e.Duty == DutyRestore || e.Duty == DutyCut):
		return bad("only a restoration and a cut have a sight, and only a change that was taken directly has an authority")
	case e.At.IsZero():
		return bad("it has no time")
	case e.Duty == DutyCut && (e.Sight.Platform == "" || e.Sight.Order == "" || e.Sight.Count < 1 || !e.Sight.Subject.IsZero() || e.Kind == KindIntent && e.Sight.Credential.IsZero()):
		return bad("a cut names platform, order and credential, counts breaches and names no subject")
	case len(e.Nonce) != nonceSize && (e.Kind != KindRefusal || len(e.Nonce) != 0):
		return bad("its nonce is not 32 bytes")
	}
	switch e.Kind {
	case KindIntent:
		if e.Outcome != "" || e.After != (platform.Expect{}) {
			return bad("an intent has no outcome yet")
		}
	case KindReceipt:
		if !ended || e.Outcome == Refused || e.Outcome == Dropped {
			return bad("a receipt says executed, failed or unknown")
		}
	case KindRefusal:
		if !ended || e.Outcome == Executed || e.Outcome == Unknown {
			return bad("a refusal says refused, failed or dropped")
		}
	default:
		return bad("its kind is unknown")
	}
	return nil
}

// checkWatch is Check for a record of the watch.
func (e Execution) checkWatch(bad func(string) error) error {
	switch {
	case e.At.IsZero():
		return bad("it has no time")
	case e.Outcome != "" || len(e.Nonce) != 0 || !e.Warrant.IsZero() || e.Lifted != "" || !e.LiftAt.IsZero() ||
		e.Before != (platform.Expect{}) || e.After != (platform.Expect{}):
		return bad("what the watch saw has no outcome, warrant or nonce")
	case (e.Kind == KindTaken) != (e.Taken != nil), (e.Kind == KindTaken) != (e.Sight == nil):
		return bad("it must have either a sight or a change that was taken directly")
	}
	switch e.Kind {
	case KindTold:
		if e.Sight.Credential.IsZero() {
			return bad("it names no credential")
		}
	case KindBreach, KindOver, KindObserved, KindLock:
		if e.Sight.Subject.IsZero() || e.Sight.Tier == "" || e.Sight.Seen.IsZero() {
			return bad("a breach names a subject, its tier and when it was seen")
		}
	case KindBaseline, KindForeign:
		if e.Sight.Count < 0 || e.Sight.Platform == "" {
			return bad("it counts subjects of a platform")
		}
	case KindTiers:
		if s := e.Sight; s.Platform == "" || s.Tier != actions.Protected && s.Tier != actions.Critical || s.Count < 1 || s.Count > MaxTiers || s.Root.IsZero() || s.Chain < 1 {
			return bad(fmt.Sprintf("it raises 1 to %d subjects of a platform to a tier", MaxTiers))
		}
	case KindBlind, KindSighted:
		if e.Sight.Platform == "" {
			return bad("it names the platform")
		}
	case KindTaken:
		if e.Taken.Request.Statement.Request != e.Request {
			return bad("its change is of another request than the one that it names")
		}
	default:
		return bad("its kind is unknown")
	}
	return nil
}

// Names of the fields that a Sight seals.
const (
	SealedSubject    = "subject"
	SealedCredential = "credential"
)

// nonceSize is the length of an intent's nonce in bytes.
const nonceSize = 32

// SignedExecution is the data of an execution entry.
type SignedExecution struct {
	Execution Execution       `json:"execution"`
	Signature canonical.Bytes `json:"signature"` // Ed25519 over the challenge, by the executor's key
	// Openings open the fields to which Sight commits. They travel beside the record. They
	// are not signed, and are not part of the entry's data.
	Openings []ledger.Opening `json:"-"`
}

// Challenge is what the executor signs.
func (e Execution) Challenge() [32]byte {
	return canonical.Sum([]byte(e.V+"\n"), canonical.MustMarshal(e))
}

// Sign signs with the executor's key.
func (e Execution) Sign(key ed25519.PrivateKey) SignedExecution {
	c := e.Challenge()
	return SignedExecution{Execution: e, Signature: ed25519.Sign(key, c[:])}
}

// Verify checks that the record was signed by the executor that the chain trusts.
func (e SignedExecution) Verify(t actions.Trust) error {
	c := e.Execution.Challenge()
	if e.Execution.V != ExecutionV1 && e.Execution.V != ExecutionV2 || e.Execution.Executor != t.Executor ||
		len(t.ExecutorKey) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(t.ExecutorKey), c[:], e.Signature) {
		return refuse("bad-signature", "The record is not signed by the executor that the governance chain names.")
	}
	return nil
}

// VerifyBy checks that the record was signed by an executor that the chain trusts, or has
// trusted before.
func (e SignedExecution) VerifyBy(s *State) error {
	err := e.Verify(s.Trust)
	for i := 0; err != nil && i < len(s.trusted); i++ {
		err = e.Verify(s.trusted[i])
	}
	return err
}

// Draft is the ledger entry of the record.
func (e SignedExecution) Draft() ledger.Draft {
	return ledger.Draft{Class: ledger.Execution, Kind: e.Execution.Kind, Data: e, Sealed: e.Openings, Expect: ledger.AnyNumber}
}

// CheckOpenings reports whether the openings that travel with a record open every field to
// which it commits, and nothing else. Errors are faults of type "bad-record".
func (e SignedExecution) CheckOpenings() error {
	bad := fault.New(fault.Invalid, "bad-record", "The openings of the executor's record %d are missing, or do not fit it.", e.Execution.Sequence)
	if e.Execution.Kind == KindTiers {
		if !e.Execution.sealsTiers(e.Openings) {
			return bad
		}
		return nil
	}
	want := map[string]canonical.Digest{}
	if s := e.Execution.Sight; s != nil {
		want[SealedSubject], want[SealedCredential] = s.Subject, s.Credential
	}
	for _, o := range e.Openings {
		if d, err := o.Commitment(); err != nil || d.IsZero() || d != want[o.Name] {
			return bad.Because(err)
		}
		delete(want, o.Name)
	}
	for _, left := range want {
		if !left.IsZero() {
			return bad
		}
	}
	return nil
}

// ParseExecution reads the data of an execution entry.
func ParseExecution(b ledger.Body) (SignedExecution, error) {
	var e SignedExecution
	if b.Class != ledger.Execution {
		return e, broken("Entry %s %d is not of the execution class.", b.Class, b.Number)
	}
	if err := canonical.UnmarshalExact(b.Data, &e); err != nil {
		return e, fmt.Errorf("execution entry %d: %w", b.Number, err)
	}
	if e.Execution.Kind != b.Kind {
		return e, broken("Execution entry %d is of kind %s and holds a record of kind %s.", b.Number, b.Kind, e.Execution.Kind)
	}
	return e, nil
}

// ServedBody opens one leaf, as a desk serves it to those who follow its ledger.
type ServedBody struct {
	Index int64           `json:"index"`
	Body  canonical.Raw   `json:"body"`
	Salt  canonical.Bytes `json:"salt"`
	// Sealed opens the subjects of a batch of tiers, as far as they were not erased.
	Sealed []ledger.Opening `json:"sealed,omitempty"`
}
