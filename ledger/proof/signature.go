package proof

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Sites is where passkeys of this desk sign: a relying party and the origins of
// its pages.
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
	// crypto/ed25519 refuses an S that is not reduced, so there is one signature only.
	if len(k.Public) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(k.Public), challenge[:], s.Signature) {
		return badSignature("The signature does not verify.")
	}
	return nil
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
		if len(k.Public) == ed25519.PublicKeySize && ed25519.Verify(ed25519.PublicKey(k.Public), signed, s.Signature) {
			return nil
		}
	case workforce.PasskeyES256:
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Public)
		digest := sha256.Sum256(signed)
		if err == nil && strictECDSA(s.Signature) && ecdsa.VerifyASN1(pub, digest[:], s.Signature) {
			return nil
		}
	default:
		return badSignature("The key's algorithm %q is unknown.", k.Algorithm)
	}
	return badSignature("The signature does not verify.")
}

// strictECDSA reports whether sig has its one DER spelling. Both s and n-s
// remain valid, since authenticators make either; a warrant is not malleable
// all the same, because its ledger entry commits to the signature's bytes.
func strictECDSA(sig []byte) bool {
	var v struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(sig, &v)
	if err != nil || len(rest) != 0 {
		return false
	}
	again, err := asn1.Marshal(v)
	return err == nil && slices.Equal(again, sig)
}

// checkClientData checks what the browser says it did. Browsers add members, so
// only the known ones are read; doubled ones are refused.
func checkClientData(raw, challenge []byte, sites Sites) error {
	var c struct {
		Type        string         `json:"type"`
		Challenge   string         `json:"challenge"`
		Origin      string         `json:"origin"`
		CrossOrigin bool           `json:"crossOrigin"`
		TopOrigin   jsontext.Value `json:"topOrigin"`
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
