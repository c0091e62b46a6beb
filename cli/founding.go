package cli

import (
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// OpenFounding is the founding statement of a desk while officers put in their keys and sign it.
type OpenFounding struct {
	V          string                                   `json:"v"`
	Founding   proof.Founding                           `json:"founding"`
	Signatures map[workforce.WorkerID]actions.Signature `json:"signatures"`
}

// OpenFoundingVersion is its V.
const OpenFoundingVersion = "countersign/open-founding/v1"

// WriteFounding writes a statement to a file, indented so that people can read it.
func WriteFounding(path string, st OpenFounding) error {
	b, err := json.Marshal(st, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteFile(path, append(b, '\n'), 0o644)
}

// ReadFounding reads a statement from a file. A file of another form is refused with
// "bad-founding".
func ReadFounding(path string) (OpenFounding, error) {
	var st OpenFounding
	b, err := ReadFile(path, 8<<20)
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(b, &st, json.RejectUnknownMembers(true)); err != nil || st.V != OpenFoundingVersion {
		return st, fault.New(fault.Invalid, "bad-founding", "%s is not a founding statement of the form %s.", path, OpenFoundingVersion)
	}
	return st, nil
}

// Names joins workers to a list in a sentence.
func Names(ws []workforce.WorkerID) string {
	all := make([]string, len(ws))
	for i, w := range ws {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}

// MissingKeys returns the officers whose key is not in yet.
func (st OpenFounding) MissingKeys() []workforce.WorkerID {
	missing := []workforce.WorkerID{}
	for _, o := range st.Founding.Officers {
		if len(o.Key.Public) == 0 {
			missing = append(missing, o.Worker)
		}
	}
	return missing
}

// MissingSignatures returns the officers who have not signed.
func (st OpenFounding) MissingSignatures() []workforce.WorkerID {
	missing := []workforce.WorkerID{}
	for _, o := range st.Founding.Officers {
		if _, ok := st.Signatures[o.Worker]; !ok {
			missing = append(missing, o.Worker)
		}
	}
	return missing
}

// Describe shows the statement that officers sign.
func (st OpenFounding) Describe() string {
	f := st.Founding
	p := &Page{}
	p.Line("You sign the founding of the desk %s:", f.Origin)
	pairs := [][2]string{{"log key", f.LogKey}, {"recovers", f.Recovers}}
	for _, o := range f.Officers {
		hardware := ""
		if o.Key.Hardware {
			hardware = ", declared bound to hardware"
		}
		pairs = append(pairs, [2]string{"officer", fmt.Sprintf("%s, %s%s", o.Worker, o.Key.ID(), hardware)})
	}
	set := policy.DigestOf(f.Policy).String()
	if policy.DigestOf(policy.Default()) == policy.DigestOf(f.Policy) {
		set += " (built-in)"
	}
	pairs = append(pairs,
		[2]string{"executor", fmt.Sprintf("%s, key %x", f.Trust.Executor, []byte(f.Trust.ExecutorKey))},
		[2]string{"site", f.Trust.RelyingParty + ": passkeys are bound to it for good"},
		[2]string{"pages", strings.Join(f.Trust.Origins, ", ")},
		[2]string{"policy", set},
		[2]string{"budgets", fmt.Sprint(len(f.Budgets))},
		[2]string{"limits", fmt.Sprintf("one person may end at most %d engagements and raise at most %d tiers an hour; one person may undo a measure within %d days", f.Trust.EndingsPerHour, f.Trust.RaisesPerHour, f.Trust.UndoWindow)},
		[2]string{"time", f.Time.String()},
	)
	p.Facts(pairs...)
	p.Line("The officers declare that they are independent of each other.")
	return strings.TrimRight(p.String(), "\n")
}

// MergeFounding joins signed copies of one statement, and refuses a statement that lacks a
// signature.
func MergeFounding(paths []string) (OpenFounding, error) {
	st, err := ReadFounding(paths[0])
	if err != nil {
		return st, err
	}
	for _, path := range paths[1:] {
		more, err := ReadFounding(path)
		if err != nil {
			return st, err
		}
		if more.Founding.Challenge() != st.Founding.Challenge() {
			return st, fault.New(fault.Conflict, "different-statements", "%s and %s are not the same statement; everybody must sign the same one.", paths[0], path)
		}
		maps.Copy(st.Signatures, more.Signatures)
	}
	if missing := st.MissingSignatures(); len(missing) > 0 {
		return st, fault.New(fault.Conflict, "not-signed", "Not all officers have signed what stands in %s: %s. Name the copies that came back: countersign init close founding.json --dir DIR.", strings.Join(paths, ", "), Names(missing))
	}
	return st, nil
}

// Closed is the statement with the signatures in the officers' order.
func (st OpenFounding) Closed() proof.Closed {
	c := proof.Closed{Founding: st.Founding}
	for _, o := range st.Founding.Officers {
		c.Signatures = append(c.Signatures, st.Signatures[o.Worker])
	}
	return c
}
