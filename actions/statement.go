package actions

import (
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Verdict is what a person says of an action.
type Verdict string

// The verdicts.
const (
	VerdictRequest     Verdict = "request"
	VerdictCountersign Verdict = "countersign"
	VerdictDecline     Verdict = "decline"
	VerdictReverse     Verdict = "reverse" // a request that undoes
	VerdictFreeze      Verdict = "freeze"
)

// StatementVersion is the only version of Statement, and the first line of
// what is hashed into a challenge.
const StatementVersion = "countersign/statement/v1"

// Statement is what a person signs about an action.
type Statement struct {
	V         string             `json:"v"`
	Log       string             `json:"log"`      // origin of the ledger
	Request   string             `json:"request"`  // identifier of the request
	Action    canonical.Digest   `json:"action"`   // digest of the action
	Verdict   Verdict            `json:"verdict"`  //
	Policy    canonical.Digest   `json:"policy"`   // the policy set the signer saw: evidence, not authority
	Signer    workforce.WorkerID `json:"signer"`   //
	Key       workforce.KeyID    `json:"key"`      //
	Executor  string             `json:"executor"` // the executor that may carry it out
	Nonce     canonical.Bytes    `json:"nonce"`    // 32 random bytes
	NotBefore canonical.Time     `json:"not_before"`
	Expires   canonical.Time     `json:"expires"`
}

// Bytes returns the canonical form of s.
func (s Statement) Bytes() []byte { return canonical.MustMarshal(s) }

// Digest is SHA-256 over the canonical form.
func (s Statement) Digest() canonical.Digest { return canonical.Sum(s.Bytes()) }

// Challenge returns the 32 bytes that a key signs: SHA-256 over the version, a
// line feed and the statement (design, section 4).
func (s Statement) Challenge() [32]byte {
	return canonical.Sum([]byte(StatementVersion+"\n"), s.Bytes())
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
	Statement Statement `json:"statement"`
	Signature Signature `json:"signature"`
}
