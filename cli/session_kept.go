package cli

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// keptSessionVersion is the only version of keptSession.
const keptSessionVersion = "countersign/kept-session/v1"

// keptSession is a session whose key this machine keeps, as a file of the person's own
// holds it, one for each desk and worker:
//
//	{"v": "countersign/kept-session/v1",
//	 "signed": {"session": …, "signature": …},   public
//	 "seed": "base64 of 32 bytes"}               RFC 8032's private key: the secret
//
// The seed is left out where an ssh-agent holds the key. A file with a seed lies in the
// runtime folder and in memory (tmpfs), so that the key does not outlive the login. Neither
// the key nor its file is ever in a desk's folder, which people copy and back up, or in the
// environment, which every child process reads.
type keptSession struct {
	V      string                `json:"v"`
	Signed actions.SignedSession `json:"signed"`
	Seed   canonical.Bytes       `json:"seed,omitzero"`

	path string
}

// leftover is how long before its end a session is not used any more: the desk's clock may
// be a minute ahead (law 5).
const leftover = time.Minute

func (k *keptSession) session() actions.Session { return k.Signed.Session }

// digest is the session's name in statements; zero without a session.
func (k *keptSession) digest() canonical.Digest {
	if k == nil {
		return canonical.Digest{}
	}
	return k.session().Digest()
}

func (k *keptSession) public() ed25519.PublicKey {
	return ed25519.PublicKey(k.session().SessionKey.Public)
}

func (k *keptSession) inAgent() bool { return len(k.Seed) == 0 }

// live reports whether the session still signs.
func (k *keptSession) live(now time.Time) bool {
	return now.Add(leftover).Before(k.session().Expires.Time)
}

// comment names the key in the agent's list.
func (k *keptSession) comment() string {
	return fmt.Sprintf("countersign: session %s of %s at %s", k.digest(), k.session().Worker, logOf(k.session()))
}

func logOf(c actions.Session) string { return actions.LogName(c.Log, c.Founding) }

// sessionFolders returns the folders in which the file of a kept session may lie: in the
// runtime folder of the person's login, which ends with it, and in the folder for state. A
// name is empty if the environment names no such folder.
func (s *Session) sessionFolders() (runtime, state string) {
	in := func(base, rest string) string {
		if !filepath.IsAbs(base) {
			return ""
		}
		return filepath.Join(base, rest)
	}
	runtime = in(s.Getenv("XDG_RUNTIME_DIR"), "countersign")
	if state = in(s.Getenv("XDG_STATE_HOME"), "countersign"); state == "" {
		state = in(s.Getenv("HOME"), filepath.Join(".local", "state", "countersign"))
	}
	return runtime, state
}

// sessionFile is the name of the file of the session that a worker has at a desk. The name
// is a digest, since a ledger's name holds slashes.
func sessionFile(log string, w workforce.WorkerID) string {
	sum := canonical.Sum([]byte(log+"\n"), []byte(w))
	return "session-" + hex.EncodeToString(sum[:16]) + ".json"
}

// keptAt returns the session that is kept for a worker at the desk of a log; nil if there
// is none. It may be over.
func (s *Session) keptAt(log string, w workforce.WorkerID) (*keptSession, error) {
	runtime, state := s.sessionFolders()
	for _, dir := range []string{runtime, state} {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, sessionFile(log, w))
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, unreadable(path, err)
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
			return nil, fault.New(fault.Invalid, "session-exposed", "%s may be read by others, so somebody may have your session's key. End the session with `countersign session end --reason WHY`, and delete the file.", path)
		}
		b, err := ReadFile(path, 1<<16)
		if err != nil {
			return nil, err
		}
		k := &keptSession{path: path}
		if json.Unmarshal(b, k, json.RejectUnknownMembers(true)) != nil || !k.holds(log, w, dir == runtime) {
			// No cause: it could quote the secret.
			return nil, fault.New(fault.Invalid, "bad-session-file", "%s does not hold your session at this desk. Delete it, and start a new session with `countersign session start`.", path)
		}
		return k, nil
	}
	return nil, nil
}

// holds reports whether a kept session is a whole one of a worker at the desk of a log. A
// seed is allowed in the runtime folder only.
func (k *keptSession) holds(log string, w workforce.WorkerID, inRuntime bool) bool {
	c := k.session()
	if k.V != keptSessionVersion || c.Check() != nil || c.SessionKey.Algorithm != actions.SessionEd25519 || logOf(c) != log || c.Worker != w {
		return false
	}
	if k.inAgent() {
		return true
	}
	return inRuntime && len(k.Seed) == ed25519.SeedSize && k.public().Equal(ed25519.NewKeyFromSeed(k.Seed).Public())
}

