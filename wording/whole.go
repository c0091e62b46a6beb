package wording

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// This file shows what one line cannot show of a change: the files of a policy set, a text, the rows
// of an import. Whoever signs reads the same lines in the terminal and in the pages.

// PolicyBefore is the difference between the set in force and another one, file by file. changed is
// the number of files that differ.
func PolicyBefore(digest canonical.Digest, old, fresh map[string]string) (lines []string, changed int) {
	lines = []string{fmt.Sprintf("What the set changes, against the one in force (%s):", digest)}
	both := maps.Clone(old)
	if both == nil {
		both = map[string]string{}
	}
	maps.Copy(both, fresh)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		was, had := old[name]
		is, has := fresh[name]
		if had && has && was == is {
			continue
		}
		changed++
		switch {
		case !had:
			lines = append(lines, fmt.Sprintf("  %s is new:", name))
		case !has:
			lines = append(lines, fmt.Sprintf("  %s is left out; it was:", name))
		}
		lines = append(lines, difference("in force/"+name, was, "proposed/"+name, is)...)
	}
	return lines, changed
}

// TextAgainst is the difference between a text in force and another one.
func TextAgainst(old, fresh string) []string {
	return append([]string{"The text itself, against the one in force:"}, difference("in force", old, "proposed", fresh)...)
}

func difference(oldName, old, freshName, fresh string) (lines []string) {
	for line := range strings.Lines(string(diff.Diff(oldName, []byte(old), freshName, []byte(fresh)))) {
		lines = append(lines, "    "+strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
	}
	return lines
}

// TextChanges says in words what a text of a part changes. An older text that cannot be read any
// more is said to be so: whoever signs still sees the difference of the texts.
func TextChanges(part, old, fresh string) ([]string, error) {
	switch part {
	case actions.PartRules:
		is, err := cases.ParseRules(fresh)
		if err != nil {
			return nil, err
		}
		return against(old, cases.ParseRules, func(was *cases.RuleSet) []string { return RulesBefore(was, is) }), nil
	case actions.PartQueues:
		is, err := cases.ParseQueues(fresh, nil)
		if err != nil {
			return nil, err
		}
		parse := func(text string) (*cases.QueueSet, error) { return cases.ParseQueues(text, nil) }
		return against(old, parse, func(was *cases.QueueSet) []string { return QueuesBefore(was, is) }), nil
	}
	is, err := cases.ParseHashes(fresh)
	if err != nil {
		return nil, err
	}
	return against(old, cases.ParseHashes, func(was *cases.HashList) []string { return HashesBefore(was, is) }), nil
}

func against[T any](old string, parse func(string) (*T, error), say func(*T) []string) []string {
	if old == "" {
		return say(nil)
	}
	was, err := parse(old)
	if err != nil {
		return []string{fmt.Sprintf("The text in force cannot be read by this program, so that it is not compared in words: %s", fault.TextOf(err))}
	}
	return say(was)
}

// ImportRow is a row of an import, with the name that it seals; empty for those who may not read
// names.
type ImportRow struct {
	workforce.Record
	Name string
}

// Present is a worker as the desk has them.
type Present struct {
	workforce.Record
	Over bool // the engagement has ended
}

// ImportRows are the rows of an import in words: first those that change roles, then those who join,
// those who leave, and other changes. have returns a worker whom the desk has.
func ImportRows(rows []ImportRow, have func(workforce.WorkerID) (Present, bool)) []string {
	named := map[workforce.WorkerID]bool{}
	for _, r := range rows {
		named[r.Worker] = true
	}
	type told struct {
		rank int
		text string
	}
	var all []told
	for _, r := range rows {
		rec := r.Record
		who := string(rec.Worker)
		if r.Name != "" {
			who += " (" + r.Name + ")"
		}
		manager := "no manager"
		if rec.Manager != "" {
			manager = "under " + string(rec.Manager)
			if _, ok := have(rec.Manager); !ok && !named[rec.Manager] {
				manager += ", who is not at the desk"
			}
		}
		w, known := have(rec.Worker)
		switch {
		case !known || w.Over:
			again := ""
			if known {
				again = " again"
			}
			all = append(all, told{1, fmt.Sprintf("joins%s  %s: %s", again, who, strings.Join(append(Joiner(rec), manager, recordTexts(rec)), ", "))})
		default:
			what := RecordChanges(w.Record, rec)
			rank, verb := 3, "change"
			if !slices.Equal(w.Roles, rec.Roles) {
				rank = 0
			} else if !rec.Last.IsZero() && (w.Last.IsZero() || rec.Last.Before(w.Last.Time)) {
				rank, verb = 2, "leaves"
			}
			all = append(all, told{rank, fmt.Sprintf("%s  %s: %s", verb, who, strings.Join(what, ", "))})
		}
	}
	slices.SortStableFunc(all, func(a, b told) int { return cmp.Compare(a.rank, b.rank) })
	lines := []string{"Its rows, which are those that are signed:"}
	for _, t := range all {
		lines = append(lines, "  "+t.text)
	}
	return lines
}

// Firm names a company, or says that somebody is an employee.
func Firm(v workforce.VendorID) string {
	if v == "" {
		return "employee"
	}
	return "vendor " + string(v)
}

// Roles lists roles.
func Roles(roles []workforce.Role) string {
	all := make([]string, len(roles))
	for i, r := range roles {
		all[i] = string(r)
	}
	return strings.Join(all, ", ")
}

// Joiner says who somebody is who joins.
func Joiner(r workforce.Record) []string {
	what := []string{Firm(r.Vendor), Roles(r.Roles), "from " + When(r.Start)}
	if !r.Last.IsZero() {
		what = append(what, "until "+When(r.Last))
	}
	return what
}

// RecordChanges lists in words the differences between two records of one worker.
func RecordChanges(old, fresh workforce.Record) []string {
	var out []string
	text := func(name, a, b string) {
		if a != b {
			out = append(out, fmt.Sprintf("%s %s → %s", name, orNone(a), orNone(b)))
		}
	}
	text("vendor", string(old.Vendor), string(fresh.Vendor))
	text("roles", Roles(old.Roles), Roles(fresh.Roles))
	text("team", old.Team, fresh.Team)
	text("manager", string(old.Manager), string(fresh.Manager))
	text("site", old.Site, fresh.Site)
	text("zone", old.Zone, fresh.Zone)
	for _, t := range []struct {
		name string
		a, b canonical.Time
	}{{"start", old.Start, fresh.Start}, {"last", old.Last, fresh.Last}, {"notice", old.Notice, fresh.Notice}} {
		if !t.a.Equal(t.b.Time) {
			out = append(out, fmt.Sprintf("%s %s → %s", t.name, orNone(When(t.a)), orNone(When(t.b))))
		}
	}
	return out
}

// recordTexts returns the remaining fields of a record in words.
func recordTexts(r workforce.Record) string {
	s := "team " + orNone(r.Team) + ", site " + orNone(r.Site) + ", zone " + orNone(r.Zone)
	if !r.Notice.IsZero() {
		s += ", notice given " + When(r.Notice)
	}
	return s
}
