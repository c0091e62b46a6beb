package v1

import (
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// MaxTextBody bounds a body that carries a text of the desk: JSON writes some of its
// characters as two.
const MaxTextBody = 9 << 20

// NewText is a text that is put to the desk, so that a change can name it by its digest.
type NewText struct {
	Part string `json:"part" enum:"rules,queues,hashes"`
	Text string `json:"text" doc:"the file, byte for byte; at most 4 MiB"`
}

// Text is a text that the desk keeps.
type Text struct {
	Digest canonical.Digest   `json:"digest" doc:"SHA-256 of its bytes"`
	Part   string             `json:"part"`
	Size   int64              `json:"size" doc:"in bytes"`
	Worker workforce.WorkerID `json:"worker" doc:"who put it there"`
	Time   canonical.Time     `json:"time"`
}

// WholeText is a text with its bytes.
type WholeText struct {
	Text
	Body string `json:"text"`
}

// Set is the rule set or the queue set in force.
type Set struct {
	Digest   canonical.Digest `json:"digest" doc:"of the text; GET /texts/{digest} has its bytes"`
	Size     int64            `json:"size"`
	Number   int64            `json:"number" doc:"of the governance entry that put it in force"`
	Replaces canonical.Digest `json:"replaces" doc:"the text that was in force before; empty: there was none"`
	Set      canonical.Raw    `json:"set" doc:"a document countersign/rules/v1 or countersign/queues/v1"`
}

// HashList is a list of hashes in force.
type HashList struct {
	Name   string           `json:"name"`
	Source string           `json:"source" doc:"who made it"`
	Digest canonical.Digest `json:"digest" doc:"of its text"`
	Size   int64            `json:"size" doc:"of its text: 65 bytes for each digest"`
	Number int64            `json:"number" doc:"of the governance entry that put it in force"`
}
