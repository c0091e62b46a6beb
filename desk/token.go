package desk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Token is a bearer token as its owner may see it.
type Token = store.Token

// secretPrefix lets scanners for leaked credentials know a token when they see one.
const secretPrefix = "csgn_"

// tokenRecord is the data of entries of kind token and token-revoked.
type tokenRecord struct {
	Token  string             `json:"token"`
	Worker workforce.WorkerID `json:"worker"`
	Key    workforce.KeyID    `json:"key"`
}

// SignIn gives a token to whoever holds an enrolled key of an engaged worker.
func (d *Desk) SignIn(ctx context.Context, signed actions.SignedTokenAsk) (Token, string, error) {
	var out Token
	secret := secretPrefix + base64.RawURLEncoding.EncodeToString(d.random(32))
	hash := sha256.Sum256([]byte(secret))
	a := signed.Ask
	err := d.change(ctx, Caller{Worker: a.Worker}, "sign-in", func(s *proof.State) (func(*tx) error, error) {
		now := d.timeNow()
		if err := checkTokenAsk(s, signed, now); err != nil {
			return nil, err
		}
		t := Token{ID: d.ids.New("tok"), Hash: hash[:], Worker: a.Worker, Key: a.Key, Name: a.Name, Created: now, Expires: a.Expires}
		return func(tx *tx) error {
			tx.record("token", tokenRecord{t.ID, t.Worker, t.Key})
			out = t
			return tx.InsertToken(t)
		}, nil
	})
	return out, secret, err
}

func checkTokenAsk(s *proof.State, signed actions.SignedTokenAsk, now canonical.Time) error {
	a := signed.Ask
	no := func(format string, args ...any) error {
		return fault.New(fault.Forbidden, "bad-token-ask", format, args...)
	}
	switch {
	case a.V != actions.TokenVersion || a.Log != s.Origin || len(a.Nonce) != 32 || len(a.Name) > 100:
		return no("This is not a request for a token of this desk.")
	case now.Before(a.NotBefore.Add(-time.Minute)) || now.After(a.NotBefore.Add(time.Minute)):
		return no("The request for a token is dated %s; the desk's clock says %s. Check your clock.", a.NotBefore, now)
	case a.Expires.Sub(a.NotBefore.Time) > actions.TokenLife || !a.Expires.After(now.Time):
		return no("A token lives at most %s.", actions.TokenLife)
	}
	key, ok := s.People.Key(a.Key)
	if !ok || key.Worker != a.Worker || !key.Live(now.Time) {
		return fault.New(fault.Forbidden, "unknown-key", "The key %s is not enrolled for %s at this desk, or revoked.", a.Key, a.Worker)
	}
	if st := s.People.Standing(a.Worker, now.Time); !st.Engaged {
		return fault.New(fault.Forbidden, "engagement-ended", "%s may not sign in: %s.", a.Worker, st.Why)
	}
	return proof.VerifySignature(key.PublicKey, a.Challenge(), signed.Signature, s.Sites())
}

// Authenticate says who shows a secret: somebody engaged now, by a token that is
// neither revoked nor over, from a key that is still live.
func (d *Desk) Authenticate(ctx context.Context, secret string) (Caller, error) {
	no := fault.New(fault.Unauthenticated, "bad-token", "The token is unknown, revoked or over. Sign in again with `countersign token create`.")
	if !strings.HasPrefix(secret, secretPrefix) {
		return Caller{}, no
	}
	hash := sha256.Sum256([]byte(secret))
	var t store.Token
	var ok bool
	err := d.store.Read(ctx, func(stx *store.Tx) (err error) {
		t, ok, err = stx.TokenByHash(hash[:])
		return err
	})
	if err != nil {
		return Caller{}, err
	}
	now := d.now()
	if !ok || !t.Revoked.IsZero() || !now.Before(t.Expires.Time) {
		return Caller{}, no
	}
	s, err := d.State(ctx)
	if err != nil {
		return Caller{}, err
	}
	if k, ok := s.People.Key(t.Key); !ok || k.Worker != t.Worker || !k.Live(now) {
		return Caller{}, no
	}
	if st := s.People.Standing(t.Worker, now); !st.Engaged {
		return Caller{}, fault.New(fault.Unauthenticated, "engagement-ended", "%s is not at this desk any more: %s.", t.Worker, st.Why)
	}
	return Caller{Worker: t.Worker, Token: t.ID}, nil
}

// RevokeToken ends one of the caller's tokens; officers and those on call end anybody's.
func (d *Desk) RevokeToken(ctx context.Context, by Caller, token string) error {
	return d.change(ctx, by, "revoke-token", func(s *proof.State) (func(*tx) error, error) {
		st := s.People.Standing(by.Worker, d.now())
		return func(t *tx) error {
			have, err := t.Token(token)
			if err != nil {
				return err
			}
			if have.Worker != by.Worker && !may(st, workforce.Officer, workforce.OnCall) {
				return fault.New(fault.Forbidden, "not-yours", "Only officers and those on call end other people's tokens.")
			}
			t.record("token-revoked", tokenRecord{have.ID, have.Worker, have.Key})
			return t.Tx.RevokeToken(token, t.Now())
		}, nil
	})
}

// Tokens returns the caller's tokens, newest first.
func (d *Desk) Tokens(ctx context.Context, by Caller) (ts []Token, err error) {
	err = d.store.Read(ctx, func(stx *store.Tx) error {
		ts, err = stx.Tokens(by.Worker)
		return err
	})
	return ts, err
}
