package proof

import (
	"errors"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// What the desk enters about requests: the data of its ledger entries. They hold
// all that a ruling read of the act, so that it can be ruled on again when the
// request's own row and its personal fields are long gone; what a ruling read of
// a person is the governance chain's, as far as it went at the entry's place.

// Kinds of entries of the class desk that a Replay reads.
const (
	KindRequest     = "request"
	KindCountersign = "countersign"
	KindDecline     = "decline"
	KindRefused     = "refused"
	KindWithdraw    = "withdraw"
)

// Act is what a ruling reads of an act: everything but who it is about. It names
// no subject.
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

// ActOf returns what facts say of the act.
func ActOf(f policy.Facts) Act {
	return Act{Case: f.CaseGiven, Category: f.Category, Direction: f.Direction, Effect: f.Effect, Founding: f.Founding, Kind: f.Kind,
		Lifts: f.Lifts, Part: f.Subject.Part, Platform: f.Subject.Platform, Tier: f.Subject.Tier, Verb: f.Verb}
}

// Facts returns the facts of a ruling about a worker and the act.
func (a Act) Facts(w policy.Worker) policy.Facts {
	f := policy.Facts{Worker: w, Kind: a.Kind, Direction: a.Direction, Effect: a.Effect, Verb: a.Verb, Category: a.Category,
		Lifts: a.Lifts, Founding: a.Founding, CaseGiven: a.Case}
	f.Subject = policy.Subject{Platform: a.Platform, Part: a.Part, Tier: a.Tier}
	spec, _ := actions.SpecOf(a.Kind)
	f.Subject.Sort = spec.Sort
	if spec.Desk {
		f.Subject.Sort = policy.Desk
	}
	return f
}

// desk reports whether the act changes the desk.
func (a Act) desk() bool { return a.Platform == actions.DeskPlatform }

// RequestRecord is the data of an entry of kind request. What names the subject
// or quotes people is sealed beside it.
type RequestRecord struct {
	Act     Act            `json:"act"`
	At      canonical.Time `json:"at"`           // for which it was judged; the entry's time is a moment later
	Law     Law            `json:"law,omitzero"` // which law, and not the policy, says what it needs
	Need    actions.Need   `json:"need"`
	Request string         `json:"request"`
	Signed  actions.Signed `json:"signed"`
	Status  actions.Status `json:"status"` // held or approved
}

// VerdictRecord is the data of entries of kind countersign and decline. Tier and
// Lifts are as they were read for it: a measure grows older while a request is held.
type VerdictRecord struct {
	Alarm   bool           `json:"alarm"`
	At      canonical.Time `json:"at"`
	Law     Law            `json:"law,omitzero"`
	Lifts   actions.Lifts  `json:"lifts"`
	Need    actions.Need   `json:"need"` // of the request, ruled again
	Request string         `json:"request"`
	Signed  actions.Signed `json:"signed"`
	Status  actions.Status `json:"status"` // of the request with it
	Tier    actions.Tier   `json:"tier"`
}

// EndRecord is the data of entries of kind withdraw, expire and void: a request
// that came to its end without being carried out.
type EndRecord struct {
	Request string `json:"request"`
	// Signed is the requester's statement of a withdrawal. It is left out of the
	// other kinds, and of withdrawals that were entered before they were signed.
	Signed actions.Signed     `json:"signed,omitzero"`
	Status actions.Status     `json:"status"`
	Type   string             `json:"type"`
	Worker workforce.WorkerID `json:"worker"` // who ended it; empty: the clock, or the executor
}

// RefusalRecord is the data of an entry of kind refused.
type RefusalRecord struct {
	Count int64  `json:"count"` // more than 1: so many in the minute that ended
	Ruled *Ruled `json:"ruled"` // null unless it was policy that refused
	Type  string `json:"type"`
	// Types says how many of Count were of which type, where those who were refused
	// were not known: then there is no worker, and nothing that they sent.
	Types map[string]int64 `json:"types,omitempty"`
	What  string           `json:"what"`
	// Worker is who was refused. Of a request that its requester may no longer
	// make it is whoever wanted to sign it.
	Worker workforce.WorkerID `json:"worker"`
}

// Ruled is what a refusal by policy was ruled by.
type Ruled struct {
	Act              Act                `json:"act"`
	At               canonical.Time     `json:"at"`          // for which the worker's standing was read
	Countersign      bool               `json:"countersign"` // whether Worker may countersign or decline, and not whether they may request
	GovernanceNumber int64              `json:"governance_number"`
	Request          string             `json:"request"`
	Worker           workforce.WorkerID `json:"worker"`
}

// refusal is a no of policy with what it was ruled by, for the record.
type refusal struct {
	error
	ruled Ruled
}

func (r *refusal) Unwrap() error { return r.error }

// RuledBy returns what a refusal by policy was ruled by, nil of any other error.
func RuledBy(err error) *Ruled {
	var r *refusal
	if errors.As(err, &r) {
		return &r.ruled
	}
	return nil
}

// standsAt returns the instant for which a signer's standing is read in a
// judgement at an instant.
//
// The lift of a measure stands if its signer was engaged when signing: it does
// not depend on who has left since (law 5). When they signed is their own word,
// so that it is not taken for changes of the desk, which are applied at once.
func standsAt(at time.Time, d actions.Direction, desk bool, st actions.Statement) time.Time {
	if d == actions.Relieving && !desk {
		return st.NotBefore.Time
	}
	return at
}
