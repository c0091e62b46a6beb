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
	"countersign.dev/store"
)

// ProgramToken is a program's bearer token.
type ProgramToken = store.ProgramToken

// ProgramCaller is the program that uses the desk, with the token that was shown.
type ProgramCaller = kernel.ProgramCaller

// programTokensPerHour is the largest number of tokens that one program gets in an hour: each
// is an entry of the ledger.
const programTokensPerHour = 120

// SignInProgram gives a token to a program that stands and has signed the ask with its key.
//
// The program is known once the ask's signature verifies with its key. Refusals of unknown
// programs are only counted: nothing that they sent is entered in the ledger.
func (d *Desk) SignInProgram(ctx context.Context, signed actions.SignedProgramTokenAsk) (ProgramToken, error) {
	var out ProgramToken
	a := signed.Ask
	known := false
	err := d.kernel.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		now := d.kernel.TimeNow()
		if err := provesProgram(s, signed, now); err != nil {
			return nil, err
		}
		known = true
		if _, err := s.Program(a.Program, now.Time); err != nil {
			return nil, err
		}
		if a.Expires.Sub(a.NotBefore.Time) > actions.ProgramTokenLife || !a.Expires.After(now.Time) {
			return nil, badAsk("A program's token lives at most %s.", actions.ProgramTokenLife)
		}
		kept := canonical.MustMarshal(signed)
		t := ProgramToken{ID: d.kernel.IDs.New("ptk"), Hash: a.Secret[:], Nonce: a.Nonce, Ask: kept, Program: a.Program, Created: now, Expires: a.Expires}
		return func(tx *kernel.Tx) error {
			n, err := tx.ProgramTokensSince(t.Program, canonical.At(now.Add(-time.Hour)))
			if err != nil {
				return err
			}
			if n >= programTokensPerHour {
				return fault.New(fault.Exhausted, "program-too-fast", "The program %s has had %d tokens within an hour, which is the most. A token lives up to an hour: use it again.", t.Program, n).
					With(fault.Detail{At: "retry-after", Text: "600"})
			}
			tx.Enter(entry.KindProgramToken, entry.ProgramToken{Token: t.ID, Program: t.Program, Key: a.Key}, ledger.Opening{Name: "ask", Value: kept})
			out = t
			// An ask is good for two minutes around its time, so a day later no nonce is needed.
			return tx.InsertProgramToken(t, canonical.At(now.Add(-24*time.Hour)))
		}, nil
	})
	if !known || fault.Is(err, "token-ask-spent") {
		return out, d.kernel.Strange(err)
	}
	return out, d.kernel.Noted(ctx, kernel.Caller{Program: a.Program}, "program-sign-in", err)
}

// provesProgram checks that an ask is for this desk, is dated now, and is signed with the key
// of its program.
func provesProgram(s *proof.State, signed actions.SignedProgramTokenAsk, now canonical.Time) error {
	a := signed.Ask
	switch {
	case a.V != actions.ProgramTokenVersion || a.Log != s.LogName() || len(a.Nonce) != 32 || a.Secret.IsZero():
		return badAsk("This is not a program's request for a token of this desk.")
	case now.Before(a.NotBefore.Add(-time.Minute)) || now.After(a.NotBefore.Add(time.Minute)):
		return badAsk("The request for a token is dated %s; the desk's clock says %s. Check your clock.", a.NotBefore, now)
	}
	p, ok := s.Programs[a.Program]
	if !ok || p.Key.ID() != a.Key {
		return fault.New(fault.Forbidden, "unknown-key", "The key is not that of a program of this name at this desk.")
	}
	return proof.VerifySignature(p.Key, a.Challenge(), signed.Signature, s.Sites())
}

// programTokens remembers the tokens of programs whose row was found to agree with the signed
// ask. A program's token is not revoked by itself, so what is remembered holds until it
// expires; whether its program stands is asked each time.
type programTokens struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]ProgramToken
}

func (k *programTokens) get(hash [sha256.Size]byte) (t ProgramToken, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, ok = k.known[hash]
	return t, ok
}

func (k *programTokens) put(t ProgramToken) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= mostTokens {
		k.known = map[[sha256.Size]byte]ProgramToken{}
	}
	k.known[[sha256.Size]byte(t.Hash)] = t
}

// restsOnAsk reports whether a program token's row says the same as its signed ask. Somebody
// who can only write the database cannot sign an ask.
func restsOnAsk(s *proof.State, t ProgramToken) bool {
	var signed actions.SignedProgramTokenAsk
	if canonical.UnmarshalExact(t.Ask, &signed) != nil {
		return false
	}
	a, p := signed.Ask, s.Programs[t.Program]
	return a.V == actions.ProgramTokenVersion && a.Log == s.LogName() && a.Secret == canonical.Digest(t.Hash) && a.Program == t.Program && a.Key == p.Key.ID() &&
		a.Expires.Equal(t.Expires.Time) && a.Expires.Sub(a.NotBefore.Time) <= actions.ProgramTokenLife &&
		proof.VerifySignature(p.Key, a.Challenge(), signed.Signature, s.Sites()) == nil
}

// AuthenticateProgram returns the program that shows the secret of its token. The token must
// not be expired, its program must stand, and the program's owner must be engaged now.
func (d *Desk) AuthenticateProgram(ctx context.Context, secret string) (ProgramCaller, error) {
	no := fault.New(fault.Unauthenticated, "bad-token", "The token is unknown or over. Ask for another one: `countersign program token --key FILE`.")
	if strings.HasPrefix(secret, actions.SecretPrefix) {
		no = fault.New(fault.Unauthenticated, "token-of-worker", "This is a worker's token. This takes the token of a program: `countersign program token --key FILE`.")
	}
	if !strings.HasPrefix(secret, actions.ProgramSecretPrefix) {
		return ProgramCaller{}, d.kernel.Strange(no)
	}
	s, err := d.kernel.State(ctx)
	if err != nil {
		return ProgramCaller{}, err
	}
	hash := sha256.Sum256([]byte(secret))
	t, ok := d.programTokens.get(hash)
	if !ok {
		if err := d.kernel.Store.Read(ctx, func(stx *store.Tx) (err error) {
			t, ok, err = stx.ProgramTokenByHash(hash[:])
			return err
		}); err != nil {
			return ProgramCaller{}, err
		}
		if ok = ok && restsOnAsk(s, t); ok {
			d.programTokens.put(t)
		}
	}
	now := d.kernel.Now()
	if !ok || !now.Before(t.Expires.Time) {
		return ProgramCaller{}, d.kernel.Strange(no)
	}
	if _, err := s.Program(t.Program, now); err != nil {
		return ProgramCaller{}, fault.New(fault.Unauthenticated, fault.TypeOf(err), "%s", fault.TextOf(err))
	}
	return ProgramCaller{ID: t.Program, Token: t.ID}, nil
}
