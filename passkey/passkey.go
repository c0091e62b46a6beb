// Package passkey reads what a browser hands in when a person makes a passkey: the WebAuthn
// registration. It trusts nothing of it. It promises that a key that it returns was made for this
// relying party, on a page of this desk, for this challenge, by an authenticator that verified its
// user, and that a key whose private half may be copied to another device never counts as hardware.
//
// It does not promise that the authenticator is of the make that it says: no list of
// manufacturers is asked. Whoever countersigns the enrolment vouches for the key.
package passkey

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// The bounds of a registration. Attestations with a chain of certificates have a few thousand bytes.
const (
	MaxAttestation = 16 << 10
	MaxClientData  = 4 << 10
	MaxTransports  = 8
	maxTransport   = 32
	maxCredential  = 1023 // as the standard has it
)

// Registration is what navigator.credentials.create answers in the browser.
type Registration struct {
	Attestation canonical.Bytes `json:"attestation"` // response.attestationObject
	ClientData  canonical.Bytes `json:"client_data"` // response.clientDataJSON
	Transports  []string        `json:"transports"`  // response.getTransports()
}

// Digest names the registration: the desk keeps its bytes, so that anybody can verify it again.
func (r Registration) Digest() canonical.Digest { return canonical.DigestOf(r) }

// Site is where a registration must have been made.
type Site struct {
	RelyingParty string
	Origins      []string // of the desk's pages, spelled as browsers spell them
}

// Made is a passkey that somebody made, with what its authenticator says of itself.
type Made struct {
	Key workforce.PublicKey
	// Model is the AAGUID, the authenticator's make as it names itself, as a UUID; the one of
	// zeros says that it does not tell.
	Model string
	// Format is the format of the attestation statement, "none" if there is no statement. The
	// signature of a statement was verified; who signed it was not.
	Format string
	// Synced says that the private half may be copied to other devices (backup-eligible): such
	// a key never counts as hardware. BackedUp says that it was copied already.
	Synced   bool
	BackedUp bool
}

func bad(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad-passkey", format, args...)
}

// Read checks a registration made for a challenge and returns the passkey. Errors are faults of
// the type bad-passkey.
func Read(r Registration, challenge [32]byte, site Site) (Made, error) {
	switch {
	case len(r.Attestation) > MaxAttestation || len(r.ClientData) > MaxClientData:
		return Made{}, bad("The registration is larger than a browser makes one.")
	case len(r.Transports) > MaxTransports || slices.ContainsFunc(r.Transports, func(t string) bool { return !transport(t) }):
		return Made{}, bad("A passkey names at most %d transports, in lower-case words as usb, nfc, ble, internal and hybrid.", MaxTransports)
	}
	if _, deeper := canonical.Deeper(r.ClientData, 8); deeper {
		return Made{}, bad("The registration's client data is malformed.")
	}
	// The library reads client data more leniently: what it makes of a text must not depend on who
	// reads it.
	if _, err := ChallengeOf(r); err != nil {
		return Made{}, err
	}
	answer := protocol.AuthenticatorAttestationResponse{
		AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: protocol.URLEncodedBase64(r.ClientData)},
		AttestationObject:     protocol.URLEncodedBase64(r.Attestation),
	}
	parsed, err := answer.Parse()
	if err != nil {
		return Made{}, bad("The registration cannot be read.").Because(err)
	}
	// The library compares origins as URLs do; a browser writes an origin in one spelling only.
	if client := parsed.CollectedClientData; !slices.Contains(site.Origins, client.Origin) {
		return Made{}, bad("The passkey was made on %q, which is not a page of this desk.", client.Origin)
	} else if client.CrossOrigin || client.TopOrigin != "" {
		return Made{}, bad("The passkey was made inside another site's page.")
	} else if err := client.Verify(base64.RawURLEncoding.EncodeToString(challenge[:]), protocol.CreateCeremony, site.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false); err != nil {
		return Made{}, bad("The passkey was made for another invitation, or not by navigator.credentials.create.").Because(err)
	}
	object := parsed.AttestationObject
	hashed := sha256.Sum256(r.ClientData)
	rp := sha256.Sum256([]byte(site.RelyingParty))
	if [32]byte(object.AuthData.RPIDHash) != rp {
		return Made{}, bad("The passkey is for another relying party than %s.", site.RelyingParty)
	}
	if flags := object.AuthData.Flags; !flags.UserPresent() || !flags.UserVerified() {
		return Made{}, bad("The authenticator did not verify its user: set a PIN or a fingerprint on it.")
	}
	if err := object.Verify(site.RelyingParty, hashed[:], true, true, nil, algorithms(), protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return Made{}, bad("The attestation does not verify, or the key is not of an algorithm that the desk takes: ES256 or Ed25519.").Because(err)
	}
	return made(object)
}

