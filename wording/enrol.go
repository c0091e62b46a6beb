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

// EnrolledKeys shows the keys that a change enrols, one after the other: for whom, the six words, what
// sort of key it is, and how it was made.
func EnrolledKeys(all []actions.Enrolment, of func(actions.Enrolment) KeyMaking) []string {
	var lines []string
	for _, e := range all {
		m := of(e)
		who := "  " + string(e.Worker)
		if m.Name != "" {
			who += ", " + m.Name
		}
		lines = append(lines, who, "      "+e.Key.ID().Words(), "      "+MadeKey(e))
		switch {
		case m.Invitation != "":
			lines = append(lines, fmt.Sprintf("      made in a browser under the invitation %s of %s, %s; %s", m.Invitation, m.By, When(m.At), Attested(m.Model, m.Format)))
		case e.Key.Passkey():
			lines = append(lines, "      not made under an invitation: nothing is known here of its making")
		}
	}
	return lines
}

// MadeKey says what sort of key an enrolment is of. Whether a passkey may be copied the key itself has
// signed, in the proof that it is held.
func MadeKey(e actions.Enrolment) string {
	switch copied := e.Key.Passkey() && e.Possession.Copyable(); {
	case copied && e.Key.Hardware:
		return "CONTRADICTION: its authenticator says that it can be copied, and it is declared bound to hardware. Do not sign."
	case copied:
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
