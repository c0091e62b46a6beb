package entry

import (
	"countersign.dev/actions"
	"countersign.dev/platform"
)

// Act holds the facts about an act that a ruling reads, without the person that the
// ruling is about. It names no subject.
//
// The desk's entries about requests hold all these facts, so that the act can be ruled on
// again when the request's own row and its personal fields are long gone. The facts about
// the person come from the governance chain, up to the entry's place.
type Act struct {
	Case      bool              `json:"case"` // a case was given
	Category  actions.Category  `json:"category"`
	Direction actions.Direction `json:"direction"`
	Effect    actions.Effect    `json:"effect"`
	Founding  bool              `json:"founding"`
	Kind      actions.Kind      `json:"kind"`
	Lifts     actions.Lifts     `json:"lifts"`
	Part      string            `json:"part"` // the part of the desk
	Platform  string            `json:"platform"`
	Tier      actions.Tier      `json:"tier"` // the tier of the ruling
	Verb      platform.Verb     `json:"verb"`
}

// Desk reports whether the act changes the desk.
func (a Act) Desk() bool { return a.Platform == actions.DeskPlatform }
