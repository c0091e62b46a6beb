package prooftest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Session is a session with its private key.
type Session struct {
	actions.SignedSession
	ed ed25519.PrivateKey
	ec *ecdsa.PrivateKey
}

// StartSession makes a session of eight hours with a key of an algorithm, certified by
// somebody's own key. edit may change the session before it is signed.
func (w *World) StartSession(by workforce.WorkerID, algorithm actions.SessionAlgorithm, edit ...func(*actions.Session)) *Session {
	w.t.Helper()
	s := &Session{}
	public := canonical.Bytes(nil)
	if algorithm == actions.SessionP256 {
		p := NewPasskey(workforce.PasskeyES256, w.bytes(32))
		s.ec, public = p.ec, p.PublicKey().Public
	} else {
		s.ed = w.newKey()
		public = canonical.Bytes(s.ed.Public().(ed25519.PublicKey))
	}
	st, now := w.State(), w.Now()
	c := actions.Session{V: actions.SessionVersion, Log: st.Origin, Founding: st.Root, After: st.Head, Worker: by, Key: w.PublicKey(by).ID(), Nonce: w.bytes(32),
		NotBefore: canonical.At(now), Expires: canonical.At(now.Add(8 * time.Hour)), SessionKey: actions.SessionKey{Algorithm: algorithm, Public: public}}
	for _, f := range edit {
		f(&c)
	}
	s.SignedSession = actions.SignedSession{Session: c, Signature: w.sign(by, c.Challenge())}
	return s
}

// Sign signs a challenge with the session's key.
func (s *Session) Sign(challenge [32]byte) actions.Signature {
	if s.ec == nil {
		return actions.Signature{Signature: ed25519.Sign(s.ed, challenge[:])}
	}
	digest := sha256.Sum256(challenge[:])
	der, err := s.ec.Sign(nil, digest[:], crypto.SHA256) // without randomness it is deterministic
	if err != nil {
		panic(err)
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		panic(err)
	}
	size := (elliptic.P256().Params().BitSize + 7) / 8
	return actions.Signature{Signature: append(v.R.FillBytes(make([]byte, size)), v.S.FillBytes(make([]byte, size))...)}
}

// Under signs a request anew under a session, and its decision if it has one. edit may
// change the request's statement before it is signed.
func (w *World) Under(s *Session, r *Request, edit ...func(*actions.Statement)) *Request {
	w.t.Helper()
	digest := s.Session.Digest()
	if r.Decision != nil {
		d := *r.Decision
		d.Signed.Statement.Session, d.Signed.Statement.Key = digest, s.Session.Key
		d.Signed.Statement.NotBefore, d.Signed.Statement.Expires = canonical.At(w.Now()), canonical.At(w.Now().Add(5*time.Minute))
		d.Signed.Signature = s.Sign(d.Signed.Statement.Challenge())
		r.Decision = &d
	}
	r.Signed = w.Statement(r, r.By, r.Signed.Statement.Verdict, append([]func(*actions.Statement){func(st *actions.Statement) {
		st.Session, st.Key = digest, s.Session.Key
	}}, edit...)...)
	r.Signed.Signature = s.Sign(r.Signed.Statement.Challenge())
	r.Sessions = []actions.SignedSession{s.SignedSession}
	return r
}

// Dated is an option of Under and Statement that dates a statement otherwise.
func Dated(at time.Time) func(*actions.Statement) {
	return func(st *actions.Statement) {
		life := st.Expires.Sub(st.NotBefore.Time)
		st.NotBefore, st.Expires = canonical.At(at), canonical.At(at.Add(life))
	}
}

// With adds a session to those that come with a request, in their order.
func (r *Request) With(s *Session) *Request {
	r.Sessions = append(slices.Clone(r.Sessions), s.SignedSession)
	slices.SortFunc(r.Sessions, func(a, b actions.SignedSession) int {
		x, y := a.Session.Digest(), b.Session.Digest()
		return slices.Compare(x[:], y[:])
	})
	return r
}
