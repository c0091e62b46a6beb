package desk

import (
	"context"
	"crypto/rand"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Pairing is a browser's sign-in that waits for a person whose key is a file.
type Pairing = store.Pairing

const (
	pairingLife = 5 * time.Minute
	// A sign-in is for anybody to begin, so that few of them wait at a time.
	mostPairings         = 1000
	mostPairingsOfWorker = 5
	codeLength           = 8 // 40 bits
)

// Pair begins a sign-in of a browser for a worker whose key is a file. The browser shows the code
// and the words of its session's key; the worker gives the code to the command line, compares the
// words, and certifies the session there. It is for anybody, and does not tell who is at the desk.
func (d *Desk) Pair(ctx context.Context, worker workforce.WorkerID, key actions.SessionKey) (Pairing, error) {
	if !key.WellFormed() {
		return Pairing{}, fault.New(fault.Invalid, "bad-session", "The session's key is none that a session may have.")
	}
	p := Pairing{Code: rand.Text()[:codeLength], Worker: worker, Key: key, Expires: canonical.At(d.kernel.Now().Add(pairingLife))}
	return p, d.kernel.Store.Write(ctx, func(stx *store.Tx) error {
		of, all, err := stx.Pairings(worker)
		if err != nil {
			return err
		}
		if of >= mostPairingsOfWorker || all >= mostPairings {
			return fault.New(fault.Exhausted, "too-many-pairings", "Too many sign-ins with this name wait for a key already. Try again in a few minutes.")
		}
		return stx.InsertPairing(p)
	})
}

// Pairing returns the sign-in that waits under a code.
func (d *Desk) Pairing(ctx context.Context, code string) (p Pairing, err error) {
	err = d.kernel.Store.ReadOne(ctx, func(stx *store.Tx) error {
		p, err = stx.Pairing(code)
		return err
	})
	return p, err
}

// CertifyPairing hands in the session that a worker has certified for a browser. A sign-in takes one.
func (d *Desk) CertifyPairing(ctx context.Context, code string, session actions.SignedSession) error {
	s, err := d.kernel.State(ctx)
	if err != nil {
		return err
	}
	if err := s.Certified(session, d.kernel.Now()); err != nil {
		return err
	}
	signed := canonical.MustMarshal(session)
	return d.kernel.Store.Write(ctx, func(stx *store.Tx) error {
		p, err := stx.Pairing(code)
		if err != nil {
			return err
		}
		c := session.Session
		switch {
		case p.Signed != nil:
			return fault.New(fault.Conflict, "pairing-used", "A session was certified for this browser already. Have the page make a new code.")
		case c.Worker != p.Worker || c.SessionKey.Algorithm != p.Key.Algorithm || string(c.SessionKey.Public) != string(p.Key.Public):
			return fault.New(fault.Forbidden, "bad-session", "The session is not one of %s with the key of the browser that waits under this code.", p.Worker)
		}
		return stx.CertifyPairing(code, signed)
	})
}

// TakePairing returns the session that was certified for a browser, once. ok is false while the
// browser has to wait.
func (d *Desk) TakePairing(ctx context.Context, code string) (session actions.SignedSession, ok bool, err error) {
	if p, err := d.Pairing(ctx, code); err != nil || p.Signed == nil {
		return session, false, err
	}
	err = d.kernel.Store.Write(ctx, func(stx *store.Tx) error {
		p, err := stx.Pairing(code)
		if err != nil {
			return err
		}
		if err := canonical.UnmarshalExact(p.Signed, &session); err != nil {
			return fault.New(fault.Internal, "bad-pairing", "The session that was certified for this browser cannot be read.").Because(err)
		}
		return stx.DropPairing(code)
	})
	return session, err == nil, err
}
