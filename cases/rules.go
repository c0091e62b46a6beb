// Package cases holds what people work with before they act: the reasons for which
// subjects are reported, the rules of the community with their usual measures, and the
// queues in which cases wait.
//
// It is pure. It promises that a set which it reads is complete and consistent by itself:
// each reason is judged, each measure is one of the catalogue, and each case finds a queue.
package cases

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// RulesVersion is the only version of a rule set, and RulesFile the name of its file.
const (
	RulesVersion = "countersign/rules/v1"
	RulesFile    = "rules.json"
)

// The largest numbers of things in one rule set.
const (
	MaxRules     = 1000
	MaxRetired   = 10_000
	MaxReferrals = 1000
	MaxMeasures  = 10  // of one usual answer
	MaxListed    = 100 // of keywords, of usual answers, of examples
)

// MaxDays is the longest time that a usual measure lasts.
const MaxDays = int64(actions.MaxSuspension / (24 * time.Hour))

// Texts is a text in several languages, by BCP 47 tag.
type Texts map[string]string

// In returns the text in a language, or in the nearest one that there is: "de" for
// "de-AT", then English, then the first.
func (t Texts) In(language string) string {
	for tag := language; tag != ""; {
		if text, ok := t[tag]; ok {
			return text
		}
		i := strings.LastIndexByte(tag, '-')
		tag = tag[:max(i, 0)]
	}
	if text, ok := t["en"]; ok {
		return text
	}
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		return t[tag]
	}
	return ""
}

// RuleSet is the rules of the community, with all that is judged by a table: how severe
// each reason is, which reasons a platform's own ones mean, and to whom is referred.
type RuleSet struct {
	V       string               `json:"v"`
	Rules   []Rule               `json:"rules"`   // in rising order of their numbers
	Reasons map[Reason]Judgement `json:"reasons"` // of all 40
	// Platforms gives the reason for each of a platform's own ones, by the name of the
	// platform.
	Platforms map[string]map[string]Reason `json:"platforms"`
	// Retired holds, in rising order, the numbers of the rules that are no longer in force.
	// A number in it never comes back.
	Retired   []int64    `json:"retired"`
	Referrals []Referral `json:"referrals"`
}

// Rule is one rule of the community.
type Rule struct {
	Number   int64     `json:"number"`
	Title    Texts     `json:"title"`
	Text     Texts     `json:"text"`
	Severity Severity  `json:"severity"`
	Category Category  `json:"category"`
	Keywords []Keyword `json:"keywords"`
	// Usual are the usual answers, by sort of subject and number of strikes.
	Usual []Usual `json:"usual"`
	// Reason is what the person concerned is told.
	Reason   Texts      `json:"reason"`
	For      []string   `json:"for"`     // examples of what breaks the rule
	Against  []string   `json:"against"` // examples of what looks like it and does not
	Evidence []Evidence `json:"evidence"`
	// Looks is the share of the verdicts under the rule, in thousandths, that a second person judges
	// again without knowing it; 0: FloorShare.
	Looks int64 `json:"looks,omitzero"`
}

// Usual is the usual answer to a violation by a subject of a sort whose account has this
// many strikes or more under the rule.
type Usual struct {
	Sort     platform.Sort `json:"sort"`
	Strikes  int64         `json:"strikes"`
	Measures []Measure     `json:"measures"`
}

// Measure is a measure that a rule asks for.
type Measure struct {
	Kind  actions.Kind `json:"kind"`
	Value string       `json:"value,omitzero"` // of a label
	Days  int64        `json:"days,omitzero"`  // until it ends; 0: it does not
	Owner bool         `json:"owner,omitzero"` // of content: the measure is on its owner's account
}

// Evidence is a sort of evidence that is kept of a violation.
type Evidence string

// Evidences lists the sorts of evidence.
var Evidences = []Evidence{"text", "profile", "thread", "pictures"}

// Judgement is how a reason is judged before anybody has looked.
type Judgement struct {
	Severity Severity  `json:"severity"`
	Category Category  `json:"category"`
	Keywords []Keyword `json:"keywords,omitzero"`
}

