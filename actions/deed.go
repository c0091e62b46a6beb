package actions

import (
	"fmt"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// DeedVersion is the only version of Deed.
const DeedVersion = "countersign/deed/v1"

// DeedKind says what a deed does.
type DeedKind string

// The kinds of deeds.
const (
	DeedOpenIncident DeedKind = "incident.open"      // of a request; its text is the title
	DeedAssignTask   DeedKind = "incident.task"      // of an incident, to the task's owner; its text is the task
	DeedFinishTask   DeedKind = "incident.task.done" // of a task, TaskOf; its text is the result
	DeedFindings     DeedKind = "incident.findings"  // of an incident; its text is the findings
	// DeedWithdraw takes back a request of one's own, in its version; its text is empty. It
	// is of version 2; in version 1 a statement about the request's action withdraws it. Its
	// statement has the verdict withdraw.
	DeedWithdraw DeedKind = "request.withdraw"

	// The deeds on cases: each is of a case, in its version, and its text is a cases.Order.
	DeedNote     DeedKind = "case.note"
	DeedSnooze   DeedKind = "case.snooze"
	DeedSkip     DeedKind = "case.skip"
	DeedAsk      DeedKind = "case.ask"
	DeedEscalate DeedKind = "case.escalate"
	DeedRefer    DeedKind = "case.refer"
	DeedMerge    DeedKind = "case.merge"
	DeedSplit    DeedKind = "case.split"
	DeedMove     DeedKind = "case.move"     // to another queue
	DeedLanguage DeedKind = "case.language" // corrects the language of the content
	// DeedReorder puts a queue ahead for a time. It is of the queue, its version is the number of the
	// newest order of it, and its text is a cases.Order.
	DeedReorder DeedKind = "queue.reorder"
	// DeedHandOver gives back what people have in hand, to their queues or to somebody else. It is of
	// the lead who signs, and its text is a cases.Order.
	DeedHandOver DeedKind = "case.hand-over"
	// DeedRemoveEvidence removes the bytes of a picture. It is of the picture's digest, and its
	// text is the reason.
	DeedRemoveEvidence DeedKind = "evidence.remove"
	// The deeds of a specialist on media whose copying a reason of child safety has stopped:
	// they are of the case, and their text is the reason.
	DeedCopyEvidence DeedKind = "evidence.copy"
	DeedHashEvidence DeedKind = "evidence.hash" // only the digests are taken
	// DeedAccounts declares one's own accounts on the platforms. It is of the worker who
	// signs; its text is OwnAccountsText.
	DeedAccounts DeedKind = "worker.accounts"
	// DeedChannel declares where the desk sends its messages to the worker who signs. It is of
	// that worker; its text is ChannelText.
	DeedChannel DeedKind = "worker.channel"
	// DeedTakeBack takes back a decision of one's own. It is of the decision.
	DeedTakeBack DeedKind = "decision.withdraw"
	// DeedSettle says whose verdict was wrong where two differ, and DeedDispute answers that. Both are
	// of the look.
	DeedSettle  DeedKind = "look.settle"
	DeedDispute DeedKind = "look.dispute"
	// DeedCalibrate has several people judge decided cases, and DeedCalibrated ends that with what they
	// found. The first is of the lead who makes the calibration, the second of the calibration.
	DeedCalibrate  DeedKind = "calibration.make"
	DeedCalibrated DeedKind = "calibration.close"
)

// deeds are the kinds that there are. A kind that is not here is nobody's deed.
var deeds = map[DeedKind]struct {
	sealed  string // name of the field that seals its text
	session bool   // a session's key may sign it: casework, section 6, lists it as one's own work
}{
	DeedOpenIncident:   {"title", false},
	DeedAssignTask:     {"text", true},
	DeedFinishTask:     {"result", true},
	DeedFindings:       {"findings", false},
	DeedWithdraw:       {"text", true},
	DeedNote:           {"order", true},
	DeedSnooze:         {"order", true},
	DeedSkip:           {"order", true},
	DeedAsk:            {"order", true},
	DeedEscalate:       {"order", true},
	DeedRefer:          {"order", true},
	DeedMerge:          {"order", true},
	DeedSplit:          {"order", true},
	DeedMove:           {"order", true},
	DeedLanguage:       {"order", true},
	DeedTakeBack:       {"order", true},
	DeedReorder:        {"order", false},
	DeedHandOver:       {"order", true},
	DeedSettle:         {"order", true},
	DeedDispute:        {"order", true},
	DeedCalibrate:      {"order", true},
	DeedCalibrated:     {"order", true},
	DeedAccounts:       {"accounts", false},
	DeedChannel:        {"channel", false},
	DeedRemoveEvidence: {"text", false},
	DeedCopyEvidence:   {"text", false},
	DeedHashEvidence:   {"text", false},
}

// Known reports whether there is such a kind.
func (k DeedKind) Known() bool { _, ok := deeds[k]; return ok }

// OfLooks reports whether a deed of the kind is about second looks or calibrations, and of no case.
func (k DeedKind) OfLooks() bool {
	return k == DeedSettle || k == DeedDispute || k == DeedCalibrate || k == DeedCalibrated
}

// OfCase reports whether a deed of the kind whose document casework keeps is of the case that the document
// names, and not of a queue, a person, a picture, a decision or a look.
func (k DeedKind) OfCase() bool {
	switch k {
	case DeedTakeBack, DeedRemoveEvidence, DeedReorder, DeedHandOver:
		return false
	}
	return !k.OfLooks()
}

// Session reports whether a session's key may sign deeds of a kind. The list is closed: a
// new kind takes the person's own key until somebody marks it.
func (k DeedKind) Session() bool { return deeds[k].session }

// Verdict is the verdict of the statement that signs a deed of a kind.
func (k DeedKind) Verdict() Verdict {
	if k == DeedWithdraw || k == DeedTakeBack {
		return VerdictWithdraw
	}
	return VerdictAct
}

// Deed is an entry that a person makes at the desk without an action: it changes nothing
// on a platform and no rule of the desk, and stands in the ledger under that person's
// name. A statement with the verdict act, or withdraw, signs its digest.
type Deed struct {
	Nonce canonical.Bytes `json:"nonce"` // 32 random bytes
	Of    string          `json:"of"`    // identifier of the incident, request or task that it is about
	// Text is the commitment of the sealed field that holds the deed's text in the ledger's
	// entry, under a salt of the signer's. So the signed deed can be compared with the entry
	// without the text, and the text can still be erased.
	Text    canonical.Digest   `json:"text"`
	To      workforce.WorkerID `json:"to,omitzero"` // the worker who gets the task
	V       string             `json:"v"`
	Version int64              `json:"version"` // version of the object in Of, as the signer saw it; 0 if it has none
	What    DeedKind           `json:"what"`
}

// Digest names the deed in its statement, in the place of an action's digest.
func (d Deed) Digest() canonical.Digest { return canonical.DigestOf(d) }

// SignedDeed is a deed with the statement that signs it.
type SignedDeed struct {
	Deed    Deed           `json:"deed"`
	Session *SignedSession `json:"session,omitzero"` // under which it is signed; of version 2
	Signed  Signed         `json:"signed"`
}

// SaltedDeed is a signed deed with the salt of its text, as it is handed in.
type SaltedDeed struct {
	Deed    Deed            `json:"deed"`
	Salt    canonical.Bytes `json:"salt"` // 32 random bytes
	Session *SignedSession  `json:"session,omitzero"`
	Signed  Signed          `json:"signed"`
}

// SignedDeed returns the part that stands in the ledger.
func (d SaltedDeed) SignedDeed() SignedDeed { return SignedDeed{d.Deed, d.Session, d.Signed} }

// SealedBy returns the name of the field that seals the text of deeds of a kind.
func (k DeedKind) SealedBy() string { return deeds[k].sealed }

// TaskOf names a task of an incident.
func TaskOf(incident string, number int64) string {
	return fmt.Sprintf("%s/tasks/%d", incident, number)
}

// Says reports whether two deeds agree in all but their nonce, their text and the version
// that the signer saw.
func (d Deed) Says(want Deed) bool { return d.What == want.What && d.Of == want.Of && d.To == want.To }

// MaxOwnAccounts is the largest number of accounts in one declaration.
const MaxOwnAccounts = 100

// OwnAccountsText is the text of a deed that declares accounts: their names, PLATFORM:ID,
// sorted, as canonical JSON. The empty list declares that there are none.
func OwnAccountsText(accounts []string) string {
	all := append([]string{}, accounts...)
	slices.Sort(all)
	return string(canonical.MustMarshal(slices.Compact(all)))
}

// ChannelText is the text of a deed that declares the address to which the desk sends messages,
// with the digest of the secret that signs them; both empty: to none, and the inbox is read.
func ChannelText(webhook, secret string) string {
	var digest canonical.Digest
	if secret != "" {
		digest = canonical.Sum([]byte(secret))
	}
	return string(canonical.MustMarshal(struct {
		Secret  canonical.Digest `json:"secret"`
		Webhook string           `json:"webhook"`
	}{digest, webhook}))
}
