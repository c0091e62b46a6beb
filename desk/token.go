package desk

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Token is a bearer token as its owner may see it.
type Token = store.Token

// SignIn gives a token to whoever holds an enrolled key of an engaged worker. The
// ask names the token's secret by its hash, so that the desk never knows it.
//
// Who asks is known once the ask's signature verifies by an enrolled key. Of
// somebody who is not known nothing is entered, and they are only counted.
func (d *Desk) SignIn(ctx context.Context, signed actions.SignedTokenAsk) (Token, error) {
	var out Token
	a := signed.Ask
	known := false
	err := d.kernel.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		now := d.kernel.TimeNow()
		if err := provesKey(s, signed, now); err != nil {
			return nil, err
		}
		known = true
		if err := mayHaveToken(s, a, now); err != nil {
			return nil, err
		}
		kept := canonical.MustMarshal(signed)
		t := Token{ID: d.kernel.IDs.New("tok"), Hash: a.Secret[:], Nonce: a.Nonce, Ask: kept, Worker: a.Worker, Key: a.Key, Name: a.Name, Created: now, Expires: a.Expires}
		return func(tx *kernel.Tx) error {
			tx.Enter(entry.KindToken, entry.Token{Token: t.ID, Worker: t.Worker, Key: t.Key}, ledger.Opening{Name: "ask", Value: kept})
			out = t
			return tx.InsertToken(t)
		}, nil
	})
	if !known || fault.Is(err, "token-ask-spent") {
		// An ask that was seen on its way and is sent again says nothing of its signer.
		return out, d.kernel.Strange(err)
	}
	return out, d.kernel.Noted(ctx, kernel.Caller{Worker: a.Worker}, "sign-in", err)
}

func badAsk(format string, args ...any) error {
	return fault.New(fault.Forbidden, "bad-token-ask", format, args...)
}

// provesKey checks that an ask is for this desk, of now, and signed with a key that
// is enrolled for its worker.
func provesKey(s *proof.State, signed actions.SignedTokenAsk, now canonical.Time) error {
	a := signed.Ask
	switch {
	case a.V != actions.TokenVersion || a.Log != s.LogName() || len(a.Nonce) != 32 || len(a.Name) > 100:
		return badAsk("This is not a request for a token of this desk.")
	case a.Secret.IsZero():
		return badAsk("The request for a token does not say which secret it is for; update the program that asks.")
	case now.Before(a.NotBefore.Add(-time.Minute)) || now.After(a.NotBefore.Add(time.Minute)):
		return badAsk("The request for a token is dated %s; the desk's clock says %s. Check your clock.", a.NotBefore, now)
	}
	key, ok := s.People.Key(a.Key)
	if !ok || key.Worker != a.Worker || !key.Live(now.Time) {
		return fault.New(fault.Forbidden, "unknown-key", "The key is not enrolled for this worker at this desk, or revoked.")
	}
	return proof.VerifySignature(key.PublicKey, a.Challenge(), signed.Signature, s.Sites())
}

// mayHaveToken checks what is asked by somebody who is known.
func mayHaveToken(s *proof.State, a actions.TokenAsk, now canonical.Time) error {
	if a.Name != "" {
		if err := prose.CheckLine("The token's name", a.Name); err != nil {
			return err
		}
	}
	if a.Expires.Sub(a.NotBefore.Time) > actions.TokenLife || !a.Expires.After(now.Time) {
		return badAsk("A token lives at most %s.", actions.TokenLife)
	}
	if st := s.People.Standing(a.Worker, now.Time); !st.Engaged {
		return fault.New(fault.Forbidden, "engagement-ended", "%s may not sign in: %s.", a.Worker, st.Why)
	}
	return nil
}

// tokens remembers which rows were found to rest on their signed ask, so that a
// signature is verified once in a process and not with each request.
type tokens struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]canonical.Digest // by the secret's hash: of the ask
}

// mostTokens bounds what is remembered. Above it everything is forgotten, which
// costs a verification each.
const mostTokens = 50_000

