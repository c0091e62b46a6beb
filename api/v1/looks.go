package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/workforce"
)

// SecondLook is a decided case that somebody else judged again, with both verdicts.
type SecondLook struct {
	ID         string           `json:"id" doc:"lok_…"`
	Subject    string           `json:"subject" doc:"PLATFORM:ID"`
	Handle     string           `json:"handle"`
	Queue      string           `json:"queue"`
	Difference cases.Difference `json:"difference" doc:"of the second verdict from the first: agrees, missed, wrongly-found, wrong-rule, technical"`
	First      LookSide         `json:"first"`
	Second     LookSide         `json:"second"`
	Chance     int64            `json:"chance" doc:"millionths: how likely the first verdict was to be looked at again"`
	Matter     *LookMatter      `json:"matter,omitzero" doc:"what became of the difference; left out: the verdicts agree"`
	MaySettle  bool             `json:"may_settle" doc:"you say whose verdict was wrong"`
	MayDispute bool             `json:"may_dispute" doc:"yours was found wrong, and you may answer once"`
}

// LookSide is one of two verdicts.
type LookSide struct {
	Worker   workforce.WorkerID  `json:"worker" doc:"in the words that you may have"`
	Own      bool                `json:"own" doc:"it is yours"`
	Case     string              `json:"case"`
	Document canonical.Digest    `json:"document" doc:"of what was shown"`
	Verdict  actions.CaseVerdict `json:"verdict"`
	Rule     int64               `json:"rule" doc:"0: none"`
	Language string              `json:"language"`
	Measures []string            `json:"measures" doc:"in words; those of a second verdict were carried out by nobody"`
	Reasons  string              `json:"reasons"`
	Requests []string            `json:"requests" doc:"of the first verdict's measures"`
	At       canonical.Time      `json:"at"`
}

// LookMatter is what became of a difference.
type LookMatter struct {
	State     string             `json:"state" doc:"waiting for a lead, settled, disputed, or final"`
	Lead      workforce.WorkerID `json:"lead"`
	Wrong     cases.Wrong        `json:"wrong" doc:"whose verdict: first, second, both, neither; empty: no lead has said so yet"`
	Why       string             `json:"why"`
	Until     canonical.Time     `json:"until" doc:"of the time to answer"`
	Disputer  workforce.WorkerID `json:"disputer"`
	Answer    string             `json:"answer"`
	LastLead  workforce.WorkerID `json:"last_lead"`
	LastWrong cases.Wrong        `json:"last_wrong" doc:"by the other lead, after an answer"`
	LastWhy   string             `json:"last_why"`
	Made      canonical.Time     `json:"made"`
	Ended     canonical.Time     `json:"ended"`
}

// LookDeed is a signed deed about a look, or about a calibration.
type LookDeed struct {
	Deed actions.SaltedDeed `json:"deed"`
	Text string             `json:"text" maxLength:"65536" doc:"the order that the deed commits to: canonical JSON"`
}

// Calibration is a set of decided cases that several people judge without knowing it.
type Calibration struct {
	ID     string               `json:"id" doc:"cal_…"`
	Title  string               `json:"title"`
	Lead   workforce.WorkerID   `json:"lead"`
	People []workforce.WorkerID `json:"people"`
	Made   canonical.Time       `json:"made"`
	Closed canonical.Time       `json:"closed" doc:"empty: it goes on"`
	Result string               `json:"result" doc:"what its people found when they talked about it"`
	Of     int64                `json:"of" doc:"verdicts that are asked for"`
	Left   int64                `json:"left" doc:"verdicts that are still to come; until then none is shown"`
	Cases  []CalibratedCase     `json:"cases"`
	Rules  []RuleAgreement      `json:"rules"`
}

// CalibratedCase is one case of a calibration.
type CalibratedCase struct {
	Decision string              `json:"decision"`
	Case     string              `json:"case"`
	Subject  string              `json:"subject"`
	Verdict  actions.CaseVerdict `json:"verdict" doc:"the first"`
	Rule     int64               `json:"rule"`
	Verdicts []LookSide          `json:"verdicts"`
}

// RuleAgreement is how far the people of a calibration agree on the cases of a rule.
type RuleAgreement struct {
	Rule   int64   `json:"rule" doc:"of the first verdict; 0: none"`
	Cases  int64   `json:"cases"`
	Raw    float64 `json:"raw" doc:"share of pairs of people who found the same"`
	Fleiss float64 `json:"fleiss" doc:"Fleiss' kappa"`
	AC1    float64 `json:"ac1" doc:"Gwet's AC1"`
	Low    float64 `json:"low" doc:"of the 95 % interval of AC1"`
	High   float64 `json:"high"`
}
