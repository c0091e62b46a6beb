package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// MaxAnswer bounds the answer to an invitation, in bytes.
const MaxAnswer = 64 << 10

// Invitees are people who are to be invited: all of them or none.
type Invitees struct {
	People []Invitee `json:"people" doc:"1 to 50"`
}

// Invitee is somebody who is to be invited.
type Invitee struct {
	Worker workforce.WorkerID `json:"worker"`
	Secret canonical.Digest   `json:"secret" doc:"digest of the secret that the link will have; the desk does not learn the secret before somebody opens the link"`
}

// Invitations are invitations, newest first.
type Invitations struct {
	Items []Invitation `json:"items"`
	Pages []string     `json:"pages" doc:"origins of the desk's pages, on which passkeys are made: a link is one of them, /invite/ and the secret"`
}

// Invitation is a link with which a person makes a passkey in a browser.
type Invitation struct {
	ID      string             `json:"id"`
	Worker  workforce.WorkerID `json:"worker"`
	Name    string             `json:"name" doc:"empty if the desk knows none, or you may not read it"`
	By      workforce.WorkerID `json:"by" doc:"who invited"`
	Made    canonical.Time     `json:"made"`
	Expires canonical.Time     `json:"expires" doc:"of the link"`
	State   string             `json:"state" enum:"made,answered,enrolled,expired,withdrawn,left,edited" doc:"left: the engagement has ended; edited: the ledger has another invitation, or another answer, than the database"`
	Answer  *MadeKey           `json:"answer,omitempty" doc:"left out before somebody answered, and where the answer was edited"`
}

// MadeKey is a passkey that somebody made under an invitation.
type MadeKey struct {
	Key        workforce.PublicKey `json:"key"`
	ID         workforce.KeyID     `json:"id"`
	Words      string              `json:"words" doc:"six words that follow from the key: its holder reads them out"`
	At         canonical.Time      `json:"at"`
	Model      string              `json:"model" doc:"AAGUID of the authenticator, as it says itself; the one of zeros: it does not tell"`
	Format     string              `json:"format" doc:"of the attestation statement; none: there is none"`
	Synced     bool                `json:"synced" doc:"the private half may be copied to other devices; such a key does not count as hardware"`
	BackedUp   bool                `json:"backed_up" doc:"it was copied"`
	Possession actions.Signature   `json:"possession" doc:"the key's signature for its enrolment as this worker at this desk"`
	// Registration is what the browser handed in; only if it was asked for.
	Registration *Registration `json:"registration,omitempty"`
}

// Enrolment is what a change of desk.key enrols for a worker.
func (m MadeKey) Enrolment(w workforce.WorkerID) actions.Enrolment {
	return actions.Enrolment{Worker: w, Key: m.Key, Possession: m.Possession}
}

// Registration is what navigator.credentials.create gave a browser.
type Registration struct {
	Attestation canonical.Bytes `json:"attestation"`
	ClientData  canonical.Bytes `json:"client_data"`
	Transports  []string        `json:"transports" maxItems:"8"`
}

// OpenInvitation is what the holder of a link learns.
type OpenInvitation struct {
	Worker       workforce.WorkerID `json:"worker"`
	Name         string             `json:"name"`
	Log          string             `json:"log" doc:"origin of the ledger"`
	EnrolName    string             `json:"enrol_name" doc:"what the proof of possession calls the ledger"`
	RelyingParty string             `json:"relying_party"`
	Challenge    canonical.Bytes    `json:"challenge" doc:"for which the passkey is made"`
	Expires      canonical.Time     `json:"expires"`
	State        string             `json:"state" enum:"made,answered"`
}

// InvitationAnswer is what the holder of a link hands in.
type InvitationAnswer struct {
	Registration Registration      `json:"registration"`
	Possession   actions.Signature `json:"possession" doc:"the new key's signature for its enrolment"`
}

// AnsweredInvitation is the passkey as the desk has read it.
type AnsweredInvitation struct {
	Key      workforce.KeyID `json:"key"`
	Words    string          `json:"words" doc:"six words that the person reads out to whoever invited them"`
	Hardware bool            `json:"hardware"`
	Synced   bool            `json:"synced"`
	Model    string          `json:"model"`
}
