package proof

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/workforce"
)

// Founding is the statement with which a desk begins. An outsider needs its hash and
// nothing else: everything else follows from the chain that starts here.
type Founding struct {
	V        string            `json:"v"`
	Origin   string            `json:"origin"`   // of the ledger
	LogKey   string            `json:"log_key"`  // its verifier key line
	Recovers string            `json:"recovers"` // a lost ledger's last cosigned checkpoint; empty at a first founding
	Officers []Officer         `json:"officers"` // sorted by worker; declared pairwise independent
	Trust    actions.Trust     `json:"trust"`
	Policy   map[string]string `json:"policy"`
	Budgets  []actions.Budget  `json:"budgets"`
	Time     canonical.Time    `json:"time"` // the officers' engagements start here
	Nonce    canonical.Bytes   `json:"nonce"`
	// Laws is the number of the rules that the chain is judged by; statements from
	// before there were several name none, and mean actions.FirstLaws.
	Laws int64 `json:"laws"`
	// Formats is the number of the formats in which the desk signs from the start. It is of
	// version 2; a statement of version 1 means actions.FirstFormats.
	Formats int64 `json:"formats"`
}

// Officer is one of those who found a desk.
type Officer struct {
	Worker workforce.WorkerID  `json:"worker"`
	Key    workforce.PublicKey `json:"key"`
}

// Challenge is what each officer signs.
func (f Founding) Challenge() [32]byte {
	return canonical.Sum([]byte(f.V+"\n"), canonical.MustMarshal(f))
}

// Closed is a founding statement with all signatures: the data of entry 0.
type Closed struct {
	Founding   Founding            `json:"founding"`
	Signatures []actions.Signature `json:"signatures"` // in the order of the officers
}

func badFounding(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad-founding", format, args...)
}

// Check reports whether the statement is well formed by itself, so that
// officers may sign it. Errors are faults of type "bad-founding".
func (f Founding) Check() error {
	switch {
	case f.V != FoundingV1 && f.V != FoundingV2:
		return badFounding("This is not a founding statement of version %s or %s.", FoundingV1, FoundingV2)
	case f.V == FoundingV2 && (f.Formats < 2 || f.Formats > actions.NewestFormats || f.Laws < 3):
		return badFounding("The founding statement names the formats %d and the laws %d; this program knows the formats 2 to %d, with the laws 3 or newer. Use a newer one.", f.Formats, f.Laws, actions.NewestFormats)
	case f.Origin == "" || f.LogKey == "":
		return badFounding("The founding statement names no ledger.")
	case len(f.Officers) < 2:
		return badFounding("A desk is founded by at least three officers, or by two if its policy never needs more than two people.")
	case len(f.Nonce) != 32 || f.Time.IsZero():
		return badFounding("The founding statement has no nonce or no time.")
	case f.Laws != 0 && (f.Laws <= actions.FirstLaws || f.Laws > actions.NewestLaws):
		return badFounding("The founding statement names the laws %d; this program knows %d to %d. Use a newer one.", f.Laws, actions.FirstLaws, actions.NewestLaws)
	}
	if key, err := ledger.ParseVerifierKey(f.LogKey); err != nil || key.Name() != f.Origin {
		return badFounding("The log key of the founding statement is not one of the ledger %q.", f.Origin)
	}
	seen := map[workforce.KeyID]bool{}
	for i, o := range f.Officers {
		if !workforce.ValidIdentifier(string(o.Worker)) {
			return badFounding("Officer %q is not an identifier.", o.Worker)
		}
		if i > 0 && f.Officers[i-1].Worker >= o.Worker {
			return badFounding("Officers are sorted, each once.")
		}
		if len(o.Key.Public) == 0 {
			return badFounding("Officer %s has no key yet; each makes one with `countersign key make FILE --worker OFFICER` on a machine of their own.", o.Worker)
		}
		if seen[o.Key.ID()] {
			return badFounding("Two officers have the same key.")
		}
		seen[o.Key.ID()] = true
	}
	trust := actions.Setting{Of: actions.PartTrust, Trust: &f.Trust}
	if _, err := actions.ParseChange(actions.DeskChange, canonical.MustMarshal(trust)); err != nil {
		return badFounding("The trust section is not well formed.").Because(err)
	}
	if err := actions.CheckBudgets(f.Budgets); err != nil {
		return badFounding("The budgets are not well formed: %v.", err)
	}
	return nil
}

// Verify checks that the statement is well formed and that every officer signed it.
func (c Closed) Verify() error {
	if err := c.Founding.Check(); err != nil {
		return err
	}
	if len(c.Signatures) != len(c.Founding.Officers) {
		return badFounding("Every officer signs the founding statement: %d of %d did.", len(c.Signatures), len(c.Founding.Officers))
	}
	t := c.Founding.Trust
	for i, o := range c.Founding.Officers {
		if err := VerifySignature(o.Key, c.Founding.Challenge(), c.Signatures[i], Sites{t.RelyingParty, t.Origins}); err != nil {
			return badFounding("The founding statement is not signed by %s.", o.Worker).Because(err)
		}
	}
	return nil
}
