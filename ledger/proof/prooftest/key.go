package prooftest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Signer is somebody's key.
type Signer interface {
	PublicKey() workforce.PublicKey
	Sign(challenge [32]byte) actions.Signature
}

type fileKey struct{ ed25519.PrivateKey }

func (k fileKey) PublicKey() workforce.PublicKey {
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(k.Public().(ed25519.PublicKey)), Hardware: true}
}

func (k fileKey) Sign(challenge [32]byte) actions.Signature {
	return actions.Signature{Signature: ed25519.Sign(k.PrivateKey, challenge[:])}
}

// Flags of authenticator data.
const (
	UserPresent  = 1 << 0
	UserVerified = 1 << 2
	Backupable   = 1 << 3
	BackedUp     = 1 << 4
)

// Assertion is what an authenticator and a browser say of one signature.
type Assertion struct {
	RelyingParty string
	Flags        byte
	Type         string
	Origin       string
	CrossOrigin  any // false, true, or nil to leave it out
	TopOrigin    any // nil to leave it out
	Challenge    []byte
	Extra        string // a member that browsers may add
}

// Passkey is an authenticator and a browser in software. It is bound to one
// device and asserts what Usual says.
type Passkey struct {
	Usual      Assertion
	credential []byte
	ec         *ecdsa.PrivateKey
	ed         ed25519.PrivateKey
}

// NewPasskey makes a passkey of a World's relying party from 32 random bytes.
func NewPasskey(a workforce.Algorithm, seed []byte) *Passkey {
	p := &Passkey{credential: append([]byte("credential "), seed[:8]...), Usual: Assertion{RelyingParty: "desk.example.com",
		Flags: UserPresent | UserVerified, Type: "webauthn.get", Origin: "https://desk.example.com", CrossOrigin: false}}
	if a == workforce.PasskeyEd25519 {
		p.ed = ed25519.NewKeyFromSeed(seed)
		return p
	}
	var err error
	for p.ec == nil {
		// A seed is a scalar of P-256 but for one in four billion.
		if p.ec, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), seed); err != nil {
			next := sha256.Sum256(seed)
			seed = next[:]
		}
	}
	return p
}

// PublicKey implements Signer.
func (p *Passkey) PublicKey() workforce.PublicKey {
	k := workforce.PublicKey{Algorithm: workforce.PasskeyEd25519, Credential: p.credential, Hardware: true}
	if p.ec == nil {
		k.Public = canonical.Bytes(p.ed.Public().(ed25519.PublicKey))
		return k
	}
	k.Algorithm = workforce.PasskeyES256
	var err error
	if k.Public, err = p.ec.PublicKey.Bytes(); err != nil {
		panic(err) // it was made on the curve
	}
	return k
}

// Sign implements Signer.
func (p *Passkey) Sign(challenge [32]byte) actions.Signature {
	a := p.Usual
	a.Challenge = challenge[:]
	return p.Assert(a)
}

// Assert signs an assertion whatever it says.
func (p *Passkey) Assert(a Assertion) actions.Signature {
	rp := sha256.Sum256([]byte(a.RelyingParty))
	data := append(rp[:], a.Flags, 0, 0, 0, 7)
	client := map[string]any{"type": a.Type, "challenge": base64.RawURLEncoding.EncodeToString(a.Challenge), "origin": a.Origin}
	for name, v := range map[string]any{"crossOrigin": a.CrossOrigin, "topOrigin": a.TopOrigin} {
		if v != nil {
			client[name] = v
		}
	}
	if a.Extra != "" {
		client["other_keys_can_be_added_here"] = a.Extra
	}
	raw, err := json.Marshal(client)
	if err != nil {
		panic(err)
	}
	return p.Raw(data, raw)
}

// Raw signs authenticator data and client data as they are.
func (p *Passkey) Raw(authenticatorData, clientData []byte) actions.Signature {
	hashed := sha256.Sum256(clientData)
	signed := append(append([]byte{}, authenticatorData...), hashed[:]...)
	s := actions.Signature{AuthenticatorData: authenticatorData, ClientData: clientData}
	if p.ec == nil {
		s.Signature = ed25519.Sign(p.ed, signed)
		return s
	}
	digest := sha256.Sum256(signed)
	var err error
	if s.Signature, err = p.ec.Sign(nil, digest[:], crypto.SHA256); err != nil { // without randomness it is deterministic
		panic(err)
	}
	return s
}

// EnrolPasskeys makes a passkey of an algorithm for each and enrols it.
func (w *World) EnrolPasskeys(a workforce.Algorithm, people ...workforce.WorkerID) {
	w.t.Helper()
	w.enrol(func() Signer { return NewPasskey(a, w.bytes(32)) }, people...)
}

// EnrolKey enrols a key that a test has made, beside those that somebody has. Use makes the
// person sign with it.
func (w *World) EnrolKey(p workforce.WorkerID, k Signer) {
	w.t.Helper()
	public := k.PublicKey()
	possession := k.Sign(actions.PossessionChallenge(w.State().EnrolName(), p, public.ID()))
	w.Change(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{{Worker: p, Key: public, Possession: possession}}})
}

// Use makes somebody sign with another of their keys.
func (w *World) Use(p workforce.WorkerID, k Signer) { w.keep(p, k) }
