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

// SignIn gives a token to an engaged worker who has signed the ask with an enrolled key.
// The ask names the token's secret by its hash, so that the desk never learns the secret.
//
// The signer is known once the ask's signature verifies with an enrolled key. Refusals of
// unknown signers are only counted: nothing that they sent is entered in the ledger.
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
		// Somebody else may have intercepted a spent ask and sent it again, so this refusal
		// is not entered as one of the signer's.
		return out, d.kernel.Strange(err)
	}
	return out, d.kernel.Noted(ctx, kernel.Caller{Worker: a.Worker}, "sign-in", err)
}

func badAsk(format string, args ...any) error {
	return fault.New(fault.Forbidden, "bad-token-ask", format, args...)
}

// provesKey checks that an ask is for this desk, is dated now, and is signed with a key
// that is enrolled for its worker.
func provesKey(s *proof.State, signed actions.SignedTokenAsk, now canonical.Time) error {
	a := signed.Ask
	switch {
	case a.V != actions.TokenVersion || a.Log != s.LogName() || len(a.Nonce) != 32 || len(a.Name) > 100:
		return badAsk("This is not a request for a token of this desk.")
	case !a.Session.IsZero():
		return badAsk("A browser's request for a token comes with its session, at the desk's sign-in page.")
	case a.Secret.IsZero():
		return badAsk("The request for a token does not say which secret it is for; update the program that asks.")
	case now.Before(a.NotBefore.Add(-time.Minute)) || now.After(a.NotBefore.Add(time.Minute)):
		return badAsk("The request for a token is dated %s; the desk's clock says %s. Check your clock.", a.NotBefore, now)
	}
	key, ok := s.People.Key(a.Key)
	if !ok || key.Worker != a.Worker || !key.Live(now.Time) {
		return fault.New(fault.Forbidden, "unknown-key", "The key is not enrolled for this worker at this desk, or it is revoked.")
	}
	return proof.VerifySignature(key.PublicKey, a.Challenge(), signed.Signature, s.Sites())
}

// mayHaveToken checks the token's name and lifetime that a known signer asks for, and that
// the signer is engaged.
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

// tokens remembers which token rows were found to agree with their signed ask, so that a
// process verifies each signature once and not with each request.
type tokens struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]canonical.Digest // digest of the ask, by the hash of the secret
}

// mostTokens is the largest number of tokens that are remembered. Beyond it all are
// forgotten, and each is verified once more.
const mostTokens = 50_000

// rests reports whether a token's row says the same as its signed ask. Somebody who can
// only write the database cannot sign an ask.
func (k *tokens) rests(s *proof.State, t store.Token) bool {
	key, ok := s.People.Key(t.Key)
	return ok && key.Worker == t.Worker && k.restsBy(s, t, canonical.Digest{}, func(a actions.SignedTokenAsk) error {
		return proof.VerifySignature(key.PublicKey, a.Ask.Challenge(), a.Signature, s.Sites())
	})
}

// restsOn is rests for the token of a session, whose key signed the ask.
func (k *tokens) restsOn(s *proof.State, t store.Token, session actions.SignedSession) bool {
	return k.restsBy(s, t, session.Session.Digest(), func(a actions.SignedTokenAsk) error {
		return proof.VerifySession(session.Session.SessionKey, a.Ask.Challenge(), a.Signature)
	})
}

