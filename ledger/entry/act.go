package entry

import (
	"countersign.dev/actions"
	"countersign.dev/platform"
)

// Act is what a ruling reads of an act: everything but who it is about. It names
// no subject.
//
// The desk's entries about requests hold all that a ruling read of the act, so that it
// can be ruled on again when the request's own row and its personal fields are long
// gone; what a ruling read of a person is the governance chain's, as far as it went at
// the entry's place.
type Act struct {
	Case      bool              `json:"case"` // a case was given
	Category  actions.Category  `json:"category"`
	Direction actions.Direction `json:"direction"`
	Effect    actions.Effect    `json:"effect"`
	Founding  bool              `json:"founding"`
	Kind      actions.Kind      `json:"kind"`
	Lifts     actions.Lifts     `json:"lifts"`
	Part      string            `json:"part"` // of the desk
	Platform  string            `json:"platform"`
	Tier      actions.Tier      `json:"tier"` // the one that was ruled by
	Verb      platform.Verb     `json:"verb"`
}

// Desk reports whether the act changes the desk.
func (a Act) Desk() bool { return a.Platform == actions.DeskPlatform }
