package cases

import (
	"fmt"
	"slices"
)

// ParseRulesAfter reads a rule set that is to take the place of another one; nil: there is
// none. A number means one text for ever, since decisions and actions name rules by it: a
// rule whose title, text or severity changed has a new number, and the old one is retired.
// Errors are as those of ParseRules.
func ParseRulesAfter(text string, before *RuleSet) (*RuleSet, error) {
	s, err := ParseRules(text)
	if err != nil || before == nil {
		return s, err
	}
	f := &file{name: RulesFile, typ: "bad-rules", text: text}
	free := s.nextNumber(before)
	for i := range before.Rules {
		was := &before.Rules[i]
		about := fmt.Sprintf("rule %d", was.Number)
		k := slices.IndexFunc(s.Rules, func(r Rule) bool { return r.Number == was.Number })
		switch {
		case k >= 0 && s.Rules[k].TextDigest() != was.TextDigest():
			what := changedIn(was, &s.Rules[k])
			f.wrong(member(element("/rules", k), what), about, "its %s is another one than in the set in force; a changed rule is a new rule: give it the number %d, and put %d into retired", what, free, was.Number)
		case k < 0 && !slices.Contains(s.Retired, was.Number):
			f.wrong("/retired", about, "it is in force and left out here; put its number into retired, so that it never comes back")
		}
	}
	for _, n := range before.Retired {
		if k := slices.IndexFunc(s.Rules, func(r Rule) bool { return r.Number == n }); k >= 0 {
			f.wrong(element("/rules", k), fmt.Sprintf("rule %d", n), "the number was retired, and a retired number never comes back; give the rule the number %d, and put %d into retired again", free, n)
		} else if !slices.Contains(s.Retired, n) {
			f.wrong("/retired", fmt.Sprintf("rule %d", n), "the number is retired in the set in force; put it into retired here as well, so that it never comes back")
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// changedIn says what of a rule's identity differs.
func changedIn(was, is *Rule) string {
	same := *was
	switch {
	case was.Severity != is.Severity:
		return "severity"
	case func() bool { same.Title = is.Title; return same.TextDigest() != was.TextDigest() }():
		return "title"
	}
	return "text"
}

// nextNumber returns a number that neither set has used.
func (s *RuleSet) nextNumber(before *RuleSet) int64 {
	var most int64
	for _, set := range []*RuleSet{s, before} {
		for _, r := range set.Rules {
			most = max(most, r.Number)
		}
		for _, n := range set.Retired {
			most = max(most, n)
		}
	}
	return most + 1
}

// Lacks returns the queues' keys that choose a rule which the rule set does not have, in
// words for a person; empty if there are none.
func (s *QueueSet) Lacks(rules *RuleSet) []string {
	var all []string
	for i := range s.Queues {
		for _, digit := range s.Queues[i].digits() {
			if n := s.Queues[i].Digits[digit]; !rules.has(n) {
				all = append(all, fmt.Sprintf("the key %s of the queue %s chooses rule %d", digit, s.Queues[i].Name, n))
			}
		}
	}
	return all
}
