package cli

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/wording"
)

// waitsFor says for what a case waits that is not in its queue; empty: it is, or somebody holds
// it.
func waitsFor(c v1.Case, now time.Time) string {
	switch c.State {
	case cases.Snoozed:
		return "its time, " + until(c.Until, now)
	case cases.Asked:
		return askedWhom(c.Asked) + ", until " + until(c.Until, now)
	case cases.Escalated:
		return "a lead"
	case cases.Held:
		return "countersignatures of its measures"
	case cases.Decided:
		return "its measures to take effect"
	case cases.Waiting:
		if c.Turn != "" {
			return c.Turn + " first, until " + until(c.Until, now)
		}
	}
	return ""
}

// askedWhom says who is asked.
func askedWhom(whom string) string {
	if tag, ok := strings.CutPrefix(whom, string(cases.AskLanguage)+" "); ok {
		return "somebody who reads " + tag
	}
	if whom == string(cases.AskSpecialist) {
		return "a specialist"
	}
	return "an answer"
}

// moveWords says what a move of a case's history was, in the word of the table of moves in
// doc/operating.md, which is that of the JSON as well, with what belongs to it.
func moveWords(m v1.CaseMove) string {
	var d struct {
		Into     string              `json:"into"`
		From     string              `json:"from"`
		To       string              `json:"to"`
		Reason   string              `json:"reason"`
		State    string              `json:"state"`
		Whom     string              `json:"whom"`
		Until    canonical.Time      `json:"until"`
		Language string              `json:"language"`
		Verdict  actions.CaseVerdict `json:"verdict"`
		List     string              `json:"list"`
		Why      string              `json:"why"`
		Referral string              `json:"referral"`
	}
	_ = json.Unmarshal(m.Detail, &d) // what cannot be read is left out
	about := ""
	switch m.Move {
	case "reported":
		about = "for " + d.Reason
	case "evidence":
		about = d.State
	case "snoozed":
		about = "until " + wording.When(d.Until)
	case "asked":
		about = askedWhom(d.Whom)
	case "language":
		about = d.Language
	case "moved", "placed":
		about = "to the queue " + d.To
	case "merged":
		about = "into " + d.Into
	case "joined", "split-off":
		about = "from " + d.From
	case "split":
		about = "to " + d.Into
	case "decided", "proposed":
		about = caseVerdict(d.Verdict)
	case "matched":
		about = "the list " + d.List
	case "your-turn":
		about = d.Why
	case "referred":
		about = "to " + d.Referral
	}
	word := strings.ReplaceAll(m.Move, "-", " ")
	if about == "" || strings.HasSuffix(about, " ") {
		return word
	}
	return word + ": " + about
}

// takenBackWords says how a measure of a decision stands; back says that the decision was taken
// back.
func takenBackWords(status actions.Status, back bool) string {
	if !back {
		return status.Word()
	}
	switch status {
	case actions.StatusReversed, actions.StatusLifted:
		return "undone"
	case actions.StatusExecuted, actions.StatusUnknown, actions.StatusApproved:
		return status.Word() + ", and being undone"
	}
	return status.Word()
}
