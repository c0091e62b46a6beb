package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Desk holds the desk's settings beside its policy, people and platforms.
type Desk struct {
	Orders     []StandingOrder `json:"orders" doc:"standing orders that were placed"`
	Modes      []Mode          `json:"modes" doc:"of every tier of every platform"`
	Freezes    []Freeze        `json:"freezes" doc:"in force"`
	Reviews    []Review        `json:"reviews" doc:"that were closed"`
	Laws       int64           `json:"laws" doc:"number of the rules that the governance chain is judged by"`
	Governance int64           `json:"governance" doc:"entries of the governance chain that this is as of"`
}

// StandingOrder lets the executor restore subjects of a tier by itself.
type StandingOrder struct {
	Platform   string               `json:"platform"`
	Tier       actions.Tier         `json:"tier"`
	Placed     canonical.Time       `json:"placed"`
	Until      canonical.Time       `json:"until"`
	PerSubject int64                `json:"per_subject" doc:"restorations of one subject in an hour; more of them page, and stop a protected subject alone"`
	PerTier    int64                `json:"per_tier" doc:"restorations of the whole tier in an hour; more of them page and stop nothing"`
	Vouched    canonical.Time       `json:"vouched" doc:"what the ledger held of the subjects by then is right, whether it has stood for a day or not"`
	Layers     []actions.OrderLayer `json:"layers" doc:"the layers in which the executor restores under it; label stands for every label"`
	Never      []string             `json:"never,omitempty" doc:"marks that are never lifted under it: a mark, or what it begins with and an asterisk"`
	Cut        *actions.Cut         `json:"cut,omitempty" doc:"after how many breaches by one credential, within how many seconds, that one is cut off; left out: never"`
	Request    string               `json:"request" doc:"whose signatures placed it"`
	InForce    bool                 `json:"in_force"`
}

// Mode says whether the watch only observes a tier of a platform or enforces on it.
type Mode struct {
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"`
	Mode     string       `json:"mode" enum:"enforce,observe"`
}

// Freeze stops burdening acts.
type Freeze struct {
	Scope   string             `json:"scope" enum:"worker,vendor,platform,all"`
	Of      string             `json:"of" doc:"empty for all; of a vendor, empty means all employees"`
	By      workforce.WorkerID `json:"by"`
	At      canonical.Time     `json:"at"`
	Request string             `json:"request"`
}

// Review is the closed review of an emergency act or an incident.
type Review struct {
	Of       string               `json:"of" enum:"emergency,incident"`
	ID       string               `json:"id"`
	Involved []workforce.WorkerID `json:"involved"`
	Findings canonical.Digest     `json:"findings" doc:"SHA-256 of their text"`
	By       workforce.WorkerID   `json:"by"`
	At       canonical.Time       `json:"at"`
	Request  string               `json:"request"`
}
