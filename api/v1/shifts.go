package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
)

// Presence is where a person is during the day's work.
type Presence struct {
	Worker string         `json:"worker"`
	State  cases.Presence `json:"state" enum:"on,break,training,meeting,away"`
	Since  canonical.Time `json:"since,omitzero" doc:"absent: nothing is known"`
	Seen   canonical.Time `json:"seen,omitzero" doc:"when the person last did something at the desk, to a minute"`
	By     string         `json:"by,omitzero" doc:"who said so; absent: the desk noticed it"`
}

// PresenceWish says where the caller is.
type PresenceWish struct {
	State cases.Presence `json:"state" enum:"on,break,training,meeting,away"`
}

// InHand is what a person of the caller's line has in hand.
type InHand struct {
	Worker   string   `json:"worker"`
	Claims   []string `json:"claims" doc:"cases with a live claim"`
	Reserved string   `json:"reserved,omitzero" doc:"the case that is reserved"`
	Turns    []string `json:"turns" doc:"cases that come back to the person"`
}

// HandOver is a lead's signed order that gives back what people have in hand.
type HandOver struct {
	Deed actions.SaltedDeed `json:"deed"`
	Text string             `json:"text" maxLength:"65536" doc:"the order in canonical JSON, which the deed commits to"`
}

// HandedOver is what a hand-over did.
type HandedOver struct {
	Deed     string   `json:"deed,omitzero" doc:"its identifier; absent: there was nothing to hand over"`
	Cases    []string `json:"cases" doc:"that wait now"`
	Reserved int64    `json:"reserved" doc:"reservations that ended"`
}
