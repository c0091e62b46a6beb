package proof_test

import "testing"

// The ledgers in testdata/formats2 were written by the program of the last commit that knew
// one layer of a subject alone: whether it is up or down. What is new since, such as the
// layers, the kinds that change them and the members that name them, is not in them.
//
//   - acts: a desk of package prooftest, founded under the laws 2, which adopted the laws 3 and
//     then the formats 2. It holds every change of the desk, and warrants of each kind with
//     each verb. Some people sign with passkeys of both algorithms, some under
//     sessions of both. Near its end the policy permits deletions, and what waits.
//   - desk: a desk of package desktest on SQLite with a real plaza and a real executor: tokens, a
//     day under a session, an act that was contested, undone and reviewed, a decline with an
//     alarm, a withdrawal, an expiry, reads of the exposure, an emergency act and its review;
//     then a breach, and changes that the executor took. incident/testdata/formats2 has the
//     bundles of its incidents.
//   - the others were written by tests of the packages desk and executor, and are named after
//     what the executor's records tell: cut (a credential), dropped, failed and refused (acts),
//     lift-failed, not-lifted (nothing was left to lift), over (breaches that ended, and the
//     owner's locks), restored-unknown (the end of a restoration is unknown), sightings
//     (everything that the watch sees), unknown (the end of a suspension is unknown).
//     switched is a desk that went from version 1 to version 2.
var formats2 = goldenSet{
	dir:     "testdata/formats2",
	ledgers: []string{"acts", "cut", "desk", "dropped", "failed", "lift-failed", "not-lifted", "over", "refused", "restored-unknown", "sightings", "switched", "unknown"},
	desks:   []string{"cut", "desk", "restored-unknown", "sightings", "switched"},
	holds:   inFormats2,
	lacks:   []map[string]string{unwritten, afterFormats2},
}

// inFormats2 lists what the ledgers of formats2 hold together.
var inFormats2 = map[string]string{
	"kind": `account.contain account.deactivate account.delete account.restore account.suspend account.takedown content.remove content.restore desk.admit
		desk.change desk.engagement desk.freeze desk.key desk.review`,
	"verb": `account.contain/takedown account.deactivate/deactivate account.delete/delete account.restore/reactivate account.restore/restore
		account.suspend/takedown account.takedown/takedown content.remove/takedown content.restore/restore`,
	"part":         "budgets formats freezes keys laws locks modes orders platforms policy reviews sessions tiers trust vendors workforce",
	"scope":        "all key platform vendor worker",
	"review":       "emergency incident",
	"deed":         "incident.findings incident.open incident.task incident.task.done request.withdraw",
	"verdict":      "act countersign decide decline freeze request reverse withdraw",
	"tier":         "critical protected standard",
	"category":     "child-safety legal",
	"direction":    "burdening relieving",
	"effect":       "lossy one-way reversible",
	"algorithm":    "ed25519 webauthn-eddsa webauthn-es256",
	"session":      "ed25519 p256",
	"case-verdict": "violation",
	"version": `countersign/action/v1 countersign/action/v2 countersign/decision/v1 countersign/deed/v1 countersign/entry/v1 countersign/execution/v1
		countersign/execution/v2 countersign/founding/v1 countersign/founding/v2 countersign/session/v1 countersign/statement/v1 countersign/statement/v2
		countersign/token/v1 countersign/warrant/v1 countersign/warrant/v2`,
	"duty":    "act cut lift restore watch",
	"outcome": "dropped executed failed refused unknown",
	"record": `baseline/watch/ blind/watch/ breach/watch/ foreign/watch/ intent/act/ intent/cut/ intent/lift/ intent/restore/ lock/watch/ observed/watch/ over/watch/
		receipt/act/executed receipt/act/failed receipt/act/unknown receipt/cut/executed receipt/lift/executed receipt/lift/failed receipt/restore/executed
		receipt/restore/failed receipt/restore/unknown refusal/act/dropped refusal/act/failed refusal/act/refused refusal/cut/refused refusal/lift/failed
		sighted/watch/ taken/watch/ tiers/watch/ told/watch/`,
	"governance": "desk.admit desk.change desk.engagement desk.freeze desk.key desk.review founding row taken",
	"execution":  "baseline blind breach foreign intent lock observed over receipt refusal sighted taken tiers told",
	"desk": `alarm countersign decline expire export exposure-check exposure-read incident incident-findings incident-read incident-task incident-task-done refused
		request session taken-refused token token-revoked void warrant withdraw`,
	"operation": `end enrol/ed25519 enrol/webauthn-eddsa enrol/webauthn-es256 extend freeze/all freeze/platform freeze/vendor freeze/worker import/founding import/later
		place reinstate revoke revoke-key thaw/all thaw/platform thaw/vendor thaw/worker void/all void/key void/vendor void/worker`,
	"raise":         "confirm fall lower raise",
	"particular":    "alarm category confirms facts lift never timed undo unranked waited waited-change",
	"under-session": "decide/ed25519 decide/p256 request/ed25519 request/p256 reverse/ed25519 reverse/p256",
	"warrant": `account.contain/critical account.contain/standard account.deactivate/critical account.deactivate/standard account.delete/protected
		account.delete/standard account.restore/critical account.restore/standard account.suspend/critical account.suspend/standard account.takedown/critical
		account.takedown/protected account.takedown/standard content.remove/critical content.remove/standard content.restore/critical content.restore/standard`,
}

// afterFormats2 lists what came after the ledgers of formats2 were written, by family. Whoever
// adds a kind, a verb, a part or a record adds its name here.
var afterFormats2 = map[string]string{
	"effect": "said",
	"part":   "hashes programs queues rules",
	"desk":   "case-joined case-read channel invitation invitation-answered invitation-withdrawn own-accounts program-token referral roll text",
	"deed": `case.ask case.escalate case.language case.merge case.move case.note case.refer case.skip case.snooze case.split decision.withdraw
		evidence.copy evidence.hash evidence.remove worker.accounts worker.channel
		queue.reorder case.hand-over look.settle look.dispute calibration.make calibration.close`,
	"kind": `account.limit account.unlimit account.label account.unlabel content.limit content.unlimit content.label content.unlabel account.warn`,
	"verb": `account.limit/limit account.unlimit/unlimit account.label/label account.unlabel/unlabel content.limit/limit content.unlimit/unlimit
		content.label/label content.unlabel/unlabel account.warn/warn`,
}

// TestFormats2 verifies the ledgers of version 2.
func TestFormats2(t *testing.T) {
	t.Parallel()
	formats2.verify(t)
}