// restsBy compares a row with its ask, which names a session or none.
func (k *tokens) restsBy(s *proof.State, t store.Token, session canonical.Digest, verify func(actions.SignedTokenAsk) error) bool {
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
	switch {
	case a.V != actions.TokenVersion || a.Log != s.LogName() || a.Secret != canonical.Digest(hash) || a.Session != session:
		return false
	case a.Worker != t.Worker || a.Key != t.Key || !a.Expires.Equal(t.Expires.Time) || a.Expires.Sub(a.NotBefore.Time) > actions.TokenLife:
		return false
	case known:
		return true
	}
	if verify(signed) != nil {
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

// Authenticate returns the caller who shows the secret of a token. The token must be
// neither revoked nor expired, the key that signed for it must be live, and its worker must
// be engaged now. The token's row counts only as far as the signed ask says the same.
func (d *Desk) Authenticate(ctx context.Context, secret string) (kernel.Caller, error) {
	no := fault.New(fault.Unauthenticated, "bad-token", "The token is unknown, revoked or over. Sign in again with `countersign token create`.")
	if strings.HasPrefix(secret, actions.ProgramSecretPrefix) {
		no = fault.New(fault.Unauthenticated, "token-of-program", "This is a program's token. A program brings reports in and reads what became of them; this takes a worker's token.")
	}
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
	switch err := d.tokenHolds(s, t, now); {
	case fault.Is(err, "bad-token"):
		return kernel.Caller{}, d.kernel.Strange(no)
	case err != nil:
		return kernel.Caller{}, err
	}
	return kernel.Caller{Worker: t.Worker, Token: t.ID}, nil
}

// tokenHolds returns the refusal of a token that does not hold any more: it is revoked or over, its
// key is not live, its row does not say what was signed, or its worker is not engaged.
func (d *Desk) tokenHolds(s *proof.State, t store.Token, now time.Time) error {
	k, ok := s.People.Key(t.Key)
	if !t.Revoked.IsZero() || !now.Before(t.Expires.Time) || !ok || k.Worker != t.Worker || !k.Live(now) || !d.tokens.rests(s, t) {
		return fault.New(fault.Unauthenticated, "bad-token", "The token is revoked or over. Sign in again.")
	}
	if st := s.People.Standing(t.Worker, now); !st.Engaged {
		return fault.New(fault.Unauthenticated, "engagement-ended", "%s is not at this desk any more: %s.", t.Worker, st.Why)
	}
	return nil
}

// RevokeToken ends one of the caller's tokens. Officers, workers on call and leads above its
// owner may end somebody else's.
func (d *Desk) RevokeToken(ctx context.Context, by kernel.Caller, token string) error {
	return d.kernel.Change(ctx, by, "revoke-token", func(s *proof.State) (func(*kernel.Tx) error, error) {
		now := d.kernel.Now()
		return func(t *kernel.Tx) error {
			have, err := t.Token(token)
			if err != nil {
				return err
			}
			if err := mayRevoke(s, by.Worker, have.Worker, now); err != nil {
				return err
			}
			if err := revoke(t, by, have); err != nil {
				return err
			}
			return left(t, by, have.Worker)
		}, nil
	})
}

// RevokeTokensOf ends all live tokens of a worker, and returns them. Who may end one of them
// may end all: a machine that was lost names none of its tokens.
func (d *Desk) RevokeTokensOf(ctx context.Context, by kernel.Caller, of workforce.WorkerID) (ended []Token, err error) {
	err = d.kernel.Change(ctx, by, "revoke-token", func(s *proof.State) (func(*kernel.Tx) error, error) {
		now := d.kernel.Now()
		if _, ok := s.People.Worker(of); !ok {
			return nil, fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", of)
		}
		if err := mayRevoke(s, by.Worker, of, now); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			ended = nil
			all, err := t.Tokens(of)
			if err != nil {
				return err
			}
			for _, have := range all {
				if !have.Revoked.IsZero() || !now.Before(have.Expires.Time) {
					continue
				}
				if err := revoke(t, by, have); err != nil {
					return err
				}
				have.Revoked = t.Now()
				ended = append(ended, have)
			}
			return left(t, by, of)
		}, nil
	})
	return ended, err
}

// mayRevoke returns the refusal if a worker may not end the tokens of another.
func mayRevoke(s *proof.State, by, of workforce.WorkerID, now time.Time) error {
	st := s.People.Standing(by, now)
	if by == of || st.Engaged && (st.Has(workforce.Officer) || st.Has(workforce.OnCall) || st.Has(workforce.Lead) && s.Reports(of, by)) {
		return nil
	}
	return fault.New(fault.Forbidden, "not-yours", "Only officers, workers on call and leads above %s may end these tokens.", of)
}

// left has a worker be away who is signed in nowhere any more.
func left(t *kernel.Tx, by kernel.Caller, of workforce.WorkerID) error {
	all, err := t.Tokens(of)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Revoked.IsZero() && t.Now().Before(one.Expires.Time) {
			return nil
		}
	}
	return t.LeaveDesk(of, by.Worker)
}

// revoke enters and stores the end of a token.
func revoke(t *kernel.Tx, by kernel.Caller, have Token) error {
	t.Enter(entry.KindTokenRevoked, entry.Token{Token: have.ID, Worker: have.Worker, Key: have.Key, By: by.Worker})
	return t.Tx.RevokeToken(have.ID, t.Now())
}

// Tokens returns the caller's tokens, newest first.
func (d *Desk) Tokens(ctx context.Context, by kernel.Caller) (ts []Token, err error) {
	err = d.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		ts, err = stx.Tokens(by.Worker)
		return err
	})
	return ts, err
}
