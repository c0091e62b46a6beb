package proof

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Sites are the places for which passkeys of this desk sign: a relying party, and the
// origins of its pages.
type Sites struct {
	RelyingParty string
	Origins      []string
}

func badSignature(format string, args ...any) error {
	return fault.New(fault.Forbidden, "bad-signature", format, args...)
}

// VerifySignature checks a signature over a 32-byte challenge: of a file key,
// Ed25519 over these bytes; of a passkey, a WebAuthn assertion whose challenge
// they are, by a verified user (W3C Web Authentication, "Verifying an
// Authentication Assertion", the steps that need no session). Errors are faults
// of type "bad-signature".
func VerifySignature(k workforce.PublicKey, challenge [32]byte, s actions.Signature, sites Sites) error {
	if k.Algorithm != workforce.FileEd25519 {
		return verifyAssertion(k, challenge, s, sites)
	}
	if len(s.AuthenticatorData) != 0 || len(s.ClientData) != 0 {
		return badSignature("A file key's signature has no authenticator data.")
	}
	if !verifyEd25519(k.Public, challenge[:], s.Signature) {
		return badSignature("The signature does not verify.")
	}
	return nil
}

// verifyEd25519 is ed25519.Verify without keys for which anybody can sign.
// crypto/ed25519 refuses an S that is not reduced, so there is one signature only.
func verifyEd25519(public, message, signature []byte) bool {
	return verified.or("ed25519", public, message, signature, func() bool {
		return len(public) == ed25519.PublicKeySize && !smallOrder(public) && ed25519.Verify(public, message, signature)
	})
}

// verifyP256 checks an ECDSA signature over a SHA-256 hash, in the spelling that check reads.
func verifyP256(spelling string, public, digest, signature []byte, check func(*ecdsa.PublicKey) bool) bool {
	return verified.or("p256 "+spelling, public, digest, signature, func() bool {
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
		return err == nil && check(key)
	})
}

// verified remembers signatures that held. The same signature is checked again and again: a
// session's certificate with each act of the day, a statement when the executor judges for
// the second time. Whether a signature holds never changes.
var verified = memory{most: 8192}

// memory is a set of hashes in two generations: when the newer is full, the older is
// forgotten.
type memory struct {
	most       int // of a generation
	mu         sync.Mutex
	newer, old map[canonical.Digest]struct{}
}

// or reports whether a signature is remembered or check holds, which is then remembered.
func (m *memory) or(algorithm string, public, message, signature []byte, check func() bool) bool {
	var sizes [16]byte
	binary.BigEndian.PutUint64(sizes[:8], uint64(len(public)))
	binary.BigEndian.PutUint64(sizes[8:], uint64(len(message)))
	name := canonical.Sum([]byte(algorithm+"\n"), sizes[:], public, message, signature)
	m.mu.Lock()
	_, is := m.newer[name]
	if !is {
		_, is = m.old[name]
	}
	m.mu.Unlock()
	if is {
		return true
	}
	if !check() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newer == nil || len(m.newer) == m.most {
		m.newer, m.old = map[canonical.Digest]struct{}{}, m.newer
	}
	m.newer[name] = struct{}{}
	return true
}

// smallOrder reports whether a point lies in the subgroup of eight, or is not
// spelt in its one way: under such a key one signature fits many messages, so
// that its holder could later say that anybody made it. Y alone tells: it is 0,
// 1, -1 or one of the two of order eight, or not less than the prime.
func smallOrder(public []byte) bool {
	y := [32]byte(public)
	y[31] &= 0x7f // the sign of x
	slices.Reverse(y[:])
	n := new(big.Int).SetBytes(y[:])
	return n.Cmp(fieldPrime) >= 0 || slices.ContainsFunc(smallOrderY, func(small *big.Int) bool { return n.Cmp(small) == 0 })
}

