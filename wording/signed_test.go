package wording

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

func TestSignedWith(t *testing.T) {
	morning := time.Date(2026, 11, 23, 9, 12, 31, 0, time.UTC)
	c := actions.Session{Key: "key_x", NotBefore: canonical.At(morning), Expires: canonical.At(morning.Add(8 * time.Hour)), Nonce: make([]byte, 32)}
	other := c
	other.Nonce = append(make([]byte, 31), 1)
	file := actions.Signature{Signature: make([]byte, 64)}
	passkey := file
	passkey.AuthenticatorData = make([]byte, 37)
	under := func(c actions.Session) actions.Signed {
		return actions.Signed{Signature: file, Statement: actions.Statement{V: actions.StatementV2, Session: c.Digest()}}
	}
	for want, got := range map[string]string{
		"file key": SignedWith(actions.Signed{Signature: file}, nil),
		"own key":  SignedWith(actions.Signed{Signature: passkey}, &c),
		"session " + ShortDigest(c.Digest()) + " of 09:12 (until 17:12 UTC), certified by key_x": SignedWith(under(c), &c),
		"session " + c.Digest().String():     SignedWith(under(c), nil),
		"session " + other.Digest().String(): SignedWith(under(other), &c), // not the one that it names
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestWith(t *testing.T) {
	morning := time.Date(2026, 11, 23, 9, 12, 31, 0, time.UTC)
	c := actions.Session{Key: "key_x", NotBefore: canonical.At(morning), Expires: canonical.At(morning.Add(8 * time.Hour)), Nonce: make([]byte, 32)}
	file := actions.Signature{Signature: make([]byte, 64)}
	passkey := actions.Signature{Signature: make([]byte, 70), AuthenticatorData: make([]byte, 37)}
	signed := func(v string, by actions.Signature, session canonical.Digest) actions.Signed {
		return actions.Signed{Signature: by, Statement: actions.Statement{V: v, Session: session}}
	}
	for want, got := range map[string]string{
		"key_x":          With(signed(actions.StatementV1, file, canonical.Digest{}), nil, "key_x"),
		"file key key_x": With(signed(actions.StatementV2, file, canonical.Digest{}), nil, "key_x"),
		"own key key_x":  With(signed(actions.StatementV2, passkey, canonical.Digest{}), &c, "key_x"),
		"session " + ShortDigest(c.Digest()) + " of 09:12 (until 17:12 UTC), certified by key_x": With(signed(actions.StatementV2, file, c.Digest()), &c, "key_x"),
		"session " + c.Digest().String() + ", certified by key_x":                                With(signed(actions.StatementV2, file, c.Digest()), nil, "key_x"),
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestSessionsOfOneMinute: the words tell two sessions of a person apart that began in the
// same minute.
func TestSessionsOfOneMinute(t *testing.T) {
	morning := time.Date(2026, 11, 23, 9, 12, 31, 0, time.UTC)
	one := actions.Session{Key: "key_x", NotBefore: canonical.At(morning), Expires: canonical.At(morning.Add(8 * time.Hour)), Nonce: make([]byte, 32)}
	two := one
	two.Nonce = append(make([]byte, 31), 1)
	if a, b := SessionOf(one), SessionOf(two); a == b {
		t.Errorf("both are the %s", a)
	}
	if short, name := ShortDigest(one.Digest()), one.Digest().String(); len(short) != 12 || name[len("sha256:"):][:12] != short {
		t.Errorf("%s is short for %s", short, name)
	}
}

// TestKeySort: the sort of a key is named as in what it signed, and no reader takes a
// declaration for an attestation.
func TestKeySort(t *testing.T) {
	for want, got := range map[string]string{
		"file key (ed25519)": KeySort(workforce.FileEd25519, false),
		"file key (ed25519), in hardware as declared, not attested":       KeySort(workforce.FileEd25519, true),
		"own key (webauthn-es256)":                                        KeySort(workforce.PasskeyES256, false),
		"own key (webauthn-es256), in hardware as declared, not attested": KeySort(workforce.PasskeyES256, true),
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
