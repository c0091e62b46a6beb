package actions

import (
	"regexp"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// DecisionVersion is the only version of Decision.
const DecisionVersion = "countersign/decision/v1"

// The largest numbers of things in one decision. A warrant carries its decision, so that
// each of them is bounded.
const (
	MaxMeasures = 50
	MaxOpened   = 200
	MaxScores   = 100
)

// MaxScoreName is the largest length, in bytes, of the name of a score or of its program.
const MaxScoreName = 200

// MaxVersion is the largest version of a case, and the largest number of a claim: the
// largest integer up to which every number has a canonical form of its own (RFC 8785,
// section 3.2.2.3). So the version after the newest one can always be written.
const MaxVersion = 1<<53 - 1

// CaseVerdict is the verdict of a decision on a case.
type CaseVerdict string

// The verdicts.
const (
	CaseNoViolation CaseVerdict = "no-violation"
	CaseViolation   CaseVerdict = "violation" // of a rule; the only one with measures
	CaseDuplicate   CaseVerdict = "duplicate"
	CaseNotForUs    CaseVerdict = "not-for-us"
	CaseNeedMore    CaseVerdict = "need-more"
)

// Decision is a person's verdict on a case. A statement with the verdict decide signs its
// digest. Each measure is an action of its own, whose statement names the decision.
type Decision struct {
	Case     string           `json:"case"`     // identifier of the case
	Claim    int64            `json:"claim"`    // number of the claim under which it was decided; 0: without a claim
	Evidence canonical.Digest `json:"evidence"` // of the stored document that was shown; empty: none was
	Language string           `json:"language"` // of the content: a BCP 47 tag, or "und"
	// Measures are the digests of the actions that the decision asks for, in its order.
	Measures []canonical.Digest `json:"measures"`
	Nonce    canonical.Bytes    `json:"nonce"`   // 32 random bytes
	Opened   []canonical.Digest `json:"opened"`  // of the media that were unveiled, sorted
	Reasons  canonical.Digest   `json:"reasons"` // the commitment of the sealed field that holds the reasons
	Rule     DecidedRule        `json:"rule"`    // empty where no rule is named
	Scores   []Score            `json:"scores"`  // the scores that were shown, sorted by program and name
	Subject  platform.Subject   `json:"subject"`
	V        string             `json:"v"`
	Verdict  CaseVerdict        `json:"verdict"`
	Version  int64              `json:"version"` // of the case, as it was shown
}

// DecidedRule names a rule with the digests of its text and of its set.
type DecidedRule struct {
	Number int64            `json:"number"`
	Set    canonical.Digest `json:"set"`
	Text   canonical.Digest `json:"text"`
}

// Rule returns the rule as an action names it.
func (r DecidedRule) Rule() Rule { return Rule{Number: r.Number, Text: r.Text} }

// Score is a program's score of the subject, in millionths.
type Score struct {
	Name    string `json:"name"`
	Program string `json:"program"`
	Value   int64  `json:"value"`
}

// Digest names the decision in statements.
func (d Decision) Digest() canonical.Digest { return canonical.DigestOf(d) }

var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// Check reports whether the decision is well formed by itself. Errors are faults of type
// "bad-decision".
func (d Decision) Check() error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "bad-decision", "The decision is not well formed: %s.", what)
	}
	distinct := func(all []canonical.Digest) bool {
		seen := map[canonical.Digest]bool{}
		for _, one := range all {
			if one.IsZero() || seen[one] {
				return false
			}
			seen[one] = true
		}
		return true
	}
	switch {
	case d.V != DecisionVersion:
		return bad("its version is not " + DecisionVersion)
	case d.Case == "" || !goodText(d.Case):
		return bad("it names no case")
	case d.Version < 1 || d.Version > MaxVersion || d.Claim < 0 || d.Claim > MaxVersion:
		return bad("the version of a case is at least 1, the number of a claim at least 0, and both are below 2^53")
	case d.Subject.Platform == "" || d.Subject.ID == "" || d.Subject.Platform == DeskPlatform:
		return bad("its subject is not resolved")
	case !goodText(d.Subject.ID) || !goodText(d.Subject.Handle):
		return bad("its subject is not plain text")
	case len(d.Nonce) != 32 || d.Reasons.IsZero():
		return bad("its nonce is not 32 bytes, or its reasons are not sealed")
	case !languageTag.MatchString(d.Language):
		return bad("its language is no BCP 47 tag")
	case !slices.Contains([]CaseVerdict{CaseNoViolation, CaseViolation, CaseDuplicate, CaseNotForUs, CaseNeedMore}, d.Verdict):
		return bad("its verdict is none of no-violation, violation, duplicate, not-for-us, need-more")
	case len(d.Measures) > MaxMeasures || len(d.Measures) > 0 && d.Verdict != CaseViolation || !distinct(d.Measures):
		return bad("only a violation has measures, at most 50, each once")
	case d.Rule != (DecidedRule{}) && (d.Rule.Number < 1 || d.Rule.Text.IsZero() || d.Rule.Set.IsZero()):
		return bad("a rule is named by its number and the digests of its text and its set")
	case len(d.Opened) > MaxOpened || !distinct(d.Opened) || !slices.IsSortedFunc(d.Opened, func(a, b canonical.Digest) int { return slices.Compare(a[:], b[:]) }):
		return bad("the media that were unveiled are sorted, at most 200, each once")
	case len(d.Scores) > MaxScores:
		return bad("it has more than 100 scores")
	}
	named := func(name string) bool {
		return name != "" && len(name) <= MaxScoreName && goodText(name) && !strings.Contains(name, "\n")
	}
	for i, s := range d.Scores {
		if !named(s.Program) || !named(s.Name) {
			return bad("a score and its program are named by one line of plain text, of at most 200 bytes")
		}
		if i > 0 && slices.Compare([]string{d.Scores[i-1].Program, d.Scores[i-1].Name}, []string{s.Program, s.Name}) >= 0 {
			return bad("the scores are sorted by program and name, each once")
		}
	}
	return nil
}

// SignedDecision is a decision with the statement that signs it.
type SignedDecision struct {
	Decision Decision `json:"decision"`
	Signed   Signed   `json:"signed"`
}
