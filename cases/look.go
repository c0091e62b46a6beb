package cases

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Prefixes of the identifiers of looks and of calibrations.
const (
	LookPrefix        = "lok"
	CalibrationPrefix = "cal"
)

// LookKind says why a decided case is judged again (casework, law 14 and section 5).
type LookKind string

// The kinds.
const (
	SecondLook  LookKind = "second"
	Calibration LookKind = "calibration"
)

// The shares of verdicts that are judged again, in thousandths. A rule may have more than the floor,
// and never less. Own findings are all judged again where FivePeople work, and else OwnAlone.
const (
	FloorShare = 30
	AllShare   = 1000
	OwnAlone   = 100
)

// FivePeople is the number of people at work from which on each person has at least one look a day at
// what they buried, and a second looker is of another line.
const FivePeople = 5

// DisputeFor is how long somebody whose verdict was found wrong may answer.
const DisputeFor = 7 * 24 * time.Hour

// MaxCalibrated is the largest number of cases of a calibration, and MaxCalibrators of the people who
// judge them.
const (
	MaxCalibrated  = 30
	MaxCalibrators = 50
)

// LookShare returns the share, in thousandths, of such verdicts that are judged again: that of the rule
// under which it is, or, of a verdict without a rule, the largest of the rules about what was reported (of all, if none is),
// since a violation of one of these may be what it missed. own says that whoever decided also opened the
// case, and five that FivePeople are at work.
func (s *RuleSet) LookShare(number int64, reasons []Reason, own, five bool) int64 {
	if own && five {
		return AllShare
	}
	share := int64(FloorShare)
	if own {
		share = OwnAlone
	}
	largest, some := share, false
	for i := range s.Rules {
		r := &s.Rules[i]
		largest = max(largest, r.Looks)
		if number == r.Number || number == 0 && slices.ContainsFunc(reasons, func(about Reason) bool { return s.Judged(about).Category == r.Category }) {
			share, some = max(share, r.Looks), true
		}
	}
	if number == 0 && !some { // it may have missed a violation of any of them
		return largest
	}
	return share
}

// LookNumber returns the number by which a decision is drawn: HMAC-SHA256 of its digest under a secret
// of the desk. The decider signs the digest before the desk knows it, and lacks the secret, so that
// nobody can tell before or after the decision whether it is looked at. Somebody who edits the
// database lacks the secret as well, and cannot make another digest that the decider has signed. use keeps
// the numbers of different draws apart.
func LookNumber(secret []byte, use string, decision canonical.Digest) uint64 {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("countersign/look/v1\n" + use + "\n"))
	h.Write(decision[:])
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// LookSecret returns the key of draws and of the seals of looks, from the secret under which a desk keeps
// accounts.
func LookSecret(own []byte) []byte {
	h := hmac.New(sha256.New, own)
	h.Write([]byte("countersign/look-secret/v1"))
	return h.Sum(nil)
}

// SealLook authenticates a body that a desk stores about looks, under the key of LookSecret.
func SealLook(secret, body []byte) canonical.Digest {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("countersign/look-body/v1\n"))
	h.Write(body)
	return canonical.Digest(h.Sum(nil))
}

// Drawn reports whether a number is within a share in thousandths.
func Drawn(number uint64, share int64) bool {
	if share >= AllShare {
		return true
	}
	return number < uint64(share)*(1<<63/500)
}

// LookChances returns how likely each of the buried decisions of somebody's day was to be looked at, in
// millionths, from the shares by which they were drawn: one is looked at if its own draw says so or, if
// no draw of the day does, if it is the one that is chosen among all of them.
func LookChances(shares []int64) []int64 {
	none := 1.0
	for _, s := range shares {
		none *= 1 - float64(min(s, AllShare))/AllShare
	}
	out := make([]int64, len(shares))
	for i, s := range shares {
		out[i] = int64((float64(min(s, AllShare))/AllShare+none/float64(len(shares)))*1e6 + 0.5)
	}
	return out
}

// Difference is how a second verdict differs from the first.
type Difference string

// The differences.
const (
	Agrees       Difference = "agrees"
	Missed       Difference = "missed"        // the second found a violation, and the first none
	WronglyFound Difference = "wrongly-found" // the first found a violation, and the second none
	WrongRule    Difference = "wrong-rule"    // both found one, of different rules
	// Technical: both found one of the same rule, and differ in its measures or in the language; or both
	// found none, and differ in what it is instead, or in the language.
	Technical Difference = "technical"
)

// Differences are all kinds of difference, the most severe first.
var Differences = []Difference{Missed, WronglyFound, WrongRule, Technical}

// Found is what somebody found, as far as two such verdicts are compared.
type Found struct {
	Verdict  actions.CaseVerdict `json:"verdict"`
	Rule     int64               `json:"rule"`
	Language string              `json:"language"`
	Measures []string            `json:"measures"` // kind, value, on what and for how many days; sorted
}