// Referral is somebody to whom cases are referred: a hotline, the police, an emergency
// contact.
type Referral struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	To    string `json:"to"`    // the address: of mail, a page, or a telephone
	About string `json:"about"` // what is referred there
}

// Rule returns the rule with a number.
func (s *RuleSet) Rule(number int64) (*Rule, bool) {
	i, ok := slices.BinarySearchFunc(s.Rules, number, func(r Rule, n int64) int { return cmp.Compare(r.Number, n) })
	if !ok {
		return nil, false
	}
	return &s.Rules[i], true
}

func (s *RuleSet) has(number int64) bool {
	_, ok := s.Rule(number)
	return ok
}

// Withdrawn reports whether the rule with this number was in force once and is no longer.
func (s *RuleSet) Withdrawn(number int64) bool {
	_, ok := slices.BinarySearch(s.Retired, number)
	return ok
}

// Judged returns how the set judges a reason. A reason that is not known is judged as the
// reason "Other" is.
func (s *RuleSet) Judged(r Reason) Judgement {
	if j, ok := s.Reasons[r]; ok {
		return j
	}
	return s.Reasons[ReasonOther]
}

// Severity returns the severity of the most severe of several reasons; empty for none.
func (s *RuleSet) Severity(reasons []Reason) Severity {
	var most Severity
	for _, r := range reasons {
		if of := s.Judged(r).Severity; of.Rank() > most.Rank() {
			most = of
		}
	}
	return most
}

// ReasonOf returns the reason that a platform's own one means: by the table for the
// platform, or because it is a token of the taxonomy already. ok is false if the set does
// not know it.
func (s *RuleSet) ReasonOf(platform, own string) (r Reason, ok bool) {
	if r, ok := s.Platforms[platform][own]; ok {
		return r, true
	}
	if r, ok := reasonIn(own); ok {
		return r, true
	}
	return "", false
}

// Referral returns the referral with an identifier.
func (s *RuleSet) Referral(id string) (Referral, bool) {
	i := slices.IndexFunc(s.Referrals, func(r Referral) bool { return r.ID == id })
	if i < 0 {
		return Referral{}, false
	}
	return s.Referrals[i], true
}

// TextDigest names the rule as people were told it: its number, severity, title and text.
// A rule for which one of them changes gets another number.
func (r *Rule) TextDigest() canonical.Digest {
	return canonical.DigestOf(struct {
		Number   int64    `json:"number"`
		Severity Severity `json:"severity"`
		Text     Texts    `json:"text"`
		Title    Texts    `json:"title"`
		V        string   `json:"v"`
	}{r.Number, r.Severity, r.Text, r.Title, "countersign/rule/v1"})
}

// Named returns the rule as actions name it.
func (r *Rule) Named() actions.Rule { return actions.Rule{Number: r.Number, Text: r.TextDigest()} }

// UsualFor returns the usual measures against a sort of subject whose account has this many
// strikes under the rule; nil if the rule has none for the sort.
func (r *Rule) UsualFor(sort platform.Sort, strikes int64) []Measure {
	var found []Measure
	for _, u := range r.Usual { // in rising order of strikes for each sort
		if u.Sort == sort && u.Strikes <= strikes {
			found = u.Measures
		}
	}
	return found
}

// On returns the sort of subject that the measure is on, for a case about a sort of
// subject.
func (m Measure) On(sort platform.Sort) platform.Sort {
	if m.Owner {
		return platform.Account
	}
	return sort
}

