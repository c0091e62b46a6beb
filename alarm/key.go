package alarm

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"countersign.dev/fault"
)

const (
	sharedPrefix = "whsec_" // HMAC-SHA256, known to both ends; signs v1
	secretPrefix = "whsk_"  // Ed25519, known to the sender; signs v1a
	publicPrefix = "whpk_"  // Ed25519, known to the receiver; verifies v1a
)

// encoding accepts one spelling only, so that each key and signature has one.
var encoding = base64.StdEncoding.Strict()

// Key signs or verifies. When it is printed, in any form, it shows only its kind.
type Key struct {
	// It is a function since, when a struct holds the Key in an unexported field, fmt does
	// not call Format and prints what pointers lead to.
	reveal func() material
}

type material struct {
	prefix string
	shared []byte
	secret ed25519.PrivateKey
	public ed25519.PublicKey
}

// ParseKey reads whsec_, whsk_ or whpk_ and base64. The error does not show the
// text.
func ParseKey(text string) (Key, error) {
	bad := func(format string, args ...any) (Key, error) {
		return Key{}, fault.New(fault.Invalid, "bad-alarm-key", format, args...)
	}
	i := strings.IndexByte(text, '_') + 1
	prefix := text[:i]
	if prefix != sharedPrefix && prefix != secretPrefix && prefix != publicPrefix {
		return bad("A webhook key begins with whsec_, whsk_ or whpk_.")
	}
	raw, err := encoding.DecodeString(text[i:])
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return bad("What follows %s is not base64 with padding.", prefix)
	}
	m := material{prefix: prefix}
	switch prefix {
	case sharedPrefix:
		if len(raw) < 24 || len(raw) > 64 {
			return bad("A %s key has 24 to 64 bytes.", prefix)
		}
		m.shared = raw
	case publicPrefix:
		if len(raw) != ed25519.PublicKeySize {
			return bad("A %s key has %d bytes.", prefix, ed25519.PublicKeySize)
		}
		m.public = raw
	case secretPrefix:
		if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
			return bad("A %s key has %d bytes, or %d with its public half.", prefix, ed25519.SeedSize, ed25519.PrivateKeySize)
		}
		m.secret = ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
		m.public = m.secret.Public().(ed25519.PublicKey)
		// To sign with another key's public half would reveal the secret.
		if len(raw) == ed25519.PrivateKeySize && !m.public.Equal(ed25519.PublicKey(raw[ed25519.SeedSize:])) {
			return bad("The halves of this %s key do not belong together.", prefix)
		}
	}
	return Key{func() material { return m }}, nil
}

// GenerateSigning makes an Ed25519 key. It returns the text to keep and the text to give
// to the receiver.
func GenerateSigning(random io.Reader) (secret, public string, err error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", "", fmt.Errorf("make a webhook key: %w", err)
	}
	k := ed25519.NewKeyFromSeed(seed)
	return secretPrefix + encoding.EncodeToString(k), publicPrefix + encoding.EncodeToString(k.Public().(ed25519.PublicKey)), nil
}

// GenerateShared makes a key for receivers that know only v1.
func GenerateShared(random io.Reader) (string, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("make a webhook key: %w", err)
	}
	return sharedPrefix + encoding.EncodeToString(raw), nil
}

// Format prints the kind of key for every verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.kind()+"…") }

// MarshalText writes the kind of key, so that logs and JSON hold no more.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.kind() + "…"), nil }

func (k Key) kind() string {
	if k.reveal == nil {
		return "no key"
	}
	return k.reveal().prefix
}

func (k Key) signs() bool {
	return k.reveal != nil && k.reveal().prefix != publicPrefix
}

// sign returns one element of the signature header.
func (k Key) sign(id string, at time.Time, body []byte) (string, error) {
	switch {
	case !k.signs():
		return "", fault.New(fault.Invalid, "bad-alarm-key", "Alarms are signed with a whsec_ or whsk_ key; this is %s.", k)
	case k.reveal().secret != nil:
		return "v1a," + encoding.EncodeToString(ed25519.Sign(k.reveal().secret, signed(id, at.Unix(), body))), nil
	}
	w, err := standardwebhooks.NewWebhookRaw(k.reveal().shared)
	if err != nil {
		return "", fmt.Errorf("sign v1: %w", err)
	}
	return w.Sign(id, at, body)
}

// verifies reports whether s is the key's signature. A key verifies only signatures of
// its own version, so that nobody can use a public key as a shared one.
func (k Key) verifies(s signature, content []byte) bool {
	if k.reveal == nil {
		return false
	}
	m := k.reveal()
	if m.shared != nil {
		h := hmac.New(sha256.New, m.shared)
		h.Write(content)
		return s.version == "v1" && hmac.Equal(s.value, h.Sum(nil))
	}
	return s.version == "v1a" && ed25519.Verify(m.public, content, s.value)
}

// signed returns the bytes that a signature covers.
func signed(id string, unix int64, body []byte) []byte {
	return append([]byte(id+"."+strconv.FormatInt(unix, 10)+"."), body...)
}
