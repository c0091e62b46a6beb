package wording

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"countersign.dev/cases"
	"countersign.dev/platform"
)

// This file says what a rule set, a queue set or a list of hashes changes against the one in
// force. The sets come from texts whose digests are signed; what is shown of them comes from
// outside, and whoever prints the lines shows them as such.

// RulesBefore says rule by rule, and reason by reason, what a rule set changes; nil: none is
// in force. What makes reports wait longer, or makes them end with less, is said first.
func RulesBefore(old, fresh *cases.RuleSet) []string {
	if old == nil {
		lines := []string{"No rule set is in force until now. This one has:"}
		for i := range fresh.Rules {
			lines = append(lines, "  "+ruleLine(&fresh.Rules[i]))
		}
		return lines
	}
	lines := []string{"What changes of the rules:"}
	lines = append(lines, buries(old, fresh)...)
	for i := range old.Rules {
		was := &old.Rules[i]
		if is, ok := fresh.Rule(was.Number); ok {
			lines = append(lines, ruleChanges(was, is)...)
		} else {
			lines = append(lines, "  retired: "+ruleLine(was))
		}
	}
	for i := range fresh.Rules {
		if _, ok := old.Rule(fresh.Rules[i].Number); !ok {
			lines = append(lines, newRule(&fresh.Rules[i])...)
		}
	}
	lines = append(lines, reasonChanges(old, fresh)...)
	lines = append(lines, referralChanges(old, fresh)...)
	for _, n := range fresh.Retired {
		if _, was := old.Rule(n); !was && !old.Withdrawn(n) {
			lines = append(lines, fmt.Sprintf("  number %d is retired, and no rule had it", n))
		}
	}
	return orNothingChanges(lines)
}

func ruleLine(r *cases.Rule) string {
	return fmt.Sprintf("rule %d, %s, of severity %s", r.Number, r.Title.In("en"), r.Severity)
}

// newRule says what a rule is that was not there before.
func newRule(r *cases.Rule) []string {
	lines := []string{"  new: " + ruleLine(r)}
	for _, u := range r.Usual {
		lines = append(lines, fmt.Sprintf("    usual measures on %s from %s: %s", u.Sort.Noun(), Many(int(u.Strikes), "strike"), Measures(u.Measures)))
	}
	return lines
}

// Measures names usual measures.
func Measures(all []cases.Measure) string {
	words := make([]string, len(all))
	for i, m := range all {
		words[i] = string(m.Kind)
		if m.Value != "" {
			words[i] += " " + m.Value
		}
		if m.Days > 0 {
			words[i] += " for " + Many(int(m.Days), "day")
		}
		if m.Owner {
			words[i] += " on the owner's account"
		}
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}

// buries lists the reasons that are judged as less severe than until now, however that comes
// about: reports for them wait longer.
func buries(old, fresh *cases.RuleSet) []string {
	var lines []string
	for _, r := range cases.Reasons() {
		was, is := old.Judged(r).Severity, fresh.Judged(r).Severity
		if is.Rank() < was.Rank() {
			lines = append(lines, fmt.Sprintf("  BURIES reports for %s: its severity falls from %s to %s", r, was, is))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Platforms)) {
		for _, own := range slices.Sorted(maps.Keys(old.Platforms[name])) {
			was := old.Platforms[name][own]
			is, ok := fresh.ReasonOf(name, own)
			if !ok {
				lines = append(lines, fmt.Sprintf("  BURIES reports of %s for %q: the set does not know this reason any more, so that they are refused; until now they are reports for %s", name, own, was))
			} else if from, to := old.Judged(was).Severity, fresh.Judged(is).Severity; is != was && to.Rank() < from.Rank() {
				lines = append(lines, fmt.Sprintf("  BURIES reports of %s for %q: they become reports for %s, of severity %s; until now for %s, of severity %s", name, own, is, to, was, from))
			}
		}
	}
	return lines
}

// ruleChanges says what changes of a rule that keeps its number.
func ruleChanges(was, is *cases.Rule) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  rule %d, %s: ", is.Number, is.Title.In("en"))+fmt.Sprintf(format, args...))
	}
	if was.TextDigest() != is.TextDigest() {
		add("its title, text or severity changes UNDER THE SAME NUMBER, and the desk refuses that")
	}
	for _, sort := range []platform.Sort{platform.Account, platform.Content} {
		for _, strikes := range steps(was, is, sort) {
			before, after := was.UsualFor(sort, strikes), is.UsualFor(sort, strikes)
			if !slices.Equal(before, after) {
				less := ""
				if cases.Less(after, before) {
					less = " LESS:"
				}
				add("the usual measures on %s from %s are%s %s; until now %s", sort.Noun(), Many(int(strikes), "strike"), less, Measures(after), Measures(before))
			}
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(merged(was.Reason, is.Reason))) {
		switch before, after := was.Reason[tag], is.Reason[tag]; {
		case before == after:
		case after == "":
			add("the reason text in %s is left out", tag)
		default:
			add("the person concerned reads in %s: %s", tag, after)
		}
	}
	if was.Category != is.Category || !slices.Equal(was.Keywords, is.Keywords) {
		add("its category is %s (%s); until now %s (%s)", is.Category, orNone(Joined(is.Keywords)), was.Category, orNone(Joined(was.Keywords)))
	}
	if !slices.Equal(was.Evidence, is.Evidence) {
		add("the evidence that is kept is %s; until now %s", Joined(is.Evidence), Joined(was.Evidence))
	}
	if !slices.Equal(was.For, is.For) {
		add("its examples of what breaks it change")
	}
	if !slices.Equal(was.Against, is.Against) {
		add("its examples of what does not break it change")
	}
	return lines
}

