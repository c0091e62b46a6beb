// Package v1 is the wire form of the REST API under /api/v1: the server writes it and the
// client reads it, and the other way round. Types are written out apart from the
// domain's, so that a field is public only by being listed here.
//
// The documents that people sign or that prove something (action, statement, signature,
// ruling, warrant, ledger entries) are formats of their own and stand here unchanged; in
// answers they are in canonical form (RFC 8785).
//
// The package is pure. Nothing relies on it for safety: the server validates what it
// reads, the client verifies what it is told with ledger/proof.
package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault/problem"
	"countersign.dev/ledger"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// Base is the path under which all routes but the ledger's stand.
const Base = "/api/v1"

// Limits of the API.
const (
	MaxAsk       = 4 << 10  // bytes of an ask for a token
	MaxSmallBody = 32 << 10 // bytes of a body that carries a signature or a text
	MaxBody      = 1 << 20  // bytes of a body that carries a policy set or findings
	MaxRowsBody  = 16 << 20 // bytes of a body that carries rows of an import
	MaxPage      = 100      // items of one page
	DefaultPage  = 50       // items of one page if no other number is asked for
	MaxWait      = 30       // seconds that ?wait= may ask for
)

// Page is a stretch of a list. Next is an opaque cursor, empty at the end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"cursor of the next page; empty at the end"`
}

// ProblemBase begins every problem's type; the last segment is the fault's type.
const ProblemBase = problem.Base

// ProblemType is the media type of refusals (RFC 9457).
const ProblemType = problem.Media

// Problem is the form of every refusal.
type Problem = problem.Problem

// Detail is one of several faults in one input.
type Detail = problem.Detail

// Status holds the public facts about a desk: no personal data.
type Status struct {
	Version   string           `json:"version" doc:"of the program"`
	Founded   bool             `json:"founded"`
	Origin    string           `json:"origin" doc:"of the ledger"`
	Log       string           `json:"log" doc:"what statements and requests for tokens call the ledger: its origin and, under the laws 2, # and the hash of entry 0"`
	EnrolName string           `json:"enrol_name" doc:"what an enrolment calls the ledger, as key make --desk takes it: its origin and, under the laws 3, # and the hash of entry 0"`
	LogKey    string           `json:"log_key" doc:"verifier key line of the ledger"`
	Formats   int64            `json:"formats" doc:"the number of the formats in which the desk signs"`
	Root      canonical.Digest `json:"root" doc:"hash of entry 0; compare it with the one in your trust folder"`
	Ledger    LedgerStatus     `json:"ledger"`
	Executor  *ExecutorStatus  `json:"executor,omitempty" doc:"left out if the executor does not answer"`
}

// Matters describes the state of a desk.
type Matters struct {
	Needed   bool     `json:"needed" doc:"one of the items needs a person"`
	Sections []string `json:"sections" doc:"all of them, in their order; one without items is well"`
	Items    []Matter `json:"items" doc:"in the order of the sections"`
}

// Matter is one fact about the state of the desk that people should know.
type Matter struct {
	Section  string         `json:"section"`
	Severity string         `json:"severity" enum:"page,warn,info" doc:"page and warn need a person"`
	Text     string         `json:"text"`
	Do       string         `json:"do" doc:"what a person can do; empty: nothing is to be done"`
	Since    canonical.Time `json:"since"`
	Request  string         `json:"request"`
	Incident string         `json:"incident"`
	Platform string         `json:"platform"`
	Tier     actions.Tier   `json:"tier"`
}

// LedgerStatus is the ledger's size and root.
type LedgerStatus struct {
	Size       int64  `json:"size"`
	Hash       string `json:"hash" doc:"RFC 6962 root in base64"`
	Governance int64  `json:"governance" doc:"entries of the governance chain"`
	// GovernanceHead goes into sessions.
	GovernanceHead canonical.Digest `json:"governance_head" doc:"hash of the newest entry of the governance chain, which a new session names"`
}

// ExecutorStatus is the executor's own report.
type ExecutorStatus struct {
	Executor   string         `json:"executor"`
	Size       int64          `json:"size" doc:"of the ledger that it has followed"`
	Governance int64          `json:"governance"`
	Clock      canonical.Time `json:"clock"`
	Stopped    string         `json:"stopped" doc:"why it refuses burdening acts; empty if it does not"`
	Platforms  []string       `json:"platforms"`
	// Watches are the states of the watches, one for each platform.
	Watches []linkv1.WatchStatus       `json:"watches"`
	Facts   map[string][]platform.Fact `json:"facts,omitempty" doc:"what each platform's connector gives; a platform that was never reached is not there"`
	Labels  map[string][]string        `json:"labels,omitempty" doc:"the values of labels that each platform offers; a platform that was never reached is not there"`
}

// Platform is a connected platform.
type Platform struct {
	Name      string          `json:"name"`
	Connector string          `json:"connector"`
	Served    bool            `json:"served" doc:"the executor is configured for it and answers"`
	Facts     []platform.Fact `json:"facts,omitempty" doc:"what its connector promised to give when it was connected"`
	Labels    []string        `json:"labels,omitempty" doc:"the values of labels that may be set on its subjects"`
}

// Entry is a ledger entry in the form that a worker may read.
type Entry struct {
	Index  int64          `json:"index"`
	Class  string         `json:"class"`
	Number int64          `json:"number"`
	Kind   string         `json:"kind"`
	Time   canonical.Time `json:"time"`
	Data   canonical.Raw  `json:"data"`
}

// Entries is a stretch of the ledger.
type Entries struct {
	Items []Entry `json:"items"`
	Next  int64   `json:"next" doc:"value of after for the next stretch"`
}

// Body opens one leaf of the ledger.
type Body struct {
	Index int64           `json:"index"`
	Body  canonical.Raw   `json:"body" doc:"the entry, canonical JSON"`
	Salt  canonical.Bytes `json:"salt"`
}

// TierBody opens a leaf that records tiers to which rules once raised subjects, and one
// subject in it.
type TierBody struct {
	Body
	Sealed []ledger.Opening `json:"sealed" doc:"what opens the subject that was asked for"`
}

// TierBodies are the entries that name a subject, oldest first.
type TierBodies struct {
	Items []TierBody `json:"items"`
}

// Bodies are entries of the governance chain with the salts that open their leaves. They
// carry no personal field.
type Bodies struct {
	From   int64  `json:"from" doc:"number of the first governance entry asked for"`
	Next   int64  `json:"next" doc:"number to go on from; equal to from at the end"`
	Bodies []Body `json:"bodies"`
}
