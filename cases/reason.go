package cases

import (
	"slices"
	"strings"
)

// Reason is why somebody reports a subject: one of the 40 tokens of the taxonomy that
// Ozone publishes as tools.ozone.report.defs, without their prefix.
type Reason string

// Group is a family of reasons. Queues choose by it.
type Group string

// The groups.
const (
	GroupViolence    Group = "violence"
	GroupSexual      Group = "sexual"
	GroupChildSafety Group = "child-safety"
	GroupHarassment  Group = "harassment"
	GroupMisleading  Group = "misleading"
	GroupRule        Group = "rule"
	GroupSelfHarm    Group = "self-harm"
	GroupOther       Group = "other"
	GroupAppeal      Group = "appeal"
)

// Groups lists them in the order of the taxonomy.
var Groups = []Group{GroupAppeal, GroupOther, GroupViolence, GroupSexual, GroupChildSafety, GroupHarassment, GroupMisleading, GroupRule, GroupSelfHarm}

// The reasons that the code itself names.
const (
	ReasonAppeal Reason = "Appeal"
	ReasonOther  Reason = "Other"
)

// taxonomy has the names of each group's reasons, and what stands before each name. The
// list is append-only: reports keep their reasons.
var taxonomy = []struct {
	group  Group
	prefix string
	names  []string
}{
	{GroupAppeal, "", []string{"Appeal"}},
	{GroupOther, "", []string{"Other"}},
	{GroupViolence, "Violence", []string{"Animal", "Threats", "GraphicContent", "Glorification", "ExtremistContent", "Trafficking", "Other"}},
	{GroupSexual, "Sexual", []string{"AbuseContent", "NCII", "Deepfake", "Animal", "Unlabeled", "Other"}},
	{GroupChildSafety, "ChildSafety", []string{"CSAM", "Groom", "Privacy", "Harassment", "Other"}},
	{GroupHarassment, "Harassment", []string{"Troll", "Targeted", "HateSpeech", "Doxxing", "Other"}},
	{GroupMisleading, "Misleading", []string{"Bot", "Impersonation", "Spam", "Scam", "Elections", "Other"}},
	{GroupRule, "Rule", []string{"SiteSecurity", "ProhibitedSales", "BanEvasion", "Other"}},
	{GroupSelfHarm, "SelfHarm", []string{"Content", "ED", "Stunts", "Substances", "Other"}},
}

// reasons lists the reasons, and groups gives the group of each.
var reasons, groups = func() ([]Reason, map[Reason]Group) {
	var all []Reason
	of := map[Reason]Group{}
	for _, t := range taxonomy {
		for _, name := range t.names {
			r := Reason(t.prefix + name)
			all = append(all, r)
			of[r] = t.group
		}
	}
	return all, of
}()

// Reasons returns the 40 reasons in the order of the taxonomy.
func Reasons() []Reason { return slices.Clone(reasons) }

// Known reports whether the reason is one of the taxonomy.
func (r Reason) Known() bool { return groups[r] != "" }

// Group returns the group of a reason; empty for a reason that is not known.
func (r Reason) Group() Group { return groups[r] }

// reasonPrefix stands before the tokens in documents of the AT protocol.
const reasonPrefix = "tools.ozone.report.defs#reason"

// ChildSafety reports whether the reason is one of child safety.
func (r Reason) ChildSafety() bool { return r.Group() == GroupChildSafety }

// reasonIn reads a token as it stands in documents of the AT protocol, or by itself.
func reasonIn(own string) (Reason, bool) {
	r := Reason(strings.TrimPrefix(own, reasonPrefix))
	return r, r.Known()
}

// Severity says how much harm a violation does. The zero value is no severity.
type Severity string

// The severities, in rising order.
const (
	Low     Severity = "low"
	Medium  Severity = "medium"
	High    Severity = "high"
	Highest Severity = "highest" // child safety and threats to life
)

// Severities lists them in rising order.
var Severities = []Severity{Low, Medium, High, Highest}

// Rank returns 1 for low up to 4 for highest, and 0 for what is no severity.
func (s Severity) Rank() int { return 1 + slices.Index(Severities, s) }

// Known reports whether s is a severity.
func (s Severity) Known() bool { return s.Rank() > 0 }

// Sources of a report: who stands behind it. A program has one fixed source.
const (
	SourcePerson         = "person"
	SourceTrustedFlagger = "trusted-flagger"
	SourceAuthority      = "authority"
	SourceProgram        = "program" // a program found it by itself
	SourceWorker         = "worker"  // a worker's own finding
)

// Sources lists them.
var Sources = []string{SourcePerson, SourceTrustedFlagger, SourceAuthority, SourceProgram, SourceWorker}

// Sort is the sort of a case.
type Sort string

// Flagged is the sort of a case in which somebody flagged a subject.
const Flagged Sort = "flagged"

// Sorts lists the sorts.
var Sorts = []Sort{Flagged}
