package prooftest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-json-experiment/json"

	"countersign.dev/passkey"
	"countersign.dev/workforce"
)

// attested is the flag of authenticator data that a new key stands in it.
const attested = 1 << 6

// Register is what a browser hands in when this passkey is made and the authenticator and the
// browser say what the assertion does. Without a type it is of webauthn.create.
func (p *Passkey) Register(a Assertion) passkey.Registration {
	if a.Type == "" || a.Type == "webauthn.get" {
		a.Type = "webauthn.create"
	}
	client := map[string]any{"type": a.Type, "challenge": base64.RawURLEncoding.EncodeToString(a.Challenge), "origin": a.Origin}
	for name, v := range map[string]any{"crossOrigin": a.CrossOrigin, "topOrigin": a.TopOrigin} {
		if v != nil {
			client[name] = v
		}
	}
	raw := must(json.Marshal(client))
	rp := sha256.Sum256([]byte(a.RelyingParty))
	data := append(rp[:], a.Flags|attested, 0, 0, 0, 1)
	data = append(data, []byte("a test's devices")...) // the AAGUID, of 16 bytes
	data = binary.BigEndian.AppendUint16(data, uint16(len(p.credential)))
	data = append(data, p.credential...)
	data = append(data, p.cose()...)
	object := must(cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data}))
	return passkey.Registration{Attestation: object, ClientData: raw, Transports: []string{"usb"}}
}

// cose is the public key as authenticators write it.
func (p *Passkey) cose() []byte {
	k := p.PublicKey()
	if k.Algorithm == workforce.PasskeyEd25519 {
		return must(cbor.Marshal(map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(k.Public)}))
	}
	return must(cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: []byte(k.Public[1:33]), -3: []byte(k.Public[33:])}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // nothing here can fail
	}
	return v
}
