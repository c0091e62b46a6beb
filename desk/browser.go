package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	"countersign.dev/workforce"
)

// BrowserStart is what a browser needs in order to make a session that a person's own key can
// certify.
type BrowserStart struct {
	Log      string           // origin of the ledger
	Founding canonical.Digest // hash of entry 0
	After    canonical.Digest // hash of the newest governance entry
	Now      canonical.Time
	Site     string // the relying party of passkeys
	Keys     []BrowserKey
	// Secret is the digest of the cookie's secret. The session's key signs for this secret and
	// no other, so that nobody can plant a cookie of their own in another person's browser.
	Secret canonical.Digest
}

// BrowserKey is a passkey of the person who wants to sign in.
type BrowserKey struct {
	Key        workforce.KeyID
	Credential canonical.Bytes
}

// BeginBrowser returns what a browser needs to start a session of a worker with a key that it
// has made. It is for anybody: about a worker who does not exist, or has no passkey, it
// answers with a passkey that does not exist.
func (d *Desk) BeginBrowser(ctx context.Context, worker workforce.WorkerID, key actions.SessionKey) (BrowserStart, error) {
	s, err := d.kernel.State(ctx)
	if err != nil {
		return BrowserStart{}, err
	}
	if !s.Founded() {
		return BrowserStart{}, fault.New(fault.Conflict, "not-founded", "The desk is not founded yet, so nobody can sign in.")
	}
	now := d.kernel.TimeNow()
	out := BrowserStart{Log: s.Origin, Founding: s.Root, After: s.Head, Now: now, Site: s.Trust.RelyingParty, Secret: actions.SecretDigest(d.browserSecret(key))}
	for _, k := range s.People.KeysOf(worker) {
		if k.Algorithm != workforce.FileEd25519 && k.Live(now.Time) {
			out.Keys = append(out.Keys, BrowserKey{k.ID(), k.Credential})
		}
	}
	if len(out.Keys) == 0 {
		public := d.derived("no such passkey", []byte(worker))
		made := workforce.PublicKey{Algorithm: workforce.PasskeyES256, Public: public}
		out.Keys = append(out.Keys, BrowserKey{made.ID(), d.derived("no such credential", []byte(worker))})
	}
	return out, nil
}

// browserSecret returns the secret of the cookie that belongs to a session's key. It is the
// same at every node of the desk.
func (d *Desk) browserSecret(key actions.SessionKey) string {
	return actions.BrowserSecretPrefix + base64.RawURLEncoding.EncodeToString(d.derived("cookie of "+string(key.Algorithm), key.Public))
}

func (d *Desk) derived(purpose string, of []byte) []byte {
	mac := hmac.New(sha256.New, d.browserKey)
	mac.Write([]byte(purpose + "\n"))
	mac.Write(of)
	return mac.Sum(nil)
}

// Browser is a page's caller, with the session whose key signs what the page writes.
type Browser struct {
	kernel.Caller
	Session actions.Session
}