// hold puts the key of a new session where it is kept: into the running ssh-agent, with the
// session's lifetime, or else into a file in memory, which write then writes. Errors are
// faults of type "no-place-for-key".
func (s *Session) hold(ctx context.Context, c actions.Session, seed []byte) (*keptSession, error) {
	runtime, state := s.sessionFolders()
	name := sessionFile(logOf(c), c.Worker)
	k := &keptSession{V: keptSessionVersion, Signed: actions.SignedSession{Session: c}}
	why := "no ssh-agent is running (SSH_AUTH_SOCK)"
	if s.Getenv("SSH_AUTH_SOCK") != "" {
		dir := cmp.Or(runtime, state)
		if dir == "" {
			return nil, fault.New(fault.Invalid, "no-place-for-key", "There is no folder for the session beside its key: set XDG_RUNTIME_DIR or HOME. Nothing was signed.")
		}
		life := min(math.Ceil(c.Expires.Sub(s.Now()).Seconds()), math.MaxUint32)
		err := s.withAgent(ctx, func(a agent.ExtendedAgent) error {
			return a.Add(agent.AddedKey{PrivateKey: ed25519.NewKeyFromSeed(seed), Comment: k.comment(), LifetimeSecs: uint32(life)})
		})
		if err == nil {
			k.path = filepath.Join(dir, name)
			return k, ownFolder(dir)
		}
		why = fmt.Sprintf("the ssh-agent did not take it (%v)", err)
	}
	inMemory := false
	if runtime != "" {
		if err := ownFolder(runtime); err != nil {
			return nil, err
		}
		if s.InMemory != nil {
			var err error
			if inMemory, err = s.InMemory(runtime); err != nil {
				return nil, fmt.Errorf("see where %s lies: %w", runtime, err)
			}
		}
	}
	if !inMemory {
		return nil, fault.New(fault.Invalid, "no-place-for-key", "There is no place to keep the session's key: %s, and there is no runtime folder in memory (XDG_RUNTIME_DIR on tmpfs). "+
			"Start an agent in this shell with `eval \"$(ssh-agent)\"`, and start the session again. Nothing was signed.", why)
	}
	k.Seed, k.path = seed, filepath.Join(runtime, name)
	return k, nil
}

// ownFolder makes a folder that only its owner may use, or takes everybody else's rights
// from it.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return unreadable(dir, err)
	case !info.IsDir():
		return fault.New(fault.Invalid, "not-a-folder", "%s is no folder, and the session's file belongs there. Move it away.", dir)
	case info.Mode().Perm()&0o077 == 0:
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("take the rights of others from %s: %w", dir, err)
	}
	return nil
}

// write writes the file of a session that the desk has taken.
func (s *Session) write(k *keptSession) error { return WriteSecret(k.path, k) }

// forget removes the key and the file of a kept session. The file is removed also if the
// agent does not answer; the error says then that the key is still there.
func (s *Session) forget(ctx context.Context, k *keptSession) error {
	var err error
	if k.inAgent() {
		err = s.drop(ctx, k)
	}
	if gone := os.Remove(k.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("remove the session's file: %w", gone))
	}
	return err
}

// drop takes a session's key out of the agent. An agent that does not hold it is content.
func (s *Session) drop(ctx context.Context, k *keptSession) error {
	err := s.withAgent(ctx, func(a agent.ExtendedAgent) error {
		held, err := holdsKey(a, k.sshKey())
		if err != nil || !held {
			return err
		}
		return a.Remove(k.sshKey())
	})
	if err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "key-in-agent", "The ssh-agent in which the session's key is does not answer here (%v). It drops the key by itself, at the session's end: %s.", err, k.session().Expires)
}

// atHand reports whether the key of a kept session can sign now.
func (s *Session) atHand(ctx context.Context, k *keptSession) (held bool) {
	if !k.inAgent() {
		return true
	}
	err := s.withAgent(ctx, func(a agent.ExtendedAgent) (err error) {
		held, err = holdsKey(a, k.sshKey())
		return err
	})
	return err == nil && held
}

func holdsKey(a agent.Agent, key ssh.PublicKey) (bool, error) {
	all, err := a.List()
	return slices.ContainsFunc(all, func(k *agent.Key) bool { return string(k.Blob) == string(key.Marshal()) }), err
}