func orNone(s string) string { return cmp.Or(s, "none") }

// steps are the numbers of strikes at which either rule has a usual answer.
func steps(a, b *cases.Rule, sort platform.Sort) []int64 {
	var all []int64
	for _, u := range slices.Concat(a.Usual, b.Usual) {
		if u.Sort == sort {
			all = append(all, u.Strikes)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func merged[M ~map[K]V, K comparable, V any](a, b M) M {
	both := maps.Clone(a)
	if both == nil {
		both = M{}
	}
	maps.Copy(both, b)
	return both
}

// reasonChanges lists the other changes of how reasons are judged and mapped.
func reasonChanges(old, fresh *cases.RuleSet) []string {
	var lines []string
	for _, r := range cases.Reasons() {
		was, is := old.Judged(r), fresh.Judged(r)
		if is.Severity.Rank() > was.Severity.Rank() {
			lines = append(lines, fmt.Sprintf("  the severity of reports for %s rises from %s to %s", r, was.Severity, is.Severity))
		}
		if was.Category != is.Category || !slices.Equal(was.Keywords, is.Keywords) {
			lines = append(lines, fmt.Sprintf("  reports for %s are of the category %s (%s); until now %s (%s)", r, is.Category, orNone(Joined(is.Keywords)), was.Category, orNone(Joined(was.Keywords))))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(merged(old.Platforms, fresh.Platforms))) {
		for _, own := range slices.Sorted(maps.Keys(merged(old.Platforms[name], fresh.Platforms[name]))) {
			was, before := old.Platforms[name][own]
			is, after := fresh.Platforms[name][own]
			switch {
			case was == is:
			case !before:
				lines = append(lines, fmt.Sprintf("  %q at %s means %s; until now the set did not say", own, name, is))
			case !after:
				lines = append(lines, fmt.Sprintf("  what %q at %s means is left out; until now %s", own, name, was))
			default:
				lines = append(lines, fmt.Sprintf("  %q at %s means %s; until now %s", own, name, is, was))
			}
		}
	}
	return lines
}

func referralChanges(old, fresh *cases.RuleSet) []string {
	var lines []string
	for _, r := range fresh.Referrals {
		switch was, ok := old.Referral(r.ID); {
		case !ok:
			lines = append(lines, fmt.Sprintf("  cases may be referred to %s (%s), about %s", r.Name, r.To, r.About))
		case was != r:
			lines = append(lines, fmt.Sprintf("  the referral %s goes to %s (%s), about %s; until now to %s (%s), about %s", r.ID, r.Name, r.To, r.About, was.Name, was.To, was.About))
		}
	}
	for _, r := range old.Referrals {
		if _, ok := fresh.Referral(r.ID); !ok {
			lines = append(lines, fmt.Sprintf("  cases may be referred no more to %s (%s)", r.Name, r.To))
		}
	}
	return lines
}

// QueuesBefore says queue by queue what a queue set changes; nil: none is in force.
func QueuesBefore(old, fresh *cases.QueueSet) []string {
	if old == nil {
		lines := []string{"No queue set is in force until now. This one has:"}
		for i := range fresh.Queues {
			lines = append(lines, fmt.Sprintf("  %d. %s", i+1, queueLine(&fresh.Queues[i])))
		}
		return lines
	}
	lines := []string{"What changes of the queues:"}
	var common, order []string // the queues that stay, in the old order and in the new one
	for i := range fresh.Queues {
		is := &fresh.Queues[i]
		was, _, ok := old.Queue(is.Name)
		if !ok {
			lines = append(lines, fmt.Sprintf("  new, at place %d: %s", i+1, queueLine(is)))
			continue
		}
		order = append(order, is.Name)
		lines = append(lines, queueChanges(was, is)...)
	}
	for _, q := range old.Queues {
		if _, _, ok := fresh.Queue(q.Name); ok {
			common = append(common, q.Name)
		} else {
			lines = append(lines, fmt.Sprintf("  no more: the queue %s; its cases go to the first other queue that takes them", q.Name))
		}
	}
	if !slices.Equal(common, order) {
		lines = append(lines, fmt.Sprintf("  the order is %s; until now %s, and a case waits in the first queue that takes it", Joined(order), Joined(common)))
	}
	return orNothingChanges(lines)
}

func queueLine(q *cases.Queue) string {
	return fmt.Sprintf("%s takes %s; first look within %s", q.Name, Where(q.Where), promises(q))
}

// Where says which cases a queue takes.
func Where(w cases.Where) string {
	var words []string
	add := func(what, values string) {
		if values != "" {
			words = append(words, what+" "+values)
		}
	}
	add("of the platforms", Joined(w.Platform))
	add("of the sorts", Joined(w.Sort))
	add("about", Joined(w.Subject))
	add("reported for", Joined(w.Reason))
	add("reported for reasons of the groups", Joined(w.Group))
	add("of severity", Joined(w.Severity))
	add("in", Joined(w.Language))
	add("from", Joined(w.Source))
	add("of the tiers", Joined(w.Tier))
	add("with a reach", between(w.Reach, ""))
	add("with an age", between(w.Age, " h"))
	add("by a number", between(w.Reporters, " reporters"))
	add("with a record of the reporters", between(w.Likely, " %"))
	add("with a score", between(w.Score, " %"))
	if len(words) == 0 {
		return "every case"
	}
	return "cases " + strings.Join(words, ", ")
}

// between writes a range: "of 5 to 10 reporters", "of at least 5", "of at most 10".
func between(r *cases.Range, unit string) string {
	switch {
	case r == nil:
		return ""
	case r.Most == nil:
		return fmt.Sprintf("of at least %d%s", *r.Least, unit)
	case r.Least == nil:
		return fmt.Sprintf("of at most %d%s", *r.Most, unit)
	}
	return fmt.Sprintf("of %d to %d%s", *r.Least, *r.Most, unit)
}

// Weights says by what a queue orders its cases within their promise.
func Weights(w *cases.Weights) string {
	if w == nil || w.Likely == 0 && w.Reach == 0 {
		return "by the end of their promise"
	}
	var by []string
	if w.Likely > 0 {
		by = append(by, fmt.Sprintf("up to %d %% sooner by how likely they violate", w.Likely))
	}
	if w.Reach > 0 {
		half := w.HalfLife
		if half == 0 {
			half = cases.UsualHalfLife
		}
		by = append(by, fmt.Sprintf("up to %d %% sooner by reach, of which half counts every %s", w.Reach, exactly(half*3600)))
	}
	return strings.Join(by, ", ")
}

// promises says within how long somebody looks at a case first.
func promises(q *cases.Queue) string {
	var words []string
	for i := len(cases.Severities) - 1; i >= 0; i-- {
		s := cases.Severities[i]
		words = append(words, fmt.Sprintf("%s (%s)", minutes(q.Promise[s]), s))
	}
	return strings.Join(words, ", ")
}

func minutes(n int64) string { return exactly(n * 60) }

func queueChanges(was, is *cases.Queue) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  the queue %s: ", is.Name)+fmt.Sprintf(format, args...))
	}
	if now, before := Where(is.Where), Where(was.Where); now != before {
		add("it takes %s; until now %s", now, before)
	}
	for _, s := range cases.Severities {
		switch now, before := is.Promise[s], was.Promise[s]; {
		case now > before:
			add("cases of severity %s may wait LONGER: %s; until now %s", s, minutes(now), minutes(before))
		case now < before:
			add("cases of severity %s may wait %s; until now %s", s, minutes(now), minutes(before))
		}
	}
	if now, before := is.Hours.Words(), was.Hours.Words(); now != before {
		add("it is open %s; until now %s", now, before)
	}
	if now, before := Weights(is.Order), Weights(was.Order); now != before {
		add("its cases are due %s; until now %s", now, before)
	}
	if now, before := is.Lease(), was.Lease(); now != before {
		add("a claim runs for %s; until now %s", exactly(int64(now.Seconds())), exactly(int64(before.Seconds())))
	}
	if now, before := digits(is), digits(was); now != before {
		add("its keys choose the rules %s; until now %s", now, before)
	}
	if now, before := is.Title.In("en"), was.Title.In("en"); now != before {
		add("its title is %s; until now %s", now, before)
	}
	return lines
}

func digits(q *cases.Queue) string {
	var words []string
	for _, d := range slices.Sorted(maps.Keys(q.Digits)) {
		words = append(words, fmt.Sprintf("%s: %d", d, q.Digits[d]))
	}
	return orNone(strings.Join(words, ", "))
}

// HashesBefore says how many digests a list has more and less than the one in force; nil:
// none.
func HashesBefore(old, fresh *cases.HashList) []string {
	count := func(in, notIn *cases.HashList) (n int) {
		if in == nil {
			return 0
		}
		for _, d := range in.Digests() {
			if notIn == nil || !notIn.Has(d) {
				n++
			}
		}
		return n
	}
	return []string{fmt.Sprintf("Against the list in force, %s more and %d fewer; then it has %d.", Many(count(fresh, old), "digest"), count(old, fresh), count(fresh, nil))}
}
