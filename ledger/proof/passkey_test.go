package proof_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

var sites = proof.Sites{RelyingParty: "desk.example.com", Origins: []string{"https://desk.example.com", "https://desk.example.com:8443"}}

func passkey(t testing.TB, a workforce.Algorithm, seed byte) *prooftest.Passkey {
	t.Helper()
	b := make([]byte, 32)
	if _, err := ledgertest.Rand(seed).Read(b); err != nil {
		t.Fatal(err)
	}
	return prooftest.NewPasskey(a, b)
}

// TestAssertions is the verification of a passkey's signature, step by step of
// the specification.
func TestAssertions(t *testing.T) {
	challenge := sha256.Sum256([]byte("a statement"))
	other := sha256.Sum256([]byte("another statement"))
	usual := prooftest.Assertion{RelyingParty: "desk.example.com", Flags: prooftest.UserPresent | prooftest.UserVerified,
		Type: "webauthn.get", Origin: "https://desk.example.com", CrossOrigin: false, Challenge: challenge[:]}
	for name, c := range map[string]struct {
		edit func(*prooftest.Assertion)
		want string // part of the refusal; empty: it is good
		soft bool   // the key was enrolled as one that may be copied
	}{
		"usual":                         {func(a *prooftest.Assertion) {}, "", false},
		"on the desk's other origin":    {func(a *prooftest.Assertion) { a.Origin = "https://desk.example.com:8443" }, "", false},
		"without crossOrigin":           {func(a *prooftest.Assertion) { a.CrossOrigin = nil }, "", false},
		"a member that browsers add":    {func(a *prooftest.Assertion) { a.Extra = "do not compare with a template" }, "", false},
		"a key that may be copied":      {func(a *prooftest.Assertion) { a.Flags |= prooftest.Backupable }, "", true},
		"a key that was copied":         {func(a *prooftest.Assertion) { a.Flags |= prooftest.Backupable | prooftest.BackedUp }, "", true},
		"copied, as a hardware key":     {func(a *prooftest.Assertion) { a.Flags |= prooftest.Backupable }, "may be copied", false},
		"copied without being able":     {func(a *prooftest.Assertion) { a.Flags |= prooftest.BackedUp }, "contradict", true},
		"user not verified":             {func(a *prooftest.Assertion) { a.Flags &^= prooftest.UserVerified }, "did not verify the user", false},
		"user not present":              {func(a *prooftest.Assertion) { a.Flags &^= prooftest.UserPresent }, "did not verify the user", false},
		"another relying party":         {func(a *prooftest.Assertion) { a.RelyingParty = "example.com" }, "another relying party", false},
		"a subdomain's page":            {func(a *prooftest.Assertion) { a.Origin = "https://evil.desk.example.com" }, "not a page of this desk", false},
		"not https":                     {func(a *prooftest.Assertion) { a.Origin = "http://desk.example.com" }, "not a page of this desk", false},
		"an origin that begins alike":   {func(a *prooftest.Assertion) { a.Origin = "https://desk.example.com.evil.test" }, "not a page of this desk", false},
		"no origin":                     {func(a *prooftest.Assertion) { a.Origin = "" }, "not a page of this desk", false},
		"a registration":                {func(a *prooftest.Assertion) { a.Type = "webauthn.create" }, "webauthn.get", false},
		"a payment":                     {func(a *prooftest.Assertion) { a.Type = "payment.get" }, "webauthn.get", false},
		"another challenge":             {func(a *prooftest.Assertion) { a.Challenge = other[:] }, "another challenge", false},
		"a longer challenge":            {func(a *prooftest.Assertion) { a.Challenge = append(challenge[:], 0) }, "another challenge", false},
		"inside another site":           {func(a *prooftest.Assertion) { a.CrossOrigin = true }, "inside another site", false},
		"inside another site, by name":  {func(a *prooftest.Assertion) { a.TopOrigin = "https://evil.test" }, "inside another site", false},
		"a top origin that is our own":  {func(a *prooftest.Assertion) { a.TopOrigin = "https://desk.example.com" }, "inside another site", false},
		"a crossOrigin that is no bool": {func(a *prooftest.Assertion) { a.CrossOrigin = "false" }, "malformed", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, algorithm := range []workforce.Algorithm{workforce.PasskeyES256, workforce.PasskeyEd25519} {
				p := passkey(t, algorithm, 1)
				a := usual
				c.edit(&a)
				k := p.PublicKey()
				k.Hardware = !c.soft
				wantRefusal(t, proof.VerifySignature(k, challenge, p.Assert(a), sites), c.want)
			}
		})
	}
}

