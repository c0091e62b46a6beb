package actions

import (
	"strings"

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
	VerdictDecide      Verdict = "decide"   // a case is decided; see Decision
)

// Statement is what a person signs: about an action, about a document of their own, or
// about a batch of actions. It names exactly one of these. The members from Alarm to
// Session are of version 2, except Executor to Log, and are empty in version 1.
type Statement struct {
	Action    canonical.Digest   `json:"action"`   // digest of the action; empty for a document and for a batch
	Alarm     bool               `json:"alarm"`    // a decline that raises an alarm
	Batch     canonical.Digest   `json:"batch"`    // digest of the batch
	Decision  canonical.Digest   `json:"decision"` // digest of the decision that the action is a measure of; empty without a case
	Document  canonical.Digest   `json:"document"` // digest of a decision or a deed
	Executor  string             `json:"executor"` // the executor that may carry it out
	Expires   canonical.Time     `json:"expires"`
	Founding  canonical.Digest   `json:"founding"` // hash of entry 0
	Key       workforce.KeyID    `json:"key"`      // the person's own key, also under a session
	Log       string             `json:"log"`      // origin of the ledger; in version 1, under the laws 2 and later, with the hash of entry 0
	Nonce     canonical.Bytes    `json:"nonce"`    // 32 random bytes
	NotBefore canonical.Time     `json:"not_before"`
	Policy    canonical.Digest   `json:"policy"`  // the policy set the signer saw: evidence, not authority
	Request   string             `json:"request"` // identifier of the request; empty for a document and for a batch
	Session   canonical.Digest   `json:"session"` // digest of the session whose key signs; empty: the person's own key does
	Signer    workforce.WorkerID `json:"signer"`
	V         string             `json:"v"`
	Verdict   Verdict            `json:"verdict"`
}

// Names returns the digest of the action, document or batch that the statement is about.
func (s Statement) Names() canonical.Digest {
	switch {
	case !s.Action.IsZero():
		return s.Action
	case !s.Document.IsZero():
		return s.Document
	}
	return s.Batch
}

// LogName names the ledger as people see it: its origin and, where the statement says it,
// the hash of entry 0 after a "#".
func (s Statement) LogName() string {
	if s.V == StatementV1 {
		return s.Log
	}
	return LogName(s.Log, s.Founding)
}

// LogName returns the name of the ledger of an origin whose entry 0 has a hash.
func LogName(origin string, founding canonical.Digest) string {
	return origin + "#" + founding.String()
}

// SplitLog is the inverse of LogName. The hash is zero if the name holds none.
func SplitLog(name string) (origin string, founding canonical.Digest, err error) {
	origin, hash, _ := strings.Cut(name, "#")
	return origin, founding, founding.UnmarshalText([]byte(hash))
}

// Bytes returns the canonical form of s.
func (s Statement) Bytes() []byte { return canonical.MustMarshal(s) }

// Digest is SHA-256 over the canonical form.
func (s Statement) Digest() canonical.Digest { return canonical.Sum(s.Bytes()) }

// Challenge returns the 32 bytes that a key signs: SHA-256 over the version, a
// line feed and the statement (design, section 4).
func (s Statement) Challenge() [32]byte {
	return canonical.Sum([]byte(s.V+"\n"), s.Bytes())
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
