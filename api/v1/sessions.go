package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Session is one of the caller's sessions.
type Session struct {
	Digest canonical.Digest      `json:"digest" doc:"names the session in statements"`
	Signed actions.SignedSession `json:"signed"`
	Ended  canonical.Time        `json:"ended" doc:"when a newer session of the same key took its place; empty: it is the newest"`
	Why    string                `json:"why,omitzero" doc:"in a list: why its key signs nothing any more; left out: it does"`
	Void   *SessionEnd           `json:"void,omitempty" doc:"in a list: who ended it early; left out: nobody"`
}

// SessionEnd is an early end of sessions, as the ledger has it.
type SessionEnd struct {
	At      canonical.Time     `json:"at"`
	By      workforce.WorkerID `json:"by"`
	Request string             `json:"request" doc:"that asked for it"`
	Reason  string             `json:"reason"`
}