var (
	fieldPrime  = number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed")
	smallOrderY = []*big.Int{
		number("0"), number("1"), number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
		number("5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
		number("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
	}
)

func number(hexadecimal string) *big.Int {
	n, ok := new(big.Int).SetString(hexadecimal, 16)
	if !ok {
		panic("proof: not a number: " + hexadecimal)
	}
	return n
}

// Flags of authenticator data (W3C Web Authentication, section 6.1).
const (
	flagUserPresent  = 1 << 0
	flagUserVerified = 1 << 2
	flagBackupable   = 1 << 3
	flagBackedUp     = 1 << 4
)

func verifyAssertion(k workforce.PublicKey, challenge [32]byte, s actions.Signature, sites Sites) error {
	if err := checkClientData(s.ClientData, challenge[:], sites); err != nil {
		return err
	}
	ad := s.AuthenticatorData
	if len(ad) < 37 {
		return badSignature("The authenticator data is too short.")
	}
	rp := sha256.Sum256([]byte(sites.RelyingParty))
	flags := ad[32]
	switch {
	case [32]byte(ad[:32]) != rp:
		return badSignature("The assertion is for another relying party than %s.", sites.RelyingParty)
	case flags&flagUserPresent == 0 || flags&flagUserVerified == 0:
		return badSignature("The authenticator did not verify the user.")
	case flags&flagBackedUp != 0 && flags&flagBackupable == 0:
		return badSignature("The authenticator's backup flags contradict each other.")
	case k.Hardware && flags&flagBackupable != 0:
		return badSignature("The key was enrolled as bound to hardware, and its authenticator says that it may be copied.")
	}
	return verifyRaw(k, s)
}

// verifyRaw checks the signature over authenticator data and hashed client data.
func verifyRaw(k workforce.PublicKey, s actions.Signature) error {
	client := sha256.Sum256(s.ClientData)
	signed := append(slices.Clone([]byte(s.AuthenticatorData)), client[:]...)
	switch k.Algorithm {
	case workforce.PasskeyEd25519:
		if verifyEd25519(k.Public, signed, s.Signature) {
			return nil
		}
	case workforce.PasskeyES256:
		// crypto/ecdsa takes one DER spelling only. Both S and N-S remain valid, since
		// authenticators make either; a warrant is not malleable all the same,
		// because its ledger entry commits to the signature's bytes.
		digest := sha256.Sum256(signed)
		if verifyP256("asn.1", k.Public, digest[:], s.Signature, func(key *ecdsa.PublicKey) bool { return ecdsa.VerifyASN1(key, digest[:], s.Signature) }) {
			return nil
		}
	default:
		return badSignature("The key's algorithm %q is unknown.", k.Algorithm)
	}
	return badSignature("The signature does not verify.")
}

// maxClientData is how deeply client data may nest. Readers in other languages have limits of
// their own for JSON, and all must give the same answer.
const maxClientData = 200

// checkClientData checks the browser's account of the signature. Browsers add members, so
// only the known ones are read; members that occur twice are refused.
func checkClientData(raw, challenge []byte, sites Sites) error {
	var c struct {
		Type        string         `json:"type"`
		Challenge   string         `json:"challenge"`
		Origin      string         `json:"origin"`
		CrossOrigin bool           `json:"crossOrigin"`
		TopOrigin   jsontext.Value `json:"topOrigin"`
	}
	if _, deeper := canonical.Deeper(raw, maxClientData); deeper {
		return badSignature("The client data nests more than %d levels deep; browsers write one object of a few members.", maxClientData)
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return badSignature("The client data is malformed.")
	}
	switch {
	case c.Type != "webauthn.get":
		return badSignature("The client data is of type %q, not webauthn.get.", c.Type)
	case c.Challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return badSignature("The assertion signs another challenge than this statement's.")
	case !slices.Contains(sites.Origins, c.Origin):
		return badSignature("The assertion was made on %q, which is not a page of this desk.", c.Origin)
	case c.CrossOrigin || len(c.TopOrigin) != 0:
		return badSignature("The assertion was made inside another site's page.")
	}
	return nil
}