// wantRefusal checks that err is a refusal that says what, or nil if what is empty.
func wantRefusal(t *testing.T, err error, what string) {
	t.Helper()
	if what == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	f := fault.As(err)
	if f == nil || f.Type != "bad-signature" || !strings.Contains(f.Text, what) {
		t.Errorf("%v, want a refusal about %q", err, what)
	}
}

// TestSignatureSpellings is what somebody without the key could make of a
// signature, or of what it is over.
func TestSignatureSpellings(t *testing.T) {
	challenge := sha256.Sum256([]byte("a statement"))
	for _, algorithm := range []workforce.Algorithm{workforce.FileEd25519, workforce.PasskeyES256, workforce.PasskeyEd25519} {
		var key prooftest.Signer = prooftest.Found(t, prooftest.Options{}).Key("ada")
		if algorithm != workforce.FileEd25519 {
			key = passkey(t, algorithm, 2)
		}
		good, public := key.Sign(challenge), key.PublicKey()
		wantRefusal(t, proof.VerifySignature(public, challenge, good, sites), "")
		edit := func(name string, f func(*actions.Signature, *workforce.PublicKey)) {
			s, k := actions.Signature{AuthenticatorData: slices.Clone(good.AuthenticatorData), ClientData: slices.Clone(good.ClientData), Signature: slices.Clone(good.Signature)}, public
			k.Public = slices.Clone(k.Public)
			f(&s, &k)
			if err := proof.VerifySignature(k, challenge, s, sites); fault.TypeOf(err) != "bad-signature" {
				t.Errorf("%s: %s: %v", algorithm, name, err)
			}
		}
		for i := range good.Signature {
			edit("a bit of the signature", func(s *actions.Signature, _ *workforce.PublicKey) { s.Signature[i] ^= 1 })
		}
		for i := range good.AuthenticatorData {
			edit("a bit of the authenticator data", func(s *actions.Signature, _ *workforce.PublicKey) { s.AuthenticatorData[i] ^= 0x20 })
		}
		for i := range good.ClientData {
			edit("a bit of the client data", func(s *actions.Signature, _ *workforce.PublicKey) { s.ClientData[i] ^= 1 })
		}
		for i := range public.Public {
			edit("a bit of the key", func(_ *actions.Signature, k *workforce.PublicKey) { k.Public[i] ^= 1 })
		}
		edit("nothing", func(s *actions.Signature, _ *workforce.PublicKey) { *s = actions.Signature{} })
		edit("no signature", func(s *actions.Signature, _ *workforce.PublicKey) { s.Signature = nil })
		edit("a byte after", func(s *actions.Signature, _ *workforce.PublicKey) { s.Signature = append(s.Signature, 0) })
		edit("another algorithm", func(_ *actions.Signature, k *workforce.PublicKey) { k.Algorithm = "none" })
		edit("no algorithm", func(_ *actions.Signature, k *workforce.PublicKey) { k.Algorithm = "" })
		edit("no key", func(_ *actions.Signature, k *workforce.PublicKey) { k.Public = nil })
		if algorithm == workforce.FileEd25519 {
			edit("authenticator data that nothing signs", func(s *actions.Signature, _ *workforce.PublicKey) { s.AuthenticatorData = []byte{1} })
			edit("client data that nothing signs", func(s *actions.Signature, _ *workforce.PublicKey) { s.ClientData = []byte("{}") })
			edit("as a passkey's", func(_ *actions.Signature, k *workforce.PublicKey) { k.Algorithm = workforce.PasskeyEd25519 })
			edit("S plus the order", func(s *actions.Signature, _ *workforce.PublicKey) { addOrder(s.Signature) })
			continue
		}
		edit("as a file key's", func(_ *actions.Signature, k *workforce.PublicKey) { k.Algorithm = workforce.FileEd25519 })
		edit("short authenticator data", func(s *actions.Signature, _ *workforce.PublicKey) { s.AuthenticatorData = s.AuthenticatorData[:36] })
		if algorithm == workforce.PasskeyEd25519 {
			edit("S plus the order", func(s *actions.Signature, _ *workforce.PublicKey) { addOrder(s.Signature) })
			continue
		}
		var v struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(good.Signature, &v); err != nil {
			t.Fatal(err)
		}
		n := elliptic.P256().Params().N
		edit("a long length", func(s *actions.Signature, _ *workforce.PublicKey) {
			s.Signature = append([]byte{0x30, 0x81, s.Signature[1]}, s.Signature[2:]...)
		})
		edit("a zero in front of R", func(s *actions.Signature, _ *workforce.PublicKey) {
			s.Signature = append([]byte{0x30, s.Signature[1] + 1, 2, s.Signature[3] + 1, 0}, s.Signature[4:]...)
		})
		edit("S plus the order", func(s *actions.Signature, _ *workforce.PublicKey) {
			s.Signature, _ = asn1.Marshal(struct{ R, S *big.Int }{v.R, new(big.Int).Add(v.S, n)})
		})
		edit("a negative S", func(s *actions.Signature, _ *workforce.PublicKey) {
			s.Signature, _ = asn1.Marshal(struct{ R, S *big.Int }{v.R, new(big.Int).Neg(v.S)})
		})
		edit("a third number", func(s *actions.Signature, _ *workforce.PublicKey) {
			s.Signature, _ = asn1.Marshal(struct{ R, S, T *big.Int }{v.R, v.S, v.S})
		})
		edit("the two numbers raw", func(s *actions.Signature, _ *workforce.PublicKey) {
			s.Signature = append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...)
		})
		edit("a compressed key", func(_ *actions.Signature, k *workforce.PublicKey) {
			k.Public = append([]byte{2 + k.Public[64]&1}, k.Public[1:33]...)
		})
		// Both S and N-S are signatures; authenticators make either. A warrant is
		// not malleable for all that (TestOtherS).
		s := good
		s.Signature, _ = asn1.Marshal(struct{ R, S *big.Int }{v.R, new(big.Int).Sub(n, v.S)})
		wantRefusal(t, proof.VerifySignature(public, challenge, s, sites), "")
	}
}

