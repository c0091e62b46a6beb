package actions

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// SessionVersion is the only version of Session, and the first line of what the person's
// own key signs.
const SessionVersion = "countersign/session/v1"

// SessionLife is the longest life of a session: a working day.
const SessionLife = 10 * time.Hour

// Session certifies a key that was made for one working day. The person's own key signs it
// once, in the morning; the session's key then signs what the catalogue and SessionSigns
// allow, for subjects of the tier standard. It is never bound to hardware.
type Session struct {
	// After is the hash of the newest entry of the governance chain that the signer's client
	// knew. Who signs may date a session as they like, but cannot name an entry that is still
	// to come: so an end of sessions also ends those that were signed before it and begin
	// after it.
	After      canonical.Digest   `json:"after"`
	Expires    canonical.Time     `json:"expires"` // at most SessionLife after NotBefore
	Founding   canonical.Digest   `json:"founding"`
	Key        workforce.KeyID    `json:"key"` // the person's own key
	Log        string             `json:"log"` // origin of the ledger
	Nonce      canonical.Bytes    `json:"nonce"`
	NotBefore  canonical.Time     `json:"not_before"`
	SessionKey SessionKey         `json:"session_key"`
	V          string             `json:"v"`
	Worker     workforce.WorkerID `json:"worker"`
}

// SessionAlgorithm names the algorithm of a session's key.
type SessionAlgorithm string

// The algorithms. A browser makes P-256 where it lacks Ed25519.
const (
	SessionEd25519 SessionAlgorithm = "ed25519" // RFC 8032, over the challenge
	SessionP256    SessionAlgorithm = "p256"    // ECDSA with SHA-256 over the challenge; r and s of 32 bytes each (IEEE P1363, as WebCrypto writes them)
)

// SessionKey is the public half of a session's key.
type SessionKey struct {
	Algorithm SessionAlgorithm `json:"algorithm"`
	Public    canonical.Bytes  `json:"public"` // 32 bytes of Ed25519, or 65 bytes of an uncompressed P-256 point
}

// WellFormed reports whether the key is one that a session may have.
func (k SessionKey) WellFormed() bool { return k.check() }

// Words returns the key's fingerprint: six English words by which a person compares it.
func (k SessionKey) Words() string {
	return workforce.KeyID(string(k.Algorithm) + ":" + canonical.Sum(k.Public).String()).Words()
}

func (k SessionKey) check() bool {
	switch k.Algorithm {
	case SessionEd25519:
		return len(k.Public) == ed25519.PublicKeySize
	case SessionP256:
		_, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Public)
		return err == nil
	}
	return false
}

// Digest names the session in statements.
func (s Session) Digest() canonical.Digest { return canonical.DigestOf(s) }

// Challenge returns the 32 bytes that the person's own key signs.
func (s Session) Challenge() [32]byte {
	return canonical.Sum([]byte(SessionVersion+"\n"), canonical.MustMarshal(s))
}

// Check reports whether the session is well formed by itself. Errors are faults of type
// "bad-session".
func (s Session) Check() error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "bad-session", "The session is not well formed: %s.", what)
	}
	switch life := s.Expires.Sub(s.NotBefore.Time); {
	case s.V != SessionVersion:
		return bad("its version is not " + SessionVersion)
	case s.Log == "" || s.Founding.IsZero() || s.After.IsZero():
		return bad("it names no ledger, or no entry of its governance chain")
	case s.Worker == "" || s.Key == "":
		return bad("it names no worker or no key")
	case !s.SessionKey.check():
		return bad("its key is none of " + string(SessionEd25519) + ", " + string(SessionP256))
	case len(s.Nonce) != 32:
		return bad("its nonce is not 32 bytes")
	case s.NotBefore.IsZero() || s.Expires.IsZero() || life <= 0 || life > SessionLife:
		return bad("it lasts for more than " + SessionLife.String() + ", or for no time")
	}
	return nil
}

// Holds reports whether an instant lies within the session's time.
func (s Session) Holds(at time.Time) bool {
	return !at.Before(s.NotBefore.Time) && at.Before(s.Expires.Time)
}

// SignedSession is a session with the signature of the person's own key.
type SignedSession struct {
	Session   Session   `json:"session"`
	Signature Signature `json:"signature"`
}

// SessionNamed returns the session that a statement names; nil if it names none, or none of
// these.
func SessionNamed(st Statement, sessions []SignedSession) *Session {
	if st.Session.IsZero() {
		return nil
	}
	for i := range sessions {
		if sessions[i].Session.Digest() == st.Session {
			return &sessions[i].Session
		}
	}
	return nil
}

// SessionSigns reports whether a session's key may sign statements of a verdict at all
// (casework, section 6). Of which kinds of acts it may sign requests the catalogue says; of
// which deeds, DeedKind.Session. It never countersigns, declines or freezes.
func SessionSigns(v Verdict) bool {
	switch v {
	case VerdictRequest, VerdictReverse, VerdictDecide, VerdictWithdraw, VerdictAct:
		return true
	}
	return false
}
