// Package v1 holds the wire types of the link between a desk and its executor. What is
// signed or entered is in package proof; what these types say is the word of the one
// who sends it.
package v1

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// Feed is a stretch of the ledger as followers get it: every leaf, and the
// bodies of governance and execution entries. It carries no personal field but the
// subjects of batches of tiers: an executor that took over from another has to
// know whom rules protect.
type Feed struct {
	From       int64              `json:"from"`
	Leaves     []string           `json:"leaves"` // ledger.Leaf.Bytes as text
	Bodies     []proof.ServedBody `json:"bodies"` // by index
	Checkpoint string             `json:"checkpoint"`
}

// Reading is a subject as the executor reads it for the desk.
type Reading struct {
	Subject      platform.Subject      `json:"subject"` // resolved: identifier and handle
	Sort         platform.Sort         `json:"sort"`
	State        platform.State        `json:"state"`
	Owner        *platform.State       `json:"owner"` // of content: its account, where the platform tells
	Capabilities platform.Capabilities `json:"capabilities"`
	Tier         actions.Tier          `json:"tier"` // by the executor's own fold of the chain, and by all that it ever read
	Why          []proof.Reason        `json:"why"`
	// Heights are what rules said before of the subject and of the account that owns
	// it, by subject ("plaza:acct/17"), where that stands.
	Heights map[string]proof.Height `json:"heights,omitempty"`
	// Raised is what people raised the subject to, Confirmed what several of them stand
	// by; empty: nothing.
	Raised    actions.Tier `json:"raised,omitzero"`
	Confirmed actions.Tier `json:"confirmed,omitzero"`
	// Resolution is there where it was asked for: the executor's signed word on who
	// the subject is.
	Resolution *actions.Resolution `json:"resolution,omitempty"`
}

// Account returns the identifier of the account that the subject is or, for content, that
// owns it; empty if the platform does not tell.
func (r Reading) Account() string {
	if r.Sort == platform.Account {
		return r.Subject.ID
	}
	owner, _ := r.State.Facts[platform.FactOwner].(string)
	return owner
}

// Stands returns the tier that rules once gave the subject itself; empty if none did,
// or if it has fallen.
func (r Reading) Stands() actions.Tier {
	return r.Heights[platform.Subject{Platform: r.Subject.Platform, ID: r.Subject.ID}.String()].Tier
}

// HeightsAt returns what this reading tells of heights that were read by an instant.
func (r Reading) HeightsAt(at time.Time) proof.Heights {
	return func(subject string) (h proof.Height, ok bool) {
		h, ok = r.Heights[subject]
		return h, ok && !h.At.After(at)
	}
}

// ExecutorStatus is what the executor says of itself.
type ExecutorStatus struct {
	Executor   string         `json:"executor"`
	Size       int64          `json:"size"` // of the ledger it has followed
	Governance int64          `json:"governance"`
	Clock      canonical.Time `json:"clock"`
	Stopped    string         `json:"stopped"` // why it refuses burdening acts; empty if it does not
	Platforms  []string       `json:"platforms"`
	Watches    []WatchStatus  `json:"watches"`
	// Facts are what each platform's connector gives; a platform that was never
	// reached is not there.
	Facts map[string][]platform.Fact `json:"facts,omitzero"`
	// Labels are the values of labels that each platform offers, sorted. A platform that was
	// never reached is not there; one that offers none has an empty list.
	Labels map[string][]string `json:"labels,omitzero"`
}

// WatchStatus is how the watch of a platform is.
type WatchStatus struct {
	Platform  string         `json:"platform"`
	Blind     string         `json:"blind"`     // the stable type of why not all of it is seen; empty: it is
	Streaming bool           `json:"streaming"` // the event stream is open
	Swept     canonical.Time `json:"swept"`     // when the last sweep ended; zero: never
	Baseline  int64          `json:"baseline"`  // sequence number of the newest baseline; -1: none yet
	Entered   bool           `json:"entered"`   // that baseline is in the ledger
	Protected int64          `json:"protected"` // subjects that are watched for breaches, by tier
	Critical  int64          `json:"critical"`
	// UnbasedProtected and UnbasedCritical are subjects, by tier, that nobody can
	// vouch for yet: no baseline in the ledger holds the state that they are in, and
	// no warrant has left it. Those that people raised and that were not read since
	// are among them.
	UnbasedProtected int64 `json:"unbased_protected"`
	UnbasedCritical  int64 `json:"unbased_critical"`

	Every    int64              `json:"every"`    // microseconds from one direct read of a critical subject to the next
	Share    int64              `json:"share"`    // thousandths of one connection's time that direct reads may take
	Restore  int64              `json:"restore"`  // thousandths of one connection's time that restorations of critical subjects may take
	Breaches int64              `json:"breaches"` // open ones
	Shows    []platform.Showing `json:"shows"`
	// Unranked is there if no rule about tiers can tell which accounts matter.
	Unranked *proof.Unranked `json:"unranked,omitzero"`
}

// Unbased returns UnbasedProtected or UnbasedCritical.
func (w WatchStatus) Unbased(t actions.Tier) int64 {
	if t == actions.Critical {
		return w.UnbasedCritical
	}
	return w.UnbasedProtected
}

// CarryResult is the executor's answer to a warrant that it was handed.
type CarryResult struct {
	Request string        `json:"request"`
	Outcome proof.Outcome `json:"outcome"` // empty: still under way
	Type    string        `json:"type"`
	Text    string        `json:"text"`
}

// TakeResult is the executor's answer to a change that it was handed directly.
type TakeResult struct {
	Request string         `json:"request"`
	At      canonical.Time `json:"at"` // since when it is in force there
}

// DraftFacts are what somebody must know to sign a change of the desk that goes
// straight to the executor.
type DraftFacts struct {
	Log    string           `json:"log"`  // origin of the ledger
	Root   canonical.Digest `json:"root"` // hash of entry 0
	Policy canonical.Digest `json:"policy"`
	Clock  canonical.Time   `json:"clock"`
	// Formats is the number of the formats in which the desk signs; 0: they are the first.
	Formats int64 `json:"formats,omitzero"`
}
