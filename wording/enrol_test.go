package wording

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestKeyToEnrol: whoever signs reads whose each key is, its words, whether it may be copied as it has
// signed itself, and how it was made.
func TestKeyToEnrol(t *testing.T) {
	enrolment := func(flags byte, hardware bool) actions.Enrolment {
		p := prooftest.NewPasskey(workforce.PasskeyES256, bytes.Repeat([]byte{1}, 32))
		p.Usual.Flags |= flags
		k := p.PublicKey()
		k.Hardware = hardware
		return actions.Enrolment{Worker: "ann", Key: k, Possession: p.Sign([32]byte{})}
	}
	file := actions.Enrolment{Worker: "ann", Key: workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: make([]byte, 32)}}
	made := KeyMaking{Name: "Ann Agent", Invitation: "inv_1", By: "ada", At: canonical.At(time.Unix(0, 0)), Model: noModel, Format: "packed"}
	for name, c := range map[string]struct {
		e     actions.Enrolment
		m     KeyMaking
		wrong bool
		want  []string
	}{
		"a bound passkey":             {enrolment(0, true), made, false, []string{"ann, Ann Agent", enrolment(0, true).Key.ID().Words(), "bound to one device", "invitation inv_1 of ada", "does not tell its model", "attestation (packed)"}},
		"a synced passkey":            {enrolment(prooftest.Backupable, false), KeyMaking{Invitation: "inv_1", Model: "aa", Format: "none"}, false, []string{"synced: it does not count as hardware", "model aa, not attested"}},
		"a contradiction":             {enrolment(prooftest.Backupable, true), KeyMaking{}, true, []string{"CONTRADICTION", "Do not sign", "not made under an invitation"}},
		"one declared as no hardware": {enrolment(0, false), KeyMaking{}, false, []string{"passkey; does not count as hardware"}},
		"a file key":                  {file, KeyMaking{}, false, []string{"file key"}},
	} {
		k := KeyToEnrol(c.e, c.m)
		lines := strings.Join(k.Lines(), "\n")
		for _, want := range c.want {
			if !strings.Contains(lines, want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, lines)
			}
		}
		if k.Wrong != c.wrong {
			t.Errorf("%s: wrong is %t", name, k.Wrong)
		}
	}
}
