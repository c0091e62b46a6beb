package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// tiersFile holds the rules about tiers, by platform.
const tiersFile = "tiers.json"

// tierRule raises a subject to a tier if its condition holds. Exactly one of the
// conditions is set; all but Always read Fact.
type tierRule struct {
	Tier    actions.Tier   `json:"tier"`
	Sort    platform.Sort  `json:"sort,omitzero"` // empty: account
	Fact    platform.Fact  `json:"fact,omitzero"`
	Present *bool          `json:"present,omitzero"`  // the fact is there and says something; only true
	Is      jsontext.Value `json:"is,omitzero"`       // the fact equals a string or a boolean
	AtLeast *int64         `json:"at_least,omitzero"` // a number not below
	AtMost  *int64         `json:"at_most,omitzero"`  // a number not above
	Always  *bool          `json:"always,omitzero"`   // every subject of the sort; only true
	Reason  string         `json:"reason"`

	id string // "tiers.PLATFORM.N"
	is any    // Is as a Go value
}

// factForm is the Go type of a fact's value.
type factForm int

const (
	formNumber factForm = iota + 1
	formTruth
	formText
)

var factForms = map[platform.Fact]factForm{
	platform.FactFollowers: formNumber,
	platform.FactCreated:   formNumber,
	platform.FactVerified:  formTruth,
	platform.FactOffice:    formText,
	platform.FactOwner:     formText,
}

func readTiers(text string, bad *problems) map[string][]tierRule {
	var byPlatform map[string][]tierRule
	if err := json.Unmarshal([]byte(text), &byPlatform, json.RejectUnknownMembers(true)); err != nil {
		bad.add(tiersFile, lineAt(text, err), "", "the file cannot be read: %s", canonical.Wrong(err))
		return nil
	}
	if byPlatform == nil {
		bad.add(tiersFile, 0, "", "the file must be an object with a list of rules for each platform")
	}
	for _, name := range slices.Sorted(maps.Keys(byPlatform)) {
		rules := byPlatform[name]
		for i := range rules {
			r := &rules[i]
			r.id = fmt.Sprintf("tiers.%s.%d", name, i+1)
			if err := r.check(); err != nil {
				bad.add(tiersFile, 0, r.id, "%v", err)
			}
		}
	}
	return byPlatform
}

// lineAt returns the line at which reading JSON failed.
func lineAt(text string, err error) int {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntactic):
		offset = syntactic.ByteOffset
	case errors.As(err, &semantic):
		offset = semantic.ByteOffset
	}
	if offset < 0 || offset > int64(len(text)) {
		return 0
	}
	return 1 + strings.Count(text[:offset], "\n")
}

func (r *tierRule) check() error {
	conditions := 0
	for _, set := range []bool{r.Present != nil, r.Is != nil, r.AtLeast != nil, r.AtMost != nil, r.Always != nil} {
		if set {
			conditions++
		}
	}
	form, known := factForms[r.Fact]
	switch {
	case r.Tier != actions.Protected && r.Tier != actions.Critical:
		return fmt.Errorf("tier is %q; a rule raises to protected or critical and never lowers", r.Tier)
	case r.Sort != "" && r.Sort != platform.Account && r.Sort != platform.Content:
		return fmt.Errorf("sort is %q; it is account or content", r.Sort)
	case conditions != 1:
		return fmt.Errorf("a rule has exactly one of present, is, at_least, at_most, always")
	case !goodSentence(r.Reason):
		return fmt.Errorf("reason must be a sentence, ending in a full stop")
	case r.Present != nil && !*r.Present, r.Always != nil && !*r.Always:
		return fmt.Errorf("present and always are true or left out: a rule that holds where something is missing could be escaped")
	case r.Always != nil && r.Fact != "":
		return fmt.Errorf("a rule for always reads no fact")
	case r.Always != nil:
		return nil
	case !known:
		return fmt.Errorf("fact %q is unknown; the facts are followers, verified, office, created", r.Fact)
	case r.Fact == platform.FactOwner:
		return fmt.Errorf("content takes its owner's tier by itself; no rule reads the owner")
	case (r.AtLeast != nil || r.AtMost != nil) && form != formNumber:
		return fmt.Errorf("%s is not a number", r.Fact)
	}
	if r.Is == nil {
		return nil
	}
	var err error
	switch form {
	case formTruth:
		var v bool
		err = json.Unmarshal(r.Is, &v)
		r.is = v
	case formText:
		var v string
		err = json.Unmarshal(r.Is, &v)
		r.is = v
		if v == "" {
			return fmt.Errorf("is an empty text; use present")
		}
	default:
		return fmt.Errorf("%s is a number; use at_least or at_most", r.Fact)
	}
	if err != nil || string(r.Is) == "null" {
		return fmt.Errorf("%s is not compared with %s", r.Fact, r.Is)
	}
	return nil
}

// Tier returns the tier that the rules give a subject, and the reasons. The caller adds
// what people raised. promised are the facts that the connector declares.
//
// owner is the state of the account that content belongs to, since content takes its
// tier. It is nil for accounts, and for content whose owner could not be read; such
// content is critical if the platform promises to name owners.
//
// Rules only raise. A promised fact that is missing or unread makes the subject critical
// (design, law 5), and so does a platform without rules: nobody has thought about it yet.
func (s *Set) Tier(name string, sort platform.Sort, st platform.State, promised []platform.Fact, owner *platform.State) (actions.Tier, []Reason) {
	rules, ok := s.tiers[name]
	if !ok {
		return actions.Critical, []Reason{{LawPlatform, "The policy has no rules about tiers for the platform " + name + ", so all its subjects are critical."}}
	}
	tier, reasons := raise(rules, sort, st, promised)
	if sort != platform.Content {
		return finish(tier, reasons)
	}
	_, has := st.Facts[platform.FactOwner]
	switch {
	case owner != nil:
		t, rs := raise(rules, platform.Account, *owner, promised)
		tier, reasons = tier.Max(t), append(reasons, rs...)
	case has || slices.Contains(promised, platform.FactOwner):
		tier = actions.Critical
		reasons = append(reasons, Reason{LawOwner, "The account that this content belongs to could not be read, so the content is critical."})
	}
	return finish(tier, reasons)
}

