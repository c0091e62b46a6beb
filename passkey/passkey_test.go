package passkey_test

import (
	"bytes"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/passkey"
	"countersign.dev/workforce"
)

var (
	site      = passkey.Site{RelyingParty: "desk.example.com", Origins: []string{"https://desk.example.com"}}
	challenge = canonical.Sum([]byte("invitation"))
)

func device(a workforce.Algorithm) *prooftest.Passkey {
	return prooftest.NewPasskey(a, bytes.Repeat([]byte{7}, 32))
}

func usual(p *prooftest.Passkey) prooftest.Assertion {
	a := p.Usual
	a.Challenge = challenge[:]
	return a
}

func TestReadReturnsTheKeyThatTheDeviceHas(t *testing.T) {
	for _, algorithm := range []workforce.Algorithm{workforce.PasskeyES256, workforce.PasskeyEd25519} {
		p := device(algorithm)
		m, err := passkey.Read(p.Register(usual(p)), challenge, site)
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if want := p.PublicKey(); m.Key.ID() != want.ID() || !bytes.Equal(m.Key.Credential, want.Credential) || !m.Key.Hardware || m.Key.Algorithm != algorithm {
			t.Errorf("%s: read %+v, the device has %+v", algorithm, m.Key, want)
		}
		if m.Model != "61207465-7374-2773-2064-657669636573" || m.Format != "none" || m.Synced || m.BackedUp {
			t.Errorf("%s: the authenticator says %+v", algorithm, m)
		}
	}
}

// TestSyncedNeverCountsAsHardware: what may be copied is bound to no device.
func TestSyncedNeverCountsAsHardware(t *testing.T) {
	p := device(workforce.PasskeyES256)
	for _, flags := range []byte{prooftest.Backupable, prooftest.Backupable | prooftest.BackedUp} {
		a := usual(p)
		a.Flags |= flags
		m, err := passkey.Read(p.Register(a), challenge, site)
		if err != nil || m.Key.Hardware || !m.Synced || m.BackedUp != (flags&prooftest.BackedUp != 0) {
			t.Errorf("flags %08b: %+v, %v", flags, m, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	p := device(workforce.PasskeyES256)
	for name, alter := range map[string]func(*prooftest.Assertion){
		"another challenge":        func(a *prooftest.Assertion) { a.Challenge = make([]byte, 32) },
		"another relying party":    func(a *prooftest.Assertion) { a.RelyingParty = "evil.example.com" },
		"another origin":           func(a *prooftest.Assertion) { a.Origin = "https://evil.example.com" },
		"the origin in capitals":   func(a *prooftest.Assertion) { a.Origin = "https://DESK.example.com" },
		"the origin with its port": func(a *prooftest.Assertion) { a.Origin = "https://desk.example.com:443" },
		"an assertion":             func(a *prooftest.Assertion) { a.Type = "webauthn.other" },
		"inside another page":      func(a *prooftest.Assertion) { a.CrossOrigin = true },
		"a top origin":             func(a *prooftest.Assertion) { a.TopOrigin = "https://desk.example.com" },
		"no user verified":         func(a *prooftest.Assertion) { a.Flags &^= prooftest.UserVerified },
		"no user present":          func(a *prooftest.Assertion) { a.Flags &^= prooftest.UserPresent },
		"copied, not copyable":     func(a *prooftest.Assertion) { a.Flags |= prooftest.BackedUp },
	} {
		a := usual(p)
		alter(&a)
		if m, err := passkey.Read(p.Register(a), challenge, site); fault.TypeOf(err) != "bad-passkey" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestReadRefusesWhatIsMalformed(t *testing.T) {
	p := device(workforce.PasskeyES256)
	good := p.Register(usual(p))
	for name, r := range map[string]passkey.Registration{
		"nothing":           {},
		"no attestation":    {ClientData: good.ClientData},
		"no client data":    {Attestation: good.Attestation},
		"cut off":           {Attestation: good.Attestation[:len(good.Attestation)/2], ClientData: good.ClientData},
		"more behind":       {Attestation: append(bytes.Clone(good.Attestation), 0), ClientData: good.ClientData},
		"huge":              {Attestation: make([]byte, passkey.MaxAttestation+1), ClientData: good.ClientData},
		"a transport's tag": {Attestation: good.Attestation, ClientData: good.ClientData, Transports: []string{"<b>"}},
	} {
		if m, err := passkey.Read(r, challenge, site); fault.TypeOf(err) != "bad-passkey" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	// No byte that is changed makes a panic, or a key with the wrong form.
	for i := range good.Attestation {
		r := passkey.Registration{Attestation: bytes.Clone(good.Attestation), ClientData: good.ClientData}
		r.Attestation[i] ^= 0x41
		if m, err := passkey.Read(r, challenge, site); err == nil && !m.Key.WellFormed() {
			t.Errorf("byte %d: %+v", i, m)
		}
	}
}

// FuzzRead: whatever comes is refused with a fault, or is a key with the right form, and a challenge is
// that of what was read.
func FuzzRead(f *testing.F) {
	for _, algorithm := range []workforce.Algorithm{workforce.PasskeyES256, workforce.PasskeyEd25519} {
		r := device(algorithm).Register(usual(device(algorithm)))
		f.Add([]byte(r.Attestation), []byte(r.ClientData), "usb")
		f.Add([]byte(r.Attestation[:40]), []byte(r.ClientData), "")
	}
	// Bytes that are no text, in a member that nobody reads: some readers let them pass.
	odd := device(workforce.PasskeyES256).Register(usual(device(workforce.PasskeyES256)))
	f.Add([]byte(odd.Attestation), bytes.Replace(odd.ClientData, []byte("crossOrigin"), []byte("c\xeeossOrigin"), 1), "usb")
	f.Add([]byte{}, []byte("{}"), "<b>")
	f.Add([]byte{0xa0}, []byte(`{"challenge":"AA"}`), "nfc")
	f.Fuzz(func(t *testing.T, attestation, clientData []byte, transport string) {
		r := passkey.Registration{Attestation: attestation, ClientData: clientData, Transports: []string{transport}}
		asked, _ := passkey.ChallengeOf(r)
		m, err := passkey.Read(r, challenge, site)
		switch {
		case err == nil && (!m.Key.WellFormed() || len(m.Key.Credential) == 0 || m.Key.Hardware == m.Synced || len(m.Model) != 36 || asked != challenge):
			t.Errorf("read %+v, made for %x", m, asked)
		case err != nil && fault.TypeOf(err) != "bad-passkey":
			t.Errorf("refused with %v", err)
		}
	})
}

func TestChallengeOf(t *testing.T) {
	p := device(workforce.PasskeyES256)
	if got, err := passkey.ChallengeOf(p.Register(usual(p))); err != nil || got != challenge {
		t.Errorf("%x, %v", got, err)
	}
	for _, text := range []string{``, `{}`, `{"challenge":"AA"}`, `{"challenge":7}`, `[]`, `{"challenge":"` + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" + `=="}`} {
		if got, err := passkey.ChallengeOf(passkey.Registration{ClientData: []byte(text)}); fault.TypeOf(err) != "bad-passkey" {
			t.Errorf("%s: %x, %v", text, got, err)
		}
	}
}
