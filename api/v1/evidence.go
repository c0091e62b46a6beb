package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/platform"
)

// EvidenceNow is what the subject of a case shows now.
type EvidenceNow = platform.Evidence

// KeptEvidence is what the subject of a case showed when it was reported.
type KeptEvidence struct {
	ID       string              `json:"id"`
	State    cases.EvidenceState `json:"state" enum:"pending,copied,gone"`
	At       canonical.Time      `json:"at" doc:"when it was acknowledged, with its report"`
	Copied   canonical.Time      `json:"copied" doc:"empty while it is pending"`
	Digest   canonical.Digest    `json:"digest,omitzero" doc:"of the document; left out while it is pending"`
	Why      string              `json:"why,omitzero" doc:"the stable type of the reason for which nothing could be read"`
	Matched  string              `json:"matched,omitzero" doc:"the hash list that a picture of it is on"`
	Media    string              `json:"media" doc:"copy; none: a reason of child safety stopped the copying; hash: only digests were taken"`
	Document canonical.Raw       `json:"document,omitzero" doc:"the document countersign/evidence/v1; strangers' text in it is as it came"`
}

// Removal removes the bytes of a picture.
type Removal struct {
	Case   string             `json:"case" maxLength:"64" doc:"a case that has the picture in its evidence"`
	Reason string             `json:"reason" doc:"the text of the deed"`
	Deed   actions.SaltedDeed `json:"deed" doc:"your signed deed evidence.remove, of the picture's digest"`
}

// RemovedPicture is a picture whose bytes are gone.
type RemovedPicture struct {
	Digest  canonical.Digest `json:"digest"`
	Size    int64            `json:"size" doc:"bytes that it had"`
	Worker  string           `json:"worker"`
	Deed    canonical.Digest `json:"deed"`
	Seen    canonical.Time   `json:"seen" doc:"when the desk saw it first"`
	Removed canonical.Time   `json:"removed"`
}

// Release says what becomes of media whose copying a reason of child safety has stopped.
type Release struct {
	Media  string             `json:"media" enum:"copy,hash"`
	Reason string             `json:"reason" doc:"the text of the deed"`
	Deed   actions.SaltedDeed `json:"deed" doc:"your signed deed evidence.copy or evidence.hash, of the case in the version that you saw"`
}
