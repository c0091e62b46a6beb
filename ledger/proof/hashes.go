package proof

import (
	"bytes"

	"countersign.dev/actions"
	"countersign.dev/canonical"
)

// hashes are what is made from the text of a warrant's parts: the digests of
// those that are signed or committed to, and the text of the anchor.
type hashes struct {
	core       canonical.Digest
	action     canonical.Digest
	challenges [][32]byte // of the request's statement and of the countersignatures'
	anchor     []byte     // the text of ledger.entry
}

// hashesOf hashes a warrant that was read from this text, or from one that could
// not be scanned. What stands there need not be written again to be hashed.
func hashesOf(text canonical.Text, w Warrant) hashes {
	if h, ok := hashText(text); ok {
		return h
	}
	h := hashes{core: w.Digest(), action: w.Action.Digest(), challenges: [][32]byte{w.Request.Statement.Challenge()},
		anchor: canonical.MustMarshal(w.Ledger.Entry)}
	for _, c := range w.Countersignatures {
		h.challenges = append(h.challenges, c.Statement.Challenge())
	}
	return h
}

func hashText(text canonical.Text) (h hashes, ok bool) {
	core := make([][]byte, 0, 3*len(text.Parts)+2)
	core = append(core, []byte{'{'})
	h.challenges = make([][32]byte, 1, 4)
	for _, p := range text.Parts {
		switch p.Name {
		case "ledger":
			// The members before are texts and lists of texts, and those after are
			// proof and salt.
			_, rest, _ := bytes.Cut(p.Value, []byte(`,"entry":`))
			if i := bytes.LastIndex(rest, []byte(`,"proof":`)); i > 0 {
				h.anchor = bytes.Clone(rest[:i])
			}
			continue
		case "people", "waited":
			continue
		case "action":
			h.action = canonical.Sum(p.Value)
		case "countersignatures":
			all, ok := canonical.Scan(p.Value)
			if !ok {
				return h, false
			}
			for _, c := range all.Parts {
				h.challenges = append(h.challenges, challengeIn(c.Value))
			}
		case "request":
			h.challenges[0] = challengeIn(p.Value)
		}
		if len(core) > 1 {
			core = append(core, []byte{','})
		}
		core = append(core, []byte(`"`+p.Name+`":`), p.Value)
	}
	h.core = canonical.Sum(append(core, []byte{'}'})...)
	return h, len(text.Parts) > 0
}

// challengeIn finds the challenge of a signed statement by its text, which was
// read already: the statement is its last member, and the members of the one
// before, the signature, are texts, in which no quotation mark stands by itself.
func challengeIn(signed []byte) (c [32]byte) {
	if _, statement, ok := bytes.Cut(signed, []byte(`,"statement":`)); ok {
		c = actions.ChallengeOf(statement[:len(statement)-1])
	}
	return c
}
