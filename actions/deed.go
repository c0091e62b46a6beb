package actions

import (
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// DeedVersion is the only version of Deed.
const DeedVersion = "countersign/deed/v1"

// DeedKind says what a deed does.
type DeedKind string

// The kinds of deeds.
const (
	DeedOpenIncident DeedKind = "incident.open"      // of a request; its text is the title
	DeedAssignTask   DeedKind = "incident.task"      // of an incident, to the task's owner; its text is the task
	DeedFinishTask   DeedKind = "incident.task.done" // of a task, TaskOf; its text is the result
	DeedFindings     DeedKind = "incident.findings"  // of an incident; its text is the findings
)

// Deed is something that a person does at the desk and that is no action: it
// changes nothing on a platform and no rule of the desk, and stands in the ledger
// under that person's name. A statement v1 with the verdict act signs its digest.
type Deed struct {
	Nonce canonical.Bytes `json:"nonce"` // 32 random bytes
	Of    string          `json:"of"`    // identifier of what it is about
	// Text is the commitment of the sealed field that holds its text in the ledger's
	// entry, with a salt of the signer's: so what was signed can be compared with the
	// entry without the text, and the text can still be erased.
	Text    canonical.Digest   `json:"text"`
	To      workforce.WorkerID `json:"to,omitzero"` // whom it gives something to
	V       string             `json:"v"`
	Version int64              `json:"version"` // of what it is about, as the signer saw it; 0 where that has none
	What    DeedKind           `json:"what"`
}

// Digest is what the statement of a deed names as its action.
func (d Deed) Digest() canonical.Digest { return canonical.DigestOf(d) }

// SignedDeed is a deed with the statement that signs it.
type SignedDeed struct {
	Deed   Deed   `json:"deed"`
	Signed Signed `json:"signed"`
}

// SaltedDeed is a signed deed with the salt of its text, as it is handed in.
type SaltedDeed struct {
	Deed   Deed            `json:"deed"`
	Salt   canonical.Bytes `json:"salt"` // 32 random bytes
	Signed Signed          `json:"signed"`
}

// SignedDeed returns what of it stands in the ledger.
func (d SaltedDeed) SignedDeed() SignedDeed { return SignedDeed{d.Deed, d.Signed} }

// SealedBy returns the name of the field that seals the text of deeds of a kind.
func (k DeedKind) SealedBy() string {
	return map[DeedKind]string{DeedOpenIncident: "title", DeedAssignTask: "text", DeedFinishTask: "result", DeedFindings: "findings"}[k]
}

// TaskOf names a task of an incident.
func TaskOf(incident string, number int64) string {
	return fmt.Sprintf("%s/tasks/%d", incident, number)
}

// Says reports whether a deed says the same as another one: all but its nonce, its
// text and the version that its signer saw.
func (d Deed) Says(want Deed) bool { return d.What == want.What && d.Of == want.Of && d.To == want.To }