// SignInBrowser starts a session that a person's own key has certified, and gives its browser
// a token that ends with the session. It returns the token's secret, which is the cookie's
// value. renews is the token that this one takes the place of, empty at a sign-in: what its
// holder has claimed stays claimed.
func (d *Desk) SignInBrowser(ctx context.Context, session actions.SignedSession, ask actions.SignedTokenAsk, renews string) (secret string, out Token, err error) {
	s, err := d.kernel.State(ctx)
	if err != nil {
		return "", out, err
	}
	c := session.Session
	secret = d.browserSecret(c.SessionKey)
	a := ask.Ask
	switch {
	case a.Session != c.Digest() || a.Worker != c.Worker || a.Key != c.Key || !a.Expires.Equal(c.Expires.Time) || !a.NotBefore.Equal(c.NotBefore.Time):
		return "", out, d.kernel.Strange(badAsk("The request for a token is not one of the session that comes with it."))
	case a.Secret != actions.SecretDigest(secret):
		return "", out, d.kernel.Strange(badAsk("The request for a token is for another secret than the one that the desk made for this session's key."))
	}
	if err := s.Certified(session, d.kernel.Now()); err != nil {
		return "", out, d.kernel.Strange(err)
	}
	by := kernel.Caller{Worker: c.Worker, Session: c.Digest()}
	if _, err := d.StartSession(ctx, by, session); err != nil {
		return "", out, err
	}
	// If we die here, the session runs and nobody has its cookie. The person signs in again,
	// which ends it.
	err = d.kernel.Change(ctx, by, "sign-in", func(s *proof.State) (func(*kernel.Tx) error, error) {
		now := d.kernel.TimeNow()
		if err := provesSession(s, ask, session, now); err != nil {
			return nil, err
		}
		if err := mayHaveToken(s, a, now); err != nil {
			return nil, err
		}
		kept := canonical.MustMarshal(ask)
		t := Token{ID: d.kernel.IDs.New("tok"), Hash: a.Secret[:], Nonce: a.Nonce, Ask: kept, Worker: a.Worker, Key: a.Key, Name: a.Name, Created: now, Expires: a.Expires}
		return func(tx *kernel.Tx) error {
			all, err := tx.Tokens(a.Worker)
			if err != nil {
				return err
			}
			tx.Enter(entry.KindToken, entry.Token{Token: t.ID, Worker: t.Worker, Key: t.Key}, ledger.Opening{Name: "ask", Value: kept})
			out = t
			if err := tx.InsertToken(t); err != nil {
				return err
			}
			for _, have := range all {
				if have.Revoked.IsZero() && now.Before(have.Expires.Time) && have.Key == a.Key && sessionOf(have) != (canonical.Digest{}) {
					if have.ID == renews {
						if err := tx.CarryClaims(have.ID, t.ID); err != nil {
							return err
						}
					}
					if err := revoke(tx, by, have); err != nil {
						return err
					}
				}
			}
			return nil
		}, nil
	})
	return secret, out, err
}

// sessionOf returns the digest of the session that a token ends with; zero for a token that a
// person's own key asked for.
func sessionOf(t Token) canonical.Digest {
	var signed actions.SignedTokenAsk
	if canonical.UnmarshalExact(t.Ask, &signed) != nil {
		return canonical.Digest{}
	}
	return signed.Ask.Session
}

// provesSession checks that an ask is for this desk, is dated now, and is signed with the key
// of the session that it names.
func provesSession(s *proof.State, signed actions.SignedTokenAsk, session actions.SignedSession, now canonical.Time) error {
	a := signed.Ask
	switch {
	case a.V != actions.TokenVersion || a.Log != s.LogName() || len(a.Nonce) != 32 || len(a.Name) > 100:
		return badAsk("This is not a request for a token of this desk.")
	case now.Before(a.NotBefore.Add(-time.Minute)) || now.After(a.NotBefore.Add(proof.SessionLate)):
		return badAsk("The request for a token is dated %s; the desk's clock says %s. Check your clock.", a.NotBefore, now)
	}
	return proof.VerifySession(session.Session.SessionKey, a.Challenge(), signed.Signature)
}

