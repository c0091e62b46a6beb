package cli

import (
	"bytes"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestMadeWell: the command line enrols no key that did not sign for this worker at this desk, or that
// says by itself that it can be copied and is to count as hardware.
func TestMadeWell(t *testing.T) {
	const desk = "desk.example.com/ledger#sha256:1"
	sites := proof.Sites{RelyingParty: "desk.example.com", Origins: []string{"https://desk.example.com"}}
	made := func(w workforce.WorkerID, flags byte, hardware bool) actions.Enrolment {
		p := prooftest.NewPasskey(workforce.PasskeyES256, bytes.Repeat([]byte{1}, 32))
		p.Usual.Flags |= flags
		k := p.PublicKey()
		k.Hardware = hardware
		return actions.Enrolment{Worker: w, Key: k, Possession: p.Sign(actions.PossessionChallenge(desk, "ann", k.ID()))}
	}
	for name, c := range map[string]struct {
		e    actions.Enrolment
		desk string
		good bool
	}{
		"bound to a device":               {made("ann", 0, true), desk, true},
		"synced":                          {made("ann", prooftest.Backupable, false), desk, true},
		"for somebody else":               {made("bob", 0, true), desk, false},
		"at another desk":                 {made("ann", 0, true), desk + "1", false},
		"synced, and declared hardware":   {made("ann", prooftest.Backupable, true), desk, false},
		"bound, and declared no hardware": {made("ann", 0, false), desk, false},
	} {
		if err := madeWell(v1.Invitation{ID: "inv_1"}, c.e, c.desk, sites); (err == nil) != c.good || err != nil && !fault.Is(err, "wrong-draft") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPageOfLinks: a link leads to a page on which passkeys are made.
func TestPageOfLinks(t *testing.T) {
	pages := []string{"https://desk.example.com", "https://b.desk.example.com"}
	for _, c := range []struct{ flag, url, want string }{
		{"", "https://b.desk.example.com/", pages[1]}, {"", "http://127.0.0.1:7400", pages[0]}, {pages[1], "https://desk.example.com", pages[1]}, {"https://evil.example.com", "https://desk.example.com", ""},
	} {
		got, err := (&inviteMake{Page: c.flag}).page(pages, c.url)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("--page %q at %s: %q, %v", c.flag, c.url, got, err)
		}
	}
	if got, err := (&inviteMake{}).page(nil, "https://desk.example.com"); !fault.Is(err, "no-pages") {
		t.Errorf("no pages: %q, %v", got, err)
	}
}
