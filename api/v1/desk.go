package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Subject is a subject as the executor reads it now.
type Subject struct {
	Subject      platform.Subject    `json:"subject" doc:"resolved: identifier and handle"`
	Sort         platform.Sort       `json:"sort"`
	State        State               `json:"state"`
	Owner        *State              `json:"owner,omitempty" doc:"of content: its account, where the platform tells"`
	Measures     []Measure           `json:"measures,omitempty" doc:"of this desk that stand on the subject, by layer; a mark that is not one of them is not ours, or not known here"`
	Breaches     []Breach            `json:"breaches,omitempty" doc:"open ones that left what stands on the subject, by layer"`
	Capabilities Capabilities        `json:"capabilities"`
	Tier         actions.Tier        `json:"tier"`
	Why          []proof.Reason      `json:"why" doc:"the rules that say so"`
	Stands       actions.Tier        `json:"stands,omitempty" doc:"the highest tier that rules ever gave it, if that is not standard; it stands until several let it fall"`
	Raised       actions.Tier        `json:"raised,omitempty" doc:"what people raised it to"`
	Confirmed    actions.Tier        `json:"confirmed,omitempty" doc:"of that, what several people stand by"`
	Resolution   *actions.Resolution `json:"resolution,omitempty" doc:"the executor's signed word on who this is; it goes into what is signed about the subject"`
}

// State is a subject's state as its platform shows it.
type State struct {
	Status platform.Status       `json:"status" doc:"of the visibility, as are mark and rev"`
	Mark   platform.Mark         `json:"mark" doc:"whose measure it is: CSGN- and a request, or something foreign"`
	Rev    string                `json:"rev"`
	Layers []Layer               `json:"layers,omitempty" doc:"what stands on the subject besides its visibility, sorted by layer; left out: nothing"`
	Facts  map[platform.Fact]any `json:"facts"`
	Unread []platform.Fact       `json:"unread" doc:"promised facts that could not be read; they make the subject critical"`
	Seen   canonical.Time        `json:"seen"`
}

// At returns the state of one layer.
func (s State) At(l platform.Layer) platform.Expect {
	if l == platform.VisibilityLayer {
		return platform.Expect{Status: s.Status, Mark: s.Mark}
	}
	for _, x := range s.Layers {
		if x.Layer == l {
			return platform.Expect{Status: x.Status, Mark: x.Mark}
		}
	}
	return platform.Expect{Status: l.Clear()}
}

// Layer is the state of one layer that stands on a subject, apart from all others.
type Layer struct {
	Layer  platform.Layer  `json:"layer" doc:"limit or label:VALUE"`
	Status platform.Status `json:"status" doc:"limited or set"`
	Mark   platform.Mark   `json:"mark" doc:"as in a state"`
	Rev    string          `json:"rev" doc:"of this layer"`
}

// Breach says that an open breach left what stands in a layer of a subject.
type Breach struct {
	Layer    platform.Layer `json:"layer"`
	Incident string         `json:"incident" doc:"to which the breach belongs"`
}

// Measure is a measure of this desk that stands on a subject, by the mark that the platform
// shows. It is the desk's word, by its own rows.
type Measure struct {
	Layer     platform.Layer     `json:"layer" doc:"in which it stands: visibility, limit or label:VALUE"`
	Request   string             `json:"request"`
	Kind      actions.Kind       `json:"kind"`
	Requester workforce.WorkerID `json:"requester"`
	Executed  canonical.Time     `json:"executed" doc:"since when it stands"`
	Until     canonical.Time     `json:"until" doc:"its end; empty: until somebody lifts it"`
}

// Capabilities holds the promises of a connector about its platform.
type Capabilities struct {
	Abilities     []Ability       `json:"abilities"`
	Facts         []platform.Fact `json:"facts"`
	Labels        []string        `json:"labels,omitempty" doc:"the values of labels that can be set"`
	CompareAndSet bool            `json:"compare_and_set"`
	Lookup        bool            `json:"lookup"`
	RequestLife   int             `json:"request_life"`
}

// Ability says what a platform can do for one verb and sort of subject.
type Ability struct {
	Verb  platform.Verb `json:"verb"`
	Sort  platform.Sort `json:"sort"`
	Lossy string        `json:"lossy" doc:"what an undo does not bring back"`
	Marks bool          `json:"marks"`
}

// Policy is the set in force, with the settings beside it in the chain.
type Policy struct {
	Digest     canonical.Digest  `json:"digest"`
	Files      map[string]string `json:"files"`
	Budgets    []actions.Budget  `json:"budgets"`
	Trust      actions.Trust     `json:"trust"`
	Governance int64             `json:"governance" doc:"entries of the governance chain that this is as of"`
	Older      []Detail          `json:"older" doc:"what the set and the budgets lack because they may be older than the desk's program, and which change to make; empty: nothing"`
}

// PolicyFiles is a set to be checked.
type PolicyFiles struct {
	Files map[string]string `json:"files" minProperties:"1" maxProperties:"200"`
}

// PolicyReport holds all findings about a set before it is proposed.
type PolicyReport struct {
	Digest   canonical.Digest `json:"digest"`
	Policies int              `json:"policies"`
	Holds    int              `json:"holds"`
	Tests    int              `json:"tests"`
	Problems []Detail         `json:"problems" doc:"why the set cannot be used; empty if it can"`
	Warnings []Detail         `json:"warnings"`
}
