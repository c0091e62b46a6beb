package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

// How much of strangers' text one screen shows. With --json all of it is there.
const (
	shownRunes   = 600 // of one report's text
	shownLines   = 8
	shownPerWhy  = 3 // reports of one reason, newest first
	evidenceMost = 2000
	evidenceRows = 24
)

// describeCase writes what whoever judges a case has to see. why says why it is due then.
func describeCase(p *Page, c v1.Case, why string, x cases.Shown, now time.Time) {
	p.Line("%s: %s, %s, %s severity, in the queue %s, due %s", c.ID, c.Sort, c.State, c.Severity, c.Queue, until(c.Due, now))
	p.Facts(
		[2]string{"due then, since", why},
		[2]string{"subject", subjectLine(x)},
		[2]string{"language", c.Language},
		[2]string{"reported", reportedLine(c)},
		[2]string{"held by", c.Holder},
		[2]string{"comes back to", strings.TrimSuffix(c.Turn+": "+c.TurnWhy, ": ")},
		[2]string{"waits for", waitsFor(c, now)},
		[2]string{"question", c.Question},
		[2]string{"its pictures", mediaLine(c, now)},
		[2]string{"merged into", c.Into},
	)
	describeSeen(p, x, now)
	describeEvidence(p, x, now)
	describeReports(p, x, now)
	for _, rule := range slices.Sorted(maps.Keys(x.Strikes)) {
		p.Line("Strikes under rule %s: %d", rule, x.Strikes[rule])
	}
	for _, d := range x.Decisions {
		rule := ""
		if d.Rule != 0 {
			rule = " of rule " + strconv.FormatInt(d.Rule, 10)
		}
		if d.TakenBack {
			rule += ", taken back"
		}
		p.Line("Decided before: %s%s, %s (%s)", caseVerdict(actions.CaseVerdict(d.Verdict)), rule, wording.When(d.Time), d.Case)
	}
}

// mediaLine says until when a specialist says what becomes of the pictures of a case; empty:
// nothing is to be said.
func mediaLine(c v1.Case, now time.Time) string {
	if c.Media.IsZero() {
		return ""
	}
	return "not copied since it is reported for child safety, what was kept before aside; a specialist says copy or hash: " + left(c.Media, now)
}

// left says how much time is left; empty: no time is set.
func left(due canonical.Time, now time.Time) string {
	switch d := due.Sub(now); {
	case due.IsZero():
		return ""
	case d < 0:
		return wording.Span(-d) + " late"
	default:
		return wording.Span(d) + " left"
	}
}

func subjectLine(x cases.Shown) string {
	line := wording.Subject(x.Subject)
	if x.Of != "" {
		line += ", " + x.Of.Noun()
	}
	if x.Of == platform.Content && x.Owner != "" {
		line += " of " + platform.Subject{Platform: x.Subject.Platform, ID: x.Owner}.String()
	}
	return line
}

func reportedLine(c v1.Case) string {
	who := wording.Many(int(c.Reporters), "person")
	if c.Reporters != 1 {
		who = strconv.FormatInt(c.Reporters, 10) + " people"
	}
	return fmt.Sprintf("%s by %s, for %s", wording.Many(int(c.Reports), "time"), who, reasonNames(c.Reasons))
}

func describeSeen(p *Page, x cases.Shown, now time.Time) {
	if x.Seen == nil {
		p.Line("State: not read yet.")
		return
	}
	p.Line("State as it was %s:", until(x.Seen.At, now))
	pairs := [][2]string{}
	for _, layer := range slices.Sorted(maps.Keys(x.Seen.Layers)) {
		pairs = append(pairs, [2]string{layer, x.Seen.Layers[layer]})
	}
	pairs = append(pairs, [2]string{"tier", x.Seen.Tier}, [2]string{"since", strings.Join(x.Seen.Why, "; ")})
	for _, f := range slices.Sorted(maps.Keys(x.Seen.Facts)) {
		pairs = append(pairs, [2]string{f, wording.ShownFact(f, x.Seen.Facts[f])})
	}
	p.Facts(pairs...)
}

func describeEvidence(p *Page, x cases.Shown, now time.Time) {
	for _, e := range x.Evidence {
		p.Line("Evidence that the desk read, %s, %s:", e.State, until(e.At, now))
		if e.Pictures > 0 {
			p.Line("  with %s, which a terminal does not show", wording.Many(int(e.Pictures), "picture"))
		}
		excerpt(p, e.Text, evidenceMost, evidenceRows)
	}
	told := map[string]bool{}
	for _, r := range x.Reports {
		if r.Told.Text != "" && !told[r.Told.Text] && len(told) < shownPerWhy {
			told[r.Told.Text] = true
			p.Line("What a reporter's side says that it was, %s:", until(r.At, now))
			excerpt(p, r.Told.Text, shownRunes, shownLines)
		}
	}
}

// describeReports writes the reports by their reasons, in the reporters' words.
func describeReports(p *Page, x cases.Shown, now time.Time) {
	counts := map[cases.Reason][]string{}
	totals := map[cases.Reason]int64{}
	for _, n := range x.Counts {
		from := n.Source
		if n.Anonymous {
			from += " without an account"
		}
		if n.Withdrawn {
			from += " (taken back)"
		}
		counts[n.Reason] = append(counts[n.Reason], fmt.Sprintf("%d %s", n.Count, from))
		totals[n.Reason] += n.Count
	}
	reasons := slices.Collect(maps.Keys(counts))
	slices.SortFunc(reasons, func(a, b cases.Reason) int {
		if totals[a] != totals[b] {
			return int(totals[b] - totals[a])
		}
		return strings.Compare(string(a), string(b))
	})
	for _, why := range reasons {
		p.Line("%s: %s", why, strings.Join(counts[why], ", "))
		shown := 0
		for _, r := range x.Reports {
			if r.Reason != why || shown == shownPerWhy || r.Text == "" && len(r.Scores) == 0 {
				continue
			}
			shown++
			about := until(r.At, now)
			if r.Language != "" {
				about += ", " + r.Language
			}
			if r.Own != "" && r.Own != string(r.Reason) {
				about += ", as " + short(r.Own, 40)
			}
			if !r.Withdrawn.IsZero() {
				about += ", taken back"
			}
			for _, s := range r.Scores {
				about += fmt.Sprintf(", %s %.2f", short(s.Name, 40), float64(s.Value)/1e6)
			}
			p.Line("  %s:", about)
			excerpt(p, r.Text, shownRunes, shownLines)
		}
	}
}

// excerpt writes the beginning of a text from outside, line by line, each shown by itself.
func excerpt(p *Page, text string, runes, lines int) {
	if text == "" {
		return
	}
	cut := false
	if r := []rune(text); len(r) > runes {
		text, cut = string(r[:runes]), true
	}
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(all) > lines {
		all, cut = all[:lines], true
	}
	for _, line := range all {
		p.Line("    %s", line)
	}
	if cut {
		p.Line("    … there is more: --json has all of it")
	}
}
