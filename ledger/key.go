package ledger

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/fault"
)

// Signature types of C2SP signed-note.
const (
	algEd25519       = 1
	algCosignatureV1 = 4
)

// Key is a log's private key. It is a note.Signer.
type Key struct {
	verifierKey string
	verifier    note.Verifier
	private     ed25519.PrivateKey
}

// NewKey makes a key for the log with the origin, which becomes the key's name.
func NewKey(origin string, rand io.Reader) (*Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("no randomness for a log key: %w", err)
	}
	return newKey(origin, seed)
}

func newKey(origin string, seed []byte) (*Key, error) {
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	k := &Key{private: ed25519.NewKeyFromSeed(seed)}
	var err error
	if k.verifierKey, err = note.NewEd25519VerifierKey(origin, k.private.Public().(ed25519.PublicKey)); err != nil {
		return nil, fmt.Errorf("making a log key: %w", err)
	}
	if k.verifier, err = note.NewVerifier(k.verifierKey); err != nil {
		return nil, fmt.Errorf("making a log key: %w", err)
	}
	return k, nil
}

// CheckOrigin refuses a text that cannot be an origin: a URL without scheme and without
// slash at the end, such as "desk.example.com/ledger", that can also be the name of a
// key.
func CheckOrigin(origin string) error {
	if !validKeyName(origin) || len(origin) > 255 || strings.Contains(origin, "://") ||
		strings.HasPrefix(origin, "/") || strings.HasSuffix(origin, "/") ||
		// The first line of a promise, and of every format of ours, begins so.
		strings.HasPrefix(origin, "countersign/") {
		return fault.New(fault.Invalid, "origin-malformed",
			"%q cannot be a ledger's origin. It is a URL without scheme and without slash at the end, such as desk.example.com/ledger.", origin)
	}
	return nil
}

func validKeyName(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+'
	}) < 0
}

// Name returns the origin.
func (k *Key) Name() string { return k.verifier.Name() }

// KeyHash returns the signed note's short key id.
func (k *Key) KeyHash() uint32 { return k.verifier.KeyHash() }

// Sign signs a note's text.
func (k *Key) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(k.private, msg), nil }

// Verifier returns the verifier of the key's signatures.
func (k *Key) Verifier() note.Verifier { return k.verifier }

// VerifierKey returns the public key as a line for others: name+id+key.
func (k *Key) VerifierKey() string { return k.verifierKey }

// String returns the public key, so that printing a Key tells no secret.
func (k *Key) String() string { return k.verifierKey }

// Format writes the public key for every verb, for the same reason.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.verifierKey) }

// Derive returns a secret of 32 bytes that belongs to the key and a purpose. Whoever has the
// key's file has it; it tells nothing of the key, nor of the secret of another purpose.
func (k *Key) Derive(purpose string) ([]byte, error) {
	secret, err := hkdf.Key(sha256.New, k.private.Seed(), nil, "countersign/derived/v1\n"+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a secret: %w", err)
	}
	return secret, nil
}

// File returns the private key as it is kept in a file: one line,
// PRIVATE+KEY+name+id+seed, as golang.org/x/mod/sumdb/note writes it.
func (k *Key) File() []byte {
	secret := append([]byte{algEd25519}, k.private.Seed()...)
	return fmt.Appendf(nil, "PRIVATE+KEY+%s+%08x+%s\n", k.Name(), k.KeyHash(), base64.StdEncoding.EncodeToString(secret))
}

// ParseKey reads a file that File wrote. Errors do not quote the content.
func ParseKey(file []byte) (*Key, error) {
	malformed := fault.New(fault.Invalid, "key-malformed", "The file is not a log key: one line that starts with PRIVATE+KEY+.")
	parts := strings.Split(strings.TrimSuffix(string(file), "\n"), "+")
	if len(parts) < 5 { // the base64 may hold a plus sign of its own
		return nil, malformed
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(strings.Join(parts[4:], "+"))
	if err != nil || len(secret) != 1+ed25519.SeedSize || secret[0] != algEd25519 {
		return nil, malformed
	}
	k, err := newKey(parts[2], secret[1:])
	if err != nil || strings.TrimSuffix(string(k.File()), "\n") != strings.TrimSuffix(string(file), "\n") {
		return nil, malformed
	}
	return k, nil
}

// ParseVerifierKey reads the public key line of a log. The line may end in a
// line feed, since it is served and kept as a file.
func ParseVerifierKey(line string) (note.Verifier, error) {
	line = strings.TrimSuffix(line, "\n")
	name, _, err := splitVerifierKey(line, algEd25519)
	if err != nil {
		return nil, err
	}
	if err := CheckOrigin(name); err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(line)
	if err != nil {
		return nil, verifierKeyMalformed.Because(err)
	}
	return v, nil
}

var verifierKeyMalformed = fault.New(fault.Invalid, "verifier-key-malformed",
	"This is not a verifier key of the expected sort: one line of name, key id and key, joined by plus signs.")

// splitVerifierKey takes name+id+key apart, in its one spelling.
func splitVerifierKey(line string, alg byte) (name string, public ed25519.PublicKey, err error) {
	name, rest, _ := strings.Cut(line, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(line, "\r\n") || !validKeyName(name) ||
		len(key) != 1+ed25519.PublicKeySize || key[0] != alg || id != fmt.Sprintf("%08x", keyID(name, key)) {
		return "", nil, verifierKeyMalformed
	}
	return name, ed25519.PublicKey(key[1:]), nil
}

// keyID is the short id of C2SP signed-note: the first four bytes of
// SHA-256(name ‖ line feed ‖ type and key).
func keyID(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:4])
}