// AuthenticateBrowser returns the caller who shows a cookie's secret. The token must be
// neither revoked nor expired, its session must be the newest of its key and void for nobody,
// and its worker must be engaged now. As with Authenticate, the rows of token and session
// count only as far as what was signed says the same.
func (d *Desk) AuthenticateBrowser(ctx context.Context, secret string) (Browser, error) {
	if !strings.HasPrefix(secret, actions.BrowserSecretPrefix) {
		return Browser{}, d.kernel.Strange(signedOut())
	}
	hash := sha256.Sum256([]byte(secret))
	var t store.Token
	var session store.Session
	var ok bool
	if err := d.kernel.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if t, ok, err = stx.TokenByHash(hash[:]); err != nil || !ok {
			return err
		}
		session, err = stx.Session(sessionOf(t))
		if fault.Is(err, "no-session") {
			ok, err = false, nil
		}
		return err
	}); err != nil {
		return Browser{}, err
	}
	if !ok {
		return Browser{}, d.kernel.Strange(signedOut())
	}
	s, err := d.kernel.State(ctx)
	if err != nil {
		return Browser{}, err
	}
	if err := d.browserHolds(s, t, session, d.kernel.Now()); fault.Is(err, "signed-out") {
		return Browser{}, d.kernel.Strange(err)
	} else if err != nil {
		return Browser{}, err
	}
	return Browser{kernel.Caller{Worker: t.Worker, Token: t.ID, Session: session.Digest}, session.Signed.Session}, nil
}

// browserHolds returns the refusal of a browser's token that does not hold any more: it is revoked
// or over, its session is over, void, or not its key's newest, a row does not say what was signed, or
// the worker is not engaged.
func (d *Desk) browserHolds(s *proof.State, t store.Token, session store.Session, now time.Time) error {
	c := session.Signed.Session
	if st := s.People.Standing(t.Worker, now); !st.Engaged {
		return fault.New(fault.Unauthenticated, "engagement-ended", "%s is not at this desk any more: %s.", t.Worker, st.Why)
	}
	if !t.Revoked.IsZero() || !now.Before(t.Expires.Time) || !session.Ended.IsZero() || !c.Holds(now) || c.Worker != t.Worker || c.Key != t.Key ||
		s.Certified(session.Signed, now) != nil || !d.tokens.restsOn(s, t, session.Signed) {
		return signedOut()
	}
	return nil
}

func signedOut() error {
	return fault.New(fault.Unauthenticated, "signed-out", "You are signed out, or your session is over. Sign in again.")
}

// proofLife is how far the time of a page's write may lie from the desk's clock.
const proofLife = 2 * time.Minute

// Proves checks the signature that a page makes for each write. Errors are faults of type
// "bad-proof" and "other-session".
func (d *Desk) Proves(b Browser, p actions.BrowserProof, signature []byte) error {
	now := d.kernel.Now()
	at := time.UnixMicro(p.At)
	switch {
	case p.Token != b.Token:
		return fault.New(fault.Conflict, "other-session", "This page was opened in another session than the one that you are signed in with now, as %s. Nothing was changed. Load the page again.", b.Worker)
	case at.Before(now.Add(-proofLife)) || at.After(now.Add(proofLife)):
		return fault.New(fault.Forbidden, "bad-proof", "The page signed this at %s, and the desk's clock says %s. Load the page again.", canonical.At(at), canonical.At(now))
	}
	challenge := p.Challenge()
	if proof.VerifySession(b.Session.SessionKey, challenge, actions.Signature{Signature: signature}) != nil {
		return fault.New(fault.Forbidden, "bad-proof", "This was not signed with the key of your session, which never leaves the browser that you signed in with. Nothing was changed. Sign in again.")
	}
	if !d.proofs.take(challenge, now) {
		return fault.New(fault.Forbidden, "bad-proof", "This has arrived before: what a page signs is good once. Look whether it was done.")
	}
	return nil
}

// proofs remembers the proofs of pages that a node has taken, as long as their times would pass.
type proofs struct {
	mu          sync.Mutex
	since       time.Time // when fresh was begun
	fresh, past map[[32]byte]bool
}

// take reports whether a proof has not been taken before, and remembers it.
func (p *proofs) take(challenge [32]byte, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A proof passes for twice proofLife at most, as its time may lie ahead.
	if age := now.Sub(p.since); p.fresh == nil || age > 2*proofLife {
		p.past, p.fresh, p.since = p.fresh, map[[32]byte]bool{}, now
	}
	if p.fresh[challenge] || p.past[challenge] {
		return false
	}
	p.fresh[challenge] = true
	return true
}