func finish(t actions.Tier, rs []Reason) (actions.Tier, []Reason) {
	sortReasons(rs)
	return t, slices.Compact(rs)
}

// owes says which of its promised facts a connector owes for a sort of subject: for
// content only its owner, for accounts all others.
func owes(sort platform.Sort, f platform.Fact) bool {
	return (sort == platform.Content) == (f == platform.FactOwner)
}

func raise(rules []tierRule, sort platform.Sort, st platform.State, promised []platform.Fact) (actions.Tier, []Reason) {
	tier := actions.Standard
	var reasons []Reason
	to := func(t actions.Tier, id, text string) {
		tier = tier.Max(t)
		reasons = append(reasons, Reason{id, text})
	}
	for _, r := range holding(rules, sort, st) {
		to(r.Tier, r.id, r.Reason)
	}
	for _, f := range st.Unread {
		to(actions.Critical, LawUnread, unread(f))
	}
	for _, f := range promised {
		if _, ok := st.Facts[f]; !ok && owes(sort, f) {
			to(actions.Critical, LawUnread, unread(f))
		}
	}
	for f, v := range st.Facts {
		if form, ok := factForms[f]; ok && !form.fits(v) {
			to(actions.Critical, LawUnread, unread(f))
		}
	}
	return tier, reasons
}

// holding returns the rules that hold for a subject by the facts that were read.
func holding(rules []tierRule, sort platform.Sort, st platform.State) (holding []*tierRule) {
	for i := range rules {
		r := &rules[i]
		of := r.Sort
		if of == "" {
			of = platform.Account
		}
		if of == sort && r.holds(st.Facts) {
			holding = append(holding, r)
		}
	}
	return holding
}

// Ruled returns the tier that rules give a subject by facts that were read, and the first
// rule that gives it; standard and the zero reason if none holds. A missing fact counts
// for nothing here: it makes a subject critical only for as long as it is missing. The
// owner of content is a subject of its own.
func (s *Set) Ruled(name string, sort platform.Sort, st platform.State) (actions.Tier, Reason) {
	tier, why := actions.Standard, Reason{}
	for _, r := range holding(s.tiers[name], sort, st) {
		if r.Tier.Rank() > tier.Rank() {
			tier, why = r.Tier, Reason{r.id, r.Reason}
		}
	}
	return tier, why
}

// Ranks reports whether rules about tiers can tell which accounts of a platform
// matter, given the facts that its connector promises: some rule holds always or
// reads one of these facts. Where a platform has no rules at all its subjects are
// all critical, and nothing needs telling.
func (s *Set) Ranks(name string, promised []platform.Fact) bool {
	rules, ok := s.tiers[name]
	return !ok || slices.ContainsFunc(rules, func(r tierRule) bool {
		return (r.Sort == "" || r.Sort == platform.Account) && (r.Always != nil || slices.Contains(promised, r.Fact))
	})
}

// Silent returns the rules about the accounts of a platform that can say nothing,
// since they read a fact that its connector does not promise.
func (s *Set) Silent(name string, promised []platform.Fact) []Reason {
	var silent []Reason
	for _, r := range s.tiers[name] {
		if (r.Sort == "" || r.Sort == platform.Account) && r.Always == nil && !slices.Contains(promised, r.Fact) {
			silent = append(silent, Reason{r.id, r.Reason})
		}
	}
	return silent
}

// Unranks returns the names, sorted, of the platforms whose accounts no rule of the
// set can rank, given the facts that each promised when it was connected. Those that
// before could not rank either are left out; a nil before could rank all.
func (s *Set) Unranks(before *Set, platforms ...actions.Platform) []string {
	var names []string
	for _, p := range platforms {
		if !s.Ranks(p.Name, p.Facts) && (before == nil || before.Ranks(p.Name, p.Facts)) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

func unread(f platform.Fact) string {
	return "The platform promises the fact " + string(f) + " and it could not be read, so the subject is critical."
}

func (form factForm) fits(v any) bool {
	switch form {
	case formNumber:
		_, ok := number(v)
		return ok
	case formTruth:
		_, ok := v.(bool)
		return ok
	default:
		t, ok := v.(string)
		return ok && utf8.ValidString(t)
	}
}

// number reads a whole number, also one that has been through JSON.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64:
		return int64(n), n == float64(int64(n)) && n > -1<<53 && n < 1<<53
	default:
		return 0, false
	}
}

func (r *tierRule) holds(facts map[platform.Fact]any) bool {
	if r.Always != nil {
		return true
	}
	v, ok := facts[r.Fact]
	if !ok {
		return false
	}
	n, isNumber := number(v)
	switch {
	case r.AtLeast != nil:
		return isNumber && n >= *r.AtLeast
	case r.AtMost != nil:
		return isNumber && n <= *r.AtMost
	case r.Is != nil:
		return v == r.is
	default: // present
		return v != "" && v != false
	}
}