// addOrder makes of an Ed25519 signature the other one that lenient readers take.
func addOrder(signature []byte) {
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	copy(signature[32:], sum)
}

// TestOtherS turns an ES256 signature of a warrant into its twin, which verifies
// as well: the ledger's entry commits to the one that was made.
func TestOtherS(t *testing.T) {
	w := prooftest.Staffed(t)
	w.EnrolPasskeys(workforce.PasskeyES256, "ann")
	raw := w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
	warrant, err := proof.ParseWarrant(raw)
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(warrant.Request.Signature.Signature, &v); err != nil {
		t.Fatal(err)
	}
	v.S.Sub(elliptic.P256().Params().N, v.S)
	if warrant.Request.Signature.Signature, err = asn1.Marshal(v); err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifySignature(w.PublicKey("ann"), warrant.Request.Statement.Challenge(), warrant.Request.Signature, w.State().Sites()); err != nil {
		t.Fatalf("the twin is no signature: %v", err)
	}
	if _, err := proof.Verify(canonical.MustMarshal(warrant), proof.Trust{Root: w.Root}); fault.TypeOf(err) != "bad-anchor" {
		t.Errorf("a warrant with the twin: %v", err)
	}
}

// TestClientData reads client data that no browser writes.
func TestClientData(t *testing.T) {
	challenge := sha256.Sum256([]byte("a statement"))
	p := passkey(t, workforce.PasskeyES256, 3)
	rp := sha256.Sum256([]byte("desk.example.com"))
	data := append(rp[:], prooftest.UserPresent|prooftest.UserVerified, 0, 0, 0, 0)
	c := `"challenge":"` + base64.RawURLEncoding.EncodeToString(challenge[:]) + `"`
	const o, g = `"origin":"https://desk.example.com"`, `"type":"webauthn.get"`
	wantRefusal(t, proof.VerifySignature(p.PublicKey(), challenge, p.Raw(data, []byte("{"+c+","+o+","+g+"}")), sites), "")
	for _, short := range [][]byte{nil, data[:31], data[:32], data[:33], data[:36]} {
		wantRefusal(t, proof.VerifySignature(p.PublicKey(), challenge, p.Raw(short, []byte("{"+c+","+o+","+g+"}")), sites), "too short")
	}
	for _, bad := range []string{
		"", "null", "[]", `"` + c + `"`, "{}", "{" + c + "," + o + "}", "{" + c + "," + g + "}", "{" + o + "," + g + "}",
		"{" + c + "," + o + "," + g + "} ", // a byte after is signed too, but not what a browser writes
		"{" + c + "," + o + "," + g + "," + g + "}",
		"{" + c + "," + o + "," + g + `,"type":"webauthn.create"}`,
		"{" + c + `,"origin":"https://evil.test",` + o + "," + g + "}",
		"{" + c + `,"ORIGIN":"https://desk.example.com",` + g + "}",
		"{" + c + `,"origin":["https://desk.example.com"],` + g + "}",
		"{" + c + "," + o + "," + g + `,"topOrigin":null}`,
		"{" + c + "," + o + "," + g + `,"topOrigin":""}`,
		"{" + c + "," + o + "," + g + `,"crossOrigin":1}`,
		"{" + strings.Replace(c, `"challenge":"`, `"challenge":"=`, 1) + "," + o + "," + g + "}",
		"{" + strings.TrimSuffix(c, `"`) + `=",` + o + "," + g + "}",
		"{" + c + "," + o + "," + g + `,"x":"` + "\xff" + `"}`,
		"\ufeff{" + c + "," + o + "," + g + "}",
	} {
		err := proof.VerifySignature(p.PublicKey(), challenge, p.Raw(data, []byte(bad)), sites)
		if strings.HasSuffix(bad, "} ") {
			wantRefusal(t, err, "") // JSON allows it, and it is signed
			continue
		}
		if fault.TypeOf(err) != "bad-signature" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestSmallOrder signs under keys for which anybody can sign: whoever enrols one
// could later deny everything.
func TestSmallOrder(t *testing.T) {
	base := make([]byte, 32) // the point of order one, (0, 1), and S = 0: B times 0 is it again
	base[0] = 1
	signature := append(slices.Clone(base), make([]byte, 32)...)
	taken := 0
	for _, y := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 0 once more
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 1 once more
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		public, err := hex.DecodeString(y)
		if err != nil {
			t.Fatal(err)
		}
		accepted := false
		for i := range byte(64) {
			challenge := sha256.Sum256([]byte{i})
			if !ed25519.Verify(public, challenge[:], signature) {
				continue
			}
			accepted = true
			k := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: public}
			if err := proof.VerifySignature(k, challenge, actions.Signature{Signature: signature}, sites); fault.TypeOf(err) != "bad-signature" {
				t.Errorf("%s: %v", y, err)
			}
		}
		if accepted {
			taken++
		}
	}
	if taken < 10 {
		t.Errorf("the one signature fits %d of these keys; this test tests little", taken)
	}
}

