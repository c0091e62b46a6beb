package proof

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
)

// hashes are the digests of the parts of a warrant that are signed or committed to.
type hashes struct {
	core       canonical.Digest
	action     canonical.Digest
	challenges [][32]byte // of the request's statement and of the countersignatures'
}

// hashesOf hashes a warrant whose one spelling is text. What stands there need
// not be written again to be hashed.
func hashesOf(text []byte, w Warrant) hashes {
	if h, ok := hashText(text); ok {
		return h
	}
	h := hashes{core: w.Digest(), action: w.Action.Digest(), challenges: [][32]byte{w.Request.Statement.Challenge()}}
	for _, c := range w.Countersignatures {
		h.challenges = append(h.challenges, c.Statement.Challenge())
	}
	return h
}

func hashText(text []byte) (h hashes, ok bool) {
	parts, ok := canonical.Split(text)
	if !ok {
		return h, false
	}
	core := [][]byte{{'{'}}
	h.challenges = make([][32]byte, 1)
	for _, p := range parts {
		switch p.Name {
		case "ledger", "people":
			continue
		case "action":
			h.action = canonical.Sum(p.Value)
		case "countersignatures":
			all, ok := canonical.Split(p.Value)
			if !ok {
				return h, false
			}
			for _, c := range all {
				challenge, ok := challengeIn(c.Value)
				if !ok {
					return h, false
				}
				h.challenges = append(h.challenges, challenge)
			}
		case "request":
			if h.challenges[0], ok = challengeIn(p.Value); !ok {
				return h, false
			}
		}
		if len(core) > 1 {
			core = append(core, []byte{','})
		}
		core = append(core, []byte(`"`+p.Name+`":`), p.Value)
	}
	h.core = canonical.Sum(append(core, []byte{'}'})...)
	return h, true
}

// challengeIn finds the statement of a signed statement and hashes it.
func challengeIn(signed []byte) (challenge [32]byte, ok bool) {
	parts, ok := canonical.Split(signed)
	for _, p := range parts {
		if p.Name == "statement" {
			return actions.ChallengeOf(p.Value), ok
		}
	}
	return challenge, false
}
