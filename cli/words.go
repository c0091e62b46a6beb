package cli

import (
	"slices"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
)

// recovering reports whether a ruling is that of a recovery.
func recovering(reasons []proof.Reason) bool {
	return slices.ContainsFunc(reasons, func(r proof.Reason) bool { return r.Policy == proof.RecoveryPolicy })
}

// inRecovery reports whether a request that is held waits for a recovery.
func inRecovery(r v1.Request) bool { return strings.HasPrefix(r.Missing, proof.RecoveryMissing) }

// describeAction writes all that is signed about an action.
func describeAction(p *Page, a actions.Action) {
	p.Line("%s", wording.Action(a))
	p.Facts(wording.Facts(a)...)
}

// says writes lines.
func says(p *Page, lines []string) {
	for _, l := range lines {
		p.Line("%s", l)
	}
}

// quoted writes a word so that a shell reads it as one.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@#,+", r)
	}
	if word != "" && word[0] != '#' && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
