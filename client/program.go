package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// programKeyVersion is the only version of a program's key file.
const programKeyVersion = "countersign/program-key/v1"

// ProgramKey is the key file of a program, readable by its owner alone. Whoever copies it
// brings reports in under the program's name.
type ProgramKey struct {
	V       string          `json:"v"`
	Program string          `json:"program"` // its name at the desk
	Key     workforce.KeyID `json:"key"`
	Public  canonical.Bytes `json:"public"`
	Seed    canonical.Bytes `json:"seed"` // RFC 8032's private key: the secret
}

// NewProgramKey makes a key for a program.
func NewProgramKey(random io.Reader, program string) (ProgramKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return ProgramKey{}, fmt.Errorf("make a key: %w", err)
	}
	k := ProgramKey{V: programKeyVersion, Program: program, Seed: seed}
	k.Public = canonical.Bytes(k.private().Public().(ed25519.PublicKey))
	k.Key = k.PublicKey().ID()
	return k, nil
}

// ReadProgramKey reads a program's key file. It refuses one that others may read.
func ReadProgramKey(path string) (ProgramKey, error) {
	var k ProgramKey
	f, err := os.Open(path)
	if err != nil {
		return k, fault.New(fault.Invalid, "unreadable-file", "%s cannot be read: %v.", path, errors.Unwrap(err)).Because(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return k, fmt.Errorf("read %s: %w", path, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return k, fault.New(fault.Invalid, "key-exposed", "The key file %s may be read by others; run chmod 600 on it, and make a new key if they could have.", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return k, fmt.Errorf("read %s: %w", path, err)
	}
	// Without a cause: it could quote the secret.
	if json.Unmarshal(b, &k, json.RejectUnknownMembers(true)) != nil || k.V != programKeyVersion || len(k.Seed) != ed25519.SeedSize || !workforce.ValidIdentifier(k.Program) ||
		string(k.private().Public().(ed25519.PublicKey)) != string(k.Public) || k.PublicKey().ID() != k.Key {
		return ProgramKey{}, fault.New(fault.Invalid, "bad-key-file", "%s is not the key file of a program, as `countersign program key make FILE --program NAME` writes it.", path)
	}
	return k, nil
}

// PublicKey returns the public half.
func (k ProgramKey) PublicKey() workforce.PublicKey {
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: k.Public, Credential: canonical.Bytes{}}
}

func (k ProgramKey) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Seed) }

// Sign signs a challenge.
func (k ProgramKey) Sign(challenge [32]byte) actions.Signature {
	return actions.Signature{Signature: ed25519.Sign(k.private(), challenge[:])}
}

// Enrolment returns the document with which an officer admits the program at a desk. name is
// the one that v1.Status gives as the name for enrolments.
func (k ProgramKey) Enrolment(name string) actions.ProgramEnrolment {
	return actions.ProgramEnrolment{Program: k.Program, Key: k.PublicKey(), Possession: k.Sign(actions.ProgramChallenge(name, k.Program, k.Key))}
}

// Ask returns a signed request for a token that lives for a time, and the token's secret. log
// is the desk's ledger as v1.Status names it.
func (k ProgramKey) Ask(random io.Reader, log string, now time.Time, life time.Duration) (v1.SignedProgramTokenAsk, string, error) {
	b := make([]byte, 32+32)
	if _, err := io.ReadFull(random, b); err != nil {
		return v1.SignedProgramTokenAsk{}, "", fmt.Errorf("make a nonce and a secret: %w", err)
	}
	secret := actions.ProgramTokenSecret(b[32:])
	at := canonical.At(now)
	ask := v1.ProgramTokenAsk{V: v1.ProgramTokenAskVersion, Log: log, Program: k.Program, Key: k.Key, Nonce: b[:32], NotBefore: at, Expires: canonical.At(at.Add(life)), Secret: actions.SecretDigest(secret)}
	return v1.SignedProgramTokenAsk{Ask: ask, Signature: k.Sign(ask.Challenge())}, secret, nil
}

// SignInProgram hands in a program's signed ask and gets a token. Its secret is the one whose
// hash the ask holds. SignInProgram needs no token.
func (c *Client) SignInProgram(ctx context.Context, a v1.SignedProgramTokenAsk) (t v1.ProgramToken, err error) {
	return t, c.into(ctx, call{method: http.MethodPost, path: v1.Base + "/programs/tokens", body: a}, &t)
}

// Programs lists programs by name.
func (c *Client) Programs(ctx context.Context, cursor string, limit int) (p v1.Page[v1.Program], err error) {
	return p, c.get(ctx, v1.Base+"/programs", values("cursor", cursor, "limit", number(int64(limit))), &p)
}

// OwnProgram returns the program whose token this client has.
func (c *Client) OwnProgram(ctx context.Context) (p v1.Program, err error) {
	return p, c.get(ctx, v1.Base+"/programs/self", nil, &p)
}

// ProgramTokens gets tokens for a program, each when it is needed. It is safe for concurrent
// use.
type ProgramTokens struct {
	desk   *Client
	key    ProgramKey
	log    string
	now    func() time.Time
	random io.Reader

	turn    chan struct{} // holds one value while nobody signs in
	mu      sync.Mutex
	secret  string
	expires time.Time
}

// renewBefore is how long before its end a program's token is replaced, so that a call that
// begins with it ends with it.
const renewBefore = 5 * time.Minute

// NewProgramTokens returns a source of tokens for the program of a key, at the desk that a
// client without a token reaches. log is the desk's ledger as v1.Status names it, from a place
// that the program trusts; empty: the desk is asked, and believed.
func NewProgramTokens(desk *Client, key ProgramKey, log string, now func() time.Time, random io.Reader) *ProgramTokens {
	t := &ProgramTokens{desk: desk, key: key, log: log, now: now, random: random, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// Token returns the secret of a token that is good for some minutes at least. It signs in if
// there is none.
func (t *ProgramTokens) Token(ctx context.Context) (string, error) {
	if s, ok := t.fresh(); ok {
		return s, nil
	}
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if s, ok := t.fresh(); ok { // another call has signed in meanwhile
		return s, nil
	}
	log := t.log
	if log == "" {
		status, err := t.desk.Status(ctx)
		if err != nil {
			return "", err
		}
		log = status.Log
	}
	ask, secret, err := t.key.Ask(t.random, log, t.now(), actions.ProgramTokenLife)
	if err != nil {
		return "", err
	}
	got, err := t.desk.SignInProgram(ctx, ask)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.secret, t.expires = secret, got.Expires.Time
	return secret, nil
}

func (t *ProgramTokens) fresh() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.secret, t.secret != "" && t.now().Add(renewBefore).Before(t.expires)
}

// Forget drops a token that the desk refused, so that the next call signs in again. A token
// that another call has got meanwhile is kept.
func (t *ProgramTokens) Forget(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secret == secret {
		t.secret = ""
	}
}

// RetryAfter returns how long a refusal of kind Exhausted asks to wait; ok is false if it does
// not say.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	f := fault.As(err)
	if f == nil {
		return 0, false
	}
	for _, d := range f.Detail {
		if d.At == "retry-after" {
			s, err := strconv.Atoi(d.Text)
			return time.Duration(s) * time.Second, err == nil && s >= 0
		}
	}
	return 0, false
}