// ChallengeOf returns the challenge that a registration says that it was made for. It verifies
// nothing.
func ChallengeOf(r Registration) (challenge [32]byte, err error) {
	var client struct {
		Challenge string `json:"challenge"`
	}
	if json.Unmarshal(r.ClientData, &client) != nil {
		return challenge, bad("The registration's client data is malformed.")
	}
	b, err := base64.RawURLEncoding.DecodeString(client.Challenge)
	if err != nil || len(b) != len(challenge) {
		return challenge, bad("The registration's challenge is none of this desk.")
	}
	return [32]byte(b), nil
}

// algorithms are those of which passkeys may be.
func algorithms() []protocol.CredentialParameter {
	return []protocol.CredentialParameter{
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	}
}

// made turns a verified attestation object into a passkey.
func made(object protocol.AttestationObject) (Made, error) {
	data, flags := object.AuthData.AttData, object.AuthData.Flags
	m := Made{Model: model(data.AAGUID), Format: object.Format, Synced: flags.HasBackupEligible(), BackedUp: flags.HasBackupState()}
	if m.BackedUp && !m.Synced {
		return Made{}, bad("The authenticator's backup flags contradict each other.")
	}
	if n := len(data.CredentialID); n == 0 || n > maxCredential {
		return Made{}, bad("The credential's identifier has %d bytes.", n)
	}
	parsed, err := webauthncose.ParsePublicKey(data.CredentialPublicKey)
	if err != nil {
		return Made{}, bad("The public key cannot be read.").Because(err)
	}
	m.Key = workforce.PublicKey{Credential: canonical.Bytes(data.CredentialID), Hardware: !m.Synced}
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		if k.Curve != int64(webauthncose.P256) || len(k.XCoord) != 32 || len(k.YCoord) != 32 {
			return Made{}, bad("The public key is not a point of P-256.")
		}
		m.Key.Algorithm = workforce.PasskeyES256
		m.Key.Public = slices.Concat([]byte{4}, k.XCoord, k.YCoord)
		if _, err := ecdh.P256().NewPublicKey(m.Key.Public); err != nil {
			return Made{}, bad("The public key is not a point of P-256.").Because(err)
		}
	case webauthncose.OKPPublicKeyData:
		if k.Curve != int64(webauthncose.Ed25519) {
			return Made{}, bad("The public key is not one of Ed25519.")
		}
		m.Key.Algorithm = workforce.PasskeyEd25519
		m.Key.Public = k.XCoord
	default:
		return Made{}, bad("The key is not of an algorithm that the desk takes: ES256 or Ed25519.")
	}
	if !m.Key.WellFormed() {
		return Made{}, bad("The public key has the wrong size.")
	}
	return m, nil
}

// model writes an AAGUID as a UUID.
func model(aaguid []byte) string {
	if len(aaguid) != 16 {
		aaguid = make([]byte, 16)
	}
	h := hex.EncodeToString(aaguid)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// transport reports whether a text may name a transport. The standard lets browsers add new ones.
func transport(t string) bool {
	if t == "" || len(t) > maxTransport {
		return false
	}
	return !slices.ContainsFunc([]byte(t), func(c byte) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' })
}
