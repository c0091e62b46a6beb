package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// BacktestAsk asks for the rulings that a proposed set would have made.
type BacktestAsk struct {
	Files map[string]string `json:"files" minProperties:"1" maxProperties:"200"`
	Since canonical.Time    `json:"since" doc:"replay what was asked from here on"`
	Until canonical.Time    `json:"until,omitzero" doc:"and before here; left out: now"`
	Limit int               `json:"limit,omitempty" minimum:"0" maximum:"1000" doc:"how many changes are listed, left out: none; all are counted"`
}

// Backtest is the result of a replay of recorded requests against a proposed set.
type Backtest struct {
	Policy         canonical.Digest       `json:"policy" doc:"digest of the proposed set"`
	Since          canonical.Time         `json:"since"`
	Until          canonical.Time         `json:"until"`
	Size           int64                  `json:"size" doc:"of the ledger that was read"`
	Requests       int64                  `json:"requests" doc:"requests that were ruled on again"`
	Refusals       int64                  `json:"refusals" doc:"refusals by policy that were ruled on again"`
	OtherRefusals  int64                  `json:"other_refusals" doc:"refusals that no policy decides"`
	Unread         map[proof.Unread]int64 `json:"unread" doc:"what could not be ruled on again, by reason"`
	Changed        int64                  `json:"changed" doc:"rulings that change"`
	Looser         int64                  `json:"looser" doc:"of these, how many let through what was not"`
	Turns          map[proof.Turn]int64   `json:"turns" doc:"rulings that change, by how"`
	Changes        []Change               `json:"changes" doc:"the weakest first"`
	Left           int64                  `json:"left" doc:"changes that are not listed"`
	Findings       []Finding              `json:"findings" doc:"records that contradict the policy and people of then"`
	FindingsInFull int64                  `json:"findings_in_full"`
}

// Change is one request, or refusal, on which the proposed set rules otherwise.
type Change struct {
	Turn      proof.Turn         `json:"turn"`
	Request   string             `json:"request"`
	At        canonical.Time     `json:"at"`
	Worker    workforce.WorkerID `json:"worker" doc:"whom the ruling is about"`
	Kind      actions.Kind       `json:"kind"`
	Platform  string             `json:"platform"`
	Part      string             `json:"part" doc:"of the desk"`
	Tier      actions.Tier       `json:"tier"`
	Refused   bool               `json:"refused" doc:"it was refused then"`
	Then      Answer             `json:"then"`
	Proposed  Answer             `json:"proposed"`
	Lost      []LostSigner       `json:"lost" doc:"whose signatures counted and would not"`
	Filled    bool               `json:"filled" doc:"its slots were filled"`
	WouldFill bool               `json:"would_fill" doc:"the same signatures would fill them"`
	Index     int64              `json:"index" doc:"of the ledger entry"`
}

// Answer is a set's answer on an act.
type Answer struct {
	Verdict policy.Verdict `json:"verdict"`
	Need    actions.Need   `json:"need"`
	Reasons []proof.Reason `json:"reasons"`
}

// LostSigner is a person whose signature would not have counted.
type LostSigner struct {
	Worker  workforce.WorkerID `json:"worker"`
	Verdict actions.Verdict    `json:"verdict"`
	Reasons []proof.Reason     `json:"reasons"`
}

// Finding is a record that somebody changed, or an entry that contradicts the ruling.
type Finding struct {
	Index   int64  `json:"index"`
	Request string `json:"request"`
	Text    string `json:"text"`
}
