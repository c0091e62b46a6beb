package casework

import (
	"strconv"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/store"
)

// document puts together what a claim of a case shows.
func (d *Room) document(stx *store.Tx, _ *cases.RuleSet, c cases.Case) (cases.Shown, error) {
	out := cases.Shown{V: cases.ShownVersion, Case: c.ID, Version: c.Version, Claim: c.Claim, Subject: c.Subject, Of: c.Of, Owner: c.Owner, Language: c.Language, Severity: c.Severity,
		Queue: c.Queue, Opened: c.Opened, Question: c.Question, Reporters: c.Reporters, Counts: []cases.ShownCount{}, Reports: []cases.ShownReport{},
		Evidence: []cases.ShownEvidence{}, Decisions: []cases.ShownDecision{}, Strikes: map[string]int64{}}
	if c.Look != "" {
		return d.shownOfCopy(stx, c, out)
	}
	counts, err := stx.ReasonCounts(c.ID)
	if err != nil {
		return out, err
	}
	for _, n := range counts {
		out.Counts = append(out.Counts, cases.ShownCount{Anonymous: n.Anonymous, Count: n.Count, Reason: n.Reason, Source: n.Source, Withdrawn: n.Withdrawn})
	}
	rows, err := stx.NewestReports(c.ID, cases.MaxShownReports)
	if err != nil {
		return out, err
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	all, err := stx.ReportsTold(ids, cases.FieldReport)
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		shown := cases.ShownReport{ID: r.ID, At: r.Reported, Language: r.Language, Own: r.OwnReason, Reason: r.Reason, Source: r.Source, Scores: []cases.Score{}, Withdrawn: r.Withdrawn}
		if value, ok := all[r.ID]; ok {
			var told cases.Report
			if err := canonical.Unmarshal(value, &told); err != nil {
				return out, err
			}
			shown.Text, shown.Told = told.Text, told.Evidence
			if told.Scores != nil {
				shown.Scores = told.Scores
			}
		}
		out.Reports = append(out.Reports, shown)
	}
	if c.Owner != "" {
		strikes, err := stx.Strikes(c.Subject.Platform, c.Owner, stx.Now())
		if err != nil {
			return out, err
		}
		for rule, n := range strikes {
			out.Strikes[strconv.FormatInt(rule, 10)] = n
		}
	}
	if out.Evidence, err = shownEvidence(stx, c.ID); err != nil {
		return out, err
	}
	earlier, err := stx.DecisionsOn(c.Subject.Platform, c.Subject.ID, 10)
	if err != nil {
		return out, err
	}
	for _, e := range earlier {
		out.Decisions = append(out.Decisions, cases.ShownDecision{Case: e.Case, ID: e.ID, Rule: e.Rule, Verdict: e.Verdict, Time: e.Time, TakenBack: !e.TakenBack.IsZero()})
	}
	out.Seen, err = stx.SeenState(c.ID)
	return out, err
}