// sshKey is the session's public key as an agent knows it.
func (k *keptSession) sshKey() ssh.PublicKey {
	key, err := ssh.NewPublicKey(k.public())
	if err != nil {
		panic("cli: the key of a session that was checked is no key: " + err.Error())
	}
	return key
}

// withAgent calls the running ssh-agent.
func (s *Session) withAgent(ctx context.Context, call func(agent.ExtendedAgent) error) error {
	path := s.Getenv("SSH_AUTH_SOCK")
	if path == "" {
		return errors.New("SSH_AUTH_SOCK is not set")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // an agent that hangs must not hold the program
	return call(agent.NewClient(conn))
}

// signSession signs a challenge with the key of a kept session.
func (s *Session) signSession(ctx context.Context, k *keptSession, challenge [32]byte) (actions.Signature, error) {
	if !k.inAgent() {
		return actions.Signature{Signature: ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed), challenge[:])}, nil
	}
	var out actions.Signature
	err := s.withAgent(ctx, func(a agent.ExtendedAgent) error {
		signed, err := a.Sign(k.sshKey(), challenge[:])
		if err != nil {
			return err
		}
		if signed.Format != ssh.KeyAlgoED25519 || !ed25519.Verify(k.public(), challenge[:], signed.Blob) {
			return errors.New("its signature does not verify")
		}
		out.Signature = signed.Blob
		return nil
	})
	if err != nil {
		return out, fault.New(fault.Unavailable, "agent-does-not-sign", "The ssh-agent did not sign with the session's key: %v. Nothing was sent. Start a new session with `countersign session start`.", err)
	}
	return out, nil
}

// ledgerName returns the full name of the desk's ledger: as it was at the first sign-in, or
// as the desk gives it.
func (s *Session) ledgerName(ctx context.Context, d deskClient) (string, error) {
	c, err := s.load()
	if err != nil || strings.Contains(c.Log, "#") {
		return c.Log, err
	}
	status, err := d.Status(ctx)
	return status.Log, err
}

// signer returns the signer at the desk of a log, with the session that signs there in the
// place of the person's own key, if one is kept. With a session the own key need not be at
// hand: identity.missing says then why it is not.
func (s *Session) signer(ctx context.Context, log string) (identity, error) {
	me, missing := s.identity()
	if missing != nil {
		worker, err := s.workerName()
		if err != nil {
			return me, err
		}
		c, err := s.load()
		if err != nil {
			return me, err
		}
		me = identity{worker: worker, origin: c.Origin, log: c.Log, missing: missing}
	}
	k, err := s.keptAt(log, me.worker)
	switch {
	case err != nil:
		// The own key signs, also the end of such a session.
		s.Say("%v", err)
		me.away = true
		return me, missing
	case k == nil:
		return me, missing
	case missing == nil && k.session().Key != me.key.Key:
		return me, nil // the person chose another key than the one that started the session
	case !k.live(s.Now()):
		if err := s.forget(ctx, k); err != nil {
			s.Say("%v", err)
		}
		return me, missing
	}
	s.kept = k
	if !s.atHand(ctx, k) {
		if missing == nil {
			s.Say("The key of your session is in an ssh-agent that does not answer here, or was taken out of it. Your own key signs.")
			me.away = true
		}
		return me, missing
	}
	me.key.Key, me.session = k.session().Key, k
	return me, nil
}

// workerName returns who the person is: as the key says, or as the settings say if the key
// is not at hand.
func (s *Session) workerName() (workforce.WorkerID, error) {
	me, missing := s.identity()
	if missing == nil {
		return me.worker, nil
	}
	c, err := s.load()
	if err != nil || c.Worker == "" || !keyAway(missing) {
		return "", missing
	}
	return c.Worker, nil
}

// keyAway reports whether an error says that the person's key is not there, and not that it
// is a bad one or somebody else's.
func keyAway(err error) bool {
	return fault.Is(err, "no-key") || fault.Is(err, "unreadable") && errors.Is(err, fs.ErrNotExist)
}

// lapsed forgets the session whose key signed, if an error says that it signs nothing any
// more.
func (s *Session) lapsed(ctx context.Context, err error) {
	if s.used == nil || !signsNoMore(err) {
		return
	}
	if err := s.forget(ctx, s.used); err != nil {
		s.Say("%v", err)
	}
	if fault.Is(err, "session-void") {
		s.Say("To see who ended it, and why: countersign session list")
	}
	s.used = nil
}

// signsNoMore reports whether an error says that a session signs nothing any more.
func signsNoMore(err error) bool {
	return fault.Is(err, "session-void") || fault.Is(err, "session-replaced") || fault.Is(err, "no-session")
}