// ParseRules reads a rule set. The error is a fault of type "bad-rules" with a detail for
// each thing wrong, which names the file, the line and what to do.
func ParseRules(text string) (*RuleSet, error) {
	f := &file{name: RulesFile, typ: "bad-rules", text: text}
	s := &RuleSet{}
	if f.read(s) {
		s.check(f)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

var (
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	nameForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
)

func (s *RuleSet) check(f *file) {
	if s.V != RulesVersion {
		f.wrong("/v", "", "the version is %q; write %q", s.V, RulesVersion)
	}
	if len(s.Rules) == 0 || len(s.Rules) > MaxRules {
		f.wrong("/rules", "", "there are %d rules; a set has 1 to %d", len(s.Rules), MaxRules)
		return
	}
	if len(s.Retired) > MaxRetired || len(s.Referrals) > MaxReferrals {
		f.wrong("/retired", "", "there are %d retired numbers and %d referrals; a set has at most %d and %d", len(s.Retired), len(s.Referrals), MaxRetired, MaxReferrals)
		return
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		at := element("/rules", i)
		switch {
		case r.Number < 1 || r.Number > 1_000_000:
			f.wrong(at, fmt.Sprintf("rule %d", r.Number), "the number of a rule is from 1 to 1000000")
		case i > 0 && r.Number <= s.Rules[i-1].Number:
			f.wrong(at, fmt.Sprintf("rule %d", r.Number), "rules stand in rising order of their numbers, each number once; it follows rule %d", s.Rules[i-1].Number)
		case slices.Contains(s.Retired, r.Number):
			f.wrong(at, fmt.Sprintf("rule %d", r.Number), "the number is retired, and a retired number never comes back; give the rule a new number")
		}
		r.check(f, at)
	}
	for i, n := range s.Retired {
		if n < 1 || i > 0 && n <= s.Retired[i-1] {
			f.wrong(element("/retired", i), "", "retired numbers are positive and stand in rising order, each once")
		}
	}
	s.checkReasons(f)
	for _, name := range slices.Sorted(maps.Keys(s.Platforms)) {
		at := member("/platforms", name)
		if !nameForm.MatchString(name) {
			f.wrong(at, "", "%q is not the name of a platform", name)
		}
		for _, own := range slices.Sorted(maps.Keys(s.Platforms[name])) {
			if r := s.Platforms[name][own]; !r.Known() {
				f.wrong(member(at, own), "", "%q is none of the 40 reasons; see the member reasons for them", r)
			}
			f.prose(member(at, own), "", "The platform's own reason", own, true)
		}
	}
	seen := map[string]bool{}
	for i, r := range s.Referrals {
		at := element("/referrals", i)
		if !nameForm.MatchString(r.ID) || seen[r.ID] {
			f.wrong(at, "", "the id of a referral is 1 to 32 lower-case letters, digits and dashes, and occurs once; %q is not", r.ID)
		}
		seen[r.ID] = true
		f.prose(at, "", "The name of a referral", r.Name, true)
		f.prose(at, "", "The address of a referral", r.To, true)
		f.prose(at, "", "The word about a referral", r.About, true)
	}
}

func (s *RuleSet) checkReasons(f *file) {
	for _, r := range reasons {
		if _, ok := s.Reasons[r]; !ok {
			f.wrong("/reasons", "", "the reason %s is missing; all 40 are judged", r)
		}
	}
	for _, r := range slices.Sorted(maps.Keys(s.Reasons)) {
		at, j := member("/reasons", string(r)), s.Reasons[r]
		if !r.Known() {
			f.wrong(at, "", "%q is none of the 40 reasons; leave it out", r)
		}
		judged(f, at, "reason "+string(r), j.Severity, j.Category, j.Keywords)
	}
}

// tooMany refuses a list that is too long, before anything compares its elements.
func tooMany(f *file, at jsontext.Pointer, about string, n int) bool {
	if n > MaxListed {
		f.wrong(at, about, "there are %d of these; there may be %d", n, MaxListed)
	}
	return n > MaxListed
}

// judged checks what a rule and a reason have in common.
func judged(f *file, at jsontext.Pointer, about string, s Severity, c Category, keywords []Keyword) {
	if !s.Known() {
		f.wrong(member(at, "severity"), about, "the severity is %q; it is low, medium, high or highest", s)
	}
	if !c.Known() {
		f.wrong(member(at, "category"), about, "%q is no category of the transparency database; write one such as STATEMENT_CATEGORY_VIOLENCE", c)
	}
	if tooMany(f, member(at, "keywords"), about, len(keywords)) {
		return
	}
	for i, k := range keywords {
		switch {
		case !k.Known():
			f.wrong(element(member(at, "keywords"), i), about, "%q is no keyword of the transparency database; write one such as KEYWORD_HATE_SPEECH, or leave it out", k)
		case slices.Contains(keywords[:i], k):
			f.wrong(element(member(at, "keywords"), i), about, "the keyword %s is there twice", k)
		}
	}
}

func (r *Rule) check(f *file, at jsontext.Pointer) {
	about := fmt.Sprintf("rule %d", r.Number)
	judged(f, at, about, r.Severity, r.Category, r.Keywords)
	texts(f, member(at, "title"), about, "title", r.Title, true)
	texts(f, member(at, "text"), about, "text", r.Text, false)
	texts(f, member(at, "reason"), about, "reason", r.Reason, false)
	for _, tag := range slices.Sorted(maps.Keys(r.Title)) {
		if _, ok := r.Text[tag]; !ok {
			f.wrong(member(at, "text"), about, "the text is missing in the language %s, in which there is a title", tag)
		}
	}
	for _, list := range []struct {
		name string
		of   []string
	}{{"for", r.For}, {"against", r.Against}} {
		if tooMany(f, member(at, list.name), about, len(list.of)) {
			continue
		}
		if len(list.of) == 0 {
			f.wrong(at, about, "there are no examples in %q; give at least one, so that people judge alike", list.name)
		}
		for i, text := range list.of {
			f.prose(element(member(at, list.name), i), about, "An example", text, false)
		}
	}
	for i, e := range r.Evidence[:min(len(r.Evidence), len(Evidences)+1)] { // one more is there twice, or is none
		if !slices.Contains(Evidences, e) || slices.Contains(r.Evidence[:i], e) {
			f.wrong(element(member(at, "evidence"), i), about, "evidence is of text, profile, thread and pictures, each once; %q is not", e)
		}
	}
	if len(r.Evidence) == 0 {
		f.wrong(at, about, "no evidence is kept; name at least one of text, profile, thread and pictures")
	}
	if r.Looks != 0 && (r.Looks < FloorShare || r.Looks > AllShare) {
		f.wrong(member(at, "looks"), about, "%d thousandths of the verdicts are looked at again; write %d to %d, or leave it out for %[2]d", r.Looks, FloorShare, AllShare)
	}
	r.checkUsual(f, at, about)
}

// texts checks a text in several languages.
func texts(f *file, at jsontext.Pointer, about, what string, t Texts, oneLine bool) {
	if len(t) == 0 {
		f.wrong(at, about, "the %s is missing; give it in at least one language, such as {\"en\": \"…\"}", what)
	}
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		if !languageForm.MatchString(tag) {
			f.wrong(member(at, tag), about, "%q is no language; write a BCP 47 tag such as en or de", tag)
		}
		f.prose(member(at, tag), about, "The "+what, t[tag], oneLine)
	}
}

func (r *Rule) checkUsual(f *file, at jsontext.Pointer, about string) {
	if tooMany(f, member(at, "usual"), about, len(r.Usual)) {
		return
	}
	last := map[platform.Sort]int64{}
	for i, u := range r.Usual {
		at := element(member(at, "usual"), i)
		before, seen := last[u.Sort]
		switch {
		case u.Sort != platform.Account && u.Sort != platform.Content:
			f.wrong(member(at, "sort"), about, "the sort is %q; it is account or content", u.Sort)
		case !seen && u.Strikes != 0:
			f.wrong(member(at, "strikes"), about, "the first usual answer for %s counts from 0 strikes", u.Sort.Noun())
		case seen && u.Strikes <= before:
			f.wrong(member(at, "strikes"), about, "the usual answers for %s stand in rising order of strikes, each number once", u.Sort.Noun())
		case len(u.Measures) == 0 || len(u.Measures) > MaxMeasures:
			f.wrong(at, about, "there are %d measures; a usual answer has 1 to %d", len(u.Measures), MaxMeasures)
		}
		last[u.Sort] = u.Strikes
		for k, m := range u.Measures[:min(len(u.Measures), MaxMeasures)] {
			at := element(member(at, "measures"), k)
			if slices.Contains(u.Measures[:k], m) {
				f.wrong(at, about, "the measure %s is there twice", m.Kind)
			}
			m.check(f, at, about, u.Sort)
		}
	}
	for _, sort := range []platform.Sort{platform.Account, platform.Content} {
		if _, ok := last[sort]; !ok {
			f.wrong(member(at, "usual"), about, "there is no usual answer for %s; give one from 0 strikes", sort.Noun())
		}
	}
}

func (m Measure) check(f *file, at jsontext.Pointer, about string, sort platform.Sort) {
	spec, ok := actions.SpecOf(m.Kind)
	if !ok || spec.Desk || spec.Direction != actions.Burdening || spec.Emergency {
		f.wrong(member(at, "kind"), about, "%q is no measure; write one such as content.remove or account.warn", m.Kind)
		return
	}
	switch {
	case m.Owner && sort != platform.Content:
		f.wrong(at, about, "only content has an owner; leave the member owner out")
	case spec.Sort != m.On(sort):
		f.wrong(at, about, "%s is a measure on %s, and this one would be on %s; for the account of content's owner say \"owner\": true", m.Kind, spec.Sort.Noun(), m.On(sort).Noun())
	}
	if _, err := spec.Layer(m.Value); err != nil {
		f.wrong(at, about, "%s has the value %q; a label has a value such as spam, and other measures have none", m.Kind, m.Value)
	}
	switch {
	case m.Days < 0 || m.Days > MaxDays:
		f.wrong(member(at, "days"), about, "a measure lasts for 1 to %d days; without an end leave the member days out", MaxDays)
	case spec.Timed && m.Days == 0:
		f.wrong(at, about, "%s needs an end; give days", m.Kind)
	case m.Days > 0 && !spec.Timed && !spec.MayEnd:
		f.wrong(member(at, "days"), about, "%s has no end; leave the member days out", m.Kind)
	}
}

// strengths orders measures by how much they take away; a label is a warning to others, and
// a limit still lets everybody read who looks.
var strengths = []actions.Kind{actions.AccountWarn, actions.ContentLabel, actions.AccountLabel, actions.ContentLimit, actions.AccountLimit,
	actions.AccountSuspend, actions.AccountDeactivate, actions.ContentRemove, actions.AccountTakedown, actions.AccountDelete}

// Less reports whether measures are less than the usual ones: on the subject itself, or on
// the account of content's owner, the strongest of them is weaker, or is as strong and ends
// earlier.
func Less(given, usual []Measure) bool {
	for _, owner := range []bool{false, true} {
		g, gDays := strongest(given, owner)
		u, uDays := strongest(usual, owner)
		if g < u || g == u && gDays < uDays {
			return true
		}
	}
	return false
}

// Milder reports whether measures are less than what is usual for a reason of the highest severity
// among those that are given: less than the usual measures of every rule of that severity that is
// about the reason's category. Where no rule is, nothing is known to be usual.
func (s *RuleSet) Milder(reasons []Reason, given []Measure, sort platform.Sort, strikes map[int64]int64) bool {
	return slices.ContainsFunc(reasons, func(r Reason) bool {
		j := s.Judged(r)
		if j.Severity != Highest {
			return false
		}
		some, enough := false, false
		for i := range s.Rules {
			rule := &s.Rules[i]
			if rule.Severity == Highest && rule.Category == j.Category {
				some = true
				enough = enough || !Less(given, rule.UsualFor(sort, strikes[rule.Number]))
			}
		}
		return some && !enough
	})
}

// strongest returns the place of the strongest measure among strengths, -1 without one, and
// how many days it lasts.
func strongest(all []Measure, owner bool) (most int, days int64) {
	most = -1
	for _, m := range all {
		if m.Owner != owner {
			continue
		}
		lasts := m.Days
		if lasts == 0 {
			lasts = MaxDays + 1 // it does not end
		}
		switch i := slices.Index(strengths, m.Kind); {
		case i < 0: // no measure
		case i > most:
			most, days = i, lasts
		case i == most:
			days = max(days, lasts)
		}
	}
	return most, days
}
