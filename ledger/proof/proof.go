// Package proof decides whether an act is authorised, from signed and committed documents
// alone. It uses no network, no database and no private key. Where it has to take the
// desk's word for a fact, that fact is marked as such. The desk, the executor and a
// stranger with a file use the same code.
//
// It has three parts. State is the folded governance chain: who is at the desk, with which
// keys, under which policy. Each entry is checked against the state before it. Judge rules
// on an action and its signatures by a State. A Warrant is the complete proof of one
// authorised act. It carries the few chain entries that it rests on, so that Verify needs
// nothing but the warrant and the hash of entry 0, which names the log's public key.
//
// An auditor of Verify reads these files: verify.go and warrant.go (what a warrant must
// hold), signature.go (statements and keys), chain.go, state.go and people.go (the chain),
// judge.go (the ruling), session.go and decision.go (sessions and decisions of version 2),
// evidence.go (inclusion in the ledger), and authority.go (who authorised the entries of a
// complete warrant).
//
// Besides, formats.go says how documents of each version are written, and audit.go reads a
// whole ledger for acts that nobody signed.
//
// # Warrant
//
// A warrant is one document of canonical JSON. doc/warrant.md says byte for byte what stands
// in one of version 1 and of version 2, which are told apart by their v:
//
//	v, action, request, ruling, countersignatures   the core; in version 2 also
//	          decision (of which the act is a measure) and sessions
//	people    the governance entries it rests on, each {entry, salt, proof}
//	ledger    {checkpoint, entry, salt, proof, cosignatures}
//	waited    if the ruling asks for a wait: the desk entries of the request and
//	          of each countersignature, in their order, each {entry, salt, proof}
//	requested in version 2: the desk entry of the request, always, and not in waited
//	authority in version 2: who authorised the entries in people, down to entry 0, in a
//	          complete warrant; empty in what the executor gets
//
// The core's digest is SHA-256 over the canonical JSON of its members; it
// stands in ledger.entry, a desk entry of kind "warrant", whose inclusion under
// the signed checkpoint is proven. So every member is inside a signature or a
// commitment: action and decision by the statements, sessions by the signatures of the
// people's own keys, ruling and signatures by the core's digest, people, waited, requested
// and ledger by their inclusion proofs, the checkpoint by the log's signature. Arrays are
// sorted and hold nothing that is not needed.
//
// # Two versions
//
// In memory there is one type for both versions of a statement, an action, an execution and a
// warrant. A document of version 1 keeps its bytes and its challenge for ever. State.Formats
// is the version in which a desk signs; a warrant and all that it carries are of one version.
package proof

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// DeskExecutor is the executor that statements about changes of the desk name: the desk
// applies these changes in its own transaction.
const DeskExecutor = "desk"

// Entry kinds of the governance chain that are not kinds of actions.
const (
	KindFounding = "founding" // entry 0
	KindRow      = "row"      // one worker of an admission
)

// Authority is the proof that a change of the desk is authorised; it is the data of the
// governance entry. It does not hold the ruling, since everybody who follows the chain
// rules again.
type Authority struct {
	Action            actions.Action   `json:"action"`
	Countersignatures []actions.Signed `json:"countersignatures"` // sorted by signer
	Request           actions.Signed   `json:"request"`
	// Sessions holds the session under which somebody ends their own sessions; of version 2.
	Sessions []actions.SignedSession `json:"sessions,omitempty"`
	Waited   Waited                  `json:"waited"` // empty unless the change had to wait
}

// RowData is the data of an entry of kind row. Since, Founding and Past are facts that a
// reader of this entry alone cannot know; everybody who follows the chain checks them.
type RowData struct {
	Admission int64          `json:"admission"` // number of the desk.admit entry
	Founding  bool           `json:"founding"`
	Index     int64          `json:"index"` // place in its file
	Past      []PastTie      `json:"past"`
	Row       actions.Row    `json:"row"`
	Since     canonical.Time `json:"since"` // when this engagement was first admitted; empty: by this entry
}

// PastTie is a superseded tie that still counts against independence.
type PastTie struct {
	Manager string         `json:"manager"`
	Until   canonical.Time `json:"until"` // empty: until this entry
	Vendor  string         `json:"vendor"`
}

func refuse(typ, format string, args ...any) *fault.Error {
	return fault.New(fault.Forbidden, typ, format, args...)
}
