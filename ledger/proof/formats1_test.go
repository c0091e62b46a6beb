package proof_test

import "testing"

// The ledgers in testdata/formats1 were written by the program of the last commit that
// knew only the formats of version 1. Nobody writes them again: what was signed in version
// 1 has to verify for ever, byte for byte.
//
//   - desk: a desk of package desktest on SQLite with a real plaza and a real executor. It
//     was founded under the laws 2 and adopted the laws 3. People worked at it for some
//     days. They did what the tests of package desk do: requests of each kind, verdicts, a
//     withdrawal, an emergency act and its review, an incident with its deeds, tokens, acts
//     and changes that waited, refusals, a breach around the desk that the executor restored.
//   - acts: the people of package prooftest, a real executor and the platform in memory of
//     package executortest. The chain holds every change of the desk, the warrants are of
//     each kind and tier, and the executor did and saw all that the tests of package executor
//     know. Some people sign with passkeys of both algorithms.
//   - cut: the same on a real plaza, where the executor cuts off a credential.
var formats1 = goldenSet{
	dir:     "testdata/formats1",
	ledgers: []string{"acts", "cut", "desk"},
	desks:   []string{"desk"},
	holds:   inFormats1,
	lacks:   []map[string]string{unwritten, afterFormats1, afterFormats2},
}

// inFormats1 lists what the ledgers of formats1 hold together.
var inFormats1 = map[string]string{
	"kind": `account.contain account.deactivate account.delete account.restore account.suspend account.takedown content.remove content.restore
		desk.admit desk.change desk.engagement desk.freeze desk.key desk.review`,
	"part":    "budgets freezes keys laws locks modes orders platforms policy reviews tiers trust vendors workforce",
	"scope":   "all platform vendor worker",
	"review":  "emergency incident",
	"deed":    "incident.findings incident.open incident.task incident.task.done",
	"verdict": "act countersign decline freeze request reverse withdraw",
	"tier":    "critical protected standard",
	"verb": `account.contain/takedown account.deactivate/deactivate account.delete/delete account.restore/reactivate account.restore/restore account.suspend/takedown
		account.takedown/takedown content.remove/takedown content.restore/restore`,
	"category":  "child-safety legal",
	"direction": "burdening relieving",
	"effect":    "lossy one-way reversible",
	"algorithm": "ed25519 webauthn-eddsa webauthn-es256",
	"duty":      "act cut lift restore watch",
	"outcome":   "dropped executed failed refused unknown",
	"record": `intent/act/ intent/cut/ intent/lift/ intent/restore/ receipt/act/executed receipt/act/unknown receipt/cut/executed receipt/lift/executed receipt/restore/executed
		refusal/act/dropped refusal/act/failed refusal/act/refused refusal/cut/refused refusal/lift/failed taken/watch/`,
	"governance": "desk.admit desk.change desk.engagement desk.freeze desk.key desk.review founding row taken",
	"execution":  "baseline blind breach foreign intent lock observed over receipt refusal sighted taken tiers told",
	"desk":       "alarm countersign decline expire export exposure-check exposure-read incident incident-findings incident-read incident-task incident-task-done refused request taken-refused token token-revoked void warrant withdraw",
	"operation": `end enrol/ed25519 enrol/webauthn-eddsa enrol/webauthn-es256 extend freeze/all freeze/platform freeze/vendor freeze/worker import/founding import/later
		place reinstate revoke revoke-key thaw/all thaw/platform thaw/vendor thaw/worker`,
	"raise":      "confirm fall lower raise",
	"particular": "alarm category confirms facts lift never timed undo unranked waited waited-change",
	"warrant": `account.contain/critical account.contain/standard account.deactivate/critical account.deactivate/protected account.deactivate/standard account.delete/protected
		account.delete/standard account.restore/critical account.restore/protected account.restore/standard account.suspend/critical account.suspend/protected account.suspend/standard
		account.takedown/critical account.takedown/protected account.takedown/standard content.remove/critical content.remove/protected content.remove/standard
		content.restore/critical content.restore/protected content.restore/standard`,
}

// unwritten lists what no ledger holds: disclosing acts, of which the catalogue has no kind
// yet, and verdicts on a case that ask for no measure.
var unwritten = map[string]string{
	"effect":       "disclosing",
	"case-verdict": "duplicate need-more no-violation not-for-us",
}

// afterFormats1 lists what came after the ledgers of formats1 were written, and stands in those
// of formats2.
var afterFormats1 = map[string]string{
	"deed":         "request.withdraw",
	"desk":         "session",
	"part":         "sessions formats",
	"scope":        "key",
	"verdict":      "decide",
	"session":      "ed25519 p256",
	"case-verdict": "violation",
}

// TestFormats1 verifies the ledgers of version 1.
func TestFormats1(t *testing.T) {
	t.Parallel()
	formats1.verify(t)
}