// TestSpecificationVectors holds the check against the vectors that W3C
// publishes with Web Authentication Level 3, in its section "Test Vectors".
// Challenges and private keys are derived there by HKDF, which is done again
// here, so that the file cannot drift from the specification.
func TestSpecificationVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/webauthn-level-3.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Section           string `json:"section"`
		Info              string `json:"info"`
		ChallengeSalt     byte   `json:"challenge_salt"`
		PublicKey         string `json:"public_key"`
		AuthenticatorData string `json:"authenticator_data"`
		ClientData        string `json:"client_data"`
		Signature         string `json:"signature"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 11 {
		t.Fatalf("%d vectors", len(vectors))
	}
	at := proof.Sites{RelyingParty: "example.org", Origins: []string{"https://example.org"}}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	derive := func(salt byte, info string) []byte {
		b, err := hkdf.Key(sha256.New, []byte("WebAuthn test vectors"), []byte{salt}, info, 32)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	verified := 0
	for _, v := range vectors {
		t.Run(v.Section+" "+v.Info, func(t *testing.T) {
			private := derive(1, v.Info)
			k := workforce.PublicKey{Algorithm: workforce.PasskeyEd25519, Public: canonical.Bytes(ed25519.NewKeyFromSeed(private).Public().(ed25519.PublicKey))}
			cose := "a4010103272006215820" + hex.EncodeToString(k.Public)
			if v.Info != "packed.EdDSA" {
				p, err := ecdh.P256().NewPrivateKey(private)
				if err != nil {
					t.Fatal(err)
				}
				k = workforce.PublicKey{Algorithm: workforce.PasskeyES256, Public: p.PublicKey().Bytes()}
				cose = "a5010203262001215820" + hex.EncodeToString(k.Public[1:33]) + "225820" + hex.EncodeToString(k.Public[33:])
			}
			if cose != v.PublicKey {
				t.Fatalf("the published public key %s is not that of the derived private key", v.PublicKey)
			}
			challenge := [32]byte(derive(v.ChallengeSalt, v.Info))
			s := actions.Signature{AuthenticatorData: unhex(v.AuthenticatorData), ClientData: unhex(v.ClientData), Signature: unhex(v.Signature)}
			if err := proof.VerifyRaw(k, s); err != nil {
				t.Errorf("the signature alone: %v", err)
			}
			want := ""
			switch flags := s.AuthenticatorData[32]; {
			case strings.HasSuffix(v.Info, "Origin"):
				want = "inside another site" // which the desk does not allow
			case flags&prooftest.UserVerified == 0 || flags&prooftest.UserPresent == 0:
				want = "did not verify the user"
			default:
				verified++
			}
			wantRefusal(t, proof.VerifySignature(k, challenge, s, at), want)
			for _, part := range []*canonical.Bytes{&s.AuthenticatorData, &s.ClientData, &s.Signature, &k.Public} {
				for i := range *part {
					(*part)[i] ^= 1
					if err := proof.VerifyRaw(k, s); fault.TypeOf(err) != "bad-signature" {
						t.Errorf("byte %d of a part changed: %v", i, err)
					}
					(*part)[i] ^= 1
				}
			}
		})
	}
	if verified < 3 {
		t.Errorf("only %d of the vectors went the whole way", verified)
	}
}
