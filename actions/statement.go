package actions

import (
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Verdict is a person's answer to an action.
type Verdict string

// The verdicts.
const (
	VerdictRequest     Verdict = "request"
	VerdictCountersign Verdict = "countersign"
	VerdictDecline     Verdict = "decline"
	VerdictReverse     Verdict = "reverse" // a request that undoes
	VerdictFreeze      Verdict = "freeze"
	VerdictWithdraw    Verdict = "withdraw" // the requester takes a request back
	VerdictAct         Verdict = "act"      // a deed is done; see Deed
)

// StatementVersion is the only version of Statement, and the first line of
// what is hashed into a challenge.
const StatementVersion = "countersign/statement/v1"

// Statement is what a person signs about an action.
type Statement struct {
	Action    canonical.Digest   `json:"action"`   // digest of the action
	Executor  string             `json:"executor"` // the executor that may carry it out
	Expires   canonical.Time     `json:"expires"`
	Key       workforce.KeyID    `json:"key"`
	Log       string             `json:"log"`   // origin of the ledger
	Nonce     canonical.Bytes    `json:"nonce"` // 32 random bytes
	NotBefore canonical.Time     `json:"not_before"`
	Policy    canonical.Digest   `json:"policy"`  // the policy set the signer saw: evidence, not authority
	Request   string             `json:"request"` // identifier of the request
	Signer    workforce.WorkerID `json:"signer"`
	V         string             `json:"v"`
	Verdict   Verdict            `json:"verdict"`
}

// Bytes returns the canonical form of s.
func (s Statement) Bytes() []byte { return canonical.MustMarshal(s) }

// Digest is SHA-256 over the canonical form.
func (s Statement) Digest() canonical.Digest { return canonical.Sum(s.Bytes()) }

// Challenge returns the 32 bytes that a key signs: SHA-256 over the version, a
// line feed and the statement (design, section 4).
func (s Statement) Challenge() [32]byte { return ChallengeOf(s.Bytes()) }

// ChallengeOf is Challenge of a statement given by its canonical form.
func ChallengeOf(text []byte) [32]byte {
	return canonical.Sum([]byte(StatementVersion+"\n"), text)
}

// Signature is a signature over a statement's challenge with all that is needed
// to verify it years later. For a file key only Signature is set.
type Signature struct {
	AuthenticatorData canonical.Bytes `json:"authenticator_data"`
	ClientData        canonical.Bytes `json:"client_data"`
	Signature         canonical.Bytes `json:"signature"`
}

// Signed is a statement with its signature.
type Signed struct {
	Signature Signature `json:"signature"`
	Statement Statement `json:"statement"`
}
