package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// Subject is a subject as the executor reads it now.
type Subject struct {
	Subject      platform.Subject    `json:"subject" doc:"resolved: identifier and handle"`
	Sort         platform.Sort       `json:"sort"`
	State        State               `json:"state"`
	Owner        *State              `json:"owner,omitempty" doc:"of content: its account, where the platform tells"`
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
	Status platform.Status       `json:"status"`
	Mark   platform.Mark         `json:"mark" doc:"whose measure it is: CSGN- and a request, or something foreign"`
	Rev    string                `json:"rev"`
	Facts  map[platform.Fact]any `json:"facts"`
	Unread []platform.Fact       `json:"unread" doc:"promised facts that could not be read; they make the subject critical"`
	Seen   canonical.Time        `json:"seen"`
}

// Capabilities holds the promises of a connector about its platform.
type Capabilities struct {
	Abilities     []Ability       `json:"abilities"`
	Facts         []platform.Fact `json:"facts"`
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
