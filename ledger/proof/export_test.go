package proof

import (
	"countersign.dev/canonical"
	"countersign.dev/ledger"
)

// VerifyRaw is the check of the signature alone, for vectors whose flags the
// desk would refuse.
var VerifyRaw = verifyRaw

// MaxKnown makes a verifier forget sooner, and returns the most that it keeps.
func MaxKnown(v *Verifier, most int) int { v.most = most; return most }

// Known returns how many bytes of entries a verifier remembers.
func Known(v *Verifier) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, e := range v.known {
		n += e.size
	}
	return n
}

// FoldEntry folds in an entry's effect without asking whether it was authorised.
func FoldEntry(s *State, e Evidence) error {
	opened, err := openEntry(canonical.MustMarshal(e.Entry), e.Salt)
	if err != nil {
		return err
	}
	return s.foldEntry(opened)
}

// ForgetSignatures empties the memory of signatures that held.
func ForgetSignatures() {
	verified.mu.Lock()
	defer verified.mu.Unlock()
	verified.newer, verified.old = nil, nil
}

// AuditedRolls is what an audit of entries of all classes knows for AuditDocuments.
func AuditedRolls(entries []ledger.Entry) Audited {
	var out Audited
	a := auditor{out: &out}
	for _, e := range entries {
		out.until = e.Body.Time
		if e.Leaf.Class == ledger.Desk && e.Body.Kind == ledger.KindRoll {
			a.roll(e.Index, e.Body)
		}
	}
	return out
}