// DiffersFrom says how a second verdict differs from this one.
func (f Found) DiffersFrom(second Found) Difference {
	was, is := f.Verdict == actions.CaseViolation, second.Verdict == actions.CaseViolation
	switch {
	case !was && is:
		return Missed
	case was && !is:
		return WronglyFound
	case was && f.Rule != second.Rule:
		return WrongRule
	case f.Verdict != second.Verdict, f.Language != second.Language, was && !slices.Equal(f.Measures, second.Measures):
		return Technical
	}
	return Agrees
}

// Wrong says whose verdict a lead found to be wrong.
type Wrong string

// The answers.
const (
	WrongFirst   Wrong = "first"
	WrongSecond  Wrong = "second"
	WrongBoth    Wrong = "both"
	WrongNeither Wrong = "neither" // both may be held
)

// Valid reports whether it is one of the answers.
func (w Wrong) Valid() bool {
	return w == WrongFirst || w == WrongSecond || w == WrongBoth || w == WrongNeither
}

// Blames reports whether the answer finds the first verdict, or the second, wrong.
func (w Wrong) Blames(first bool) bool {
	return w == WrongBoth || first && w == WrongFirst || !first && w == WrongSecond
}

// LookState is the state of a look.
type LookState string

// The states.
const (
	LookDrawn   LookState = "drawn"   // its copy is still to be made
	LookWaiting LookState = "waiting" // somebody judges its copy
	LookJudged  LookState = "judged"
	LookVoid    LookState = "void" // the decision was taken back, or the copy cannot be judged
)

// Look is a decided case that is judged again.
type Look struct {
	ID          string
	Kind        LookKind
	State       LookState
	Decision    string
	Case        string
	Copy        string             // the case that is judged; empty: not made yet
	Worker      workforce.WorkerID // who decided first
	Vendor      workforce.VendorID
	Verdict     actions.CaseVerdict
	Rule        int64
	Queue       string
	Day         int64 // of the decision: days since 1970
	Buried      bool
	Chance      int64 // millionths: how likely the decision was to be chosen
	Why         string
	Calibration string             // empty: a second look
	Only        workforce.WorkerID // who alone may judge it; empty: whoever is independent
	Drawn       canonical.Time
	Copied      canonical.Time
	Judged      canonical.Time
}

// Seal authenticates what nobody changes in a look once it is drawn.
func (l Look) Seal(secret []byte) canonical.Digest {
	h := hmac.New(sha256.New, secret)
	h.Write(canonical.MustMarshal([]string{"countersign/look-seal/v1", l.ID, string(l.Kind), l.Decision, l.Case, string(l.Worker), string(l.Vendor), string(l.Verdict), l.Calibration, string(l.Only)}))
	return canonical.Digest(h.Sum(nil))
}

// MaxChance is the chance of what is chosen for certain, in millionths.
const MaxChance = 1_000_000

// Weight returns how many decisions one look stands for.
func (l Look) Weight() float64 {
	if l.Chance <= 0 {
		return 1
	}
	return MaxChance / float64(l.Chance)
}

// LookOrder is the text of a deed about a look: what a lead says of a difference, or what is answered.
type LookOrder struct {
	Why   string `json:"why"`
	Wrong Wrong  `json:"wrong,omitzero"` // of a settlement
}

// Text returns the order as a deed's text: canonical JSON.
func (o LookOrder) Text() string { return string(canonical.MustMarshal(o)) }

// ParseLookOrder reads the text of a deed about a look.
func ParseLookOrder(text string) (o LookOrder, err error) {
	if err := canonical.UnmarshalExact([]byte(text), &o); err != nil {
		return o, fault.New(fault.Invalid, "bad-deed", "The order is not in canonical form: %v.", err)
	}
	return o, nil
}

// CalibrationOrder is the text of a deed that makes or closes a calibration.
type CalibrationOrder struct {
	Decisions []string             `json:"decisions,omitempty"` // that are judged again, each once
	People    []workforce.WorkerID `json:"people,omitempty"`    // who judge them, sorted
	Result    string               `json:"result,omitzero"`     // of the talk that closed it
	Title     string               `json:"title,omitzero"`
}

// Text returns the order as a deed's text: canonical JSON.
func (o CalibrationOrder) Text() string { return string(canonical.MustMarshal(o)) }

// ParseCalibrationOrder reads the text of a deed about a calibration.
func ParseCalibrationOrder(text string) (o CalibrationOrder, err error) {
	if err := canonical.UnmarshalExact([]byte(text), &o); err != nil {
		return o, fault.New(fault.Invalid, "bad-deed", "The order is not in canonical form: %v.", err)
	}
	return o, nil
}
