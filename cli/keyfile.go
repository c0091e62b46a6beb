package cli

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// keyFileVersion is the only version of a key file.
const keyFileVersion = "countersign/key-file/v1"

// KeyFile is a file key as it is kept, readable by its owner alone:
//
//	{"v": "countersign/key-file/v1",
//	 "worker": "ada",                 who signs with it; empty until known
//	 "key": "key_…",                  its name, derived from the public half
//	 "algorithm": "ed25519",
//	 "public": "base64 of 32 bytes",
//	 "seed": "base64 of 32 bytes",    RFC 8032's private key: the secret
//	 "hardware": false}               declared to live in a hardware token
//
// Lose it and you need a new enrolment; whoever copies it signs as you.
type KeyFile struct {
	V         string              `json:"v"`
	Worker    workforce.WorkerID  `json:"worker"`
	Key       workforce.KeyID     `json:"key"`
	Algorithm workforce.Algorithm `json:"algorithm"`
	Public    canonical.Bytes     `json:"public"`
	Seed      canonical.Bytes     `json:"seed"`
	Hardware  bool                `json:"hardware"`
}

// MakeKey makes a file key.
func MakeKey(rand io.Reader, w workforce.WorkerID, hardware bool) (KeyFile, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return KeyFile{}, fmt.Errorf("make a key: %w", err)
	}
	k := KeyFile{V: keyFileVersion, Worker: w, Algorithm: workforce.FileEd25519, Seed: seed, Hardware: hardware}
	k.Public = canonical.Bytes(k.private().Public().(ed25519.PublicKey))
	k.Key = k.PublicKey().ID()
	return k, nil
}

// PublicKey returns the public half in the form of an enrolment.
func (k KeyFile) PublicKey() workforce.PublicKey {
	return workforce.PublicKey{Algorithm: k.Algorithm, Public: k.Public, Credential: canonical.Bytes{}, Hardware: k.Hardware}
}

func (k KeyFile) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Seed) }

// Sign signs a challenge.
func (k KeyFile) Sign(challenge [32]byte) actions.Signature {
	return actions.Signature{Signature: ed25519.Sign(k.private(), challenge[:])}
}

// Enrolment returns the document with which an officer enrols the key at a desk. desk is
// the name that proof.State.EnrolName and v1.Status give.
func (k KeyFile) Enrolment(desk string) actions.Enrolment {
	return actions.Enrolment{Worker: k.Worker, Key: k.PublicKey(),
		Possession: k.Sign(actions.PossessionChallenge(desk, k.Worker, k.Key))}
}

// ReadKey reads a key file. It refuses one that others may read.
func ReadKey(path string) (KeyFile, error) {
	var k KeyFile
	info, err := os.Stat(path)
	if err != nil {
		return k, unreadable(path, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return k, fault.New(fault.Invalid, "key-exposed", "The key file %s may be read by others; run chmod 600 on it, and make a new key if they could have.", path)
	}
	b, err := ReadFile(path, 1<<16)
	if err != nil {
		return k, err
	}
	malformed := fault.New(fault.Invalid, "bad-key-file", "%s is not a key file of the form %s, as `countersign key make FILE` writes it.", path, keyFileVersion)
	if err := json.Unmarshal(b, &k, json.RejectUnknownMembers(true)); err != nil {
		return k, malformed // no cause: it could quote the secret
	}
	if k.V != keyFileVersion || k.Algorithm != workforce.FileEd25519 || len(k.Seed) != ed25519.SeedSize ||
		string(k.private().Public().(ed25519.PublicKey)) != string(k.Public) || k.PublicKey().ID() != k.Key {
		return k, malformed
	}
	return k, nil
}

// WriteKey writes a new key file. It never overwrites a file.
func WriteKey(path string, k KeyFile) error { return newSecret(path, k) }

// newSecret writes a document with a secret to a file that is not there yet.
func newSecret(path string, doc any) error {
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Invalid, "exists", "%s is there already; a secret is never overwritten. Name another file.", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return unreadable(path, err)
	}
	return WriteSecret(path, doc)
}

// PublicSuffix is added to a key file's name for its public half.
const PublicSuffix = ".public"

// ReadPublicKey reads the public half of a key, as key make writes it beside
// the secret one.
func ReadPublicKey(path string) (workforce.PublicKey, error) {
	var k workforce.PublicKey
	b, err := ReadFile(path, 1<<16)
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(b, &k, json.RejectUnknownMembers(true)); err != nil || k.Algorithm != workforce.FileEd25519 || len(k.Public) != ed25519.PublicKeySize {
		return k, fault.New(fault.Invalid, "bad-key-file", "%s is not the public half of a key, as `countersign key make FILE` writes it.", path)
	}
	return k, nil
}

// OwnKey reads the caller's own key.
func (s *Session) OwnKey() (KeyFile, error) {
	c, err := s.load()
	if err != nil {
		return KeyFile{}, err
	}
	if c.Key == "" {
		return KeyFile{}, fault.New(fault.Invalid, "no-key", "This needs your key: give --key FILE, COUNTERSIGN_KEY, or key in client.json. `countersign key make FILE --worker YOU` makes one.")
	}
	return ReadKey(c.Key)
}