// rests checks that a token's row is what its signed ask says: whoever can write
// the database alone cannot sign one.
func (k *tokens) rests(s *proof.State, t store.Token) bool {
	hash := [sha256.Size]byte(t.Hash)
	ask := canonical.Sum(t.Ask)
	k.mu.Lock()
	known := k.known[hash] == ask && len(t.Ask) > 0
	k.mu.Unlock()
	var signed actions.SignedTokenAsk
	if canonical.UnmarshalExact(t.Ask, &signed) != nil {
		return false
	}
	a := signed.Ask
	key, ok := s.People.Key(a.Key)
	switch {
	case a.V != actions.TokenVersion || a.Log != s.LogName() || a.Secret != canonical.Digest(hash):
		return false
	case a.Worker != t.Worker || a.Key != t.Key || !a.Expires.Equal(t.Expires.Time) || a.Expires.Sub(a.NotBefore.Time) > actions.TokenLife:
		return false
	case !ok || key.Worker != a.Worker:
		return false
	case known:
		return true
	}
	if proof.VerifySignature(key.PublicKey, a.Challenge(), signed.Signature, s.Sites()) != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= mostTokens {
		k.known = map[[sha256.Size]byte]canonical.Digest{}
	}
	k.known[hash] = ask
	return true
}

// Authenticate says who shows a secret: somebody engaged now, by a token that is
// neither revoked nor over, which a key that is still live signed for. What the
// database says of a token counts only as far as that signature bears it out.
func (d *Desk) Authenticate(ctx context.Context, secret string) (kernel.Caller, error) {
	no := fault.New(fault.Unauthenticated, "bad-token", "The token is unknown, revoked or over. Sign in again with `countersign token create`.")
	if !strings.HasPrefix(secret, actions.SecretPrefix) {
		return kernel.Caller{}, d.kernel.Strange(no)
	}
	hash := sha256.Sum256([]byte(secret))
	var t store.Token
	var ok bool
	err := d.kernel.Store.Read(ctx, func(stx *store.Tx) (err error) {
		t, ok, err = stx.TokenByHash(hash[:])
		return err
	})
	if err != nil {
		return kernel.Caller{}, err
	}
	now := d.kernel.Now()
	if !ok || !t.Revoked.IsZero() || !now.Before(t.Expires.Time) {
		return kernel.Caller{}, d.kernel.Strange(no)
	}
	s, err := d.kernel.State(ctx)
	if err != nil {
		return kernel.Caller{}, err
	}
	if k, ok := s.People.Key(t.Key); !ok || k.Worker != t.Worker || !k.Live(now) || !d.tokens.rests(s, t) {
		return kernel.Caller{}, d.kernel.Strange(no)
	}
	if st := s.People.Standing(t.Worker, now); !st.Engaged {
		return kernel.Caller{}, fault.New(fault.Unauthenticated, "engagement-ended", "%s is not at this desk any more: %s.", t.Worker, st.Why)
	}
	return kernel.Caller{Worker: t.Worker, Token: t.ID}, nil
}

// RevokeToken ends one of the caller's tokens; officers and those on call end anybody's.
func (d *Desk) RevokeToken(ctx context.Context, by kernel.Caller, token string) error {
	return d.kernel.Change(ctx, by, "revoke-token", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st := s.People.Standing(by.Worker, d.kernel.Now())
		return func(t *kernel.Tx) error {
			have, err := t.Token(token)
			if err != nil {
				return err
			}
			if have.Worker != by.Worker && !(st.Engaged && (st.Has(workforce.Officer) || st.Has(workforce.OnCall))) {
				return fault.New(fault.Forbidden, "not-yours", "Only officers and those on call end other people's tokens.")
			}
			t.Enter(entry.KindTokenRevoked, entry.Token{Token: have.ID, Worker: have.Worker, Key: have.Key, By: by.Worker})
			return t.Tx.RevokeToken(token, t.Now())
		}, nil
	})
}

// Tokens returns the caller's tokens, newest first.
func (d *Desk) Tokens(ctx context.Context, by kernel.Caller) (ts []Token, err error) {
	err = d.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		ts, err = stx.Tokens(by.Worker)
		return err
	})
	return ts, err
}
