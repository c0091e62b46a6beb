package wording

import (
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// KeyMaking is what a desk knows of the making of a key, and of whose it is, beside what the key says
// itself. None of it is signed.
type KeyMaking struct {
	Name       string // of the person; empty: the reader may not read it, or there is none
	Invitation string // under which it was made; empty: under none
	By         workforce.WorkerID
	At         canonical.Time
	Model      string // as the authenticator says itself
	Format     string // of the attestation statement
}

const noModel = "00000000-0000-0000-0000-000000000000"

// EnrolledKey is a key that a change enrols, for people who compare it.
type EnrolledKey struct {
	Worker workforce.WorkerID
	Name   string
	Words  string // that follow from the key
	Sort   string
	Wrong  bool   // the key contradicts what is said of it
	Made   string // how it was made, as the desk has it; empty for a file key
}

// KeyToEnrol puts an enrolment in words.
func KeyToEnrol(e actions.Enrolment, m KeyMaking) EnrolledKey {
	k := EnrolledKey{Worker: e.Worker, Name: m.Name, Words: e.Key.ID().Words(), Sort: MadeKey(e), Wrong: contradicts(e)}
	switch {
	case m.Invitation != "":
		k.Made = fmt.Sprintf("made in a browser under the invitation %s of %s, %s; %s", m.Invitation, m.By, When(m.At), Attested(m.Model, m.Format))
	case e.Key.Passkey():
		k.Made = "not made under an invitation: nothing is known here of its making"
	}
	return k
}

// Lines are those of a terminal.
func (k EnrolledKey) Lines() []string {
	who := "  " + string(k.Worker)
	if k.Name != "" {
		who += ", " + k.Name
	}
	lines := []string{who, "      " + k.Words, "      " + k.Sort}
	if k.Made != "" {
		lines = append(lines, "      "+k.Made)
	}
	return lines
}

// contradicts reports whether a key is declared bound to hardware, and has signed that it may be
// copied.
func contradicts(e actions.Enrolment) bool {
	return e.Key.Passkey() && e.Key.Hardware && e.Possession.Copyable()
}

// MadeKey says what sort of key an enrolment is of. Whether a passkey may be copied the key itself has
// signed, in the proof that it is held.
func MadeKey(e actions.Enrolment) string {
	switch {
	case contradicts(e):
		return "CONTRADICTION: its authenticator says that it can be copied, and it is declared bound to hardware. Do not sign."
	case e.Key.Passkey() && e.Possession.Copyable():
		return "passkey, synced: it does not count as hardware"
	case e.Key.Passkey() && e.Key.Hardware:
		return "passkey, bound to one device, as its authenticator says; counts as hardware"
	case e.Key.Passkey():
		return "passkey; does not count as hardware"
	}
	return KeySort(e.Key.Algorithm, e.Key.Hardware)
}

// Attested says what an authenticator says of its make.
func Attested(model, format string) string {
	text := "it does not tell its model"
	if model != "" && model != noModel {
		text = "model " + model
	}
	if format == "none" || format == "" {
		return text + ", not attested"
	}
	return text + ", with an attestation (" + format + ") whose maker was not looked up"
}
